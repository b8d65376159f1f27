# SPDX-License-Identifier: Apache-2.0
"""Frames of HTTP/2 on a wire (RFC 9113), for clients and backends of the suites: it sends whatever it is told, right or
wrong. Field sections are written literally here; what the peer writes is read by python3-hpack."""
import socket
import struct

from network import packaged

Decoder = packaged("hpack", "python3-hpack").Decoder

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITY_FLAG = 4, 8, 32
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM,
 CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ANSWER_S = 5


class Gone(Exception):
    """The peer ended the connection."""


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs, flags=0):
    return frame(SETTINGS, flags, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def window(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def number(prefix_bits, first, value):
    """RFC 7541 section 5.1."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def literal(name, value, first=0x00):
    """Without indexing (0x00), or with (0x40)."""
    name, value = (x.encode("latin-1") if isinstance(x, str) else x for x in (name, value))
    return bytes([first]) + number(7, 0, len(name)) + name + number(7, 0, len(value)) + value


def section(fields):
    return b"".join(literal(name, value) for name, value in fields)


def request_fields(method="GET", path="/", authority="echo", scheme="http", more=()):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *more]


def headers(stream, fields, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, flags, stream, fields if isinstance(fields, bytes) else section(fields))


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    @property
    def code(self):
        return struct.unpack(">I", self.payload[4:8] if self.kind == GOAWAY else self.payload[:4])[0]

    def __repr__(self):
        return f"<{self.kind} flags {self.flags} stream {self.stream} {self.payload[:40]!r}>"


class Answer:
    """What came on one stream: heads (interim ones too), body, trailers, how it ended."""

    def __init__(self):
        self.interim, self.fields, self.trailers, self.body, self.ended, self.reset = [], None, None, b"", False, None

    @property
    def status(self):
        return int(dict(self.fields)[":status"]) if self.fields else None

    def field(self, name):
        return dict(self.fields).get(name)


class Peer:
    """One end of a connection. `sock` is connected; a client has sent its preface."""

    def __init__(self, sock):
        self.sock, self.data, self.decoder = sock, b"", Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.answers, self.goaway, self.settings, self.pongs, self.frames = {}, None, None, [], []
        self.block = b""
        self.auto_window = True

    def send(self, *parts):
        try:
            self.sock.sendall(b"".join(parts))
        except OSError:
            pass  # refused while we still spoke: what was answered tells

    def read(self):
        """The next frame."""
        while len(self.data) < 9 or len(self.data) < 9 + int.from_bytes(self.data[:3], "big"):
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                raise
            except OSError as problem:
                raise Gone("reset") from problem
            if not data:
                raise Gone("ended")
            self.data += data
        size = int.from_bytes(self.data[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.data[3:9])
        taken, self.data = self.data[9:9 + size], self.data[9 + size:]
        got = Frame(kind, flags, stream & 0x7FFFFFFF, taken)
        self.take(got)
        return got

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    def take(self, got):
        self.frames.append(got)
        if got.kind == SETTINGS and not got.flags & ACK:
            if self.settings is None:
                self.settings = {}
            for at in range(0, len(got.payload), 6):
                key, value = struct.unpack(">HI", got.payload[at:at + 6])
                self.settings[key] = value
            self.send(frame(SETTINGS, ACK))
        elif got.kind == PING and not got.flags & ACK:
            self.send(frame(PING, ACK, 0, got.payload))
        elif got.kind == PING:
            self.pongs.append(got.payload)
        elif got.kind == GOAWAY:
            self.goaway = got
        elif got.kind == RST_STREAM:
            self.answer(got.stream).reset = got.code
        elif got.kind in (HEADERS, CONTINUATION):
            self.take_section(got)
        elif got.kind == DATA:
            self.answer(got.stream).body += got.payload
            self.answer(got.stream).ended |= bool(got.flags & END_STREAM)
            if got.payload and self.auto_window:
                self.send(window(0, len(got.payload)), b"" if got.flags & END_STREAM else window(got.stream, len(got.payload)))

    def take_section(self, got):
        if got.kind == HEADERS:
            self.end = bool(got.flags & END_STREAM)
        self.block += got.payload
        if not got.flags & END_HEADERS:
            return
        fields, self.block = self.decoder.decode(self.block), b""
        fields = [(n if isinstance(n, str) else n.decode("latin-1"), v if isinstance(v, str) else v.decode("latin-1"))
                  for n, v in fields]
        answer = self.answer(got.stream)
        if fields and fields[0][0] == ":status" and fields[0][1].startswith("1"):
            answer.interim.append(fields)
        elif answer.fields is None:
            answer.fields = fields
        else:
            answer.trailers = fields
        answer.ended |= self.end

    def until(self, done, seconds=ANSWER_S):
        """Reads until `done()`; Gone or TimeoutError otherwise."""
        self.sock.settimeout(seconds)
        while not done():
            self.read()
        return True

    def finished(self, stream, seconds=ANSWER_S):
        """The answer of a stream, whole or reset."""
        answer = self.answer(stream)
        try:
            self.until(lambda: answer.ended or answer.reset is not None or self.goaway and self.goaway.code, seconds)
        except Gone:
            pass
        return answer

    def alive(self):
        """A PING comes back."""
        self.send(frame(PING, 0, 0, b"01234567"))
        count = len(self.pongs)
        try:
            return self.until(lambda: len(self.pongs) > count)
        except (Gone, TimeoutError):
            return False

    def closed(self, seconds=ANSWER_S):
        """Whether the connection ends."""
        try:
            self.until(lambda: False, seconds)
        except Gone:
            return True
        except TimeoutError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


class Client(Peer):
    def __init__(self, address, *parts, greeting=None, wrap=None, first_settings=(), wait=True):
        sock = socket.create_connection(address, ANSWER_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(wrap(sock) if wrap else sock)
        self.send(PREFACE + settings(*first_settings) if greeting is None else greeting, *parts)
        if wait and greeting is None and not parts:
            self.until(lambda: self.settings is not None)

    def get(self, stream=1, **changes):
        self.send(headers(stream, request_fields(**changes)))
        return self.finished(stream)
