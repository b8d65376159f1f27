#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Own host names of apps: claimed, proven by a TXT record, routed, lost. With a DNS server of a few lines on loopback."""
import http.client
import os
import signal
import socket
import struct
import threading
import time

from network import app_command, require, require_equal, run_suite, wait_for

records, asked = {}, []
mode = {"rcode": 0}
shared = {}


def name_at(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), at + 1


def answer(packet):
    name, end = name_at(packet, 12)
    question = packet[12:end + 4]
    asked.append(name)
    texts = records.get(name, [])
    rcode = mode["rcode"] or (0 if texts else 3)
    body = b""
    for strings in texts if not mode["rcode"] else []:
        data = b"".join(bytes([len(s)]) + s for s in strings)
        body += b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(data)) + data
    if mode.get("garbage"):
        body = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, 400) + b"\xff"
    head = packet[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(texts) if not mode["rcode"] else 0, 0, 0)
    return head + question + body


def server():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def serve():
        while True:
            packet, peer = sock.recvfrom(4096)
            try:
                sock.sendto(answer(packet), peer)
            except (IndexError, struct.error):
                pass
    threading.Thread(target=serve, daemon=True).start()
    return sock.getsockname()[1]


def fetch(network, host):
    connection = http.client.HTTPConnection(*network.address("http"), timeout=10)
    connection.request("GET", "/pid", headers={"Host": host})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status


def state_of(network, domain, profile="dev", app="web"):
    items = network.ee_json("domain", "list", app, profile=profile)["items"]
    return next((i["state"] for i in items if i["domain"] == domain), None)


def prepare(network):
    """(the control plane again, with our resolver and short intervals; two apps)"""
    words = network.control_run_arguments()
    os.kill(network.process.pid, signal.SIGSTOP)
    shared["child"] = network.spawn([*words, "--take-over", "--dns", f"127.0.0.1:{server()}", "--domain-check-every", "1"],
                                    "with-dns")
    wait_for("the new process serves", 20, lambda: "ready" in shared["child"].log.read_text())
    network.wait_ready()
    network.wait_connected()
    network.mint("dev", "$5")
    network.mint("guest", "$5")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    network.deploy("web", port, *app_command(network, port))
    wait_for("the app answers", 15, lambda: fetch(network, "web") == 200)


def a_claim_is_routed_once_proven(network):
    """`ee domain add` prints the record; without it nothing is routed; with it the app answers to the name"""
    claim = network.ee_json("domain", "add", "web", "www.example.test")
    require_equal((claim["state"], claim["record"]), ("claimed", "_easyenclave.www.example.test"), "claim")
    require(claim["value"].startswith("ee-app=web."), claim["value"])
    network.ee_refused(5, "domain", "check", "web", "www.example.test")
    require_equal(fetch(network, "www.example.test"), 404, "not yet")
    records["_easyenclave.www.example.test"] = [[b"v=spf1 -all"], [claim["value"].encode() + b"x"]]
    network.ee_refused(5, "domain", "check", "web", "www.example.test")
    value = claim["value"].encode()
    records["_easyenclave.www.example.test"] = [[b"v=spf1 -all"], [value[:10], value[10:]]]
    wait_for("it is proven", 10, lambda: state_of(network, "www.example.test") == "proven")
    for host in ("www.example.test", "WWW.Example.TEST:8080", "www.example.test."):
        require_equal(fetch(network, host), 200, f"Host: {host}")
    for host in ("example.test", "x.www.example.test", "www.example.test.evil.test"):
        require_equal(fetch(network, host), 404, f"Host: {host}")
    require_equal(set(asked), {"_easyenclave.www.example.test"}, "names asked for")
    shared["value"] = claim["value"]


def others_cannot_take_it(network):
    """Another account cannot claim for this app, or see its claims; a name that is none is refused"""
    for words in (("add", "web", "other.test"), ("list", "web"), ("remove", "web", "www.example.test")):
        require(network.ee("domain", *words, profile="guest").returncode != 0, f"guest: {words}")
    for bad in ("localhost", "UPPER.test", "a..b", "-a.test", "1.2.3.4", "a b.test"):
        require_equal(network.ee("domain", "add", "web", bad).returncode, 2, f"ee domain add {bad!r}")
        reply = network.api("dev").post("/v1/apps/web/domains", {"domain": bad}, key=f"bad-{bad}")
        require_equal(reply.status, 400, f"API: {bad!r}")


def a_silent_resolver_costs_nothing(network):
    """SERVFAIL, garbage: what was proven stays; it is told in the list"""
    mode["rcode"] = 2
    time.sleep(1.5)
    require_equal(state_of(network, "www.example.test"), "proven", "SERVFAIL")
    mode.update(rcode=0, garbage=True)
    time.sleep(1.2)
    require_equal(state_of(network, "www.example.test"), "proven", "garbage")
    mode["garbage"] = False
    items = network.ee_json("domain", "list", "web")["items"]
    require(items[0]["last_error"] in ("dns", None), items)


def a_proof_that_goes_is_lost(network):
    """Three looks without the record: lost, and not routed; with the record it is back"""
    kept = records.pop("_easyenclave.www.example.test")
    wait_for("it is lost", 12, lambda: state_of(network, "www.example.test") == "lost")
    require_equal(fetch(network, "www.example.test"), 404, "lost")
    records["_easyenclave.www.example.test"] = kept
    wait_for("it is back", 10, lambda: state_of(network, "www.example.test") == "proven")
    require_equal(fetch(network, "www.example.test"), 200, "back")


def removed_is_not_routed(network):
    """`ee domain remove`: at once; adding it again needs another record"""
    network.ee_json("domain", "remove", "web", "www.example.test")
    require_equal(fetch(network, "www.example.test"), 404, "removed")
    network.ee_refused(3, "domain", "remove", "web", "www.example.test")
    again = network.ee_json("domain", "add", "web", "www.example.test")
    require(again["value"] != shared["value"], "the nonce is another")
    shared["child"].send_signal(signal.SIGTERM)
    shared["child"].wait(35)
    os.kill(network.process.pid, signal.SIGCONT)


run_suite("domains", [prepare, a_claim_is_routed_once_proven, others_cannot_take_it, a_silent_resolver_costs_nothing,
                      a_proof_that_goes_is_lost, removed_is_not_routed])
