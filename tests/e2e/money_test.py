#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Credits: minted, moved, locked, paid and returned; to the micro-dollar."""
import math
import pathlib
import secrets
import time

import crypto
from network import micros, require, require_equal, run_suite, wait_for

PRICE_NANOS = 10_000_000  # node-1: $0.010 per vCPU-hour
PERIOD_S = 10
LOCK = math.ceil(PRICE_NANOS * PERIOD_S / 3_600_000)  # 28 micro-dollars
PROFILES = ("dev", "guest", "operator-a", "operator-b")
minted = {"total": 0}


def mint(network, account, dollars, reference=None):
    answer = network.mint(account, f"${dollars}", reference)
    minted["total"] += int(dollars * 10**6)
    return answer


def mint_twice_with_one_reference_is_minted_once(network):
    """The same mint again is accepted and credits nothing"""
    before = network.balance()[0]
    mint(network, "dev", 20, "pay-1")
    network.mint("dev", "$20", "pay-1")
    require_equal(network.balance()[0] - before, 20_000_000, "credited")


def mint_of_another_amount_with_a_used_reference(network):
    """A reference that was minted with other fields is refused: exit 5, nothing is credited"""
    before = network.balance()[0], network.balance("guest")[0]
    problem = network.ee_refused(5, "mint", "--to", "dev", "--amount", "$21", "--ref", "pay-1")
    require_equal(problem["error"], "reference_conflict", "error")
    network.ee_refused(5, "mint", "--to", "guest", "--amount", "$20", "--ref", "pay-1")
    require_equal((network.balance()[0], network.balance("guest")[0]), before, "balances")


def mint_signed_with_another_key(network):
    """Only the issuer's signature mints: another key is refused by the core, whoever sends it"""
    folder = pathlib.Path(network.info["profiles"]["dev"]).parent
    key = folder / "other-issuer.key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    profile = network.profile_copy("dev", "other-issuer", issuer_key_file=str(key))
    before = network.balance()[0]
    problem = network.ee_refused(7, "mint", "--to", "dev", "--amount", "$5", "--ref", "forged", profile=profile)
    require_equal(problem["error"], "signature", "error")
    message = crypto.mint_message(bytes.fromhex(network.info["network"]), "dev", 5_000_000, "forged")
    answer = network.api("admin").post("/v1/mints", {
        "account": "dev", "amount": "5", "reference": "forged",
        "signature": crypto.ed25519_sign(secrets.token_bytes(32), message).hex()})
    require(answer.status in (400, 403, 409, 422), f"an admin key with a wrong signature: {answer}")
    require_equal(network.balance()[0], before, "available")


def mint_signed_by_a_client_that_is_not_ours(network):
    """The bytes the issuer signs are those of the specification"""
    seed = bytes.fromhex((network.state / "issuer.key").read_text().strip())
    message = crypto.mint_message(bytes.fromhex(network.info["network"]), "guest", 3_000_000, "by-hand")
    answer = network.api("guest").post("/v1/mints", {
        "account": "guest", "amount": "3", "reference": "by-hand",
        "signature": crypto.ed25519_sign(seed, message).hex()})
    require(answer.status in (200, 201), f"mint: {answer}")
    require_equal(answer.json["account"], "guest", "account")
    minted["total"] += 3_000_000

def bulk(network, rows, key=None, **members):
    return network.api().post("/v1/transfers/bulk", dict(members, transfers=rows), key=key)


def many_transfers_in_one_request(network):
    """8,190 transfers in one request are one command: in order, each by itself, and never twice"""
    mint(network, "dev", 20)
    before = network.balance()[0], network.balance("guest")[0]
    rows = [{"to": "guest" if i % 2 else "operator-a", "amount": "0.000001"} for i in range(8190)]
    rows[4095] = {"to": "nobody", "amount": "0.000001"}
    first = bulk(network, rows, key="payday")
    require_equal(first.status, 200, "status")
    require_equal((first.json["count"], first.json["made"], first.json["refused"]), (8190, 8189, 1), "made")
    require_equal(first.json["exceptions"], [{"index": 4095, "result": "account_unknown"}], "exceptions")
    again = bulk(network, rows, key="payday")
    require_equal(again.json, first.json, "the same key, the same answer")
    require_equal(bulk(network, rows[1:], key="payday").status, 422, "the same key with another body")
    require_equal((before[0] - network.balance()[0], network.balance("guest")[0] - before[1]), (8189, 4094), "moved")
    require(first.headers.get("EE-Checkpoint"), "no checkpoint in the answer")


def many_transfers_all_or_nothing(network):
    """atomic: one refusal refuses all, its place is named, and nothing moves; ids of rows are used once"""
    before = network.balance()[0], network.balance("guest")[0]
    own = secrets.token_hex(16)
    rows = [{"to": "guest", "amount": "0.5", "id": own}, {"to": "guest", "amount": "1000000"}]
    refused = bulk(network, rows, atomic=True)
    require_equal(refused.status, 402, "status")
    require_equal([e["result"] for e in refused.json["exceptions"]], ["transfer_chain", "insufficient_credits"], "rows")
    require_equal((network.balance()[0], network.balance("guest")[0]), before, "balances")
    require_equal(bulk(network, rows[:1], atomic=True).json["made"], 1, "made")
    require_equal(bulk(network, rows[:1]).json["repeated"], 1, "the same id in another request")
    conflict = bulk(network, [dict(rows[0], amount="0.25")]).json["exceptions"]
    require_equal(conflict, [{"index": 0, "result": "id_conflict"}], "the same id with another amount")
    require_equal(network.balance("guest")[0] - before[1], 500_000, "moved")


def many_transfers_malformed_or_too_many(network):
    """A bad row is named before anything moves: 400 and 422 with its place, 413 beyond 8,190 or 2 MiB"""
    before, good = network.balance()[0], {"to": "guest", "amount": "0.000001"}
    bad = bulk(network, [good, {"to": "guest", "amount": "0.0000001"}])
    require(bad.status == 400 and "transfers[1].amount" in bad.json["detail"], f"bad amount: {bad}")
    require_equal(bulk(network, [good] * 8191).status, 413, "8,191 rows")
    require_equal(bulk(network, []).status, 400, "no rows")
    large = network.api().post("/v1/transfers/bulk", {"transfers": [dict(good, memo="m" * 128)] * 8190})
    require_equal(large.status, 413, "memos beyond the largest command")
    huge = {"transfers": [dict(good, memo="m" * 500)] * 8190}
    require_equal(network.api().post("/v1/transfers/bulk", huge).status, 413, "a body beyond the limit")
    require_equal(network.balance()[0], before, "available")


def file_of_transfers_moves_once(network):
    """ee transfer --bulk: CSV and JSON lines; the same file again moves nothing; a bad line sends nothing"""
    before, guest = network.balance()[0], network.balance("guest")[0]
    name = secrets.token_hex(4)
    csv = f"to,amount,memo\nguest,0.25,{name}\n" + "guest,0.000001\n" * 4100 + "nobody,1\n"
    first = network.ee_json("transfer", "--bulk", "-", stdin=csv, code=5)
    require_equal((first["made"], first["refused"], len(first["seqs"])), (4101, 1, 3), "made")
    require_equal(first["exceptions"], [{"line": 4103, "result": "account_unknown"}], "exceptions")
    again = network.ee_json("transfer", "--bulk", "-", stdin=csv, code=5)
    require_equal((again["made"], again["repeated"], again["refused"]), (0, 4101, 1), "again")
    moved = 254_100
    require_equal((before - network.balance()[0], network.balance("guest")[0] - guest), (moved, moved), "moved")
    network.ee_refused(2, "transfer", "--bulk", "-", stdin="guest,1\nguest,much\n")
    network.ee_refused(2, "transfer", "--bulk", "-", stdin="")
    lines = '{"to":"guest","amount":"0.1","memo":"a, b"}\n{"to":"guest","amount":"$0.2"}\n'
    done = network.ee_json("transfer", "--bulk", "-", "--atomic", stdin=lines)
    require_equal((done["made"], done["refused"]), (2, 0), "atomic")
    require_equal(before - network.balance()[0], moved + 300_000, "after all")
    receipt = network.folder / "bulk.json"
    network.ee_json("receipt", done["seqs"][0], "-o", receipt)
    network.ee_json("verify", "receipt", receipt)


def transfer_again_with_its_key(network):
    """One Idempotency-Key is one transfer: the same body gives the same answer for ever, another body 422"""
    api, key = network.api(), "order-7"
    before = network.balance("guest")[0]
    body = {"to": "guest", "amount": "1.25", "memo": "lunch"}
    first = api.post("/v1/transfers", body, key=key)
    require(first.status in (200, 201), f"transfer: {first}")
    for _ in range(3):
        again = api.post("/v1/transfers", body, key=key)
        require_equal((again.status, again.json), (first.status, first.json), "answer to the same key")
    other = api.post("/v1/transfers", dict(body, amount="1.26"), key=key)
    require_equal((other.status, other.json["code"]), (422, "id_conflict"), "another body")
    require_equal(network.balance("guest")[0] - before, 1_250_000, "moved")
    theirs = network.api("guest").post("/v1/transfers", {"to": "dev", "amount": "0.01"}, key=key)
    require(theirs.status in (200, 201), f"another account may use the same key text: {theirs}")


def transfer_of_more_than_there_is(network):
    """Insufficient credits: exit 8, HTTP 402, nothing moves"""
    before = network.balance(), network.balance("guest")
    problem = network.ee_refused(8, "transfer", "guest", "$1000")
    require_equal(problem["error"], "insufficient_credits", "error")
    answer = network.api().post("/v1/transfers", {"to": "guest", "amount": "1000"})
    require_equal((answer.status, answer.json["code"]), (402, "insufficient_credits"), "API")
    require_equal((network.balance(), network.balance("guest")), before, "balances")


def transfer_with_a_wrong_amount(network):
    """No zero, negative, too precise or too large amount moves anything; nor does one to oneself or to nobody"""
    before = network.balance()
    for amount in ("0", "-1", "1.0000001", "1e3", "9223372036854775808", "", "NaN"):
        answer = network.api().post("/v1/transfers", {"to": "guest", "amount": amount})
        require(400 <= answer.status < 500, f"amount {amount!r}: {answer}")
    for amount in (1, 1.5, None, ["1"]):
        answer = network.api().post("/v1/transfers", {"to": "guest", "amount": amount})
        require_equal(answer.status, 400, f"amount {amount!r} is not a decimal string")
    require_equal(network.ee_refused(5, "transfer", "dev", "$1")["error"], "same_account", "to oneself")
    require_equal(network.ee_refused(3, "transfer", "nobody", "$1")["error"], "account_unknown", "to nobody")
    require_equal(network.balance(), before, "balance")


def a_job_that_ends_early_pays_whole_seconds(network):
    """An early end pays the seconds used, rounded up, and returns the rest of the lock"""
    before = network.balance()
    started = time.monotonic()
    done = network.ee("run", "--name", "short", "--node", "node-1", "--", "sleep", "2.2")
    require_equal(done.returncode, 0, f"exit code: {done.stderr.decode()[-300:]}")
    most = math.ceil(time.monotonic() - started) + 1
    lease = network.leases("short")[0]["lease"]
    period = wait_for("the period is settled", 15, lambda: [
        p for p in network.periods(lease) if p["state"] in ("split", "paid", "refunded")])[0]
    require_equal((period["state"], period["verdict"]), ("split", "pass"), f"period {period}")
    locked, paid, refunded = (micros(period[k]) for k in ("locked", "paid", "refunded"))
    require_equal((locked, paid + refunded), (LOCK, LOCK), f"period {period}")
    require(paid in {math.ceil(PRICE_NANOS * s / 3_600_000) for s in range(3, most + 1)}, f"whole seconds: {period}")
    require_equal(network.balance(), (before[0] - paid, before[1]), "balance")


def a_full_period_pays_exactly_its_lock(network):
    """PASS moves exactly the locked integer to the operator; the next lock is taken ahead of time"""
    earned = network.balance("operator-a")[0]
    network.ee_json("run", "--name", "long", "--node", "node-1", "--detach", "--", "sleep", "100")
    lease = wait_for("the job runs", 10, lambda: next(
        (i for i in network.leases("long") if i["state"] == "running"), None))["lease"]
    paid = wait_for("a full period is paid", 2 * PERIOD_S + 5, lambda: [
        p for p in network.periods(lease) if p["state"] == "paid"])[0]
    require_equal(paid["verdict"], "pass", f"period {paid}")
    require_equal((micros(paid["locked"]), micros(paid["paid"]), micros(paid["refunded"])), (LOCK, LOCK, 0), "integers")
    rows = network.periods(lease)
    following = next(p for p in rows if p["index"] == paid["index"] + 1)
    require_equal(following["starts_at"], paid["ends_at"], "periods are contiguous")
    require(network.balance("operator-a")[0] - earned >= LOCK, "the operator has it")
    seen = network.api("operator-a").get(f"/v1/periods?lease={lease}").json["items"]
    require(any(p["settle_seq"] == paid["settle_seq"] for p in seen), "the operator sees its period")
    network.ee_json("stop", "long")
    wait_for("all periods of the job are settled", 15, lambda: all(
        p["state"] in ("split", "paid", "refunded") for p in network.periods(lease)))
    require_equal(network.balance()[1], 0, "nothing stays locked")


def a_job_without_credits(network):
    """Without credits nothing is reserved: exit 8, and a lock is never taken below zero"""
    answer = network.api("admin").get("/v1/credits")
    require_equal(answer.status, 403, "an admin key holds no credits")
    network.ee_json("account", "create", "poor", "--kind", "user", "--out", str(network.folder), profile="admin")
    profile = str(network.folder / "poor.json")
    problem = network.ee_refused(8, "run", "--", "true", profile=profile)
    require_equal(problem["error"], "insufficient_credits", "error")
    network.ee_json("transfer", "poor", "$0.000027")
    network.ee_refused(8, "run", "--max-price", "0.01", "--", "true", profile=profile)
    poor = network.ee_json("balance", profile=profile)
    require_equal((micros(poor["available"]), micros(poor["locked"])), (27, 0), "balance of the poor")
    network.poor = profile


def the_book_balances(network):
    """After all of it the accounts sum to exactly what was minted"""
    total = 0
    for profile in PROFILES:
        available, locked = network.balance(profile)
        total += available + locked
    if getattr(network, "poor", None):
        total += micros(network.ee_json("balance", profile=network.poor)["available"])
    require_equal(total, minted["total"], "sum over all accounts")


if __name__ == "__main__":
    run_suite("money", [
        mint_twice_with_one_reference_is_minted_once,
        mint_of_another_amount_with_a_used_reference,
        mint_signed_with_another_key,
        mint_signed_by_a_client_that_is_not_ours,
        many_transfers_in_one_request,
        many_transfers_all_or_nothing,
        many_transfers_malformed_or_too_many,
        file_of_transfers_moves_once,
        transfer_again_with_its_key,
        transfer_of_more_than_there_is,
        transfer_with_a_wrong_amount,
        a_job_that_ends_early_pays_whole_seconds,
        a_full_period_pays_exactly_its_lock,
        a_job_without_credits,
        the_book_balances,
    ])
