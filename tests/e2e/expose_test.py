#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Existing loopback services behind the gateway: only those that the agent's operator named."""
import http.client
import http.server
import os
import signal
import threading

from network import require, require_equal, run_suite, wait_for


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"private no more"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


EXPOSED, PRIVATE = service(), service()


def an_exposed_service_answers_by_name(network):
    """`ee dev --expose NAME=127.0.0.1:PORT`: the service answers through the gateway under its name"""
    status, body = wait_for("the service answers", 10, lambda: next(
        (r for r in [network.fetch("svc")] if r[0] == 200), None))
    require_equal((status, body), (200, b"private no more"), "answer")


def the_plain_listener_goes_by_host_name_too(network):
    """The plain listener: `Host: NAME`, `Host: NAME.DOMAIN`, with a port, or /apps/NAME/"""
    def answer(host, path="/"):
        connection = http.client.HTTPConnection(*network.address("http"), timeout=10)
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    for host in ("svc", "SVC", "svc:80", "svc.apps.localhost"):
        require_equal(answer(host), 200, f"Host: {host}")
    require_equal(answer("localhost", "/apps/svc/"), 200, "path form")
    for host in ("other", "svc.elsewhere", "localhost"):
        require_equal(answer(host), 404, f"Host: {host}")


def a_port_nobody_allowed_is_refused(network):
    """Another loopback port of the agents' machine is refused by the agent, and the lock goes back"""
    done = network.ee("expose", "other", f"127.0.0.1:{PRIVATE}")
    require(done.returncode != 0, "another port was exposed")
    require(network.fetch("other")[0] in (404, 503), "it answers")
    leases = network.leases("other")
    require_equal([i["end_reason"] for i in leases], ["start_failed"], "the lease")
    logs = "".join(p.read_text() for p in (network.state / "logs").glob("node-*.log"))
    require("expose_refused" in logs, "the agent says why")
    period = network.ee_json("periods", "--lease", leases[0]["lease"])["items"][0]
    require_equal((period["state"], period["refunded"], period["paid"]), ("refunded", period["locked"], "0"), "the lock")


def an_agent_offers_a_service_by_itself(network):
    """`ee-agent run --expose NAME=127.0.0.1:PORT`: behind the gateway without account or lease; gone with its agent"""
    arguments = network.agent_run_arguments("node-3")
    pid = network.agent_pid("node-3")
    os.kill(pid, signal.SIGTERM)
    wait_for("the first agent has gone", 5, lambda: not os.path.exists(f"/proc/{pid}"))
    agent = network.spawn(arguments + ["--expose", f"direct=127.0.0.1:{EXPOSED}"], "node-3-direct")
    try:
        status, body = wait_for("the service answers", 10, lambda: next(
            (r for r in [network.fetch("direct")] if r[0] == 200), None))
        require_equal((status, body), (200, b"private no more"), "answer")
        require(not network.leases("direct"), "it has a lease")
    finally:
        network.end(agent)
    wait_for("the service is gone", 10, lambda: network.fetch("direct")[0] == 404)


if __name__ == "__main__":
    run_suite("expose", [an_exposed_service_answers_by_name, the_plain_listener_goes_by_host_name_too, a_port_nobody_allowed_is_refused,
                          an_agent_offers_a_service_by_itself],
              options=("--expose", f"svc=127.0.0.1:{EXPOSED}"))
