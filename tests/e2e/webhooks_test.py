#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Webhooks to a real HTTPS receiver that fails, hangs and is asked twice; and the low-balance alert."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import secrets
import signal
import sqlite3
import ssl
import subprocess
import threading
import time

from network import micros, require, require_equal, run_suite, wait_for

state = {}


class Receiver:
    """Hears webhooks; `mood` says what it answers: a status, "hang", or a function that is called instead."""

    def __init__(self, context=None):
        self.heard, self.mood, self.lock = [], 204, threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.heard.append((self.path, dict(self.headers.items()), body))
                mood = receiver.mood
                if callable(mood):
                    mood()
                    return
                if mood == "hang":
                    time.sleep(30)
                    return
                self.send_response(mood)
                if mood == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, kind):
        with self.lock:
            return [(h, json.loads(b), b) for _, h, b in self.heard if json.loads(b)["type"] == kind]


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_authority(folder, name, hosts):
    """A CA and a certificate of it; gives the paths of CA, certificate and key."""
    ca, ca_key = folder / f"{name}-ca.pem", folder / f"{name}-ca.key"
    leaf, key, request, ext = (folder / f"{name}.{s}" for s in ("pem", "key", "csr", "ext"))
    ext.write_text(f"subjectAltName={hosts}\n")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name} CA", "-keyout", ca_key, "-out", ca)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
            "-extfile", ext, "-out", leaf)
    return ca, leaf, key


def tls_of(leaf, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    return context


def signed_by(secret, headers, body):
    head = {k.lower(): v for k, v in headers.items()}
    message = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return expected in head["webhook-signature"].split(" ")


def start(network):
    """A network that trusts our authority for webhooks"""
    network.state.mkdir(parents=True)
    ca, leaf, key = make_authority(network.folder, "good", "DNS:localhost,IP:127.0.0.1")
    _, other, other_key = make_authority(network.folder, "stranger", "DNS:localhost")
    (network.state / "webhook-ca.pem").write_bytes(ca.read_bytes())
    network.start()
    state["https"] = Receiver(tls_of(leaf, key))
    state["stranger"] = Receiver(tls_of(other, other_key))
    state["plain"] = Receiver()
    network.mint("dev", "$20")


def an_event_is_delivered_over_verified_tls(network):
    """Mint and transfer arrive at an HTTPS receiver, signed with the secret that was shown once, each with an id"""
    made = network.ee_json("webhook", "create", f"https://localhost:{state['https'].port}/hook?a=1", "--label", "books")
    state["secret"], state["id"] = made["secret"], made["id"]
    network.mint("dev", "$3", "ref-1")
    network.mint("guest", "$5")
    network.ee_json("transfer", "dev", "$1.5", "--memo", "for you", profile="guest")
    wait_for("both events", 10, lambda: state["https"].of("transfer.received") and state["https"].of("credits.minted"))
    headers, event, body = state["https"].of("transfer.received")[0]
    require(signed_by(made["secret"], headers, body), f"the signature: {headers}")
    require_equal((event["account"], event["data"]["from"], event["data"]["amount"], event["data"]["memo"]),
                  ("dev", "guest", "1.5", "for you"), "event")
    headers, event, _ = state["https"].of("credits.minted")[0]
    require_equal((event["data"]["amount"], event["data"]["reference"]), ("3", "ref-1"), "event")
    require(len({h["webhook-id"] for _, h, _ in state["https"].heard}) == 2, "two ids")
    listed = network.ee_json("webhook", "list")["items"][0]
    require_equal((listed["state"], listed["delivered"], listed["label"]), ("ok", "2", "books"), "list")
    require("secret" not in json.dumps(listed), "no secret in a list")


def what_the_receiver_checks(network):
    """`ee webhook verify` says valid, and not valid for another body, secret or an old timestamp"""
    headers, _, body = state["https"].of("transfer.received")[0]
    secret, other, text = network.folder / "s", network.folder / "o", network.folder / "body"
    secret.write_text(state["secret"] + "\n")
    other.write_text("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    text.write_bytes(body)

    def verify(path, file, timestamp=headers["webhook-timestamp"]):
        return network.ee("webhook", "verify", file, "--secret-file", path, "--id", headers["webhook-id"],
                          "--timestamp", timestamp, "--signature", "v1,AAAA " + headers["webhook-signature"],
                          profile=None).returncode
    require_equal(verify(secret, text), 0, "exit")
    require_equal(verify(other, text), 7, "exit with another secret")
    require_equal(verify(secret, text, "1700000000"), 7, "exit with an old timestamp")
    text.write_bytes(body + b" ")
    require_equal(verify(secret, text), 7, "exit with another body")


def the_secret_is_not_in_journal_or_logs(network):
    """The signing secret is in no log and not in the journal"""
    raw = base64.b64decode(state["secret"].removeprefix("whsec_"))
    for path in [*network.state.rglob("*")]:
        if path.is_file() and not path.name.startswith("webhooks.db"):
            text = path.read_bytes()
            require(raw not in text and state["secret"].encode() not in text, f"found in {path.name}")


def a_failing_receiver_is_asked_again(network):
    """500 and a redirect are not taken for an answer: the same id comes again, in order, until 2xx"""
    receiver = state["https"]
    receiver.mood = 500
    seen = len(receiver.of("credits.minted"))
    network.mint("dev", "$1", "again-1")
    wait_for("a first attempt", 5, lambda: len(receiver.of("credits.minted")) > seen)
    shown = wait_for("the failure shown", 5, lambda: [i for i in network.ee_json("webhook", "list")["items"]
                                                      if i["state"] == "retrying"])[0]
    require_equal((shown["last_error"], shown["failed_attempts"]), ("status 500", 1), "shown")
    receiver.mood = 302
    network.ee_json("webhook", "enable", state["id"])  # now, not in five seconds
    wait_for("a second attempt", 5, lambda: len(receiver.of("credits.minted")) > seen + 1)
    receiver.mood = 204
    network.ee_json("webhook", "enable", state["id"])
    wait_for("delivered", 5, lambda: network.ee_json("webhook", "list")["items"][0]["state"] == "ok")
    tries = receiver.of("credits.minted")[seen:]
    require_equal(len({h["webhook-id"] for h, _, _ in tries}), 1, "ids of one event")
    require(not any(path == "/elsewhere" for path, _, _ in receiver.heard), "a redirect was followed")


def a_certificate_of_a_stranger_hears_nothing(network):
    """TLS is verified: a receiver with another authority's certificate gets no body"""
    made = network.ee_json("webhook", "create", f"https://localhost:{state['stranger'].port}/")
    done = network.ee_json("webhook", "test", made["id"], code=1)
    require_equal((done["delivered"], done["error"]), (False, "tls"), "test")
    require_equal(state["stranger"].heard, [], "heard")
    network.ee_json("webhook", "delete", made["id"])


def addresses_that_are_refused(network):
    """Plain http elsewhere is refused when made; a private address when dialled"""
    problem = network.ee_refused(2, "webhook", "create", "http://example.net/")
    require_equal(problem["error"], "webhook_url", "error")
    made = network.ee_json("webhook", "create", "https://10.0.0.1/")
    done = network.ee_json("webhook", "test", made["id"], code=1)
    require_equal(done["error"], "address_refused", "error")
    network.ee_json("webhook", "delete", made["id"])
    network.ee_refused(3, "webhook", "delete", "9")
    api = network.api("guest")
    require_equal(api.delete(f"/v1/webhooks/{state['id']}").status, 404, "another account's")


def a_rotated_secret_overlaps(network):
    """After a rotation both secrets sign"""
    made = network.ee_json("webhook", "rotate", state["id"])
    require(made["secret"] != state["secret"], "another secret")
    network.ee_json("webhook", "test", state["id"])
    headers, _, body = state["https"].of("webhook.test")[-1]
    require(signed_by(made["secret"], headers, body) and signed_by(state["secret"], headers, body), f"{headers}")
    state["secret"] = made["secret"]


def one_crossing_is_one_alert(network):
    """balance.low comes once when the threshold is crossed and is armed again above it"""
    available = network.balance()[0]
    low = lambda: state["https"].of("balance.low")
    network.ee_json("alert", "set", "--below", f"{(available - 500_000) / 1e6:.6f}")
    require_equal(low(), [], "alerts before")
    network.ee_json("transfer", "guest", "$1")
    event = wait_for("the alert", 5, low)[0][1]
    require_equal(micros(event["data"]["available"]), available - 1_000_000, "available in it")
    network.ee_json("transfer", "guest", "$1")
    network.mint("dev", "$15")
    network.ee_json("transfer", "guest", "$15.2")
    wait_for("the second alert", 5, lambda: len(low()) == 2)
    require(network.ee_json("alert", "show")["below_now"], "shown by ee alert show")


def killed_between_delivery_and_cursor(network):
    """kill -9 when an event has arrived and its answer has not: it comes again under the same id"""
    receiver = state["https"]
    seen = len(receiver.of("credits.minted"))

    def kill_sender():
        receiver.mood = 200
        os.kill(network.control_pid(), signal.SIGKILL)
    receiver.mood = kill_sender
    network.mint("dev", "$0.25", "killed-1")
    wait_for("the event again", 20, lambda: len(receiver.of("credits.minted")) >= seen + 2)
    network.wait_ready()
    arrived = receiver.of("credits.minted")[seen:]
    require_equal({e["data"]["reference"] for _, e, _ in arrived}, {"killed-1"}, "events")
    require_equal(len({h["webhook-id"] for h, _, _ in arrived}), 1, "ids")


def a_killed_control_plane_loses_no_event(network):
    """kill -9 at any moment: every event arrives, at least once, with its own id"""
    receiver, count = state["https"], 12
    seen = len(receiver.of("credits.minted"))
    for number in range(count):
        network.mint("dev", "$0.01", f"kill-{number}")
        if number in (4, 8):
            time.sleep(0.12)
            os.kill(network.control_pid(), signal.SIGKILL)
            network.wait_ready()
    wanted = {f"kill-{n}" for n in range(count)}
    wait_for("all events", 20, lambda: wanted <= {e["data"]["reference"] for _, e, _ in
                                                   receiver.of("credits.minted")[seen:]})
    pairs = {(h["webhook-id"], e["data"]["reference"]) for h, e, _ in receiver.of("credits.minted")[seen:]}
    require_equal(len(pairs), count, "ids and events")


def a_hanging_receiver_holds_up_nobody(network):
    """A receiver that never answers: others are told, the API answers"""
    made = network.ee_json("webhook", "create", f"http://127.0.0.1:{state['plain'].port}/", "--events",
                           "credits.minted")
    state["plain"].mood = "hang"
    network.mint("dev", "$0.5", "hang-1")
    wait_for("it hangs", 5, lambda: state["plain"].of("credits.minted"))
    network.mint("dev", "$0.5", "hang-2")
    wait_for("the other hears of it", 5, lambda: any(e["data"]["reference"] == "hang-2" for _, e, _ in
                                                     state["https"].of("credits.minted")))
    require_equal(len(state["plain"].of("credits.minted")), 1, "one at a time")
    network.ee_json("webhook", "delete", made["id"])


def gone_disables_with_a_reason(network):
    """410 ends it with a reason that the API shows; enabled again it goes on where it stopped"""
    state["https"].mood = 410
    network.mint("dev", "$0.5", "gone-1")
    shown = wait_for("disabled", 5, lambda: [i for i in network.ee_json("webhook", "list")["items"]
                                             if i["state"] == "disabled"])[0]
    require("410" in shown["reason"], f"reason: {shown}")
    network.mint("dev", "$0.5", "gone-2")
    state["https"].mood = 200
    network.ee_json("webhook", "enable", state["id"])
    for reference in ("gone-1", "gone-2"):
        wait_for(reference, 5, lambda: any(e["data"]["reference"] == reference for _, e, _ in
                                           state["https"].of("credits.minted")))


def a_deleted_read_model_brings_nothing_twice(network):
    """The read model is deleted under a stopped control plane: events keep their numbers, nothing is sent again"""
    with sqlite3.connect(network.state / "control" / "read.db") as db:
        before = db.execute("SELECT number, body FROM event ORDER BY number").fetchall()
    heard = len(state["https"].heard)
    os.kill(network.control_pid(), signal.SIGKILL)
    for path in (network.state / "control").glob("read.db*"):
        path.unlink()
    network.wait_ready()

    def rows():
        try:
            with sqlite3.connect(network.state / "control" / "read.db") as db:
                return db.execute("SELECT number, body FROM event ORDER BY number").fetchall()
        except sqlite3.Error:
            return []
    wait_for("the events are back", 10, lambda: rows()[:len(before)] == before)
    time.sleep(0.5)
    require_equal(len(state["https"].heard), heard, "heard")


if __name__ == "__main__":
    run_suite("webhooks", [
        start, an_event_is_delivered_over_verified_tls, what_the_receiver_checks,
        the_secret_is_not_in_journal_or_logs, a_failing_receiver_is_asked_again,
        a_certificate_of_a_stranger_hears_nothing, addresses_that_are_refused, a_rotated_secret_overlaps,
        one_crossing_is_one_alert, killed_between_delivery_and_cursor, a_killed_control_plane_loses_no_event,
        a_hanging_receiver_holds_up_nobody, gone_disables_with_a_reason, a_deleted_read_model_brings_nothing_twice,
    ], start=False)
