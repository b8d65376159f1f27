#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 9110 and RFC 9112 from outside: raw bytes to the plain gateway listener, a recording backend behind the tunnel.
The cases of single requests are rows of http_cases.py."""
import socket

from http_cases import (CHUNK, CHUNKS, E, FIELDS, FORWARDING, H, HOSTS, L3, LENGTHS, METHODS, REQUEST_LINES, chunked, get, no_effect,
                        passed, post)
from network import Failed, require, run_suite
from wire import Answer, Client, Recorder, Table, eventually

BACKEND = Recorder()


def refused(network, data, statuses):
    before = len(BACKEND.targets)
    with Client(network.address("http"), data) as client:
        answer = client.final()
        if answer.status not in statuses:
            return f"status {answer.status}, expected {sorted(statuses)}"
        if (answer.one(b"Connection") or b"").lower() != b"close":
            return "refused without Connection: close"
        if answer.one(b"Content-Length") is None:
            return "a refusal without a length"
        if not client.closed():
            return "still open after a refusal"
    if not answer.one(b"Date"):
        return "a refusal without Date"
    if answer.status == 405 and not answer.one(b"Allow"):
        return "405 without Allow"
    return "it reached the backend" if len(BACKEND.targets) != before else None


def taken(network, data, check, method=b"GET"):
    with Client(network.address("http"), data) as client:
        answer = client.final(method)
        if answer.status != 200:
            return f"status {answer.status}: {answer.body[:80]!r}"
        if not client.quiet() and not (answer.one(b"Connection") == b"close" and client.stream.ended):
            return f"bytes after the answer: {client.stream.data[:80]!r}"
        return check(answer.json if method != b"HEAD" else None, answer)


def stays(network, data, status):
    """Answered by the gateway; the connection goes on."""
    with Client(network.address("http"), data + get(target=b"/next")) as client:
        first, second = client.final(), client.final()
        found = first.status, second.status, second.json["target"] if second.status == 200 else None
        return None if found == (status, 200, "/next") else f"{found}"


def run(network, rows):
    table = Table()
    for name, data, expected in rows:
        if isinstance(expected, no_effect):
            table.case(name, expected.run, network, data)
        elif isinstance(expected, tuple):
            table.case(name, stays, network, data, *expected)
        elif callable(expected):
            table.case(name, taken, network, data, expected)
        else:
            table.case(name, refused, network, data, expected)
    table.case("no request was malformed at the backend", lambda: BACKEND.broken or None)
    table.case("no byte follows a request at the backend", lambda: BACKEND.extra or None)
    table.case("nothing was smuggled", lambda: [t for t in BACKEND.targets if b"smuggled" in t] or None)
    BACKEND.broken, BACKEND.extra, BACKEND.targets = [], [], []
    table.done(Failed)


def request_lines(network):
    """Request line: forms, versions, white space, limits; what is passed on is passed on as it was"""
    run(network, REQUEST_LINES)


def methods(network):
    """Methods: known ones pass, others are 501, CONNECT and TRACE 405"""
    run(network, METHODS)


def hosts(network):
    """Host and the target's authority: exactly one, valid, the same"""
    run(network, HOSTS)


def header_lines(network):
    """Header lines: names, values, folds, line ends, limits"""
    run(network, FIELDS)


def body_lengths(network):
    """Content-Length and Transfer-Encoding: one of them, once, and plain"""
    run(network, LENGTHS)


def chunk_lines(network):
    """Chunks: sizes, extensions, ends, trailers"""
    run(network, CHUNKS)


def forwarding(network):
    """Fields of one hop end here; forged forwarding fields are dropped; ours are set"""
    run(network, FORWARDING)


# ---- connections ----

def answers(network, data, methods=(b"GET",), closes=None):
    """The answers to these requests on one connection."""
    with Client(network.address("http"), data) as client:
        found = [client.final(method) for method in methods]
        if closes is True and not client.closed():
            raise AssertionError("it stays open")
        if closes is False and not client.quiet():
            raise AssertionError(f"closed or more bytes: {client.stream.data[:80]!r}")
        return found


def targets(found):
    return [answer.json["target"] for answer in found]


def same(got, expected):
    return None if got == expected else f"{got!r}, expected {expected!r}"


def persistence(network, table):
    for name, version, field, closes in (
            ("1.1", b"HTTP/1.1", b"", False), ("1.1 keep-alive", b"HTTP/1.1", b"Connection: keep-alive\r\n", False),
            ("1.1 close", b"HTTP/1.1", b"Connection: close\r\n", True), ("1.1 CLOSE", b"HTTP/1.1", b"Connection: CLOSE\r\n", True),
            ("1.1 close in a list", b"HTTP/1.1", b"Connection: x, close\r\n", True),
            ("1.1 close in a second line", b"HTTP/1.1", b"Connection: keep-alive\r\nConnection: close\r\n", True),
            ("1.0", b"HTTP/1.0", b"", True), ("1.0 close", b"HTTP/1.0", b"Connection: close\r\n", True),
            ("1.0 keep-alive", b"HTTP/1.0", b"Connection: keep-alive\r\n", False),
            ("1.0 keep-alive and close", b"HTTP/1.0", b"Connection: keep-alive, close\r\n", True)):
        def one(version=version, field=field, closes=closes):
            answer, = answers(network, get(field, version=version), closes=closes)
            tokens = (answer.one(b"Connection") or b"").lower()
            if closes:
                return same(tokens, b"close")
            return same(tokens, b"keep-alive" if version == b"HTTP/1.0" else b"")
        table.case(f"persistence of {name}", one)


def pipelines(network, table):
    table.case("three pipelined", lambda: same(targets(answers(
        network, get(target=b"/1") + get(target=b"/2") + get(target=b"/3"), [b"GET"] * 3, False)), ["/1", "/2", "/3"]))
    table.case("100 pipelined", lambda: same(targets(answers(
        network, b"".join(get(target=b"/%d" % i) for i in range(100)), [b"GET"] * 100, False)), [f"/{i}" for i in range(100)]))
    table.case("bodies between", lambda: same([(a.json["target"], a.json["body"]) for a in answers(
        network, post(L3, b"abc", b"/1") + chunked(CHUNK, b"/2") + get(target=b"/3"), [b"POST", b"POST", b"GET"], False)],
        [("/1", "abc"), ("/2", "abc"), ("/3", "")]))
    table.case("an empty line between", lambda: same(targets(answers(
        network, post(L3, b"abc", b"/1") + E + get(target=b"/2"), [b"POST", b"GET"], False)), ["/1", "/2"]))
    table.case("nothing behind close is read", lambda: same(targets(answers(
        network, get(b"Connection: close\r\n", b"/1") + get(target=b"/smuggled"), closes=True)), ["/1"]))
    table.case("a bad request behind a good one", lambda: same([a.status for a in answers(
        network, get(target=b"/1") + b"X Y\r\n\r\n" + get(target=b"/smuggled"), [b"GET"] * 2, True)], [200, 400]))
    table.case("body too short is followed by nothing", lambda: same([a.status for a in answers(
        network, post(b"Content-Length: 3\r\n", b"abcGPOST /smuggled HTTP/1.1\r\n" + H + E), [b"POST", b"GPOST"], True)], [200, 501]))
    table.case("HEAD between", lambda: same([len(a.body) > 0 for a in answers(
        network, get(target=b"/1") + get(target=b"/2", method=b"HEAD") + get(target=b"/3"), [b"GET", b"HEAD", b"GET"], False)],
        [True, False, True]))
    table.case("an upgrade nobody grants between", lambda: same([a.status for a in answers(
        network, get(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") + get(target=b"/2"), [b"GET"] * 2, False)], [200, 200]))


PIECES = [("plain", get(target=b"/p"), b"GET"), ("length", post(L3, b"abc", b"/p"), b"POST"), ("chunked", chunked(
    b"3;x=y\r\nabc\r\n02\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n", b"/p"), b"POST"), ("HEAD", get(target=b"/p", method=b"HEAD"), b"HEAD"),
    ("bad fold", get(b"X: y\r\n z\r\n"), None), ("bad chunk", chunked(b"3\r\nabcX"), None), ("bad length", post(b"Content-Length: +3\r\n"), None)]


def pieces(network, table):
    def one(data, method, size):
        with Client(network.address("http")) as client:
            for at in range(0, len(data), size):
                client.send(data[at:at + size])
            answer = client.final(method or b"GET")
            if method is None:
                return None if answer.status == 400 and client.closed() else f"status {answer.status}"
            return same((answer.status, client.quiet()), (200, True))
    for name, data, method in PIECES:
        for size in (1, 2, 7, 50):
            table.case(f"{name} in pieces of {size}", one, data, method, size)

    def cut(data, at):
        before = len(BACKEND.targets)
        with Client(network.address("http"), data[:at]) as client:
            client.sock.shutdown(socket.SHUT_WR)
            rest = client.stream.rest()
        if b" 200 " in rest[:20]:
            return "an answer to half a request"
        return "half a head reached the backend" if at < data.index(b"\r\n\r\n") and len(BACKEND.targets) != before else None
    for name, data, _ in PIECES[1:3]:
        for at in range(0, len(data), 9):
            table.case(f"{name} cut off at {at}", cut, data, at)


def continues(network, table):
    head = post(b"Content-Length: 3\r\nExpect: 100-continue\r\n")

    def waits():
        with Client(network.address("http"), head) as client:
            interim = Answer(client.stream)
            if interim.status != 100:
                return f"status {interim.status}"
            client.send(b"abc")
            return same(client.final().json["body"], "abc")

    def early():
        with Client(network.address("http"), head + b"abc") as client:
            return same(client.final().json["body"], "abc")

    def not_in_1_0():
        with Client(network.address("http"), head.replace(b"HTTP/1.1", b"HTTP/1.0") + b"abc") as client:
            return same(client.final().interim, [])

    def without_body():
        with Client(network.address("http"), get(b"Expect: 100-continue\r\n")) as client:
            return same(client.final().status, 200)

    def refused_at_once():
        with Client(network.address("http"), head.replace(b"Host: echo", b"Host: nobody")) as client:
            answer = client.final()
            return same((answer.status, len(answer.interim), client.closed()), (404, 0, True))

    def unknown():
        with Client(network.address("http"), get(b"Expect: the-spanish-inquisition\r\n")) as client:
            return same(client.final().status, 417)

    for test in (waits, early, not_in_1_0, without_body, refused_at_once, unknown):
        table.case(f"Expect: {test.__name__}", test)


def early_answers(network, table):
    """An answer before the body's end arrives, whatever is still sent."""
    def last_recipient():
        before = len(BACKEND.targets)
        answer, = answers(network, get(b"Max-Forwards: 0\r\n", method=b"OPTIONS"), closes=False)
        return same((answer.status, len(BACKEND.targets)), (200, before))
    table.case("OPTIONS with Max-Forwards: 0 is ours", last_recipient)
    table.case("404 between two that are answered", lambda: same([a.status for a in answers(
        network, get() + get(host=b"Host: nobody\r\n") + get(host=b"Host: nobody\r\n", method=b"HEAD") + get(), [b"GET", b"GET", b"HEAD", b"GET"], False)],
        [200, 404, 404, 200]))

    def refused_upload(size, head):
        with Client(network.address("http"), head) as client:
            client.send(b"a" * size)
            return same(client.final().status, 404)
    for size in (10, 1 << 16, 1 << 20):
        table.case(f"404 to an upload of {size}", refused_upload, size,
                   post(b"Content-Length: %d\r\n" % (1 << 21)).replace(b"Host: echo", b"Host: nobody"))
    table.case("413-like: a header flood is answered", lambda: same(
        [a.status for a in answers(network, get(b"X: " + b"a" * 500000 + E), closes=True)], [431]))

    def nobody(method, target, host):
        answer, = answers(network, get(target=target, method=method, host=b"Host: " + host + E), [method])
        return same(answer.status, 404)
    for host in (b"nobody", b"echo.", b"echo.elsewhere", b"x.echo", b"127.0.0.1", b"[::1]", b"apps.localhost", b".apps.localhost"[1:]):
        table.case(f"no app for {host!r}", nobody, b"GET", b"/", host)
    for target in (b"/apps/nobody/", b"/apps/echo", b"/apps//", b"/apps/../apps/echo/", b"/Apps/echo/", b"/apps/echo%2f", b"/apps/e%63ho/"):
        table.case(f"no app for {target!r}", nobody, b"GET", target, b"nobody")
    table.case("HEAD of no app has no body", nobody, b"HEAD", b"/", b"nobody")


def connections(network):
    """Keep-alive, pipelining, pieces, Expect, early answers: every answer belongs to its request"""
    table = Table()
    for group in (persistence, pipelines, pieces, continues, early_answers):
        group(network, table)
    table.case("nothing was smuggled", lambda: [t for t in BACKEND.targets if b"smuggled" in t] or None)
    table.case("no byte follows a request at the backend", lambda: BACKEND.extra or None)
    table.done(Failed)


def ready(network):
    """The recording backend answers through the tunnel"""
    def probe():
        try:
            return taken(network, get(), passed()) is None
        except Exception:  # not yet
            return False
    require(eventually(probe, 15), "it does not answer")


if __name__ == "__main__":
    run_suite("http-conformance", [ready, request_lines, methods, hosts, header_lines, body_lengths, chunk_lines, forwarding, connections],
              options=("--expose", f"echo=127.0.0.1:{BACKEND.port}"))
