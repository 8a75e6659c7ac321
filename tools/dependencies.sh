# shellcheck shell=bash disable=SC2119,SC2120  # system_name is called with and without a file
# What Vitrine needs of the system, installing it, and building. Sourced by the scripts of tools/ and tests/.

# The packages' names where they are the same everywhere.
vitrine_build_packages="cmake ninja-build pkg-config libhwy-dev libdnnl-dev libfmt-dev libcli11-dev nlohmann-json3-dev
    zlib1g-dev libjpeg-dev libpng-dev libwebp-dev libgif-dev libtiff-dev libstb-dev libxxhash-dev libtomlplusplus-dev
    libzip-dev libcsv-dev libarchive-dev libonnx-dev libprotobuf-dev libboost-dev libboost-context-dev fonts-dejavu-core"
vitrine_test_packages="libdw-dev libcpp-httplib-dev libopenmpi-dev openmpi-bin doctest-dev clang-format ccache git python3"

# system_name [OS_RELEASE]: debian, ubuntu-22.04, ubuntu, or nothing for a system whose package names nobody has looked up.
# Systems made from these (Linux Mint, Raspberry Pi OS) say so in ID_LIKE.
system_name() {
    (
        ID="" ID_LIKE="" UBUNTU_CODENAME=""
        [ -r "${1:-/etc/os-release}" ] || exit 0
        # shellcheck disable=SC1090
        . "${1:-/etc/os-release}"
        for name in $ID $ID_LIKE; do
            case "$name-$UBUNTU_CODENAME" in
                ubuntu-jammy) echo ubuntu-22.04 && exit 0 ;;
                ubuntu-*) echo ubuntu && exit 0 ;;
                debian-*) echo debian && exit 0 ;;
            esac
        done
    )
}

# build_packages SYSTEM: what it takes to build and train.
build_packages() {
    case "$1" in
        # Its own g++ is 11, older than what Vitrine is built with.
        ubuntu-22.04) echo "g++-12 $vitrine_build_packages python3 python3-numpy python3-pil" ;;
        # No package has Fashion-MNIST: quickstart.sh draws images in Python.
        ubuntu) echo "g++ $vitrine_build_packages python3 python3-numpy python3-pil" ;;
        debian) echo "g++ $vitrine_build_packages dataset-fashion-mnist" ;;
    esac
}

# test_packages SYSTEM: what the tests want beyond that.
test_packages() {
    case "$1" in
        ubuntu*) echo "$vitrine_test_packages" ;; # Chromium is no package there: the page's test is skipped, and says so
        debian) echo "$vitrine_test_packages chromium-headless-shell mmdebstrap" ;;
    esac
}

# choose_compiler SYSTEM: for a first configuration, where the user has not chosen.
choose_compiler() {
    # nvcc would take the g++ that it finds.
    [ "$1" != ubuntu-22.04 ] || export CXX="${CXX:-g++-12}" CUDAHOSTCXX="${CUDAHOSTCXX:-${CXX:-g++-12}}"
}

# as_root COMMAND…: with sudo where that is needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "Missing packages, and neither root nor sudo to install them: $*" >&2
        exit 2
    fi
}

# Names what only the user can install, and stops where the build cannot even begin.
explain_unknown_system() {
    local missing=""
    for program in g++ cmake ninja; do
        command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
    done
    if [ -n "$missing" ]; then
        echo "This is neither Debian nor Ubuntu: please install by hand the programs:$missing" >&2
        exit 2
    fi
    echo "This is neither Debian nor Ubuntu: CMake names each library that is missing." >&2
}

# install_missing PACKAGE…: installs those that are missing. Nothing is asked of the network where none is.
install_missing() {
    [ $# -gt 0 ] || { explain_unknown_system && return; }
    local missing="" unknown="" package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "Installing:$missing" >&2
    as_root apt-get update -qq
    for package in $missing; do
        apt-cache show "$package" >/dev/null 2>&1 || unknown="$unknown $package"
    done
    if [ -n "$unknown" ]; then
        echo "This system's package lists have none of these, which Vitrine needs:$unknown" >&2
        exit 2
    fi
    # shellcheck disable=SC2086  # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# Where the CUDA compiler is; nothing where there is none.
find_nvcc() {
    local candidate
    for candidate in "${CUDACXX:-}" "$(command -v nvcc)" "${CUDA_PATH:-}/bin/nvcc" "${CUDA_HOME:-}/bin/nvcc" \
        /usr/local/cuda/bin/nvcc; do
        [ -n "$candidate" ] && [ -x "$candidate" ] && echo "$candidate" && return
    done
    return 0
}

# The compute capabilities of the GPUs of this machine as CMake wants them (75;90); nothing where there is none.
gpu_architectures() {
    { nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null || true; } | sed -n 's/^\([0-9]*\)\.\([0-9]*\)$/\1\2/p' |
        sort -nu | paste -sd ';'
}

# Configures a preset, saying which devices that is and which image formats it does without, and builds it.
build_preset() {
    choose_compiler "$(system_name)"
    cmake --preset "$1" | sed -n 's/^-- \(.*cuda device.*\|.*will not read.*\|.*will not write.*\|.*will not serve.*\)/\1/p'
    cmake --build "build/$1" ${2:+--target "${@:2}"}
}
