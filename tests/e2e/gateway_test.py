#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic to a private app: by name through the gateway and the agent's outbound tunnel, byte for byte."""
import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import random
import re
import select
import ssl
import struct
import subprocess
import time

from network import Failed, app_command, clean_environment, free_port, require, require_equal, run_suite, wait_for

EVENT_LATENCY_S = 0.12
MIB = 1 << 20
shared = {}


def an_app_answers_by_name(network):
    """`ee deploy` and then HTTPS by name: the app answers through the tunnel; TLS 1.2 and 1.3"""
    network.mint("dev", "$20")
    shared["port"] = free_port()
    network.deploy("web", shared["port"], *app_command(network, shared["port"]))
    wait_for("the app answers", 10, lambda: network.fetch("web")[0] == 200)
    require_equal(network.fetch("web"), (200, b"hello\n"), "answer")
    for version in ("TLSv1_2", "TLSv1_3"):
        context = network.tls(minimum_version=getattr(ssl.TLSVersion, version),
                              maximum_version=getattr(ssl.TLSVersion, version))
        with network.connect("gateway", "web.apps.localhost", context) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: web.apps.localhost\r\nConnection: close\r\n\r\n")
            require(b" 200 " in peer.recv(4096), f"{version}")


def echo(network, body):
    """Sends and reads at the same time, so that what is echoed need not fit into anybody's buffers; gives the body."""
    left = memoryview(b"POST /echo HTTP/1.1\r\nHost: web.apps.localhost\r\nConnection: close\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body) + body)
    out, end = bytearray(), time.monotonic() + 60
    with network.connect("gateway", "web.apps.localhost") as peer:
        peer.setblocking(False)
        while time.monotonic() < end:
            progress = False
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                data = peer.recv(1 << 18)
                if not data:
                    break
                out += data
                progress = True
            if left:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    left = left[peer.send(left[:1 << 18]):]
                    progress = True
            if not progress:
                select.select([peer], [peer] if left else [], [], 1)
    head, _, back = bytes(out).partition(b"\r\n\r\n")
    require(head.startswith(b"HTTP/1.1 200 "), f"POST of {len(body)}: {head[:200]!r}")
    return back


def bodies_come_back_exactly(network):
    """POST echo of 0 B, 1 B, 1 MiB and 20 MiB; GET of the same sizes"""
    rng = random.Random(7)
    for size in (0, 1, MIB, 20 * MIB):
        body = rng.randbytes(size)
        back = echo(network, body)
        require_equal(len(back), size, f"POST of {size}")
        require(back == body, f"POST of {size}: other bytes")
        status, back = network.fetch("web", f"/big?n={size}", timeout=60)
        require_equal((status, len(back)), (200, size), f"GET of {size}")


def uploads_in_chunks(network):
    """A body without a length arrives and comes back, chunk by chunk, before it is complete"""
    connection = network.gateway("web")
    connection.putrequest("POST", "/echo")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    parts = [os.urandom(size) for size in (1, 70_000, 16384, 5)]
    for part in parts:
        connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        time.sleep(0.02)
    connection.send(b"0\r\n\r\n")
    answer = connection.getresponse()
    require_equal(answer.status, 200, "status")
    require_equal(answer.read(), b"".join(parts), "body")
    connection.close()


def events_arrive_when_they_are_sent(network):
    """Server-sent events are not held back: each arrives within 120 ms of being sent"""
    connection = network.gateway("web")
    connection.request("GET", "/events?n=10")
    answer = connection.getresponse()
    require_equal(answer.getheader("Content-Type"), "text/event-stream", "type")
    late = []
    for line in answer:
        if line.startswith(b"data: "):
            late.append(time.time() - float(line[6:]))
    connection.close()
    require_equal(len(late), 10, "events")
    print(f"# latest event after {max(late) * 1000:.1f} ms", flush=True)
    require(sorted(late)[-2] < EVENT_LATENCY_S, f"late by {[round(x, 3) for x in late]} s")


def heads_are_passed_on(network):
    """HEAD has no body and keeps its length; targets, header lines and repeated lines pass; hop-by-hop ones do not"""
    connection = network.gateway("web")
    connection.request("HEAD", "/big?n=12345")
    answer = connection.getresponse()
    require_equal((answer.status, answer.getheader("Content-Length"), answer.read()), (200, "12345", b""), "HEAD")
    connection.request("GET", "/head?a=%2F%00&b=c;d//e/../f", headers={
        "X-One": "caf\u00e9 ; x", "Cookie": "a=b; c=d", "Connection": "X-Hop", "X-Hop": "1", "Keep-Alive": "5",
        "X-Forwarded-For": "6.6.6.6", "Authorization": "Bearer mine"})
    answer = connection.getresponse()
    seen = json.loads(answer.read())
    names = {k.lower(): v for k, v in seen["headers"]}
    require_equal(seen["target"], "/head?a=%2F%00&b=c;d//e/../f", "target")
    require_equal((names["cookie"], names["authorization"]), ("a=b; c=d", "Bearer mine"), "lines")
    require_equal(names["host"], "web.apps.localhost" if ":" not in names["host"] else names["host"], "host")
    require(not {"x-hop", "keep-alive", "upgrade"} & set(names), f"hop-by-hop lines: {names}")
    require_equal([v for k, v in answer.getheaders() if k == "X-Twice"], ["1", "2"], "repeated lines of the answer")
    connection.request("GET", "/no-such-page")
    answer = connection.getresponse()
    require_equal((answer.status, answer.read()), (404, b"no such page\n"), "the app's own 404")
    connection.close()


def names_that_are_no_apps(network):
    """An unknown app or host is 404; nobody's Host reaches another app"""
    require_equal(network.fetch("nothing")[0], 404, "unknown app")
    for host in ("localhost", "web", "apps.localhost", "web.apps.localhost.evil", "x.web.apps.localhost",
                 "WEB..apps.localhost"):
        status, _ = network.fetch("web", headers={"Host": host})
        require(status in (400, 404, 421), f"Host {host}: {status}")
    require_equal(network.fetch("web", headers={"Host": "WEB.Apps.LocalHost"})[0], 200, "names have no case")


def an_app_without_a_replica(network):
    """Known but not running: 503 with Retry-After"""
    network.deploy("gone", free_port(), "/bin/sleep", "60")
    network.ee_json("stop", "gone")
    connection = network.gateway("gone")
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    require_equal(answer.status, 503, "status")
    after = answer.getheader("Retry-After")
    require(re.fullmatch(r"\d+", after or ""), f"Retry-After {after}")
    connection.close()


def an_app_that_does_not_listen(network):
    """A backend that refuses, closes or stops in the middle is 502 or a cut answer, never a whole wrong one"""
    network.deploy("deaf", free_port(), "/bin/sleep", "60")
    status, _ = network.fetch("deaf")
    require(status in (502, 503), f"nobody listens: {status}")
    network.ee_json("stop", "deaf")
    require_equal(network.fetch("web", "/drop")[0], 502, "closed without an answer")
    connection = network.gateway("web")
    connection.request("GET", "/half")
    try:
        body = connection.getresponse().read()
        raise Failed(f"10 of 100 bytes were given as a whole answer of {len(body)}")
    except (http.client.HTTPException, OSError):
        pass
    connection.close()


def a_client_that_leaves(network):
    """When a client goes away in the middle, the app sees the end of its connection, and others are served"""
    with network.connect("gateway", "web.apps.localhost") as peer:
        peer.sendall(b"GET /big?n=300000000 HTTP/1.1\r\nHost: web.apps.localhost\r\n\r\n")
        peer.recv(1000)
    with network.connect("gateway", "web.apps.localhost") as peer:
        peer.sendall(b"POST /echo HTTP/1.1\r\nHost: web.apps.localhost\r\nContent-Length: 1000000\r\n\r\nabc")
        time.sleep(0.2)
    seen = wait_for("the app saw both ends", 10, lambda: [
        s for s in [json.loads(network.fetch("web", "/seen")[1])] if {"/big?n=300000000", "/echo"} <= set(s)])
    require(seen, "cut off")


def websocket_through_the_gateway(network):
    """A WebSocket passes both ways: text, binary, 64 KiB, ping and close"""
    with network.connect("gateway", "web.apps.localhost") as peer:
        key = base64.b64encode(os.urandom(16)).decode()
        peer.sendall(f"GET /ws HTTP/1.1\r\nHost: web.apps.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        stream = peer.makefile("rb")
        require(b" 101 " in stream.readline(), "101")
        lines = {}
        while (line := stream.readline().strip()):
            name, _, value = line.decode().partition(":")
            lines[name.lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        require_equal(lines.get("sec-websocket-accept"), accept.decode(), "accept")
        for opcode, data in ((1, b"text"), (2, os.urandom(125)), (2, os.urandom(60_000)), (9, b"ping"), (1, b"")):
            mask, size = os.urandom(4), len(data)
            head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size))
            peer.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
            first, second = stream.read(2)
            length = second & 0x7f
            if length == 126:
                length, = struct.unpack(">H", stream.read(2))
            require_equal((first & 0x0f, stream.read(length)), (opcode, data), "echo")
        peer.sendall(b"\x88\x80\0\0\0\0")
        require_equal(stream.read(2), b"\x88\x00", "close")
        require_equal(stream.read(1), b"", "end")


def the_path_form(network):
    """/apps/NAME/ on the plain loopback listener reaches the app, without the prefix; it serves no API"""
    host, port = network.address("http")
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", "/apps/web/head?x=1")
    answer = connection.getresponse()
    require_equal(json.loads(answer.read())["target"], "/head?x=1", "target")
    connection.request("POST", "/apps/web/echo", body=b"plain")
    require_equal(connection.getresponse().read(), b"plain", "echo")
    for path, expected in (("/apps/web", (200, 301, 302, 307, 308, 404)), ("/apps/none/", (404,)), ("/", (404,)),
                           ("/v1/network", (404,)), ("/v1/accounts/me", (404,)), ("/apps//x", (400, 404))):
        connection.request("GET", path, headers={"Authorization": f"Bearer {network.token('dev')}"})
        answer = connection.getresponse()
        answer.read()
        require(answer.status in expected, f"{path}: {answer.status}")
    connection.close()


def fifty_at_once(network):
    """Fifty requests in parallel are all answered, each with its own body"""
    def one(number):
        body = (b"%d-" % number) * 5000
        return network.fetch("web", "/echo", "POST", body, timeout=40) == (200, body)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = list(pool.map(one, range(50)))
    print(f"# {time.monotonic() - started:.2f} s", flush=True)
    require(all(results), f"{results.count(False)} of 50 failed")


def a_reader_that_does_not_read(network):
    """One slow reader neither stalls others on the same tunnel nor makes the programs hold its answer in memory"""

    def resident(pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024
    lease = network.lease("web")
    pids = {"control": network.control_pid(), "agent": network.agent_pid(lease["node"])}
    before = {name: resident(pid) for name, pid in pids.items()}
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            peer = stack.enter_context(network.connect("gateway", "web.apps.localhost"))
            peer.sendall(b"GET /big?n=200000000 HTTP/1.1\r\nHost: web.apps.localhost\r\n\r\n")
        time.sleep(1)
        slowest = 0.0
        for _ in range(20):
            started = time.monotonic()
            require_equal(network.fetch("web")[0], 200, "another request")
            slowest = max(slowest, time.monotonic() - started)
        grown = {name: resident(pid) - before[name] for name, pid in pids.items()}
    print(f"# slowest other request {slowest * 1000:.0f} ms; grown by {grown} bytes", flush=True)
    require(slowest < 1, f"others waited {slowest:.2f} s")
    allowed = 64 * MIB if not network.sanitized() else 512 * MIB  # a sanitizer keeps freed memory
    require(all(size < allowed for size in grown.values()), f"held in memory: {grown}")


def smuggling_on_the_gateway(network):
    """Requests that could be read two ways are 400 on the gateway too"""
    for lines in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                  b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"X : y\r\n\r\n", b"X: y\r\n z\r\n\r\n"):
        with network.connect("gateway", "web.apps.localhost") as peer:
            peer.sendall(b"POST /echo HTTP/1.1\r\nHost: web.apps.localhost\r\n" + lines)
            answer = peer.recv(1000)
            require(answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), f"{lines!r}: {answer!r}")


def connect_is_a_local_proxy(network):
    """`ee connect` reaches the app over an attested connection and says where TLS ends"""
    port = free_port()
    proxy = subprocess.Popen([network.ee_path, "connect", "web", "-p", str(port)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean_environment(
                                 {"EE_PROFILE": network.info["profiles"]["dev"],
                                  "XDG_STATE_HOME": str(network.folder / "client")}))
    network.children.append(proxy)

    def probe():
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/echo", body=b"x" * 100_000)
            return connection.getresponse().read()
    try:
        require_equal(wait_for("ee connect answers", 10, probe), b"x" * 100_000, "echo")
        proxy.terminate()
        said = proxy.communicate(timeout=5)[1].decode()
    finally:
        network.end(proxy)
    require("TLS ends in the attested control plane" in said, f"said: {said}")
    require_equal(network.ee("connect", "no-such-app", "-p", str(free_port()), timeout=10).returncode, 3, "unknown app")


if __name__ == "__main__":
    run_suite("gateway", [
        an_app_answers_by_name,
        bodies_come_back_exactly,
        uploads_in_chunks,
        events_arrive_when_they_are_sent,
        heads_are_passed_on,
        names_that_are_no_apps,
        an_app_without_a_replica,
        an_app_that_does_not_listen,
        a_client_that_leaves,
        websocket_through_the_gateway,
        the_path_form,
        fifty_at_once,
        a_reader_that_does_not_read,
        smuggling_on_the_gateway,
        connect_is_a_local_proxy,
    ])
