"""A folder as train leaves it, made up: curves, timing, mistakes and pictures of a run of many epochs and classes. It has
no file and no key that train does not write: real_runs.py compares them.

    python3 tests/browser/made_up_run.py FOLDER [--epochs 30] [--classes 200] [--seed 1] [--watched 100]
"""

import argparse
import base64
import functools
import json
import math
import pathlib
import random
import struct
import zlib

from made_up_watch import watched_lines

# Names that would break a page that took them for markup.
HOSTILE = ["<img src=x onerror=\"document.title='broken'\">", "</script><script>document.title='broken'</script>", "a & b \"c\" 'd'"]
WORDS = ["tabby", "Egyptian cat", "golden retriever", "tailed frog", "bullfrog", "school bus", "trolleybus", "teapot", "water jug",
         "brass", "plunger", "umbrella", "bucket", "syringe", "wooden spoon", "lakeside", "seashore", "cliff", "alp", "coral reef"]


STEPS = 781  # of an epoch


def png(width, height, pixel):
    """An RGB image of pixel(x, y) -> (r, g, b)."""
    rows = b"".join(b"\0" + bytes(value for x in range(width) for value in pixel(x, y)) for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def blob(seed, size=64):
    """A picture of something round before a sky."""
    draw = random.Random(seed)
    sky, thing = ([draw.randrange(40, 230) for _ in range(3)] for _ in range(2))
    cx, cy, radius = (draw.uniform(0.3, 0.7) * size for _ in range(3))
    radius *= 0.5

    def pixel(x, y):
        near = math.hypot(x - cx, (y - cy) * 1.3) < radius
        return [max(0, min(255, int(c * (0.75 + 0.35 * y / size)) + (x * 7 + y * 13) % 9)) for c in (thing if near else sky)]

    return pixel


@functools.cache
def wrong_image(i):
    return base64.b64encode(png(64, 64, blob(i))).decode()


@functools.cache
def preview():
    rows = [[blob(100 * row + column // 3) for column in range(8)] for row in range(4)]
    return png(8 * 68, 4 * 68, lambda x, y: (255, 255, 255) if x % 68 > 63 or y % 68 > 63
               else rows[y // 68][x // 68]((x + 9 * (x // 68)) % 64, y % 64))


def phases_of(epochs):
    first, second = max(1, epochs // 6), max(1, epochs // 2)
    plan = [("warm-up", first, "SGD lr 0.01 → 0.1 linear, momentum 0.9"),
            ("cyclic", second, "SGD lr 0.1, weight decay 1e-4, CyclicLR 0.01–0.1 triangular2, momentum 0.85–0.95"),
            ("plateau", max(1, epochs - first - second), "SGD lr 0.02, weight decay 5e-4, ReduceLROnPlateau on validation accuracy")]
    phases, begin = [], 1
    for name, count, description in plan[:epochs]:
        phases.append({"name": name, "first_epoch": begin, "epochs": count, "description": description})
        begin += count
    return phases


def schedule(at, phases):
    """Learning rate and momentum after `at` epochs."""
    for phase in phases:
        begin, count = phase["first_epoch"] - 1, phase["epochs"]
        if at < begin + count or phase is phases[-1]:
            share = (at - begin) / count
            if phase["name"] == "warm-up":
                return 0.01 + 0.09 * share, 0.9
            if phase["name"] == "cyclic":
                cycle = int(share * 5)
                wave = 1 - abs(2 * (share * 5 - cycle) - 1)
                return 0.01 + 0.09 * wave / 2**cycle, 0.95 - 0.1 * wave
            return 0.02 / 10 ** int(share * 3), 0.9


def recipe(phases, seed, lr, data, ema, mixup):
    batch = f"batch = {{ mixup = {mixup} }}\n" if mixup else ""
    text = f"""seed = {seed}

[data]
path = "{data}"
kind = "auto"
image_size = 64
subset = 1.0
strict = false

[model]
name = "mobilenet_v2"
width_mult = 1.0
dropout = 0.2

[transforms]
augment = [
  {{ op = "random_horizontal_flip", p = 0.5 }},
  {{ brightness = 0.5, contrast = 0.6, op = "color_jitter" }},
]
{batch}normalize = {{ mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }}
resize = 224

[training]
batch_size = 128
accumulate = 1
label_smoothing = 0.1
ema_decay = {0.999 if ema else 0.0}
clip_norm = 2.5
early_stopping = 0
"""
    for i, phase in enumerate(phases):
        text += f"""
[[phase]]
name = "{phase["name"]}"
epochs = {phase["epochs"]}
lr = {lr}
momentum = 0.9
weight_decay = 0.0001
scheduler = {{ base_lr = 0.01, kind = "cyclic", max_lr = {lr}, per = "batch" }}
start_from = "{"best" if i > 1 else "last"}"
"""
    return text


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def mistakes(draw, names, epoch, weights):
    count = len(names)
    worst = draw.sample(range(count), min(12, count))
    images = 50
    confusion = {i: {j: draw.randrange(2, 22) if i == j else max(0, int(draw.gauss(1, 2))) for j in worst} for i in worst}
    for row in confusion.values():  # where all classes are listed, each image is in one of them
        for i in row:
            row[i] = min(row[i], images - sum(value for j, value in row.items() if j != i))
        if count <= 12:
            row[worst[0]] += images - sum(row.values())
    worst.sort(key=lambda i: confusion[i][i])
    pairs = sorted(((confusion[i][j], i, j) for i in worst for j in worst if i != j and confusion[i][j] > 0), reverse=True)
    return {"epoch": epoch, "weights": weights, "classes": count,
            "worst_classes": [{"class": i, "accuracy": confusion[i][i] / images, "images": images} for i in worst],
            "confusions": [{"class": i, "predicted": j, "count": times} for times, i, j in pairs[:40]],
            "confusion": {"labels": worst, "counts": [[confusion[i][j] for j in worst] for i in worst]},
            "most_wrong": [{"sample": draw.randrange(10000), "class": draw.choice(worst), "predicted": draw.choice(worst),
                            "probability": 0.999 - 0.004 * i, "image": wrong_image(i)}
                           for i in range(16)]}


def settings(names, phases, planned, seed, data, images, mixup):
    mixing = f"\nmixup(alpha {mixup})" if mixup else ""
    return {"model": "mobilenet_v2", "width_mult": 1.0, "dropout": 0.2, "parameters": 2480072, "dataset": "Tiny-ImageNet-200",
            "data": data, "training_images": images, "validation_images": 10000, "classes": names, "image_size": 64,
            "transforms": {"train": f"resize(224)\nrandom_horizontal_flip(p 0.5)\ncolor_jitter(brightness 0.5, contrast 0.6)\nnormalize(…){mixing}",
                           "validation": "resize(224)\nnormalize(…)"},
            "batch_size": 128, "batches_per_epoch": STEPS, "epochs": planned, "steps": planned * STEPS, "phases": phases, "seed": seed,
            "device": "cpu", "device_reason": "there is no usable GPU", "threads": 2,
            "machine": {"cpu": "AMD EPYC 7B13", "cores": 2, "memory_bytes": 8335060992}, "started": "2026-01-31T12:00:00Z"}


def steps_until(draw, phases, epochs, steps_an_epoch, speed, explodes):
    """A line for `steps_an_epoch` steps of each epoch; of the last of them, what divergence makes where it `explodes`."""
    steps = []
    count = round(epochs * steps_an_epoch)
    for i in range(1, count + 1):
        at = i / steps_an_epoch
        rate, momentum = schedule(at - 1e-9, phases)
        worse = math.exp(max(0, i - count + 12) * 0.9) if explodes else 1
        steps.append({"step": round(at * STEPS), "epoch": at, "loss": (1.1 + 4.1 * math.exp(-speed * 2 * at) + draw.gauss(0, 0.25)) * worse**0.3,
                      "learning_rate": rate, "momentum": momentum,
                      "gradient_norm": (0.6 + 2 * math.exp(-at) + abs(draw.gauss(0, 0.3))) * worse})
    return steps


def write_run(folder, epochs=30, classes=200, seed=1, planned=None, steps_an_epoch=60, *, lr=0.1, ema=True, mixup=0, begun=0.0,
              data="tiny-imagenet-200", images=100000, ended=None, failure=None, watched=0, ill=False):
    """epochs: how many have ended, of `planned`; begun: the share of the next one. ended, failure: as in run.json.
    watched: lines of watch.jsonl, about; ill: what they show."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(f"{seed} {lr}")
    planned = epochs if planned is None else planned
    names = (HOSTILE + WORDS + [f"n{1443537 + 977 * i:08d}" for i in range(classes)])[:classes]
    phases = phases_of(max(1, planned))
    run = settings(names, phases, planned, seed, data, images, mixup)
    run |= {key: value for key, value in (("ended", ended), ("failure", failure)) if value is not None}
    metrics, timing = [], []
    speed = 0.065 + 0.002 * draw.random() + 0.15 * (0.1 - lr)
    for epoch in range(1, epochs + 1):
        rate, momentum = schedule(epoch - 1e-9, phases)
        noise = 0.12 * math.sqrt(rate)
        train = 1.1 + 4.1 * math.exp(-speed * 2 * epoch) + draw.gauss(0, noise / 4)
        val = 1.45 + 3.8 * math.exp(-speed * 2.2 * epoch) + abs(draw.gauss(0, noise))
        accuracy = max(0.005, 0.71 * (1 - math.exp(-speed * 1.9 * epoch)) + draw.gauss(0, noise / 3))
        average = max(0.005, 0.725 * (1 - math.exp(-speed * 1.7 * epoch)) + draw.gauss(0, 0.002))
        name = next(p["name"] for p in reversed(phases) if epoch >= p["first_epoch"])
        metrics.append({"epoch": epoch, "phase": name, "step": epoch * STEPS, "learning_rate": rate, "momentum": momentum,
                        "train_loss": train, "train_accuracy": accuracy * (0.8 if mixup else 1.06), "val_loss": val,
                        "val_accuracy": accuracy, "val_top5": min(0.99, accuracy + 0.21)})
        if ema:
            metrics[-1] |= {"ema_val_loss": val - 0.08, "ema_val_accuracy": average, "ema_val_top5": min(0.99, average + 0.22)}
        work = draw.gauss(355, 6) if epoch > 1 else 380
        timing.append({"epoch": epoch, "images_per_second": images / work, "data_seconds": draw.uniform(4, 9),
                       "step_seconds": work, "validation_seconds": draw.gauss(22, 1), "checkpoint_seconds": draw.uniform(0.2, 0.6),
                       "ended": 1769860800 + 400 * epoch})
    (folder / "run.json").write_text(json.dumps(run, indent=4))
    (folder / "recipe.toml").write_text(recipe(phases, seed, lr, data, ema, mixup))
    (folder / "metrics.jsonl").write_text(lines(metrics))
    (folder / "steps.jsonl").write_text(lines(steps_until(draw, phases, epochs + begun, steps_an_epoch, speed, failure is not None)))
    (folder / "timing.jsonl").write_text(lines(timing))
    if epochs > 0:
        best = max(metrics, key=lambda each: each["ema_val_accuracy" if ema else "val_accuracy"])
        weights = "averaged" if ema else "plain"
        (folder / "validation.json").write_text(json.dumps(mistakes(draw, names, best["epoch"], weights)))
    if watched > 0:
        of_steps = watched_lines(draw, watched, round((epochs + begun) * STEPS), STEPS, ill)
        (folder / "watch.jsonl").write_text(lines(of_steps))
    if epochs > 0 or failure:
        (folder / "preview.png").write_bytes(preview())
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    for option, default in (("epochs", 30), ("classes", 200), ("seed", 1), ("watched", 0)):
        parser.add_argument(f"--{option}", type=int, default=default)
    print(write_run(**vars(parser.parse_args())))
