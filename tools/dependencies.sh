# What Vitrine needs of the system, and installing it. Sourced by quickstart.sh and test.sh.

vitrine_build_packages="g++ cmake ninja-build pkg-config libhwy-dev libdnnl-dev libfmt-dev libcli11-dev
    nlohmann-json3-dev zlib1g-dev libjpeg62-turbo-dev libpng-dev libstb-dev libxxhash-dev libtomlplusplus-dev libboost-dev libboost-context-dev libdw-dev fonts-dejavu-core
    doctest-dev dataset-fashion-mnist"
vitrine_test_packages="clang-format ccache git python3 chromium-headless-shell"

# Installs the named Debian packages that are missing; elsewhere says what is needed and stops.
install_missing() {
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        for program in g++ cmake ninja; do
            command -v "$program" >/dev/null 2>&1 || missing_programs="${missing_programs:-} $program"
        done
        if [ -n "${missing_programs:-}" ]; then
            echo "This is not a Debian system: please install by hand the programs:$missing_programs" >&2
            exit 2
        fi
        echo "This is not a Debian system: CMake names each library that is missing." >&2
        return
    fi
    local missing=""
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -z "$missing" ] && return
    local as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "Missing packages, and neither root nor sudo to install them: apt-get install$missing" >&2
            exit 2
        fi
        as_root=sudo
    fi
    echo "Installing:$missing" >&2
    $as_root apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# Configures (once) and builds a preset. The CUDA toolkit is never installed: where there is one the cuda device is built,
# and which of the two it was is said.
build_preset() {
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1" | sed -n 's/^-- \(.*cuda device.*\)/\1/p'
    cmake --build "build/$1"
}
