#!/usr/bin/env bash
# Vitrine beside PyTorch and ONNX Runtime, as they are on PyPI now: a virtual environment with all of them, the programs, and
# the comparisons, each of which prints a table.
#
#     tests/peers/run.sh            all of them
#     tests/peers/run.sh export     one
#
# The environment is made in build/peers, or where VITRINE_PEERS says, and used again. Exit code 1 where one of them differs.
set -euo pipefail
cd "$(dirname "$0")/../.."

comparisons="export continuing training shards"
venv=${VITRINE_PEERS:-build/peers}

for name in "$@"; do
    [[ " $comparisons " == *" $name "* ]] || { echo "tests/peers/run.sh: there is no comparison $name; there are: $comparisons" >&2; exit 2; }
done

if ! "$venv/bin/python" -c "import onnx, onnxruntime, torch, torchvision, safetensors, numpy, PIL" 2>/dev/null; then
    echo "Making an environment in $venv (PyTorch is large)"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check torch torchvision onnx onnxruntime safetensors numpy pillow
fi
[ -f build/release/build.ninja ] || cmake --preset release
cmake --build build/release --target train predict export | tail -1

differing=""
for name in ${*:-$comparisons}; do
    printf '\n%s\n\n' "$name"
    "$venv/bin/python" "tests/peers/compare_$name.py" || differing="$differing $name"
done
printf '\n| comparison | |\n|---|---|\n'
for name in ${*:-$comparisons}; do
    [[ " $differing " == *" $name "* ]] && echo "| $name | differs |" || echo "| $name | agrees |"
done
[ -z "$differing" ]
