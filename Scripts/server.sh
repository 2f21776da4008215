# Read by scripts that measure a server: one of their own, on this machine's loopback, which ends with them.
# shellcheck shell=bash

# start_server OPTION…: needs $binaries, and takes $profiles where that is set. Sets work, server (its process), address and password (its administrator's); the command line
# and PANAL_KEY are for it.
start_server() {
    work=$(mktemp -d)
    chmod 755 "$work"
    server=
    trap stop_server EXIT
    local port
    port=$(free_port)
    address=http://127.0.0.1:$port
    "$binaries/panald" --port "$port" --data "$work/data" --profiles "${profiles:-$root/Profiles}" --instance "bench-$$" --user nobody \
        --log-level error "$@" >"$work/out" &
    server=$!
    wait_for_server "$address" "$server" || fail "panald did not start"
    password=$(grep -o 'with the password .*' "$work/out" | awk '{ print $4 }')
    PANAL_KEY=$(make_key "$address" admin "$password" bench)
    [ -n "$PANAL_KEY" ] || fail "no API key was made"
    # The command line finds server and key there, and leaves the user's own settings alone.
    export HOME=$work PANAL_URL=$address PANAL_KEY
}

stop_server() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
    rm -rf "$work"
}
