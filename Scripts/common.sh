# Read by the other scripts: what Panal needs on a Debian 12 machine, and how it gets there.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# To build: the Swift toolchain's own needs, and the libraries that Panal links.
build_packages=(
    ca-certificates curl gnupg git pkg-config binutils gcc libc6-dev libgcc-12-dev libstdc++-12-dev
    libcurl4 libncurses6 libxml2 tzdata
    libseccomp-dev libsqlite3-dev libarchive-dev zlib1g-dev
)
# To run the demo programs and the tests: what their cells find under /usr, and environments for client libraries.
demo_packages=(openssl python3 python3-pil python3-venv sox libsox-fmt-mp3 ffmpeg libgomp1 iproute2)
# To use the pages as people do.
browser_packages=(chromium fonts-dejavu-core)
# To make images that cells are tried in, and disks whose reading is limited.
image_packages=(busybox-static umoci e2fsprogs mount)
# To make images of Debian's packages.
recipe_packages=(mmdebstrap uidmap)
# To run the programs of Examples/, and their tests: about 90 MB more.
example_packages=(
    clustalo dateutils espeak-ng ffmpeg fonts-dejavu-core gnuplot-nox graphviz hmmer imagemagick jq libimage-exiftool-perl miller
    pandoc poppler-utils potrace povray povray-includes qpdf qrencode r-base-core sox libsox-fmt-mp3 sqlite3 tesseract-ocr
    tesseract-ocr-eng xsltproc
)
# To test control groups v2 in a virtual machine.
vm_packages=(qemu-system-x86 busybox-static cpio kmod xz-utils)
# To compare speed with.
bench_packages=(bubblewrap crun python3)
# To put cells under stress.
stress_packages=(stress-ng python3)

swift_version=6.3.1

say() { printf '== %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else
        command -v sudo >/dev/null || fail "root is needed for: $*"
        sudo "$@"
    fi
}

# Installs those of the named packages that are missing.
need_packages() {
    command -v apt-get >/dev/null || fail "this script installs packages by apt-get; install these yourself: $*"
    local missing=() package
    for package; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# Puts a Swift that can build Panal on PATH.
need_swift() {
    # Without it, packages with traits are rebuilt at random.
    export SWIFT_DETERMINISTIC_HASHING=1
    local folder
    for folder in "" /opt/swift/usr/bin; do
        if PATH="${folder:+$folder:}$PATH" swift_is_new_enough; then
            PATH="${folder:+$folder:}$PATH"
            return 0
        fi
    done
    install_swift
    PATH="/opt/swift/usr/bin:$PATH"
    swift_is_new_enough || fail "the Swift in /opt/swift does not run"
}

swift_is_new_enough() {
    command -v swift >/dev/null || return 1
    local found
    found=$(swift --version 2>/dev/null | grep -o 'Swift version [0-9.]*' | cut -d' ' -f3)
    [ -n "$found" ] && [ "$(printf '%s\n' 6.3 "$found" | sort -V | head -1)" = 6.3 ]
}

# The official toolchain, with its signature checked against the keys of swift.org.
install_swift() {
    [ -e /opt/swift ] && fail "/opt/swift holds a Swift older than 6.3; move it away, or put a newer one on PATH"
    [ "$(uname -m)" = x86_64 ] || fail "only x86-64 machines are served"
    grep -q '^VERSION_ID="12"' /etc/os-release || fail "put Swift $swift_version on PATH; it is installed by itself on Debian 12 only"
    local name="swift-$swift_version-RELEASE-debian12.tar.gz" folder
    local address="https://download.swift.org/swift-$swift_version-release/debian12/swift-$swift_version-RELEASE/$name"
    folder=$(mktemp -d)
    say "fetching Swift $swift_version (about 900 MB)"
    curl -fsSL --retry 3 -o "$folder/$name" "$address" || fail "$address cannot be fetched"
    curl -fsSL --retry 3 -o "$folder/$name.sig" "$address.sig" || fail "$address.sig cannot be fetched"
    curl -fsSL --retry 3 -o "$folder/keys" https://www.swift.org/keys/all-keys.asc || fail "swift.org's keys cannot be fetched"
    mkdir -m 700 "$folder/gnupg"
    gpg --homedir "$folder/gnupg" --quiet --import "$folder/keys" || fail "swift.org's keys cannot be read"
    gpg --homedir "$folder/gnupg" --quiet --verify "$folder/$name.sig" "$folder/$name" || fail "the signature of $name is wrong"
    as_root mkdir -p /opt/swift
    as_root tar -xzf "$folder/$name" -C /opt/swift --strip-components=1
    rm -rf "$folder"
}

# Builds each demo program that has something to build.
build_demos() {
    local script
    for script in "$root"/Demos/*/build.sh; do
        [ -e "$script" ] || continue
        (cd "$(dirname "$script")" && sh ./build.sh) || fail "$script failed"
    done
}

# A TCP port of 127.0.0.1 that nobody listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# wait_for_server URL PID: returns when the server answers; fails when its process ends first.
wait_for_server() {
    local try
    for try in $(seq 300); do
        curl -fs -o /dev/null "$1/healthz" && return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# make_key URL NAME PASSWORD LABEL: signs in and prints a new API key. What is secret stands in no list of processes.
make_key() {
    local answer
    answer=$(printf '{"name": "%s", "password": "%s", "label": "%s"}' "$(in_json "$2")" "$(in_json "$3")" "$(in_json "$4")" |
        curl -fsS -H 'Content-Type: application/json' --data-binary @- "$1/api/v1/sign-in") || return 1
    grep -o '"secret":"[^"]*"' <<<"$answer" | cut -d'"' -f4
}

in_json() { sed 's/[\\"]/\\&/g' <<<"$1"; }
