#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Floods of HTTP/2 (CVE-2019-9511 to 9518, 2023-44487, 2024-27316, 2025-8671): whoever floods is sent away or waits,
memory stays bounded, and an honest client is served all the while. Each flood prints what it measured."""
import threading
import time

from http2_wire import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, INITIAL_WINDOW_SIZE, PING, PREFACE,
                        PRIORITY, SETTINGS, Client, Gone, frame, headers, literal, request_fields, reset, section, settings, window)
from network import require, require_equal, run_suite, wait_for
from wire import Broken, Recorder, Server, Stream, eventually

MIB = 1 << 20
RSS_MAX = 24 * MIB  # growth during one flood
RSS_STALLED_MAX = 64 * MIB  # with everything stalled that can stall
SECONDS = 2


class Bulk(Server):
    """/big sends for ever, /sink reads nothing."""

    def serve(self, sock):
        head = Stream(sock).until(b"\r\n\r\n")
        if b" /sink" in head:
            time.sleep(15)
            return
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")


BACKEND, BULK = Recorder(), Bulk()


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


class Honest(threading.Thread):
    """One request after another on its own connection."""

    def __init__(self, network):
        super().__init__(daemon=True)
        self.client, self.times, self.stop, self.problem = Client(network.address("http")), [], False, None
        self.start()

    def run(self):
        stream = 1
        while not self.stop:
            before = time.monotonic()
            try:
                status = self.client.get(stream).status
            except (Gone, TimeoutError, OSError) as problem:
                status = repr(problem)
            if status != 200:
                self.problem = status
                return
            self.times.append(time.monotonic() - before)
            stream += 2
            time.sleep(0.002)


def under(network, name, attack, limit=RSS_MAX, slowest=2):
    """Runs the attack with an honest client beside it."""
    pid, honest = network.control_pid(), Honest(network)
    wait_for("an honest answer", 5, lambda: honest.times, 0.005)
    before, peak, done = resident(pid), 0, threading.Event()
    began = time.monotonic()

    def run():
        try:
            results.append(attack())
        except Exception as problem:  # shown below
            results.append(problem)
        done.set()
    results = []
    threading.Thread(target=run, daemon=True).start()
    while not done.wait(0.01) and time.monotonic() - began < 20:
        peak = max(peak, resident(pid) - before)
    honest.stop = True
    honest.join(5)
    print(f"# {name}: {time.monotonic() - began:.2f} s, resident + {max(peak, 0) / MIB:.1f} MiB, honest: {len(honest.times)} answers, "
          f"slowest {max(honest.times) * 1000:.0f} ms", flush=True)
    require(honest.problem is None, f"{name}: the honest client got {honest.problem}")
    require(max(honest.times) < slowest, f"{name}: an honest answer took {max(honest.times):.2f} s")
    limit *= 3 if network.sanitized() else 1
    require(peak < limit, f"{name}: {peak / MIB:.1f} MiB more")
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def sent_away(network, chunk, count, prelude=b""):
    """Sends `chunk(i)` up to `count` times without reading; the code of the GOAWAY, 0 without one that could be read."""
    with Client(network.address("http"), PREFACE, settings(), prelude, greeting=b"") as client:
        client.sock.settimeout(0.5)
        end = time.monotonic() + SECONDS
        try:
            for i in range(count):
                client.sock.sendall(chunk(i))
                if time.monotonic() > end:
                    break
        except OSError:
            pass
        try:
            client.until(lambda: client.goaway and client.goaway.code, SECONDS)
        except (Gone, TimeoutError, OSError):
            pass
        require(client.closed(SECONDS), "it may go on")
        return client.goaway.code if client.goaway else 0


def flooded(network, name, chunk, count=60, prelude=b"", codes=(ENHANCE_YOUR_CALM, 0)):
    code = under(network, name, lambda: sent_away(network, chunk, count, prelude))
    require(code in codes, f"{name}: GOAWAY {code}")


def rapid_reset(network):
    """Requests reset at once, and requests that make us reset them: sent away before 200 reached the app"""
    def pairs(first, what):
        return lambda i: b"".join(headers(s, request_fields(path="/rapid")) + what(s) for s in range(first + 200 * i, first + 200 * i + 200, 2))
    before = len(BACKEND.targets)
    flooded(network, "rapid reset", pairs(1, reset))
    require(len(BACKEND.targets) - before < 200, f"{len(BACKEND.targets) - before} requests reached the app")


    def again():
        ends, end = [], time.monotonic() + 0.4
        while time.monotonic() < end:
            ends.append(sent_away(network, pairs(1, reset), 60))
        return ends
    times = under(network, "rapid reset on one connection after another", again)
    require(len(times) > 1 and set(times) <= {ENHANCE_YOUR_CALM, 0}, f"GOAWAY {times}")
    flooded(network, "reset by WINDOW_UPDATE 0", pairs(1, lambda s: window(s, 0)), codes=(ENHANCE_YOUR_CALM, 1, 0))
    flooded(network, "reset by DATA behind the end", pairs(1, lambda s: frame(DATA, 0, s, b"x")), codes=(ENHANCE_YOUR_CALM, 5, 0))
    bad = section(request_fields(more=[("Upper", "x")]))
    flooded(network, "malformed requests", lambda i: b"".join(headers(s, bad) for s in range(1 + 200 * i, 201 + 200 * i, 2)))


def control_frames(network):
    """PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown frames by the thousand"""
    open_stream = headers(1, request_fields(method="POST"), END_HEADERS)
    for name, one, prelude in (
            ("PING", frame(PING, 0, 0, bytes(8)), b""), ("SETTINGS", settings((4, 70000)), b""), ("empty SETTINGS", settings(), b""),
            ("SETTINGS ACK", frame(SETTINGS, 1), b""), ("PRIORITY", frame(PRIORITY, 0, 5, bytes([0, 0, 0, 1, 9])), b""),
            ("WINDOW_UPDATE", window(0, 1), b""), ("empty DATA", frame(DATA, 0, 1), open_stream),
            ("padded empty DATA", frame(DATA, 8, 1, b"\0"), open_stream), ("unknown frames", frame(0x42, 0, 0, b""), b"")):
        flooded(network, name, lambda i, one=one: one * 500, prelude=prelude, codes=(ENHANCE_YOUR_CALM, 1, 0))


def sections_without_end(network):
    """CONTINUATION without end, empty or full; a header of 1 MiB"""
    start = frame(HEADERS, END_STREAM, 1, section(request_fields()))
    for name, one in (("empty CONTINUATION", frame(CONTINUATION, 0, 1) * 500), ("small CONTINUATION", frame(CONTINUATION, 0, 1, literal("a", "b")) * 200),
                      ("full CONTINUATION", frame(CONTINUATION, 0, 1, literal("x-a", "b" * 16000)[:16384]))):
        flooded(network, name, lambda i, one=one: one, prelude=start, codes=(ENHANCE_YOUR_CALM, 1, 9, 0))


def hpack_bombs(network):
    """A field of the table named again and again: 431, and beyond 256 KiB the connection ends"""
    def bomb(times):
        with Client(network.address("http")) as client:
            name = literal("x-bomb", "b" * 3900, 0x40)
            for stream in range(1, 41, 2):
                client.send(headers(stream, section(request_fields()) + (name if stream == 1 else b"") + b"\xbe" * times))
            answers = [client.finished(s) for s in range(1, 41, 2)]
            return {a.status or (client.goaway and client.goaway.code) for a in answers}
    require_equal(under(network, "HPACK bomb of 200 KB", lambda: bomb(50)), {431}, "status")
    require_equal(under(network, "HPACK bomb of 46 MB", lambda: bomb(12000)), {ENHANCE_YOUR_CALM}, "GOAWAY")


def readers_that_stop(network):
    """Answers nobody reads, with windows of 0 or sockets that are not read: bounded for all together"""
    def stall():
        clients = []
        for kind in range(8):
            client = Client(network.address("http"), first_settings=[(INITIAL_WINDOW_SIZE, 0 if kind % 2 else (1 << 31) - 1)])
            client.send(window(0, 1 << 30), *[headers(s, request_fields(path="/big", authority="bulk")) for s in range(1, 81, 2)])
            clients.append(client)
        time.sleep(1.2)
        for client in clients:
            client.sock.close()
    under(network, "320 answers not read", stall, RSS_STALLED_MAX, slowest=5)


def uploads_nobody_takes(network):
    """Bodies an app does not read stop at the windows"""
    def upload():
        sent, clients = 0, []
        for _ in range(4):
            client = Client(network.address("http"))
            client.sock.settimeout(0.3)
            client.send(*[headers(s, request_fields(method="POST", path="/sink", authority="bulk"), END_HEADERS) for s in range(1, 41, 2)])
            for round_ in range(16):
                for s in range(1, 41, 2):
                    if sent < 20 * MIB and round_ * 16384 < 65536 // 2:
                        client.send(frame(DATA, 0, s, bytes(16384)))
                        sent += 16384
            clients.append(client)
        time.sleep(0.3)
        for client in clients:
            client.sock.close()
    under(network, "uploads nobody takes", upload, RSS_STALLED_MAX)


def dribbling(network):
    """Hundreds of connections that send a part of the preface or of a header, and tiny frames"""
    def dribble():
        clients = []
        for i in range(300):
            client = Client(network.address("http"), PREFACE[:1 + i % 23] if i % 2 else
                            PREFACE + settings() + frame(HEADERS, END_STREAM, 1, section(request_fields())[:20]), greeting=b"")
            clients.append(client)
        with Client(network.address("http")) as tiny:
            tiny.send(headers(1, request_fields(method="POST", path="/tiny"), END_HEADERS))
            for _ in range(20):
                tiny.send(frame(DATA, 0, 1, b"x") * 1000)
            tiny.send(frame(DATA, END_STREAM, 1))
            answer = tiny.finished(1)
            require(answer.status == 200 and answer.body.count(b"x" * 20000) == 1, f"tiny frames: {answer.status}")
        for client in clients:
            client.sock.close()
    under(network, "dribbling", dribble, 40 * MIB)


if __name__ == "__main__":
    run_suite("http2-floods", [rapid_reset, control_frames, sections_without_end, hpack_bombs, readers_that_stop, uploads_nobody_takes,
                               dribbling], options=("--expose", f"echo=127.0.0.1:{BACKEND.port}", "--expose", f"bulk=127.0.0.1:{BULK.port}"))
