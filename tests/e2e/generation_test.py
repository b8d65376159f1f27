#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where quotes come from: many callers share few, a full queue says so, and agents quote through the kernel's interface
as a file system of the tests shows it (tests/tdx/tsm_fuse.c)."""
import base64
import concurrent.futures
import hashlib
import json
import os
import secrets
import signal

import crypto
from attestation_test import NODE, control_like, platform_file
from network import BUILD, Api, Failed, Skipped, alive, require, require_equal, run_suite, wait_for

CALLERS = 100
QUOTE_MS = 150  # as a host takes; the simulator is faster
REPORT_DATA = slice(48 + 520, 48 + 584)  # of a version 4 quote
TSM_FUSE = BUILD / "tests" / "tdx" / "tsm-fuse"


class At:
    """The same network at another control plane's address."""

    def __init__(self, network, api):
        self.network, self.api = network, api

    def address(self, _which):
        host, port = self.api.rsplit(":", 1)
        return host, int(port)

    def tls(self):
        return self.network.tls()


def fetch(network, api, nonce):
    return Api(At(network, api), None).get(f"/v1/evidence?nonce={nonce.hex()}")


def ask_all(network, api, count):
    """Answers by nonce, all asked at once."""
    nonces = [secrets.token_bytes(32) for _ in range(count)]
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(zip(nonces, pool.map(lambda nonce: fetch(network, api, nonce), nonces)))


def root_of(document):
    """The freshness root from this caller's path (RFC 9162 section 2.1)."""
    index, size = document["index"], document["size"]
    value = hashlib.sha256(b"\0" + bytes.fromhex(document["nonce"])).digest()
    last = size - 1
    for sibling in map(bytes.fromhex, document["path"]):
        while index % 2 == 0 and index == last:
            index, last = index // 2, last // 2
        left, right = (sibling, value) if index % 2 else (value, sibling)
        value = hashlib.sha256(b"\1" + left + right).digest()
        index, last = index // 2, last // 2
    return value


def answers(document, drawn):
    quote, claims = base64.b64decode(document["quote"]), base64.b64decode(document["claims"])
    require_equal(document["nonce"], crypto.caller_nonce(drawn).hex(), "nonce")
    return quote[REPORT_DATA] == hashlib.sha256(claims).digest() + root_of(document)


def slow_control(network, name, *options):
    """Another control plane whose quotes take their time."""
    arguments = network.control_run_arguments
    network.control_run_arguments = lambda: arguments() + list(options)
    try:
        return control_like(network, name, platform_file(network, "control", name, delay_ms=QUOTE_MS))
    finally:
        network.control_run_arguments = arguments


def a_hundred_callers_share_few_quotes(network):
    """100 callers at once: each gets evidence that verifies and answers its own nonce, from a handful of quotes"""
    child, api = slow_control(network, "shared")
    try:
        got = ask_all(network, api, CALLERS)
    finally:
        network.end(child)
    require_equal({answer.status for _, answer in got}, {200}, "statuses")
    documents = [(nonce, answer.json, answer.body) for nonce, answer in got]
    require(all(answers(document, nonce) for nonce, document, _ in documents), "an answer is for somebody else's nonce")
    quotes = {document["quote"] for _, document, _ in documents}
    require(len(quotes) <= 10, f"{len(quotes)} quotes for {CALLERS} callers")
    path = network.folder / "shared-evidence.json"
    for _, _, body in documents:
        path.write_bytes(body)
        done = network.ee("verify", "evidence", path, "--genesis", network.state / "genesis.json")
        require_equal(done.returncode, 0, f"ee verify evidence: {done.stderr!r}")
    print(f"# {CALLERS} callers, {len(quotes)} quotes", flush=True)


def a_full_queue_says_so(network):
    """More challenges than may wait: 503 with Retry-After for those, good evidence for the others, and room again"""
    child, api = slow_control(network, "full", "--evidence-queue", "4")
    try:
        got = ask_all(network, api, 30)
        refused = [answer for _, answer in got if answer.status != 200]
        served = [(nonce, answer.json) for nonce, answer in got if answer.status == 200]
        require(refused and served, f"{len(refused)} refused, {len(served)} served")
        for answer in refused:
            require_equal((answer.status, answer.json.get("code"), answer.headers.get("retry-after")),
                          (503, "full", "1"), "a refusal")
        require(all(answers(document, nonce) for nonce, document in served), "an answer is for somebody else's nonce")
        require_equal(fetch(network, api, secrets.token_bytes(32)).status, 200, "afterwards")
    finally:
        network.end(child)


# ---- the kernel's interface ----

class StandIn:
    """tsm-fuse at a folder, or None where file systems cannot be mounted."""

    def __init__(self, network, device):
        self.mount = network.folder / "tsm"
        self.mount.mkdir(exist_ok=True)
        self.child = network.spawn([TSM_FUSE, self.mount, device], "tsm-fuse")

        def probe():
            if self.child.poll() is not None:
                raise Failed("tsm-fuse ended")
            return (self.mount / "mode").exists()
        wait_for("the stand-in is mounted", 3, probe)

    def mode(self, name):
        with open(self.mount / "mode", "wb", buffering=0) as file:
            file.write(name.encode())

    def entries(self):
        return os.listdir(self.mount / "report")

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(5)


def mountable():
    return TSM_FUSE.exists() and os.access("/dev/fuse", os.R_OK | os.W_OK)


def agent_words(network, stand_in):
    """The agent's command line with the kernel's interface in place of the simulator."""
    words = list(network.agent_run_arguments(NODE))
    at = words.index("--sim-platform")
    words[at:at + 2] = ["--tdx-device", f"configfs:{stand_in.mount}/report", "--tdx-rtmr",
                        f"{stand_in.mount}/measurements"]
    return words


def an_agent_quotes_through_the_kernels_interface(network):
    """An agent on configfs-tsm is admitted; busy it asks again, without a service it says what is missing"""
    if not mountable():
        raise Skipped("no libfuse3, or no right to mount")
    words = network.agent_run_arguments(NODE)
    stand_in = StandIn(network, words[words.index("--sim-platform") + 1])
    words = agent_words(network, stand_in)
    pid = network.agent_pid(NODE)
    os.kill(pid, signal.SIGKILL)
    wait_for("the agent is dead", 5, lambda: not alive(pid))
    children = []
    try:
        stand_in.mode("busy")
        children.append(network.spawn(words, "agent-configfs"))
        network.wait_connected((NODE,))
        require_equal(stand_in.entries(), [], "entries left")
        network.end(children.pop())
        stand_in.mode("empty")
        children.append(network.spawn(words, "agent-empty"))
        wait_for("the agent says what is missing", 8,
                 lambda: "quote generation service" in children[0].log.read_text())
        require("admitted" not in children[0].log.read_text(), "admitted without a quote")
        probe = network.ee("tdx", "probe", "--json", "--tdx-device", f"configfs:{stand_in.mount}/report")
        said = json.loads(probe.stdout)
        require_equal((probe.returncode, said["error"]), (75, "tdx_quote"), "ee tdx probe")
        require(said["suggestions"], "no next step")
        network.end(children.pop())
        stand_in.mode("honest")
        children.append(network.spawn(words, "agent-again"))
        network.wait_connected((NODE,))
    finally:
        for child in children:
            network.end(child)
        stand_in.end()


def the_probe_of_a_machine_without_tdx(network):
    """ee tdx probe on this machine: a quote where there is TDX, else one document that says what is missing"""
    probe = network.ee("tdx", "probe", "--json", "--timeout", "5")
    said = json.loads(probe.stdout)
    require("machine" in said and said["machine"]["kernel"], f"{said}")
    if probe.returncode != 0:
        require(said["detail"] and said["suggestions"], f"{said}")
    quote = network.folder / "quote"
    done = network.ee("tdx", "probe", "--json", "--tdx-device", f"sim:{network.state}/sim/{NODE}.json", "-o", quote)
    require_equal(done.returncode, 0, f"probe of the simulator: {done.stderr!r}")
    said = json.loads(done.stdout)["quote"]
    require_equal((said["simulated"], said["size"]), (True, quote.stat().st_size), "the quote")
    require_equal(network.ee("tdx", "probe", "--tdx-device", "nothing").returncode, 2, "a device of no kind")


if __name__ == "__main__":
    run_suite("generation", [
        a_hundred_callers_share_few_quotes,
        a_full_queue_says_so,
        an_agent_quotes_through_the_kernels_interface,
        the_probe_of_a_machine_without_tdx,
    ])
