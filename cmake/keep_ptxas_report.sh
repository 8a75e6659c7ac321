#!/bin/sh
# Runs a compile command of nvcc and keeps what `ptxas -v` says of the kernels (registers, spills, shared memory) in
# OBJECT.ptxas, for lab/resources. Everything else that the compiler says goes on to the standard error.
object=""
previous=""
for argument in "$@"; do
    [ "$previous" = "-o" ] && object=$argument
    previous=$argument
done
[ -n "$object" ] || exec "$@"

said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
"$@" 2>"$said"
status=$?
about_kernels='^ptxas info|^    [0-9]+ bytes stack frame'
grep -E "$about_kernels" "$said" >"$object.ptxas"
grep -Ev "$about_kernels" "$said" >&2
exit $status
