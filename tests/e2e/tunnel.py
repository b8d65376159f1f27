# SPDX-License-Identifier: Apache-2.0
"""A client of the tunnel that is not ours (docs/spec/tunnel.md, docs/spec/agent-protocol.md): it says what a test wants
it to say, in whatever order."""
import base64
import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess

HELLO, OPEN, HEAD, DATA, TRAILERS, RESET, WINDOW, PING, PONG, GOAWAY, CONTROL = range(1, 12)
TEXT, BINARY, CLOSE = 1, 2, 8


def own_certificate(folder, name="client"):
    """A self-signed certificate of a fresh key: paths of both."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    if not certificate.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={name}"],
                       check=True, capture_output=True)
    return certificate, key


class Closed(Exception):
    """The peer ended the connection."""


class Tunnel:
    def __init__(self, network, with_certificate=True, headers=None, timeout=12):
        self.socket = socket.create_connection(network.address("api"), timeout)
        context = network.tls()
        if with_certificate:
            context.load_cert_chain(*map(str, own_certificate(network.folder)))
        self.tls = context.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""
        lines = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
                 "Sec-WebSocket-Protocol": "ee-tunnel-1"}
        lines.update(headers or {})
        head = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        self.tls.sendall(f"GET /v1/tunnel HTTP/1.1\r\n{head}\r\n".encode())
        self.head = self.read_until(b"\r\n\r\n").decode("latin-1")
        self.status = int(self.head.split()[1])

    def close(self):
        with contextlib.suppress(OSError):
            self.tls.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- bytes ----

    def more(self):
        try:
            data = self.tls.recv(65536)
        except (ssl.SSLError, OSError) as problem:
            if isinstance(problem, TimeoutError):
                raise
            raise Closed(str(problem)) from None
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def read_until(self, end):
        while end not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def read(self, size):
        while len(self.buffer) < size:
            self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    # ---- WebSocket ----

    def send_frame(self, payload, opcode=BINARY, fin=True, masked=True, reserved=0):
        head = bytes([(0x80 if fin else 0) | reserved | opcode])
        mask, bit = os.urandom(4), 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if masked:
            repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
            number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
            payload = mask + number.to_bytes(len(payload), "big")
        try:
            self.tls.sendall(head + payload)
        except OSError as problem:
            raise Closed(str(problem)) from None

    def receive_frame(self):
        """Opcode and payload."""
        first, second = self.read(2)
        size = second & 0x7f
        if size == 126:
            size, = struct.unpack(">H", self.read(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.read(8))
        return first & 0x0f, self.read(size)

    # ---- tunnel frames ----

    def send(self, kind, payload=b"", stream=0, flags=0):
        self.send_frame(frame(kind, payload, stream, flags))

    def control(self, message):
        self.send(CONTROL, json.dumps(message).encode())

    def receive(self):
        """Next tunnel frame: kind, stream, payload. Closed when the peer has had enough."""
        while True:
            opcode, payload = self.receive_frame()
            if opcode == CLOSE:
                raise Closed(f"websocket close {payload!r}")
            if opcode != BINARY:
                continue
            kind, _, stream, size = parse(payload)
            return kind, stream, payload[12:12 + size]

    def message(self):
        """Next CONTROL message."""
        while True:
            kind, _, payload = self.receive()
            if kind == CONTROL:
                return json.loads(payload)

    def end(self):
        """Reads until the peer closes; gives the messages it still sent."""
        messages = []
        with contextlib.suppress(Closed):
            while True:
                kind, _, payload = self.receive()
                if kind == CONTROL:
                    messages.append(json.loads(payload))
                elif kind == GOAWAY:
                    messages.append({"type": "goaway", "payload": payload})
        return messages


def parse(data):
    """type u8, flags u8, reserved u16, stream u32, size u32"""
    kind, flags, _, stream, size = struct.unpack(">BBHII", data[:12])
    return kind, flags, stream, size


def frame(kind, payload=b"", stream=0, flags=0, reserved=0, size=None):
    return struct.pack(">BBHII", kind, flags, reserved, stream, len(payload) if size is None else size) + payload


def hello(network_id, node="node-1", epoch=1 << 40, challenge=None):
    return {"type": "hello", "node": node, "network": network_id, "version": "0.1.0", "epoch": str(epoch),
            "challenge": (challenge or os.urandom(32)).hex(), "checkpoint": None}
