# SPDX-License-Identifier: Apache-2.0
"""A workload for the tests: app.py PORT. Everything a web app may do that a gateway can get wrong.

POST /echo       the body back, with Content-Length when it had one, else chunked as it comes
GET  /big?n=N    N bytes
GET  /events?n=N N server-sent events 100 ms apart, each with the moment it was sent
GET  /ws         WebSocket echo
GET  /wait?ms=N  answers after N milliseconds
GET  /drop       closes without an answer
GET  /half       says 100 bytes, sends 10 and closes
GET  /head       method, target and header lines as they came
GET  /seen       what requests were cut off by their client
GET  /pid        the process
"""
import base64
import hashlib
import http.server
import json
import os
import socketserver
import struct
import sys
import time
import urllib.parse

cut_off = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            cut_off.append(getattr(self, "path", "?"))

    def answer(self, status, body=b"", kind="application/octet-stream", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def number(self, name, default):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        return int(query.get(name, [default])[0])

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        handler = getattr(self, "get_" + (path[1:] or "root"), None)
        if handler:
            handler()
        else:
            self.answer(404, b"no such page\n")

    def get_root(self):
        self.answer(200, b"hello\n", "text/plain")

    def get_pid(self):
        self.answer(200, b"%d" % os.getpid(), "text/plain")

    def get_seen(self):
        self.answer(200, json.dumps(cut_off).encode(), "application/json")

    def get_head(self):
        lines = {"method": self.command, "target": self.path, "headers": self.headers.items()}
        self.answer(200, json.dumps(lines).encode(), "application/json", [("X-Twice", "1"), ("X-Twice", "2")])

    def get_wait(self):
        time.sleep(self.number("ms", 0) / 1000)
        self.answer(200, b"waited\n")

    def get_drop(self):
        self.close_connection = True

    def get_half(self):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"x" * 10)
        self.close_connection = True

    def get_big(self):
        left = self.number("n", 0)
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left:
            size = min(left, 65536)
            self.wfile.write(b"b" * size)
            left -= size

    def get_events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(self.number("n", 5)):
            self.chunk(b"data: %.6f\n\n" % time.time())
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def chunks_in(self):
        while True:
            size = int(self.rfile.readline(100).split(b";")[0], 16)
            if size == 0:
                while self.rfile.readline(1000).strip():
                    pass
                return
            yield self.rfile.read(size)
            self.rfile.readline(10)

    def do_POST(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for data in self.chunks_in():
                self.chunk(data)
            self.wfile.write(b"0\r\n\r\n")
            return
        left = int(self.headers.get("Content-Length") or 0)
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                cut_off.append(self.path)
                self.close_connection = True
                return
            self.wfile.write(data)
            left -= len(data)

    do_PUT = do_POST

    def get_ws(self):
        key = self.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return
            size = head[1] & 0x7f
            if size == 126:
                size, = struct.unpack(">H", self.rfile.read(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.rfile.read(8))
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
            out = bytes([head[0]])
            out += bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
            self.wfile.write(out + data)
            if head[0] & 0x0f == 8:
                return


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
