#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measured deployments and bundles: what an agent runs is in its event log, and one file shows it offline."""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import signal
import struct

from network import Skipped, require, require_equal, run_suite, wait_for

VECTORS = os.environ.get("EE_TDX_VECTORS")
BLOCKS = ("quote", "collateral", "claims", "ccel", "dstack", "agent_log")
shared = {}


def genesis(network):
    return str(network.state / "genesis.json")


def start_job(network, name, node):
    network.ee_json("run", "--name", name, "--detach", "--node", node, "--", "/bin/sleep", "60")
    return wait_for(f"{name} runs", 10, lambda: next(
        (i for i in network.leases(name) if i["state"] == "running"), None))["lease"]


def fetch(network, what, name):
    path = network.folder / f"{name}.bundle"
    network.ee_json("evidence", "fetch", what, "-o", str(path))
    return path


def verify(network, path, *options, code=0):
    return network.ee_json("evidence", "verify", str(path), "--network", genesis(network), *options, code=code)


def agent_log(answer):
    logs = [log for log in answer["event_logs"] if log["kind"] == "agent"]
    require_equal(len(logs), 1, "one log of the agent")
    return logs[0]


def restart_agent(network, node, **options):
    words = shared["agent"] = network.agent_run_arguments(node)
    for name, value in options.items():
        words[words.index("--" + name.replace("_", "-")) + 1] = str(value)
    os.kill(network.agent_pid(node), signal.SIGKILL)
    child = network.spawn(words, f"agent-{node}-again")
    network.wait_connected((node,))
    return child


def rewritten(path, **changes):
    """The bundle with other values and a digest that fits them, as a forger would write it."""
    document = json.loads(path.read_text())
    document.update(changes)
    blocks = [base64.b64decode(document[name]) for name in BLOCKS]
    changed = [base64.b64decode(change) for change in document["changes"]]
    moment = datetime.datetime.strptime(document["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    hashes = [bytes.fromhex(item) for item in document["path"]]
    digest = hashlib.sha256(b"\x09ee-bundle\x00\x01" + struct.pack(">Q", int(moment.timestamp())) + bytes.fromhex(document["nonce"]) +
                            struct.pack(">IIBI", document["index"], document["size"], len(hashes), len(changed)))
    for part in [struct.pack(">Q", len(b)) for b in blocks + changed] + hashes + blocks + changed:
        digest.update(part)
    document["digest"] = digest.hexdigest()
    forged = path.with_suffix(".forged")
    forged.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    return forged


def a_deployment_is_in_the_log_of_its_agent(network):
    """The bundle of a running job shows, by RTMR3, which deployment its agent started, and that nothing is left out"""
    network.mint("dev", "$10")
    lease = start_job(network, "measured", "node-1")
    shared["bundle"] = fetch(network, "measured", "measured")
    answer = verify(network, shared["bundle"])
    log = agent_log(answer)
    require(log["complete"] and all(row["replays"] for row in log["registers"]), f"log {log}")
    require_equal([row["by"] for row in answer["registers"]][3], "agent", "what explains RTMR3")
    started = [event for event in log["log"] if event["event"] == "deployment" and event["lease"] == lease]
    require_equal(len(started), 1, f"starts of {lease} in {log['log']}")
    require_equal(log["log"][0]["event"], "start", "the first event")
    require_equal(log["log"][0]["network"], network.info["network"], "its network")
    require_equal((answer["proof"], answer["not_shown"]), ("valid", ["key-bound", "channel-bound"]), "what was proven")
    require_equal((answer["verified_at_source"], answer["role"], answer["simulated"]), ("recorded", "agent", True), "how")
    shared["lease"], shared["deployment"] = lease, started[0]["deployment"]


def its_end_and_its_secrets_are_in_the_log_too(network):
    """Secrets given to a job and its end are events; the agent's log of the same boot goes on, in one sequence"""
    secret = network.folder / "secret"
    secret.write_text("word")
    secret.chmod(0o600)
    network.ee_json("run", "--name", "brief", "--node", "node-1", "--secret", f"WORD=@{secret}", "--", "/bin/sh", "-c",
                    "exit 3", code=3)
    log = agent_log(verify(network, fetch(network, "measured", "after")))
    events = [(event["event"], event.get("secrets"), event.get("exit_code")) for event in log["log"]
              if event.get("lease") not in (None, shared["lease"])]
    require_equal(events, [("deployment", None, None), ("secrets", 1, None), ("stop", None, 3)], "events of the brief job")
    require_equal([event["sequence"] for event in log["log"]], list(range(len(log["log"]))), "sequence numbers")


def a_bundle_is_judged_at_its_own_time(network):
    """Later and earlier than its collateral says it is refused with exit 7; at its own time it holds, whatever day it is"""
    bundle = shared["bundle"]
    require_equal(verify(network, bundle, "--at", "now")["verified_at_source"], "now", "judged now")
    for time in ("2036-01-01T00:00:00Z", "2020-01-01T00:00:00Z"):
        refused = verify(network, bundle, "--at", time, code=7)
        require_equal(refused["error"], "expired", f"at {time}: {refused}")
    require_equal(verify(network, rewritten(bundle, time="2036-01-01T00:00:00Z"), code=7)["error"], "expired",
                  "a recorded time outside what the collateral says")
    refused = network.ee_json("evidence", "verify", str(bundle), code=7)
    require_equal(refused["error"], "untrusted", f"under Intel's root: {refused}")
    text = network.ee("evidence", "verify", str(bundle), "--network", genesis(network)).stdout.decode()
    require("SIMULATED" in text and "not shown offline" in text, f"what it says: {text}")


def a_changed_bundle_is_refused(network):
    """One changed byte anywhere is exit 7; with a digest that fits, each changed part has its own refusal"""
    bundle = shared["bundle"]
    whole, path = bundle.read_bytes(), network.folder / "changed.bundle"
    for at in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        verify(network, path, code=7)
    path.write_bytes(whole[:-200])
    verify(network, path, code=7)

    def forged(error, **changes):
        answer = verify(network, rewritten(bundle, **changes), code=7)
        require_equal(answer["error"], error, f"changed {sorted(changes)}: {answer}")

    def flipped(name, at):
        data = bytearray(base64.b64decode(json.loads(whole)[name]))
        data[at] ^= 1
        return base64.b64encode(data).decode()
    forged("event_log", agent_log="")
    forged("event_log", agent_log=flipped("agent_log", -1))
    forged("not_fresh", nonce="00" * 32)
    forged("not_bound", claims=flipped("claims", -1))
    forged("signature", quote=flipped("quote", 600))
    require_equal(verify(network, rewritten(bundle), "--json")["ok"], True, "rewritten without a change it holds")


def everything_in_it_can_be_shown(network):
    """show prints every claim and event without judging; a bundle packed from an evidence document says the same"""
    shown = network.ee_json("evidence", "show", str(shared["bundle"]))
    require_equal((shown["format"], shown["judged"]), ("ee-bundle-1", False), "what is shown")
    require_equal(shown["network_claims"]["node"], "node-1", "claims")
    require("claims" in shown["quote"] and shown["event_logs"][0]["log"], "quote and events")
    text = network.ee("evidence", "show", str(shared["bundle"])).stdout.decode()
    require(shared["deployment"] in text and "MRTD" in text.upper(), "as text")
    answer = network.api().get(f"/v1/leases/{shared['lease']}/evidence?nonce={'ab' * 32}")
    document, packed = network.folder / "evidence.json", network.folder / "packed.bundle"
    document.write_bytes(answer.body)
    require_equal(network.ee_json("verify", "evidence", str(document))["node"], "node-1", "an evidence document")
    network.ee_json("evidence", "pack", str(document), "-o", str(packed))
    require_equal(verify(network, packed)["node"], "node-1", "packed from it")
    control = fetch(network, "control", "control")
    require_equal(network.ee_json("verify", "evidence", str(control))["role"], "control", "the control plane's bundle")
    network.ee_refused(2, "evidence", "verify", str(network.folder / "none.bundle"))
    network.ee_refused(2, "evidence", "verify", str(control), "--at", "yesterday", "--network", genesis(network))


def a_log_goes_on_after_a_restart_of_the_agent(network):
    """An agent that starts again in the same boot goes on with its log; without its file it says that events are missing"""
    before = agent_log(verify(network, fetch(network, "measured", "before")))
    network.ee_json("stop", "measured")
    child = restart_agent(network, "node-1")
    start_job(network, "again", "node-1")
    log = agent_log(verify(network, fetch(network, "again", "again")))
    require(log["complete"] and len(log["log"]) >= len(before["log"]) + 2, f"log {log}")
    require_equal([event["event"] for event in log["log"]].count("start"), 2, "starts of the agent")
    network.ee_json("stop", "again")
    network.end(child)
    next(network.state.rglob("node-1/measured.log")).unlink()
    child = network.spawn(shared["agent"], "agent-node-1-third")
    network.wait_connected(("node-1",))
    start_job(network, "lost", "node-1")
    log = agent_log(verify(network, fetch(network, "lost", "lost")))
    require(not log["complete"], "a log without its beginning is said to be")
    network.ee_json("stop", "lost")


def a_measurement_allowed_by_a_logged_change(network):
    """Evidence of a program that only a signed, logged change allows verifies offline with the genesis alone; without
    that change in the bundle, or with another signature, it is refused"""
    measured = network.ee_json("measure", "--program", "ee-agent-next", "--version", "0.1.0")["measurement"]
    network.ee_json("allow", "add", "--role", "agent", "--measurement", measured, "--label", "ee-agent-next",
                    profile="founding")
    device = json.loads((network.state / "sim" / "node-2.json").read_text())
    device.update(program="ee-agent-next", version="0.1.0")
    path = network.folder / "next.json"
    path.write_text(json.dumps(device))
    path.chmod(0o600)
    shared["child"] = restart_agent(network, "node-2", sim_platform=path)
    start_job(network, "next", "node-2")
    bundle = fetch(network, "next", "next")
    answer = verify(network, bundle)
    require_equal((answer["measurement"], answer["logged_changes"]), ("ee-agent-next", 1), "allowed by")
    require_equal(verify(network, rewritten(bundle, changes=[]), code=7)["error"], "measurement", "without the change")
    change = bytearray(base64.b64decode(json.loads(bundle.read_text())["changes"][0]))
    change[-1] ^= 1
    answer = verify(network, rewritten(bundle, changes=[base64.b64encode(change).decode()]), code=7)
    require_equal(answer["error"], "signature", "a change nobody signed")
    network.ee_json("stop", "next")


def a_status_accepted_by_a_signed_policy(network):
    """Evidence of a machine that is out of date, which the network's signed policy accepts, verifies offline with the
    genesis alone; without that policy in the bundle it is refused"""
    rules = network.folder / "policy.json"
    rules.write_text('{"format": "ee-policy-1", "statuses": ["UpToDate", "OutOfDate"]}')
    network.ee_json("policy", "set", str(rules), profile="founding")
    device = json.loads((network.state / "sim" / "node-2.json").read_text())
    device["faults"] = ["platform-out-of-date"]
    path = network.folder / "old.json"
    path.write_text(json.dumps(device))
    path.chmod(0o600)
    network.end(shared["child"])
    words = shared["agent"]
    words[words.index("--sim-platform") + 1] = str(path)
    network.spawn(words, "agent-old")
    network.wait_connected(("node-2",))
    start_job(network, "old", "node-2")
    bundle = fetch(network, "old", "old")
    answer = verify(network, bundle)
    require_equal((answer["tcb_status"], answer["policy_change"]), ("OutOfDate", 1), "accepted by")
    changes = json.loads(bundle.read_text())["changes"]
    refused = verify(network, rewritten(bundle, changes=changes[:-1]), code=7)
    require_equal(refused["error"], "tcb_refused", f"without the policy: {refused}")
    network.ee_json("stop", "old")


def a_deployment_that_is_not_measured_is_not_attested(network):
    """A machine that cannot extend RTMR3 is admitted, but attestations of what it runs do not count"""
    device = json.loads((network.state / "sim" / "node-3.json").read_text())
    device["faults"] = ["no-rtmr"]
    path = network.folder / "no-rtmr.json"
    path.write_text(json.dumps(device))
    path.chmod(0o600)
    restart_agent(network, "node-3", sim_platform=path)
    lease = start_job(network, "unmeasured", "node-3")
    wait_for("its attestation is refused", 12, lambda: any(
        lease in line and "not_measured" in line for line in network.log("control").splitlines()))
    network.ee_json("stop", "unmeasured")


def quotes_of_real_machines(network):
    """Bundles of real quotes with real event logs: packed, verified at their own time, and shown"""
    if not VECTORS:
        raise Skipped("EE_TDX_VECTORS does not name a directory with real quotes")
    cases = [c for c in sorted(pathlib.Path(VECTORS).iterdir())
             if (c / "ccel.bin").is_file() or (c / "event_log.json").is_file()]
    require(cases, "there are cases with event logs")
    for case in cases:
        expected = json.loads((case / "expect.json").read_text())
        bundle = network.folder / f"{case.name}.bundle"
        words = ["evidence", "pack", "--quote", str(case / "quote.bin"), "--collateral", str(case / "collateral.json"),
                 "--time", str(expected["verify_time"]), "-o", str(bundle)]
        for option, name in (("--ccel", "ccel.bin"), ("--dstack", "event_log.json")):
            words += [option, str(case / name)] if (case / name).is_file() else []
        network.ee_json(*words)
        status = expected["expect"]["tcb_status"]
        answer = network.ee_json("evidence", "verify", str(bundle), "--policy", "none",
                                 code=7 if status == "NOT_SUPPORTED" else 0)
        if status == "NOT_SUPPORTED":
            continue
        require_equal(answer["tcb_status"], status, case.name)
        require(all(row["by"] for row in answer["registers"]), f"{case.name}: {answer['registers']}")
        strict = network.ee("evidence", "verify", str(bundle), json_output=True)
        require_equal(strict.returncode, 0 if status == "UpToDate" else 7, f"{case.name} by default")
        facts = {fact["name"]: fact for log in answer["event_logs"] for fact in log["facts"]}
        require("secure_boot" in facts, f"{case.name}: {sorted(facts)}")
        if (case / "ccel.bin").is_file():
            require("kernel_cmdline" in facts and facts["kernel_cmdline"]["status"] == "data-checked", case.name)
        else:
            require("compose-hash" in facts and not facts["compose-hash"]["named_by_log"], case.name)


if __name__ == "__main__":
    run_suite("evidence", [
        a_deployment_is_in_the_log_of_its_agent,
        its_end_and_its_secrets_are_in_the_log_too,
        a_bundle_is_judged_at_its_own_time,
        a_changed_bundle_is_refused,
        everything_in_it_can_be_shown,
        a_log_goes_on_after_a_restart_of_the_agent,
        a_measurement_allowed_by_a_logged_change,
        a_status_accepted_by_a_signed_policy,
        a_deployment_that_is_not_measured_is_not_attested,
        quotes_of_real_machines,
    ])
