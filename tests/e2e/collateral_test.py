#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""New collateral in a running network: only newer, only valid, used at once, named by every decision, and told to
those whom it concerns before it costs them."""
import base64
import json
import os
import pathlib
import signal
import subprocess
import time

from network import BUILD, FULL, Network, Failed, clean_environment, require, require_equal, run_suite, sha256_hex, wait_for

ages = iter(range(3000, 0, -10))  # seconds since it was issued: each issue is newer than the last
shared = {}


def issue(network, *options, kind="fresh", authority=None):
    """Collateral of this network's authority, newer than all before; gives the path of a file."""
    seeds = json.loads((network.state / "sim" / "node-1.json").read_text())
    if not any(option.startswith("age=") for option in options):
        options = (*options, f"age={next(ages)}")
    done = subprocess.run([str(BUILD / "tests" / "e2e" / "sim-collateral"), authority or seeds["authority_seed"],
                           seeds["platform_seed"], kind, *options], capture_output=True, check=True)
    path = network.folder / f"collateral-{sha256_hex(done.stdout)[:12]}.json"
    path.write_bytes(done.stdout)
    return path


def held(network, kind="standard"):
    """What the control plane says it judges by."""
    items = network.api(None).get("/v1/collateral").json["items"]
    return next((item for item in items if item["kind"] == kind), None)


def push(network, path, *options, code=0, profile="admin"):
    return network.ee_json("collateral", "push", path, *options, code=code, profile=profile)


def hash_of(path):
    return sha256_hex(pathlib.Path(path).read_bytes())


def settled(network, name):
    """A short job; what the receipt of its settlement says."""
    network.ee("run", "--name", name, "--", "/bin/true")
    lease = network.leases(name)[0]["lease"]

    def settlement():
        return next((p["settle_seq"] for p in network.periods(lease) if p["settle_seq"]), None)
    return network.ee_json("explain", wait_for(f"{name} is settled", 15, settlement))


def newer_collateral_is_used_at_once(network):
    """ee collateral push: the network, its agents, and the verdict of the next job go by the new set"""
    network.mint("dev", "$5")
    first = held(network)
    require_equal(first["hash"], hash_of(network.state / "collateral.json"), "collateral in use at the start")
    require_equal(settled(network, "before")["checks"]["collateral"], [first["hash"]], "receipt before the push")
    path = issue(network)
    answer = push(network, path)
    require_equal((answer["changed"], answer["hash"], answer["kind"]), (True, hash_of(path), "standard"), "answer")
    require_equal(held(network)["hash"], hash_of(path), "collateral in use")
    require_equal(settled(network, "after")["checks"]["collateral"], [hash_of(path)], "receipt after the push")
    record = network.ee_json("explain", answer["seq"])
    require_equal(record["kind"], "collateral", "record")
    require(hash_of(path) in record["summary"] and "standard set number 20" in record["summary"], f"record {record}")
    for node in ("node-1", "node-2", "node-3"):
        wait_for(f"{node} has it too", 5, lambda: hash_of(path) in network.log(node))
    shared["path"] = path


def the_same_again_changes_nothing(network):
    """Pushing what is held is no error and no new record"""
    answer = push(network, shared["path"])
    require_equal(answer["changed"], False, f"answer {answer}")


def what_is_held_can_be_fetched_by_its_hash(network):
    """Anyone gets the bytes that decisions name, also of a set that was replaced"""
    first = hash_of(network.state / "collateral.json")
    for name in (hash_of(shared["path"]), first):
        answer = network.api(None).get(f"/v1/collateral/{name}")
        require_equal((answer.status, sha256_hex(answer.body)), (200, name), "bytes by hash")
    require_equal(network.api(None).get("/v1/collateral/" + "00" * 32).status, 404, "a hash nobody has")


def older_collateral_is_refused_with_words(network):
    """A date, an evaluation number or a CRL number that goes back: refused, and the words name the part"""
    before = held(network)
    problem = push(network, issue(network, "age=3500"), code=5)
    require("the TCB Info is of" in problem["detail"] and "never goes back" in problem["detail"], f"{problem}")
    problem = push(network, issue(network, "evaluation=19"), code=5)
    require("the TCB Info has number 19, the one in use has 20" in problem["detail"], f"{problem}")
    require_equal(held(network), before, "collateral in use")


def what_does_not_prove_is_refused(network):
    """A broken signature, another root, an expired issue, another document: refused, and nothing changes"""
    before = held(network)

    def changed(change):
        document = json.loads(issue(network).read_text())
        change(document)
        path = network.folder / "changed.json"
        path.write_text(json.dumps(document))
        return path

    def flip(name):
        def change(document):
            text = document[name]
            document[name] = ("0" if text[0] != "0" else "1") + text[1:]
        return change
    problem = push(network, changed(flip("tcb_info_signature")), code=7)
    require("signature of the TCB Info" in problem["detail"], f"{problem}")
    problem = push(network, changed(lambda d: d.update(tcb_info=d["tcb_info"].replace("UpToDate", "UpToDatf"))), code=7)
    require("signature of the TCB Info" in problem["detail"], f"{problem}")
    problem = push(network, changed(lambda d: d.pop("root_ca_crl")), code=7)
    require("root CRL is missing" in problem["detail"], f"{problem}")
    problem = push(network, issue(network, authority="11" * 32), code=7)
    require_equal(problem["error"], "untrusted", f"{problem}")
    problem = push(network, issue(network, kind="expired"), code=5)  # older as well, which says more
    require("never goes back" in problem["detail"], f"{problem}")
    problem = push(network, issue(network, "valid=5"), code=7)
    require_equal(problem["error"], "expired", f"{problem}")
    network.folder.joinpath("no.json").write_text("{]")
    push(network, network.folder / "no.json", code=2)
    require_equal(held(network), before, "collateral in use")


def only_the_admin_key_may_push(network):
    """Not an account, not an operator"""
    path = issue(network)
    for profile in ("dev", "operator-a"):
        push(network, path, code=4, profile=profile)
    status = network.api(None).post("/v1/collateral", {"kind": "standard", "collateral": "x"}).status
    require_equal(status, 401, "without a key")
    problem = network.api("admin").post("/v1/collateral", {"kind": "newest", "collateral": "x"})
    require_equal(problem.status, 400, f"another kind {problem}")


def killed_right_after_the_answer(network):
    """SIGKILL as soon as a push is answered: after the restart the new set is in use, and recorded again"""
    for _ in range(10 if FULL else 1):
        path = issue(network)
        push(network, path)
        os.kill(network.control_pid(), signal.SIGKILL)
        time.sleep(0.2)
        network.wait_ready()
        require_equal(held(network)["hash"], hash_of(path), "collateral in use after the restart")
    network.wait_connected()
    require_equal(settled(network, "after-kill")["checks"]["collateral"], [hash_of(path)], "receipt after the restart")


def several_platform_families_are_held(network):
    """A set of another family stands beside the first and takes nothing from it"""
    before = held(network)
    answer = push(network, issue(network, "fmspc=77"))
    require(answer["changed"] and answer["fmspc"].endswith("4d") and answer["fmspc"] != before["fmspc"], f"{answer}")
    items = network.api(None).get("/v1/collateral").json["items"]
    require_equal(len(items), 2, "sets")
    require(before["hash"] in [item["hash"] for item in items], "the first family's set")
    require(settled(network, "families")["checks"]["collateral"] == [before["hash"]], "the right one judged")


def operators_are_warned_of_a_coming_set(network):
    """An early set that asks for a newer TDX module: operators see which nodes fail, what is short, the cure, and until
    when; nobody else does; and nothing fails yet"""
    answer = push(network, issue(network, "evaluation=21", "module=3"), "--early")
    require_equal((answer["kind"], answer["evaluation"], answer["nodes_failing"]), ("early", 21, 3), f"{answer}")
    require_equal(sorted(answer["nodes"]), ["node-1", "node-2", "node-3"], "nodes named to the admin")
    node = network.ee_json("node", "show", "node-1", profile="operator-a")
    warning = node["warnings"][0]
    require_equal((warning["code"], warning["status"], warning["evaluation"]), ("coming_tcb_set", "OutOfDate", 21),
                  f"{warning}")
    require_equal([(s["id"], s["have"], s["need"]) for s in warning["short"]], [("short_module", 6, 9)], "short")
    require("TDX module SVN 6, needs 9: update the TDX module" in warning["text"], f"{warning}")
    require_equal(warning["standard_valid_until"], held(network)["expires_at"], "until when")
    said = network.ee("nodes", profile="operator-a").stdout.decode()
    require("WARNING node-1:" in said and "WARNING node-2:" in said and "WARNING node-3" not in said, said)
    require("WARNING" not in network.ee("nodes", profile="dev").stdout.decode(), "a user is told")
    require("warnings" not in network.ee_json("node", "show", "node-3", profile="operator-a"), "another's node")
    require("warnings" not in network.api(None).get("/v1/nodes/node-1").json, "without a key")
    require("node will fail under the coming TCB set" in network.log("control"), "the log")
    require_equal(settled(network, "early")["verdict"], "pass", "a job under the set in use")
    os.kill(network.control_pid(), signal.SIGKILL)  # nodes that attest anew are judged anew
    time.sleep(0.2)
    network.wait_ready()
    network.wait_connected()
    require_equal(len(network.ee_json("node", "show", "node-3", profile="operator-b")["warnings"]), 1, "after a restart")
    push(network, issue(network, "evaluation=22"), "--early")  # Intel takes the demand back
    require_equal(network.ee_json("node", "show", "node-1", profile="operator-a")["warnings"], [], "all is well again")


def collateral_that_runs_out(network):
    """Warned of before; then nothing is judged or admitted, with a reason in log and API, and that fails nobody; newer
    collateral ends it"""
    network.ee_json("run", "--name", "through", "--detach", "--", "/bin/sleep", "60")
    age = next(ages)
    path = issue(network, f"age={age}", f"valid={age + 2}")
    push(network, path)
    ready = network.api(None).get("/readyz")
    require(any("expires at" in warning for warning in ready.json["warnings"]), f"/readyz {ready}")
    require_equal(network.ee("collateral", "status", profile="admin").returncode, 6, "status before the end")
    network.wait_connected()
    wait_for("it has expired", 10, lambda: held(network)["state"] == "expired")
    warnings = network.api(None).get("/v1/network").json["warnings"]
    require(any("expired at" in w and "push newer collateral" in w.replace("is pushed", "push newer collateral")
                for w in warnings), f"/v1/network {warnings}")
    require_equal(network.ee_json("whoami", code=7)["error"], "expired", "a client verifies nothing")
    wait_for("an attestation that cannot be judged", 10, lambda: any(
        "attestation could not be judged" in line and "expired" in line
        for line in network.log("control").splitlines()))
    before = len(network.log("node-1"))
    os.kill(network.control_pid(), signal.SIGKILL)  # so that all agents come anew
    wait_for("nobody trusts anybody", 20, lambda: '"expired"' in network.log("node-1")[before:])
    network.wait_ready()
    push(network, issue(network))  # verified by what it brings
    require_equal(held(network)["state"], "valid", "collateral in use")
    network.wait_connected(seconds=70)  # a refused agent waits longer before it dials again
    require_equal(settled(network, "renewed")["verdict"], "pass", "a job after it")
    lease = network.leases("through")[0]["lease"]
    network.ee("stop", "through")
    require("fail" not in [p["verdict"] for p in network.periods(lease)], f"{network.periods(lease)}")


def every_decision_is_in_the_journal(network):
    """The journal verifies; admissions and checks name only sets that it recorded before"""
    arguments = network.control_run_arguments()
    folder = arguments[arguments.index("--state") + 1]
    genesis = arguments[arguments.index("--genesis") + 1]
    network.stop()
    words = [arguments[0], "journal", "verify", "--state", folder, "--genesis", genesis]
    done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), timeout=60)
    require_equal(done.returncode, 0, f"journal verify: {(done.stdout + done.stderr)[-600:]}")
    lines = subprocess.run([arguments[0], "journal", "export", "--state", folder], capture_output=True, check=True,
                           env=clean_environment(), timeout=60).stdout.splitlines()
    recorded, admissions, checks = set(), 0, 0
    for line in (json.loads(line) for line in lines):
        payload = base64.b64decode(line["payload"])
        if line["kind"] == "collateral":
            recorded.add(payload[1 + len("ee-collateral_taken") + 2 + 1 + 6 + 4:][:32])
        elif line["kind"] == "node_admit":
            admissions += 1
            require(payload[-13 - 32:-13] in recorded, f"admission by an unknown set, command {line['seq']}")
        elif line["kind"] == "checks" and line["result"] == "ok" and b"\0\0\0\1" in payload[-36:-32]:
            checks += 1
            require(payload[-32:] in recorded, f"checks by an unknown set, command {line['seq']}")
    require(len(recorded) >= 7 and admissions >= 12 and checks >= 5, f"{len(recorded)} {admissions} {checks}")


def a_development_network_renews_its_own(_):
    """ee dev pushes new collateral before the old runs out: with a month shortened to seconds, renewed in time
    all agents are there and jobs are paid"""
    network = Network("renewal")
    try:
        network.start("--collateral-valid", "6")
        first, ends = held(network)["hash"], time.time() + 6
        second = wait_for("a renewal", 8, lambda: (h := held(network)["hash"]) != first and h)
        if FULL:
            wait_for("another", 8, lambda: held(network)["hash"] not in (first, second))
        wait_for("the first has run out", 8, lambda: time.time() > ends)
        network.wait_connected()
        network.mint("dev", "$1")
        require_equal(settled(network, "renewed")["verdict"], "pass", "a job when the first set is long over")
        require("was not taken" not in network.log_path.read_text(), "a push failed")
    except Failed:
        print("#", network.tail(network.log_path), network.log("collateral"), flush=True)
        raise
    finally:
        network.close(keep=False)


if __name__ == "__main__":
    run_suite("collateral", [
        newer_collateral_is_used_at_once,
        the_same_again_changes_nothing,
        what_is_held_can_be_fetched_by_its_hash,
        older_collateral_is_refused_with_words,
        what_does_not_prove_is_refused,
        only_the_admin_key_may_push,
        killed_right_after_the_answer,
        several_platform_families_are_held,
        operators_are_warned_of_a_coming_set,
        collateral_that_runs_out,
        every_decision_is_in_the_journal,
        a_development_network_renews_its_own,
    ])
