#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Restarts under load: a hand-over to a new process, systemd's sockets, and what a signal alone leaves time for."""
import http.client
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from network import alive, clean_environment, program, require, require_equal, run_suite, wait_for

shared = {}
PIECES, PIECE_S = 25, 0.1


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.path.startswith("/slow"):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(PIECES))
        self.end_headers()
        for _ in range(PIECES):
            self.wfile.write(b"x")
            time.sleep(PIECE_S)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Load:
    """Steady requests: half on connections that are kept, half on a new one each; what failed, and the longest gap."""

    def __init__(self, network, workers=6):
        self.address = network.address("http")
        self.stop = False
        self.done, self.failed, self.refused, self.gap_s = 0, [], 0, 0.0
        self.last = time.monotonic()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(i % 2 == 0, i % 3 == 0), daemon=True) for i in range(workers)]
        for thread in self.threads:
            thread.start()

    def one(self, connection, post):
        connection.request("POST" if post else "GET", "/", body=b"body" if post else None, headers={"Host": "svc"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.will_close

    def work(self, keep, post):
        connection = None
        while not self.stop:
            what, close = None, not keep
            try:
                connection = connection or http.client.HTTPConnection(*self.address, timeout=20)
                status, will_close = self.one(connection, post)
                close = close or will_close
                what = None if status == 200 else f"status {status}"
            except ConnectionRefusedError:
                what, close = "refused", True
            except (OSError, http.client.HTTPException) as problem:
                what, close = repr(problem), True
            with self.lock:
                now = time.monotonic()
                if what:
                    self.failed.append(what)
                else:
                    self.done += 1
                    self.gap_s = max(self.gap_s, now - self.last)
                    self.last = now
            if close and connection:
                connection.close()
                connection = None
            time.sleep(0.005)
        if connection:
            connection.close()

    def end(self):
        self.stop = True
        for thread in self.threads:
            thread.join(25)
        return self


def slow(network, results):
    """A streamed answer: how many of its pieces came."""
    connection = http.client.HTTPConnection(*network.address("http"), timeout=40)
    try:
        connection.request("GET", "/slow", headers={"Host": "svc"})
        results.append(len(connection.getresponse().read()))
    except (OSError, http.client.HTTPException) as problem:
        results.append(repr(problem))


def slow_many(network, count):
    results = []
    threads = [threading.Thread(target=slow, args=(network, results), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    return threads, results


def joined(threads, results, count):
    for thread in threads:
        thread.join(40)
    require_equal(results, [PIECES] * count, "streams that began before")


def ready_pid(path):
    return json.loads(path.read_text())["pid"] if path.exists() else 0


def a_hand_over_loses_nothing(network):
    """`run --take-over` under load: nobody is refused, no request fails, streams of the old process finish there"""
    wait_for("the service answers", 10, lambda: network.fetch("svc")[0] == 200)
    words, old = network.control_run_arguments(), network.control_pid()
    os.kill(network.process.pid, signal.SIGSTOP)  # its supervisor would start a third
    load = Load(network)
    threads, results = slow_many(network, 3)
    began = time.monotonic()
    child = shared["new"] = network.spawn([*words, "--take-over"], "taken-over")
    wait_for("the new process serves", 20, lambda: ready_pid(network.state / "ready.json") == child.pid, every=0.02)
    serves_s = time.monotonic() - began
    joined(threads, results, 3)
    time.sleep(max(0.0, 4.0 - (time.monotonic() - began)))  # agents come within 3 s
    load.end()
    print(f"# hand-over: {load.done} requests, {len(load.failed)} failed, longest gap {load.gap_s * 1000:.0f} ms, "
          f"new process serving after {serves_s * 1000:.0f} ms", flush=True)
    require(load.done > 50, "there was load")
    require_equal(load.failed, [], "requests that failed")
    wait_for("the old process has ended", 10, lambda: not running(old))
    log = network.log("control")
    require("handed over" in log and '"cut_off":0' in log.replace(" ", "") or "cut_off=0" in log, "it cut nothing off")


def running(pid):
    """Not even a zombie of a stopped supervisor."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def the_book_goes_on(network):
    """The new process goes on from the very last command: balances are there, mutations work, the log is anchored"""
    wait_for("ready", 20, lambda: network.api(None).get("/readyz").status == 200)
    network.mint("dev", "$5", "after")
    network.wait_connected()
    require("anchored=true" in shared["new"].log.read_text() or '"anchored":true' in shared["new"].log.read_text().replace(" ", ""),
            "BOOT was anchored by what the old process said")


def a_signal_alone_lets_streams_finish(network):
    """SIGTERM: streams that run finish, within 30 s, and the process ends with 0"""
    threads, results = slow_many(network, 2)
    began = time.monotonic()
    shared["new"].send_signal(signal.SIGTERM)
    joined(threads, results, 2)
    require_equal(shared["new"].wait(10), 0, "exit code")
    require(time.monotonic() - began < 10, "it ended with them")


LAUNCHER = """
import os, socket, sys
names = sys.argv[1].split(":")
sockets = []
for address in sys.argv[2].split(","):
    host, _, port = address.rpartition(":")
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, int(port)))
    s.listen(128)
    sockets.append(s)
for i, s in enumerate(sockets):
    os.dup2(s.fileno(), 20 + i)
for i in range(len(sockets)):
    os.dup2(20 + i, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[3], sys.argv[3:])
"""


def sockets_of_systemd_are_taken(network):
    """LISTEN_FDS with names: the sockets given are listened on, whatever the options say, and others are bound"""
    words = network.control_run_arguments() if False else shared["words"]
    addresses = json.loads((network.state / "addresses.json").read_text())
    words = [w if words[i - 1] not in ("--listen", "--gateway-listen") else "127.0.0.1:0" for i, w in enumerate(words)]
    child = network.spawn([sys.executable, "-c", LAUNCHER, "api:gateway", f"{addresses['api']},{addresses['gateway']}", *words],
                          "activated")
    wait_for("it serves", 20, lambda: ready_pid(network.state / "ready.json") == child.pid)
    ready = json.loads((network.state / "ready.json").read_text())
    require_equal((ready["api"], ready["gateway"]), (addresses["api"], addresses["gateway"]), "addresses")
    network.wait_connected()
    require_equal(network.fetch("svc")[0], 200, "an app")
    child.send_signal(signal.SIGTERM)
    require_equal(child.wait(35), 0, "exit code")
    os.kill(network.process.pid, signal.SIGCONT)
    network.wait_ready(30)


def remember(network):
    """(the command line of the control plane)"""
    shared["words"] = network.control_run_arguments()


def main():
    port = service()
    run_suite("restart", [remember, a_hand_over_loses_nothing, the_book_goes_on, a_signal_alone_lets_streams_finish,
                          sockets_of_systemd_are_taken], options=("--expose", f"svc=127.0.0.1:{port}"))


if __name__ == "__main__":
    main()
