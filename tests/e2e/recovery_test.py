#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Receipts of transfers and locks, proofs of liabilities, another checkpoint key, and a planned restore."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

from network import alive, clean_environment, micros, program, require, require_equal, run_suite, wait_for
from proofs_test import control_pid, control_swap, journal_copy, note_of

shared = {}


def control(network, *words, code=0):
    """ee-control WORDS; gives its JSON, if it says something."""
    done = subprocess.run([program("ee-control"), *map(str, words)], capture_output=True, text=True,
                          env=clean_environment(), timeout=60)
    require_equal(done.returncode, code, f"ee-control {' '.join(map(str, words))}: {done.stderr.strip()[:300]}")
    return json.loads(done.stdout) if code == 0 and done.stdout.strip() else None


def genesis(network):
    return network.info.get("genesis") or network.profile("dev")["genesis"]


def genesis_path(network):
    path = pathlib.Path(genesis(network))
    return path if path.is_absolute() else pathlib.Path(network.info["profiles"]["dev"]).parent / path


def flipped(path, bad, at=-20):
    """The same file with one base64 digit of another value."""
    text = bytearray(path.read_bytes())
    text[at] = ord("A") if text[at] != ord("A") else ord("B")
    bad.write_bytes(bytes(text))
    return bad


def a_transfer_has_a_receipt_by_its_id(network):
    """ee receipt ID: of a transfer by the id its answer gave; verifies offline with every fact"""
    network.mint("dev", "$20", "first")
    answer = network.api("dev").post("/v1/transfers", {"to": "guest", "amount": "1.5", "memo": "rent"}, key="t-1").json
    file = network.folder / "transfer.json"
    network.ee_json("receipt", answer["id"], "-o", file)
    facts = network.ee_json("verify", "receipt", file, "--genesis", genesis_path(network), profile=None)
    details = facts["details"]
    require_equal((facts["kind"], details["from"], details["to"], details["memo"]), ("transfer", "dev", "guest", "rent"),
                  "facts")
    require_equal((micros(details["amount"]), micros(details["available_after"])),
                  (1500000, network.balance()[0]), "amounts")
    shared["receipt"] = file
    network.ee_refused(3, "receipt", answer["id"], profile="guest")  # the id counts for its sender only
    network.ee_refused(7, "verify", "receipt", flipped(file, network.folder / "bad.json"))
    network.ee_json("run", "--detach", "--name", "sleeper", "--", "/bin/sleep", "60")
    shared["lease"] = wait_for("it runs", 15, lambda: network.lease("sleeper"))["lease"]


def every_lock_has_a_receipt(network):
    """ee receipt LEASE:PERIOD: the first lock from the reservation, later ones from the TICK that took them"""
    lease = shared["lease"]
    wait_for("a second lock", 20, lambda: len(network.periods(lease)) >= 2)
    for period, kind in ((0, "lease_reserve"), (1, "tick")):
        file = network.folder / f"lock-{period}.json"
        network.ee_json("receipt", f"{lease}:{period}", "-o", file)
        facts = network.ee_json("verify", "receipt", file)
        require_equal(facts["kind"], kind, f"period {period}")
        details = facts["details"]
        lock = details if period == 0 else [k for k in details["locks"] if k["lease"] == lease][0]
        row = [p for p in network.periods(lease) if p["index"] == period][0]
        require_equal((lock["period"], lock["locked"]), (period, row["locked"]), "the lock")
    network.ee_refused(3, "receipt", f"{lease}:4000000000")
    network.ee("stop", "sleeper")


def every_account_proves_its_balance(network):
    """ee liabilities prove: the balance is in the total, the total in the log; offline, and not after a change"""
    summed = wait_for("what is owed was summed up", 15,
                      lambda: network.api("dev").get("/v1/liabilities/proof").status == 200)
    require(summed, "proof")
    file = network.folder / "owed.json"
    owed = network.ee_json("liabilities", "prove", "-o", file)
    again = network.ee_json("verify", "liabilities", file, "--genesis", genesis_path(network), profile=None)
    require_equal(again, owed, "offline")
    require_equal(again["account"], "dev", "account")
    require(int(again["accounts"]) >= 3, again)
    require_equal(again["total"], again["cash"], "all that was minted is owed to somebody")
    require_equal(network.ee_json("liabilities", "show")["root"], again["root"], "the same root")
    document = json.loads(file.read_text())
    bad = network.folder / "bad-owed.json"
    for change in ("amount", "index", "code", "salt", "sum", "account", "receipt"):
        lie = json.loads(json.dumps(document))
        proof = lie["proof"]
        if change == "sum":
            proof["path"][0]["sum"] = str(int(proof["path"][0]["sum"]) + 1)
        elif change == "salt":
            proof["salt"] = "00" * 32
        elif change == "code":
            proof["code"] = 210
        elif change == "account":
            lie["account"] = "guest"
        elif change == "receipt":
            lie["receipt"] = shared["receipt"].read_text()
        else:
            proof[change] = str(int(proof[change]) + 1)
        bad.write_text(json.dumps(lie))
        network.ee_refused(7, "verify", "liabilities", bad)


def key_of(network):
    return network.api(None).get("/v1/checkpoint-keys").json


def control_restart(network, between=None):
    supervisor, pid = network.process.pid, control_pid(network)
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        wait_for("the control plane is gone", 5, lambda: not alive(pid))
        if between:
            between()
    finally:
        os.kill(supervisor, signal.SIGCONT)
    network.wait_ready()


def another_key_signs(network):
    """checkpoint-key rotate: clients and agents follow the statement; receipts of both keys verify offline"""
    state = network.state / "control"
    network.ee_json("balance")
    keys = control(network, "checkpoint-key", "rotate", "--state", state)
    control_restart(network)
    shown = key_of(network)
    require_equal((shown["key"], len(shown["statements"])), (keys["new_key"], 1), "the new key")
    network.ee_json("balance")
    network.wait_connected()
    facts = network.ee_json("verify", "receipt", shared["receipt"])
    require_equal(facts["accepted_under"]["key_successions"], "0", "the old receipt")
    file = network.folder / "new-key.json"
    network.ee_json("receipt", network.mint("dev", "$1")["seq"], "-o", file)
    facts = network.ee_json("verify", "receipt", file, "--genesis", genesis_path(network), profile=None)
    require_equal(facts["accepted_under"]["key_successions"], "1", "the new receipt")


def a_lost_key_needs_the_founding_key(network):
    """Without the seed nothing starts; with the founding key's statement another key goes on"""
    state = network.state / "control"
    old = key_of(network)["key"]
    arguments = network.control_run_arguments()

    def lose():
        (state / "checkpoint.seed").unlink()
        control(network, "init", "--state", state)
        child = network.spawn(arguments, "lost-key")
        require_equal(child.wait(20), 7, "a start with a key that follows nothing")
        require("succession" in child.log.read_text() or "checkpoint key" in child.log.read_text(), "the reason")
        request = network.folder / "key-request.json"
        request.write_text(json.dumps(control(network, "checkpoint-key", "request", "--state", state, "--old", old,
                                              "--number", "2")))
        signed = network.folder / "succession"
        network.ee_json("checkpoint-key", "sign", request, "-o", signed, profile="founding")
        control(network, "checkpoint-key", "apply", "--state", state, "--genesis", genesis_path(network),
                "--succession", flipped(signed, network.folder / "bad-succession"), code=7)
        control(network, "checkpoint-key", "apply", "--state", state, "--genesis", genesis_path(network),
                "--succession", signed)
    control_restart(network, lose)
    require_equal(len(key_of(network)["statements"]), 2, "statements")
    network.ee_json("balance")
    network.wait_connected()
    network.ee_json("verify", "receipt", shared["receipt"])


def yesterdays_store_is_put_back_on_purpose(network):
    """A restore: everything is refused until the founding key has signed which head was lost"""
    state = network.state / "control"
    shared["old"] = journal_copy(network, "yesterday")
    for i in range(3):
        network.mint("dev", "$1", f"today-{i}")
    shared["size"] = note_of(network)[1]
    time.sleep(1.5)  # agents hear of a newer checkpoint once a second
    shared["agents"] = network.pids()["agents"]
    shared["words"] = {node: network.agent_run_arguments(node) for node in shared["agents"]}
    control_swap(network, shared["old"])

    def refuses():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return network.api(None).get("/v1/recovery").json["rolled_back"]
    wait_for("it knows that it was put back", 20, refuses)
    wait_for("the agents have ended", 20, lambda: not [p for p in shared["agents"].values() if alive(p)])
    network.ee_refused(7, "balance")
    network.ee_refused(7, "network", "accept-recovery", "--fetch")  # there is none yet
    request = network.folder / "request.json"
    request.write_text(json.dumps(control(network, "recovery", "request", "--state", state)))
    require(int(json.loads(request.read_text())["lost_size"]) >= shared["size"], "the head that was lost")
    signed = shared["recovery"] = network.folder / "recovery"
    network.ee_refused(7, "recovery", "sign", request, "--reason", "drill", "-o", signed, "--key",
                       network.state / "issuer.key")
    network.ee_json("recovery", "sign", request, "--reason", "drill", "-o", signed, profile="founding")
    bad = network.folder / "bad-recovery"
    control(network, "recovery", "apply", "--state", state, "--genesis", genesis_path(network), "--recovery",
            flipped(signed, bad), code=7)
    (state / "recovery").write_bytes(bad.read_bytes())  # past the tool: the control plane looks too
    os.kill(control_pid(network), signal.SIGHUP)
    time.sleep(0.3)
    require(refuses(), "a changed statement opens nothing")
    control(network, "recovery", "apply", "--state", state, "--genesis", genesis_path(network), "--recovery", signed)
    os.kill(control_pid(network), signal.SIGHUP)

    def writes():
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = {"to": "guest", "amount": "0.5", "memo": ""}
            return network.api("dev").post("/v1/transfers", body).status == 200
    wait_for("it writes again", 20, writes)
    require_equal(len(network.api(None).get("/v1/recovery").json["statements"]), 1, "published")


def clients_accept_it_and_keep_both_heads(network):
    """ee still stops; accept-recovery goes on, keeps the old head, and takes no statement twice or changed"""
    problem = network.ee_refused(7, "balance")
    require("accept-recovery" in "".join(problem["suggestions"]), problem)
    network.ee_refused(7, "network", "accept-recovery", flipped(shared["recovery"], network.folder / "bad-recovery"))
    accepted = network.ee_json("network", "accept-recovery", "--fetch")
    require_equal(accepted["reason"], "drill", "the statement")
    kept = json.loads(pathlib.Path(accepted["kept"]).read_text())
    require(int(kept["size"]) >= shared["size"] and kept["note"].startswith("easyenclave/"), "the head seen before")
    network.ee_json("balance")
    problem = network.ee_refused(7, "network", "accept-recovery", shared["recovery"])
    require_equal(problem["error"], "recovery_old", "again")
    network.ee_json("verify", "receipt", shared["receipt"])


def agents_accept_it_when_told(network):
    """An agent with --accept-recovery connects; without it ends with exit code 7"""
    nodes = sorted(shared["agents"])
    words = shared["words"]
    told = network.spawn(words[nodes[0]] + ["--accept-recovery", str(shared["recovery"])], "agent-told")
    lied = network.spawn(words[nodes[1]] + ["--accept-recovery",
                                            str(flipped(shared["recovery"], network.folder / "bad-recovery"))], "agent-lied")
    require_equal(lied.wait(20), 7, "an agent that was told a changed statement")
    stubborn = network.spawn(words[nodes[1]], "agent-stubborn")
    network.wait_connected((nodes[0],))
    require_equal(stubborn.wait(20), 7, "an agent that was not told")
    require(list((network.state / "agents" / nodes[0]).glob("checkpoint-lost-*")), "both heads are kept")
    require(told.poll() is None, "the agent that was told runs")
    network.end(told)
    again = network.spawn(words[nodes[0]], "agent-again")  # it needs to be told once
    wait_for("it is back", 20, lambda: alive(again.pid) and "admitted" in again.log.read_text())
    network.end(again)


def an_old_statement_does_not_work_twice(network):
    """The same restore replayed by whoever holds the disk: clients that saw the epoch refuse it"""
    state = network.state / "control"
    network.mint("dev", "$1", "after")
    control(network, "recovery", "apply", "--state", state, "--genesis", genesis_path(network), "--recovery",
            shared["recovery"])
    control_swap(network, shared["old"])
    network.wait_ready()
    network.ee_refused(7, "balance")
    require_equal(network.ee_refused(7, "network", "accept-recovery", shared["recovery"])["error"], "recovery_old", "replay")


def the_journal_verifies_with_all_of_it(network):
    """journal replay recomputes recoveries and the roots of what is owed"""
    network.stop()
    report = control(network, "journal", "replay", "--state", network.state / "control", "--json")
    require(report["ok"], report)
    done = subprocess.run([program("ee-control"), "journal", "export", "--state", str(network.state / "control")],
                          capture_output=True, text=True, env=clean_environment(), timeout=60, check=True)
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    require({"checkpoint_key", "liabilities"} <= set(kinds), sorted(set(kinds)))


if __name__ == "__main__":
    run_suite("recovery", [
        a_transfer_has_a_receipt_by_its_id,
        every_account_proves_its_balance,
        another_key_signs,
        a_lost_key_needs_the_founding_key,
        every_lock_has_a_receipt,
        yesterdays_store_is_put_back_on_purpose,
        clients_accept_it_and_keep_both_heads,
        agents_accept_it_when_told,
        an_old_statement_does_not_work_twice,
        the_journal_verifies_with_all_of_it,
    ])
