#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 from outside: frames to the plain gateway listener and over TLS, backends behind the tunnel. The cases of
single frames are rows of http2_cases.py."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from http2_cases import GROUPS, get, pseudo
from http2_wire import (CANCEL, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, INTERNAL_ERROR,
                        NO_ERROR, PING, PROTOCOL_ERROR, PREFACE, REFUSED_STREAM, Client, Gone, frame, headers, request_fields, reset, section, settings,
                        window)
from network import Failed, Skipped, require, require_equal, run_suite, wait_for
from wire import Broken, Recorder, Request, Server, Stream, Table, eventually

BACKEND = Recorder()
BIG = 3 << 20


class Script(Server):
    """Answers as the target says; remembers which connections ended before the answer did."""

    def __init__(self):
        super().__init__()
        self.cut, self.uploaded = [], {}

    def serve(self, sock):
        stream = Stream(sock)
        head = stream.until(b"\r\n\r\n")
        target = head.split(b" ")[1].decode()
        name = target.split("?")[0][1:]
        getattr(self, name)(sock, stream, head)

    def early(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        stream.rest()

    def hints(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
                     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def die(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        time.sleep(0.02)

    def chunks_die(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        time.sleep(0.02)

    def nothing(self, sock, stream, head):
        pass

    def trailers(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n")

    def chunked(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")

    def until_close(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nok")

    def hop(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: X-Gone, keep-alive\r\nX-Gone: 1\r\nKeep-Alive: timeout=5\r\n"
                     b"Content-Length: 2\r\nX-UPPER: Kept\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok")

    def not_modified(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")

    def no_content(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def range(self, sock, stream, head):
        wanted = [line for line in head.split(b"\r\n") if line.lower().startswith(b"range:")]
        require_equal(wanted, [b"range: bytes=2-4"], "range")
        sock.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\ncde")

    def head(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")

    def events(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            text = b"data: %.6f\n\n" % time.monotonic()
            sock.sendall(b"%x\r\n%s\r\n" % (len(text), text))
            time.sleep(0.03)
        sock.sendall(b"0\r\n\r\n")

    def big(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        sock.sendall(bytes(BIG))

    def forever(self, sock, stream, head):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                sock.sendall(b"4\r\ntick\r\n")
                time.sleep(0.005)
        except OSError:
            self.cut.append("forever")

    def upload(self, sock, stream, head):
        try:
            while True:
                stream.more()
        except Broken:
            self.cut.append("upload")

    def turns(self, sock, stream, head):
        """Answers every piece of the request before the next one comes."""
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            size = int(stream.until(b"\r\n"), 16)
            data = stream.exactly(size)
            stream.exactly(2)
            if size == 0:
                break
            sock.sendall(b"%x\r\n%s\r\n" % (size + 4, b"re: " + data))
        sock.sendall(b"0\r\n\r\n")

    def ws(self, sock, stream, head):
        import base64
        import hashlib
        fields = {k.lower(): v for k, v in (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])}
        if fields.get(b"origin") == b"https://evil.example":
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nevil")
            return
        accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
                     + b"\r\nSec-WebSocket-Protocol: chat\r\nX-Origin: " + fields.get(b"origin", b"none") + b"\r\n\r\n")
        try:
            while True:
                sock.sendall(stream.data)
                stream.data = b""
                stream.more()
        except Broken:
            self.cut.append("ws")
        sock.sendall(b"bye")


SCRIPT = Script()


# ---- tables ----

def check_answer(name_and_value, answer):
    name, value = name_and_value
    report = json.loads(answer.body)
    found = [v for n, v in report["fields"] if n.lower() == name]
    if name in ("body", "trailers"):
        found = report[name]
    elif name == ":path":
        found = report["target"]
    elif value is None:
        return f"{name}: {found} was passed on" if found else None
    else:
        value = [value]
    return None if found == value else f"{name}: {found!r}, expected {value!r}"


def run_row(address, data, expected):
    before = len(BACKEND.targets)
    with Client(address) as client:
        client.send(data)
        if expected.kind == "ignored":
            if data[3:4] == b"\x01" and data[5:9] == b"\x7f\xff\xff\xff":
                return None if client.finished(0x7FFFFFFF).status == 200 else "not answered"
            last = client.get(101)
            return None if last.status == 200 else f"then: {last.status}, reset {last.reset}, {client.goaway}"
        if expected.kind == "connection":
            if not client.closed():
                return f"the connection goes on: {client.frames[-3:]}"
            if client.goaway and client.goaway.code not in expected.codes:
                return f"GOAWAY {client.goaway.code}, expected {sorted(expected.codes)}"
            return None
        answer = client.finished(1)
        if expected.kind == "answer":
            if answer.status not in expected.codes:
                return f"{answer.status}, reset {answer.reset}, {client.goaway}"
            problem = expected.check and check_answer(expected.check, answer)
            return problem or (None if client.alive() else "and the connection is gone")
        code = answer.reset if answer.reset is not None else client.goaway.code if client.goaway and not expected.strict else None
        if code not in expected.codes:
            return f"reset {answer.reset}, status {answer.status}, {client.goaway}; expected {sorted(expected.codes)}"
        if expected.strict and not client.alive():
            return "and the connection is gone"
    if expected.strict and len(BACKEND.targets) != before and b"DATA" not in data and len(data) < 200:
        return None if data.count(b"POST") or data.count(b"POST".lower()) else "it reached the backend"
    return None


def rows(group):
    def test(network):
        table = Table()
        for name, data, expected in GROUPS[group]:
            table.case(name, run_row, network.address("http"), data, expected)
        table.case("no request was malformed at the backend", lambda: [b for b in BACKEND.broken if "ended inside" not in b] or None)
        table.done(Failed)
    test.__name__, test.__doc__ = group.replace(" ", "_").replace("-", "_"), f"RFC 9113, table: {group}"
    return test


# ---- connections ----

def prefaces(network):
    """The preface: in any pieces, wrong ones, without SETTINGS; over TLS by ALPN, with 1.2 and 1.3"""
    address = network.address("http")
    table = Table()

    def pieces(size):
        with Client(address, greeting=b"") as client:
            greeting = PREFACE + settings()
            for at in range(0, len(greeting), size):
                client.send(greeting[at:at + size])
            return None if client.get().status == 200 else "not answered"
    for size in (1, 3, 23, 24, 25):
        table.case(f"in pieces of {size}", pieces, size)

    def first(data):
        with Client(address, greeting=PREFACE + data) as client:
            return None if client.closed() else "goes on"
    table.case("without SETTINGS first", first, frame(PING, 0, 0, bytes(8)))
    table.case("a request before SETTINGS", first, get())

    def tls(alpn, version, greeting, expected):
        context = network.tls(minimum_version=version, maximum_version=version)
        context.set_alpn_protocols(alpn)
        with network.connect("gateway", "echo.apps.localhost", context) as sock:
            if sock.selected_alpn_protocol() != expected:
                return f"agreed on {sock.selected_alpn_protocol()}"
            sock.settimeout(5)
            if expected != "h2":
                sock.sendall(b"GET / HTTP/1.1\r\nHost: echo.apps.localhost\r\n\r\n")
                return None if sock.recv(4096).startswith(b"HTTP/1.1 200") else "not answered"
            peer = Client.__new__(Client)
            super(Client, peer).__init__(sock)
            peer.send(greeting)
            if greeting[:3] != b"PRI":
                return None if peer.closed() else "goes on"
            answer = peer.get(authority="echo.apps.localhost", scheme="https")
            return None if answer.status == 200 else f"{answer.status}, {answer.reset}"
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        table.case(f"h2, {version}", tls, ["h2", "http/1.1"], version, PREFACE + settings(), "h2")
        table.case(f"h2 comes first, {version}", tls, ["http/1.1", "h2"], version, PREFACE + settings(), "h2")
        table.case(f"http/1.1, {version}", tls, ["http/1.1"], version, b"", "http/1.1")
        table.case(f"HTTP/1.1 where h2 was agreed, {version}", tls, ["h2"], version, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "h2")

    def refused(name, **options):
        try:
            context = network.tls(**options)
            if name == "alpn":
                context.set_alpn_protocols(["h3"])
            elif name == "ciphers":
                context.set_ciphers("ECDHE+AES:AES128-SHA:!AESGCM:!AESCCM")
            network.connect("gateway" if name != "api" else "api", "localhost" if name == "api" else "echo.apps.localhost", context).close()
            return "taken"
        except OSError:
            return None
    tls12 = {"minimum_version": ssl.TLSVersion.TLSv1_2, "maximum_version": ssl.TLSVersion.TLSv1_2}
    table.case("no protocol in common", refused, "alpn")
    table.case("TLS 1.2 without AEAD", lambda: refused("ciphers", **tls12))
    table.case("TLS 1.2 at the API", lambda: refused("api", **tls12))
    table.done(Failed)


def ask(network, target, app="script", **options):
    client = Client(network.address("http"))
    client.send(headers(1, request_fields(path=target, authority=app, **options)))
    return client, client.finished(1)


def answers_of_apps(network):
    """Lengths, chunks, trailers, 1xx, HEAD, 204, 304, ranges, fields of one hop; broken answers are never a clean end"""
    table = Table()

    def plain(target, status, body, **options):
        client, answer = ask(network, target, **options)
        with client:
            require_equal((answer.status, answer.body, answer.ended, answer.reset), (status, body, True, None), target)
            return None if client.alive() else "the connection is gone"

    def more(target, look):
        client, answer = ask(network, target)
        with client:
            return look(answer)
    for target in ("/chunked", "/until_close", "/trailers", "/hop", "/hints"):
        table.case(target, plain, target, 200, b"ok")
    table.case("204", plain, "/no_content", 204, b"")
    table.case("304", plain, "/not_modified", 304, b"")
    table.case("range", lambda: plain("/range", 206, b"cde", more=[("range", "bytes=2-4")]))
    table.case("HEAD", lambda: plain("/head", 200, b"", method="HEAD"))
    table.case("trailers arrive", more, "/trailers", lambda a: None if a.trailers == [("x-sum", "42")] else f"{a.trailers}")
    table.case("1xx arrive", more, "/hints", lambda a: None if [dict(i)[":status"] for i in a.interim] == ["103", "102"] else f"{a.interim}")
    table.case("fields of one hop stay", more, "/hop", lambda a: None if not {"connection", "keep-alive", "x-gone", "transfer-encoding"}
               & set(dict(a.fields)) and a.field("x-upper") == "Kept" and [v for n, v in a.fields if n == "set-cookie"] == ["a=1", "b=2"]
               else f"{a.fields}")
    for target in ("/die", "/chunks_die"):
        table.case(f"{target} is reset", more, target, lambda a: None if a.reset == INTERNAL_ERROR and not a.ended else f"{a.reset} {a.ended}")
    table.case("no answer is 502", plain, "/nothing", 502, b"the app broke the connection\n")
    table.done(Failed)


def early_answers_and_half_close(network):
    """An early answer ends the upload with NO_ERROR; each direction ends by itself; Expect gets its 100"""
    with Client(network.address("http")) as client:
        client.send(headers(1, request_fields(method="POST", path="/early", authority="script"), END_HEADERS), frame(DATA, 0, 1, b"x" * 100))
        answer = client.finished(1)
        require_equal((answer.status, answer.body), (403, b"no"), "early")
        client.until(lambda: answer.reset is not None)
        require_equal(answer.reset, NO_ERROR, "asks for no more")
        require(client.alive(), "the connection is gone")
        client.send(headers(3, request_fields(method="POST", path="/turns", authority="script", more=[("expect", "100-continue")]), END_HEADERS))
        turns = client.answer(3)
        client.until(lambda: turns.interim)
        require_equal(turns.interim[0], [(":status", "100")], "100")
        for i in range(5):
            client.send(frame(DATA, 0, 3, b"%d" % i))
            client.until(lambda: turns.body.endswith(b"re: %d" % i))
        client.send(frame(DATA, END_STREAM, 3))
        client.finished(3)
        require_equal((turns.body, turns.ended), (b"".join(b"re: %d" % i for i in range(5)), True), "turns")


def events_come_without_delay(network):
    """Server-sent events are passed on at once"""
    client = Client(network.address("http"))
    client.send(headers(1, request_fields(path="/events", authority="script")))
    late, seen = [], 0
    with client:
        answer = client.answer(1)
        while not answer.ended:
            client.read()
            parts = answer.body.split(b"\n\n")
            for part in parts[seen:-1]:
                late.append(time.monotonic() - float(part[6:]))
            seen = len(parts) - 1
    require_equal(len(late), 5, "events")
    require(max(late) < 0.12, f"late by {max(late):.3f} s")


def cancellation_reaches_the_app(network):
    """RST_STREAM, and a connection that ends, close the app's connection, during the answer and during the upload"""
    SCRIPT.cut.clear()
    with Client(network.address("http")) as client:
        client.send(headers(1, request_fields(path="/forever", authority="script")),
                    headers(3, request_fields(method="POST", path="/upload", authority="script"), END_HEADERS), frame(DATA, 0, 3, b"x"))
        client.until(lambda: client.answer(1).body)
        client.send(reset(1), reset(3))
        require(eventually(lambda: sorted(SCRIPT.cut) == ["forever", "upload"]), f"the app saw {SCRIPT.cut}")
        require(client.alive(), "the connection is gone")
        client.send(headers(5, request_fields(path="/forever", authority="script")))
        client.until(lambda: client.answer(5).body)
        SCRIPT.cut.clear()
    require(eventually(lambda: SCRIPT.cut == ["forever"]), "the app does not know that the client is gone")


def windows_hold(network):
    """Answers keep within windows of 0, 1 and many octets and of the connection; a stopped stream stops no other"""
    with Client(network.address("http"), first_settings=[(INITIAL_WINDOW_SIZE, 0)]) as client:
        client.auto_window = False
        client.send(headers(1, request_fields(path="/chunked", authority="script")))
        answer = client.answer(1)
        client.until(lambda: answer.fields)
        require(client.alive() and answer.body == b"", "sent without a window")
        client.send(window(1, 1))
        client.until(lambda: answer.body == b"o")
        client.send(settings((INITIAL_WINDOW_SIZE, 1)))
        client.finished(1)
        require_equal((answer.body, answer.ended), (b"ok", True), "byte by byte")
    with Client(network.address("http")) as client:
        client.auto_window = False
        client.send(headers(1, request_fields(path="/big", authority="script")), window(0, 1 << 28))
        big = client.answer(1)
        client.until(lambda: len(big.body) == 65535)
        for stream in range(3, 23, 2):
            require_equal(client.get(stream).status, 200, "beside a stopped stream")
        require_equal(len(big.body), 65535, "the window of the stream")
        client.send(window(1, 1 << 28))
        client.finished(1, 10)
        require_equal((len(big.body), big.ended), (BIG, True), "the whole answer")


def uploads_wait_for_the_app(network):
    """A body the app does not read stops at the windows; others go on"""
    with Client(network.address("http")) as client:
        stalled = socket.create_server(("127.0.0.1", 0))  # never accepted
        stalled.close()
        client.send(headers(1, request_fields(method="POST", path="/turns", authority="script"), END_HEADERS))
        body = bytes(16384)
        for _ in range(16):
            client.send(frame(DATA, 0, 1, body))
        client.until(lambda: client.answer(1).fields)
        client.send(frame(DATA, END_STREAM, 1))
        require_equal(client.finished(1).body.count(b"\0"), 16 * 16384, "echoed")


def concurrent_streams(network):
    """100 streams at a time, no more; each gets its own answer"""
    with Client(network.address("http")) as client:
        require_equal(client.settings.get(3), 100, "MAX_CONCURRENT_STREAMS")
        client.send(*[headers(s, request_fields(method="POST"), END_HEADERS) for s in range(1, 201, 2)])
        require(client.alive(), f"100 streams: {client.goaway} {client.frames[-3:]}")
        client.send(*[frame(DATA, END_STREAM, s, b"%d" % s) for s in range(1, 201, 2)])
        for s in range(1, 201, 2):
            require_equal(json.loads(client.finished(s).body)["body"], str(s), "its own answer")
    with Client(network.address("http")) as client:
        client.send(*[headers(s, request_fields(method="POST"), END_HEADERS) for s in range(1, 205, 2)])
        last = client.finished(201)
        require(last.reset == REFUSED_STREAM or client.goaway and client.goaway.code == PROTOCOL_ERROR, "101 streams")


def websocket(client, stream=1, origin="https://a.example", more=()):
    client.send(headers(stream, [*pseudo(method="CONNECT", path="/ws", authority="script"), (":protocol", "websocket"),
                                 ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat"), ("origin", origin), *more], END_HEADERS))
    return client.answer(stream)


def websockets_over_http2(network):
    """RFC 8441: bytes both ways beside other streams, half-close, reset, refusal by the app"""
    SCRIPT.cut.clear()
    with Client(network.address("http")) as client:
        require_equal(client.settings.get(8), 1, "ENABLE_CONNECT_PROTOCOL")
        chat = websocket(client)
        client.send(frame(DATA, 0, 1, b"early"))
        client.until(lambda: chat.fields)
        require_equal((chat.status, chat.field("sec-websocket-protocol"), chat.field("x-origin")), (200, "chat", "https://a.example"), "head")
        require(not {"upgrade", "connection", "sec-websocket-accept"} & set(dict(chat.fields)), f"{chat.fields}")
        client.until(lambda: chat.body == b"early")
        for i in range(20):
            client.send(frame(DATA, 0, 1, b"\x82\x01%d" % (i % 10)))
            client.until(lambda: chat.body.endswith(b"\x82\x01%d" % (i % 10)))
        require_equal(client.get(3).status, 200, "beside it")
        client.send(frame(DATA, END_STREAM, 1))
        client.finished(1)
        require(chat.ended and chat.body.endswith(b"bye"), f"half-close: {chat.body[-20:]!r}")
        other = websocket(client, 5)
        client.until(lambda: other.fields)
        SCRIPT.cut.clear()
        client.send(reset(5))
        require(eventually(lambda: SCRIPT.cut == ["ws"]), f"the app saw {SCRIPT.cut}")
        refused = websocket(client, 7, "https://evil.example")
        client.until(lambda: refused.ended)
        require_equal((refused.status, refused.body), (403, b"evil"), "refused")
        require(client.alive(), "the connection is gone")


def stock_clients(network):
    """curl and nghttp, many requests and a body in both directions"""
    host, port = network.address("gateway")
    base = f"https://echo.apps.localhost:{port}"
    body = bytes(range(256)) * 8192
    done = subprocess.run(["curl", "-sS", "--http2", "--cacert", network.info["ca_file"], "--resolve", f"echo.apps.localhost:{port}:{host}",
                           "-w", "%{http_version} %{http_code}\n", "-o", "/dev/null", "--data-binary", "@-", base + "/[1-5]"],
                          input=body, capture_output=True, timeout=30)
    require_equal(done.stdout.decode().split("\n")[:5], ["2 200"] * 5, f"curl: {done.stderr}")
    if not shutil.which("nghttp"):
        raise Skipped("nghttp is not installed")
    host, port = network.address("http")
    done = subprocess.run(["nghttp", "-nv", "-m", "30", "-H", ":authority: script", f"http://{host}:{port}/trailers"],
                          capture_output=True, text=True, timeout=30)
    require_equal((done.returncode, done.stdout.count(":status: 200"), done.stdout.count("x-sum: 42")), (0, 30, 30), f"nghttp: {done.stdout[-300:]}")


def a_gateway_that_stops(network):
    """SIGTERM: GOAWAY with the last stream; what is open goes on to its end, then the connection closes"""
    with Client(network.address("http")) as idle, Client(network.address("http")) as busy:
        require_equal(idle.get().status, 200, "before")
        busy.send(headers(1, request_fields(method="POST", path="/turns", authority="script"), END_HEADERS), frame(DATA, 0, 1, b"a"))
        turns = busy.answer(1)
        busy.until(lambda: turns.body == b"re: a")
        os.kill(network.control_pid(), signal.SIGTERM)
        busy.until(lambda: busy.goaway)
        require_equal((busy.goaway.payload[:4], busy.goaway.code), (b"\x7f\xff\xff\xff", NO_ERROR), "the notice")
        busy.until(lambda: busy.goaway.payload[:4] == b"\0\0\0\1")
        busy.send(frame(DATA, END_STREAM, 1, b"b"))
        busy.finished(1)
        require_equal((turns.body, turns.ended), (b"re: are: b", True), "what was open")
        require(busy.closed(), "busy: open after its last stream")
        idle.until(lambda: idle.goaway)
        require_equal((idle.goaway.payload[:4], idle.goaway.code), (b"\0\0\0\1", NO_ERROR), "idle")
        require(idle.closed(), "idle: open after GOAWAY")


if __name__ == "__main__":
    run_suite("http2-conformance", [*(rows(group) for group in GROUPS), prefaces, answers_of_apps, early_answers_and_half_close,
                                    events_come_without_delay, cancellation_reaches_the_app, windows_hold, uploads_wait_for_the_app,
                                    concurrent_streams, websockets_over_http2, stock_clients, a_gateway_that_stops],
              options=("--expose", f"echo=127.0.0.1:{BACKEND.port}", "--expose", f"script=127.0.0.1:{SCRIPT.port}"))
