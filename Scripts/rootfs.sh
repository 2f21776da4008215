# Read by Scripts/bench: an image of 1 GiB, imported by the command line, beside tar's own unpacking of the same.
# shellcheck shell=bash

# 960 files of 1 MiB and 16,384 of 4 KiB, which no compression makes smaller; a file of its own makes each archive another image.
rootfs_archives() {
    python3 - "$work/tree" <<'PYTHON'
import os
import sys

top = sys.argv[1]
for folder, count, size in [("large", 960, 1 << 20), ("small", 16_384, 4_096)]:
    for number in range(count):
        place = f"{top}/{folder}/{number % 64}"
        os.makedirs(place, exist_ok=True)
        with open(f"{place}/{number}", "wb") as file:
            file.write(os.urandom(size))
PYTHON
    local kind
    for kind in plain zstd gzip layer; do
        mkdir "$work/$kind" && echo "$kind" >"$work/$kind/kind"
        tar -cf "$work/$kind.tar" -C "$work/tree" . -C "$work/$kind" kind
    done
    zstd -q -1 --rm "$work/zstd.tar" -o "$work/zstd.tar.zst"
    gzip -1 "$work/gzip.tar"
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:one"
    umoci raw add-layer --image "$work/layout:one" "$work/layer.tar"
    rm -r "$work/tree" "$work/layer.tar"
    sync
}

rootfs_rows() {
    rootfs_archives
    local kind
    printf '%-44s%10s%10s%12s%12s%12s\n' "1 GiB in 17,344 files" seconds MiB/s "client MiB" "panald MiB" "panald CPU s"
    for kind in plain.tar zstd.tar.zst gzip.tar.gz; do
        measured "unpacked by tar, $kind, and written out" \
            sh -c 'mkdir "$1" && tar -xf "$2" -C "$1" && sync -f "$1"' sh "$work/unpacked" "$work/$kind"
        rm -r "$work/unpacked"
        measured "imported, $kind" sh -c 'exec "$@" >/dev/null 2>&1' sh "$binaries/panal" rootfs import "$work/$kind"
        rm "$work/$kind"
    done
    measured "imported, oci:layout (gzip)" sh -c 'exec "$@" >/dev/null 2>&1' sh "$binaries/panal" rootfs import "oci:$work/layout:one"
    rm -r "$work/layout"
}
