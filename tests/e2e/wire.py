# SPDX-License-Identifier: Apache-2.0
"""Bytes on a wire for the conformance suites: a strict reader of requests and answers that shares nothing with the
product, a backend that reports what reached it, and tables of cases."""
import json
import socket
import threading
import time

ANSWER_S = 5  # more than any honest answer takes on a busy machine
QUIET_S = 0.02  # how long nothing may come before we say that nothing comes


class Broken(Exception):
    """A message that breaks RFC 9112, or that was cut off."""


class Stream:
    """Buffered reading of a socket; a reset counts as an end, but is remembered."""

    def __init__(self, sock):
        self.sock, self.data, self.ended, self.reset = sock, b"", False, False

    def more(self):
        if self.ended:
            raise Broken("the connection ended inside a message")
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            raise
        except OSError:
            data, self.reset = b"", True
        if not data:
            self.ended = True
            raise Broken("the connection ended inside a message")
        self.data += data

    def until(self, end):
        while end not in self.data:
            self.more()
        taken, self.data = self.data.split(end, 1)
        return taken

    def exactly(self, size):
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def rest(self):
        try:
            while True:
                self.more()
        except Broken:
            taken, self.data = self.data, b""
            return taken


class Message:
    """A request or an answer: start line, fields in order, body, trailers."""

    def __init__(self, stream):
        lines = stream.until(b"\r\n\r\n").split(b"\r\n")
        self.start, self.fields, self.trailers, self.body = lines[0], [], [], b""
        for line in lines[1:]:
            self.fields.append(split_field(line))

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise Broken(f"{name} {len(values)} times")
        return values[0] if values else None

    def framing(self):
        """"chunked", a number, or None."""
        coding, length = self.one(b"Transfer-Encoding"), self.one(b"Content-Length")
        if coding is not None and length is not None:
            raise Broken("Content-Length beside Transfer-Encoding")
        if coding is not None:
            if coding != b"chunked":
                raise Broken(f"Transfer-Encoding: {coding!r}")
            return "chunked"
        if length is not None and not (length.isdigit() and str(int(length)).encode() == length):
            raise Broken(f"Content-Length: {length!r}")
        return None if length is None else int(length)

    def read_chunks(self, stream):
        while True:
            line = stream.until(b"\r\n")
            if not line or line.strip(b"0123456789abcdefABCDEF"):
                raise Broken(f"chunk size {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            self.body += stream.exactly(size)
            if stream.exactly(2) != b"\r\n":
                raise Broken("no CRLF behind a chunk")
        while True:
            line = stream.until(b"\r\n")
            if not line:
                return
            self.trailers.append(split_field(line))


def split_field(line):
    name, colon, value = line.partition(b":")
    if not colon or not name or name.strip() != name or any(c in value for c in b"\r\n\0"):
        raise Broken(f"header line {line!r}")
    return name, value.strip(b" \t")


class Request(Message):
    def __init__(self, stream):
        super().__init__(stream)
        self.method, self.target, self.version = self.start.split(b" ")
        framing = self.framing()
        if framing == "chunked":
            self.read_chunks(stream)
        elif framing:
            self.body = stream.exactly(framing)


class Answer(Message):
    """With `method` of the request it answers. Interim answers come as answers of their own."""

    def __init__(self, stream, method=b"GET"):
        super().__init__(stream)
        version, status, *_ = self.start.split(b" ", 2)
        if version != b"HTTP/1.1" or len(status) != 3 or not status.isdigit():
            raise Broken(f"status line {self.start!r}")
        self.status, self.until_close = int(status), False
        framing = self.framing()
        if self.status < 200 or self.status == 204:
            if framing is not None:
                raise Broken(f"{self.status} with a length")
            return
        if method == b"HEAD" or self.status == 304:
            return
        if framing == "chunked":
            self.read_chunks(stream)
        elif framing is not None:
            self.body = stream.exactly(framing)
        else:
            self.until_close, self.body = True, stream.rest()

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """`wrap` makes a TLS socket of a plain one."""

    def __init__(self, address, data=b"", timeout=ANSWER_S, wrap=None):
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.sock = wrap(self.sock)
        self.stream = Stream(self.sock)
        if data:
            self.send(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # refused while we still spoke: what was answered tells

    def final(self, method=b"GET"):
        """The next answer that is not interim; those before it are in .interim."""
        interim = []
        while True:
            answer = Answer(self.stream, method)
            if answer.status >= 200 or answer.status == 101:
                answer.interim = interim
                return answer
            interim.append(answer)

    def closed(self, seconds=ANSWER_S):
        """Whether the peer ends the connection without a further byte."""
        self.sock.settimeout(seconds)
        try:
            self.stream.more()
            return False
        except Broken:
            return not self.stream.data
        except TimeoutError:
            return False

    def quiet(self):
        """Whether nothing comes and the connection stays."""
        self.sock.settimeout(QUIET_S)
        try:
            self.stream.more()
            return False
        except Broken:
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(ANSWER_S)


class Server:
    """A thread per connection on a loopback port; `serve(sock)` is given by the subclass."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock = self.listener.accept()[0]
            sock.settimeout(20)
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        try:
            self.serve(sock)
        except (OSError, Broken):
            pass
        finally:
            sock.close()


class Recorder(Server):
    """Answers with what reached it, as JSON; keeps what no backend should see."""

    def __init__(self):
        super().__init__()
        self.targets, self.broken, self.extra = [], [], []

    def serve(self, sock):
        stream = Stream(sock)
        try:
            request = Request(stream)
        except (Broken, ValueError) as problem:
            if stream.data or not stream.ended:
                self.broken.append(str(problem))
            return
        self.targets.append(request.target)
        extra = stream.data
        body = json.dumps({
            "method": request.method.decode("latin-1"), "target": request.target.decode("latin-1"),
            "fields": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in request.fields],
            "body": request.body.decode("latin-1"), "version": request.version.decode("latin-1"),
            "trailers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in request.trailers]}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        sock.sendall(head + (b"" if request.method == b"HEAD" else body))
        extra += stream.rest()
        if extra:
            self.extra.append((request.target, extra))


class Table:
    """Cases of one group; all run, the failures are reported together."""

    def __init__(self):
        self.count, self.failures = 0, []

    def case(self, name, function, *arguments):
        self.count += 1
        try:
            problem = function(*arguments)
        except (Broken, OSError, ValueError, AssertionError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self.failures.append(f"{name}: {problem}")

    def done(self, failed):
        """`failed` is the exception to raise."""
        print(f"# {self.count} cases, {len(self.failures)} failed", flush=True)
        if self.failures:
            raise failed("\n".join(self.failures))


def eventually(probe, seconds=2):
    end = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
