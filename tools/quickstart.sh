#!/usr/bin/env bash
# From a fresh clone to a trained network: installs what is missing, builds, trains BasicBlockNet on Fashion-MNIST and
# prints its test accuracy and the run's folder. Arguments are passed on to train: tools/quickstart.sh --epochs 2
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/dependencies.sh

# shellcheck disable=SC2086
install_missing $vitrine_build_packages
build_preset release
exec build/release/bin/train "$@"
