"""Holds the JSON Schema that Panal makes of a manifest against what Panal itself takes, over submissions made at random.

usage: schemas.py PANAL FOLDER…       PANAL is the command, a folder holds manifests or tables of them (cases.json)
       SEED=N and CASES=N (a manifest, 300) choose other submissions
"""

import json
import mimetypes
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator

panal = sys.argv[1]
rng = random.Random(int(os.environ.get("SEED", "1")))
count = int(os.environ.get("CASES", "300"))
# What people write, and what they had better not.
TEXTS = ["a", "ab", "abc", "ñu", "AB1", "x" * 70, "a\nb", "red", "jpeg", "a b", "--help"]
WORDS = {
    "date": ["2026-11-21", "2024-02-29", "2025-02-29", "2026-13-01", "26-1-1", "0001-01-01", "2026-11-22", "2026-11-20"],
    "time": ["14:30", "14:30:15", "24:00", "9:00", "23:59", "14:29:59", "14:31"],
    "colour": ["#1e90ff", "#1E90FF", "1e90ff", "#12345g"],
    "url": ["https://example.org/a", "http://x", "ftp://x", "https://", "x"],
    "email": ["ana@example.org"],
}


def manifests():
    for folder in map(pathlib.Path, sys.argv[2:]):
        for path in sorted(folder.rglob("*.json")):
            document = json.loads(path.read_text())
            if isinstance(document, list):
                yield from ((f"{path}#{i}", table["manifest"]) for i, table in enumerate(document))
            elif "inputs" in document and "command-line" not in document:
                yield str(path), document


def file_name(accepted):
    if accepted.startswith("."):
        return "a" + accepted
    media, kind = accepted.split("/")
    return "a" + (mimetypes.guess_extension(accepted) if kind != "*" else {"image": ".png", "audio": ".wav", "video": ".mp4"}[media])


def value(field):
    kind = field["type"]
    if field.get("choices") and kind != "integer" and kind != "number":
        return rng.choice(field["choices"] + ["other"])
    if kind in ("integer", "number"):
        near = [field[key] for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if key in field]
        step = field.get("step", 1)
        base = rng.choice([0, 1, 2, 3, 4, 5, 80, -1] + near + [n + step for n in near] + [n - step for n in near])
        if field.get("choices") and rng.random() < 0.7:
            base = json.loads(rng.choice(field["choices"]))
        if kind == "number":
            return rng.choice([base, base + 0.5, "x"])
        return rng.choice([base, base, base, base + 0.5, "x"])
    if kind == "boolean":
        return rng.choice([True, False])
    if kind == "json":
        return rng.choice([3, [], [1], [1, [2]], {"a": None}, True])
    if kind == "file":
        return rng.choice(["a.png", "b.wav", "c.txt"]) if not field.get("accept") else file_name(field["accept"][0])
    if kind in WORDS:
        return rng.choice(WORDS[kind])
    return rng.choice(TEXTS)


def some(rules, names):
    instance = {}
    for name in names:
        field = rules["fields"][name]
        if rng.random() < (0.1 if field["required"] else 0.5):
            continue
        if field["default"] and not field.get("list") and rng.random() < 0.3:
            text = field["default"][0]
            instance[name] = json.loads(text) if field["type"] in ("integer", "number", "boolean", "json") else text
        elif field.get("list"):
            instance[name] = [value(field) for _ in range(rng.choice([1, 1, 2, 3]))]
        else:
            instance[name] = value(field)
    if rng.random() < 0.03:
        instance["nobody_knows_this"] = 1
    return instance


def inside(rules, block):
    """What a block's fields say of fields outside of it the schema leaves unsaid."""
    def names(condition):
        if isinstance(condition, list):
            return set().union(*map(names, condition))
        if "input" in condition:
            return {condition["input"]}
        return set().union(*(names(part) for part in condition.values()))
    return all(names(rules["fields"][name].get("showIf", {})) <= set(block["inputs"]) for name in block["inputs"])


def submission(rules):
    instance = some(rules, rules["inputs"])
    for block in rules.get("repeats", []):
        if rng.random() < 0.9:
            count = rng.choice([0, 1, 1, 2, 2, 3, block["minItems"], block["maxItems"], block["maxItems"] + 1])
            instance[block["id"]] = [rng.choice([some(rules, block["inputs"])] * 20 + [3]) for _ in range(min(count, 6))]
    return instance


wrong = tried = taken = 0
with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "manifest.json")
    for place, document in manifests():
        pathlib.Path(file).write_text(json.dumps(document))
        run = lambda verb, **more: subprocess.run([panal, "manifest", verb, file], check=True, capture_output=True, text=True, **more).stdout
        schema = json.loads(run("schema"))
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        rules = json.loads(run("rules"))
        isWhole = all(inside(rules, block) for block in rules.get("repeats", []))
        instances = [submission(rules) for _ in range(count)]
        answers = run("plan", input="".join(json.dumps(i) + "\n" for i in instances)).splitlines()
        assert len(answers) == len(instances), place
        for instance, answer in zip(instances, map(json.loads, answers)):
            tried += 1
            isTaken = "arguments" in answer
            taken += isTaken
            isValid = validator.is_valid(instance)
            if isTaken != isValid and (isWhole or not isValid):
                wrong += 1
                if wrong <= 10:
                    reason = answer.get("errors") or [e.message for e in validator.iter_errors(instance)]
                    print(f"{place}: {json.dumps(instance)}: Panal {'takes' if isTaken else 'refuses'} it, the schema does not agree: {reason}")
print(f"{tried} submissions, {taken} taken, {wrong} of them judged differently")
sys.exit(1 if wrong or not 0 < taken < tried else 0)
