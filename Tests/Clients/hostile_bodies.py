"""Sends bodies of a gibibyte to a server, several at once, and prints as JSON what was answered to each and after how many bytes.

usage: hostile_bodies.py PORT PATH KEY
"""

import json
import select
import socket
import sys
import time

GIBIBYTE = 1 << 30
PATIENCE = 100
BOUNDARY = "panal"


def head(path, key, kind, framing):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n").encode()


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


def shapes(path, key):
    announced, chunked = f"Content-Length: {GIBIBYTE}", "Transfer-Encoding: chunked"
    text = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="text"\r\n\r\n'.encode()
    form = f"multipart/form-data; boundary={BOUNDARY}"
    yield "blanks", head(path, key, "application/json", announced), b" " * 65_536
    yield "blanks in chunks", head(path, key, "application/json", chunked), chunk(b" " * 65_536)
    yield "lists in lists", head(path, key, "application/json", announced), b"[" * 65_536
    yield "objects in objects", head(path, key, "application/json", chunked), chunk(b'{"a":' * 13_000)
    yield "a text", head(path, key, "application/json", chunked) + chunk(b'{"a": "'), chunk(b"x" * 65_536)
    yield "a number", head(path, key, "application/json", chunked) + chunk(b'{"a": '), chunk(b"9" * 65_536)
    yield "small chunks", head(path, key, "application/json", chunked), chunk(b" " * 16) * 3_000
    yield "a text of a form", head(path, key, form, announced) + text, b"x" * 65_536
    yield "headers of a form", head(path, key, form, announced) + b"--" + BOUNDARY.encode() + b"\r\n", b"x" * 65_536
    yield "before a form", head(path, key, form, announced), b"x" * 65_536
    yield "fields", head(path, key, "application/x-www-form-urlencoded", announced), b"a=b&" * 16_384


def main():
    port, path, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    connections, results = {}, {}
    for name, first, piece in shapes(path, key):
        s = socket.create_connection(("127.0.0.1", port))
        s.setblocking(False)
        connections[s] = {"name": name, "rest": first, "piece": piece, "sent": 0, "text": b"", "after": None}
    limit = time.monotonic() + PATIENCE
    while connections and time.monotonic() < limit:
        readable, writable, _ = select.select(list(connections), list(connections), [], 1)
        for s in set(readable) | set(writable):
            c, over = connections[s], False
            try:
                if s in readable:
                    data = s.recv(65_536)
                    c["after"] = c["sent"] if c["after"] is None else c["after"]
                    c["text"] += data
                    over = not data
                if s in writable and not over and c["sent"] < GIBIBYTE:
                    c["rest"] = c["rest"] or c["piece"]
                    count = s.send(c["rest"])
                    c["rest"], c["sent"] = c["rest"][count:], c["sent"] + count
            except BlockingIOError:
                pass
            except OSError:
                over = True
            # What is answered is answered: the server need not read the rest.
            if over or (c["after"] is not None and c["sent"] - c["after"] > 64 << 20):
                status = c["text"].split(b" ")[1].decode() if c["text"].startswith(b"HTTP/1.1 ") else ""
                results[c["name"]] = {"status": status, "after": c["after"] or 0, "problem": b"urn:panal:problem:" in c["text"]}
                s.close()
                del connections[s]
    for c in connections.values():
        results[c["name"]] = {"status": "", "after": c["sent"], "problem": False}
    print(json.dumps(results))


main()
