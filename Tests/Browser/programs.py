"""Programs that the pages are tried with: manifests as hostile as they may be, and scripts that write what a page has to show."""

RTL = "\u202egpj.exe\u202c"
HTML = "<img src=x onerror=alert(1)> \"'&</script>"

# A form with every kind of field, sections, conditions, and words that no page may trust.
FORM = {
    "name": "Todo junto",
    "description": f"Description with {HTML} and {RTL}",
    "tags": ["image", "test"],
    "inputs": [
        {"name": "picture", "type": "file", "accept": [".png", ".txt"], "maxBytes": 20_000_000,
         "description": "A picture or a text"},
        {"name": "extras", "type": "file", "list": True, "optional": True},
        {"name": "size", "type": "integer", "minimum": 1, "maximum": 99, "step": 2, "default": 3},
        {"name": "code", "type": "text", "pattern": "[A-Z]{2}[0-9]+", "optional": True},
        {"name": "mode", "type": "choice", "choices": ["soft", "hard", "other"], "default": "soft"},
        {"name": "strength", "type": "number", "minimum": 0, "maximum": 1, "showIf": {"mode": "hard"}},
        {"name": "which", "type": "text", "showIf": {"mode": "other"}},
        {"name": "more", "type": "boolean"},
        {"name": f"hostile {HTML} {RTL}", "id": "hostile", "type": "text", "default": HTML, "description": HTML},
        {"name": "word", "type": "choice", "choices": [f"w{number:05}" for number in range(10_000)], "optional": True},
        {"name": "note", "type": "text", "multiline": True, "optional": True},
        {"name": "tint", "type": "colour", "default": "#1e90ff"},
        {"name": "day", "type": "date", "optional": True},
        {"name": "data", "type": "json", "optional": True},
        {"name": "token", "type": "secret", "optional": True},
        {"name": "kinds", "type": "choice", "list": True, "choices": ["a", "b", "c"], "optional": True},
    ],
    "groups": [{"inputs": ["note", "data"], "rule": "atMostOne"}],
    "sections": [
        {"name": f"Appearance {HTML}", "inputs": ["mode", "strength", "which", "tint"]},
        {"name": "Only with more", "description": "Asked for when more is ticked", "inputs": ["note", "data"],
         "showIf": {"more": True}},
    ],
    "outputs": [{"name": "results", "path": "*"}],
}

# Writes one file of each kind that has a preview, and some that mean no good.
RESULTS = {
    "name": "results",
    "inputs": [{"name": "word", "type": "text", "default": "again"}],
    "outputs": [{"name": "all", "path": "*"}],
    "exitCodes": {"0": {"message": "It went well."}},
}
RESULTS_SCRIPT = r"""#!/usr/bin/python3
import base64, json, struct, sys, wave
print("said " + sys.argv[1])
print("\x1b[31mred\x1b[0m <b onclick=alert(1)>bold</b> \u202eevil\u202c \x07bell")
sys.stderr.write("x" * 1_000_000 + "\n")
png = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4//8/AzYwOCUAUJ1/gQbl8VcAAAAASUVORK5CYII="
open("picture.png", "wb").write(base64.b64decode(png))
open("drawing.svg", "w").write('<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><script>top.stolen=1</script>'
                               '<image href="http://elsewhere.invalid/x.png"/><rect width="80" height="40" fill="orange"/></svg>')
with wave.open("sound.wav", "wb") as sound:
    sound.setparams((1, 2, 8000, 0, "NONE", ""))
    sound.writeframes(struct.pack("<800h", *[0] * 800))
open("table.csv", "w").write("name,count\n<script>alert(1)</script>,1\n=cmd(),2\n")
open("data.json", "w").write(json.dumps({"a": [1, 2, {"b": "<script>alert(1)</script>"}]}))
open("page.html", "w").write("<script>top.stolen=1</script>")
open("text.txt", "w").write("<script>alert(1)</script>\n" + "y" * 1_000_000)
open("\u202egpj.exe <img src=x onerror=alert(1)>.txt", "w").write("named by a stranger")
"""

# Says a line, and goes on until it is cancelled.
ENDLESS = {"name": "endless", "inputs": [{"name": "lines", "type": "integer", "default": 3}]}
ENDLESS_SCRIPT = r"""#!/usr/bin/python3
import sys, time
print("<b>first</b> line", flush=True)
time.sleep(1)
print("z" * 1_000_000, flush=True)
for number in range(int(sys.argv[1])):
    print("stamp %d" % (time.time() * 1000), flush=True)
    time.sleep(0.05)
print("waiting", flush=True)
while True:
    time.sleep(60)
"""

# Runs over several values of a field, beside a file.
SWEEP = {
    "name": "sweep",
    "inputs": [
        {"name": "size", "type": "integer", "minimum": 1, "maximum": 9},
        {"name": "file", "type": "file"},
        {"name": "big", "type": "text", "showIf": {"size": 9}, "optional": True},
    ],
}
SWEEP_SCRIPT = """#!/bin/sh
echo "$1 $(cat "$2")"
"""

# A block of fields that is given several times.
BLOCKS = {
    "name": "blocks",
    "inputs": [
        {"name": "Word", "type": "text", "maxLength": 9},
        {"name": "File", "type": "file", "optional": True, "via": "file"},
        {"name": "Marked", "type": "boolean", "via": "environment"},
        {"name": "Mark", "type": "text", "showIf": "marked", "via": "environment"},
        {"name": "Tint", "type": "colour", "default": "#1e90ff", "via": "environment"},
        {"name": "Kind", "type": "choice", "choices": [f"k{number:03}" for number in range(300)], "optional": True, "via": "environment"},
    ],
    "repeats": [{"name": "Layer", "description": HTML, "inputs": ["word", "file", "marked", "mark", "tint", "kind"], "maxItems": 3,
                 "command": ["--", "{file}", "{word}"]}],
}
BLOCKS_SCRIPT = """#!/bin/sh
number=-1
for word in "$@"; do
    case $word in
        --) number=$((number + 1));;
        /input/*) echo "$number: $(cat "$word")";;
        *) echo "$number: $word";;
    esac
done
"""

# What snippets are tried with: texts that shells and languages read in their own way, and files.
SNIPPET = {
    "name": "snippet",
    "inputs": [
        {"name": "quotes", "type": "text", "default": "it's \"so\" $HOME `id` \\n @x ñ \u202e"},
        {"name": "at", "type": "text", "default": "@/etc/passwd"},
        {"name": "count", "type": "integer", "minimum": 5},
        {"name": "file", "type": "file", "accept": [".txt"]},
        {"name": "several", "type": "choice", "list": True, "choices": ["a", "b"], "minItems": 2},
        {"name": "mode", "type": "choice", "choices": ["x", "y"]},
        {"name": "only y", "type": "text", "showIf": {"mode": "y"}},
    ],
}
SNIPPET_SCRIPT = """#!/bin/sh
printf '%s\\n' "$@"
"""
