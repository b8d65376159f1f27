#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several connections of one agent: joined, cut, replaced, saturated; what asks to join without being of the session."""
import contextlib
import http.client
import http.server
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from network import Failed, app_command, free_port, require, require_equal, run_suite, wait_for
from tunnel import Closed, Tunnel

FULL = os.environ.get("EE_TEST_FULL")
BULK = 64
NODE = "node-3"
shared = {}

READERS = """
import socket, sys, threading
host, port, app, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
got = [0] * count
def read(index):
    peer = socket.create_connection((host, port))
    peer.sendall(b"GET /big?n=100000000000 HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n" % app.encode())
    memory = bytearray(1 << 18)
    while True:
        size = peer.recv_into(memory)
        if size == 0:
            return
        got[index] += size
for index in range(count):
    threading.Thread(target=read, args=(index,), daemon=True).start()
for line in sys.stdin:
    print(sum(got), sum(1 for size in got if size), flush=True)
"""


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.02)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass


class Wire:
    """A TCP forwarder towards the control plane whose connections can be cut one by one."""

    def __init__(self, network):
        self.network, self.pairs, self.listener = network, [], socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.network.address("api"), 10)
                self.pairs.append((near, far))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self.copy, args=ends, daemon=True).start()

    def copy(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        self.shut((source, target))

    @staticmethod
    def shut(pair):
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def live(self):
        return [pair for pair in self.pairs if pair[0].fileno() >= 0 and self.is_open(pair[0])]

    @staticmethod
    def is_open(end):
        with contextlib.suppress(OSError):
            end.getpeername()
            return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1
        return False


def agent_behind(network, wire, name, *options):
    """node-3's agent, dialling through the wire, offering a service of this test."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    words = shared["agent"]
    words = [wire.address if before == "--control" else word for before, word in zip([""] + words, words)]
    return network.spawn([*words, "--expose", f"{name}=127.0.0.1:{server.server_address[1]}", *options], name)


def statuses(network, app, until, every=0.0):
    """One request after the other on the plain listener until the event is set."""
    got = []
    while not until.is_set():
        connection = http.client.HTTPConnection(*network.address("http"), timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": app})
            got.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as problem:
            got.append(repr(problem))
        finally:
            connection.close()
        time.sleep(every)
    return got


@contextlib.contextmanager
def load(network, app, clients=6):
    stop, results, threads = threading.Event(), [], []
    for _ in range(clients):
        threads.append(threading.Thread(target=lambda: results.extend(statuses(network, app, stop))))
        threads[-1].start()
    try:
        yield results
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def joins(network):
    return network.log("control").count("a further connection") - network.log("control").count("a further connection ended")


def an_agent_has_two_connections(network):
    """Each agent dials two connections; the second joins without a quote or an admission of its own"""
    wait_for("three agents have a second connection", 10, lambda: joins(network) >= 3)
    admitted = network.log("control").count("agent admitted")
    require_equal(admitted, 3, "admissions")


def one_of_two_connections_is_cut(network):
    """Whichever of two connections is cut: the agent stays connected, requests go on, and it has two again"""
    pid = network.agent_pid(NODE)
    shared["agent"] = network.agent_run_arguments(NODE)
    os.kill(pid, signal.SIGTERM)
    wait_for("the first agent has gone", 5, lambda: not os.path.exists(f"/proc/{pid}"))
    wire = shared["wire"] = Wire(network)
    agent = shared["child"] = agent_behind(network, wire, "cut")
    wait_for("it answers", 10, lambda: network.fetch("cut")[0] == 200)
    admitted = network.log("control").count("agent admitted")
    for which in (0, 1, 0, 1) if FULL else (0, 1):
        wait_for("two connections", 10, lambda: len(wire.live()) == 2)
        time.sleep(1.2)
        wire.shut(wire.live()[which])
        time.sleep(0.1)
        for _ in range(5):
            require_equal(network.fetch("cut")[0], 200, f"after the cut of connection {which}")
    wait_for("two connections again", 10, lambda: len(wire.live()) == 2)
    require_equal(network.log("control").count("agent admitted"), admitted, "admissions")
    require(agent.poll() is None, "the agent has ended")


def all_connections_cut_is_a_lost_agent(network):
    """Both connections cut: the agent is admitted anew"""
    admitted = network.log("control").count("agent admitted")
    for pair in shared["wire"].live():
        shared["wire"].shut(pair)
    wait_for("a new admission", 15, lambda: network.log("control").count("agent admitted") == admitted + 1)
    wait_for("it answers", 10, lambda: network.fetch("cut")[0] == 200)
    network.end(shared["child"])


def a_connection_is_replaced_under_load(network):
    """Connections that are replaced every second while requests run: none fails, no admission, no gap"""
    wire = Wire(network)
    agent = agent_behind(network, wire, "swap", "--replace-connections", "1")
    try:
        wait_for("it answers", 15, lambda: network.fetch("swap")[0] == 200)
        admitted = network.log("control").count("agent admitted")
        before = len(wire.pairs)
        with load(network, "swap") as results:
            time.sleep(20 if FULL else 4)
        replaced = len(wire.pairs) - before
        bad = [status for status in results if status != 200]
        print(f"# {len(results)} requests, {replaced} further connections, {len(bad)} failed {bad[:3]}", flush=True)
        require(not bad, f"failed: {bad[:5]}")
        require(replaced >= 2, f"{replaced} connections replaced")
        require_equal(network.log("control").count("agent admitted"), admitted, "admissions")
    finally:
        network.end(agent)


def who_joins_without_the_session_is_refused(network):
    """A join with another TLS key, a guessed proof, a wrong epoch or an unknown node is refused and closed"""
    for node, epoch in (("node-1", 1), ("node-1", 1 << 40), ("nobody", 1), (NODE, 2)):
        with Tunnel(network) as tunnel:
            tunnel.control({"type": "join", "node": node, "epoch": str(epoch), "proof": os.urandom(32).hex()})
            messages = tunnel.end()
            require_equal(messages[0]["type"], "refused", f"{node} {epoch}")
    with Tunnel(network) as tunnel:
        tunnel.control({"type": "join", "node": "node-1"})
        require_equal(tunnel.end()[0]["type"], "refused", "a join without its members")


def a_check_passes_64_saturating_streams(network):
    """64 bulk streams through one agent: a question to the agent overtakes them, and no check is missed"""
    network.mint("dev", "$20")
    port = free_port()
    lease = network.deploy("bulk", port, *app_command(network, port))["lease"]
    wait_for("the app answers", 10, lambda: network.fetch("bulk")[0] == 200)
    readers = subprocess.Popen([sys.executable, "-c", READERS, *map(str, network.address("http")), "bulk", str(BULK)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def progress():
        readers.stdin.write("\n")
        readers.stdin.flush()
        return tuple(map(int, readers.stdout.readline().split()))
    try:
        wait_for("all streams run", 20, lambda: progress()[1] == BULK)
        api, took, began, from_bytes = network.api(), [], time.monotonic(), progress()[0]
        for _ in range(200 if FULL else 30):
            start = time.monotonic()
            answer = api.get(f"/v1/leases/{lease}/output")
            took.append((time.monotonic() - start) * 1000)
            require_equal(answer.status, 200, "logs of the lease")
            time.sleep(0.02)
        rate = (progress()[0] - from_bytes) / (time.monotonic() - began) / 1e6
        if FULL:
            time.sleep(25)  # two periods of checks behind the same traffic
    finally:
        readers.kill()
        readers.wait()
    took.sort()
    print(f"# {BULK} streams, {rate:.0f} MB/s: a question and its answer take {statistics.median(took):.1f} ms in the "
          f"median, {took[int(len(took) * 0.95)]:.1f} ms at 95 %, {took[-1]:.1f} ms at most", flush=True)
    require(not FULL or statistics.median(took) <= 250, "more than 250 ms in the median")
    missed = [item for item in network.ee_json("periods", "--lease", lease)["items"] if item["health_missed"]]
    require(not missed, f"checks were missed: {missed}")


if __name__ == "__main__":
    run_suite("connections", [an_agent_has_two_connections, who_joins_without_the_session_is_refused,
                              one_of_two_connections_is_cut, all_connections_cut_is_a_lost_agent,
                              a_connection_is_replaced_under_load, a_check_passes_64_saturating_streams])
