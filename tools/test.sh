#!/usr/bin/env bash
# Installs what is missing, builds and runs every test: the unit tests, gradcheck on every device that needs no GPU, the rules
# of the house, and the unit tests once more under the address and undefined-behaviour sanitizers. Where nvcc is found, the
# cuda device is built too and the resources of its kernels are tested; what needs a GPU is in tools/gpu_check.sh.
#
# Of the checks for undefined behaviour the asan preset leaves out null, object-size and vptr, which would nearly double its
# build: the address sanitizer stops at a null pointer and outside an object as well.
#
#     tools/test.sh            everything
#     tools/test.sh --quick    without the sanitizers
#     tools/test.sh --quick --only 'data|engine'    the test programs whose names match
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/dependencies.sh

presets="release asan"
only="."
while [ $# -gt 0 ]; do
    case "$1" in
        --quick) presets="release" ;;
        --only)
            [ $# -gt 1 ] || { echo "tools/test.sh: --only needs a regular expression of test programs" >&2; exit 2; }
            only=$2
            shift
            ;;
        *) echo "tools/test.sh: unknown argument '$1': --quick and --only REGEX are allowed" >&2; exit 2 ;;
    esac
    shift
done

system=$(system_name)
# shellcheck disable=SC2046
install_missing $(build_packages "$system") $(test_packages "$system")
for preset in $presets; do
    build_preset "$preset"
    (cd "build/$preset" && ctest --output-on-failure --parallel "$(nproc)" --tests-regex "$only")
done
