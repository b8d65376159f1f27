#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ee ledger apply`: the lines of docs/spec/ledger.md, restarts and SIGKILL, against the program as it ships.

EE_TEST_SEED repeats a run's moments; EE_TEST_FULL=1 kills 200 times instead of 20.
"""
import contextlib
import json
import os
import pathlib
import random
import secrets
import signal
import sqlite3
import subprocess
import threading
import time

from network import BUILD, FULL, clean_environment, require, require_equal, run_cases

EE = str(BUILD / "cmd/ee/ee")
KILLS = 200 if FULL else 20
SEED = int(os.environ.get("EE_TEST_SEED") or secrets.randbits(32))
ID_MAX = 2 ** 128 - 1
AMOUNT_MAX = 2 ** 64 - 1


def command(store, *more):
    return [EE, "ledger", "apply", "--store", str(store), *more]


def apply(store, lines, *more, expected_code=0):
    """The answers to lines (objects or raw text) given at once."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run(command(store, *more), input=text, capture_output=True, text=True, timeout=60,
                          env=clean_environment())
    require_equal(done.returncode, expected_code, f"exit code ({done.stderr.strip()})")
    return [json.loads(line) for line in done.stdout.splitlines()] if expected_code == 0 else done.stderr


def accounts(*ids, flags=()):
    return {"accounts": [{"id": str(i), "flags": list(flags)} for i in ids]}


def transfer(number, debit, credit, amount, flags=(), **more):
    return {"id": str(number), "debit": str(debit), "credit": str(credit), "amount": str(amount), "flags": list(flags),
            **more}


def resolve(number, pending, flag, amount=0):
    return {"id": str(number), "pending_id": str(pending), "flags": [flag], "amount": str(amount)}


def transfers(*events):
    return {"transfers": list(events)}


def results(*names):
    return {"results": list(names)}


def counters(answer, account):
    row = answer["balances"][str(account)]
    return tuple(int(row[name]) for name in ("debits_pending", "debits_posted", "credits_pending", "credits_posted"))


class Session:
    """The program with its input held open, as a person would use it."""

    def __init__(self, store, *more):
        self.process = subprocess.Popen(command(store, *more), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        bufsize=1, env=clean_environment())

    def ask(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


# ---- the contract, line by line ----

def examples_of_the_contract(folder):
    """Accounts, a pending transfer, its balances; missing ledger and code are 1, unknown accounts are left out"""
    got = apply(folder / "book", [
        {"accounts": [{"id": "1", "ledger": 1, "code": 1, "flags": ["debits_must_not_exceed_credits"]}]},
        accounts(2),
        {"transfers": [{"id": "7", "debit": "2", "credit": "1", "amount": "100", "ledger": 1, "code": 1, "flags": [],
                        "pending_id": "0", "timeout": 0}]},
        {"transfers": [{"id": "1", "debit": "1", "credit": "2", "amount": "100", "ledger": 1, "code": 1,
                        "flags": ["pending"], "pending_id": "0", "timeout": 0}]},
        {"balances": ["1", "2", "3"]},
        {"accounts": [{"id": "1", "flags": ["debits_must_not_exceed_credits"]}, {"id": "3", "ledger": 2, "code": 5}]},
    ])
    require_equal(got[:4], [results("created")] * 4, "results")
    require_equal(got[4], {"balances": {
        "1": {"debits_pending": "100", "debits_posted": "0", "credits_pending": "0", "credits_posted": "100"},
        "2": {"debits_pending": "0", "debits_posted": "100", "credits_pending": "100", "credits_posted": "0"}}},
        "balances")
    require_equal(got[5], results("exists", "created"), "the same account again")


def two_phases_and_time(folder):
    """post (part, all, nothing), void, timeouts by tick, each resolved once"""
    pending = ("pending",)
    got = apply(folder / "book", [
        accounts(1, 2),
        transfers(*[transfer(i, 1, 2, 100, pending) for i in range(1, 5)], transfer(5, 1, 2, 100, pending, timeout=3)),
        transfers(resolve(11, 1, "post", 40), resolve(12, 2, "post", AMOUNT_MAX), resolve(13, 3, "post", 0),
                  resolve(14, 4, "void")),
        {"balances": ["2"]},
        {"tick": 2}, {"balances": ["2"]},
        {"tick": 1}, {"balances": ["2"]},
        transfers(resolve(21, 1, "post", 1), resolve(22, 4, "void"), resolve(23, 5, "post", 1),
                  resolve(24, 99, "void"), resolve(24, 99, "void")),
    ])
    require_equal(got[2], results(*["created"] * 4), "resolutions")
    require_equal(counters(got[3], 2), (0, 0, 100, 140), "posted in part, whole, not at all; voided")
    require(all("error" not in got[i] for i in (4, 6)), "ticks are answered")
    require_equal(counters(got[5], 2), (0, 0, 100, 140), "after two of three seconds")
    require_equal(counters(got[7], 2), (0, 0, 0, 140), "after three seconds")
    require_equal(got[8], results("pending_transfer_already_posted", "pending_transfer_already_voided",
                                  "pending_transfer_expired", "pending_transfer_not_found", "id_already_failed"), "late")


def chains_limits_and_refusals(folder):
    """A chain is booked whole or not at all; refusals by balance are remembered; flags nobody knows are reserved"""
    got = apply(folder / "book", [
        accounts(1), accounts(2, 3, flags=("debits_must_not_exceed_credits",)), accounts(4, flags=("closed",)),
        transfers(transfer(1, 1, 2, 50, ("linked",)), transfer(2, 2, 3, 60, ("linked",)), transfer(3, 1, 2, 1)),
        transfers(transfer(1, 1, 2, 50), transfer(2, 1, 3, 60), transfer(3, 2, 3, 999, ("balancing_debit",))),
        transfers(transfer(4, 1, 2, 1, ("imported",)), transfer(5, 1, 2, 1, ("nonsense",)), transfer(6, 4, 1, 1),
                  transfer(7, 1, 2, 1, ("linked",))),
        {"balances": ["2", "3"]},
    ])
    require_equal(got[3], results("linked_event_failed", "exceeds_credits", "linked_event_failed"), "a chain")
    require_equal(got[4], results("created", "id_already_failed", "created"), "after it")
    require_equal(got[5], results("reserved_flag", "reserved_flag", "debit_account_already_closed",
                                  "linked_event_chain_open"), "refusals")
    require_equal([counters(got[6], 2)[1], counters(got[6], 3)[3]], [50, 50], "balancing moved what was there")


def largest_ids_and_amounts(folder):
    """Ids up to 2^128 - 2 and amounts up to 2^64 - 1; beyond them a rule, beyond their types an error"""
    got = apply(folder / "book", [
        accounts(ID_MAX - 1, ID_MAX - 2, ID_MAX, 0),
        transfers(transfer(ID_MAX - 1, ID_MAX - 1, ID_MAX - 2, AMOUNT_MAX), transfer(ID_MAX, 1, 2, 1),
                  transfer(0, 1, 2, 1), transfer(1, ID_MAX - 1, ID_MAX - 2, 1)),
        {"balances": [str(ID_MAX - 2)]},
        accounts(ID_MAX + 1), transfers(transfer(2, 1, 2, AMOUNT_MAX + 1)),
    ])
    require_equal(got[0], results("created", "created", "id_must_not_be_int_max", "id_must_not_be_zero"), "accounts")
    require_equal(got[1], results("created", "id_must_not_be_int_max", "id_must_not_be_zero",
                                  "overflows_debits_posted"), "transfers")
    require_equal(counters(got[2], ID_MAX - 2), (0, 0, 0, AMOUNT_MAX), "balance")
    require(all("error" in answer for answer in got[3:]), f"too large: {got[3:]}")


MALFORMED = [
    "", " ", "nonsense", "[]", "{}", "1", "null", '{"accounts":1}', '{"accounts":[1]}', '{"accounts":[{"id":1}]}',
    '{"accounts":[{"id":"01"}]}', '{"accounts":[{"id":"-1"}]}', '{"accounts":[{"id":""}]}', '{"accounts":[{"id":"1x"}]}',
    '{"accounts":[{"id":"9","id":"9"}]}', '{"accounts":[{"id":"9","what":1}]}', '{"accounts":[{"id":"9"}]',
    '{"accounts":[{"id":"9"}]} x', '{"accounts":[{"id":"9"},]}', '{"accounts":[{"id":"9"}],"tick":1}',
    '{"accounts":[{"id":"9","ledger":4294967296}]}', '{"accounts":[{"id":"9","code":65536}]}',
    '{"accounts":[{"id":"9","flags":"linked"}]}', '{"transfers":[{"id":"9","debit":"1","credit":"2","amount":5}]}',
    '{"transfers":[{"id":"9","debit":"1","credit":"2","amount":"5.0"}]}',
    '{"transfers":[{"id":"9","debit":"1","credit":"2","amount":"-5"}]}',
    '{"transfers":[{"id":"9","debit":"1","credit":"2","amount":"5"},{"id":"10","amount":"x"}]}',
    '{"transfers":[{"id":"9","timeout":-1}]}', '{"tick":-1}', '{"tick":1.5}', '{"tick":"1"}', '{"tick":9223372037}',
    '{"balances":"1"}', '{"balances":[1]}', '{"\\u0061ccounts":[]}', "\x00", '{"balances":["\x01"]}',
]


def malformed_lines_change_nothing(folder):
    """Every malformed line gets an error of its own, in its place, and the lines around it count"""
    store = folder / "book"
    lines = [accounts(1, 2)]
    for i, bad in enumerate(MALFORMED):
        lines += [bad, transfers(transfer(100 + i, 1, 2, 1))]
    got = apply(store, [*lines, {"balances": ["1", "2", "9"]}])
    require_equal(len(got), 2 * len(MALFORMED) + 2, "one answer a line")
    for i, bad in enumerate(MALFORMED):
        require("error" in got[1 + 2 * i] and isinstance(got[1 + 2 * i]["error"], str), f"{bad!r}: {got[1 + 2 * i]}")
        require_equal(got[2 + 2 * i], results("created"), f"the line after {bad!r}")
    require_equal(list(got[-1]["balances"]), ["1", "2"], "no account came of it")
    require_equal(counters(got[-1], 2)[3], len(MALFORMED), "each good line moved one")


def line_that_is_too_long(folder):
    """More than 8 MiB in a line is one error; what follows is read"""
    got = apply(folder / "book", ['{"accounts":[' + " " * (9 << 20) + "]}", accounts(1), "x" * (20 << 20), accounts(1)])
    require("error" in got[0] and "error" in got[2], "long lines")
    require_equal([got[1], got[3]], [results("created"), results("exists")], "the lines behind")


def largest_batch(folder):
    """8,190 events are a batch, 8,191 an error that changes nothing; a batch of none is fine"""
    store = folder / "book"
    events = [transfer(i + 1, 1, 2, 1) for i in range(8191)]
    got = apply(store, [accounts(1, 2), transfers(*events), {"balances": ["2"]}, transfers(*events[:8190]),
                        {"balances": ["2"]}, transfers(), {"accounts": []}, accounts(*range(10, 8200)),
                        {"balances": [str(i) for i in range(10, 8201)]}])
    require("error" in got[1], "8,191 events")
    require_equal(counters(got[2], 2)[3], 0, "nothing moved")
    require_equal(got[3]["results"], ["created"] * 8190, "8,190 events")
    require_equal(counters(got[4], 2)[3], 8190, "all moved")
    require_equal(got[5:7], [results(), results()], "none")
    require_equal(set(got[7]["results"]), {"created"}, "8,190 accounts")
    require("error" in got[8], "8,191 balances")
    require_equal(apply(store, [transfers(*events[:8190])])[0]["results"], ["exists"] * 8190, "after a restart")


def last_line_without_its_end(folder):
    """A last line counts also without its end of line"""
    done = subprocess.run(command(folder / "book"), input='{"accounts":[{"id":"1"}]}', capture_output=True, text=True,
                          env=clean_environment(), timeout=20)
    require_equal(done.stdout, '{"results":["created"]}\n', "answer")


# ---- the store ----

def answers_come_at_once(folder):
    """With the input held open, each line is answered before the next is written"""
    session = Session(folder / "book")
    require_equal(session.ask(accounts(1, 2)), results("created", "created"), "accounts")
    for i in range(50):
        require_equal(session.ask(transfers(transfer(i + 1, 1, 2, 1))), results("created"), "transfer")
    session.close()


def second_process_is_refused(folder):
    """A store that is open is refused to a second process, by name, and to nobody after a kill"""
    store = folder / "book"
    session = Session(store)
    session.ask(accounts(1))
    text = apply(store, [], expected_code=1)
    require("book" in text and "another process" in text, f"refusal: {text}")
    session.kill()
    require_equal(apply(store, [accounts(1)]), [results("exists")], "after a kill")


def store_goes_on_after_a_restart(folder):
    """Counters, ids, refused ids, open reservations and time are the same after a restart, with and without FILE.state"""
    store = folder / "book"
    apply(store, [accounts(1), accounts(2, flags=("debits_must_not_exceed_credits",)),
                  transfers(transfer(1, 1, 2, 10), transfer(2, 2, 1, 11), transfer(3, 2, 1, 4, ("pending",)),
                            transfer(4, 1, 2, 5, ("pending",), timeout=10)), {"tick": 4}])
    for rebuild in (False, True):
        if rebuild:
            os.unlink(f"{store}.state")
        got = apply(store, [transfers(transfer(1, 1, 2, 10), transfer(1, 1, 2, 9), transfer(2, 2, 1, 1)),
                            {"balances": ["2"]}])
        require_equal(got[0], results("exists", "exists_with_different_amount", "id_already_failed"), "ids")
        require_equal(counters(got[1], 2), (4, 0, 5, 10), "counters")
    got = apply(store, [{"tick": 5}, {"balances": ["2"]}, {"tick": 1}, {"balances": ["2"]}])
    require_equal([counters(got[1], 2), counters(got[3], 2)], [(4, 0, 5, 10), (4, 0, 0, 10)], "time went on")


def ids_beyond_the_window(folder):
    """Ids that left memory are answered from disk the same: with a window of 1,024, one of 100,000, and after restarts"""
    rng = random.Random(SEED)
    lines, known = [accounts(1, 2)], []
    for _ in range(40):
        events = []
        for _ in range(200):
            number = rng.getrandbits(100) + 1
            kind = rng.choice((("pending",), (), ()))
            if known and rng.random() < 0.2:
                events.append(rng.choice(known))
            elif known and rng.random() < 0.2:
                events.append(resolve(number, rng.choice(known)["id"], rng.choice(("post", "void"))))
            else:
                known.append(transfer(number, 1, 2, rng.randrange(1, 100), kind))
                events.append(known[-1])
        lines.append(transfers(*events))
    lines.append({"balances": ["1", "2"]})
    whole = apply(folder / "large", lines)
    require_equal(apply(folder / "small", lines, "--window", "1024"), whole, "answers with a small window")
    apart = [answer for line in lines for answer in apply(folder / "apart", [line], "--window", "1024")]
    require_equal(apart, whole, "answers with a restart before each line")
    require_equal(apply(folder / "small", lines[1:2], "--window", "5000"), apply(folder / "large", lines[1:2]),
                  "answers with another window")


def damaged_store_is_named(folder):
    """A flipped bit in the journal is refused, with the file's name; one in FILE.state is repaired from the journal"""
    store = folder / "book"
    apply(store, [accounts(1, 2)] + [transfers(*[transfer(100 * i + j, 1, 2, 1) for j in range(1, 100)])
                                     for i in range(1, 60)])
    before = apply(store, [{"balances": ["1", "2"]}])
    good = store.read_bytes()
    with contextlib.closing(sqlite3.connect(store)) as database:
        body, = database.execute("SELECT body FROM batch ORDER BY batch LIMIT 1").fetchone()
    at = good.find(body[200:400])
    require(at > 0, "found the body in the file")
    store.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
    text = apply(store, [], expected_code=7)
    require("book" in text and "batch 1" in text, f"refusal: {text}")
    store.write_bytes(b"not a store at all" * 1000)
    require("book" in apply(store, [], expected_code=2), "another file")
    store.write_bytes(good)
    state = pathlib.Path(f"{store}.state")
    state.write_bytes(b"\xff" * 8192)
    require_equal(apply(store, [{"balances": ["1", "2"]}]), before, "balances after FILE.state was lost")


def usage(folder):
    """Without --store, with a window too small, in a folder that is not there: exit 2 or 3, with a sentence"""
    for words, code in ((["ledger", "apply"], 2), (["ledger", "apply", "--store", str(folder / "b"), "--window", "9"], 2),
                        (["ledger", "apply", "--store", str(folder / "none" / "b")], 3)):
        done = subprocess.run([EE, *words], input="", capture_output=True, text=True, env=clean_environment(), timeout=20)
        require_equal((done.returncode, done.stdout), (code, ""), f"{words}: {done.stderr}")
        require(done.stderr.strip() != "", "a sentence")


# ---- SIGKILL ----

def killed_at_random_moments(folder):
    """SIGKILL while lines stream in: every answer that came out holds after the restart, and nothing is doubled"""
    rng = random.Random(SEED)
    print(f"# EE_TEST_SEED={SEED}", flush=True)
    store = folder / "book"
    apply(store, [accounts(1, 2)], "--window", "1024")
    sent, answered, amount, number = [], 0, 0, 0
    for _ in range(KILLS):
        process = subprocess.Popen(command(store, "--window", "1024"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=clean_environment())
        lines = sent[answered:]  # what was not answered is sent again, the same
        for _ in range(60):
            events = []
            for _ in range(rng.choice((1, 20, 200))):
                number += 1
                events.append(transfer(number, 1, 2, number % 7))
            lines.append(transfers(*events))
        sent[answered:] = lines

        def feed():
            with contextlib.suppress(OSError):
                for line in lines:
                    process.stdin.write(json.dumps(line).encode() + b"\n")
                    process.stdin.flush()

        feeder = threading.Thread(target=feed)
        killer = threading.Timer(rng.uniform(0.02, 0.12), process.send_signal, (signal.SIGKILL,))
        feeder.start()
        killer.start()
        out = process.stdout.read()  # ends with the process
        killer.cancel()
        process.wait()
        feeder.join()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        whole = out[:out.rfind(b"\n") + 1].splitlines()
        for line, answer in zip(lines, whole):
            got = set(json.loads(answer)["results"])
            require(got <= {"created", "exists"}, f"answers {got}")
        answered += len(whole)
    got = apply(store, [*sent[answered:], *sent, {"balances": ["1", "2"]}], "--window", "1024")
    require_equal({name for line in got[len(sent) - answered:-1] for name in line["results"]}, {"exists"},
                  "every line again")
    amount = sum(int(t["amount"]) for line in sent for t in line["transfers"])
    require_equal([counters(got[-1], 1), counters(got[-1], 2)], [(0, amount, 0, 0), (0, 0, 0, amount)], "the sum")
    print(f"# {KILLS} kills, {answered} of {len(sent)} lines answered before them, {number} transfers", flush=True)


def killed_between_snapshots(folder):
    """SIGKILL with rows beyond the window that no snapshot holds yet: the journal brings them back"""
    store = folder / "book"
    session = Session(store, "--window", "1024")
    session.ask(accounts(1, 2))
    lines = [transfers(*[transfer(1000 * i + j, 1, 2, 1) for j in range(1, 1001)]) for i in range(5)]
    for line in lines:
        session.ask(line)
    session.kill()
    start = time.monotonic()
    got = apply(store, [*lines, {"balances": ["2"]}], "--window", "1024")
    require_equal({name for answer in got[:-1] for name in answer["results"]}, {"exists"}, "all known")
    require_equal(counters(got[-1], 2)[3], 5000, "balance")
    print(f"# restart and 5,000 looks into the store: {time.monotonic() - start:.2f} s", flush=True)


if __name__ == "__main__":
    run_cases("ledger", [
        examples_of_the_contract,
        two_phases_and_time,
        chains_limits_and_refusals,
        largest_ids_and_amounts,
        malformed_lines_change_nothing,
        line_that_is_too_long,
        largest_batch,
        last_line_without_its_end,
        answers_come_at_once,
        second_process_is_refused,
        store_goes_on_after_a_restart,
        ids_beyond_the_window,
        damaged_store_is_named,
        usage,
        killed_at_random_moments,
        killed_between_snapshots,
    ])
