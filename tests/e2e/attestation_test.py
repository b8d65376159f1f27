#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both sides verify before they trust: each refusal, with real processes."""
import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time

import crypto
import tunnel
from network import BUILD, Failed, alive, require, require_equal, run_suite, wait_for
from relay import Relay

NODE = "node-2"  # the one whose agent is replaced by others
FAULTS = [  # of the device file, what the verifier must call them (docs/spec/evidence.md), and its words
    ("platform-out-of-date", "tcb_refused", "OutOfDate; SGX TCB component 1"),
    ("module-out-of-date", "tcb_refused", "TDX module SVN 4, needs 6: update the TDX module"),
    ("module-unknown", "tcb_refused", "no identity for TDX module version 9"),
    ("module-not-intels", "untrusted", "MRSIGNERSEAM"),
    ("relaunch-advised", "tcb_refused", "launch the TD again"),
    ("tcb-revoked", "revoked", "TCB level of the platform is revoked"),
    ("pck-expired", "expired", "PCK certificate has expired"),
    ("debug-td", "debug_td", "debug mode"),
    ("other-measurements", "measurement", "not in the allow-list"),
    ("other-qe", "quote", "not signed by Intel"),
    ("ak-not-bound", "signature", "does not bind the attestation key"),
    ("quote-forged", "signature", "does not cover its header and body"),
    ("wrong-root", "untrusted", "root that is not accepted"),
    ("replay", "not_fresh", "does not answer this challenge"),
]
FORMATS = ["v4", "v5", "v5-td15", "v5-td15-extended"]
shared = {}


def platform_file(network, of, name, **changes):
    """The device file of a node or of `control`, changed."""
    document = json.loads((network.state / "sim" / f"{of}.json").read_text())
    document.update(changes)
    path = network.folder / f"platform-{name}.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def option_set(words, **values):
    words = list(words)
    for name, value in values.items():
        words[words.index("--" + name.replace("_", "-")) + 1] = str(value)
    return words


def agent_like(network, name, **options):
    """Starts an agent in place of NODE's, with other options."""
    return network.spawn(option_set(shared["agent"], **options), f"agent-{name}")


def refused_by_control(network, error, before, node=NODE):
    """The control plane's log has a new refusal of this node for this reason."""
    lines = [line for line in network.log("control")[before:].splitlines() if "agent refused" in line and node in line]
    return any(error in line for line in lines)


def expect_refusal(network, name, error, **options):
    node = options.get("node", NODE)
    before = len(network.log("control"))
    child = agent_like(network, name, **options)
    try:
        try:
            wait_for(f"{name}: refused with {error}", 8, lambda: refused_by_control(network, error, before, node))
        except Failed as problem:
            said = [line for line in network.log("control")[before:].splitlines() if "refused" in line][:3]
            raise Failed(f"{problem}; control says {said}; agent says {network.tail(child.log, 300)}") from None
        states = {n["node"]: n["state"] for n in network.api(None).get("/v1/nodes").json["items"]}
        require(states.get(node) != "connected", f"{name}: the node is connected")
        wait_for(f"{name}: the agent knows why", 3, lambda: error in child.log.read_text())
    finally:
        network.end(child)


# ---- the control plane refuses an agent ----

def an_agent_in_place_of_another_is_admitted(network):
    """The way these tests start an agent works: with nothing changed it is admitted"""
    shared["agent"] = network.agent_run_arguments(NODE)
    pid = network.agent_pid(NODE)
    os.kill(pid, signal.SIGKILL)
    wait_for("the agent is dead", 5, lambda: not alive(pid))  # and has let go of its folder
    child = agent_like(network, "honest")
    network.wait_connected((NODE,))
    network.end(child)
    wait_for("it is gone", 8, lambda: any(n["node"] == NODE and n["state"] != "connected" for n in
                                          network.api(None).get("/v1/nodes").json["items"]))


def a_genuine_td_of_another_program(network):
    """Genuine, fresh, bound, and of code that the genesis does not list: refused for its measurements"""
    expect_refusal(network, "other-program", "measurement",
                   sim_platform=platform_file(network, NODE, "other-program", program="ee-agent-changed"))
    expect_refusal(network, "other-version", "measurement",
                   sim_platform=platform_file(network, NODE, "other-version", version="0.0.9"))
    expect_refusal(network, "control-as-agent", "measurement",
                   sim_platform=platform_file(network, NODE, "control-as-agent", program="ee-control"))


def an_agent_that_is_not_enrolled(network):
    """A genuine quote does not show whose node it is: another identity key, or a node nobody enrolled, is refused"""
    fresh = network.folder / "fresh-agent"
    fresh.mkdir(mode=0o700)
    expect_refusal(network, "other-identity", "wrong_identity", state=fresh)
    expect_refusal(network, "unknown-node", "node_unknown", node="node-9", state=fresh)
    other = json.loads((network.state / "sim" / "node-3.json").read_text())["platform_seed"]
    expect_refusal(network, "other-machine", "wrong_identity",
                   sim_platform=platform_file(network, NODE, "other-machine", platform_seed=other))


def each_fault_of_a_platform(network):
    """Out of date, revoked, debug, forged, of another root: each is refused and the log says which"""
    for fault, error, words in FAULTS:
        form = "v5-td15" if fault == "relaunch-advised" else "v4"
        device = platform_file(network, NODE, fault, faults=[fault], format=form)
        before = len(network.log("control"))
        expect_refusal(network, fault, error, sim_platform=device)
        require(refused_by_control(network, words, before), f"{fault}: the refusal does not say '{words}'")


def each_format_of_a_quote(network):
    """Quotes of version 4 and 5, of TD 1.0, 1.5 and 1.5 extended: admitted each"""
    for form in FORMATS:
        child = agent_like(network, f"format-{form}", sim_platform=platform_file(network, NODE, form, format=form))
        network.wait_connected((NODE,))
        network.end(child)
        wait_for("it is gone", 8, lambda: any(n["node"] == NODE and n["state"] != "connected" for n in
                                              network.api(None).get("/v1/nodes").json["items"]))


def a_platform_whose_certificate_is_revoked(network):
    """New collateral that revokes a machine's certificate is read on SIGHUP, and the machine is refused"""
    seeds = json.loads((network.state / "sim" / f"{NODE}.json").read_text())
    path = network.state / "collateral.json"
    honest = path.read_bytes()

    def replace(content):
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.chmod(0o644)
        new.rename(path)
        os.kill(network.control_pid(), signal.SIGHUP)
        time.sleep(0.3)

    def collateral(kind):
        done = subprocess.run([str(BUILD / "tests" / "e2e" / "sim-collateral"), seeds["authority_seed"],
                               seeds["platform_seed"], kind], capture_output=True, check=True)
        return done.stdout
    try:
        replace(collateral("revoked"))
        expect_refusal(network, "pck-revoked", "revoked",
                       sim_platform=platform_file(network, NODE, "pck-revoked", faults=["pck-revoked"]))
        replace(collateral("expired"))
        own = network.folder / "own-collateral.json"
        own.write_bytes(honest)
        expect_refusal(network, "collateral-expired", "expired", collateral=own)
    finally:
        replace(honest)


def evidence_on_another_connection(network):
    """An honest agent's own evidence, presented by somebody else on another connection, is refused; again as well"""
    network.mint("dev", "$5")
    network.ee_json("run", "--name", "bait", "--detach", "--node", "node-1", "--", "/bin/sleep", "60")
    lease = wait_for("the job runs", 10, lambda: next(
        (i for i in network.leases("bait") if i["state"] == "running"), None))["lease"]

    def attempt(evidence_for, error, node="node-1"):
        with tunnel.Tunnel(network) as peer:
            peer.control(tunnel.hello(network.info["network"], node=node))
            first = peer.message()
            require_equal(first["type"], "evidence", f"hello: {first}")
            peer.control({"type": "evidence", "evidence": evidence_for(first), "leases": [],
                          "signature": base64.b64encode(bytes(64)).decode()})
            last = peer.message()
        require_equal((last["type"], last.get("error")), ("refused", error), f"answer {last}")

    def fetched(nonce):
        answer = network.api().get(f"/v1/leases/{lease}/evidence?nonce={nonce}")
        require_equal(answer.status, 200, f"evidence of the agent {answer}")
        return answer.body.decode()
    old = fetched(secrets.token_hex(32))
    attempt(lambda first: old, "not_fresh")
    attempt(lambda first: fetched(first["challenge"]), "not_fresh")  # the challenge itself is not the nonce
    attempt(lambda first: first["evidence"], "wrong_role")  # the control plane's own evidence, sent back
    files = [p for p in (network.state / "control").rglob("*") if p.is_file() and p.stat().st_size < 1 << 20]
    stored = [p.read_bytes() for p in files]
    stored = [e for e in stored if e.startswith(b'{"format":"ee-evidence-1"') and crypto.claims_of(e)["role"] == 2]
    require(stored, "no stored evidence of an admission was found to replay")
    for evidence in stored[:3]:
        attempt(lambda first, evidence=evidence: evidence.decode(), "not_fresh")
    flipped = bytearray(old.encode())
    flipped[60] ^= 1
    attempt(lambda first: flipped.decode(), "proof")
    require(any(n["node"] == "node-1" and n["state"] == "connected" for n in
                network.api(None).get("/v1/nodes").json["items"]), "the honest agent is still connected")
    network.ee_json("stop", "bait")


# ---- agents and clients refuse a control plane ----

def control_like(network, name, platform):
    """Another control plane of this network with the same TLS key, on a journal of its own. Its checkpoint key is
    another one: with the same it would itself refuse agents that know a longer journal, before they judge it."""
    state, ready = network.folder / f"control-{name}", network.folder / f"ready-{name}.json"
    state.mkdir(mode=0o700)
    for path in (network.state / "control").iterdir():
        if path.is_file() and not path.name.startswith(("journal", "lock")):
            shutil.copy2(path, state / path.name)
    (state / "checkpoint.seed").write_text(secrets.token_hex(32) + "\n")
    words = option_set(network.control_run_arguments(), state=state, ready_file=ready, listen="127.0.0.1:0",
                       gateway_listen="127.0.0.1:0", http="127.0.0.1:0", sim_platform=platform)
    child = network.spawn(words, f"control-{name}")

    def probe():
        if child.poll() is not None:
            raise Failed(f"control plane {name} ended: {network.tail(child.log, 400)}")
        try:
            return json.loads(ready.read_text())
        except (OSError, ValueError):
            return None
    return child, wait_for(f"control plane {name} serves", 10, probe)["api"]


def client_refuses(network, name, error, api=None, genesis=None, relay=None, profile=None):
    """Exit 7 with this reason, on a verb that would send a token; nothing of the token was sent."""
    changes = {"EE_API": f"https://{api}"} if api else {}
    if genesis:
        changes["EE_GENESIS"] = str(genesis)
    changes["XDG_STATE_HOME"] = str(network.folder / f"client-{name}")
    problem = network.ee_json("transfer", "guest", "$1", code=7, extra=changes, profile=profile or "dev")
    require_equal(problem.get("error"), error, f"{name}: {problem}")
    if relay:
        require(network.token("dev").encode() not in bytes(relay.from_client), f"{name}: the token was sent")
        require(b"authorization" not in bytes(relay.from_client).lower(), f"{name}: credentials were sent")
        require_equal({line.split()[1] for line in relay.requests()} - {"/v1/evidence", "/v1/allow-changes", "/v1/policy"}, set(),
                      f"{name}: requests before the refusal")


def agent_refuses(network, name, error, api):
    """An honest agent does not go on: it says why, and never sends its evidence."""
    before = len(network.log("control"))
    # An agent that has seen more of the log than this control plane would be refused before it sees any evidence.
    (network.state / "agents" / NODE / "checkpoint").unlink(missing_ok=True)
    child = agent_like(network, f"against-{name}", control=api)
    try:
        wait_for(f"{name}: the agent refuses with {error}", 8, lambda: error in child.log.read_text())
        time.sleep(0.5)
        require("admitted" not in child.log.read_text(), f"{name}: the agent was admitted")
    except Failed as problem:
        raise Failed(f"{problem}; agent says {network.tail(child.log, 400)}") from None
    finally:
        network.end(child)
    return network.log("control")[before:]


def a_control_plane_of_another_program(network):
    """A genuine TD with the right keys but other measurements is refused by client and agent"""
    platform = platform_file(network, "control", "c-other", program="ee-control-changed")
    child, api = control_like(network, "other", platform)
    try:
        client_refuses(network, "other", "measurement", api)
        agent_refuses(network, "other", "measurement", api)
    finally:
        network.end(child)


def a_control_plane_with_a_faulty_quote(network):
    """Forged, of another root, in debug mode, out of date: refused by client and agent, each for its reason"""
    for fault in ("quote-forged", "ak-not-bound", "wrong-root", "debug-td", "platform-out-of-date", "tcb-revoked"):
        error = next(error for name, error, _ in FAULTS if name == fault)
        child, api = control_like(network, fault, platform_file(network, "control", f"c-{fault}", faults=[fault]))
        try:
            client_refuses(network, fault, error, api)
            if fault in ("quote-forged", "debug-td"):
                agent_refuses(network, fault, error, api)
        finally:
            network.end(child)


def the_genesis_of_another_network(network):
    """A client or agent that holds another genesis refuses this control plane"""
    document = json.loads((network.state / "genesis.json").read_text())
    canonical = bytearray(base64.b64decode(document["genesis"]))
    at = canonical.index(b"development") + len(b"development")
    canonical[at] ^= 1  # first byte of the salt
    identity = hashlib.sha256(canonical).hexdigest()
    path = network.folder / "other-genesis.json"
    path.write_text('{"format":"ee-genesis-1","network":"%s","genesis":"%s"}\n'
                    % (identity, base64.b64encode(bytes(canonical)).decode()))
    profile = network.profile_copy("dev", "other-network", network=identity, genesis=str(path))
    client_refuses(network, "genesis", "wrong_network", profile=profile)
    child = agent_like(network, "other-genesis", genesis=path)
    try:
        wait_for("the agent refuses or is refused", 8, lambda: "wrong_network" in child.log.read_text())
        require("admitted" not in child.log.read_text(), "admitted")
    finally:
        network.end(child)
    broken = network.folder / "broken-genesis.json"
    broken.write_text(path.read_text().replace(identity, document["network"]))
    done = network.ee("balance", extra={"EE_GENESIS": str(broken)})
    require(done.returncode in (2, 7), f"a genesis whose id is not its hash: exit {done.returncode}")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def certificate_of_the_network(network, name):
    """A certificate that the network's authority signed for another key: PKI alone would trust it."""
    certificate, key = tunnel.own_certificate(network.folder, name)
    request = network.folder / f"{name}.csr"
    extensions = network.folder / f"{name}.ext"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signed = network.folder / f"{name}-signed.crt"
    openssl("req", "-new", "-key", key, "-out", request, "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", request, "-CA", network.state / "ca.crt", "-CAkey", network.state / "ca.key",
            "-set_serial", "7", "-days", "2", "-extfile", extensions, "-out", signed)
    return signed, key


def somebody_in_the_middle(network):
    """A relay with a certificate that PKI would trust: client and agent refuse, the quote is for another connection"""
    certificate, key = certificate_of_the_network(network, "middle")
    with Relay(network, certificate, key, tunnel.own_certificate(network.folder, "middle-client")) as relay:
        client_refuses(network, "middle", "not_fresh", relay.address, relay=relay)
        require(relay.connections >= 1 and relay.from_server, "the relay saw the client")
        relay.from_client.clear()
        relay.connections = 0
        agent_refuses(network, "middle", "not_fresh", relay.address)
        require(b"/v1/tunnel" in bytes(relay.from_client), "the relay saw the agent")
        # What the agent sends is masked; its evidence would be far larger than its hello.
        sent = len(relay.from_client) / relay.connections
        require(300 < sent < 4096, f"the agent sent {sent} bytes to somebody else")


def stolen_key(network):
    """The control plane's own certificate and private key."""
    return network.state / "control" / "tls.crt", network.state / "control" / "tls.key"


def answering(body):
    """For a relay: answers a request for evidence with this document, whatever was asked."""
    def answer(data):
        if b"/v1/evidence" not in data and b"challenge" not in data:
            return None
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return head % len(body) + body
    return answer


def somebody_in_the_middle_with_the_stolen_tls_key(network):
    """Even with the control plane's own TLS key a relay is refused: the nonce binds this very connection"""
    own = tunnel.own_certificate(network.folder, "middle-client")
    with Relay(network, *stolen_key(network), own) as relay:
        client_refuses(network, "stolen", "not_fresh", relay.address, relay=relay)
        agent_refuses(network, "stolen", "not_fresh", relay.address)


def evidence_of_yesterday(network):
    """Replayed evidence of the control plane does not answer the challenge: refused, though key and quote are right"""
    old = network.api(None).get("/v1/evidence?nonce=" + "ab" * 32)
    require_equal(old.status, 200, "evidence")

    with Relay(network, *stolen_key(network), answer=answering(old.body)) as relay:
        client_refuses(network, "replay", "not_fresh", relay.address, relay=relay)


def key_bound_evidence_is_no_channel_nonce(network):
    """What a caller gives is hashed before it is quoted, so nobody gets a channel's nonce quoted by asking for it"""
    nonce = secrets.token_bytes(32)
    document = network.api(None).get(f"/v1/evidence?nonce={nonce.hex()}").json
    require_equal(document["nonce"], crypto.caller_nonce(nonce).hex(), "nonce in the evidence")
    channel = network.api(None).request("POST", "/v1/evidence", {"challenge": nonce.hex()}).json
    require(channel["nonce"] not in (nonce.hex(), document["nonce"]), "channel-bound evidence answers something else")


def evidence_of_an_agent_as_control_plane(network):
    """A genuine agent's evidence does not make a control plane"""
    network.ee_json("run", "--name", "role", "--detach", "--node", "node-1", "--", "/bin/sleep", "60")
    lease = wait_for("the job runs", 10, lambda: next(
        (i for i in network.leases("role") if i["state"] == "running"), None))["lease"]
    body = network.api().get(f"/v1/leases/{lease}/evidence?nonce=" + "cd" * 32).body
    network.ee_json("stop", "role")
    certificate, key = certificate_of_the_network(network, "role")

    with Relay(network, certificate, key, answer=answering(body)) as relay:
        client_refuses(network, "role", "wrong_role", relay.address, relay=relay)


def the_honest_still_meet(network):
    """After all of it: the honest agent is admitted, the honest client is served, three nodes are connected"""
    child = agent_like(network, "honest-again")
    network.wait_connected()
    who = network.ee_json("whoami")
    require_equal((who["attested"]["proof"], who["attested"]["simulated"]), ("channel-bound", True), "whoami")
    said = network.ee("whoami").stderr.decode()
    require("SIMULATED" in said, f"a simulated network is not said to be one: {said!r}")
    network.end(child)


if __name__ == "__main__":
    run_suite("attestation", [
        an_agent_in_place_of_another_is_admitted,
        a_genuine_td_of_another_program,
        an_agent_that_is_not_enrolled,
        each_fault_of_a_platform,
        each_format_of_a_quote,
        a_platform_whose_certificate_is_revoked,
        evidence_on_another_connection,
        a_control_plane_of_another_program,
        a_control_plane_with_a_faulty_quote,
        the_genesis_of_another_network,
        somebody_in_the_middle,
        somebody_in_the_middle_with_the_stolen_tls_key,
        evidence_of_yesterday,
        key_bound_evidence_is_no_channel_nonce,
        evidence_of_an_agent_as_control_plane,
        the_honest_still_meet,
    ])
