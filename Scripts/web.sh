# Read by Scripts/bench: pages, a form that is judged, and live output, with 100,000 jobs in the store. Chromium reads live output too; what it
# needs of PyPI is put into an environment of its own, where VENV says.
# shellcheck shell=bash

# web_rows [--runs N] [--json]
web_rows() {
    local runs=200 json=
    while [ $# -gt 0 ]; do
        case $1 in
        --runs) runs=$2 && shift 2 ;;
        --json) json=--json && shift ;;
        *) fail "what is $1? Scripts/bench web [--runs N] [--json]" ;;
        esac
    done
    python3 - >"$work/form.json" <<'PYTHON'
import json

types = ["text", "number", "integer", "boolean", "choice", "date", "email", "url", "colour", "file"]
inputs = []
for number in range(100):
    kind = types[number % len(types)]
    field = {"name": f"Field {number}", "type": kind, "optional": True, "description": "What it is for, in a sentence of usual length."}
    if kind == "choice":
        field["choices"] = ["small", "medium", "large"]
    inputs.append(field)
print(json.dumps({"name": "form", "inputs": inputs}))
PYTHON
    echo '{ "name": "ticks", "inputs": [] }' >"$work/ticks.json"
    printf '#!/bin/sh\nwhile :; do date +%%s%%N; sleep 0.05; done\n' >"$work/ticks.sh"
    "$binaries/panal" program publish "$work/ticks.sh" --manifest "$work/ticks.json" >&2
    "$binaries/panal" program publish /usr/bin/true --manifest "$work/form.json" >&2
    "$binaries/panal" job submit true --wait >/dev/null
    python3 "$root/Scripts/fill-store.py" "$work/data/panal.sqlite" 100000 >&2
    local venv=${VENV:-$work/venv}
    if ! [ -e "$venv/ready" ]; then
        say "getting what Chromium is driven with"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 10 --timeout 60 \
            -r "$root/Tests/Browser/requirements.txt" >&2
        touch "$venv/ready"
    fi
    "$binaries/panal-bench" manifest --json >"$work/rows"
    PANAL_PASSWORD=$password "$venv/bin/python3" "$root/Scripts/bench-browser.py" "$address" "$runs" >>"$work/rows"
    PANAL_PASSWORD=$password python3 "$root/Scripts/bench-web.py" "$address" "$runs" --rows "$work/rows" $json
}
