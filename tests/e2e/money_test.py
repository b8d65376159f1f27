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
        transfer_again_with_its_key,
        transfer_of_more_than_there_is,
        transfer_with_a_wrong_amount,
        a_job_that_ends_early_pays_whole_seconds,
        a_full_period_pays_exactly_its_lock,
        a_job_without_credits,
        the_book_balances,
    ])
