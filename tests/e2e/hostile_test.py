#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that mean harm: whatever they send, nothing crashes, descriptors come back, others are served."""
import os
import random
import resource
import socket
import struct
import time

from network import Skipped, free_port, python3, require, require_equal, run_suite, wait_for
from tunnel import CONTROL, PING, Closed, Tunnel, frame, hello

RESET = struct.pack("ii", 1, 0)
SEED = int(os.environ.get("EE_TEST_SEED", "0")) or random.randrange(1 << 32)
RANDOM = random.Random(SEED)
SILENT = 1500  # more than a listener takes

# An app whose answers are wrong, each in its own way.
APP = rb'''
import os, socket, sys, threading
def answer(c, path):
    ok = b"HTTP/1.1 200 OK\r\n"
    if path == "/ok": c.sendall(ok + b"Content-Length: 2\r\n\r\nok")
    if path == "/garbage": c.sendall(os.urandom(5000))
    if path == "/headers":
        c.sendall(ok)
        while True: c.sendall(b"X: " + b"a" * 1000 + b"\r\n")
    if path == "/line": c.sendall(ok + b"X: " + b"a" * 100000)
    if path == "/interim":
        while True: c.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
    if path == "/upgrade": c.sendall(b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw")
    if path == "/lengths": c.sendall(ok + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    if path == "/half": c.sendall(ok + b"Content-Length: 1000\r\n\r\nhalf")
    if path == "/endless":
        c.sendall(ok + b"\r\n")
        while True: c.sendall(b"b" * 65536)
    if path == "/more":
        c.sendall(ok + b"Content-Length: 2\r\n\r\nok")
        while True: c.sendall(b"z" * 65536)
def serve(c):
    try:
        head = b""
        while b"\r\n\r\n" not in head:
            data = c.recv(65536)
            if not data: return
            head += data
        answer(c, head.split()[1].decode())
    except OSError: pass
    finally: c.close()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
'''


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def served(network):
    """Others: an API client and a visitor of an app."""
    require_equal(network.api("dev", timeout=10).get("/v1/credits").status, 200, "the API for others")
    require_equal(network.fetch("evil", "/ok"), (200, b"ok"), "the app for others")


class Unharmed:
    """The same processes with the descriptors they had."""

    def __init__(self, network):
        self.network = network
        self.pids = [network.control_pid(), network.agent_pid(network.lease("evil")["node"])]

    def __enter__(self):
        self.before = [descriptors(pid) for pid in self.pids]

    def __exit__(self, kind, *_):
        if kind is None:
            wait_for("descriptors come back", 15, lambda: all(
                descriptors(pid) <= count + 1 for pid, count in zip(self.pids, self.before)))
            require_equal(self.network.control_pid(), self.pids[0], "the control plane that runs")
            served(self.network)


def connect(network, which):
    plain = socket.create_connection(network.address(which), 5)
    if which == "http":
        return plain
    return network.tls().wrap_socket(plain, server_hostname="localhost" if which == "api" else "evil.apps.localhost")


def an_app_that_answers_wrongly(network):
    """Every malformed answer of an app is 502 or a cut, at once; the agent and its other streams go on"""
    path = network.folder / "evil.py"
    path.write_bytes(APP)
    path.chmod(0o644)
    port = free_port()
    network.mint("dev", "$20")
    network.deploy("evil", port, python3(), "-B", path, port)
    wait_for("the app answers", 15, lambda: network.fetch("evil", "/ok")[0] == 200)
    with Unharmed(network):
        for target in ("/garbage", "/headers", "/line", "/interim", "/upgrade", "/lengths", "/none"):
            require_equal(network.fetch("evil", target)[0], 502, f"status of {target}")
        require_equal(network.fetch("evil", "/half")[0], 0, "half an answer is cut")
        for target in ("/endless", "/more"):  # and a client that does not read, then goes
            client = connect(network, "gateway")
            client.sendall(f"POST {target} HTTP/1.1\r\nHost: evil.apps.localhost\r\nContent-Length: 9\r\n\r\n".encode())
            time.sleep(0.5)
            client.close()


def mutated(data):
    data = bytearray(data)
    for _ in range(RANDOM.randrange(5)):
        at = RANDOM.randrange(len(data) + 1)
        data[at:at + RANDOM.choice((0, 0, 1, 20))] = RANDOM.choice((
            RANDOM.randbytes(8), b"\r\n", b"\n", b"\0", b"A" * 40000, b"Transfer-Encoding: chunked\r\n",
            b"Content-Length: 99999999999999999999\r\n", b"Host: b\r\n", b"ffffffffffffffff\r\n", b""))
    return bytes(data)


def leave(client):
    """In one of the ways a client can."""
    try:
        client.settimeout(RANDOM.choice((0.01, 0.1)))
        way = RANDOM.randrange(4)
        if way == 0:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif way == 1:
            client.shutdown(socket.SHUT_WR)
            client.recv(65536)
        elif way == 2:
            client.recv(10)
    except OSError:
        pass
    client.close()


def requests_that_are_mutated(network):
    """Mutated requests, TLS garbage and pipelines on all listeners, ended in every way"""
    token = network.token("dev")
    chunked = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    valid = {"api": (f"GET /v1/credits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode(),
                     b"POST /v1/evidence HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"),
             "gateway": (b"GET /ok HTTP/1.1\r\nHost: evil.apps.localhost\r\n\r\n",
                         b"POST /ok HTTP/1.1\r\nHost: evil.apps.localhost\r\n" + chunked),
             "http": (b"GET /apps/evil/ok HTTP/1.1\r\nHost: x\r\n\r\n",
                      b"POST /apps/evil/ok HTTP/1.1\r\nHost: x\r\n" + chunked)}
    with Unharmed(network):
        for _ in range(250):
            which = RANDOM.choice(list(valid))
            try:
                if RANDOM.random() < 0.1:
                    client = socket.create_connection(network.address(which), 5)
                    client.sendall(RANDOM.choice((b"", b"\x16\x03\x01")) + RANDOM.randbytes(300))
                else:
                    client = connect(network, which)
                    client.sendall(mutated(RANDOM.choice(valid[which]) * RANDOM.choice((1, 1, 20))))
            except OSError:
                pass
            leave(client)


def tunnels_that_are_mutated(network):
    """Frames that no agent sends, before admission: the connection ends, agents stay connected"""
    frames = (lambda t: t.send_frame(RANDOM.randbytes(50), opcode=RANDOM.randrange(16), fin=RANDOM.random() < 0.5),
              lambda t: t.send(RANDOM.randrange(16), RANDOM.randbytes(30), RANDOM.randrange(4), RANDOM.randrange(256)),
              lambda t: t.send(CONTROL, b"[" * RANDOM.choice((1, 200000))),
              lambda t: t.send_frame(frame(CONTROL, b"{}", size=RANDOM.choice((0, 3, 0xffffffff)))),
              lambda t: [t.send(PING, bytes(8)) for _ in range(500)],
              lambda t: t.tls.sendall(b"\x82\xff" + struct.pack(">Q", RANDOM.choice((1 << 20, 1 << 62))) + bytes(8)),
              lambda t: t.control(hello(network.info["network"], RANDOM.choice(("node-1", "x", "")))),
              lambda t: t.control({"type": "evidence", "evidence": "x", "signature": "", "leases": []}))
    with Unharmed(network):
        for _ in range(40):
            try:
                with Tunnel(network, with_certificate=RANDOM.random() < 0.7, timeout=3) as tunnel:
                    for _ in range(RANDOM.randrange(1, 5)):
                        RANDOM.choice(frames)(tunnel)
            except (Closed, OSError):
                pass
        network.wait_connected()


def silent_connections(network):
    """More connections that say nothing than a listener takes: others are served meanwhile"""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[1] != resource.RLIM_INFINITY and limit[1] < SILENT + 200:
        raise Skipped(f"needs {SILENT} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit[0], SILENT + 200), limit[1]))
    for which in ("api", "gateway"):
        with Unharmed(network):
            clients = []
            for _ in range(SILENT):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(network.address(which))
                clients.append(client)
            wait_for("the listener is full", 10, lambda: descriptors(network.control_pid()) > 900)
            served(network)
            for client in clients:
                client.close()


def few_descriptors(network):
    """A control plane without descriptors refuses connections, does not spin, and serves again afterwards"""
    pid = network.control_pid()
    limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with Unharmed(network):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, limit[1]))
        clients = []
        for _ in range(200):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(network.address("api"))
            clients.append(client)
        time.sleep(1)
        ticks = sum(map(int, open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[11:13]))
        time.sleep(1)
        later = sum(map(int, open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[11:13]))
        require(later - ticks < 50, f"{later - ticks} ticks of CPU in one second")
        for client in clients:
            client.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


if __name__ == "__main__":
    print(f"# EE_TEST_SEED={SEED}", flush=True)
    run_suite("hostile", [an_app_that_answers_wrongly, requests_that_are_mutated, tunnels_that_are_mutated,
                          silent_connections, few_descriptors])
