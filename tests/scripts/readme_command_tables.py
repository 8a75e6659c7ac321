"""The commands of the READMEs: which are run, and as what; which are not, and why; which blocks hold none."""

SMALL = "--set training.batch_size=8 --set transforms.resize=32 --set phase.epochs=1"
STEP = "--image-size 32 --batch-size 2 --steps 1"


def until_served(command):
    """A command that serves a page: until it says where, and then to its end."""
    return (f"said=$(mktemp); {command} > $said & until grep -q http://127.0.0.1: $said; do "
            "kill -0 $! && sleep 0.1 || exit 1; done; kill $! && wait $!")


# The command, and what is run in its place; none: as it stands. In the place of readme_commands.py there are photos, PHOTOS,
# new_photos, holiday.jpg, best.safetensors, and the runs a, b, stage1 and mobile.
RUN = {
    # README.md
    "build/release/bin/train --data photos --model mobilenet_v2 --image-size 64 --epochs 20":
        "build/release/bin/train --data photos --model mobilenet_v2 --image-size 32 --batch-size 8 --epochs 1 --out runs/own",
    "build/release/bin/train --data photos --model mobilenet_v2 --init weights.pth --freeze features --freeze-norms --epochs 5":
        "build/release/bin/export runs/mobile/best.safetensors --to pth --output weights.pth && build/release/bin/train "
        "--data photos --model mobilenet_v2 --init weights.pth --freeze features --freeze-norms --image-size 32 --batch-size 8 "
        "--epochs 1 --out runs/finetuned",
    "build/release/bin/predict runs/…/best.safetensors new_photos --top 3":
        "build/release/bin/predict runs/mobile/best.safetensors new_photos --top 3",
    "build/release/bin/train tools/recipes/best.toml --data photos --preview 8":
        f"build/release/bin/train tools/recipes/best.toml --data photos --preview 8 {SMALL} --out sheet && "
        "test -s sheet/preview.png",
    "build/release/bin/train tools/recipes/best.toml --data photos --show-schedule":
        f"build/release/bin/train tools/recipes/best.toml --data photos --show-schedule {SMALL} | grep 'learning rate'",
    # Killed, and run again: it goes on.
    "build/release/bin/train tools/recipes/best.toml --data photos --out runs/photos":
        f"set -- build/release/bin/train tools/recipes/best.toml --data photos {SMALL} --out runs/photos; "
        "\"$@\" --max-steps 2 && \"$@\" && test -s runs/photos/best.safetensors",
    "build/release/bin/report runs/*": "build/release/bin/report runs/a runs/b runs/stage1 --out all.html",
    "build/release/bin/export runs/…/best.safetensors --to onnx":
        "build/release/bin/export runs/mobile/best.safetensors --to onnx --output best.onnx && test -s best.onnx",
    "build/release/bin/export runs/…/best.safetensors --to pth":
        "build/release/bin/export runs/mobile/best.safetensors --to pth --output best.pth && test -s best.pth",
    "build/release/bin/train --model mobilenet_v2 --summary": None,
    "build/release/bin/inspect step --model mobilenet_v2":
        "build/release/bin/inspect step --model mobilenet_v2 --image-size 32 --batch-size 2 --out mobile_step.html",
    "build/release/bin/inspect step --model mobilenet_v2 --serve":
        until_served("build/release/bin/inspect step --model mobilenet_v2 --image-size 32 --batch-size 2 --serve"),
    # lab/inspect/
    "inspect step": "inspect step --image-size 16 --batch-size 2",
    "inspect step --model basic_block_net": "inspect step --model basic_block_net --image-size 16 --batch-size 2",
    "inspect step --serve": until_served("inspect step --image-size 16 --batch-size 2 --serve"),
    "inspect step --serve 8080": until_served("inspect step --image-size 16 --batch-size 2 --serve 18080"),
    "inspect step recipe.toml --data photos --serve":
        until_served("inspect step runs/a/recipe.toml --data photos --batch-size 2 --serve"),
    "inspect step recipe.toml --data photos --serve --out first.html":
        until_served("inspect step runs/a/recipe.toml --data photos --batch-size 2 --serve --out served.html") +
        " && test -s served.html",
    "inspect step recipe.toml --data photos --out first.html":
        "inspect step runs/a/recipe.toml --data photos --batch-size 2 --out first.html && test -s first.html",
    "inspect step runs/photos/best.safetensors": "inspect step runs/a/best.safetensors --data photos --batch-size 2",
    "inspect step runs/photos/last.safetensors --data others --steps 3":
        "inspect step runs/a/last.safetensors --data photos --batch-size 2 --steps 3",
    "build/release/bin/gradcheck --device cpu --op depthwise_conv":
        "build/release/bin/gradcheck --device cpu --op depthwise_conv --shape 1x9x9x7",
    "build/release/bin/bench step --model mobilenet_v2 --per-op":
        f"build/release/bin/bench step --model mobilenet_v2 --per-op {STEP}",
    "build/release/bin/bench op pointwise_conv": f"build/release/bin/bench op pointwise_conv {STEP}",
    "build/release/bin/train --impl depthwise_conv=onednn …":
        "build/release/bin/train --impl depthwise_conv=onednn --data photos --model mobilenet_v2 --image-size 32 "
        "--batch-size 8 --max-steps 1 --device cpu --out runs/onednn",
    "build/release/bin/train --autotune choices.json …":
        "build/release/bin/train --autotune choices.json --data photos --model mobilenet_v2 --image-size 32 "
        "--batch-size 8 --max-steps 1 --device cpu --out runs/autotune",
    "build/release/bin/inspect value --op features.3.conv.1.0 --at 0,5,7,12":
        "build/release/bin/inspect value --op features.3.conv.1.0 --at 0,5,7,12 --batch-size 2",
    "build/release/bin/gradcheck --device simt --op depthwise_conv":
        "build/release/bin/gradcheck --device simt --op depthwise_conv --shape 1x9x9x7",
    "build/release/bin/gradcheck --device simt --report --op depthwise_conv":
        "build/release/bin/gradcheck --device simt --report --op depthwise_conv_forward --shape 7x7",
    "build/release/bin/train --device simt --max-steps 5 --batch-size 8":
        "build/release/bin/train --device simt --max-steps 2 --batch-size 8 --data photos --image-size 16 --out runs/simt",
    "train --help": None,
    # tools/lessons/: the commands of the lessons themselves are lessons_test.py's.
    "inspect lesson 1": None,
    "inspect lesson 1 --check '5, 8, 10, 4'": "inspect lesson 1 --check '5, 8, 10, 4' | grep 'number 4 of 4'",
    "inspect lesson 3": None,
    "train --precision bf16":
        "train --precision bf16 --data photos --image-size 32 --batch-size 8 --max-steps 1 --device cpu --out runs/bf16",
    # data/
    "train --preview N": "train --preview 2 --data photos --image-size 32 --out sheet2",
    "train --verify-cache": "train --verify-cache --data photos --image-size 32 --batch-size 8 --max-steps 1 --out runs/cache",
    "train --preview 8": "train --preview 8 --data photos --image-size 32 --out sheet8",
    # lab/inspect/
    "inspect value --model basic_block_net": None,
    "inspect value": "inspect value --image-size 32 --batch-size 2",
    "inspect value --op features.3.conv.1.0 --at 0,5,7,12":
        "inspect value --op features.3.conv.1.0 --at 0,5,7,12 --batch-size 2 | grep 'sum of 9 terms'",
    "inspect value --op features.3.conv.0.0 --at 0,4,6,12 --gradient":
        "inspect value --op features.3.conv.0.0 --at 0,4,6,12 --gradient --batch-size 2 | grep 'sum of 9 terms'",
    "inspect value --parameter features.0.0.weight --at 0,1,1,2 --gradient --terms 5":
        "inspect value --parameter features.0.0.weight --at 0,1,1,2 --gradient --terms 5 --batch-size 2 | grep smaller",
    "inspect value --parameter features.0.0.weight --at 0,1,1,2 --update --steps 3":
        "inspect value --parameter features.0.0.weight --at 0,1,1,2 --update --steps 3 --batch-size 2 | grep momentum",
    "inspect value --parameter features.0.1.running_var --at 5 --update":
        "inspect value --parameter features.0.1.running_var --at 5 --update --batch-size 2 | grep 'sum of 2 terms'",
    "inspect value --data photos --op images --at 0,5,7,2":
        "inspect value --data photos --op images --at 0,5,7,2 --batch-size 2 | grep 'pixel: of'",
    # kernels/
    "gradcheck --device simt --report --op augment_images": None,
    "gradcheck --device simt --report --op NAME": "gradcheck --device simt --report --op add",
    "gradcheck --device cpu --impl dense_conv=onednn": "gradcheck --device cpu --impl dense_conv=onednn --op dense_conv --shape 7",
    "bench op pointwise_conv_forward --impl pointwise_conv=onednn":
        f"bench op pointwise_conv_forward --impl pointwise_conv=onednn {STEP}",
    "gradcheck --device simt --report --op add_forward": None,
    "gradcheck --device simt --report --op softmax_cross_entropy_forward": None,
    "gradcheck --device simt --report --op pointwise_conv_forward":
        "gradcheck --device simt --report --op pointwise_conv_forward --shape 28x28x144",
    "gradcheck --device simt --report --op depthwise_conv_forward --lines":
        "gradcheck --device simt --report --op depthwise_conv_forward --shape 28x28x192 --lines",
    "gradcheck --device reference --op batch_norm": "gradcheck --device reference --op batch_norm --shape 7",
    "gradcheck --device simt --math-ulps 2": "gradcheck --device simt --math-ulps 2 --op softmax_cross_entropy --shape 7",
    "VITRINE_SIMT_FAULT=cudaErrorIllegalAddress@update:3":
        "VITRINE_SIMT_FAULT=cudaErrorIllegalAddress@update:3 train --device simt --data photos --image-size 16 --batch-size 8 "
        "--max-steps 4 --out runs/fault 2> fault; test $? = 1 && grep -q sgd_update fault",
    "VITRINE_SIMT_FAULT=cudaErrorInsufficientDriver":
        "VITRINE_SIMT_FAULT=cudaErrorInsufficientDriver gradcheck --device simt --op add --shape 7 2> fault2; test $? != 0",
    # models/
    "train --model NAME --summary": "train --model basic_block_net --summary",
    # tests/: the programs themselves are other tests; here, that the filters choose something.
    "build/release/bin/engine_tests -tc='*memory*'":
        "build/release/bin/engine_tests -tc='*memory*' --count | grep -q 'unskipped test cases.*[1-9]'",
    "VITRINE_GOLDEN_DEVICES=cuda build/release/bin/models_tests -tc='every device agrees*'":
        "VITRINE_GOLDEN_DEVICES=reference build/release/bin/models_tests -tc='every device agrees*' --count | "
        "grep -q 'unskipped test cases.*[1-9]'",
    "VITRINE_GOLDEN_DEVICES=cuda build/release/bin/engine_tests -tc='every op agrees*'":
        "VITRINE_GOLDEN_DEVICES=cpu build/release/bin/engine_tests -tc='every op agrees*'",
    "VITRINE_GOLDEN_DEVICES=cuda build/release/bin/transforms_tests -tc='every op makes*,whole pipelines*'":
        "VITRINE_GOLDEN_DEVICES=cpu build/release/bin/transforms_tests -tc='every op makes*,whole pipelines*'",
    "make_mutants.py plant":
        "python tests/mutants/make_mutants.py plant tests/mutants/mutants.json softmax . planted && ls planted",
    "compare_curves.py --model MODEL --subset 0.2 --epochs 5": "python tests/peers/compare_curves.py --help",
    "python tests/peers/compare_choices.py best": "python tests/peers/compare_choices.py best --help",
    "python tests/peers/compare_choices.py finetune": "python tests/peers/compare_choices.py finetune --help",
    "python tests/peers/compare_steps.py": "python tests/peers/compare_steps.py --help",
    # tools/export
    "build/release/bin/export runs/photos/best.safetensors --to onnx":
        "build/release/bin/export runs/mobile/best.safetensors --to onnx",
    "build/release/bin/export runs/photos/best.safetensors --to onnx --input pixels --output photos.onnx":
        "build/release/bin/export runs/mobile/best.safetensors --to onnx --input pixels --output photos.onnx",
    "build/release/bin/export runs/photos/checkpoints/step-000000004.safetensors --to pth --optimizer --output run.pth":
        "build/release/bin/export runs/mobile/checkpoints/step-000000004.safetensors --to pth --optimizer --output run.pth",
    "build/release/bin/export runs/photos/best.safetensors --to pth":
        "build/release/bin/export runs/mobile/best.safetensors --to pth",
    "build/release/bin/export runs/photos/checkpoints/step-000000004.safetensors --to safetensors --output weights.safetensors":
        "build/release/bin/export runs/mobile/checkpoints/step-000000004.safetensors --to safetensors --output weights.safetensors && "
        "predict weights.safetensors photos/val",
    # tools/
    "build/release/bin/train --data photos --model mobilenet_v2 --init checkpoint.pth --init-optimizer --lr 0.01 --epochs 5":
        "build/release/bin/export runs/mobile/checkpoints/step-000000004.safetensors --to pth --optimizer --output checkpoint.pth && "
        "build/release/bin/train --data photos --model mobilenet_v2 --init checkpoint.pth --init-optimizer --lr 0.01 --image-size 32 "
        "--batch-size 8 --epochs 1 --out runs/continued",
    "predict best.safetensors photos holiday.jpg --top 3 --csv submission.csv":
        "predict best.safetensors photos holiday.jpg --top 3 --csv submission.csv && head -1 submission.csv | grep '^Id,Category'",
    "predict … | head -1": "predict best.safetensors photos | head -1 | grep -q ppm",
    "predict --csv": "predict best.safetensors photos --csv all.csv",
    "train … | head": "train --data photos --image-size 32 --batch-size 8 --max-steps 1 --out runs/head | head -1",
    "predict FILE IMAGES": "predict best.safetensors photos/val",
    "train --eval-only FILE": "train --eval-only best.safetensors --data photos",
    "bench step --model mobilenet_v2 --per-op": f"bench step --model mobilenet_v2 --per-op {STEP}",
    "bench eval --model mobilenet_v2": f"bench eval --model mobilenet_v2 {STEP}",
    "bench step --autotune choices.json": f"bench step --autotune choices.json {STEP}",
    "bench step --model mobilenet_v2 --graph": f"bench step --model mobilenet_v2 --graph {STEP}",
    "bench step --predict h100 --batch-size 64 --fusion off": None,
    "bench step --predict h100 --batch-size 256 --precision bf16 --per-op": None,
    "bench step --model mobilenet_v2 --fusion off": f"bench step --model mobilenet_v2 --fusion off {STEP}",
    "bench eval --model mobilenet_v2": f"bench eval --model mobilenet_v2 {STEP}",
    "bench eval": "bench eval --help",
    "bench op depthwise_conv": f"bench op depthwise_conv {STEP}",
    "bench op dense_conv --model resnet18": f"bench op dense_conv --model resnet18 {STEP}",
    "bench op pointwise_conv --precision bf16": f"bench op pointwise_conv --precision bf16 {STEP}",
    "bench op batch_norm": f"bench op batch_norm {STEP}",
    "bench op pointwise_conv_backward --impl pointwise_conv_backward=onednn --json":
        f"bench op pointwise_conv_backward --impl pointwise_conv_backward=onednn --json {STEP}",
    "build/release/bin/bench scale --ranks 1..512 --predict h100 --batch-size 64 --network 100Gbit": None,
    "bench scale --ranks 8 --step-ms 94 --image-size 64 --batch-size 64 --network 10Gbit": None,
    "bench scale --ranks 1..512 --network 100Gbit": f"bench scale --ranks 1..512 --network 100Gbit {STEP}",
    "bench scale --predict h100 --batch-size 64": None,
    "bench scale --step-ms 92,94,101 --ranks 64": None,
    "bench scale": "bench scale --help",
    "bench augment": f"bench augment {STEP}",
    "bench augment --plan": f"bench augment --plan {STEP}",
    "bench op": "bench op --help",
    "bench step --precision bf16": f"bench step --precision bf16 {STEP}",
    "bench step": "bench step --help",
    # lab/inspect/film/
    "gradcheck --list --device simt": None,
    "inspect kernel depthwise_conv_backward --impl rows":
        "inspect kernel depthwise_conv_backward --impl rows --shape 1x8x8x32 && test -s depthwise_conv_backward.html",
    "inspect kernel depthwise_conv_forward --impl direct --beside rows --shape 1x28x28x192": None,
    'inspect kernel batch_norm_backward --shape "3136 rows x 144" --block 2 --launch 0 --out sums.html': None,
    "gradcheck --op batch_norm": "gradcheck --op batch_norm --shape 7",
    "gradcheck --op batch_norm --instructions avx2": "gradcheck --op batch_norm --instructions baseline --shape 7",
    "gradcheck --instructions avx2": "gradcheck --instructions baseline --op add",
    "gradcheck --device simt --op add --math-ulps 2": None,
    "gradcheck --device simt --op add --thorough --processes 2": "gradcheck --device simt --op add --thorough --processes 2 --shape 7",
    "gradcheck --list --device simt --json": None,
    "gradcheck --report --op add --gpu t4 --lines": None,
    "gradcheck --help": None,
    "gradcheck --report --model mobilenet_v2 --image-size 224 --batch-size 2":
        "gradcheck --report --model mobilenet_v2 --image-size 32 --batch-size 2",
    "gradcheck --report --model mobilenet_v2 --image-size 64 --batch-size 2":
        "gradcheck --report --model basic_block_net --image-size 16 --batch-size 2",
    "gradcheck --report --model basic_block_net --image-size 16 --fusion off":
        "gradcheck --report --model basic_block_net --image-size 16 --fusion off | grep -q batch_norm_backward",
    "train tools/recipes/best.toml --data PHOTOS --preview 8":
        f"train tools/recipes/best.toml --data PHOTOS --preview 8 {SMALL} --out sheet3",
    "train tools/recipes/best.toml --data PHOTOS --show-schedule":
        f"train tools/recipes/best.toml --data PHOTOS --show-schedule {SMALL}",
    "train tools/recipes/best.toml --data PHOTOS --overfit-one-batch":
        f"train tools/recipes/stage0-basic-block-net.toml --data PHOTOS --overfit-one-batch {SMALL}",
    "train tools/recipes/best.toml --data PHOTOS --out runs/photos":
        f"train tools/recipes/best.toml --data PHOTOS {SMALL} --out runs/PHOTOS",
    "train RECIPE --data PHOTOS": f"train tools/recipes/stage2-heavy-augmentation.toml --data PHOTOS {SMALL} --out runs/recipe",
    "train RECIPE --show-recipe": "train tools/recipes/best.toml --show-recipe | grep -q share",
    "report runs/*": "report runs/a runs/b --out runs.html",
    "train --subset 0.02 --overfit-one-batch":
        "train --data photos --image-size 32 --batch-size 8 --overfit-one-batch",
    "train --subset 0.02 --epochs 2 --schedule constant --lr 1000":
        "train --data photos --image-size 32 --batch-size 8 --epochs 2 --schedule constant --lr 1e30 --out runs/boom 2> boom; "
        "test $? = 1 && grep -q 'Before that, the loss was' boom",
    "train --subset 0.02 --epochs 2 --schedule constant --lr 5":
        "train --data photos --image-size 32 --batch-size 8 --epochs 1 --schedule constant --lr 5 --out runs/high",
    "train --subset 0.02 --epochs 2 --schedule constant --lr 2 --watch 6":
        "train --data photos --image-size 32 --batch-size 8 --epochs 1 --schedule constant --lr 2 --watch 6 --out runs/dead && "
        "test -s runs/dead/watch.jsonl",
    "train --subset 0.02 --epochs 2 --schedule constant --lr 1e-5":
        "train --data photos --image-size 32 --batch-size 8 --epochs 1 --schedule constant --lr 1e-5 --out runs/low",
    "train --subset 0.05 --epochs 3": "train --data photos --image-size 32 --batch-size 8 --epochs 1 --out runs/fine",
    "train --subset 0.005 --epochs 8 --batch-size 16":
        "train --data photos --image-size 32 --batch-size 16 --epochs 1 --out runs/few",
    "train --subset 0.02 --epochs 2 --set 'transforms.augment=[{op=\"rand_augment\"}]'":
        "train --data photos --image-size 32 --batch-size 8 --epochs 1 --set 'transforms.augment=[{op=\"rand_augment\"}]' --out runs/hard",
    "train --subset 0.02 --epochs 1 --batch-size 2":
        "train --data photos --image-size 32 --batch-size 2 --epochs 1 --out runs/pairs",
    "train --subset 0.02 --epochs 1 --batch-size 32":
        "train --data photos --image-size 32 --batch-size 32 --epochs 1 --out runs/batches",
    "train tools/recipes/stage1-baseline.toml --show-schedule":
        "train tools/recipes/stage1-baseline.toml --show-schedule --data photos --set training.batch_size=8",
    "train tools/recipes/stage3-leaky-validation.toml":
        "train tools/recipes/stage3-leaky-validation.toml 2> leaky; test $? = 2 && grep -q 'not allowed in validation' leaky",
    "md5sum photos/train/*/* photos/val/*/* | sort | uniq -w32 -D": None,
    "train --set": "train --set training.batch_size=8 --show-recipe | grep -q 'batch_size = 8'",
    "report runs/stage1": "report runs/stage1 && test -s runs/stage1/report.html",
    "report runs/a runs/b --out both.html": "report runs/a runs/b --out both.html && test -s both.html",
    "python3 tests/browser/made_up_run.py /tmp/run && build/release/bin/report /tmp/run":
        "python3 tests/browser/made_up_run.py made_up && build/release/bin/report made_up",
}

ALL_TESTS = "is the whole test suite"
A_TEST = "is a test of its own"
GPU = "needs a GPU"
TORCH = "needs PyTorch, for minutes"
PILLOW = "needs Pillow and numpy, for minutes"
NVCC = "needs a build with nvcc; tests/cuda runs resources on a report of its own"
NET = "installs from PyPI"
BUILD = "is the build that these programs come from"

NOT_RUN = {
    # tests/peers/
    "pip install nvidia-cuda-nvdisasm": NET,
    "mpirun -np 4 --bind-to none build/release/bin/train recipe.toml --data photos --out runs/photos --set training.shards=4":
        "needs MPI; tests/processes runs the same",
    "mpirun -np 8 build/release/bin/train recipe.toml --set training.shards=8": "needs MPI and eight GPUs",
    "torchrun --no-python --nproc-per-node 4 build/release/bin/train recipe.toml --data photos --out runs/photos --set training.shards=4":
        "needs PyTorch; tests/peers/torchrun.py runs the same",
    "RANK=0 WORLD_SIZE=2 MASTER_ADDR=node1 MASTER_PORT=29500 build/release/bin/train recipe.toml --set training.shards=2":
        "needs two machines; tests/processes runs the same",
    "tests/fresh_machine.sh trixie": "makes a minimal Debian 13 and builds in it, for minutes",
    "tools/quickstart.sh": "installs packages and trains for minutes; tests/fresh_machine.sh runs it",
    "tests/peers/run.sh export": "installs PyTorch and ONNX Runtime from PyPI",
    "tools/test.sh": ALL_TESTS,
    "tools/test.sh --full": ALL_TESTS,
    "cmake --preset release && cmake --build build/release": BUILD,
    "cmake --preset release && cmake --build build/release --target train gradcheck inspect": BUILD,
    "cmake --preset release": BUILD,
    'export PATH="$PWD/build/release/bin:$PATH"': "is how the commands of the READMEs are run here",
    "cmake --preset cuda-all": "needs nvcc, for an hour",
    "build/release/bin/resources": NVCC,
    "resources": NVCC,
    "resources --arch 90 --kernel depthwise": NVCC,
    "resources --spills": NVCC,
    "resources --arch 80 --instructions": NVCC,
    "resources --arch 90 --instructions": NVCC,
    "gradcheck --device simt": A_TEST,
    "gradcheck --device reference": A_TEST,
    "build/release/bin/engine_tests": A_TEST,
    "build/release/bin/fuzz_tests": A_TEST,
    "build/release/bin/gradcheck_vendor --device simt --impl cudnn,cublas": A_TEST,
    "build/release/bin/vendor_tests": A_TEST,
    "VITRINE_TERMS=1000 build/release/bin/inspect_tests -tc='*add up*'": "the short form is a test; this one takes minutes",
    "ninja -C build/release mutants_tests && build/release/bin/mutants_tests": A_TEST,
    "make_mutants.py link": "is run by the build of mutants_tests",
    "simt_tests --no-skip -tc='costs*'": "measures, and wants a quiet machine",
    "tests/fuzz/run.sh NAME 300": "wants clang, a build of its own and five minutes",
    "tests/fuzz/run.sh all 300": "wants clang, a build of its own and an hour",
    "tools/gpu_check.sh": GPU,
    "tools/gpu_check.sh FOLDER --full": GPU,
    "tools/gpu_check.sh --only gradcheck,bench": GPU,
    "tools/gpu_check.sh --only bench": GPU,
    "tools/gpu_check.sh --programs DIR": GPU,
    "gradcheck --once": GPU,
    "python3 tools/gpu_check/tables.py FOLDER/results.json": "is run by tests/gpu_check on results of its own",
    "gradcheck --device cuda --once": GPU,
    "gradcheck --device cuda --op pointwise_conv --impl pointwise_conv=cublas": GPU,
    "bench op dense_conv --device cuda": GPU,
    "train --device cuda --impl cudnn,cublas …": GPU,
    "pip install tensorboard": NET,
    "pip install safetensors": NET,
    "pip install onnx onnxruntime": NET,
    "python tests/golden/make_models.py": "needs PyTorch, and writes the frozen files anew",
    "python tests/peers/compare_schedulers.py": TORCH,
    "python tests/peers/compare_shards.py": TORCH,
    "ninja -C build/release train bench time_messages": BUILD,
    "python tests/peers/check_scale.py": "measures, and wants a quiet machine and MPI",
    "python tests/peers/compare_versions.py torch-1.13/bin/python torch-2.4/bin/python": "needs several versions of PyTorch",
    "ninja -C build/release run_augment && python tests/peers/compare_augment.py --cases 5000": TORCH,
    "python tests/peers/compare_augment.py --cases 5000 --seed 16": TORCH,
    "python tests/peers/compare_photographs.py --images 1000 --seed 5": TORCH,
    "ninja -C build/release decode_images && python tests/peers/compare_images.py --count 2000": PILLOW,
    "compare_images.py --count 3000 --seed 11": PILLOW,
    "python tests/peers/load_checkpoint.py runs/…/best.safetensors": TORCH,
}

# (README, how its first line begins): what the block is.
OTHER_BLOCKS = {
    ("README.md", "model.load_state_dict"): "python",
    ("data/README.md", "file  --decode_image"): "a diagram",
    ("data/README.md", "Loader loader"): "C++",
    ("README.md", "data/"): "a list of files",
    ("data/README.md", "const InputPlanner planner"): "C++",
    ("data/transforms/README.md", "[transforms]"): "recipe",
    ("engine/README.md", "Tape tape"): "C++",
    ("engine/README.md", "TrainingStep step"): "C++",
    ("engine/README.md", "StepGraph graph"): "C++",
    ("engine/README.md", "step.divide_batches"): "C++",
    ("engine/README.md", "Pending y"): "C++",
    ("engine/README.md", "Pending e"): "C++",
    ("engine/README.md", "values  "): "a diagram",
    ("kernels/reference/batch_norm_backward.md", "m  = Σ x"): "formulas",
    ("kernels/reference/batch_norm_backward.md", "d_b = Σ d_y"): "formulas",
    ("kernels/reference/batch_norm_backward.md", "Σᵢ d_x̂ᵢ"): "formulas",
    ("kernels/reference/batch_norm_backward.md", "d_xⱼ ="): "formulas",
    ("kernels/cuda/README.md", "kernels/cuda/add.cu"): "a diagram",
    ("kernels/simt/README.md", "kernel tiled_gemm"): "output",
    ("kernels/simt/README.md", "#include"): "C++",
    ("kernels/simt/README.md", "Grid "): "a diagram",
    ("kernels/simt/README.md", "simt: host code"): "output",
    ("tests/mutants/README.md", "mutants.json"): "a diagram",
    ("tests/mutants/README.md", "__syncthreads"): "C++",
    ("tools/README.md", "options.*"): "a list of files",
    ("tools/README.md", "[model]"): "recipe",
    ("tools/README.md", "import json"): "python",
    ("tools/export/README.md", "import torch"): "python",
    ("lab/bench/README.md", "kernel"): "output",
    ("lab/gradcheck/README.md", "depthwise_conv_forward"): "output",
    ("lab/inspect/README.md", "features.3.conv.1.0 at"): "output",
    ("tools/recipe/README.md", "scheduler = "): "recipe",
    ("tools/recipes/README.md", "[training]"): "recipe",
    ("tools/recipe/README.md", "        learning rate"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "step 25  loss"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "1 of 37 validation images"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "train: parameter layer"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "epoch 1/2  train_loss 5.428"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "epoch 1/2  train_loss 2.2465"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "warning: cyclic"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "epoch 1/3  train_loss"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "epoch 2/8  train_loss"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "epoch 1/2  train_loss 1.8558"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "epoch 1/1  train_loss"): "output",
    ("tools/recipes/when_training_goes_wrong.md", "train: tools/recipes/stage3"): "output",
}
