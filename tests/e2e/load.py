# SPDX-License-Identifier: Apache-2.0
"""A steady load that shares no code with the product, and backends that record what reached them. Open loop: a request is
due when its time has come, whether the others were answered or not."""
import asyncio
import collections
import http.client
import json
import multiprocessing
import signal
import time

ANSWER_S = 20


# ---- a backend ----

class Recorder(asyncio.Protocol):
    """Answers with its name after a while, and counts each request by method and target. /_record tells, /_mode sets."""

    def __init__(self, shared):
        self.shared, self.data, self.transport = shared, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, rest = self.data.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            size = int(fields.get("content-length", 0))
            if fields.get("transfer-encoding"):
                if not rest.endswith(b"0\r\n\r\n"):
                    return
                size = len(rest)
            if len(rest) < size:
                return
            self.data = rest[size:]
            method, target, _ = lines[0].split(" ")
            self.request(method, target, "close" in fields.get("connection", "").lower())

    def request(self, method, target, close):
        shared = self.shared
        if target == "/_record":
            self.answer(200, json.dumps([list(k) + [n] for k, n in shared["seen"].items()]).encode(), close)
        elif target.startswith("/_mode/"):
            shared["status"] = int(target.rsplit("/", 1)[1])
            self.answer(200, b"", close)
        else:
            shared["seen"][method, target] += 1
            asyncio.get_running_loop().call_later(shared["delay_s"], self.answer, shared["status"], shared["name"].encode(), close)

    def answer(self, status, body, close):
        if self.transport.is_closing():
            return
        self.transport.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n%s\r\n%s" % (
            status, len(body), b"Connection: close\r\n" if close else b"", body))
        if close:
            self.transport.close()


def backend_run(name, delay_s, port_out):
    async def serve():
        shared = {"name": name, "delay_s": delay_s, "status": 200, "seen": collections.Counter()}
        server = await asyncio.get_running_loop().create_server(lambda: Recorder(shared), "127.0.0.1", 0, backlog=1024)
        port_out.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve())


class Backend:
    """In a process of its own, so that it answers while the load is made."""

    def __init__(self, name, delay_s=0.005):
        here, there = multiprocessing.Pipe()
        self.name = name
        self.process = multiprocessing.get_context("fork").Process(target=backend_run, args=(name, delay_s, there), daemon=True)
        self.process.start()
        self.port = here.recv()

    def ask(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", target)
        body = connection.getresponse().read()
        connection.close()
        return body

    def seen(self):
        return collections.Counter({(method, target): n for method, target, n in json.loads(self.ask("/_record"))})

    def answer_with(self, status):
        self.ask(f"/_mode/{status}")

    def end(self):
        self.process.terminate()
        self.process.join()


# ---- the load ----

class Result:
    """What became of one request: status 0 when no whole answer came; `begun`: some of it did."""

    def __init__(self, method, target):
        self.method, self.target = method, target
        self.status, self.begun, self.body, self.fields, self.sent_s, self.done_s = 0, False, b"", [], 0, 0

    def __repr__(self):
        return f"{self.method} {self.target}: {self.status} {self.body[:80]!r} after {self.done_s - self.sent_s:.3f} s"


class Caller(asyncio.Protocol):
    def __init__(self):
        self.data, self.result, self.future, self.transport, self.open = b"", None, None, None, True

    def connection_made(self, transport):
        self.transport = transport

    def start(self, result, data):
        self.result, self.data, self.future = result, b"", asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return self.future

    def data_received(self, data):
        self.data += data
        self.result.begun = True
        head, found, body = self.data.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        size = int(next((v for k, v in fields if k.lower() == "content-length"), -1))
        if size < 0 or len(body) < size or self.future.done():
            return
        self.result.status, self.result.body, self.result.fields = int(lines[0].split(" ")[1]), body, fields
        self.open = self.open and not any(k.lower() == "connection" and v.lower() == "close" for k, v in fields)
        self.future.set_result(None)

    def connection_lost(self, problem):
        self.open = False
        if self.future and not self.future.done():
            self.future.set_result(None)


class Load:
    def __init__(self, address, host):
        self.address, self.host, self.idle, self.results, self.tasks = address, host, [], [], set()

    def bytes_of(self, method, target, fields, body):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", *(f"{k}: {v}" for k, v in fields.items())]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def one(self, method, target, fields=None, body=b""):
        result = Result(method, target)
        self.results.append(result)
        result.sent_s = time.monotonic()
        caller = None
        while self.idle and not (caller and caller.open):
            caller = self.idle.pop()
        try:
            if not (caller and caller.open):
                _, caller = await asyncio.get_running_loop().create_connection(Caller, *self.address)
            await asyncio.wait_for(caller.start(result, self.bytes_of(method, target, fields or {}, body)), ANSWER_S)
        except (OSError, asyncio.TimeoutError):
            pass
        result.done_s = time.monotonic()
        if caller and caller.open and result.status:
            self.idle.append(caller)
        elif caller:
            caller.transport.abort()
        return result

    async def steady(self, rate, seconds, make):
        """`make(i)` gives method, target, fields, body."""
        loop, began = asyncio.get_running_loop(), time.monotonic()
        for i in range(int(rate * seconds)):
            wait = began + i / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            task = loop.create_task(self.one(*make(i)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        await asyncio.gather(*self.tasks)

    def longest_gap_ms(self):
        """Between two whole answers, one after the other."""
        done = sorted(r.done_s for r in self.results if r.status == 200)
        return max(((b - a) * 1000 for a, b in zip(done, done[1:])), default=float("inf"))


async def at(seconds, action):
    await asyncio.sleep(seconds)
    action()
