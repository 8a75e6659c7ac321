#!/usr/bin/env bash
# The kernel files compile twice, with nvcc and as host C++, and both lie in one program: what both define under one name, the
# linker keeps once, for both devices. launch() has to be two functions.
#
#     one_definition_test.sh LIBRARY_OF_NVCC LIBRARY_OF_HOST_CPP
set -euo pipefail

# launches LIBRARY: the launch functions that it defines, of all argument types.
launches() { nm -C --defined-only "$1" | sed -n 's/^[0-9a-f]* [TWVu] \(.*\blaunch<.*\)/\1/p' | sort -u; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
launches "$1" >"$folder/nvcc"
launches "$2" >"$folder/host"
for side in nvcc host; do
    [ -s "$folder/$side" ] || { echo "no launch function is defined in the library of $side" && exit 1; }
done
both=$(comm -12 "$folder/nvcc" "$folder/host")
[ -z "$both" ] || { printf 'defined in both libraries:\n%s\n' "$both" && exit 1; }
echo "$(wc -l <"$folder/nvcc") and $(wc -l <"$folder/host") launch functions, none of one name"
