#!/usr/bin/env bash
# Proves the README's two commands on a machine that has nothing: HEAD is cloned into a minimal Debian, where the first
# command trains for a few steps, and the second's build and a few of its quick test programs run.
#
#     tests/fresh_machine.sh            as above, in Debian 12 (bookworm); this machine's compiler cache, if there is one, is mounted
#                                       into it
#     tests/fresh_machine.sh trixie     in Debian 13, whose compiler and libraries are others
#     tests/fresh_machine.sh --whole    both commands whole and without a compiler cache, with their times
#
# The packages come from where this machine's own come from. The minimal system is kept for a day in ~/.cache/vitrine. What is
# not committed is not tried. Exit code: 0 where it holds, or where it cannot be tried for a reason that is said; 1 where
# something is missing or fails there. With CI=true not being able to try is a failure too, but for registries that do not
# answer: that proves nothing either way.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/dependencies.sh

whole=no
release=bookworm
for argument; do
    case "$argument" in
        --whole) whole=yes ;;
        bookworm | trixie) release=$argument ;;
        *) echo "tests/fresh_machine.sh: unknown argument '$argument': bookworm, trixie and --whole are allowed" >&2; exit 2 ;;
    esac
done

readonly patience=600 # seconds that registries have to answer
readonly base=${XDG_CACHE_HOME:-$HOME/.cache}/vitrine/fresh_machine/debian-$release.tar

say() { echo "fresh_machine: $1"; }

# cannot REASON: skipped, and said so by name; in CI it must run.
cannot() {
    say "skipped: $1"
    [ "${CI:-}" != true ] || exit 1
    exit 0
}

# Whether a log tells of a registry that did not answer, rather than of a package that is not there.
tells_of_the_network() {
    grep -Eq 'Failed to fetch|Could not resolve|Temporary failure|Connection (failed|timed out|refused)|Unable to connect|Some index files failed' "$1"
}

# with_patience LOG COMMAND…: again and again while the network is what fails; gives up with a word that nothing is proven.
with_patience() {
    local log=$1 begin=$SECONDS
    shift
    until "$@" >"$log" 2>&1; do
        if ! tells_of_the_network "$log"; then
            grep -E -A 5 '(error|ERROR):' "$log" | head -n 60 || true
            tail -n 30 "$log"
            return 1
        fi
        if [ $((SECONDS - begin)) -ge "$patience" ]; then
            say "not proven: the package registries did not answer for $patience seconds"
            exit 0
        fi
        sleep 20
    done
}

# The sources of Debian's packages that this machine has, for the release that is wanted; its apt configuration comes along, for
# proxies and the like.
make_base() {
    local sources=() include="" file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        grep -Eqs '/debian' "$file" || continue
        mkdir -p "$work/sources"
        sed "s/\b$own_release\b/$release/g" "$file" >"$work/sources/$(basename "$file")"
        sources+=("$work/sources/$(basename "$file")")
    done
    ! grep -Eqs '^[^#]*https:' "${sources[@]}" || include=--include=ca-certificates
    # shellcheck disable=SC2016  # $1 is mmdebstrap's
    with_patience "$work/base.log" mmdebstrap --mode=root --variant=minbase $include \
        --setup-hook='mkdir -p "$1/etc/apt" && cp -a /etc/apt/apt.conf.d /etc/apt/auth.conf.d "$1/etc/apt/"' \
        "$release" "$work/base.tar" "${sources[@]}" || { say "FAILED: the minimal Debian cannot be made"; exit 1; }
    mv "$work/base.tar" "$base"
}

# inside COMMAND…: as root in the minimal system, with nothing of this machine's environment but the way to the network. The
# mounts end with the process.
inside() {
    unshare --mount --pid --fork --kill-child bash -euc '
        root=$1; cache=$2; shift 2
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        if [ -n "$cache" ]; then mkdir -p "$root/ccache"; mount --bind "$cache" "$root/ccache"; fi
        exec chroot "$root" "$@"' inside "$root" "$compiler_cache" \
        env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb CCACHE_DIR=/ccache \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        "$@"
}

# step NAME SCRIPT: a script in the clone; its time is said.
step() {
    local begin=$SECONDS
    local log=$work/${1//[^a-z_.]/-}.log
    with_patience "$log" inside bash -c "cd /root/vitrine && $2" || { say "FAILED: $1"; exit 1; }
    say "$1: $((SECONDS - begin)) s"
    grep -E '^(best val_accuracy|100% tests passed|The following tests did not run|.*\(Skipped\))' "$log" || true
}

[ "$(id -u)" -eq 0 ] || cannot "only root can make a system to try it in"
[ "$(system_name)" = debian ] || cannot "it takes the packages from where a Debian system has them, and this is none"
own_release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$own_release" ] || cannot "this Debian's release has no name by which its package sources could be asked for another"
if ! command -v mmdebstrap >/dev/null 2>&1; then
    [ "${CI:-}" = true ] && install_missing mmdebstrap
    command -v mmdebstrap >/dev/null 2>&1 || cannot "mmdebstrap is not installed"
fi
unshare --mount true 2>/dev/null || cannot "this system lets nobody mount"

work=$(mktemp -d "${TMPDIR:-/tmp}/fresh_machine.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
mkdir -p "$(dirname "$base")" "$root"
[ -n "$(find "$base" -mmin -1440 2>/dev/null)" ] || make_base
tar -xf "$base" -C "$root" --exclude='./dev/*'
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
git clone -q --no-hardlinks "file://$PWD" "$root/root/vitrine"

compiler_cache=""
if [ "$whole" = no ] && command -v ccache >/dev/null 2>&1; then
    compiler_cache=$(ccache --get-config cache_dir)
    mkdir -p "$compiler_cache"
fi

if [ "$whole" = no ]; then
    [ -z "$compiler_cache" ] || step "a compiler cache" "apt-get update -qq && apt-get install -y -qq --no-install-recommends ccache"
    step "tools/quickstart.sh to 20 steps" "tools/quickstart.sh --max-steps 20 --out /tmp/run"
    step "tools/test.sh, a few of its programs" "tools/test.sh --quick --only '^(architecture|engine|models|gradcheck_reference|gradcheck_cpu)$'"
else
    step "tools/quickstart.sh to the first step" "tools/quickstart.sh --max-steps 1 --out /tmp/run"
    step "tools/quickstart.sh, the training" "tools/quickstart.sh"
    step "tools/test.sh" "tools/test.sh"
fi
say "passed"
