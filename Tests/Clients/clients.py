"""Uses a running server as client libraries do that know nothing of Panal: tus, server-sent events, retries, cursors, a batch.

usage: PANAL_KEY=pnl_… clients.py SERVER
"""

import hashlib
import io
import os
import sys
import tempfile
import threading
import time
import uuid

import httpx
import httpx_sse
from tusclient import client as tus

server, key = sys.argv[1], os.environ["PANAL_KEY"]
bearer = {"Authorization": f"Bearer {key}"}
http = httpx.Client(base_url=server, headers=bearer, timeout=60)


def check(is_right, what):
    if not is_right:
        sys.exit(f"not right: {what}")
    print(f"right: {what}")


def publish(name, script, inputs):
    manifest = f'{{"name": "{name}", "inputs": {inputs}}}'
    answer = http.post("/api/v1/programs", files={"manifest": ("m.json", manifest), "program": ("run.sh", script)})
    check(answer.status_code in (200, 201), f"{name} is published")


def upload(content, pieces):
    """By tuspy, in pieces, with a new client for each as after a broken connection."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        first = tus.TusClient(f"{server}/api/v1/uploads", headers=bearer).uploader(
            file.name, chunk_size=pieces, metadata={"filename": "big.bin"}, upload_checksum=True)
        first.upload_chunk()
        address = first.url
        again = tus.TusClient(f"{server}/api/v1/uploads", headers=bearer).uploader(
            file.name, chunk_size=pieces, url=address)
        check(again.offset == min(pieces, len(content)), "an upload goes on where it stands")
        again.upload()
    document = http.get(address).json()
    check(document["complete"], "the upload is complete")
    check(document["sha256"] == hashlib.sha256(content).hexdigest(), "the upload is what was sent")
    return document["id"]


def submit(program, fields, **headers):
    return http.post(f"/api/v1/programs/{program}/jobs", json=fields, headers=headers)


def ended(answer):
    """The job or the batch of an answer, once it has ended: a busy machine may need many times what it takes here."""
    document, limit = answer.json(), time.monotonic() + 300
    while answer.is_success and not document["final"] and time.monotonic() < limit:
        document = http.get(document["url"], headers={"Prefer": "wait=30"}).json()
    return document


def follow(address, start=None):
    headers = {"Last-Event-ID": str(start)} if start is not None else {}
    with httpx_sse.connect_sse(http, "GET", address, headers=headers) as stream:
        for event in stream.iter_sse():
            yield event
            if event.event == "end":
                return


publish("client sum", "#!/bin/sh\nsha256sum \"$1\" | cut -d' ' -f1\n", '[{"name": "data", "type": "file"}]')
publish("client ticks", "#!/bin/sh\nfor i in 1 2 3 4 5 6; do echo \"tick $i ñ\"; sleep 0.3; done\n", "[]")
publish("client echo", "#!/bin/sh\necho \"$1\"\n", '[{"name": "text", "type": "text"}]')

content = os.urandom(3_000_001)
job = ended(submit("client-sum", {"data": {"upload": upload(content, 1 << 20)}}, Prefer="wait=30"))
check(job["final"] and job["outcome"]["success"], "a program reads an upload")
check(http.get(job["stdout"]["url"]).text.strip() == hashlib.sha256(content).hexdigest(), "it reads what was sent")

# The program is over in two seconds: on a busy machine it may be over before anybody listens, and then all comes at once.
for _ in range(5):
    accepted = submit("client-ticks", {})
    check(accepted.status_code == 202 and "Retry-After" in accepted.headers, "a job is accepted")
    address = accepted.headers["Location"]
    states = []
    watch = threading.Thread(target=lambda: states.extend(follow(f"{address}/events")))
    watch.start()
    seen = list(follow(f"{address}/stdout"))
    watch.join()
    text = "".join(event.json()["text"] for event in seen if event.event == "output")
    whole = http.get(f"{address}/stdout").text
    check(text == whole and whole.count("tick") == 6, "output comes live and whole")
    if len([event for event in seen if event.event == "output"]) > 1:
        break
check(len([event for event in seen if event.event == "output"]) > 1, "output comes in more than one piece")
middle = next(int(e.id) for e in seen if e.event == "output")
rest = "".join(e.json()["text"] for e in follow(f"{address}/stdout", middle) if e.event == "output")
check(whole.encode()[middle:].decode() == rest, "output resumes at a byte")
check([e.json()["state"] for e in states if e.event == "state"][-1] == "finished", "states come live")

name = str(uuid.uuid4())
first = submit("client-echo", {"text": "once"}, **{"Idempotency-Key": name})
again = submit("client-echo", {"text": "once"}, **{"Idempotency-Key": name})
other = submit("client-echo", {"text": "twice"}, **{"Idempotency-Key": name})
check(first.json()["id"] == again.json()["id"], "a request that is sent again is not done again")
check(other.status_code == 422, "its key is not another request's")

batch = ended(http.post(
    "/api/v1/programs/client-echo/batches", headers={"Prefer": "wait=30"},
    json={"submissions": [{"text": f"n{i}"} for i in range(12)]}))
check(batch["final"] and batch["states"] == {"finished": 12}, "a batch comes to its end")

found, address = [], "/api/v1/jobs?limit=5&program=client-echo"
while address:
    page = http.get(address)
    found += [job["id"] for job in page.json()["jobs"]]
    address = page.links.get("next", {}).get("url")
check(len(found) == len(set(found)) and {r["job"] for r in batch["results"]} <= set(found), "lists go on by their links")

marked = http.get("/api/v1/programs/client-echo")
same = http.get("/api/v1/programs/client-echo", headers={"If-None-Match": marked.headers["ETag"]})
check(same.status_code == 304, "what the client has is not sent again")
late = http.patch("/api/v1/programs/client-echo", json={"public": True}, headers={"If-Match": '"other"'})
check(late.status_code == 412, "a change of something else than what the client knows is refused")
