#!/usr/bin/env bash
# The packages that tools/dependencies.sh asks for on each system, told by its os-release.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dependencies.sh

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect WHAT IS WANTED
expect() {
    [ "$2" = "$3" ] && return
    echo "$1: '$2', not '$3'"
    failed=$((failed + 1))
}

# system_of LINE…: what an os-release of these lines is taken for.
system_of() {
    printf '%s\n' "$@" >"$folder/os-release"
    system_name "$folder/os-release"
}

# has SYSTEM PACKAGE: yes or no.
has() { case " $(build_packages "$1") $(test_packages "$1") " in *[[:space:]]"$2"[[:space:]]*) echo yes ;; *) echo no ;; esac; }

expect "Debian 12" "$(system_of 'ID=debian' 'VERSION_ID="12"')" debian
expect "Debian testing" "$(system_of 'ID=debian')" debian
expect "Raspberry Pi OS" "$(system_of 'ID=raspbian' 'ID_LIKE=debian' 'VERSION_ID="12"')" debian
expect "Ubuntu 22.04" "$(system_of 'ID=ubuntu' 'ID_LIKE=debian' 'UBUNTU_CODENAME=jammy')" ubuntu-22.04
expect "Ubuntu 24.04" "$(system_of 'ID=ubuntu' 'ID_LIKE=debian' 'UBUNTU_CODENAME=noble')" ubuntu
expect "Linux Mint 21" "$(system_of 'ID=linuxmint' 'ID_LIKE="ubuntu debian"' 'UBUNTU_CODENAME=jammy')" ubuntu-22.04
expect "Linux Mint 22" "$(system_of 'ID=linuxmint' 'ID_LIKE="ubuntu debian"' 'UBUNTU_CODENAME=noble')" ubuntu
expect "Fedora" "$(system_of 'ID=fedora' 'VERSION_ID=40')" ""
expect "no os-release" "$(system_name "$folder/none")" ""

for system in debian ubuntu ubuntu-22.04; do
    for package in cmake ninja-build libjpeg-dev libwebp-dev libgif-dev libtiff-dev libdnnl-dev libhwy-dev libcsv-dev libarchive-dev libzip-dev \
        libonnx-dev libprotobuf-dev libcpp-httplib-dev doctest-dev; do
        expect "$system: $package" "$(has "$system" "$package")" yes
    done
    # Of Debian alone, and what oneDNN's own CMake files would ask for.
    expect "$system: libjpeg62-turbo-dev" "$(has "$system" libjpeg62-turbo-dev)" no
    expect "$system: ocl-icd-opencl-dev" "$(has "$system" ocl-icd-opencl-dev)" no
    # Either the images as a package, or what draws some.
    expect "$system: Fashion-MNIST" "$(has "$system" dataset-fashion-mnist)$(has "$system" python3-pil)" \
        "$([ "$system" = debian ] && echo yesno || echo noyes)"
    expect "$system: Chromium" "$(has "$system" chromium-headless-shell)" "$([ "$system" = debian ] && echo yes || echo no)"
done
expect "the compiler of Ubuntu 22.04" "$(has ubuntu-22.04 g++-12)$(has ubuntu-22.04 g++)" yesno
expect "the compiler of Ubuntu 24.04" "$(has ubuntu g++)" yes

# What nvidia-smi says becomes what CMake takes; CMake before 3.24 knows no "native".
nvidia-smi() { printf '%s\n' "$capabilities"; }
capabilities=$'8.9\n8.9\n7.5'
expect "three GPUs of two kinds" "$(gpu_architectures)" "75;89"
capabilities="No devices were found"
expect "no GPU" "$(gpu_architectures)" ""
capabilities="[N/A]"
expect "a GPU that does not say" "$(gpu_architectures)" ""

[ "$failed" -eq 0 ] && echo "the packages of each system are as they should be"
