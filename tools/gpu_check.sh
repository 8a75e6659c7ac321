#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one command: builds for the GPU of this machine, proves every kernel on it, trains,
# runs it all under compute-sanitizer, and measures. Leaves a folder with summary.md, results.json and a log of each check.
#
#     tools/gpu_check.sh            into gpu_check-DATE-TIME, in 15 minutes
#     tools/gpu_check.sh --help     what else there is
#
# Exit code: 0 if every check passed or was skipped for a stated reason, 1 if one failed, 2 if there is no GPU or no nvcc.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd) || exit 2
source "$root/tools/dependencies.sh"
command -v python3 >/dev/null 2>&1 || install_missing python3
exec python3 "$root/tools/gpu_check" "$@"
