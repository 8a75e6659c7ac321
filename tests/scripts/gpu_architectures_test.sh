#!/usr/bin/env bash
# The GPUs that the build makes machine code for, by what nvidia-smi says is here and nvcc can: stand-ins for both.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

cat >"$folder/ask.cmake" <<EOF
include($PWD/cmake/GpuArchitectures.cmake)
vitrine_gpu_architectures(found $folder/nvcc)
message("found: \${found}")
EOF
printf '#!/bin/sh\nprintf "sm_75\\nsm_80\\nsm_89\\nsm_90\\nsm_100\\n"\n' >"$folder/nvcc"
chmod +x "$folder/nvcc"

# nvidia_smi TEXT STATUS: what the stand-in says.
nvidia_smi() {
    printf '#!/bin/sh\nprintf "%s"\nexit %s\n' "$1" "$2" >"$folder/nvidia-smi"
    chmod +x "$folder/nvidia-smi"
}

# expect WHAT WANTED: a line that CMake must say, as a pattern.
expect() {
    said=$(PATH="$folder:/usr/bin:/bin" cmake -P "$folder/ask.cmake" 2>&1)
    printf "%s\n" "$said" | grep -qx -- "$2" && return
    echo "$1: not '$2' but '$said'"
    failed=$((failed + 1))
}

[ -x /usr/bin/nvidia-smi ] || expect "no driver" "found: "
nvidia_smi '8.9\n' 0
expect "one GPU" "found: 89"
nvidia_smi '10.0\n8.9\n8.9\n7.5\n' 0
expect "four GPUs of three kinds" "found: 75;89;100"
nvidia_smi 'No devices were found\n' 6
expect "no GPU" "found: "
nvidia_smi '[N/A]\n' 0
expect "a GPU that does not say" "found: "
nvidia_smi '13.0\n9.0\n' 0
expect "a GPU that nvcc does not know" "found: 90"
expect "and it is said" ".*A GPU of compute capability 13.0 is here: this nvcc makes no code for it.*"
nvidia_smi '6.1\n' 0
expect "a GPU that is too old" "found: "
expect "and it is said" ".*the kernels need 7.5 or newer"

# expect_code ARCHITECTURES FORMS CODE: what is compiled for them.
expect_code() {
    cat >"$folder/code.cmake" <<EOF
include($PWD/cmake/GpuArchitectures.cmake)
vitrine_gpu_code(forms code "$1")
message("\${forms} \${code}")
EOF
    said=$(cmake -P "$folder/code.cmake" 2>&1)
    [ "$said" = "$2 $3" ] && return
    echo "for $1: not '$2 $3' but '$said'"
    failed=$((failed + 1))
}
expect_code "75" "75-virtual" "--generate-code=arch=compute_75,code=sm_75"
expect_code "90" "80-virtual" "--generate-code=arch=compute_80,code=sm_90"
expect_code "75;80;120" "75-virtual;80-virtual" \
    "--generate-code=arch=compute_75,code=sm_75;--generate-code=arch=compute_80,code=sm_80;--generate-code=arch=compute_80,code=sm_120"

[ "$failed" -eq 0 ] && echo "machine code is made for the GPUs that are here"
