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
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/dependencies.sh

presets="release asan"
case "${1:-}" in
    "") ;;
    --quick) presets="release" ;;
    *) echo "tools/test.sh: unknown argument '$1': only --quick is allowed" >&2; exit 2 ;;
esac

# shellcheck disable=SC2086
install_missing $vitrine_build_packages $vitrine_test_packages
for preset in $presets; do
    build_preset "$preset"
    (cd "build/$preset" && ctest --output-on-failure --parallel "$(nproc)")
done
