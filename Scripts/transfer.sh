# Read by Scripts/bench: a large file up and down, how fast, and in how much memory.
# shellcheck shell=bash

transfer_size=$((1 << 30))

# measured NAME COMMAND…: runs a command and prints a row: seconds, MiB/s, the highest resident memory of it and of the server.
measured() {
    local name=$1
    shift
    # The server's own highest mark begins anew here.
    echo 5 >"/proc/$server/clear_refs"
    python3 - "$transfer_size" "$server" "$name" "$@" <<'PYTHON'
import os
import sys
import time

size, server, name, command = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]


def ticks():
    with open(f"/proc/{server}/stat") as file:
        return sum(int(word) for word in file.read().rsplit(")", 1)[1].split()[11:13])


def peak():
    with open(f"/proc/{server}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


before, begin = ticks(), time.monotonic()
child = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(child, 0)
took = time.monotonic() - begin
if status != 0:
    sys.exit(f"{command[0]} failed")
computed = (ticks() - before) / os.sysconf("SC_CLK_TCK")
print(f"{name:<44}{took:>10.2f}{size / took / 2**20:>10.0f}{usage.ru_maxrss / 1024:>12.0f}{peak() / 1024:>12.0f}{computed:>12.2f}")
PYTHON
}

transfer_rows() {
    local header='Authorization: Bearer '$PANAL_KEY
    head -c "$transfer_size" /dev/urandom >"$work/large"
    sync
    printf '%-44s%10s%10s%12s%12s%12s\n' "1 GiB" seconds MiB/s "client MiB" "panald MiB" "panald CPU s"
    measured "copied on the disk, and written out" sh -c "cp '$work/large' '$work/copy' && sync '$work/copy'"
    rm "$work/copy"
    printf 'header = "%s"\n' "$header" >"$work/curl"
    echo '{ "name": "large", "inputs": [], "command": ["/usr/bin/true"] }' >"$work/large.json"
    measured "up by the interface (curl)" curl -fsS -K "$work/curl" -o "$work/published" \
        -F "manifest=@$work/large.json" -F "program=@$work/large" "$address/api/v1/programs"
    measured "down by the interface (curl)" curl -fsS -K "$work/curl" -o "$work/back" \
        "$address/api/v1/programs/large/versions/1/content"
    tar -xOf "$work/back" large | cmp - "$work/large" || fail "another file came back"
    rm "$work/back"
    echo '{ "name": "large too", "inputs": [], "command": ["/usr/bin/true"] }' >"$work/large.json"
    measured "up by the command line (panal)" sh -c 'exec "$@" >/dev/null 2>&1' sh \
        "$binaries/panal" program publish "$work/large" --manifest "$work/large.json"
    measured "down by the command line (panal)" sh -c 'exec "$@" >/dev/null 2>&1' sh \
        "$binaries/panal" program download large-too -o "$work/back"
    tar -xOf "$work/back" large | cmp - "$work/large" || fail "another file came back"
    rm "$work/back" "$work/large"
}
