#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers of a backend as raw bytes, honest and hostile, each between honest requests on the same connection and beside
them on another: an answer that breaks RFC 9112 is 502 or a cut, never something that looks complete, and nobody's next
answer is any other than his own."""
import os
import random
import socket
import struct
import threading

from network import Failed, require, require_equal, run_suite
from wire import Broken, Client, Server, Stream, Table, eventually

SEED = int(os.environ.get("EE_TEST_SEED", "0")) or random.randrange(1 << 32)
RANDOM = random.Random(SEED)
CLOSE, RST, HOLD = "close", "rst", "hold"
BROKEN = "502 or cut"
OK = b"HTTP/1.1 200 OK\r\n"
E = b"\r\n"
KEEP = b"Connection: keep-alive\r\n"
POISON = OK + b"Content-Length: 6\r\n\r\npoison"


class Script(Server):
    """/honest/N answers "honest-N" and goes on with the connection; /h/ID answers with the bytes registered under ID and then
    does what is said."""

    def __init__(self):
        super().__init__()
        self.rows = {}

    def serve(self, sock):
        stream = Stream(sock)
        while True:
            target = stream.until(E + E).split(b" ")[1].decode()
            kind, _, what = target.strip("/").partition("/")
            if kind != "honest":
                break
            body = b"honest-" + what.encode()
            sock.sendall(OK + KEEP + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        pieces, end = self.rows[what]
        for piece in pieces if isinstance(pieces, list) else [pieces]:
            sock.sendall(piece)
        if end == RST:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif end == HOLD:
            stream.rest()


BACKEND = Script()


def ok(status=200, body=b"", has=(), lacks=(), interim=(), trailers=None):
    def check(answer):
        if (answer.status, answer.body) != (status, body):
            return f"{answer.status} {answer.body[:60]!r}, expected {status} {body[:60]!r}"
        if [a.status for a in answer.interim] != list(interim):
            return f"interim {[a.status for a in answer.interim]}"
        for name, values in has:
            if answer.all(name) != values:
                return f"{name}: {answer.all(name)}, expected {values}"
        for name in lacks:
            if answer.all(name):
                return f"{name}: {answer.all(name)} was passed on"
        if trailers is not None and answer.trailers != trailers:
            return f"trailers {answer.trailers}"
        return None
    return check


def sized(fields=b"", body=b"ok", start=OK):
    return start + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(body, fields=b""):
    return OK + fields + b"Transfer-Encoding: chunked\r\n\r\n" + body


C = b"2\r\nok\r\n0\r\n\r\n"
HEAD = b"HEAD"
# name, bytes, what comes then, expectation, method
HONEST = [
    ("length", sized(), CLOSE, ok(body=b"ok")),
    ("length, kept open", sized(), HOLD, ok(body=b"ok")),
    ("length 0", sized(body=b""), HOLD, ok()),
    ("leading zeros", OK + b"Content-Length: 0002\r\n\r\nok", CLOSE, ok(body=b"ok")),
    ("chunks", chunks(C), HOLD, ok(body=b"ok")),
    ("no chunk but the last", chunks(b"0\r\n\r\n"), HOLD, ok()),
    ("chunks with extensions", chunks(b"2;a=\"b\"\r\nok\r\n0;c\r\n\r\n"), HOLD, ok(body=b"ok")),
    ("trailers", chunks(b"2\r\nok\r\n0\r\nX-Sum: 1\r\ngrpc-status: 0\r\n\r\n"), HOLD,
     ok(body=b"ok", trailers=[(b"X-Sum", b"1"), (b"grpc-status", b"0")])),
    ("until close", OK + E + b"ok", CLOSE, ok(body=b"ok")),
    ("until close, nothing", OK + E, CLOSE, ok()),
    ("1.0 until close", b"HTTP/1.0 200 OK\r\n\r\nok", CLOSE, ok(body=b"ok")),
    ("1.0 with length", sized(start=b"HTTP/1.0 200 OK\r\n"), HOLD, ok(body=b"ok")),
    ("1.0 keep-alive", sized(b"Connection: keep-alive\r\n", start=b"HTTP/1.0 200 OK\r\n"), HOLD, ok(body=b"ok", lacks=[b"Connection"])),
    ("no reason, no space", sized(start=b"HTTP/1.1 200\r\n"), HOLD, ok(body=b"ok")),
    ("no reason", sized(start=b"HTTP/1.1 200 \r\n"), HOLD, ok(body=b"ok")),
    ("reason of several words", sized(start=b"HTTP/1.1 200 All is well: yes\r\n"), HOLD, ok(body=b"ok")),
    ("reason with high bytes", sized(start=b"HTTP/1.1 200 \xc3\xb6k\r\n"), HOLD, ok(body=b"ok")),
    ("status 299", sized(start=b"HTTP/1.1 299 x\r\n"), HOLD, ok(299, b"ok")),
    ("status 404", sized(start=b"HTTP/1.1 404 x\r\n"), HOLD, ok(404, b"ok")),
    ("status 418", sized(start=b"HTTP/1.1 418 x\r\n"), HOLD, ok(418, b"ok")),
    ("status 503 with Retry-After", sized(b"Retry-After: 7\r\n", start=b"HTTP/1.1 503 x\r\n"), HOLD, ok(503, b"ok", [(b"Retry-After", [b"7"])])),
    ("status 599", sized(start=b"HTTP/1.1 599 x\r\n"), HOLD, ok(599, b"ok")),
    ("401 untouched", sized(b"WWW-Authenticate: Basic realm=\"x\"\r\n", start=b"HTTP/1.1 401 x\r\n"), HOLD,
     ok(401, b"ok", [(b"WWW-Authenticate", [b"Basic realm=\"x\""])])),
    ("206 untouched", sized(b"Content-Range: bytes 0-1/9\r\n", start=b"HTTP/1.1 206 x\r\n"), HOLD, ok(206, b"ok", [(b"Content-Range", [b"bytes 0-1/9"])])),
    ("302 untouched", sized(b"Location: http://x/\r\n", start=b"HTTP/1.1 302 x\r\n"), HOLD, ok(302, b"ok", [(b"Location", [b"http://x/"])])),
    ("426 with Upgrade", sized(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", start=b"HTTP/1.1 426 x\r\n"), HOLD,
     ok(426, b"ok", [(b"Upgrade", [b"websocket"]), (b"Connection", [b"Upgrade"]), (b"Sec-WebSocket-Version", [b"13"])])),
    ("cookies in order", sized(b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"), HOLD, ok(body=b"ok", has=[(b"Set-Cookie", [b"a=1", b"b=2"])])),
    ("fields of one hop", sized(b"Connection: X-Own, keep-alive\r\nX-Own: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nTrailer: x\r\n"), CLOSE,
     ok(body=b"ok", lacks=[b"X-Own", b"Keep-Alive", b"Proxy-Authenticate", b"Upgrade", b"Trailer", b"Connection"])),
    ("Date of the backend", sized(b"Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"), HOLD, ok(body=b"ok", has=[(b"Date", [b"Tue, 15 Nov 1994 08:12:31 GMT"])])),
    ("field without value", sized(b"X-A:\r\n"), HOLD, ok(body=b"ok", has=[(b"X-A", [b""])])),
    ("gzip passed unread", sized(b"Content-Encoding: gzip\r\n", b"\x1f\x8bnot gzip"), HOLD, ok(body=b"\x1f\x8bnot gzip")),
    ("100 before", b"HTTP/1.1 100 Continue\r\n\r\n" + sized(), HOLD, ok(body=b"ok", interim=[100])),
    ("103 before", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + sized(), HOLD, ok(body=b"ok", interim=[103])),
    ("102, 103, 199 before", b"HTTP/1.1 102 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 199 x\r\n\r\n" + sized(), HOLD, ok(body=b"ok", interim=[102, 103, 199])),
    ("16 before", b"HTTP/1.1 103 x\r\n\r\n" * 16 + sized(), HOLD, ok(body=b"ok", interim=[103] * 16)),
    ("103 with length 0", b"HTTP/1.1 103 x\r\nContent-Length: 0\r\n\r\n" + sized(), HOLD, ok(body=b"ok", interim=[103])),
    ("204", b"HTTP/1.1 204 x\r\n\r\n", HOLD, ok(204)),
    ("204 with length 0", b"HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", HOLD, ok(204, lacks=[b"Content-Length"])),
    ("204 with bytes behind", b"HTTP/1.1 204 x\r\n\r\nbody", CLOSE, ok(204)),
    ("304", b"HTTP/1.1 304 x\r\nETag: \"a\"\r\n\r\n", HOLD, ok(304, has=[(b"ETag", [b"\"a\""])])),
    ("304 with a length", b"HTTP/1.1 304 x\r\nContent-Length: 99\r\n\r\n", HOLD, ok(304)),
    ("304 with a body", b"HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\nok", HOLD, ok(304)),
    ("205", sized(body=b"", start=b"HTTP/1.1 205 x\r\n"), HOLD, ok(205)),
    ("HEAD with length", OK + b"Content-Length: 99\r\n\r\n", HOLD, ok(has=[(b"Content-Length", [b"99"])]), HEAD),
    ("HEAD with a body", sized(), HOLD, ok(has=[(b"Content-Length", [b"2"])]), HEAD),
    ("HEAD with chunks", chunks(C), HOLD, ok(), HEAD),
    ("HEAD until close", OK + E, CLOSE, ok(), HEAD),
    ("HEAD of 404", OK.replace(b"200", b"404") + b"Content-Length: 9\r\n\r\n", HOLD, ok(404), HEAD),
    ("byte for byte", [bytes([b]) for b in sized(b"X-A: b\r\n")], HOLD, ok(body=b"ok", has=[(b"X-A", [b"b"])])),
    ("chunks byte for byte", [bytes([b]) for b in chunks(C)], HOLD, ok(body=b"ok")),
    ("1 MiB", sized(body=b"x" * (1 << 20)), HOLD, ok(body=b"x" * (1 << 20))),
    ("1 MiB until close", OK + E + b"x" * (1 << 20), CLOSE, ok(body=b"x" * (1 << 20))),
    ("1 MiB in chunks of 1000", chunks(b"".join(b"3e8\r\n" + b"x" * 1000 + E for _ in range(1000)) + b"0\r\n\r\n"), HOLD, ok(body=b"x" * 1000000)),
    ("100 lines", sized(b"".join(b"X-%d: y\r\n" % i for i in range(99))), HOLD, ok(body=b"ok", has=[(b"X-98", [b"y"])])),
    ("poison behind a length", sized() + POISON, HOLD, ok(body=b"ok")),
    ("poison behind a length, later", [sized(), POISON], HOLD, ok(body=b"ok")),
    ("poison behind chunks", chunks(C) + POISON, HOLD, ok(body=b"ok")),
    ("poison behind 204", b"HTTP/1.1 204 x\r\n\r\n" + POISON, HOLD, ok(204)),
    ("poison behind 304", b"HTTP/1.1 304 x\r\n\r\n" + POISON, HOLD, ok(304)),
    ("poison behind HEAD", sized() + POISON, HOLD, ok(), HEAD),
    ("poison of 1 MiB behind a length", sized() + POISON * 20000, HOLD, ok(body=b"ok")),
    ("poison behind a connection that is kept", sized(KEEP) + POISON, HOLD, ok(body=b"ok")),
    ("half an answer behind a connection that is kept", [sized(KEEP), OK], CLOSE, ok(body=b"ok")),
    ("connection that is kept and is not", sized(KEEP), CLOSE, ok(body=b"ok")),
    ("connection that is kept and is reset", sized(KEEP), RST, ok(body=b"ok")),
    ("body that looks like an answer", sized(body=POISON), HOLD, ok(body=POISON)),
]

BAD_STARTS = [b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.2 200 OK", b"HTTP/11 200 OK", b"http/1.1 200 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1 20 OK",
              b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 999 OK", b"HTTP/1.1 2o0 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 OK",
              b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1\t200 OK", b"ICY 200 OK", b"200 OK", b" HTTP/1.1 200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200 O\0K",
              b"HTTP/1.1 200 O\rK", b"HTTP/1.1 000 x", b"GET / HTTP/1.1", b"<html>hello</html>", b"HTTP/1.1 +200 OK", b"HTTP/1.1 200\tOK",
              b"HTTP/1.1 200 O\x7fK", b"HTTPS/1.1 200 OK", b"\xef\xbb\xbfHTTP/1.1 200 OK", b"HTTP/1.1 200 " + b"a" * 9000]
BAD_FIELDS = [b"X-A : b", b"X-A\t: b", b"X A: b", b": b", b"X-A", b"X-A: b\r\n c", b"X-A: b\r\n\tc", b"X-A: b\nX-C: d", b"X-A: b\rX-C: d", b"X-A: \0",
              b"X-A: a\x01b", b"X-A: a\x7fb", b"X-\x00A: b", b"X-\xe9: b", b"X(A): b", b"X-A: b\r\r", b"X-A: " + b"a" * 33000, b"a" * 33000 + b": b",
              b"\r\n".join(b"X-%d: y" % i for i in range(101)), b" X-A: b", b"\xef\xbb\xbfX: y", b"X\"A: b", b"X-A: b\x0b", b"X-A: b\x1b[0m"]
BAD_LENGTHS = [b"+2", b"-2", b"2,2", b"2, 2", b"2 2", b"0x2", b"", b"two", b"2.0", b"18446744073709551618", b"99999999999999999999999", b"2;", b"\"2\"", b"2\x0b"]
BAD_CODINGS = [b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"", b"\"chunked\"", b"chunked;a", b"chunked,"]
BAD_CHUNKS = [b"+2\r\nok\r\n0\r\n\r\n", b"-2\r\nok\r\n0\r\n\r\n", b"0x2\r\nok\r\n0\r\n\r\n", b"2 \r\nok\r\n0\r\n\r\n", b" 2\r\nok\r\n0\r\n\r\n", b"\r\nok\r\n0\r\n\r\n",
              b"2\nok\r\n0\r\n\r\n", b"2\r\nok\n0\r\n\r\n", b"2\r\nokX\r\n0\r\n\r\n", b"2\r\no\r\n0\r\n\r\n", b"2\r\nok0\r\n\r\n", b"g\r\nok\r\n0\r\n\r\n",
              b"fffffffffffffffff\r\nok", b"ffffffffffffffff\r\nok", b"8000000000000000\r\nok", b"2;a\nb\r\nok\r\n0\r\n\r\n", b"2;a\0\r\nok\r\n0\r\n\r\n",
              b"2;" + b"a" * 300 + b"\r\nok\r\n0\r\n\r\n", b"2\r\nok\r\n0\r\nX-A : b\r\n\r\n", b"2\r\nok\r\n0\r\nX-A\r\n\r\n",
              b"2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n", b"2\r\nok\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n",
              b"2\r\nok\r\n0\r\nConnection: close\r\n\r\n", b"2\r\nok\r\n0\r\nX: " + b"a" * 9000 + b"\r\n\r\n", b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
              b"2\r\nok\r\n0\r\nX-A: b\nX-C: d\r\n\r\n", b"2\r\nok\r\n0\r\n X-A: b\r\n\r\n", b"2\r\nok\r\n0\r\nX-A: b\r\n c\r\n\r\n"]
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
INSIDE = OK + b"Content-Length: 2\r\n"
HOSTILE = (
    [("nothing, closed", b"", CLOSE, 502), ("nothing, reset", b"", RST, 502),
     ("half a status line", b"HTTP/1.1 20", CLOSE, 502), ("half a head", OK + b"X-A: b\r\n", CLOSE, 502), ("half a head, reset", OK + b"X-A: b\r\n", RST, BROKEN),
     ("only an interim answer", b"HTTP/1.1 100 x\r\n\r\n", CLOSE, 502), ("17 interim answers", b"HTTP/1.1 103 x\r\n\r\n" * 17 + sized(), HOLD, 502),
     ("1000 interim answers", b"HTTP/1.1 100 x\r\n\r\n" * 1000 + sized(), HOLD, 502),
     ("interim with a length", b"HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nhello" + sized(), HOLD, 502),
     ("interim with chunks", b"HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + sized(), HOLD, 502),
     ("204 with a length", b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello", HOLD, 502),
     ("204 with chunks", b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n" + C, HOLD, 502),
     ("length and coding", INSIDE + b"Transfer-Encoding: chunked\r\n\r\n" + C, HOLD, 502),
     ("coding and length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" + C, HOLD, 502),
     ("two lengths", INSIDE + b"Content-Length: 3\r\n\r\nok!", HOLD, 502), ("the same length twice", INSIDE + b"Content-Length: 2\r\n\r\nok", HOLD, 502),
     ("two codings", chunks(C, b"Transfer-Encoding: chunked\r\n"), HOLD, 502), ("coding in 1.0", chunks(C).replace(b"1.1", b"1.0"), CLOSE, 502),
     ("second length by a space", INSIDE + b"Content-Length : 3\r\n\r\nok!", HOLD, 502),
     ("empty line before", E + sized(), HOLD, 502), ("101 unasked", UPGRADED + b"raw", HOLD, 502), ("101 with nothing", b"HTTP/1.1 101 x\r\n\r\n", HOLD, 502),
     ("body cut", OK + b"Content-Length: 9\r\n\r\nhalf", CLOSE, "cut"), ("body cut by a reset", OK + b"Content-Length: 9\r\n\r\nhalf", RST, BROKEN),
     ("body missing", OK + b"Content-Length: 9\r\n\r\n", CLOSE, "cut"), ("1 MiB of 2", OK + b"Content-Length: 2097152\r\n\r\n" + b"x" * (1 << 20), CLOSE, "cut"),
     ("chunk cut", chunks(b"9\r\nhalf"), CLOSE, "cut"), ("no last chunk", chunks(b"2\r\nok\r\n"), CLOSE, "cut"), ("no chunk", chunks(b""), CLOSE, "cut"),
     ("last chunk cut", chunks(b"2\r\nok\r\n0\r\n"), CLOSE, "cut"), ("trailer cut", chunks(b"2\r\nok\r\n0\r\nX-A: b\r\n"), CLOSE, "cut"),
     ("chunks cut by a reset", chunks(b"2\r\nok\r\n"), RST, BROKEN), ("until close, reset", [OK + E, b"ok"], RST, BROKEN),
     ("until close, 1 MiB, reset", OK + E + b"x" * (1 << 20), RST, BROKEN),
     ("binary", os.urandom(3000).replace(b"HTTP", b"xxxx"), CLOSE, 502), ("TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", CLOSE, 502),
     ("HTTP/2 settings", bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), CLOSE, 502), ("endless header", OK + b"X: y\r\n" * 100000, HOLD, 502),
     ("NULs", bytes(5000), HOLD, 502), ("CRLFs", E * 5000, HOLD, 502)] +
    [(f"status line {v[:40]!r}", v + b"\r\nContent-Length: 2\r\n\r\nok", CLOSE, 502) for v in BAD_STARTS] +
    [(f"bare LF in {v[:20]!r}", v.replace(E, b"\n", 1) + b"ok", CLOSE, 502) for v in (OK + b"X: y\r\n\r\n", INSIDE + b"X: y\r\n\r\n")] +
    [(f"field {v[:40]!r}", OK + v + b"\r\nContent-Length: 2\r\n\r\nok", CLOSE, 502) for v in BAD_FIELDS] +
    [(f"length {v!r}", OK + b"Content-Length: " + v + b"\r\n\r\nok", CLOSE, 502) for v in BAD_LENGTHS] +
    [(f"coding {v!r}", OK + b"Transfer-Encoding: " + v + b"\r\n\r\n" + C, CLOSE, 502) for v in BAD_CODINGS] +
    [(f"chunks {v[:40]!r}", chunks(v), CLOSE, BROKEN) for v in BAD_CHUNKS])


def request(target, method=b"GET"):
    return method + b" " + target.encode() + b" HTTP/1.1\r\nHost: evil\r\n\r\n"


def registered(pieces, end):
    name = str(len(BACKEND.rows))
    BACKEND.rows[name] = (pieces, end)
    return "/h/" + name


class Honest:
    """Somebody whose connection nobody may touch."""

    def __init__(self, network):
        self.client, self.number = Client(network.address("http")), 0

    def ask(self):
        self.number += 1
        self.client.send(request(f"/honest/{self.number}"))

    def check(self):
        answer = self.client.final()
        if (answer.status, answer.body) != (200, b"honest-%d" % self.number):
            raise Failed(f"another's answer: {answer.status} {answer.body[:80]!r}")


def outcome(client, method):
    """The answer, or None when it was cut."""
    try:
        return client.final(method)
    except Broken:
        return None


def judged(answer, expected):
    if callable(expected):
        return expected(answer) if answer else "it was cut"
    if answer is None:
        return None if expected in ("cut", BROKEN) else "it was cut"
    if expected == "cut" or answer.status != 502:
        return f"looks complete: {answer.status} {answer.body[:80]!r}"
    return None


def between(network, others, pieces, end, expected, method=b"GET"):
    """Before, it, behind; one connection, in one write. Others ask meanwhile."""
    target = registered(pieces, end)
    with Client(network.address("http"), request("/honest/before") + request(target, method) + request("/honest/behind")) as client:
        others.ask()
        first = client.final()
        if first.body != b"honest-before":
            return f"before it: {first.body[:80]!r}"
        answer = outcome(client, method)
        problem = judged(answer, expected)
        others.check()
        if problem:
            return problem
        if answer is None:
            return None if client.stream.ended else "open behind a cut answer"
        behind = client.final()
        if behind.body != b"honest-behind":
            return f"behind it: {behind.status} {behind.body[:80]!r}"
        return None if client.quiet() else f"bytes of nobody: {client.stream.data[:80]!r}"


def run(network, rows):
    table, others = Table(), Honest(network)
    for name, *row in rows:
        table.case(name, between, network, others, *row)
    table.done(Failed)


def ready(network):
    """The backend answers through the tunnel"""
    def probe():
        try:
            with Client(network.address("http"), request("/honest/1")) as client:
                return client.final().body == b"honest-1"
        except (Broken, OSError):
            return False
    require(eventually(probe, 15), "it does not answer")


def honest_answers(network):
    """What RFC 9112 allows passes: lengths, chunks, closes, interim answers, HEAD, 204, 304; what follows an answer is nobody's"""
    run(network, HONEST)


def hostile_answers(network):
    """What breaks RFC 9112 is 502, or a cut when the answer had begun; the connections go on with their own answers"""
    run(network, HOSTILE)


def old_clients(network):
    """A client of 1.0 gets no chunks, no interim answers, and a cut it can see"""
    table = Table()

    def one(pieces, end, body, complete):
        target = registered(pieces, end)
        with Client(network.address("http"), request(target).replace(b"HTTP/1.1", b"HTTP/1.0")) as client:
            data = client.stream.rest()
        head, _, got = data.partition(E + E)
        if not complete and not data:
            return None if client.stream.reset else "an empty answer"
        if b"chunked" in head or not head.startswith(b"HTTP/1.1 200"):
            return f"{head!r}"
        if complete != (not client.stream.reset):
            return f"complete is {not client.stream.reset}"
        return None if not complete or got == body else f"body {got!r}"
    table.case("chunks", one, chunks(C), HOLD, b"ok", True)
    table.case("until close", one, OK + E + b"ok", CLOSE, b"ok", True)
    table.case("interim", one, b"HTTP/1.1 103 x\r\n\r\n" + sized(), HOLD, b"ok", True)
    table.case("trailers", one, chunks(b"2\r\nok\r\n0\r\nX: y\r\n\r\n"), HOLD, b"ok", True)
    table.case("until close, reset", one, OK + E + b"ok", RST, None, False)
    table.case("length cut", one, OK + b"Content-Length: 9\r\n\r\nhalf", CLOSE, None, False)
    table.case("chunks cut", one, chunks(b"2\r\nok\r\n"), CLOSE, None, False)
    table.done(Failed)


def uploads(network):
    """A backend that answers before it has read the body: the answer arrives, others go on, the next request is no part of the body"""
    table, others = Table(), Honest(network)

    def one(pieces, end, size, fields, expected):
        target = registered(pieces, end)
        with Client(network.address("http"), b"POST %s HTTP/1.1\r\nHost: evil\r\n%s\r\n" % (target.encode(), fields)) as client:
            answer = None
            for _ in range(size >> 16):
                client.send(b"a" * 65536)
            others.ask()
            answer = outcome(client, b"POST")
            others.check()
            problem = judged(answer, expected)
            if problem or answer is None:
                return problem
            client.send(request("/honest/behind"))  # inside the body that is still due
            client.sock.settimeout(1)
            try:
                behind = client.final()
            except (Broken, TimeoutError):
                return None
            return f"{behind.status} {behind.body[:60]!r} for bytes of a body"
    length = b"Content-Length: 9000000\r\n"
    for name, pieces, end, expected in (("413", sized(start=b"HTTP/1.1 413 x\r\n"), HOLD, ok(413, b"ok")), ("200 in chunks", chunks(C), HOLD, ok(body=b"ok")),
                                        ("garbage", bytes(100), HOLD, 502), ("100 then 200", b"HTTP/1.1 100 x\r\n\r\n" + sized(), HOLD, ok(body=b"ok", interim=[100])),
                                        ("nothing, reset", b"", RST, BROKEN), ("nothing, closed", b"", CLOSE, BROKEN)):
        for size in (65536, 1 << 20):
            table.case(f"{name}, {size} sent", one, pieces, end, size, length, expected)
    table.done(Failed)


def mutations(network):
    """Mutated answers among honest requests on many connections at once: nobody gets another's answer"""
    rows = [row[1] for row in HONEST + HOSTILE if isinstance(row[1], bytes) and 0 < len(row[1]) < 2000]
    failures, end = [], [CLOSE, RST, HOLD]

    def mutated():
        data = bytearray(RANDOM.choice(rows))
        for _ in range(RANDOM.randrange(1, 4)):
            at = RANDOM.randrange(len(data) + 1)
            data[at:at + RANDOM.choice((0, 0, 1, 5))] = RANDOM.choice((b"\r\n", b"\n", b"\0", b"0", b"\r\n\r\n", POISON, RANDOM.randbytes(3), b" ", b"\t", b""))
        return bytes(data)
    targets = [registered(mutated(), RANDOM.choice(end[:2])) for _ in range(240)]

    def visitor(own):
        try:
            for number, target in enumerate(own):
                marker = f"/honest/{target[3:]}-{number}"
                with Client(network.address("http"), request(marker + "a") + request(target) + request(marker + "b")) as client:
                    require_equal(client.final().body, b"honest-" + marker[8:].encode() + b"a", "before it")
                    answer = outcome(client, b"GET")
                    if answer and answer.status != 101:
                        require_equal(client.final().body, b"honest-" + marker[8:].encode() + b"b", "behind it")
        except (Broken, OSError, Failed) as problem:
            failures.append(f"{target}: {problem}")
    threads = [threading.Thread(target=visitor, args=(targets[i::6],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"# {len(targets)} cases, {len(failures)} failed", flush=True)
    require(not failures, "\n".join(failures))


if __name__ == "__main__":
    print(f"# EE_TEST_SEED={SEED}", flush=True)
    run_suite("hostile-backend", [ready, honest_answers, hostile_answers, old_clients, uploads, mutations],
              options=("--expose", f"evil=127.0.0.1:{BACKEND.port}"))
