#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one command: builds for the GPU of this machine, proves every kernel on it,
# runs them under compute-sanitizer, trains, and measures. Leaves a folder with a log of each check and summary.md.
#
#     tools/gpu_check.sh            into gpu_check-DATE-TIME
#     tools/gpu_check.sh FOLDER
#
# Exit code: 0 if every check passed or was skipped for a stated reason, 1 if one failed, 2 if there is no GPU or no nvcc.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
source tools/dependencies.sh

stop() {
    echo "tools/gpu_check.sh: $1" >&2
    exit 2
}

[ $# -le 1 ] || stop "too many arguments: only a folder for the logs is allowed"
gpus=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU') || stop "there is no NVIDIA GPU here (nvidia-smi lists none)"
nvcc=$(find_nvcc)
[ -n "$nvcc" ] || stop "the CUDA toolkit is not installed (no nvcc in PATH, CUDA_PATH or /usr/local/cuda)"
out=${1:-gpu_check-$(date +%Y%m%d-%H%M%S)}
[ ! -e "$out/summary.md" ] || stop "$out holds an earlier check already: name another folder"
mkdir -p "$out" || exit 2
build=build/gpu_check
bin=$build/bin
failed=0

say() { printf '%s\n' "$1" | tee -a "$out/summary.md"; }

# Half an hour at most for a program; the script's own functions are not timed.
run_limited() {
    if [ "$(type -t "$1")" = function ]; then
        "$@"
    else
        timeout "${limit:-1800}" "$@"
    fi
}

# check NAME COMMAND…: runs it into NAME.log and writes a line of the summary.
check() {
    local name=$1 begin=$SECONDS status=0 verdict=passed
    shift
    {
        printf '$ %s\n' "$*"
        run_limited "$@"
    } >"$out/$name.log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        verdict="FAILED (exit code $status)"
        failed=$((failed + 1))
    fi
    say "| $name | $verdict | $((SECONDS - begin)) s | $(tail -n 1 "$out/$name.log" | cut -c 1-100) |"
    return "$status"
}

skip() { say "| $1 | skipped | | $2 |"; }

# The number of a key in a line of JSON on the standard input.
number_of() { grep -o "\"$1\":[^,}]*" | tail -n 1 | cut -d : -f 2; }

configure() {
    cmake --preset release -B "$build" -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$(gpu_architectures)"
}

prove_kernels() {
    check gradcheck "$bin/gradcheck" --device cuda
    # Which implementations took no problem at all, the libraries' among them.
    "$bin/gradcheck" --device cuda --list >"$out/implementations.log" 2>&1
    local missing=""
    while read -r kernel names; do
        for name in $names; do
            grep -Eq "^ok +${kernel%:} +$name " "$out/gradcheck.log" || missing="$missing ${kernel%:}=$name"
        done
    done <"$out/implementations.log"
    [ -z "$missing" ] || say "Implementations without a passed check:$missing"
}

sanitize() {
    local sanitizer tool op
    sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$nvcc")/compute-sanitizer")
    if [ ! -x "$sanitizer" ]; then
        skip compute-sanitizer "it is not installed (it comes with the CUDA toolkit)"
        return
    fi
    for tool in memcheck racecheck synccheck initcheck; do
        for op in add batch_norm softmax_cross_entropy max_pool sgd_update l2_norm depthwise_conv pointwise_conv dense_conv; do
            limit=600 check "sanitizer-$tool-$op" "$sanitizer" --tool "$tool" --error-exitcode 9 \
                "$bin/gradcheck" --device cuda --op "$op"
        done
    done
}

train_on() { # train_on DEVICE FOLDER MODEL
    "$bin/train" --device "$1" --out "$2" --overwrite --model "$3" --subset 0.05 --epochs 2 --max-steps 40 --seed 1 --json
}

# The losses of the last epoch on two devices may differ by one part in a thousand: f32 sums in another order.
compare_losses() { # compare_losses FOLDER FOLDER
    local key left right worst=0
    for key in train_loss val_loss; do
        left=$(number_of "$key" <"$1/metrics.jsonl")
        right=$(number_of "$key" <"$2/metrics.jsonl")
        echo "$key: $left and $right"
        awk -v a="$left" -v b="$right" \
            'BEGIN { if (a == "" || b == "") exit 1; d = (a - b) / a; exit !(d < 1e-3 && d > -1e-3) }' || worst=1
    done
    return $worst
}

train_and_compare() {
    local model
    for model in basic_block_net mobilenet_v2; do
        check "train-cuda-$model" train_on cuda "$out/run-cuda-$model" "$model" || continue
        check "train-cpu-$model" train_on cpu "$out/run-cpu-$model" "$model" || continue
        check "losses-$model" compare_losses "$out/run-cpu-$model" "$out/run-cuda-$model"
        check "train-again-$model" train_on cuda "$out/run-again-$model" "$model" || continue
        check "same-bits-$model" cmp "$out/run-cuda-$model/last.safetensors" "$out/run-again-$model/last.safetensors"
    done
}

measure() {
    local model size op
    for op in dense_conv depthwise_conv pointwise_conv batch_norm linear; do
        check "bench-op-$op" "$bin/bench" op "$op" --device cuda
    done
    for model in mobilenet_v2:224:64 basic_block_net:32:256; do
        IFS=: read -r name size batch <<<"$model"
        check "bench-step-$name" "$bin/bench" step --device cuda --model "$name" --image-size "$size" \
            --batch-size "$batch" --per-op
        if python3 -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1; then
            check "bench-step-$name-json" "$bin/bench" step --device cuda --model "$name" --image-size "$size" \
                --batch-size "$batch" --json || continue
            check "torch-step-$name" python3 tests/peers/torch_step.py --device cuda --model "$name" \
                --image-size "$size" --batch-size "$batch" --warm-up 5 --json || continue
            say "$name at $size, batch $batch: Vitrine $(number_of seconds_median <"$out/bench-step-$name-json.log") s, PyTorch $(
                number_of seconds_median <"$out/torch-step-$name.log"
            ) s a step."
        else
            skip "torch-step-$name" "PyTorch with CUDA is not installed"
        fi
    done
}

system=$(system_name)
# shellcheck disable=SC2046
install_missing $(build_packages "$system") $(test_packages "$system")
choose_compiler "$system"
say "# gpu_check of $(git rev-parse --short HEAD 2>/dev/null || echo "an unknown version"), $(date -u +%Y-%m-%dT%H:%MZ)"
say ""
say "$gpus GPU(s): $(nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader | paste -sd ';')"
say "$("$nvcc" --version | grep release)"
say ""
say "| check | result | time | last line |"
say "|---|---|---|---|"
nvidia-smi -q >"$out/nvidia-smi.log" 2>&1

check configure configure || stop "the build cannot be configured: see $out/configure.log"
check build cmake --build "$build" || stop "the build failed: see $out/build.log"
check resources "$bin/resources"
check tests ctest --test-dir "$build" --output-on-failure -R '^cuda'
prove_kernels
sanitize
train_and_compare
measure
say ""
say "$failed of the checks failed. Logs: $out"
[ "$failed" -eq 0 ]
