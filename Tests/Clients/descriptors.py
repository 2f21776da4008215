"""Holds Panal's Boutiques against `bosh`, over its own examples and over manifests of ours.

A descriptor becomes a manifest, a manifest a descriptor: `bosh validate` takes it, `bosh example` and `bosh exec simulate` give the argv
that Panal gives, and its invocation schema takes and refuses what Panal takes and refuses. A descriptor that Panal refuses is named with
its reason.

usage: descriptors.py PANAL MANIFEST…       SEED=N chooses other invocations, TRIES=N how many of each (8)
"""

import contextlib
import io
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile

import boutiques
import jsonschema
from boutiques.invocationSchemaHandler import generateInvocationSchema
from boutiques.localExec import addDefaultValues

panal, manifests = os.path.abspath(sys.argv[1]), [os.path.abspath(path) for path in sys.argv[2:]]
seed, tries = int(os.environ.get("SEED", "1")), int(os.environ.get("TRIES", "8"))
random.seed(seed)
# What Boutiques cannot say of a value: with it Panal refuses what bosh takes, and rightly so.
WITHOUT_A_WORD = ["accept", "maxBytes", "step", "pattern", "minLength", "maxLength"]
problems = []
counts = {"descriptors": 0, "refused": 0, "manifests": 0, "command lines": 0, "invocations judged": 0, "of them taken": 0}


def ours(verb, file, **more):
    return subprocess.run([panal, "manifest", verb, file], capture_output=True, text=True, **more)


def quietly(call, *arguments):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return call(*arguments)


def mapped(invocation, descriptor):
    """Ids as Panal writes them."""
    return {name.lower(): value for name, value in invocation.items()}


def plans(manifest, invocations):
    lines = "".join(json.dumps(invocation) + "\n" for invocation in invocations)
    answer = ours("plan", manifest, input=lines, check=True).stdout.splitlines()
    assert len(answer) == len(invocations)
    return list(map(json.loads, answer))


def plain(argv):
    """argv without the program, with files by their names, and the program's folder as Boutiques has it."""
    return [word.rsplit("/", 1)[-1] if word.startswith("/input/") else word.replace("/program/", "./") for word in argv[1:]]


def command_lines(place, descriptor, file, manifest, folder):
    for number in range(tries):
        random.seed(seed * 1000 + number)
        try:
            example = json.loads(quietly(boutiques.example, file, *(["--complete"] if number % 2 else [])))
        except Exception as error:
            problems.append(f"{place}: bosh makes no example: {error}")
            return
        path = os.path.join(folder, "invocation.json")
        pathlib.Path(path).write_text(json.dumps(example))
        simulated = quietly(boutiques.execute, "simulate", file, "-i", path)
        theirs = shlex.split(simulated.shell_command)
        answer = plans(manifest, [mapped(example, descriptor)])[0]
        counts["command lines"] += 1
        if "arguments" not in answer:
            problems.append(f"{place}: {json.dumps(example)}: bosh runs it, Panal says {answer['errors']}")
        elif plain(answer["arguments"]) != theirs[1:]:
            problems.append(f"{place}: {json.dumps(example)}: bosh gives {theirs[1:]}, Panal {plain(answer['arguments'])}")


def changed(example, descriptor):
    """The example with something taken out, put in or made another."""
    other = dict(example)
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        item = random.choice(descriptor["inputs"])
        name, kind = item["id"], item["type"]
        if random.random() < 0.4:
            other.pop(name, None)
            continue
        choices = item.get("value-choices")
        if choices:
            value = random.choice(choices + ["none of these"])
        elif kind == "Flag":
            value = random.choice([True, False])
        elif kind == "Number":
            near = [item[key] for key in ("minimum", "maximum") if key in item] or [3]
            value = random.choice(near) + random.choice([0, 0, 1, -1, 0.5])
        elif kind == "File":
            value = "f.txt"
        else:
            value = random.choice(["a", "a b", "it's"])
        other[name] = [value] * random.choice([1, 2, 4]) if item.get("list") else value
    if random.random() < 0.05:
        other["nobody_knows_this"] = 1
    return other


def judgements(place, descriptor, file, manifest):
    validator = jsonschema.Draft4Validator(generateInvocationSchema(descriptor, validateWrtMetaSchema=False))
    try:
        base = [json.loads(quietly(boutiques.example, file, *(["--complete"] if n % 2 else []))) for n in range(4)]
    except Exception:
        return
    invocations = [changed(random.choice(base), descriptor) for _ in range(tries * 5)]
    answers = plans(manifest, [mapped(invocation, descriptor) for invocation in invocations])
    for invocation, answer in zip(invocations, answers):
        theirs = validator.is_valid(addDefaultValues(descriptor, dict(invocation)))
        taken = "arguments" in answer
        counts["invocations judged"] += 1
        counts["of them taken"] += taken
        if theirs != taken:
            problems.append(
                f"{place}: {json.dumps(invocation)}: bosh {'takes' if theirs else 'refuses'} it, Panal does not agree: "
                f"{answer.get('errors')}")


def isDescriptor(path):
    try:
        document = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError):
        return False
    return isinstance(document, dict) and "command-line" in document and document.get("schema-version") == "0.5"


def isValid(file):
    try:
        quietly(boutiques.validate, file)
        return True
    except BaseException:
        return False


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    package = pathlib.Path(boutiques.__file__).parent
    for path in sorted(filter(isDescriptor, package.rglob("*.json"))):
        if not isValid(str(path)):
            continue
        place = str(path.relative_to(package))
        counts["descriptors"] += 1
        made = ours("boutiques", str(path))
        if made.returncode:
            counts["refused"] += 1
            print(f"refused: {place}: {made.stderr.strip().splitlines()[0].split('#', 1)[-1]}")
            continue
        manifest = os.path.join(folder, "manifest.json")
        pathlib.Path(manifest).write_text(made.stdout)
        descriptor = json.loads(path.read_text())
        command_lines(place, descriptor, str(path), manifest, folder)
        judgements(place, descriptor, str(path), manifest)
    for manifest in manifests:
        counts["manifests"] += 1
        document = json.loads(pathlib.Path(manifest).read_text())
        for item in document["inputs"]:
            for key in WITHOUT_A_WORD:
                item.pop(key, None)
        place, manifest = manifest, os.path.join(folder, "own.json")
        pathlib.Path(manifest).write_text(json.dumps(document))
        made = ours("boutiques", manifest)
        if made.returncode:
            problems.append(f"{place}: no descriptor: {made.stderr.strip()}")
            continue
        file = os.path.join(folder, "descriptor.json")
        pathlib.Path(file).write_text(made.stdout)
        if not isValid(file):
            problems.append(f"{place}: bosh does not take its descriptor")
            continue
        descriptor = json.loads(made.stdout)
        command_lines(place, descriptor, file, manifest, folder)
        judgements(place, descriptor, file, manifest)

for problem in problems[:20]:
    print(problem)
print(", ".join(f"{count} {what}" for what, count in counts.items()) + f"; {len(problems)} problems")
sys.exit(1 if problems or not counts["command lines"] else 0)
