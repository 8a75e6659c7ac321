#!/usr/bin/env bash
# Stands in for nvidia-smi, nvcc, cmake, compute-sanitizer, dpkg-query, mpirun, a Python with PyTorch, and Vitrine's own programs: says
# what they say, at once. Links of those names lead here.
#
# STAND_IN holds lines "PATTERN => ACTION": the first whose pattern fits the event (a line such as "gradcheck add" or
# "train mobilenet_v2 cuda") decides. Actions: "exit N [TEXT]", "hang", "signal NAME", "slow SECONDS", "say TEXT".
name=${0##*/}

# option NAME ARGUMENTS…: the value that follows it.
option() {
    local wanted=$1
    shift
    while [ $# -gt 1 ]; do
        [ "$1" != "$wanted" ] || { printf '%s' "$2" && return; }
        shift
    done
}

if [ "$name" = mpirun ]; then
    [ "$1" != --version ] || { echo "${STAND_IN_MPI:-mpirun (Open MPI) 4.1.4}" && exit; }
    while [[ $1 != /* ]]; do shift; done # its own options
    exec "$@"                            # one process of them is enough
fi

blocking=${CUDA_LAUNCH_BLOCKING:+ blocking}
case "$name" in
    nvidia-smi) event="nvidia-smi $1" ;;
    nvcc) event="nvcc" ;;
    dpkg-query) event="dpkg-query ${*: -1}" ;;
    cmake) [ "$1" = --build ] && event="cmake build" || event="cmake configure" ;;
    compute-sanitizer) event="compute-sanitizer ${1#--} $(option --tool "$@") $(option --op "$@")" ;;
    gradcheck) case " $* " in *" --list "*) event="gradcheck list" ;; *) event="gradcheck $(option --op "$@")$blocking" ;; esac ;;
    train) event="train $(option --model "$@") $(option --device "$@") $(basename "$(option --out "$@")")" ;;
    bench) event="bench $1 $([ "$1" = op ] && echo "$2" || echo "$(option --model "$@") $(option --batch-size "$@")")" ;;
    python-with-torch) [ "$1" = -c ] && event="torch versions" || event="torch $(option --model "$@") $(option --precision "$@")" ;;
    *) event="$name $*" ;;
esac
[ -z "${STAND_IN_EVENTS:-}" ] || echo "$event" >>"$STAND_IN_EVENTS"

said=""
while IFS= read -r rule; do
    pattern=${rule%% => *} action=${rule#* => }
    # shellcheck disable=SC2053  # a pattern
    [ -n "$rule" ] && [[ $event == $pattern ]] || continue
    read -r word value text <<<"$action"
    case "$word" in
        exit) [ -z "$text" ] || echo "$text" && exit "$value" ;;
        hang) sleep 1000 & wait ;; # a child that has to go as well
        signal) kill -s "$value" $$ && sleep 1 ;;
        slow) sleep "$value" ;;
        say) said="$value $text" ;;
    esac
    break
done <<<"$STAND_IN"

programs() {
    local program
    mkdir -p "$1/bin"
    for program in train gradcheck bench resources models_tests transforms_tests engine_tests; do
        ln -sf "$STAND_IN_PROGRAM" "$1/bin/$program"
    done
}

gradcheck_lines() {
    local implementation
    for implementation in packs elements cudnn; do
        echo "{\"status\":\"$([ $implementation = cudnn ] && echo refused || echo ok)\",\"op\":\"$1_forward\",\"implementation\":\"$implementation\",\"type\":\"f32\",\"shape\":\"[7]\"}"
    done
    echo '{"passed":2,"failed":0}'
}

# The files of a run: losses and weights that depend on the model, and on the device a little.
run_files() {
    local model=$1 device=$2 folder=$3 digits=0
    [ "$device" = cuda ] || digits=00001
    mkdir -p "$folder/checkpoints"
    # The first run of a folder that is to be killed waits for that; the next one goes on and ends.
    if [[ $folder == *killed-* && ! -e $folder/begun && -z ${STAND_IN_QUICK:-} ]]; then
        touch "$folder/begun" "$folder/checkpoints/step-1"
        sleep 1000
    fi
    loss="1.20${digits}0"
    [ -z "$said" ] || loss=$said
    printf '{"epoch":1,"train_loss":2.3,"val_loss":2.2}\n{"epoch":2,"train_loss":%s,"val_loss":1.1}\n' "$loss" >"$folder/metrics.jsonl"
    echo "steps of $model" >"$folder/steps.jsonl"
    echo "weights of $model on $device ${said:+after $said}" >"$folder/last.safetensors"
    echo '{"event":"end","best_val_accuracy":0.95,"best_epoch":2}'
}

case "$name" in
    nvidia-smi)
        case "$1" in
            --query-gpu=index) printf '%s\n' ${STAND_IN_GPUS:-0} ;;
            --query-gpu=uuid) for gpu in ${STAND_IN_GPUS:-0}; do echo "GPU-aaaa-$gpu"; done ;;
            --query-gpu=name) for gpu in ${STAND_IN_GPUS:-0}; do echo "NVIDIA Stand-In $gpu"; done ;;
            --query-gpu=driver_version) for gpu in ${STAND_IN_GPUS:-0}; do echo 580.1; done ;;
            --query-gpu=compute_cap) for gpu in ${STAND_IN_GPUS:-0}; do echo "${said:-8.6}"; done | tr -d ' ' ;;
            --query-gpu=memory.total) for gpu in ${STAND_IN_GPUS:-0}; do echo 4096; done ;;
            *) echo "==============NVSMI LOG==============" ;;
        esac
        ;;
    nvcc) printf 'nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 13.0, V13.0.88\n' ;;
    dpkg-query) echo installed ;;
    cmake)
        if [ "$1" = --build ]; then
            programs "$2"
        else
            echo "-- ${said:-The cuda device: nvcc 13.0.88 for 86, with cuDNN and cuBLAS as rivals}"
        fi
        ;;
    compute-sanitizer)
        case " $* " in
            *" --help "*) echo "  --kernel-name arg      Filter. --kernel-name-exclude arg" ;;
            *) printf '========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n' ;;
        esac
        ;;
    gradcheck)
        case "$event" in
            *list) printf '%s_forward: packs elements cudnn\n' add dense_conv max_pool ;;
            *) gradcheck_lines "$(option --op "$@")" ;;
        esac
        ;;
    train) run_files "$(option --model "$@")" "$(option --device "$@")" "$(option --out "$@")" ;;
    bench)
        if [ "$1" = op ]; then
            echo "{\"op\":\"$2\",\"kernels\":[{\"kernel\":\"$2_forward\",\"shapes\":[],\"totals\":[{\"name\":\"packs\",\"layers\":3,\"seconds_median\":0.001,\"gflops\":0,\"gbytes_per_second\":900,\"share_of_peak\":0.75,\"limit\":\"memory\"}]}]}"
        elif [ "$(option --steps "$@")" = 1 ] && [ "$(option --batch-size "$@")" -gt 8 ]; then
            echo "bench: out of device memory: 900 MiB were asked for" >&2
            exit 2
        else
            echo "{\"model\":\"$(option --model "$@")\",\"image_size\":$(option --image-size "$@"),\"batch_size\":$(option --batch-size "$@"),\"seconds_median\":0.004,\"peak_gflops\":1000,\"peak_gbytes_per_second\":800}"
        fi
        ;;
    python-with-torch)
        if [ "$1" = -c ]; then
            echo "${said:-{\"torch\":\"2.9.0\",\"torchvision\":\"0.24\",\"cuda\":true\}}"
        else
            echo "{\"model\":\"$(option --model "$@")\",\"image_size\":$(option --image-size "$@"),\"batch_size\":$(option --batch-size "$@"),\"seconds_median\":0.008}"
        fi
        ;;
    resources) echo "kernels: 200, none spills" ;;
    *_tests) printf '[doctest] test cases:  2 |  2 passed | 0 failed | 7 skipped\n[doctest] assertions: 99 | 99 passed | 0 failed |\n' ;;
esac
