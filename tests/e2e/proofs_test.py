#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proofs over the log, and what happens when yesterday's store is put back."""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from network import alive, clean_environment, program, require, require_equal, run_suite, wait_for

shared = {}


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_path(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2."""
    node, last, left = leaf, size - 1, list(path)
    while last:
        if index & 1 or index == last:
            node = node_hash(left.pop(0), node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, left.pop(0))
        index, last = index >> 1, last >> 1
    require(not left, "hashes are left over")
    return node


def note_of(network):
    text = network.api(None).get("/v1/checkpoint").body.decode()
    _, size, root = text.split("\n")[:3]
    return text, int(size), base64.b64decode(root)


def journal_boots(network):
    """The anchored byte of every BOOT, in order; the network must be stopped."""
    done = subprocess.run([program("ee-control"), "journal", "export", "--state", str(network.state / "control")],
                          capture_output=True, text=True, env=clean_environment(), timeout=60, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [base64.b64decode(row["payload"])[-1] for row in rows if row["kind"] in ("boot", "BOOT")]


def a_command_is_proven_to_be_under_a_signed_head(network):
    """GET /v1/log/inclusion: the path leads from the leaf to the root of the signed checkpoint, at older sizes too"""
    seq = int(network.mint("dev", "$20", "first")["seq"])
    network.mint("dev", "$1", "second")
    api = network.api(None)
    _, size, root = note_of(network)
    answer = api.get(f"/v1/log/inclusion?seq={seq}").json
    require(int(answer["size"]) >= size, "the newest checkpoint")
    for at in (seq, seq + 1, size):
        answer = api.get(f"/v1/log/inclusion?seq={seq}&size={at}").json
        path = [bytes.fromhex(h) for h in answer["proof"]]
        got = root_from_path(bytes.fromhex(answer["leaf"]), seq - 1, at, path)
        require_equal(got.hex(), answer["root"], f"root at {at}")
    require_equal(answer["root"], root.hex(), "the signed root")
    for query in (f"seq={seq}&size={seq - 1}", "seq=0", "seq=x", f"seq={seq}&size={size + 10**6}", ""):
        require_equal(api.get(f"/v1/log/inclusion?{query}").status, 400, query)


def one_head_is_proven_to_continue_another(network):
    """GET /v1/log/consistency: roots at both sizes, logarithmic proofs, nothing beyond the newest checkpoint"""
    api = network.api(None)
    _, size, root = note_of(network)
    for start in range(1, size, max(1, size // 20)):
        answer = api.get(f"/v1/log/consistency?from={start}&to={size}").json
        require_equal(answer["to_root"], root.hex(), "root")
        require(len(answer["proof"]) <= 2 * size.bit_length(), "length")
    require_equal(api.get(f"/v1/log/consistency?from={size}&to={size}").json["proof"], [], "equal sizes")
    for query in (f"from={size}&to={size - 1}", f"from=1&to={size + 10**6}", "to=3", "from=1&to=-1", "from=1&x=1"):
        require_equal(api.get(f"/v1/log/consistency?{query}").status, 400, query)


def a_restart_waits_for_the_agents_and_is_anchored(network):
    """A start writes BOOT anchored once its agents have shown their checkpoints; calls wait and are answered"""
    network.ee_json("network")
    os.kill(control_pid(network), signal.SIGKILL)
    started = time.monotonic()
    body, answers = {"to": "guest", "amount": "0.5", "memo": ""}, []
    while not answers or answers[-1] is None:  # parked, not refused, as soon as there is somebody
        try:
            answers.append(network.api("dev").post("/v1/transfers", body, key="after").status)
        except (OSError, http.client.HTTPException):
            answers.append(None)
            time.sleep(0.05)
        require(time.monotonic() < started + 20, "no answer")
    require_equal(answers[-1], 200, "the transfer")
    network.wait_ready()
    print(f"# back after {time.monotonic() - started:.2f} s", flush=True)
    network.wait_connected()


def control_pid(network):
    """Not 0, which would be ourselves."""
    return wait_for("there is a control plane", 10, network.control_pid)


def control_swap(network, journal):
    """The control plane killed and started again by its supervisor, on another journal."""
    supervisor = network.process.pid
    pid = control_pid(network)
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        wait_for("the control plane is gone", 5, lambda: not alive(pid))
        folder = network.state / "control"
        for path in folder.glob("journal.db*"):
            path.unlink()
        for path in journal.glob("journal.db*"):
            shutil.copy(path, folder)
    finally:
        os.kill(supervisor, signal.SIGCONT)


def journal_copy(network, name):
    copy = network.folder / name
    copy.mkdir()
    pid = control_pid(network)
    os.kill(pid, signal.SIGSTOP)
    try:
        for path in (network.state / "control").glob("journal.db*"):
            shutil.copy(path, copy)
    finally:
        os.kill(pid, signal.SIGCONT)
    return copy


def yesterdays_store_is_put_back(network):
    """The control plane learns it from its agents: /readyz says so, mutations are refused, reads go on"""
    shared["old"] = journal_copy(network, "yesterday")
    for i in range(3):
        network.mint("dev", "$1", f"today-{i}")
    shared["size"] = note_of(network)[1]
    time.sleep(1.5)  # agents hear of a newer checkpoint once a second
    shared["agents"] = network.pids()["agents"]
    shared["new"] = journal_copy(network, "today")
    control_swap(network, shared["old"])

    def reasons():
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = network.api(None).get("/readyz")
            return [r for r in answer.json["reasons"] if "lacks" in r]
    wait_for("/readyz says that the journal was put back", 20, reasons)
    answer = network.api("dev").post("/v1/transfers", {"to": "guest", "amount": "1", "memo": ""})
    require_equal((answer.status, answer.json["code"]), (422, "rolled_back"), "a mutation")
    require_equal(network.api("dev").get("/v1/credits").status, 200, "a read")
    require(note_of(network)[1] < shared["size"], "it shows an older head")


def agents_stop_and_keep_the_evidence(network):
    """Every agent ends with exit code 7 and keeps both signed heads"""
    wait_for("the agents have ended", 20, lambda: not [p for p in shared["agents"].values() if alive(p)])
    for node in shared["agents"]:
        wait_for(f"exit code of {node}", 5, lambda: f"ee dev: {node} ended (exit code 7)" in network.log_path.read_text())
        text = (network.state / "agents" / node / "equivocation").read_text()
        require(text.startswith("ee-equivocation-1\n") and "\nfirst " in text and "\nsecond " in text, text)


def clients_stop_and_keep_the_evidence(network):
    """ee ends with exit code 7 and names the file; an older head alone is no proof to others"""
    problem = network.ee_refused(7, "balance")
    require("rolled back" in problem["detail"], problem)
    file = next((network.folder / "client").glob("ee/checkpoints/*.equivocation"))
    require(str(file) in "".join(problem["suggestions"]), problem)
    require("older head" in "".join(network.ee_refused(7, "verify", "equivocation", file)["suggestions"]), "rollback")


def the_same_after_another_start(network):
    """The next start remembers what the agents had shown: still nothing is written"""
    control_swap(network, shared["old"])

    def back():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return network.api(None).get("/readyz").status == 503
    wait_for("it is back", 20, back)
    answer = network.api("dev").post("/v1/transfers", {"to": "guest", "amount": "1", "memo": ""})
    require_equal(answer.json["code"], "rolled_back", "a mutation")


def a_history_that_went_another_way_is_proven(network):
    """Agents and memory gone, the old journal goes on: ee keeps the proof, and it convinces others"""
    (network.state / "control" / "newer-checkpoint.note").unlink()
    control_swap(network, shared["old"])
    network.wait_ready(30)  # nobody came within the grace
    api = network.api("dev")
    while note_of(network)[1] <= shared["size"]:
        require_equal(api.post("/v1/transfers", {"to": "guest", "amount": "0.01", "memo": ""}).status, 200, "transfer")
    before = set((network.folder / "client").glob("ee/checkpoints/*.equivocation"))
    problem = network.ee_refused(7, "balance")
    require("does not continue" in problem["detail"], problem)
    file = (set((network.folder / "client").glob("ee/checkpoints/*.equivocation")) - before).pop()
    verdict = network.ee_json("verify", "equivocation", file)
    require_equal((verdict["equivocation"], verdict["kind"]), (True, "fork"), "verdict")
    lines = file.read_text().splitlines()
    lines[5] = lines[5][:-1] + ("0" if lines[5][-1] != "0" else "1")
    bad = pathlib.Path(network.folder / "bad.equivocation")
    bad.write_text("\n".join(lines) + "\n")
    network.ee_refused(7, "verify", "equivocation", bad)
    bad.write_text("\n".join(lines[:4]))
    network.ee_refused(7, "verify", "equivocation", bad)


def starts_say_whether_they_were_anchored(network):
    """BOOT: 0 for the first start, 1 after agents had shown their checkpoints, 0 when nobody came"""
    network.stop()
    boots = journal_boots(network)
    require_equal((boots[0], boots[1], boots[-1]), (0, 1, 0), f"anchored of {boots}")


if __name__ == "__main__":
    run_suite("proofs", [
        a_command_is_proven_to_be_under_a_signed_head,
        one_head_is_proven_to_continue_another,
        a_restart_waits_for_the_agents_and_is_anchored,
        yesterdays_store_is_put_back,
        agents_stop_and_keep_the_evidence,
        clients_stop_and_keep_the_evidence,
        the_same_after_another_start,
        a_history_that_went_another_way_is_proven,
        starts_say_whether_they_were_anchored,
    ])
