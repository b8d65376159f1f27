#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random scripts for `ee simulate` against a short independent model of locks, verdicts, balances, card payments, holds
and limits. Every second seed has the limits on.

usage: simulate_test.py EE [SEEDS [FIRST]]     prints TAP; a failing seed is printed with its script
"""
import json
import os
import random
import subprocess
import sys

PERIOD, LEAD, HEALTH_SLOT, ATTESTATION_SLOT = 10, 2, 1, 4
SEEDS_FULL = 10_000
USERS, STEPS = ["ann", "ben", "cat"], 40
HOLD, HOLD_STEP, LEAST, DAY = 35, 5, 100, 20_000  # of seeds with limits; all of a script is within one day
NODES = {"n1": ("op-a", 10_000_000, 4), "n2": ("op-b", 333_333_333, 8)}


def price_of(nanos, vcpus, seconds):
    return -(-nanos * vcpus * seconds // 3_600_000)


class Lease:
    def __init__(self, label, user, node, vcpus, begins):
        self.label, self.user, self.node, self.vcpus = label, user, node, vcpus
        self.begins, self.ends = begins, begins + PERIOD
        self.lock = price_of(NODES[node][1], vcpus, PERIOD)
        self.ahead = self.tried = self.reported = False
        self.live = True
        self.told = {}

    def next_event(self):
        return self.ends if self.ahead or self.tried else self.ends - LEAD


class Model:
    def __init__(self, hold, least, day):
        self.hold, self.least, self.day = hold, least, day
        self.now = 0
        self.free = dict.fromkeys(USERS + ["op-a", "op-b"], 0)
        self.locked = dict.fromkeys(self.free, 0)
        self.redeeming, self.owed, self.sent = dict(self.free), dict(self.free), dict(self.free)
        self.lots = {name: [] for name in self.free}  # [until, amount], earliest first
        self.minted = self.redeemed = 0
        self.leases = []
        self.spans = []

    def take(self, lease):
        if self.free[lease.user] < lease.lock:
            return False
        self.free[lease.user] -= lease.lock
        self.locked[lease.user] += lease.lock
        return True

    def held(self, name):
        fresh = sum(amount for until, amount in self.lots[name] if until > self.now)
        return max(0, fresh - (self.locked[name] - self.redeeming[name]))

    def gone(self, name, amount, own=None):
        """Credits have left for good: those of the lot `own` first, then the earliest."""
        lots = self.lots[name] = [lot for lot in self.lots[name] if lot[0] > self.now]
        for lot in [lot for lot in lots if lot[0] == own] + lots:
            taken = min(amount, lot[1])
            lot[1] -= taken
            amount -= taken
        self.lots[name] = [lot for lot in lots if lot[1]]

    def credit(self, name, amount, until=None):
        repaid = min(amount, self.owed[name])
        self.owed[name] -= repaid
        self.free[name] += amount - repaid
        if until is not None and until > self.now and amount > repaid:
            self.lots[name] = sorted(self.lots[name] + [[until, amount - repaid]])

    def charge_back(self, name, amount, until):
        own = min(amount, self.free[name])
        self.free[name] -= own
        self.owed[name] += amount - own
        self.gone(name, own, until)

    def leave(self, name, amount):
        """Why this amount may not leave the account; "ok"."""
        if self.owed[name]:
            return "debt"
        if amount > self.free[name]:
            return "insufficient_credits"
        return "credits_held" if amount > self.free[name] - self.held(name) else "ok"

    def transfer(self, name, amount):
        if amount < self.least:
            return "transfer_minimum"
        result = self.leave(name, amount)
        return "transfer_day" if result == "ok" and self.sent[name] + amount > self.day else result

    def back(self, lease, paid=0):
        self.locked[lease.user] -= lease.lock
        self.free[lease.user] += lease.lock - paid
        self.gone(lease.user, paid)
        self.free[NODES[lease.node][0]] += paid

    def check_ok(self, moment):
        return any(ok and begin <= moment < end for begin, end, ok in self.spans)

    def settle(self, period):
        lease, begins, ends, told, reported = period
        outcomes = {"health": [], "attestation": []}
        for kind, slot in (("health", HEALTH_SLOT), ("attestation", ATTESTATION_SLOT)):
            for i in range(max(1, -(-(ends - begins) // slot))):
                outcomes[kind].append(told.get((kind, i)) or
                                      ("ok" if self.check_ok(begins + i * slot) else "missed"))
        every = outcomes["health"] + outcomes["attestation"]
        good = ("missed" not in every and "ok" in outcomes["health"] and "ok" in outcomes["attestation"]
                and not reported)
        used = price_of(NODES[lease.node][1], lease.vcpus, ends - begins)
        self.back(lease, min(used, lease.lock) if good else 0)

    def close(self, lease):
        """The period that runs becomes due now."""
        period = (lease, lease.begins, self.now, lease.told, lease.reported)
        lease.begins, lease.ends, lease.told, lease.reported = self.now, self.now + PERIOD, {}, False
        return period

    def end(self, lease):
        lease.live = False
        if lease.ahead:
            self.back(lease)
        self.settle(self.close(lease))

    def step(self, lease, due):
        if not lease.ahead and not lease.tried:
            lease.ahead = self.take(lease)
            lease.tried = not lease.ahead
        elif not lease.ahead and not self.take(lease):
            lease.live = False
            due.append(self.close(lease))
        else:
            due.append(self.close(lease))
            lease.ahead = lease.tried = False

    def advance(self, to, ok):
        while True:
            live = [lease for lease in self.leases if lease.live]
            when = min([lease.next_event() for lease in live], default=to + 1)
            if when > to:
                break
            self.spans.append((self.now, when, ok))
            self.now = when
            due = []
            for lease in live:
                if lease.next_event() == when:
                    self.step(lease, due)
            for period in due:
                self.settle(period)
        self.spans.append((self.now, to, ok))
        self.now = to

    def fits(self, user, node, vcpus):
        on_it = [lease for lease in self.leases if lease.live and lease.node == node]
        return (all(lease.user == user for lease in on_it) and
                sum(lease.vcpus for lease in on_it) + vcpus <= NODES[node][2])

    def balances(self):
        return {name: (self.free[name], self.locked[name], self.held(name), self.owed[name]) for name in self.free}


class Script:
    """Draws lines, says what the model expects of each."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        limits = seed % 2 == 0
        self.model = Model(HOLD, LEAST, DAY) if limits else Model(0, 1, float("inf"))
        self.lines, self.expected, self.payments = [], [], []
        self.add({"do": "genesis", "hold": HOLD, "transfer_minimum": str(LEAST), "transfer_day": DAY} if limits else
                 {"do": "genesis", "hold": 0}, "ok")
        for user in USERS:
            self.add({"do": "account", "name": user}, "ok")
        for node, (operator, nanos, vcpus) in NODES.items():
            self.add({"do": "operator", "name": operator}, "ok")
            self.add({"do": "node", "name": node, "operator": operator, "price": str(nanos), "vcpus": vcpus}, "ok")
        for _ in range(STEPS):
            getattr(self, self.random.choice(["mint", "payment", "dispute", "transfer", "transfer", "redeem", "lease", "lease", "stop", "report",
                                              "slot", "advance", "advance", "advance"]))()
            self.show()

    def add(self, line, expected):
        self.lines.append(line)
        self.expected.append(expected)

    def show(self):
        self.add({"do": "show"}, ("balances", self.model.balances(), self.model.minted, self.model.redeemed))

    def mint(self):
        user, amount = self.random.choice(USERS), self.random.choice([1, 28, 5000, 100_000])
        self.model.credit(user, amount)
        self.model.minted += amount
        self.add({"do": "mint", "account": user, "amount": str(amount)}, "ok")

    def payment(self):
        """An order and its payment, which may be told twice."""
        user, amount, name = self.random.choice(USERS), self.random.choice([1, 2, 7]) * 10_000, "pi_%d" % len(self.lines)
        until = -(-(self.model.now + self.model.hold) // HOLD_STEP) * HOLD_STEP if self.model.hold else 0
        self.add({"do": "topup", "account": user, "order": name, "amount": str(amount)}, "ok")
        for _ in range(self.random.choice([1, 1, 2])):
            self.add({"do": "payment", "payment": name, "order": name, "amount": str(amount)}, "ok")
        self.model.credit(user, amount, until)
        self.model.minted += amount
        self.payments.append([name, user, amount, until, 0])

    def dispute(self):
        """A payment is disputed, and perhaps the dispute is won later."""
        if not self.payments:
            return
        payment = self.random.choice(self.payments)
        name, user, amount, until, state = payment
        if state == 2:
            return
        if state == 0:
            self.model.charge_back(user, amount, until)
        else:
            self.model.credit(user, amount, until)
        payment[4] += 1
        self.add({"do": "payment", "payment": name, "amount": str(amount),
                  "says": "dispute_won" if state else "disputed"}, "ok")

    def transfer(self):
        source, target = self.random.sample(sorted(self.model.free), 2)
        amount = self.random.randint(1, 3000)
        result = self.model.transfer(source, amount)
        if result == "ok":
            self.model.free[source] -= amount
            self.model.free[target] += amount
            self.model.sent[source] += amount
        self.add({"do": "transfer", "from": source, "to": target, "amount": str(amount)}, result)

    def redeem(self):
        name, amount = self.random.choice(sorted(self.model.free)), self.random.randint(1, 500)
        outcome = self.random.choice(["confirm", "refuse", "pending"])
        result = self.model.leave(name, amount)
        enough = result == "ok"
        if enough and outcome != "refuse":
            self.model.free[name] -= amount
        if enough and outcome == "pending":
            self.model.locked[name] += amount
            self.model.redeeming[name] += amount
        if enough and outcome == "confirm":
            self.model.redeemed += amount
        self.add({"do": "redeem", "account": name, "amount": str(amount), "outcome": outcome}, result)

    def lease(self):
        user, node = self.random.choice(USERS), self.random.choice(sorted(NODES))
        lease = Lease("L%d" % len(self.lines), user, node, self.random.randint(1, 4), self.model.now)
        expected = "ok"
        if not self.model.fits(user, node, lease.vcpus):
            expected = "no_eligible_node"
        elif not self.model.take(lease):
            expected = "insufficient_credits"
        else:
            self.model.leases.append(lease)
        self.add({"do": "lease", "lease": lease.label, "account": user, "node": node, "vcpus": lease.vcpus}, expected)

    def live(self):
        leases = [lease for lease in self.model.leases if lease.live]
        return self.random.choice(leases) if leases else None

    def stop(self):
        lease = self.live()
        if lease:
            self.model.end(lease)
            self.add({"do": "stop", "lease": lease.label}, "ok")

    def report(self):
        lease = self.live()
        if lease:
            lease.reported = True
            self.model.end(lease)
            self.add({"do": "report", "lease": lease.label}, "ok")

    def slot(self):
        lease = self.live()
        if not lease:
            return
        kind, outcome = self.random.choice(["health", "attestation"]), self.random.choice(["ok", "missed", "void"])
        index = (self.model.now - lease.begins) // (HEALTH_SLOT if kind == "health" else ATTESTATION_SLOT)
        refused = lease.told.get((kind, index)) == "missed" and outcome != "missed"
        if not refused:
            lease.told[(kind, index)] = outcome
        self.add({"do": "slot", "lease": lease.label, "kind": kind, "outcome": outcome},
                 "checks_invalid" if refused else "ok")

    def advance(self):
        to, ok = self.model.now + self.random.choice([0, 1, 3, 8, 10, 25]), self.random.random() < 0.8
        self.model.advance(to, ok)
        self.add({"do": "advance", "to": to, "checks": "ok" if ok else "none"}, "ok")


def differs(expected, answer):
    if isinstance(expected, str):
        return answer["result"] != expected
    _, balances, minted, redeemed = expected
    found = {name: (int(b["available"]), int(b["locked"]), int(b.get("fresh", 0)), int(b.get("owed", 0)))
             for name, b in answer["balances"].items()}
    return found != balances or (int(answer["minted"]), int(answer["redeemed"])) != (minted, redeemed)


def run(ee, seed):
    """None, or the first line that differs."""
    script = Script(seed)
    script.add({"do": "show", "what": "state"}, "ok")
    text = "".join(json.dumps(line) + "\n" for line in script.lines)
    output = subprocess.run([ee, "simulate"], input=text, capture_output=True, text=True, check=True, timeout=60).stdout
    answers = [json.loads(line) for line in output.splitlines()]
    if len(answers) != len(script.lines):
        return "%d answers for %d lines" % (len(answers), len(script.lines))
    for i, (line, expected, answer) in enumerate(zip(script.lines, script.expected, answers)):
        if differs(expected, answer):
            return "line %d %s: expected %s, got %s" % (i + 1, json.dumps(line), expected, json.dumps(answer))
    return None if answers[-1]["invariants"] == "hold" else answers[-1]["invariants"]


def main():
    ee, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS_FULL if os.environ.get("EE_TEST_FULL") else 200
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    print("TAP version 14\n1..1\n# seeds %d to %d" % (first, first + seeds - 1))
    for seed in range(first, first + seeds):
        found = run(ee, seed)
        if found:
            print("# seed %d: %s\nnot ok 1 - random scripts agree with the model" % (seed, found))
            return 1
    print("ok 1 - random scripts agree with the model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
