#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 6455 from outside: handshake and frames on the tunnel's endpoint, which is a WebSocket server of its own, and
through the gateway, which verifies the handshake and then passes bytes it does not touch."""
import base64
import hashlib
import os
import socket
import struct

from network import Failed, require, run_suite
from tunnel import PING, PONG, frame, own_certificate
from wire import Broken, Client, Server, Stream, Table, eventually

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
E = b"\r\n"
CONTINUATION, TEXT, BINARY, CLOSE_FRAME, WS_PING, WS_PONG = 0, 1, 2, 8, 9, 10


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def masked(payload, mask):
    repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def ws(opcode, payload=b"", fin=True, mask=b"\x12\x34\x56\x78", rsv=0, form=None, size=None):
    """A frame; mask None: none; `form` 0, 2 or 8 bytes of length whatever is needed; `size` instead of the true one."""
    size = len(payload) if size is None else size
    form = (0 if size < 126 else 2 if size < 65536 else 8) if form is None else form
    bit = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += bytes([bit | size]) if form == 0 else bytes([bit | 126]) + struct.pack(">H", size) if form == 2 else \
        bytes([bit | 127]) + struct.pack(">Q", size)
    return head + (mask + masked(payload, mask) if mask is not None else payload)


def close_frame(code, reason=b"", **options):
    return ws(CLOSE_FRAME, struct.pack(">H", code) + reason, **options)


# ---- the tunnel's endpoint ----

def dial(network, data):
    context = network.tls()
    context.load_cert_chain(*map(str, own_certificate(network.folder)))
    return Client(network.address("api"), data, wrap=lambda plain: context.wrap_socket(plain, server_hostname="localhost"))


LINES = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
         "Sec-WebSocket-Key": KEY.decode(), "Sec-WebSocket-Protocol": "ee-tunnel-1"}


def handshake(changes=None, more="", method="GET", target="/v1/tunnel", version="HTTP/1.1"):
    lines = dict(LINES, **(changes or {}))
    text = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
    return f"{method} {target} {version}\r\n{text}{more}\r\n".encode()


BAD_KEYS = ["", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZXM=", "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBsZSBub25j ZQ==", "dGhlIHNhbXBsZSBub25jZ!==", "????????????????????????", "dGhlIHNhbXBsZSBub25jZQ==, x", "=" * 24, "A" * 24, "A" * 5000]
UPGRADES = [
    ("plain", handshake()),
    ("names in other case", handshake({"Connection": None, "Upgrade": None}, "CONNECTION: UPGRADE\r\nupgrade: WebSocket\r\n")),
    ("Connection with more", handshake({"Connection": "keep-alive, Upgrade"})),
    ("Connection in two lines", handshake({"Connection": "keep-alive"}, "Connection: upgrade\r\n")),
    ("key with white space around", handshake({"Sec-WebSocket-Key": "  " + KEY.decode() + "  "})),
    ("another key", handshake({"Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA=="})),
    ("several subprotocols", handshake({"Sec-WebSocket-Protocol": "chat, ee-tunnel-1 ,x"})),
    ("subprotocols in two lines", handshake({"Sec-WebSocket-Protocol": "chat"}, "Sec-WebSocket-Protocol: ee-tunnel-1\r\n")),
    ("an extension offered", handshake(more="Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")),
    ("unknown fields", handshake(more="X-A: b\r\nUser-Agent: c\r\n")),
    ("Upgrade with more", handshake({"Upgrade": "h2c, websocket"})),
]
REFUSALS = (
    [(f"key {k[:30]!r}", handshake({"Sec-WebSocket-Key": k}), {400}) for k in BAD_KEYS] +
    [(f"version {v!r}", handshake({"Sec-WebSocket-Version": v}), {426}) for v in ("0", "7", "8", "12", "14", "130", "255", "-13", "x")] +
    [(f"version list {v!r}", handshake({"Sec-WebSocket-Version": v}), {400, 426}) for v in ("13, 8", "8, 13", "", "13.0", "013", "+13")] +
    [(f"method {m}", handshake(method=m), {400, 405}) for m in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH")] +
    [("no key", handshake({"Sec-WebSocket-Key": None}), {400}), ("two keys", handshake(more=f"Sec-WebSocket-Key: {KEY.decode()}\r\n"), {400}),
     ("no version", handshake({"Sec-WebSocket-Version": None}), {400, 426}), ("two versions", handshake(more="Sec-WebSocket-Version: 13\r\n"), {400, 426}),
     ("no Upgrade", handshake({"Upgrade": None}), {400, 426}), ("no Connection", handshake({"Connection": None}), {400, 426}),
     ("Connection: close", handshake({"Connection": "close"}), {400, 426}), ("Connection: keep-alive", handshake({"Connection": "keep-alive"}), {400, 426}),
     ("Upgrade: h2c", handshake({"Upgrade": "h2c"}), {400, 426}), ("Upgrade: websockets", handshake({"Upgrade": "websockets"}), {400, 426}),
     ("Upgrade: empty", handshake({"Upgrade": ""}), {400, 426}), ("HTTP/1.0", handshake(version="HTTP/1.0"), {400, 426, 505}),
     ("HTTP/2.0", handshake(version="HTTP/2.0"), {400, 505}), ("HTTP/0.9", handshake(version="HTTP/0.9"), {400, 505}),
     ("no subprotocol", handshake({"Sec-WebSocket-Protocol": None}), {400}), ("other subprotocol", handshake({"Sec-WebSocket-Protocol": "chat"}), {400}),
     ("longer subprotocol", handshake({"Sec-WebSocket-Protocol": "ee-tunnel-12"}), {400}), ("shorter subprotocol", handshake({"Sec-WebSocket-Protocol": "ee-tunnel"}), {400}),
     ("empty subprotocol", handshake({"Sec-WebSocket-Protocol": ""}), {400}),
     ("an Origin", handshake(more="Origin: https://evil.example\r\n"), {403}), ("Origin null", handshake(more="Origin: null\r\n"), {403}),
     ("no Host", handshake({"Host": None}), {400}), ("two Hosts", handshake(more="Host: localhost\r\n"), {400}), ("bad Host", handshake({"Host": "a b"}), {400}),
     ("folded key", handshake(more="X: y\r\n z\r\n"), {400}), ("space before the colon", handshake(more="X : y\r\n"), {400}),
     ("bare LF", handshake(more="X: y\nZ: z\r\n"), {400}), ("a body announced", handshake(more="Content-Length: 5\r\n") + b"hello", {400}),
     ("chunks announced", handshake(more="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", {400}),
     ("length and coding", handshake(more="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n", {400}),
     ("another path", handshake(target="/v1/tunnels"), {401, 404}), ("below the path", handshake(target="/v1/tunnel/x"), {401, 404}),
     ("header of 40 KiB", handshake(more="X: " + "a" * 40000 + "\r\n"), {431}), ("no request", b"\x82\x80\0\0\0\0" + E + E, {400})])


def upgraded(network, data):
    with dial(network, data) as client:
        answer = client.final()
        key = next(line.split(b":")[1].strip() for line in data.split(E) if line.lower().startswith(b"sec-websocket-key"))
        if answer.status != 101:
            return f"status {answer.status}"
        for name, value in ((b"Sec-WebSocket-Accept", accept_of(key)), (b"Sec-WebSocket-Protocol", b"ee-tunnel-1"), (b"Sec-WebSocket-Extensions", None)):
            if answer.one(name) != value:
                return f"{name}: {answer.one(name)}"
        if (answer.one(b"Upgrade") or b"").lower() != b"websocket" or (answer.one(b"Connection") or b"").lower() != b"upgrade":
            return "no Upgrade"
        client.send(ws(WS_PING, b"hi"))
        return None if next(pongs(client)) == b"hi" else "no pong"


def refused(network, data, statuses):
    with dial(network, data) as client:
        answer = client.final()
    if answer.status not in statuses:
        return f"status {answer.status}, expected {sorted(statuses)}"
    if answer.status == 426 and (answer.one(b"Sec-WebSocket-Version"), answer.one(b"Upgrade")) != (b"13", b"websocket"):
        return "426 without version and protocol"
    return None


def frames(client):
    """What the server sends: opcode and payload. Its frames must be whole, unmasked and shortest."""
    while True:
        first, second = client.stream.exactly(2)
        size = second & 0x7f
        if first & 0x70 or not first & 0x80 or second & 0x80:
            raise Broken(f"frame header {first:#x} {second:#x}")
        if size == 126:
            size, = struct.unpack(">H", client.stream.exactly(2))
            if size < 126:
                raise Broken("length not in its shortest form")
        elif size == 127:
            size, = struct.unpack(">Q", client.stream.exactly(8))
            if size < 65536:
                raise Broken("length not in its shortest form")
        yield first & 15, client.stream.exactly(size)


def pongs(client):
    for opcode, payload in frames(client):
        if opcode == WS_PONG:
            yield payload
        elif opcode == CLOSE_FRAME:
            raise Broken(f"close {payload!r}")


def opened(network):
    client = dial(network, handshake())
    answer = client.final()
    if answer.status != 101:
        raise Broken(f"status {answer.status}")
    return client


def closes(network, pieces, codes):
    """Answered by a close frame with one of these codes (None: without), then by the end of the connection."""
    with opened(network) as client:
        for piece in pieces if isinstance(pieces, list) else [pieces]:
            client.send(piece)
        for opcode, payload in frames(client):
            if opcode == WS_PONG:
                return "a pong"
            if opcode != CLOSE_FRAME:
                continue
            code = struct.unpack(">H", payload[:2])[0] if payload else None
            if len(payload) == 1 or code not in codes:
                return f"close {payload!r}, expected {codes}"
            payload[2:].decode("utf-8")
            return None if client.closed() else "open behind a close"
    return None


def lives(network, pieces, expected=()):
    """These pongs come, then one for a ping of our own."""
    with opened(network) as client:
        for piece in pieces if isinstance(pieces, list) else [pieces]:
            client.send(piece)
        client.send(ws(WS_PING, b"still here"))
        got = []
        for payload in pongs(client):
            if payload == b"still here":
                break
            got.append(payload)
        return None if got == list(expected) else f"pongs {got}, expected {list(expected)}"


def carries(network, pieces):
    """The message holds a PING of the tunnel, whose PONG comes."""
    with opened(network) as client:
        for piece in pieces:
            client.send(piece)
        for opcode, payload in frames(client):
            if opcode == CLOSE_FRAME:
                return f"close {payload!r}"
            if opcode == BINARY and payload[0] == PONG and payload[12:] == b"\1\2\3\4\5\6\7\x08":
                return None


PROTOCOL, UNSUPPORTED, BAD_DATA, TOO_BIG = (1002,), (1003,), (1007,), (1009,)
BAD_UTF8 = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xe2\x82", b"\xf0\x80\x80\x80",
            b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"ok\xffok",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xf0\x9f\x98", b"a\xc3(", b"\xe2(\xa1"]
GOOD_UTF8 = [b"", b"x", "κόσμε".encode(), "😀".encode(), b"\xef\xbf\xbd", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf", b"\xed\x9f\xbf", b"\xee\x80\x80", b"\0", b"a" * 123]
GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65535]
TUNNEL_PING = frame(PING, b"\1\2\3\4\5\6\7\x08")


def unknown(size):
    """A message of this size that the tunnel ignores: a frame of a later version."""
    return frame(200, bytes(size - 12))


FRAMES = (
    [(f"unmasked opcode {o}", closes, ws(o, p, mask=None), PROTOCOL) for o in (0, 1, 2, 8, 9, 10) for p in (b"", b"\x03\xe8")] +
    [(f"reserved bits {r} on opcode {o}", closes, ws(o, b"", rsv=r), PROTOCOL) for r in range(1, 8) for o in (1, 2, 8, 9, 10)] +
    [(f"reserved bits {r} on a continuation", closes, ws(BINARY, b"", fin=False) + ws(CONTINUATION, b"", rsv=r), PROTOCOL) for r in (1, 2, 4)] +
    [(f"reserved opcode {o}{' with payload' if p else ''}", closes, ws(o, p), PROTOCOL) for o in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15) for p in (b"", b"abc")] +
    [(f"reserved opcode {o} inside a message", closes, ws(BINARY, b"", fin=False) + ws(o), PROTOCOL) for o in (3, 7, 11, 15)] +
    [(f"fragmented control {o}", closes, ws(o, b"\x03\xe8", fin=False), PROTOCOL) for o in (8, 9, 10)] +
    [(f"control {o} of {n}", closes, ws(o, b"\x03\xe8" + b"a" * (n - 2)), PROTOCOL) for o in (8, 9, 10) for n in (126, 127, 1000, 65536)] +
    [(f"control {o} with a longer form", closes, ws(o, b"\x03\xe8", form=f), PROTOCOL) for o in (8, 9, 10) for f in (2, 8)] +
    [(f"ping of {n}", lives, ws(WS_PING, b"p" * n), [b"p" * n]) for n in (0, 1, 2, 64, 124, 125)] +
    [("ping with all bytes", lives, [ws(WS_PING, bytes(range(256))[a:a + 125]) for a in (0, 125)], [bytes(range(125)), bytes(range(125, 250))]),
     ("10 pings at once", lives, b"".join(ws(WS_PING, b"%d" % i) for i in range(10)), [b"%d" % i for i in range(10)]),
     ("100 pings at once", lives, b"".join(ws(WS_PING, b"%d" % i) for i in range(100)), [b"%d" % i for i in range(100)]),
     ("ping byte for byte", lives, [bytes([b]) for b in ws(WS_PING, b"slow")], [b"slow"]),
     ("pong unasked", lives, ws(WS_PONG)), ("pong unasked with payload", lives, ws(WS_PONG, b"abc")), ("pongs unasked", lives, ws(WS_PONG, b"abc") * 20),
     ("mask of zeros", lives, ws(WS_PING, b"abc", mask=bytes(4)), [b"abc"]), ("mask of ones", lives, ws(WS_PING, b"abcdefgh", mask=b"\xff" * 4), [b"abcdefgh"]),
     ("empty text", closes, ws(TEXT), UNSUPPORTED), ("text", closes, ws(TEXT, b"hello"), UNSUPPORTED), ("text begun", closes, ws(TEXT, b"he", fin=False), UNSUPPORTED),
     ("text of 64 KiB announced", closes, ws(TEXT, b"", size=65536), UNSUPPORTED), ("text behind a binary message", closes, ws(BINARY, unknown(20)) + ws(TEXT, b"x"), UNSUPPORTED),
     ("text with a reserved bit", closes, ws(TEXT, b"x", rsv=4), PROTOCOL), ("unmasked text", closes, ws(TEXT, b"x", mask=None), PROTOCOL),
     ("continuation of nothing", closes, ws(CONTINUATION, b"abc"), PROTOCOL), ("begun continuation of nothing", closes, ws(CONTINUATION, b"abc", fin=False), PROTOCOL),
     ("continuation behind a whole message", closes, ws(BINARY, unknown(20)) + ws(CONTINUATION, b"abc"), PROTOCOL),
     ("message inside a message", closes, ws(BINARY, b"a", fin=False) + ws(BINARY, b"b"), PROTOCOL),
     ("begun message inside a message", closes, ws(BINARY, b"a", fin=False) + ws(BINARY, b"b", fin=False), PROTOCOL),
     ("text inside a message", closes, ws(BINARY, b"a", fin=False) + ws(TEXT, b"b"), PROTOCOL),
     ("message behind a continuation that goes on", closes, ws(BINARY, b"", fin=False) + ws(CONTINUATION, b"", fin=False) + ws(BINARY), PROTOCOL),
     ("second end of a message", closes, ws(BINARY, unknown(12), fin=False) + ws(CONTINUATION) + ws(CONTINUATION), PROTOCOL),
     ("length with its high bit", closes, ws(BINARY, b"", form=8, size=1 << 63), PROTOCOL), ("length of all ones", closes, ws(BINARY, b"", form=8, size=(1 << 64) - 1), PROTOCOL),
     ("1 MiB", closes, ws(BINARY, b"", size=1 << 20), TOO_BIG), ("4 GiB", closes, ws(BINARY, b"", size=1 << 32), TOO_BIG), ("2^62", closes, ws(BINARY, b"", size=1 << 62), TOO_BIG),
     ("2^63 - 1", closes, ws(BINARY, b"", size=(1 << 63) - 1), TOO_BIG),
     ("1 MiB in fragments", closes, ws(BINARY, bytes(60000), fin=False) + ws(CONTINUATION, bytes(60000), fin=False) * 17, TOO_BIG),
     ("1 MiB in fragments of 1", closes, ws(BINARY, b"", fin=False) + ws(CONTINUATION, b"a", fin=False) * 300000, TOO_BIG),
     ("garbage", closes, b"\xff" * 100, PROTOCOL), ("an HTTP request", closes, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", PROTOCOL),
     ("nothing behind an error is read", closes, ws(TEXT, b"x") + ws(WS_PING, b"x") * 5, UNSUPPORTED)] +
    [(f"length {n} in {f} bytes", closes, ws(BINARY, bytes(n), form=f), PROTOCOL) for n, f in
     ((0, 2), (1, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8))] +
    [(f"message of {n}", lives, ws(BINARY, unknown(n))) for n in (12, 124, 125, 126, 127, 128, 1000, 16384, 65535)] +
    [("empty message", lives, ws(BINARY)), ("10 empty messages", lives, ws(BINARY) * 10), ("empty message in 3", lives, ws(BINARY, fin=False) + ws(0, fin=False) + ws(0)),
     ("ping between fragments", lives, ws(BINARY, unknown(20)[:5], fin=False) + ws(WS_PING, b"mid") + ws(0, unknown(20)[5:]), [b"mid"]),
     ("pings between fragments", lives, ws(BINARY, b"", fin=False) + (ws(WS_PING, b"mid") + ws(0, b"", fin=False)) * 5 + ws(0, unknown(12)), [b"mid"] * 5),
     ("pong between fragments", lives, ws(BINARY, unknown(20)[:5], fin=False) + ws(WS_PONG, b"mid") + ws(0, unknown(20)[5:])),
     ("ping behind a begun message", lives, ws(BINARY, b"", fin=False) + ws(WS_PING, b"mid"), [b"mid"]),
     ("carried whole", carries, [ws(BINARY, TUNNEL_PING)]), ("carried with others", carries, [ws(BINARY, unknown(50) + TUNNEL_PING + unknown(12))]),
     ("carried byte for byte", carries, [bytes([b]) for b in ws(BINARY, TUNNEL_PING)]), ("carried behind 64 KiB", carries, [ws(BINARY, unknown(60000)), ws(BINARY, TUNNEL_PING)]),
     ("carried in fragments of 1", carries, [ws(BINARY, TUNNEL_PING[:1], fin=False)] + [ws(0, TUNNEL_PING[i:i + 1], fin=False) for i in range(1, 20)] + [ws(0)]),
     ("carried with a ping in it", carries, [ws(BINARY, TUNNEL_PING[:9], fin=False) + ws(WS_PING) + ws(0, TUNNEL_PING[9:])])] +
    [(f"carried cut at {at}", carries, [ws(BINARY, TUNNEL_PING[:at], fin=False), ws(0, TUNNEL_PING[at:])]) for at in (0, 1, 4, 12, 19, 20)] +
    [(f"carried with mask {m.hex()}", carries, [ws(BINARY, TUNNEL_PING, mask=m)]) for m in (bytes(4), b"\xff" * 4, b"\1\0\0\0", b"\0\0\0\1")])
CLOSES = (
    [(f"code {c}", closes, close_frame(c), (c,)) for c in GOOD_CODES] + [(f"code {c} with a reason", closes, close_frame(c, b"because"), (c,)) for c in GOOD_CODES] +
    [(f"bad code {c}", closes, close_frame(c), PROTOCOL) for c in BAD_CODES] + [(f"bad code {c} with a reason", closes, close_frame(c, b"because"), PROTOCOL) for c in BAD_CODES] +
    [(f"reason {r!r}", closes, close_frame(1000, r), (1000,)) for r in GOOD_UTF8] + [(f"bad reason {r!r}", closes, close_frame(1000, r), BAD_DATA) for r in BAD_UTF8] +
    [("without code", closes, ws(CLOSE_FRAME), (None, 1000)), ("of one byte", closes, ws(CLOSE_FRAME, b"\x03"), PROTOCOL),
     ("reason of 124", closes, close_frame(1000, b"a" * 124), PROTOCOL), ("in a begun message", closes, ws(BINARY, b"a", fin=False) + close_frame(1000), (1000,)),
     ("byte for byte", closes, [bytes([b]) for b in close_frame(1001, b"bye")], (1001,)), ("ping behind it", closes, close_frame(1000) + ws(WS_PING, b"x"), (1000,)),
     ("message behind it", closes, close_frame(1000) + ws(BINARY, TUNNEL_PING), (1000,)), ("another behind it", closes, close_frame(1000) + close_frame(1001), (1000,)),
     ("garbage behind it", closes, close_frame(1000) + b"\xff" * 100, (1000,)), ("text behind it", closes, close_frame(1000) + ws(TEXT, b"x"), (1000,)),
     ("twice in two pieces", closes, [close_frame(1000), close_frame(1000)], (1000,))])


def run(network, rows):
    table = Table()
    for name, test, *arguments in rows:
        table.case(name, test, network, *arguments)
    table.done(Failed)


def tunnel_handshakes(network):
    """Handshake on the endpoint: 101 with the right accept value and no extension, or a refusal that says why"""
    run(network, [(name, upgraded, data) for name, data in UPGRADES] + [(name, refused, data, statuses) for name, data, statuses in REFUSALS])


def tunnel_frames(network):
    """Frames on the endpoint: masks, reserved bits, opcodes, fragments, lengths, control frames"""
    run(network, FRAMES)


def tunnel_closes(network):
    """Close frames on the endpoint: codes, reasons, what comes behind"""
    run(network, CLOSES)


def tunnel_cuts(network):
    """A peer that goes without a close, at every byte of a frame: agents and API are served as before"""
    data, table = ws(BINARY, TUNNEL_PING) + close_frame(1000), Table()

    def cut(at):
        with opened(network) as client:
            client.send(data[:at])
    for at in range(len(data)):
        table.case(f"cut at {at}", cut, at)
    table.case("still served", lives, network, ws(WS_PING, b"a"), [b"a"])
    network.wait_connected()
    table.done(Failed)


# ---- through the gateway ----

class Echo(Server):
    """/echo: 101 and every byte back. /now: a message with the 101. /say/ID: the registered answer, ACCEPT replaced.
    /bye: closes after 5 bytes. /reset: resets after 5 bytes. Otherwise what a proper server says to a bad handshake."""

    def __init__(self):
        super().__init__()
        self.rows, self.fields = {}, {}

    def serve(self, sock):
        stream = Stream(sock)
        lines = stream.until(E + E).split(E)
        target = lines[0].split(b" ")[1].decode()
        self.fields = {line.split(b":")[0].decode().lower(): line.split(b":", 1)[1].strip().decode() for line in lines[1:]}
        key = self.fields.get("sec-websocket-key", "").encode()
        if target.startswith("/say/"):
            sock.sendall(self.rows[target[5:]].replace(b"ACCEPT", accept_of(key)))
            stream.rest()
            return
        if self.fields.get("upgrade") != "websocket" or len(key) != 24 or self.fields.get("sec-websocket-version") != "13":
            status = b"400 Bad Request" if self.fields.get("sec-websocket-version", "13") == "13" else b"426 Upgrade Required"
            sock.sendall(b"HTTP/1.1 " + status + b"\r\nSec-WebSocket-Version: 13\r\nContent-Length: 3\r\n\r\nbad")
            return
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept_of(key) +
                     b"\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n" + (b"\x82\x02hi" if target == "/now" else b""))
        if target in ("/bye", "/reset"):
            stream.exactly(5)
            if target == "/reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        try:
            while True:
                if stream.data:
                    taken, stream.data = stream.data, b""
                    sock.sendall(taken)
                stream.more()
        except Broken:
            sock.sendall(b"the end")


BACKEND = Echo()
OFFER = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def visit(target="/echo", changes=None, more=OFFER, **options):
    return handshake({"Host": "echo", "Sec-WebSocket-Protocol": "chat", **(changes or {})}, more, target=target, **options)


def entered(network, data=None):
    client = Client(network.address("http"), data or visit())
    answer = client.final()
    if answer.status != 101:
        raise Broken(f"status {answer.status}")
    return client, answer


def verified(network):
    client, answer = entered(network)
    with client:
        for name, value in ((b"Sec-WebSocket-Accept", accept_of(KEY)), (b"Sec-WebSocket-Protocol", b"chat"), (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
                            (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")):
            if answer.one(name) != value:
                return f"{name}: {answer.one(name)}"
    got = BACKEND.fields
    for name, value in (("sec-websocket-key", KEY.decode()), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat"), ("connection", "Upgrade"),
                        ("sec-websocket-extensions", "permessage-deflate"), ("upgrade", "websocket"), ("x-forwarded-for", "127.0.0.1")):
        if got.get(name) != value:
            return f"the app got {name}: {got.get(name)}"
    return None


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"
FULL = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"
BAD_SWITCHES = [
    ("no accept", SWITCH + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), ("wrong accept", SWITCH + FULL.replace(b"ACCEPT", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOp=") + E),
    ("empty accept", SWITCH + FULL.replace(b"ACCEPT", b"") + E), ("accept twice", SWITCH + FULL + b"Sec-WebSocket-Accept: ACCEPT\r\n\r\n"),
    ("accept with more", SWITCH + FULL.replace(b"ACCEPT", b"ACCEPT, x") + E), ("key as accept", SWITCH + FULL.replace(b"ACCEPT", KEY) + E),
    ("no Upgrade", SWITCH + FULL.replace(b"Upgrade: websocket\r\n", b"") + E), ("no Connection", SWITCH + FULL.replace(b"Connection: Upgrade\r\n", b"") + E),
    ("Upgrade: h2c", SWITCH + FULL.replace(b"websocket", b"h2c") + E), ("two protocols", SWITCH + FULL + b"Upgrade: h2c\r\n\r\n"),
    ("nothing", SWITCH + E), ("a length", SWITCH + FULL + b"Content-Length: 5\r\n\r\nhello"), ("chunks", SWITCH + FULL + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("in 1.0", SWITCH.replace(b"1.1", b"1.0", 1) + FULL + E), ("a folded field", SWITCH + FULL + b"X: y\r\n z\r\n\r\n"), ("a bare LF", SWITCH + FULL + b"X: y\n\r\n")]


def switches(network, data):
    name = str(len(BACKEND.rows))
    BACKEND.rows[name] = data
    with Client(network.address("http"), visit("/say/" + name) + visit("/none", {"Upgrade": None, "Connection": None})) as client:
        first, second = client.final(), client.final()
        return None if (first.status, second.status) == (502, 400) else f"status {first.status}, then {second.status}"


def passes(network, data, status):
    """The app's refusal comes through, and the connection goes on."""
    with Client(network.address("http"), data) as client:
        first = client.final()
        if first.status != status:
            return f"status {first.status}"
        client.send(visit("/x", {"Upgrade": None}))
        return None if client.final().status == 400 else "the connection is spoilt"


def app_says(status):
    name = str(len(BACKEND.rows))
    BACKEND.rows[name] = b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nno" % status
    return visit("/say/" + name), status


def gateway_handshakes(network):
    """Handshake through the gateway: passed on whole, 101 only with the accept value of this very key, refusals as the app says"""
    table = Table()
    table.case("passed on and verified", verified, network)
    for name, data in BAD_SWITCHES:
        table.case(f"101 with {name}", switches, network, data)
    for status in (200, 301, 400, 401, 403, 404, 426, 429, 500, 503):
        table.case(f"the app says {status}", passes, network, *app_says(status))
    for name, data, status in (
            ("no key", visit(changes={"Sec-WebSocket-Key": None}), 400), ("short key", visit(changes={"Sec-WebSocket-Key": "x"}), 400),
            ("version 8", visit(changes={"Sec-WebSocket-Version": "8"}), 426), ("no version", visit(changes={"Sec-WebSocket-Version": None}), 400),
            ("HTTP/1.0 keep-alive", visit(changes={"Connection": "keep-alive, Upgrade"}, version="HTTP/1.0"), 400), ("Upgrade: h2c", visit(changes={"Upgrade": "h2c"}), 400),
            ("POST", visit(method="POST"), 400), ("Upgrade not in Connection", visit(changes={"Connection": "keep-alive"}), 400),
            ("a body", visit(more="Content-Length: 5\r\n") + b"hello", 400), ("Upgrade twice", visit(more="Upgrade: websocket\r\n"), 400)):
        table.case(name, passes, network, data, status)
    table.done(Failed)


WIRE = (
    [(f"{kind} of {n}", ws(opcode, b"\xe2\x82\xac" * (n // 3) + b"a" * (n % 3))) for kind, opcode in (("text", TEXT), ("binary", BINARY))
     for n in (0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20)] +
    [(f"UTF-8 {text!r}", ws(TEXT, text)) for text in GOOD_UTF8] + [(f"bad UTF-8 {text!r}", ws(TEXT, text)) for text in BAD_UTF8] +
    [(f"UTF-8 cut at {at}", ws(TEXT, "κόσμε😀".encode()[:at], fin=False) + ws(0, "κόσμε😀".encode()[at:])) for at in range(1, 14, 3)] +
    [(f"ping of {n}", ws(WS_PING, b"p" * n)) for n in (0, 1, 125, 126)] + [("pong unasked", ws(WS_PONG, b"x")), ("10 pings", ws(WS_PING, b"x") * 10)] +
    [(f"reserved bits {r}", ws(TEXT, b"x", rsv=r)) for r in (1, 2, 4, 7)] + [(f"opcode {o}", ws(o, b"abc")) for o in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)] +
    [("compressed", ws(TEXT, b"\xf2H\xcd\xc9\xc9\x07\0", rsv=4)), ("fragments", ws(TEXT, b"a", fin=False) + ws(0, b"b", fin=False) + ws(WS_PING, b"c") + ws(0, b"d")),
     ("unmasked", ws(TEXT, b"x", mask=None)), ("fragmented ping", ws(WS_PING, b"x", fin=False)), ("continuation of nothing", ws(0, b"x")),
     ("longer form", ws(BINARY, b"x", form=2)), ("longest form", ws(BINARY, b"x", form=8)), ("half a frame", ws(BINARY, b"x" * 100)[:50]),
     ("not a frame", b"GET /smuggled HTTP/1.1\r\nHost: echo\r\n\r\n"), ("every byte", bytes(range(256)) * 64), ("random", os.urandom(300000)),
     ("10000 messages of 1", ws(BINARY, b"x") * 10000)] +
    [(f"close {c}", close_frame(c, b"because")) for c in GOOD_CODES[:6] + BAD_CODES[:8]] + [("close without code", ws(CLOSE_FRAME)), ("close of one byte", ws(CLOSE_FRAME, b"\x03"))])


def echoed(network, data, pieces=1, early=False):
    client, _ = entered(network, visit() + data if early else None)
    with client:
        size = -(-len(data) // pieces) or 1
        for at in range(0, 0 if early else len(data), size):
            client.send(data[at:at + size])
        got = client.stream.exactly(len(data))
        if got != data:
            return "other bytes came back"
        client.sock.shutdown(socket.SHUT_WR)
        end = client.stream.rest()
        return None if end == b"the end" else f"at the end: {end[:50]!r}"


def ends(network, target):
    client, _ = entered(network, visit(target))
    with client:
        if target == "/now":
            return None if client.stream.exactly(4) == b"\x82\x02hi" else "the first message is lost"
        client.send(b"12345")
        if not client.closed():
            return "still open"
        return None if client.stream.reset == (target == "/reset") else f"reset: {client.stream.reset}"


def gateway_frames(network):
    """Frames through the gateway, right and wrong: every byte comes back as it was, and the end comes through both ways"""
    table = Table()
    for name, data in WIRE:
        table.case(name, echoed, network, data)
    for name, data in WIRE[:5] + WIRE[-20:]:
        table.case(f"{name}, with the handshake", echoed, network, data, 1, True)
        table.case(f"{name}, in pieces", echoed, network, data, 7)
    for target in ("/now", "/bye", "/reset"):
        table.case(target, ends, network, target)
    table.done(Failed)


def ready(network):
    """The echo answers through the tunnel"""
    def probe():
        try:
            return verified(network) is None
        except (Broken, OSError):
            return False
    require(eventually(probe, 15), "it does not answer")


if __name__ == "__main__":
    run_suite("websocket-conformance", [ready, tunnel_handshakes, tunnel_frames, tunnel_closes, tunnel_cuts, gateway_handshakes, gateway_frames],
              options=("--expose", f"echo=127.0.0.1:{BACKEND.port}"))
