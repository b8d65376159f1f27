# SPDX-License-Identifier: Apache-2.0
"""The tables of http2_conformance_test.py, by section of RFC 9113. A row is (name, bytes behind the client's preface,
expectation): `connection(codes)`: GOAWAY with one of them, or the connection just ends; `stream(codes)`: RST_STREAM of
stream 1, and the connection goes on (with `strict=False` it may end); `answer(status)`: of stream 1, and so on;
`ignored`: the connection goes on and a request after it is answered. What is refused never reaches the backend."""
import struct

from http2_wire import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENABLE_CONNECT_PROTOCOL, ENABLE_PUSH,
                        FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS,
                        MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, PADDED, PING, PRIORITY, PRIORITY_FLAG, PROTOCOL_ERROR, PUSH_PROMISE,
                        REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, frame, headers, literal, request_fields,
                        reset, section, settings, window)


class Expectation:
    def __init__(self, kind, codes=(), strict=True, check=None):
        self.kind, self.codes, self.strict, self.check = kind, set(codes), strict, check


def connection(*codes):
    return Expectation("connection", codes)


def stream(*codes, strict=True):
    return Expectation("stream", codes, strict)


def answer(status, check=None):
    return Expectation("answer", [status], check=check)


ignored = Expectation("ignored")
MALFORMED = stream(PROTOCOL_ERROR)


def get(more=(), flags=END_HEADERS | END_STREAM, stream_id=1, **changes):
    return headers(stream_id, request_fields(more=more, **changes), flags)


def post(more=(), body=b"", end=END_STREAM, **changes):
    return get(more, END_HEADERS, method="POST", **changes) + frame(DATA, end, 1, body)


def fields(*pairs):
    return headers(1, list(pairs))


def pseudo(**changes):
    """The usual pseudo-headers with changes; None takes one away."""
    wanted = {"method": "GET", "scheme": "http", "authority": "echo", "path": "/"} | changes
    return [(":" + name, value) for name, value in wanted.items() if value is not None]


def in_pieces(size):
    """One request's field section in CONTINUATION frames of `size` bytes."""
    block = section(request_fields(more=[("x-a", "b" * 60)]))
    pieces = [block[at:at + size] for at in range(0, len(block), size)]
    out = frame(HEADERS, END_STREAM, 1, pieces[0])
    for i, piece in enumerate(pieces[1:], 2):
        out += frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, 1, piece)
    return out


U32 = struct.Struct(">I").pack

FRAMES = [
    ("a request", get(), answer(200)),
    *[(f"unknown frame type {kind}", frame(kind, 0xFF, at, b"x" * 40), ignored)
      for kind in (0x0A, 0x0B, 0x10, 0x42, 0xFE, 0xFF) for at in (0, 1)],
    *[(f"undefined flags {flags:#x} on PING", frame(PING, flags, 0, bytes(8)), ignored) for flags in (2, 4, 0x80, 0xFE)],
    ("the reserved bit of a stream id", frame(PING, 0, 0x80000000, bytes(8)), ignored),
    ("HEADERS with the reserved bit", frame(HEADERS, END_HEADERS | END_STREAM, 0x80000001, section(request_fields())), answer(200)),
    ("DATA of the largest size", post(body=bytes(16384)), answer(200)),
    ("DATA one octet too large", get((), END_HEADERS, method="POST") + frame(DATA, END_STREAM, 1, bytes(16385)),
     connection(FRAME_SIZE_ERROR)),
    ("HEADERS too large", frame(HEADERS, END_HEADERS, 1, bytes(16385)), connection(FRAME_SIZE_ERROR)),
    ("an unknown frame too large", frame(0x42, 0, 0, bytes(16385)), connection(FRAME_SIZE_ERROR)),
    ("SETTINGS too large", frame(SETTINGS, 0, 0, bytes(16386)), connection(FRAME_SIZE_ERROR)),
]

HPACK = [
    ("index 0", frame(HEADERS, 5, 1, b"\x80"), connection(COMPRESSION_ERROR)),
    ("index beyond the table", frame(HEADERS, 5, 1, b"\xc6"), connection(COMPRESSION_ERROR)),
    ("a huge index", frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), connection(COMPRESSION_ERROR)),
    ("an integer without end", frame(HEADERS, 5, 1, b"\xff" + b"\x80" * 200), connection(COMPRESSION_ERROR)),
    ("a literal cut short", frame(HEADERS, 5, 1, b"\x00\x0aabc"), connection(COMPRESSION_ERROR)),
    ("a section cut short behind good fields", frame(HEADERS, 5, 1, section(request_fields()) + b"\x40"), connection(COMPRESSION_ERROR)),
    ("Huffman with EOS", frame(HEADERS, 5, 1, b"\x00\x84\xff\xff\xff\xff\x01a"), connection(COMPRESSION_ERROR)),
    ("Huffman padded with zeros", frame(HEADERS, 5, 1, b"\x00\x81\x00\x01a"), connection(COMPRESSION_ERROR)),
    ("Huffman padded by more than 7 bits", frame(HEADERS, 5, 1, b"\x00\x01a\x84\x49\x50\x9f\xff"), connection(COMPRESSION_ERROR)),
    ("table size above the limit", frame(HEADERS, 5, 1, b"\x3f\xe2\x1f" + section(request_fields())), connection(COMPRESSION_ERROR)),
    ("table size behind a field", frame(HEADERS, 5, 1, section(request_fields()) + b"\x20"), connection(COMPRESSION_ERROR)),
    ("table size 0 first", frame(HEADERS, 5, 1, b"\x20" + section(request_fields())), answer(200)),
    ("two table sizes first", frame(HEADERS, 5, 1, b"\x20\x3f\xe1\x1f" + section(request_fields())), answer(200)),
    ("indexed static fields", frame(HEADERS, 5, 1, b"\x82\x86\x84" + literal(":authority", "echo")), answer(200)),
    ("a field into the table and out of it", frame(HEADERS, 5, 1, b"\x82\x86\x84" + literal(":authority", "echo")
                                                    + literal("x-a", "b", 0x40) + b"\xbe\xbe"), answer(200)),
    ("never indexed", frame(HEADERS, 5, 1, section(request_fields()) + literal("authorization", "x", 0x10)), answer(200)),
    ("an empty section", frame(HEADERS, 5, 1, b""), MALFORMED),
]

BLOCKS = [
    *[(f"CONTINUATION of {size} bytes", in_pieces(size), answer(200)) for size in (20, 40, 64, 100)],
    ("an empty HEADERS and one CONTINUATION", frame(HEADERS, END_STREAM, 1) + frame(CONTINUATION, END_HEADERS, 1,
                                                                                     section(request_fields())), answer(200)),
    ("PING inside a section", frame(HEADERS, END_STREAM, 1, section(request_fields())) + frame(PING, 0, 0, bytes(8)),
     connection(PROTOCOL_ERROR)),
    ("an unknown frame inside a section", frame(HEADERS, END_STREAM, 1, section(request_fields())) + frame(0x42, 0, 1, b"x"),
     connection(PROTOCOL_ERROR)),
    ("HEADERS of another stream inside a section", frame(HEADERS, END_STREAM, 1, section(request_fields())) + get(stream_id=3),
     connection(PROTOCOL_ERROR)),
    ("DATA inside a section", frame(HEADERS, 0, 1, section(request_fields(method="POST"))) + frame(DATA, 1, 1, b"x"),
     connection(PROTOCOL_ERROR)),
    ("CONTINUATION of another stream", frame(HEADERS, END_STREAM, 1, section(request_fields()))
     + frame(CONTINUATION, END_HEADERS, 3), connection(PROTOCOL_ERROR)),
    ("CONTINUATION behind END_HEADERS", get() + frame(CONTINUATION, END_HEADERS, 1, literal("a", "b")), connection(PROTOCOL_ERROR)),
    ("CONTINUATION behind DATA", get((), END_HEADERS, method="POST") + frame(DATA, 0, 1, b"x")
     + frame(CONTINUATION, END_HEADERS, 1, literal("a", "b")), connection(PROTOCOL_ERROR)),
    ("CONTINUATION first", frame(CONTINUATION, END_HEADERS, 1, section(request_fields())), connection(PROTOCOL_ERROR)),
    ("CONTINUATION on stream 0", frame(HEADERS, END_STREAM, 1, section(request_fields())) + frame(CONTINUATION, END_HEADERS, 0),
     connection(PROTOCOL_ERROR)),
]

STATES = [
    ("DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"), connection(PROTOCOL_ERROR, STREAM_CLOSED)),
    ("RST_STREAM on an idle stream", reset(1), connection(PROTOCOL_ERROR)),
    ("WINDOW_UPDATE on an idle stream", window(1, 100), connection(PROTOCOL_ERROR)),
    ("PRIORITY on an idle stream", frame(PRIORITY, 0, 3, U32(0) + b"\x0f"), ignored),
    ("DATA behind END_STREAM", get() + frame(DATA, END_STREAM, 1, b"x"), stream(STREAM_CLOSED, strict=False)),
    ("HEADERS behind END_STREAM", get() + get(), stream(STREAM_CLOSED, strict=False)),
    ("DATA behind RST_STREAM", get((), END_HEADERS, method="POST") + reset(1) + frame(DATA, END_STREAM, 1, b"x"), ignored),
    ("RST_STREAM twice", get((), END_HEADERS, method="POST") + reset(1) + reset(1), ignored),
    ("WINDOW_UPDATE behind RST_STREAM", get((), END_HEADERS, method="POST") + reset(1) + window(1, 10), ignored),
    ("an even stream", get(stream_id=2), connection(PROTOCOL_ERROR)),
    ("a lower stream", get(stream_id=5) + get(stream_id=3), connection(PROTOCOL_ERROR, STREAM_CLOSED)),
    ("a stream that was leapt over", get(stream_id=1) + get(stream_id=9) + get(stream_id=7), connection(PROTOCOL_ERROR, STREAM_CLOSED)),
    ("the last stream id", get(stream_id=0x7FFFFFFF), ignored),
    ("PUSH_PROMISE", get((), END_HEADERS, method="POST") + frame(PUSH_PROMISE, END_HEADERS, 1, U32(2) + section(request_fields())),
     connection(PROTOCOL_ERROR)),
]

DATA_ROWS = [
    ("DATA on stream 0", frame(DATA, 0, 0, b"x"), connection(PROTOCOL_ERROR)),
    ("padded", get((), END_HEADERS, method="POST") + frame(DATA, END_STREAM | PADDED, 1, b"\x05hello" + bytes(5)), answer(200)),
    ("nothing but padding", get((), END_HEADERS, method="POST") + frame(DATA, END_STREAM | PADDED, 1, b"\x05" + bytes(5)), answer(200)),
    ("as much padding as payload", get((), END_HEADERS, method="POST") + frame(DATA, END_STREAM | PADDED, 1, b"\x05" + bytes(4)),
     connection(PROTOCOL_ERROR)),
    ("padded without a length", get((), END_HEADERS, method="POST") + frame(DATA, END_STREAM | PADDED, 1, b""),
     connection(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
    ("an empty DATA at the end", post(), answer(200)),
    ("empty DATA in between", get((), END_HEADERS, method="POST") + frame(DATA, 0, 1) * 5 + frame(DATA, END_STREAM, 1, b"x"), answer(200)),
    ("HEADERS on stream 0", frame(HEADERS, 5, 0, section(request_fields())), connection(PROTOCOL_ERROR)),
    ("padded HEADERS", frame(HEADERS, 5 | PADDED, 1, b"\x04" + section(request_fields()) + bytes(4)), answer(200)),
    ("HEADERS with too much padding", frame(HEADERS, 5 | PADDED, 1, b"\xff" + section(request_fields())), connection(PROTOCOL_ERROR)),
    ("HEADERS with a priority", frame(HEADERS, 5 | PRIORITY_FLAG, 1, U32(0) + b"\x0f" + section(request_fields())), answer(200)),
    ("HEADERS with half a priority", frame(HEADERS, 5 | PRIORITY_FLAG, 1, b"\0\0\0"), connection(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
]

CONTROL = [
    ("PRIORITY on stream 0", frame(PRIORITY, 0, 0, U32(1) + b"\x0f"), connection(PROTOCOL_ERROR)),
    *[(f"PRIORITY of {n} bytes", frame(PRIORITY, 0, 1, bytes(n)), connection(FRAME_SIZE_ERROR)) for n in (0, 4, 6)],
    ("RST_STREAM on stream 0", reset(0), connection(PROTOCOL_ERROR)),
    *[(f"RST_STREAM of {n} bytes", get() + frame(RST_STREAM, 0, 1, bytes(n)), connection(FRAME_SIZE_ERROR)) for n in (0, 3, 5)],
    ("SETTINGS", settings((MAX_CONCURRENT_STREAMS, 10)), ignored),
    ("empty SETTINGS", settings(), ignored),
    ("SETTINGS on a stream", frame(SETTINGS, 0, 1), connection(PROTOCOL_ERROR)),
    ("SETTINGS with ACK and a payload", frame(SETTINGS, ACK, 0, bytes(6)), connection(FRAME_SIZE_ERROR)),
    *[(f"SETTINGS of {n} bytes", frame(SETTINGS, 0, 0, bytes(n)), connection(FRAME_SIZE_ERROR)) for n in (1, 3, 5, 7)],
    *[(f"ENABLE_PUSH {n}", settings((ENABLE_PUSH, n)), connection(PROTOCOL_ERROR)) for n in (2, 0xFFFFFFFF)],
    *[(f"ENABLE_PUSH {n}", settings((ENABLE_PUSH, n)), ignored) for n in (0, 1)],
    *[(f"INITIAL_WINDOW_SIZE {n}", settings((INITIAL_WINDOW_SIZE, n)), connection(FLOW_CONTROL_ERROR)) for n in (1 << 31, 0xFFFFFFFF)],
    ("INITIAL_WINDOW_SIZE 2^31-1", settings((INITIAL_WINDOW_SIZE, (1 << 31) - 1)), ignored),
    *[(f"MAX_FRAME_SIZE {n}", settings((MAX_FRAME_SIZE, n)), connection(PROTOCOL_ERROR)) for n in (0, 16383, 1 << 24, 0xFFFFFFFF)],
    *[(f"MAX_FRAME_SIZE {n}", settings((MAX_FRAME_SIZE, n)), ignored) for n in (16384, (1 << 24) - 1)],
    *[(f"ENABLE_CONNECT_PROTOCOL {n}", settings((ENABLE_CONNECT_PROTOCOL, n)), ignored) for n in (0, 1)],
    *[(f"unknown setting {n:#x}", settings((n, 12345)), ignored) for n in (0, 7, 0x42, 0xFFFF)],
    ("one setting twice", settings((MAX_FRAME_SIZE, 16384), (MAX_FRAME_SIZE, 20000)), ignored),
    ("a header table of 0", settings((1, 0)) + get(), answer(200)),
    ("a tiny MAX_HEADER_LIST_SIZE", settings((MAX_HEADER_LIST_SIZE, 1)) + get(), answer(200)),
    ("PING on a stream", frame(PING, 0, 1, bytes(8)), connection(PROTOCOL_ERROR)),
    *[(f"PING of {n} bytes", frame(PING, 0, 0, bytes(n)), connection(FRAME_SIZE_ERROR)) for n in (0, 7, 9)],
    ("PING with ACK that was not asked for", frame(PING, ACK, 0, bytes(8)), ignored),
    ("GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), connection(PROTOCOL_ERROR)),
    *[(f"GOAWAY of {n} bytes", frame(GOAWAY, 0, 0, bytes(n)), connection(FRAME_SIZE_ERROR, PROTOCOL_ERROR)) for n in (0, 7)],
    *[(f"WINDOW_UPDATE of {n} bytes", frame(WINDOW_UPDATE, 0, 0, bytes(n)), connection(FRAME_SIZE_ERROR)) for n in (0, 3, 5)],
    ("WINDOW_UPDATE by 0 on the connection", window(0, 0), connection(PROTOCOL_ERROR)),
    ("WINDOW_UPDATE by 0 on a stream", get((), END_HEADERS, method="POST") + window(1, 0), stream(PROTOCOL_ERROR, strict=False)),
    ("the connection's window too large", window(0, (1 << 31) - 1), connection(FLOW_CONTROL_ERROR)),
    ("a stream's window too large", get((), END_HEADERS, method="POST") + window(1, (1 << 31) - 1), stream(FLOW_CONTROL_ERROR)),
    ("windows too large by SETTINGS", get((), END_HEADERS, method="POST") + window(1, 1 << 30)
     + settings((INITIAL_WINDOW_SIZE, (1 << 31) - 1)), stream(FLOW_CONTROL_ERROR, strict=False)),
    ("the reserved bit of an increment", frame(WINDOW_UPDATE, 0, 0, U32(0x80000001)), ignored),
]

FIELD_ROWS = [
    *[(f"name {name!r}", get([(name, "x")]), MALFORMED)
      for name in ("X-Upper", "x-uppeR", "x y", "x\ty", "x\0y", "x\ry", "x\ny", "", "x:y", "x\x7fy", "x\xe9", "x(y)", "x\"", "x/y", "x@", "x[y]")],
    *[(f"value {value!r}", get([("x-a", value)]), MALFORMED)
      for value in ("a\0b", "a\rb", "a\nb", "a\r\nb: c", "\0", "\n", " a", "a ", "\ta", "a\t", "a\x01b", "a\x7fb")],
    *[(f"value {value!r}", get([("x-a", value)]), answer(200, check=("x-a", value))) for value in ("", "a b", "a\tb", "a\xe9b", "a" * 4000)],
    *[(f"field of a connection: {name}", get([(name, value)]), MALFORMED)
      for name, value in (("connection", "close"), ("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("proxy-connection", "close"),
                          ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("upgrade", "websocket"), ("te", "gzip"),
                          ("te", "trailers, deflate"), ("te", ""), ("te", "chunked"))],
    ("te: trailers", get([("te", "trailers")]), answer(200, check=("te", None))),
    ("names with _ are dropped", get([("x_forwarded_for", "6.6.6.6")]), answer(200, check=("x_forwarded_for", None))),
    ("crumbs of a cookie", get([("cookie", "a=1"), ("x-a", "b"), ("cookie", "b=2"), ("cookie", "c=3")]),
     answer(200, check=("cookie", "a=1; b=2; c=3"))),
    ("150 crumbs", get([("cookie", f"c{i}=v") for i in range(150)]),
     answer(200, check=("cookie", "; ".join(f"c{i}=v" for i in range(150))))),
    ("forged forwarding fields", get([("forwarded", "for=6.6.6.6"), ("x-real-ip", "6.6.6.6"), ("x-ee-internal", "1")]),
     answer(200, check=("x-real-ip", None))),
    ("authorization passes", get([("authorization", "Bearer x")]), answer(200, check=("authorization", "Bearer x"))),
    ("Via names the version", get(), answer(200, check=("via", "2.0 easyenclave"))),
    ("99 fields", get([(f"x-{i}", "v") for i in range(99)]), answer(200)),
    ("101 fields", get([(f"x-{i}", "v") for i in range(101)]), answer(431)),
    ("a header of 30 KiB", headers(1, section(request_fields())[:0] + section(request_fields(more=[(f"x-{i}", "v" * 3000) for i in range(5)]))),
     answer(200)),
    ("Expect: 100-continue", post([("expect", "100-continue")], b"x"), answer(200, check=("expect", None))),
    ("another expectation", get([("expect", "tea")]), answer(417)),
]

PSEUDO = [
    *[(f"without :{name}", fields(*pseudo(**{name: None})), MALFORMED) for name in ("method", "scheme", "path", "authority")],
    *[(f":{name} twice", fields(*pseudo(), (":" + name, value)), MALFORMED)
      for name, value in (("method", "GET"), ("scheme", "http"), ("path", "/"), ("authority", "echo"))],
    *[(f":{name} behind a field", fields(*pseudo(**{name: None}), ("x-a", "b"), (":" + name, value)), MALFORMED)
      for name, value in (("method", "GET"), ("scheme", "http"), ("path", "/"), ("authority", "echo"))],
    *[(f"pseudo-header {name}", fields(*pseudo(), (name, "x")), MALFORMED)
      for name in (":status", ":unknown", ":", ":Method", ":host", ":protocol")],
    *[(f":method {value!r}", fields(*pseudo(method=value)), MALFORMED) for value in ("", "G T", "GET\0", "GÉT", "GET /")],
    *[(f":method {value!r}", fields(*pseudo(method=value)), answer(status))
      for value, status in (("get", 501), ("BREW", 501), ("TRACE", 405), ("PRI", 501), ("X" * 100, 501), ("OPTIONS", 200),
                            ("DELETE", 200), ("PATCH", 200), ("PROPFIND", 200))],
    *[(f":scheme {value!r}", fields(*pseudo(scheme=value)), MALFORMED) for value in ("", "ftp", "htt p", "http:")],
    *[(f":scheme {value!r}", fields(*pseudo(scheme=value)), answer(200)) for value in ("http", "https")],
    *[(f":path {value!r}", fields(*pseudo(path=value)), MALFORMED)
      for value in ("", "x", "http://echo/", "//\0", "/a b", "/a#b", "/\xe9", "/a\tb", "*", "/a\r\nX: y")],
    *[(f":path {value!r}", fields(*pseudo(path=value)), answer(200, check=(":path", value)))
      for value in ("/", "/?", "/a?b=c&d", "//", "/%00", "/a/../b", "/;x=y", "/a:b@c", "/" + "x" * 8000)],
    (":path of 9 KiB", fields(*pseudo(path="/" + "x" * 9000)), answer(414)),
    ("OPTIONS *", fields(*pseudo(method="OPTIONS", path="*")), answer(200, check=(":path", "*"))),
    *[(f":authority {value!r}", fields(*pseudo(authority=value)), MALFORMED)
      for value in ("", "a b", "user@echo", "echo/x", "echo:99999", "echo:x", "[::1", "echo\0", "a" * 300)],
    (":authority with a port", fields(*pseudo(authority="echo:80")), answer(200, check=("host", "echo:80"))),
    ("Host without :authority", fields(*pseudo(authority=None), ("host", "echo")), answer(200, check=("host", "echo"))),
    ("Host like :authority", fields(*pseudo(), ("host", "echo")), answer(200, check=("host", "echo"))),
    ("Host unlike :authority", fields(*pseudo(), ("host", "other")), MALFORMED),
    ("Host twice", fields(*pseudo(), ("host", "echo"), ("host", "echo")), MALFORMED),
    ("an app that is not there", fields(*pseudo(authority="nobody")), answer(404)),
    ("CONNECT", fields((":method", "CONNECT"), (":authority", "echo:80")), answer(405)),
    ("CONNECT with :path", fields((":method", "CONNECT"), (":authority", "echo:80"), (":path", "/")), MALFORMED),
    ("CONNECT with :scheme", fields((":method", "CONNECT"), (":authority", "echo:80"), (":scheme", "http")), MALFORMED),
    ("CONNECT without :authority", fields((":method", "CONNECT")), MALFORMED),
    ("GET with :protocol", fields(*pseudo(), (":protocol", "websocket")), MALFORMED),
    ("extended CONNECT for another protocol", headers(1, [*pseudo(method="CONNECT"), (":protocol", "connect-udp")], END_HEADERS), answer(501)),
    ("extended CONNECT without :path", headers(1, [*pseudo(method="CONNECT", path=None), (":protocol", "websocket")], END_HEADERS), MALFORMED),
    ("extended CONNECT that ends at once", fields(*pseudo(method="CONNECT"), (":protocol", "websocket")), MALFORMED),
    ("extended CONNECT with a length", headers(1, [*pseudo(method="CONNECT"), (":protocol", "websocket"), ("content-length", "1")],
                                               END_HEADERS), MALFORMED),
]

BODIES = [
    ("a length that is right", post([("content-length", "5")], b"hello"), answer(200, check=("body", "hello"))),
    ("no length", post([], b"hello"), answer(200, check=("body", "hello"))),
    ("no body and no length", get(method="POST"), answer(200, check=("body", ""))),
    *[(f"content-length {value!r} for 5 bytes", post([("content-length", value)], b"hello"), stream(PROTOCOL_ERROR))
      for value in ("4", "6", "0", "", "x", "-5", "5,5", "+5", "0x5", "5 5", "9" * 25)],
    ("content-length twice", post([("content-length", "5"), ("content-length", "5")], b"hello"), MALFORMED),
    ("content-length 5 and END_STREAM", get([("content-length", "5")], method="POST"), MALFORMED),
    ("content-length 0 and END_STREAM", get([("content-length", "0")], method="POST"), answer(200)),
    ("more than the length in a second frame", get([("content-length", "5")], END_HEADERS, method="POST") + frame(DATA, 0, 1, b"hello")
     + frame(DATA, END_STREAM, 1, b"!"), stream(PROTOCOL_ERROR)),
    ("trailers", get((), END_HEADERS, method="POST") + frame(DATA, 0, 1, b"x") + headers(1, [("x-check", "1"), ("x-more", "2")]),
     answer(200, check=("trailers", [["x-check", "1"], ["x-more", "2"]]))),
    ("trailers without a body", get((), END_HEADERS, method="POST") + headers(1, [("x-check", "1")]),
     answer(200, check=("trailers", [["x-check", "1"]]))),
    ("trailers behind a body that is too short", get([("content-length", "5")], END_HEADERS, method="POST") + frame(DATA, 0, 1, b"x")
     + headers(1, [("x-check", "1")]), stream(PROTOCOL_ERROR)),
    ("trailers without END_STREAM", get((), END_HEADERS, method="POST") + headers(1, [("x-check", "1")], END_HEADERS),
     stream(PROTOCOL_ERROR, strict=False)),
    *[(f"trailer {name}", get((), END_HEADERS, method="POST") + headers(1, [(name, "x")]), stream(PROTOCOL_ERROR))
      for name in (":path", ":status", "content-length", "host", "transfer-encoding", "connection", "te", "authorization", "X-Upper",
                   "x\0", "content-type", "set-cookie", "x-forwarded-for")],
    ("trailers of 9 KiB", get((), END_HEADERS, method="POST") + headers(1, [(f"x-{i}", "v" * 1000) for i in range(9)]),
     stream(PROTOCOL_ERROR)),
    ("GET with a body", get((), END_HEADERS) + frame(DATA, END_STREAM, 1, b"abc"), answer(200, check=("body", "abc"))),
    ("HEAD", get(method="HEAD"), answer(200)),
]

GROUPS = {"frames": FRAMES, "hpack": HPACK, "sections in pieces": BLOCKS, "states": STATES, "data and headers": DATA_ROWS,
          "control frames": CONTROL, "fields": FIELD_ROWS, "pseudo-headers": PSEUDO, "bodies": BODIES}
