#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network's attestation policy: shown, changed by the founding key alone, applied by everybody, kept over a restart."""
import json
import os
import signal
import time

from network import Failed, require, require_equal, run_suite, wait_for

NODE = "node-2"
shared = {}


def policy_file(network, name, **members):
    path = network.folder / f"{name}.json"
    path.write_text(json.dumps(dict({"format": "ee-policy-1", "name": name}, **members)))
    return path


def old_agent(network, name):
    """An agent in place of NODE's whose TDX module is out of date."""
    document = json.loads((network.state / "sim" / f"{NODE}.json").read_text())
    document["faults"] = ["module-out-of-date"]
    path = network.folder / f"platform-{name}.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    words = list(shared["agent"])
    words[words.index("--sim-platform") + 1] = str(path)
    return network.spawn(words, f"agent-{name}")


def state_of(network, node):
    return {n["node"]: n["state"] for n in network.api(None).get("/v1/nodes").json["items"]}.get(node)


def refused(network, name):
    before = len(network.log("control"))
    child = old_agent(network, name)
    try:
        wait_for(f"{name}: refused", 8, lambda: any(
            "agent refused" in line and NODE in line and "tcb_refused" in line and "rule status" in line
            for line in network.log("control")[before:].splitlines()))
    finally:
        network.end(child)


def the_default_is_shown_and_refuses_what_is_out_of_date(network):
    """ee policy show gives the default, number 0; an agent with an old TDX module is refused"""
    document = network.ee_json("policy", "show")
    require_equal((document["number"], document["policy"]["statuses"]), (0, ["UpToDate"]), "default")
    require_equal(document["policy"]["allow_debug"], False, "debug")
    text = network.ee("policy", "show").stdout
    (network.folder / "shown.json").write_bytes(text)
    checked = network.ee_json("policy", "check", network.folder / "shown.json")
    require(checked["network"] and len(checked["hash"]) == 64, f"check: {checked}")
    shared["agent"] = network.agent_run_arguments(NODE)
    os.kill(network.agent_pid(NODE), signal.SIGKILL)
    wait_for("the node is lost", 8, lambda: state_of(network, NODE) != "connected")
    refused(network, "default")


def only_the_founding_key_changes_it(network):
    """Another profile, another key, another number, debug: each is refused and nothing changes"""
    grace = policy_file(network, "grace", grace_days={"OutOfDate": 3650})
    network.ee_refused(4, "policy", "set", grace, profile="dev")
    answer = network.api("founding").post("/v1/policy", {"number": "1", "policy": "AAAA", "signature": "00" * 64})
    require(answer.status == 400, f"no policy: {answer}")
    network.ee_refused(5, "policy", "set", grace, "--number", "7", profile="founding")
    debug = policy_file(network, "debug", allow_debug=True)
    require(network.ee("policy", "check", debug).returncode == 2, "debug for any measurement")
    debug = policy_file(network, "debug", allow_debug=True, measurements=[{"label": "lab", "mrtd": ["11" * 48]}])
    require_equal(network.ee_json("policy", "check", debug)["network"], False, "a network with debug")
    require_equal(network.ee_refused(7, "policy", "set", debug, profile="founding")["error"], "debug_td", "set debug")
    typo = policy_file(network, "typo", statusses=[])
    problem = network.ee_refused(2, "policy", "check", typo)
    require("statusses" in problem["detail"], f"the member is not named: {problem}")
    require_equal(network.ee_json("policy", "show")["number"], 0, "number")


def a_grace_admits_what_the_default_refuses(network):
    """With a grace for OutOfDate the same agent is admitted; the change is logged and has a receipt"""
    answer = network.ee_json("policy", "set", network.folder / "grace.json", profile="founding")
    require_equal(answer["number"], 1, "number")
    document = network.ee_json("policy", "show")
    require_equal((document["number"], document["policy"]["grace_days"]), (1, {"OutOfDate": 3650}), "in force")
    require_equal([c["number"] for c in document["changes"]], ["1"], "changes")
    receipt = network.folder / "policy.receipt"
    network.ee_json("receipt", document["changes"][0]["seq"], "-o", receipt)
    summary = network.ee_json("verify", "receipt", receipt)["summary"]
    require("attestation policy 1: grace" in summary, f"summary: {summary}")
    child = old_agent(network, "graced")
    network.wait_connected((NODE,))
    network.end(child)
    wait_for("the node is lost", 8, lambda: state_of(network, NODE) != "connected")


def a_policy_that_refuses_the_control_plane_needs_force(network):
    """ee policy set says so and does nothing; with --force clients refuse, by rule, and the founder can go back"""
    strict = policy_file(network, "future", min_tcb_evaluation=1000)
    problem = network.ee_refused(7, "policy", "set", strict, profile="founding")
    require("rule min_tcb_evaluation" in problem["detail"], f"the rule is not named: {problem}")
    require_equal(network.ee_json("policy", "show")["number"], 1, "number")
    network.mint("dev", "$5")
    network.ee_json("policy", "set", strict, "--force", profile="founding")
    require_equal(network.ee_json("policy", "show")["number"], 2, "number, as shown by a refused control plane")
    problem = network.ee_refused(7, "run", "--name", "never", "--", "/bin/true")
    require("rule min_tcb_evaluation" in problem["detail"] and problem["error"] == "tcb_refused", f"run: {problem}")
    network.ee_json("policy", "set", network.folder / "grace.json", "--number", "3", profile="founding")
    require_equal(network.ee_json("policy", "show")["number"], 3, "number")


def it_is_in_force_after_a_restart(network):
    """A control plane that starts again takes policy and history from its journal"""
    pid = network.control_pid()
    os.kill(pid, signal.SIGKILL)
    wait_for("another process", 10, lambda: network.control_pid() not in (None, pid))
    network.wait_ready()
    document = wait_for("it answers", 10, lambda: network.ee_json("policy", "show"))
    require_equal((document["number"], document["policy"]["name"]), (3, "grace"), "in force")
    require_equal(len(document["changes"]), 3, "changes")
    child = old_agent(network, "graced-again")
    network.wait_connected((NODE,))
    network.end(child)
    default = network.folder / "shown.json"
    network.ee_json("policy", "set", default, profile="founding")
    wait_for("the node is lost", 8, lambda: state_of(network, NODE) != "connected")
    refused(network, "again")


if __name__ == "__main__":
    run_suite("policy", [
        the_default_is_shown_and_refuses_what_is_out_of_date,
        only_the_founding_key_changes_it,
        a_grace_admits_what_the_default_refuses,
        a_policy_that_refuses_the_control_plane_needs_force,
        it_is_in_force_after_a_restart,
    ])
