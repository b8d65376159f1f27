#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The control plane is killed with SIGKILL at random moments while clients move credits.

EE_TEST_SEED repeats a run's moments; EE_TEST_FULL=1 kills 200 times instead of 8.
"""
import contextlib
import http.client
import json
import os
import random
import secrets
import signal
import ssl
import subprocess
import threading
import time

from network import FULL, clean_environment, free_port, require, require_equal, run_suite, wait_for

KILLS = 200 if FULL else 8
CLIENTS = 4
UP_AT_LEAST_S, UP_AT_MOST_S = 0.05, 1.2
BACK_S = 30  # until a killed control plane takes transfers again
SEED = int(os.environ.get("EE_TEST_SEED") or secrets.randbits(32))

MINTED = 100_000  # dollars: 200 kills leave time for some 100,000 transfers of growing size


class Client(threading.Thread):
    """Sends transfers one after another; the same key again until it is answered. Amounts are all different, so that
    a lost or doubled one shows in the sum."""

    def __init__(self, network, number, stop):
        super().__init__(daemon=True)
        self.network, self.number, self.stop_event = network, number, stop
        self.token = network.token("dev")
        self.answers = {}  # key -> (amount, answer, number of tries)
        self.tries, self.trouble, self.connection = 0, [], None

    def connect(self):
        host, port = self.network.address("api")
        self.connection = http.client.HTTPSConnection(host, port, timeout=10, context=self.network.tls())

    def send(self, body, key):
        """Status and document; None when the connection broke or the server says: try again."""
        try:
            if self.connection is None:
                self.connect()
            self.connection.request("POST", "/v1/transfers", body=json.dumps(body).encode(), headers={
                "Authorization": f"Bearer {self.token}", "Idempotency-Key": key, "Content-Type": "application/json"})
            answer = self.connection.getresponse()
            document = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ssl.SSLError, ValueError):
            with contextlib.suppress(Exception):
                self.connection.close()
            self.connection = None
            return None
        return None if answer.status in (429, 503) else (answer.status, document)

    def run(self):
        count = 0
        while not self.stop_event.is_set():
            count += 1
            amount = self.number * 1_000_000 // 1000 + count  # micro-dollars
            body = {"to": "guest", "amount": f"0.{amount:06d}", "memo": f"c{self.number}-{count}"}
            key, tries = f"crash-{self.number}-{count}", 0
            while True:
                tries += 1
                self.tries += 1
                answer = self.send(body, key)
                if answer:
                    break
                time.sleep(0.02)
            if answer[0] not in (200, 201):
                self.trouble.append((key, answer))
                return
            self.answers[key] = (amount, body, answer[1], tries)


state = {}


def kill_at_random_moments(network):
    """SIGKILL of the control plane under load, again and again: each time it comes back and takes transfers"""
    print(f"# seed {SEED}, {KILLS} kills, {CLIENTS} clients (EE_TEST_SEED repeats it)", flush=True)
    rng, stop = random.Random(SEED), threading.Event()
    network.mint("dev", f"${MINTED}", "crash")
    network.deploy("sleeper", free_port(), "/bin/sleep", "10000")
    state["lease"] = network.lease("sleeper")["lease"]
    state["before"] = network.balance()[0], network.balance("guest")[0]
    clients = [Client(network, number, stop) for number in range(1, CLIENTS + 1)]
    for client in clients:
        client.start()
    slowest = 0.0
    try:
        for number in range(KILLS):
            pid = wait_for("a control plane to kill", BACK_S, network.control_pid)
            done = sum(len(c.answers) for c in clients)
            wait_for(f"transfers flow again before kill {number + 1}", BACK_S,
                     lambda: sum(len(c.answers) for c in clients) > done or any(c.trouble for c in clients), 0.01)
            require(not any(c.trouble for c in clients), f"refused: {[c.trouble for c in clients if c.trouble][:1]}")
            time.sleep(rng.uniform(UP_AT_LEAST_S, UP_AT_MOST_S))
            require_equal(network.control_pid(), pid, "it restarted by itself")
            killed = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            wait_for("it is back", BACK_S, lambda: network.control_pid() not in (0, pid), 0.01)
            slowest = max(slowest, time.monotonic() - killed)
        network.wait_ready()
    finally:
        stop.set()
        for client in clients:
            client.join(BACK_S)
    state["clients"] = clients
    require(not any(c.is_alive() for c in clients), "a client never got an answer")
    require(not any(c.trouble for c in clients), f"refused: {[c.trouble for c in clients if c.trouble][:1]}")
    total = sum(len(c.answers) for c in clients)
    print(f"# {total} transfers acknowledged in {sum(c.tries for c in clients)} tries; slowest restart {slowest:.2f} s",
          flush=True)


def acknowledged(network):
    require(state.get("clients"), "the kills did not come to their end")
    return {key: row for client in state["clients"] for key, row in client.answers.items()}


def nothing_is_missing_and_nothing_is_doubled(network):
    """Every acknowledged transfer moved its amount exactly once, to the micro-dollar"""
    expected = sum(row[0] for row in acknowledged(network).values())
    after = network.balance()[0], network.balance("guest")[0]
    require_equal(after[1] - state["before"][1], expected, "guest received")


def the_book_balances_and_our_outages_failed_nobody(network):
    """All accounts sum to what was minted; the app ran on through all crashes; no period of it failed"""
    acknowledged(network)
    total = sum(sum(network.balance(profile)) for profile in ("dev", "guest", "operator-a", "operator-b"))
    require_equal(total, MINTED * 10**6, "sum over all accounts")
    lease = network.lease("sleeper")
    require(lease and lease["state"] == "running", f"the app: {lease}")
    rows = [(p["index"], p["state"], p["verdict"], p["reason"]) for p in network.periods(state["lease"])]
    print(f"# periods of the app: {len(rows)}, verdicts {sorted({str(r[2]) for r in rows})}", flush=True)
    require(not [r for r in rows if r[2] == "fail"], f"periods: {rows}")
    require_equal(lease["lease"], state["lease"], "it never moved")


def each_answer_has_its_own_sequence_number(network):
    """No two transfers share a place in the journal"""
    numbers = [row[2]["seq"] for row in acknowledged(network).values()]
    require_equal(len(set(numbers)), len(numbers), "different sequence numbers")


def old_keys_still_answer_the_same(network):
    """A key sent again after all the crashes gets the answer of its first time, and moves nothing"""
    rows, before, api = acknowledged(network), network.balance("guest")[0], network.api()
    retried = [key for key, row in rows.items() if row[3] > 1]
    for key in (retried + list(rows))[:40]:
        answer = api.post("/v1/transfers", rows[key][1], key=key)
        require(answer.status in (200, 201), f"{key}: {answer}")
        require_equal(answer.json, rows[key][2], f"answer to {key}")
    print(f"# {len(retried)} transfers had been sent more than once", flush=True)
    require_equal(network.balance("guest")[0], before, "what the guest has")  # dev pays its app meanwhile


def the_journal_verifies(network):
    """With everything stopped `ee-control journal verify` replays the journal: hash chain, results, invariants"""
    state["arguments"] = arguments = network.control_run_arguments()
    folder = arguments[arguments.index("--state") + 1]
    network.stop()
    words = [arguments[0], "journal", "verify", "--state", folder]
    for name in ("--genesis", "--sim-platform"):
        if name in arguments and name in state.get("verify_options", ("--genesis",)):
            words += [name, arguments[arguments.index(name) + 1]]
    done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), timeout=60)
    require_equal(done.returncode, 0, f"{' '.join(words[1:3])}: {(done.stdout + done.stderr)[-600:]}")


def killed_while_snapshots_are_written(network):
    """Snapshots were taken all the time; each kept one is the state that replay of the whole journal gives"""
    require(state.get("arguments"), "the network was not stopped")
    arguments = state["arguments"]
    folder = arguments[arguments.index("--state") + 1]
    words = [arguments[0], "journal", "replay", "--state", folder, "--snapshots", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, env=clean_environment(), timeout=60)
    require_equal(done.returncode, 0, f"{' '.join(words[1:3])}: {(done.stdout + done.stderr)[-600:]}")
    require(json.loads(done.stdout)["snapshots"] >= 1, f"no snapshot: {done.stdout}")
    halves = [name for name in os.listdir(os.path.join(folder, "snapshots")) if name.endswith(".partial")]
    require(not halves, f"left over: {halves}")


if __name__ == "__main__":
    run_suite("crash", [
        kill_at_random_moments,
        nothing_is_missing_and_nothing_is_doubled,
        the_book_balances_and_our_outages_failed_nobody,
        each_answer_has_its_own_sequence_number,
        old_keys_still_answer_the_same,
        the_journal_verifies,
        killed_while_snapshots_are_written,
    ])
