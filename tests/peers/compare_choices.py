"""What each choice of a recipe is worth: the recipe as it is, and once more without each of its choices, on several sets of
images, several seeds each. One change at a time; all runs have the same epochs and images.

    python tests/peers/compare_choices.py best [--seeds 3 --only flips]
    python tests/peers/compare_choices.py finetune

What is measured is the best validation accuracy of a run. The sets are made where they are missing (make_pasted_set.py
names the packages that it needs), and so are the weights that finetune begins with: of a run on more emoji. PLACE
(build/choices) keeps them and each run as a line; a run that is there is not repeated.
"""

import argparse
import json
import pathlib
import re
import statistics
import sys
import tempfile

import golden_folder  # noqa: F401
from missing_packages import require
from programs import ROOT, run

WITHOUT_WARMUP = 'phase.warmup={ length = 1, start_factor = 0.99, per = "batch" }'
WITHOUT_HOLD = 'phase.hold={ length = 1, per = "batch" }'
# How the sets are made, but for their folder.
SETS = {
    "flags": ["make_pasted_set.py", "--kind", "flags"],
    "emoji": ["make_pasted_set.py", "--kind", "emoji"],
    "shapes": ["../../tools/make_image_folder.py", "--classes", 120, "--train", 25, "--val", 10, "--size", 32],
    "characters": ["make_pasted_set.py", "--kind", "characters", "--classes", 112, "--train", 40],
    "all_emoji": ["make_pasted_set.py", "--kind", "emoji", "--classes", 235, "--train", 40, "--val", 4, "--seed", 1],
}
# Which of them a recipe is tried on, for how many epochs.
TRIED = {"best": (["flags", "emoji", "shapes"], 20), "finetune": (["flags", "shapes", "characters"], 10)}
# Of the weights that finetune begins with.
SOURCE = ["--epochs", 20]
SIZE = 32
FROM_SCRATCH, HEAD_FIRST = "best, from scratch", "the head alone first"
FLIP = '{ op = "random_horizontal_flip" }'
# What takes a choice away, or puts another in its place; a recipe's name stands for that recipe.
CHOICES = {
    "best": {
        "as it is": [],
        "stage1-baseline instead": "stage1-baseline",
        "a cosine from the start": [WITHOUT_HOLD],
        "constant rate": ['phase.scheduler={ kind = "constant" }'],
        "with label smoothing": ["training.label_smoothing=0.1"],
        "lr 0.05": ["phase.lr=0.05"],
        "no flips": ["transforms.augment=[]"],
        "no averaged weights": ["training.ema_decay=0.0"],
        "no warm-up": [WITHOUT_WARMUP],
        "lr 0.01": ["phase.lr=0.01"],
        "no clipping": ["training.clip_norm=0.0"],
        "no Nesterov": ["phase.nesterov=false"],
        "decay of norms and biases too": ["phase.decay_norms_and_biases=true"],
        "with shifts": [f'transforms.augment=[{FLIP}, {{ op = "random_crop", size = 32, padding = 4 }}]'],
        "a straight fall": ['phase.scheduler={ kind = "polynomial", per = "batch" }'],
        "a hold of 55%": ['phase.hold={ share = 0.55, per = "batch" }'],
        "with TrivialAugment": [f'transforms.augment=[{FLIP}, {{ op = "trivial_augment_wide" }}]'],
        "lr 0.1": ["phase.lr=0.1"],
    },
    "finetune": {
        "as it is": [],
        "best from scratch instead": FROM_SCRATCH,
        "best from the weights instead": "best",
        "the head's rate as the others'": ["phase.head_lr=0.05"],
        "with label smoothing": ["training.label_smoothing=0.1"],
        "lr 0.02": ["phase.lr=0.02"],
        "lr 0.1": ["phase.lr=0.1"],
        "a cosine from the start": [WITHOUT_HOLD],
        "constant rate": ['phase.scheduler={ kind = "constant" }'],
        "the head alone first": HEAD_FIRST,
        "the head alone to the end": ["phase.freeze=features", "phase.freeze_norms=true"],
        "no averaged weights": ["training.ema_decay=0.0"],
        "no flips": ["transforms.augment=[]"],
        "no warm-up": [WITHOUT_WARMUP],
        "no clipping": ["training.clip_norm=0.0"],
    },
}


def with_head_first(recipe):
    """The recipe, whose only phase comes after a fifth of its epochs for the head alone."""
    epochs = int(re.search(r"^epochs = (\d+)", recipe, re.MULTILINE)[1])
    first = epochs // 5
    head = f"""[[phase]]
name = "head"
epochs = {first}
lr = 0.1
momentum = 0.9
nesterov = true
weight_decay = 5e-5
decay_norms_and_biases = false
freeze = "features"
freeze_norms = true

[[phase]]"""
    return recipe.replace("[[phase]]", head).replace(f"\nepochs = {epochs}\n", f"\nepochs = {epochs - first}\n")


def image_set(options, name):
    """The folder of a set, which is made where it is missing."""
    folder = options.place / name
    if not folder.exists():
        script, *arguments = SETS[name]
        options.place.mkdir(parents=True, exist_ok=True)
        run(sys.executable, ROOT / "tests/peers" / script, folder, *arguments)
    return folder


def shared_arguments(options):
    return ["--image-size", SIZE, "--set", f"transforms.resize={SIZE}", "--width-mult", options.width_mult, "--threads",
            options.threads, "--json"]


def source_weights(options):
    folder = options.place / "source"
    if not (folder / "best.safetensors").exists():
        run(options.train, ROOT / "tools/recipes/best.toml", "--data", image_set(options, "all_emoji"), "--out", folder,
            *shared_arguments(options), *SOURCE)
    return folder / "best.safetensors"


def best_accuracy(options, name, changes, seed):
    own = changes == HEAD_FIRST or not isinstance(changes, str)
    recipe_name = options.recipe if own else "best" if changes == FROM_SCRATCH else changes
    recipe = (ROOT / f"tools/recipes/{recipe_name}.toml").read_text()
    recipe = re.sub(r"^epochs = \d+", f"epochs = {options.epochs}", recipe, flags=re.MULTILINE)
    if changes == HEAD_FIRST:
        recipe = with_head_first(recipe)
    from_weights = options.recipe == "finetune" and changes != FROM_SCRATCH
    with tempfile.TemporaryDirectory() as place:
        file = pathlib.Path(place, f"{recipe_name}.toml")
        file.write_text(recipe)
        output = run(options.train, file, "--data", image_set(options, name), "--out", f"{place}/run", "--seed", seed,
                     *shared_arguments(options), *(["--init", source_weights(options)] if from_weights else []),
                     *(argument for change in changes if isinstance(changes, list) for argument in ("--set", change)))
    return json.loads(output.splitlines()[-1])["best_val_accuracy"]


def measured(options, name, choice, changes, seed):
    key = {"recipe": options.recipe, "choice": choice, "set": name, "seed": seed, "epochs": options.epochs,
           "width_mult": options.width_mult, "size": SIZE}
    results = options.place / f"{options.recipe}.jsonl"
    for line in map(json.loads, results.read_text().splitlines() if results.exists() else []):
        if {part: line.get(part) for part in key} == key:
            return line["accuracy"]
    if options.table_only:
        return None
    accuracy = best_accuracy(options, name, changes, seed)
    with results.open("a") as file:
        file.write(json.dumps(key | {"accuracy": accuracy}) + "\n")
    return accuracy


def table(options, accuracies):
    """A row for each choice: its accuracy on each set, and how far it is from the recipe as it is."""
    names = options.sets
    print("| " + options.recipe + " | " + " | ".join(names) + " | mean difference | ahead on |")
    print("|---" * (len(names) + 3) + "|")
    whole = accuracies["as it is"]
    for choice, by_set in accuracies.items():
        cells, apart = [], []
        for name in names:
            # Only seeds that both have.
            pairs = [(a, b) for a, b in zip(by_set[name], whole[name]) if a is not None and b is not None]
            if not pairs:
                cells.append("")
                continue
            difference = statistics.mean(100 * (a - b) for a, b in pairs)
            mean = statistics.mean(100 * a for a, _ in pairs)
            cells.append(f"{mean:.1f}" if choice == "as it is" else f"{mean:.1f} ({difference:+.1f})")
            apart.append(difference)
        end = "| | |"
        if apart and choice != "as it is":
            end = f"| {statistics.mean(apart):+.1f} | {sum(d > 0 for d in apart)} of {len(apart)} |"
        print(f"| {choice} | " + " | ".join(cells) + f" {end}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=CHOICES)
    parser.add_argument("--sets", nargs="+", choices=SETS, help="others than the recipe's")
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    parser.add_argument("--place", type=pathlib.Path, default=ROOT / "build/choices")
    parser.add_argument("--epochs", type=int, help="others than the recipe's")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--width-mult", type=float, default=0.35)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="choices whose name contains this, beside the recipe as it is")
    parser.add_argument("--table-only", action="store_true", help="of the runs that are there")
    options = parser.parse_args()
    require("PIL", "numpy")
    options.sets = options.sets or TRIED[options.recipe][0]
    options.epochs = options.epochs or TRIED[options.recipe][1]
    chosen = {choice: changes for choice, changes in CHOICES[options.recipe].items()
              if options.only in choice or choice == "as it is"}
    accuracies = {choice: {name: [] for name in options.sets} for choice in chosen}
    for seed in range(options.seeds):
        for choice, changes in chosen.items():
            for name in options.sets:
                accuracies[choice][name].append(measured(options, name, choice, changes, seed))
    table(options, accuracies)


if __name__ == "__main__":
    main()
