#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Secrets and job output are sealed end to end: the control plane carries them and cannot read them.

The sealed bytes that another tenant replays are those of the client in crypto.py, which speaks the REST API itself: it
reserves, takes the agent's key from its evidence, seals and starts, so that it holds what travelled.
"""
import base64
import hashlib
import json
import os
import pathlib
import secrets
import time

import crypto
from network import Skipped, memory_holds, require, require_equal, run_suite, wait_for

PRINT_TWICE = 'printf %s "$TOKEN" | sha256sum | cut -d" " -f1; printf "%s\\n" "$TOKEN"; sleep "$1"'
shared = {}


class Launcher:
    """A client of the public API that is not ours."""

    def __init__(self, network, profile):
        self.network, self.profile, self.api = network, profile, network.api(profile)
        self.key = secrets.token_bytes(32)
        self.output_key = crypto.public_of(crypto.X25519, self.key)

    def reserve(self, name, command, values, node=None, output_key=None):
        document = crypto.deployment(command, output_key or self.output_key, secret_names=list(values))
        body = {"workload": "job", "name": name, "vcpus": 1, "deployment": base64.b64encode(document).decode()}
        if node:
            body["node"] = node
        answer = self.api.post("/v1/leases", body)
        require(answer.status in (200, 201), f"reserve: {answer}")
        require_equal(answer.json["deployment_hash"], crypto.sha256(document).hex(), "deployment hash")
        return answer.json, document

    def agent_key(self, lease):
        nonce = secrets.token_bytes(32)
        answer = self.api.get(f"/v1/leases/{lease}/evidence?nonce={nonce.hex()}")
        require_equal(answer.status, 200, f"evidence: {answer}")
        require_equal(json.loads(answer.body)["nonce"], crypto.caller_nonce(nonce).hex(), "it answers our nonce")
        return crypto.claims_of(answer.body)["sealing_key"]

    def context(self, kind, lease, document, recipient):
        network = bytes.fromhex(self.network.info["network"])
        return crypto.seal_context(kind, network, self.profile, bytes.fromhex(lease), crypto.sha256(document),
                                   recipient)

    def seal(self, lease, document, values):
        recipient = self.agent_key(lease)
        context = self.context(crypto.SECRETS, lease, document, recipient)
        return crypto.seal(context, recipient, crypto.secrets_document(values))

    def start(self, lease, sealed):
        answer = self.api.post(f"/v1/leases/{lease}/start", {"sealed": base64.b64encode(sealed).decode()})
        require(answer.status in (200, 202), f"start: {answer}")

    def wait_state(self, lease, states, seconds=20):
        return wait_for(f"lease is {' or '.join(states)}", seconds, lambda: next(
            (l for l in [self.api.get(f"/v1/leases/{lease}").json] if l["state"] in states), None))

    def output(self, lease, document):
        """Decoded output of an ended lease."""
        answer = self.api.get(f"/v1/leases/{lease}/output")
        require_equal((answer.status, answer.headers.get("EE-Final")), (200, "true"), f"output: {answer}")
        plain = crypto.open_sealed(self.context(crypto.OUTPUT, lease, document, self.output_key), self.key, answer.body)
        require(plain is not None, "the output does not open")
        return crypto.job_output(plain)


def forms(secret):
    """As it is, and as a careless program might have written it."""
    return [secret.encode(), secret.encode().hex().encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-2],
            secret.encode("utf-16-le")]


def a_job_prints_its_secret(network):
    """The job got the secret; its output came back to the launcher, through files and pipes that show nothing"""
    network.mint("dev", "$20")
    network.mint("guest", "$20")
    secret = shared["secret"] = secrets.token_hex(24)
    done = network.ee("run", "--name", "teller", "--secret", "TOKEN=-", "--", "/bin/sh", "-c", PRINT_TWICE, "sh", "0",
                      stdin=secret)
    require_equal(done.returncode, 0, done.stderr.decode()[-400:])
    require_equal(done.stdout.decode().split(), [hashlib.sha256(secret.encode()).hexdigest(), secret], "output")
    require(secret not in done.stderr.decode(), "said on stderr")


def the_secret_is_in_the_agent(network):
    """A running job's secret is found in its agent's memory: the search can find things"""
    if os.geteuid() != 0:
        raise Skipped("reading another process's memory needs root")
    secret = shared["running"] = secrets.token_hex(24)
    network.ee_json("run", "--name", "holder", "--detach", "--secret", "TOKEN=-", "--", "/bin/sh", "-c", PRINT_TWICE,
                    "sh", "120", stdin=secret)
    lease = wait_for("the job runs", 10, lambda: next(
        (i for i in network.leases("holder") if i["state"] == "running"), None))
    pid = network.agent_pid(lease["node"])
    wait_for("the agent has read its output", 5, lambda: memory_holds(pid, secret.encode()), 0.3)
    logs = wait_for("sealed logs of the running job", 10, lambda: [
        d.stdout.decode() for d in [network.ee("logs", "holder")] if secret in d.stdout.decode()])
    require(logs, "logs")


def the_secret_is_not_in_the_control_plane(network):
    """Neither secret is in the control plane's memory, in any file of its state folder, or in any log"""
    wanted = [form for name in ("secret", "running") if name in shared for form in forms(shared[name])]
    if os.geteuid() == 0:
        pid = network.control_pid()
        require(memory_holds(pid, network.info["network"].encode()), "the search finds what is there")
        require(not any(memory_holds(pid, form) for form in wanted), "in the control plane's memory")
    searched = 0
    for folder, _, names in os.walk(network.state):
        for name in names:
            path = pathlib.Path(folder) / name
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                searched += len(content)
                require(not any(form in content for form in wanted), f"in {path.relative_to(network.state)}")
    require(not any(form in network.log_path.read_bytes() for form in wanted), "in the output of ee dev")
    print(f"# {searched} bytes of files searched", flush=True)
    require(searched > 100_000, "hardly anything was searched")


def a_client_that_is_not_ours(network):
    """Reserve, evidence, seal, start and open the output again, by the specifications alone"""
    launcher = Launcher(network, "dev")
    values = {"TOKEN": secrets.token_hex(24).encode()}
    reserved, document = launcher.reserve("by-hand", ["/bin/sh", "-c", PRINT_TWICE, "sh", "0"], values)
    sealed = launcher.seal(reserved["lease"], document, values)
    launcher.start(reserved["lease"], sealed)
    ended = launcher.wait_state(reserved["lease"], ["ended"])
    require_equal((ended["end_reason"], ended["exit_code"]), ("exited", 0), f"lease {ended}")
    output = launcher.output(reserved["lease"], document)
    require_equal(output["stdout"].split()[-1], values["TOKEN"], "its secret")
    shared.update(sealed=sealed, document=document, command=["/bin/sh", "-c", PRINT_TWICE, "sh", "0"], values=values,
                  node=reserved["node"])


def refused_to_open(network, launcher, lease, what, before):
    ended = launcher.wait_state(lease, ["ended", "running"])
    require_equal((ended["state"], ended["end_reason"]), ("ended", "start_failed"), f"{what}: {ended}")
    said = network.log(ended["node"])
    require("seal_open" in said, f"{what}: the agent's log does not say seal_open")
    wait_for(f"{what}: refunded", 15, lambda: network.balance(launcher.profile) == before)


def another_tenant_replays_the_sealed_secret(network):
    """The same sealed bytes in another tenant's deployment do not open: seal_open, nothing runs, all is refunded"""
    require("sealed" in shared, "nothing was captured")
    guest = Launcher(network, "guest")
    before = network.balance("guest")
    # An agent serves one launcher at a time: wait until the captured one is free again.
    wait_for("the agent of the captured lease is free", 30, lambda: not [
        l for l in network.api().get("/v1/leases").json["items"]
        if l["node"] == shared["node"] and l["state"] != "ended" and l["app"] != "holder"])
    network.ee("stop", "holder")
    wait_for("the running job is gone", 15, lambda: not network.lease("holder"))
    time.sleep(0.5)  # its agent ends what it started
    reserved, _ = guest.reserve("thief", shared["command"], shared["values"], node=shared["node"])
    guest.start(reserved["lease"], shared["sealed"])
    refused_to_open(network, guest, reserved["lease"], "replay", before)


def sealed_for_something_else(network):
    """Not for another lease of the same launcher, another deployment, with a flipped bit, cut short, or missing"""
    launcher, before = Launcher(network, "dev"), network.balance("dev")
    values = {"TOKEN": b"v"}
    command = ["/bin/echo", "ran"]

    def attempt(what, make, names=values):
        reserved, document = launcher.reserve("wrong-" + what.replace(" ", "-"), command, names, node=shared["node"])
        launcher.start(reserved["lease"], make(reserved["lease"], document))
        refused_to_open(network, launcher, reserved["lease"], what, before)

    def flipped(lease, document):
        data = bytearray(launcher.seal(lease, document, values))
        data[-20] ^= 1
        return bytes(data)
    other = crypto.deployment(["/bin/echo", "other"], launcher.output_key, secret_names=["TOKEN"])
    attempt("another lease", lambda lease, document: shared["sealed"])
    attempt("another deployment", lambda lease, document: launcher.seal(lease, other, values))
    attempt("a flipped bit", flipped)
    attempt("cut short", lambda lease, document: launcher.seal(lease, document, values)[:-1])
    attempt("nothing at all", lambda lease, document: b"")


def secrets_that_do_not_fit_the_deployment(network):
    """Secrets that the deployment does not name, or that are missing, do not start it"""
    launcher, before = Launcher(network, "dev"), network.balance("dev")
    for what, sent in (("another name", {"OTHER": b"v"}), ("one too many", {"TOKEN": b"v", "LD_PRELOAD": b"/tmp/x.so"}),
                       ("none", {})):
        reserved, document = launcher.reserve("names-" + what.replace(" ", "-"), ["/bin/echo", "ran"], {"TOKEN": b""},
                                              node=shared["node"])
        launcher.start(reserved["lease"], launcher.seal(reserved["lease"], document, sent))
        ended = launcher.wait_state(reserved["lease"], ["ended", "running"])
        require_equal(ended["end_reason"], "start_failed", f"{what}: {ended}")
    wait_for("refunded", 15, lambda: network.balance("dev") == before)


def secrets_do_not_travel_in_arguments(network):
    """A literal secret on the command line is a usage error; a missing file is one too"""
    require_equal(network.ee("run", "--secret", "TOKEN=literal", "--", "/bin/true").returncode, 2, "literal")
    require_equal(network.ee("run", "--secret", "TOKEN=@/no/such/file", "--", "/bin/true").returncode, 2, "file")
    require_equal(network.ee("run", "--secret", "1TOKEN=-", "--", "/bin/true", stdin="x").returncode, 2, "name")


if __name__ == "__main__":
    run_suite("secrets", [
        a_job_prints_its_secret,
        the_secret_is_in_the_agent,
        the_secret_is_not_in_the_control_plane,
        a_client_that_is_not_ours,
        another_tenant_replays_the_sealed_secret,
        sealed_for_something_else,
        secrets_that_do_not_fit_the_deployment,
        secrets_do_not_travel_in_arguments,
    ])
