#!/usr/bin/env bash
# Installs what is missing, builds and tests everything: the unit tests, the programs, gradcheck on every device that needs no GPU,
# the architecture's rules; and, under the address and undefined-behaviour sanitizers, whatever reads files or messages. Where nvcc is
# found, the cuda device is built too and the resources of its kernels are tested; what needs a GPU is in tools/gpu_check.sh.
#
# Of the checks for undefined behaviour the asan preset leaves out null, object-size and vptr, which would nearly double its
# build: the address sanitizer stops at a null pointer and outside an object as well.
#
#     tools/test.sh            all of this
#     tools/test.sh --full     all of it under the sanitizers too, which takes as long again
#     tools/test.sh --quick    without the sanitizers
#     tools/test.sh --quick --only 'data|engine'    the test programs whose names match
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/dependencies.sh

sanitizers=some
only="."
while [ $# -gt 0 ]; do
    case "$1" in
        --quick) sanitizers=none ;;
        --full) sanitizers=all ;;
        --only)
            [ $# -gt 1 ] || { echo "tools/test.sh: --only needs a regular expression of test programs" >&2; exit 2; }
            only=$2
            shift
            ;;
        *) echo "tools/test.sh: unknown argument '$1': --full, --quick and --only REGEX are allowed" >&2; exit 2 ;;
    esac
    shift
done

# run_tests PRESET ARGUMENTS…: those whose names match.
run_tests() {
    (cd "build/$1" && ctest --output-on-failure --parallel "$(nproc)" --tests-regex "$only" "${@:2}")
}

system=$(system_name)
# shellcheck disable=SC2046
install_missing $(build_packages "$system") $(test_packages "$system")
build_preset release
run_tests release
case $sanitizers in
    all)
        build_preset asan
        run_tests asan
        ;;
    some)
        build_preset asan sanitized # a target and a label of tests/CMakeLists.txt
        run_tests asan --label-regex '^sanitized$'
        ;;
esac
