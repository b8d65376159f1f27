#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Money in and out: top-ups paid at the provider, its webhooks, chargebacks, redemptions, reports.

EE_TEST_SEED repeats the moments of the kills; EE_TEST_FULL=1 kills 60 times instead of twice.
"""
import base64
import contextlib
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import random
import secrets
import signal
import ssl
import threading
import time

import crypto
from network import FULL, free_port, micros, require, require_equal, run_suite, wait_for

SECRET, NEXT_SECRET = "whsec_" + secrets.token_hex(16), "whsec_" + secrets.token_hex(16)
SEED = int(os.environ.get("EE_TEST_SEED") or secrets.randbits(32))
KILLS = 60 if FULL else 2
numbers = itertools.count(1)


def signature(body, secret=SECRET, at=None, extra=""):
    at = int(time.time()) if at is None else at
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}{extra}"


def event(kind, document, name=None):
    return json.dumps({"id": name or f"evt_{next(numbers)}", "object": "event", "type": kind, "livemode": False,
                       "data": {"object": document, "previous_attributes": {}}}, indent=2).encode()


def session_paid(order, payment, cents):
    return event("checkout.session.completed", {
        "id": f"cs_{payment}", "payment_intent": payment, "payment_status": "paid", "client_reference_id": order,
        "amount_total": cents, "currency": "usd"})


def intent_paid(order, payment, cents):
    return event("payment_intent.succeeded", {
        "id": payment, "amount": cents, "amount_received": cents, "currency": "usd", "metadata": {"order": order}})


def refunded(payment, cents):
    return event("charge.refunded", {"id": f"ch_{payment}", "payment_intent": payment, "amount_refunded": cents,
                                     "currency": "usd"})


def disputed(payment, cents, status="needs_response"):
    kind = "closed" if status in ("won", "lost") else "created"
    return event(f"charge.dispute.{kind}", {"id": f"dp_{payment}", "payment_intent": payment, "amount": cents,
                                            "currency": "usd", "status": status})


def deliver(network, body, header=None):
    """As the provider does: no key of ours, the raw body and its signature."""
    return network.api(None).request("POST", "/v1/webhooks/stripe", body=body,
                                     headers={"Stripe-Signature": header or signature(body)})


def taken(network, body):
    answer = deliver(network, body)
    require_equal((answer.status, answer.json.get("taken")), (200, True), f"webhook {answer}")


def order(network, dollars, profile="guest"):
    return network.ee_json("topup", f"${dollars}", profile=profile)["order"]


def credits(network, profile="guest"):
    value = network.ee_json("balance", profile=profile)
    return {name: micros(value[name]) for name in ("available", "locked", "held", "owed")}


# ---- the webhook ----

def webhook_before_a_secret_is_set(network):
    """Without a secret nothing is taken: 403, and nothing is minted"""
    body = session_paid("00" * 15 + "01", "pi_0", 500)
    answer = deliver(network, body)
    require_equal((answer.status, answer.json["code"]), (403, "disabled"), "answer")


def secret_sealed_for_this_control_plane_only(network):
    """The secret goes sealed to the attested control plane: what is not sealed for it does not open, and no file holds it"""
    answer = network.api("admin").request("PUT", "/v1/webhooks/stripe/secret",
                                          {"sealed": "AAAA" * 40, "signature": "00" * 64}, key="bad-seal")
    require_equal(answer.json["code"], "forbidden", "the admin key has no power over money")
    answer = network.api("dev").request("PUT", "/v1/webhooks/stripe/secret",
                                        {"sealed": "AAAA" * 40, "signature": "00" * 64}, key="bad-seal")
    require_equal(answer.json["code"], "signature", "not the issuer's")
    seed = bytes.fromhex((network.state / "issuer.key").read_text().strip())
    sealed = bytes(120)
    message = crypto.label("ee-control-secret-order") + bytes.fromhex(network.info["network"]) + \
        crypto.text("stripe-webhook") + hashlib.sha256(sealed).digest()
    answer = network.api("dev").request("PUT", "/v1/webhooks/stripe/secret", {
        "sealed": base64.b64encode(sealed).decode(), "signature": crypto.ed25519_sign(seed, message).hex()}, key="bad-seal")
    require_equal(answer.json["code"], "seal_open", "answer")
    require_equal(network.ee_refused(4, "webhook-secret", "set", profile="guest", stdin=SECRET + "\n")["error"],
                  "forbidden", "without the issuer's key")
    shown = network.ee_json("webhook-secret", "set", stdin=SECRET + "\n")
    require_equal(shown, {"set": True, "secrets": 1}, "answer")
    for path in network.state.rglob("*"):
        if path.is_file():
            require(SECRET.encode() not in path.read_bytes(), f"{path} holds the secret")


def signature_that_is_wrong(network):
    """Missing, of another secret, of another body, too old, too new: 400, nothing is minted"""
    body = session_paid(order(network, 5), "pi_wrong", 500)
    now = int(time.time())
    for header in ("x", signature(body, NEXT_SECRET), signature(body + b" "), signature(body, at=now).replace("v1", "v0"),
                   signature(body, at=now - 330), signature(body, at=now + 330)):
        answer = deliver(network, body, header)
        require_equal(answer.status, 400, f"{header}: {answer}")
    answer = network.api(None).request("POST", "/v1/webhooks/stripe", body=body)
    require_equal((answer.status, answer.json["code"]), (400, "webhook_signature"), "no signature")
    big = body + b" " * 65536
    require_equal(deliver(network, big).json["code"], "too_large", "body above 64 KiB")
    require_equal(network.ee_json("payments", "--state", "minted", profile="admin")["items"], [], "minted")


def two_events_of_one_payment(network):
    """The session and the intent are two events of one payment: it mints once, held, spendable"""
    before = credits(network)
    paid = order(network, 12.5)
    require_equal(network.ee_json("topup", "show", paid, profile="guest")["state"], "open", "order")
    taken(network, intent_paid(paid, "pi_1", 1250))
    taken(network, session_paid(paid, "pi_1", 1250))
    shown = network.ee_json("topup", "show", paid, profile="guest")
    require_equal((shown["state"], shown["payment"]), ("paid", "pi_1"), "order")
    after = credits(network)
    require_equal(after["available"] - before["available"], 12_500_000, "minted")
    require_equal(after["held"], 12_500_000, "held")
    problem = network.ee_refused(5, "transfer", "dev", "$1", profile="guest")
    require_equal(problem["error"], "credits_held", "transfer")
    answer = network.api("guest").post("/v1/transfers", {"to": "dev", "amount": "1"})
    require_equal(answer.json["limit"]["may_leave"], "0", f"what may leave: {answer}")
    require(answer.json["limit"]["until"] > "2", "until when")
    require_equal(network.ee_refused(5, "redeem", "$1", profile="guest")["error"], "credits_held", "redeem")
    require_equal(network.ee_refused(3, "topup", "show", paid, profile="dev")["error"], "topup_unknown", "another's")


def amount_other_than_ordered(network):
    """Amount and account come from the stored order: another amount mints nothing and waits for a person"""
    before = credits(network)
    taken(network, session_paid(order(network, 5), "pi_cheap", 1))
    require_equal(credits(network), before, "balance")
    items = network.ee_json("payments", profile="admin")["items"]
    require_equal([(i["payment"], i["trouble"], i["said_amount"]) for i in items], [("pi_cheap", ["amount"], "0.01")], "list")


def event_again_and_of_no_interest(network):
    """The same event again is answered 200 and does nothing; an unknown type too"""
    before = credits(network)
    body = session_paid(order(network, 1), "pi_again", 100)
    for _ in range(3):
        taken(network, body)
    require_equal(credits(network)["available"] - before["available"], 1_000_000, "minted")
    answer = deliver(network, event("invoice.paid", {"id": "in_1"}))
    require_equal((answer.status, answer.json["taken"]), (200, False), "unknown type")
    require_equal(deliver(network, b"{not json").status, 400, "malformed")


def same_event_on_two_connections(network):
    """One event on many connections at once: each gets its 200, one mint"""
    before = credits(network)
    body = session_paid(order(network, 2), "pi_race", 200)
    answers, barrier = [], threading.Barrier(6)

    def send():
        barrier.wait()
        answers.append(deliver(network, body).status)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require_equal(answers, [200] * 6, "answers")
    require_equal(credits(network)["available"] - before["available"], 2_000_000, "minted")


def refund_and_dispute_before_their_payment(network):
    """What comes before its payment is parked and counts when it is there; a dispute won gives back"""
    before = credits(network)
    ordered = order(network, 10)
    taken(network, refunded("pi_late", 300))
    taken(network, disputed("pi_late", 400, "won"))
    taken(network, disputed("pi_late", 400))
    require_equal([i["payment"] for i in network.ee_json("payments", "--state", "parked", profile="admin")["items"]],
                  ["pi_cheap", "pi_late"], "parked")
    taken(network, session_paid(ordered, "pi_late", 1000))
    require_equal(credits(network)["available"] - before["available"], 7_000_000, "what is left")


def chargeback_on_spent_credits(network):
    """What was spent is owed: no transfer, no redemption; what is minted next repays it first"""
    taken(network, session_paid(order(network, 3), "pi_spent", 300))
    network.wait_connected()
    done = network.ee("run", "--", "/bin/true", profile="guest")
    require_equal(done.returncode, 0, f"a job: {done.stderr[-300:]}")
    wait_for("the job is paid", 20, lambda: credits(network)["locked"] == 0)
    had = credits(network)["available"]
    require(had < 25_500_000, f"nothing was spent: {had}")
    for payment, cents in (("pi_1", 1250), ("pi_again", 100), ("pi_race", 200), ("pi_spent", 300)):
        taken(network, disputed(payment, cents))
    taken(network, refunded("pi_late", 1000))
    owed = 25_500_000 - had
    require_equal(credits(network), {"available": 0, "locked": 0, "held": 0, "owed": owed}, "after")
    require_equal(network.ee_refused(5, "transfer", "dev", "$0.01", profile="guest")["error"], "debt", "transfer")
    require_equal(network.ee_refused(5, "redeem", "$0.01", profile="guest")["error"], "debt", "redemption")
    network.mint("guest", "$2", "repays")
    require_equal(credits(network), {"available": 2_000_000 - owed, "locked": 0, "held": 0, "owed": 0}, "repaid first")


def second_secret_while_the_first_is_replaced(network):
    """Two secrets count at once; then the old one no longer does"""
    network.ee_json("webhook-secret", "set", stdin=f"{SECRET}\n{NEXT_SECRET}\n")
    for secret in (SECRET, NEXT_SECRET):
        body = event("invoice.paid", {"id": "in_1"})
        require_equal(deliver(network, body, signature(body, secret)).status, 200, "either")
    network.ee_json("webhook-secret", "set", stdin=NEXT_SECRET)
    body = event("invoice.paid", {"id": "in_1"})
    require_equal(deliver(network, body).status, 400, "the old one")
    network.ee_json("webhook-secret", "set", stdin=SECRET)


# ---- crashes ----

def kill(network):
    pid = network.control_pid()
    os.kill(pid, signal.SIGKILL)
    wait_for("it is back", 30, lambda: network.control_pid() not in (0, pid), 0.01)
    network.wait_ready()


def until_taken(network, body):
    """As the provider: again and again until a 2xx."""
    def attempt():
        with contextlib.suppress(OSError, http.client.HTTPException, ssl.SSLError):
            return deliver(network, body).status == 200
    wait_for("a 2xx", 30, attempt, 0.05)


def kill_before_and_after_a_webhook_is_durable(network):
    """SIGKILL around the moment a webhook becomes durable and is answered: the provider's retries mint exactly once"""
    print(f"# seed {SEED}, {KILLS} kills (EE_TEST_SEED repeats it)", flush=True)
    rng, seen = random.Random(SEED), {"durable, not answered": 0, "not durable": 0, "answered": 0}
    for number in range(KILLS):
        body = session_paid(order(network, 1, "dev"), f"pi_kill_{number}", 100)
        result = []

        def send():
            with contextlib.suppress(OSError, http.client.HTTPException, ssl.SSLError):
                result.append(deliver(network, body).status)

        before = micros(network.api("dev").get("/v1/credits").json["available"])
        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(rng.uniform(0, 0.012))
        kill(network)
        thread.join()
        now = micros(network.api("dev").get("/v1/credits").json["available"])
        require(now - before in (0, 1_000_000), f"after the kill: {now - before}")
        require(now > before or 200 not in result, "a 2xx was given and the mint is gone")
        seen["answered" if 200 in result else "durable, not answered" if now > before else "not durable"] += 1
        until_taken(network, body)
        now = micros(network.api("dev").get("/v1/credits").json["available"])
        require_equal(now - before, 1_000_000, "after the provider's retry")
    print(f"# {seen}", flush=True)


def kill_at_once_after_the_answer(network):
    """A 2xx is given only when it is durable: SIGKILL at once after it loses nothing"""
    before = micros(network.api("dev").get("/v1/credits").json["available"])
    taken(network, intent_paid(order(network, 4, "dev"), "pi_answered", 400))
    kill(network)
    now = micros(network.api("dev").get("/v1/credits").json["available"])
    require_equal(now - before, 4_000_000, "after the restart")


def redemption_with_a_crash_before_the_issuers_word(network):
    """The bank is told, then a crash before the word: reserved all along, paid out once, never both ways"""
    network.mint("operator-a", "$9", "earned")
    before = credits(network, "operator-a")
    asked = network.ee_json("redeem", "$5", "--to", "IBAN 1", profile="operator-a")["redemption"]
    kill(network)
    shown = network.ee_json("redemption", "show", asked, profile="operator-a")
    require_equal((shown["state"], shown["destination"]), ("pending", "IBAN 1"), "after the crash")
    require_equal(credits(network, "operator-a")["locked"], before["locked"] + 5_000_000, "reserved")
    listed = network.ee_json("redemptions", profile="admin")["items"]
    require_equal([i["redemption"] for i in listed if i["state"] == "pending"], [asked], "what the issuer sees")
    for _ in range(2):
        answer = network.ee_json("redemption", "confirm", asked, "--ref", "wire 7", profile="dev")
        require_equal(answer["state"], "confirmed", "the word, again too")
    require_equal(network.ee_refused(5, "redemption", "refuse", asked, profile="dev")["error"], "redemption_state", "other word")
    after = credits(network, "operator-a")
    require_equal((before["available"] - after["available"], after["locked"]), (5_000_000, before["locked"]), "paid out once")
    other = network.ee_json("redeem", "$1", profile="operator-a")["redemption"]
    network.ee_json("redemption", "refuse", other, "--ref", "no such account", profile="dev")
    require_equal(credits(network, "operator-a"), after, "refused: the credits are back")
    require_equal(network.ee_refused(7, "redemption", "confirm", other, profile=forged(network))["error"], "signature",
                  "another key's word")
    require_equal(network.ee_refused(3, "redemption", "show", asked, profile="guest")["error"], "redemption_unknown", "another's")


def forged(network):
    key = pathlib.Path(network.folder / "other.key")
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    return network.profile_copy("dev", "forger", issuer_key_file=str(key))


# ---- for a person ----

def provider_list_against_mints(network):
    """Both ways: what the provider has and we do not, what we have and it does not, amounts and refunds that differ"""
    ours = network.ee_json("payments", "--state", "minted", profile="admin")["items"]
    rows = [{"id": i["payment"], "amount": micros(i["minted"]) // 10000, "currency": "usd", "status": "succeeded",
             "amount_refunded": micros(i["refunded"]) // 10000} for i in ours]
    path = network.folder / "provider.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + json.dumps(
        {"id": "pi_open", "amount": 5, "currency": "usd", "status": "requires_payment_method"}) + "\n")
    require_equal(network.ee_json("payments", "reconcile", path, profile="admin"),
                  {"minted": len(ours), "differences": []}, "the same")
    rows[0]["amount"] += 1
    rows[1]["amount_refunded"] += 7
    gone = rows.pop()["id"]
    table = network.folder / "provider.csv"
    table.write_text("id,amount,currency,status,amount_refunded\n" + "".join(
        f"{r['id']},{r['amount']},usd,succeeded,{r['amount_refunded']}\n" for r in rows) + '"pi_new",900,usd,succeeded,0\n')
    found = network.ee_json("payments", "reconcile", table, code=6, profile="admin")["differences"]
    require_equal(sorted((d["payment"], d["difference"]) for d in found),
                  sorted([(rows[0]["id"], "amount"), (rows[1]["id"], "refund"), (gone, "not_at_provider"),
                          ("pi_new", "not_minted")]), "differences")


def abuse_report_by_the_launcher(network):
    """The launcher's report fails the period that runs and stops it; only the launcher may, once"""
    network.mint("dev", "$1", "for-the-report")
    network.wait_connected()
    network.deploy("watched", free_port(), "/bin/sleep", "1000")
    lease = network.lease("watched")["lease"]
    problem = network.ee_refused(3, "report", lease, "--period", "0", profile="guest")
    require_equal(problem["error"], "lease_unknown", "another's lease")
    answer = network.ee_json("report", "watched", "--category", "resources")
    require_equal((answer["lease"], answer["category"]), (lease, "resources"), "answer")
    listed = network.ee_json("reports")["items"]
    require_equal([(i["lease"], i["category"]) for i in listed], [(lease, "resources")], "list")
    wait_for("the verdict", 10, lambda: any(p["verdict"] == "fail" and p["reason"] == "abuse"
                                            for p in network.periods(lease)))
    require_equal(network.ee_refused(5, "report", lease, "--period", str(answer["period"]))["error"], "period_state", "settled")


run_suite("payments", [
    webhook_before_a_secret_is_set, secret_sealed_for_this_control_plane_only, signature_that_is_wrong,
    two_events_of_one_payment, amount_other_than_ordered, event_again_and_of_no_interest, same_event_on_two_connections,
    refund_and_dispute_before_their_payment, chargeback_on_spent_credits, second_secret_while_the_first_is_replaced,
    abuse_report_by_the_launcher, kill_before_and_after_a_webhook_is_durable, kill_at_once_after_the_answer,
    redemption_with_a_crash_before_the_issuers_word, provider_list_against_mints])
