"""Holds connections to a server on which nothing is asked, until a line comes on its input; then asks something on some of them.

usage: hostile_idle.py PORT COUNT

Prints `held N` when they stand, and `answered N` for those that were answered after all, with the beginning of each other answer.
"""

import resource
import socket
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
held = []
for number in range(count):
    s = socket.socket()
    s.settimeout(100)
    # One address has no more ports than that for one server.
    s.bind((f"127.0.0.{2 + number % 16}", 0))
    s.connect(("127.0.0.1", port))
    # Some have said half a line.
    if number % 4 == 0:
        s.sendall(b"GET /healthz HTT")
    held.append(s)
print("held", len(held), flush=True)
sys.stdin.readline()
answered, others = 0, []
for number in range(0, count, 401):
    held[number].sendall((b"" if number % 4 == 0 else b"GET /healthz HTT") + b"P/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    try:
        while b"\r\n" not in answer and (part := held[number].recv(65_536)):
            answer += part
    except OSError as error:
        answer += str(error).encode()
    if answer.startswith(b"HTTP/1.1 200"):
        answered += 1
    else:
        others.append((number, answer[:80]))
print("answered", answered, *others, flush=True)
