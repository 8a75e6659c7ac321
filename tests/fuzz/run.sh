#!/usr/bin/env bash
# Looks for inputs that break a parser, with libFuzzer under the address and undefined-behaviour sanitizers.
#
#     tests/fuzz/run.sh TARGET SECONDS     one target, NAME.cpp of this folder
#     tests/fuzz/run.sh all SECONDS        each of them in turn
#
# It builds the preset "fuzz" (clang). What it learns stays in build/fuzz/found/TARGET, and a finding in
# build/fuzz/findings/TARGET-*: mend it, and put the input in corpus/TARGET, which the ordinary tests replay. Exit code 1 where
# there was a finding.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ $# -ne 2 ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: tests/fuzz/run.sh TARGET|all SECONDS" >&2
    exit 2
fi
all=$(find tests/fuzz -maxdepth 1 -name '*.cpp' ! -name '*_test.cpp' ! -name '*_support.cpp' -printf '%f\n' | sed 's/\.cpp$//' | sort)
targets=$1
[ "$targets" = all ] && targets=$all
for target in $targets; do
    grep -qx -- "$target" <<<"$all" || { echo "there is no target '$target'; there are: ${all//$'\n'/, }" >&2; exit 2; }
done

[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
# shellcheck disable=SC2086  # a list of words
cmake --build build/fuzz --target $(printf 'fuzz_%s ' $targets)
mkdir -p build/fuzz/findings
found=0
for target in $targets; do
    learnt=build/fuzz/found/$target
    mkdir -p "$learnt"
    # A limit on memory and on the time of one input: a parser has to be frugal too.
    echo "$target: $2 seconds"
    if ! build/fuzz/bin/fuzz_"$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=1500 -close_fd_mask=1 -print_final_stats=1 \
        -artifact_prefix=build/fuzz/findings/"$target"- "$learnt" tests/fuzz/corpus/"$target" \
        2>build/fuzz/findings/"$target".log; then
        echo "$target: a finding; see build/fuzz/findings/$target.log" >&2
        found=1
    fi
    grep -E '^stat::number_of_executed_units|^stat::peak_rss_mb|ERROR|SUMMARY' build/fuzz/findings/"$target".log || true
done
exit $found
