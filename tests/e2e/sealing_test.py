#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A journal whose key three holders keep, two of whom open it: ceremony, locked start, kill -9, loss of the whole
trust domain, a wrong measurement, a new key, an older store started twice."""
import base64
import contextlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

from network import clean_environment, require, require_equal, run_suite, wait_for

HOLDERS = ("alice", "bob", "carol")
shared = {}


def tool(*words, code=0, home=None):
    """ee-control WORDS; gives what it said on both channels."""
    done = subprocess.run([shared["control"], *map(str, words)], capture_output=True, text=True, timeout=30,
                          env=clean_environment({"XDG_STATE_HOME": str(home or shared["folder"] / "holder-state")}))
    require_equal(done.returncode, code, f"{words[0]} {words[1]}: {(done.stdout + done.stderr)[-400:]}")
    return done.stdout + done.stderr


def holders_list(name, number, threshold, holders):
    path = shared["folder"] / name
    tool("holder", "list", "--genesis", shared["genesis"], "--founding-key-file", shared["founding"], "--number", number,
         "--threshold", threshold, "-o", path, *(f"{h}={shared['public'][h]}" for h in holders))
    return path


def unseal(holder, *words, code=0, **options):
    text = tool("unseal", "--genesis", shared["genesis"], "--api", f"https://{shared['address']}", "--key",
                shared["folder"] / f"{holder}.key", *words, *([] if code else ["--json"]), code=code, **options)
    return json.loads(text) if code == 0 else text


def start(network, name, locked, extra=(), state=None, platform=None):
    """Starts the control plane on the address it always has; waits until it is locked, or serves."""
    arguments = list(shared["arguments"])
    if state:
        arguments[arguments.index("--state") + 1] = str(state)
        arguments[arguments.index("--tls-chain") + 1] = str(state / "tls.crt")
    if platform:
        arguments[arguments.index("--sim-platform") + 1] = str(platform)
    ready = pathlib.Path(arguments[arguments.index("--ready-file") + 1])
    ready.unlink(missing_ok=True)
    child = network.spawn([*arguments, *map(str, extra)], name)
    wait_for("ready file", 15, lambda: ready.exists() or child.poll() is not None)
    require(child.poll() is None, f"it ended: {network.tail(child.log)}")
    require_equal(json.loads(ready.read_text()).get("locked", False), locked, "locked")
    if not locked:
        network.wait_ready()
    return child


def unlocked(network):
    network.wait_ready()


def kill(child):
    child.send_signal(signal.SIGKILL)
    child.wait()


def pieces(path):
    """(key id, salt, counter) of every sealed row and of every value beside them that is sealed."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT form, body FROM batch ORDER BY batch").fetchall()
    require(rows and all(form == 2 and body[0] == 1 for form, body in rows), "a row that is not sealed")
    return [(body[1:17], body[17:49], body[49:57]) for _, body in rows]


def key_is_made_and_shared_at_the_first_start(network):
    """With an empty journal and a signed list the key is made; its shares lie in the store, the key nowhere on disk"""
    arguments = network.control_run_arguments()
    host, port = network.address("api")
    shared.update(folder=network.folder, control=arguments[0], address=f"{host}:{port}",
                  genesis=arguments[arguments.index("--genesis") + 1], founding=network.state / "founding.key",
                  state=pathlib.Path(arguments[arguments.index("--state") + 1]), public={})
    arguments[arguments.index("--listen") + 1] = shared["address"]
    shared["arguments"] = arguments
    require("a file beside it" in network.log("control"), "the control plane of `ee dev` did not say where its key is")
    network.stop()
    for holder in (*HOLDERS, "dave"):
        text = tool("holder", "key", "-o", network.folder / f"{holder}.key")
        shared["public"][holder] = json.loads(text)["public_key"]
    shared["list"] = holders_list("holders-1.json", 1, 2, HOLDERS)
    for name in ("journal.db", "journal.db-wal", "journal.db-shm", "journal.key"):
        (shared["state"] / name).unlink(missing_ok=True)
    shutil.rmtree(shared["state"] / "evidence")
    shutil.rmtree(network.folder / "client", ignore_errors=True)
    text = network.spawn([*arguments, "--holders", str(network.folder / "alice.key")], "no-list")
    require(text.wait(15) != 0, "it started with a list that nobody signed")
    child = start(network, "first", False, ["--holders", shared["list"]])
    for profile in ("dev.json", "dev.token", "guest.json", "guest.token"):
        (network.state / "profiles" / profile).unlink(missing_ok=True)
    for account in ("guest", "dev"):
        network.ee_json("account", "create", account, "--kind", "user", "--out", network.state / "profiles",
                        profile="admin")
    require(not (shared["state"] / "journal.key").exists(), "a key file")
    pieces(shared["state"] / "journal.db")
    kill(child)


def locked_start_serves_nothing_but_the_unseal_route(network):
    """After kill -9: probes, evidence and the unseal route answer, all else 503 `locked`, the tunnel too"""
    child = start(network, "locked", True)
    api = network.api(None)
    require_equal(api.get("/healthz").status, 200, "healthz")
    ready = api.get("/readyz")
    require_equal((ready.status, ready.json["reasons"]), (503, ["locked: the holders of the journal's key have not "
                                                                "sent it"]), "readyz")
    require_equal(api.get("/v1/evidence?nonce=" + "07" * 32).status, 200, "evidence")
    state = api.get("/v1/unseal").json
    require_equal((state["locked"], state["threshold"], state["holders"], state["received"]), (True, 2, 3, []), "state")
    for path in ("/v1/network", "/v1/checkpoint", "/v1/credits", "/v1/tunnel", "/v1/nodes"):
        answer = network.api("admin").get(path)
        require(answer.status == 503, f"{path}: {answer}")
        require(path == "/v1/tunnel" or answer.json["type"].endswith("locked") or "locked" in str(answer.json),
                f"{path}: {answer}")
    require_equal(network.api("admin").post("/v1/accounts", {}).status, 503, "a mutation")
    shared["child"] = child


def shares_that_are_wrong_are_named(network):
    """One share is not enough; one made up, one for another share's place and one for another start do not open"""
    api = network.api(None)
    require_equal(unseal("alice")["received"], ["alice"], "received")
    require_equal(unseal("alice")["received"], ["alice"], "the same share again")
    answer = api.post("/v1/unseal", {"share": 2, "sealed": "5a" * 80})
    require(answer.status == 422 and "bob" in answer.json["detail"], f"a share made up: {answer}")
    require_equal(api.post("/v1/unseal", {"share": 9, "sealed": "5a" * 80}).status, 400, "a share of nobody")
    require("none of the 3 shares" in unseal("dave", code=3), "a holder of nothing")
    require_equal(network.api(None).get("/v1/unseal").json["received"], ["alice"], "after all that")
    require_equal(api.get("/readyz").status, 503, "still locked")


def last_share_unlocks(network):
    """The second holder's share unlocks; what was acknowledged before kill -9 is there; then kill -9 and again"""
    answer = unseal("carol")
    require(not answer["locked"], f"{answer}")
    unlocked(network)
    require_equal(network.api("guest").get("/v1/accounts/me").json["name"], "guest", "an account from before")
    require_equal(network.api(None).get("/v1/unseal").json["locked"], False, "state")
    require(not unseal("bob")["locked"], "a holder who comes too late")
    kill(shared["child"])
    child = start(network, "again", True)
    unseal("bob")
    require(not unseal("alice")["locked"], "bob and alice")
    unlocked(network)
    shared["child"] = child


def wrong_measurement_gets_no_share(network):
    """A control plane of another measurement: the holder's tool refuses with exit 7 and sends nothing"""
    kill(shared["child"])
    platform = pathlib.Path(shared["arguments"][shared["arguments"].index("--sim-platform") + 1])
    other = network.folder / "other-platform.json"
    other.write_text(json.dumps(dict(json.loads(platform.read_text()), program="ee-agent")))
    other.chmod(0o600)
    child = start(network, "wrong", True, platform=other)
    text = unseal("alice", code=7)
    require("is not in the allow-list" in text, f"the reason: {text}")
    shared["measurement"] = text.split("the measurement ")[1].split()[0]
    require_equal(network.api(None).get("/v1/unseal").json["received"], [], "received")
    require("POST /v1/unseal" not in network.tail(child.log, 100000), "something was sent")
    child.send_signal(signal.SIGTERM)
    require_equal(child.wait(10), 0, "a locked control plane that is told to stop")


def measurement_allowed_later_needs_the_signed_change(network):
    """After an upgrade the locked control plane cannot show the change that allows it: the holder brings it"""
    child = start(network, "before-upgrade", True)
    unseal("alice")
    unseal("bob")
    unlocked(network)
    network.ee_json("allow", "add", "--role", "control", "--measurement", shared["measurement"], "--label", "next",
                    profile="founding")
    shared["key"] = network.api(None).get("/v1/checkpoint-keys").json["key"]
    changes = network.folder / "changes.json"
    changes.write_bytes(network.api(None).get("/v1/allow-changes").body)
    kill(child)
    child = start(network, "upgraded", True, platform=network.folder / "other-platform.json")
    require("is not in the allow-list" in unseal("alice", code=7), "without the change")
    unseal("alice", "--allow-changes", changes)
    require(not unseal("bob", "--allow-changes", changes)["locked"], "with the change")
    unlocked(network)
    forged = json.loads(changes.read_text())
    receipt = json.loads(forged["items"][0]["receipt"])
    body = bytearray(base64.b64decode(receipt["receipt"]))
    at = body.index(bytes.fromhex(shared["measurement"]))
    body[at] ^= 1
    receipt["receipt"] = base64.b64encode(body).decode()
    forged["items"][0]["receipt"] = json.dumps(receipt, separators=(",", ":")) + "\n"
    changes.write_text(json.dumps(forged))
    unseal("carol", "--allow-changes", changes, code=7)
    kill(child)


def whole_machine_is_lost(network):
    """Only a copy of the store is left, in a new trust domain with other keys: the founding key's statement of the new
    checkpoint key, and holders open it"""
    new = network.folder / "new-machine"
    new.mkdir(mode=0o700)
    request = network.folder / "new.csr"
    request.write_text(json.loads(tool("init", "--state", new))["csr"])
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", network.state / "ca.crt", "-CAkey",
                    network.state / "ca.key", "-CAcreateserial", "-copy_extensions", "copy", "-out", new / "tls.crt"],
                   check=True, capture_output=True)
    with contextlib.closing(sqlite3.connect(shared["state"] / "journal.db")) as old, \
            contextlib.closing(sqlite3.connect(new / "journal.db")) as copy:
        old.backup(copy)
    (new / "journal.db").chmod(0o600)
    child = start(network, "unknown-key", True, state=new)
    unseal("alice")
    unseal("bob")
    require_equal(child.wait(20), 7, "a start with a checkpoint key that follows nothing")
    request, signed = network.folder / "key-request.json", network.folder / "succession"
    request.write_text(tool("checkpoint-key", "request", "--state", new, "--old", shared["key"]))
    network.ee_json("checkpoint-key", "sign", request, "-o", signed, profile="founding")
    tool("checkpoint-key", "apply", "--state", new, "--genesis", shared["genesis"], "--succession", signed)
    child = start(network, "new-machine", True, state=new)
    unseal("alice")
    require(not unseal("bob")["locked"], "alice and bob")
    unlocked(network)
    require_equal(network.api("guest").get("/v1/accounts/me").json["name"], "guest", "an account of the lost machine")
    kill(child)


def older_store_started_twice_repeats_no_nonce(network):
    """The same older copy started twice and written to: no key id, salt and counter come twice"""
    seen = []
    for name in ("copy-1", "copy-2"):
        folder = network.folder / name
        shutil.copytree(shared["state"], folder, ignore=shutil.ignore_patterns("*.sock"))
        child = start(network, name, True, state=folder)
        unseal("alice")
        unseal("bob")
        unlocked(network)
        network.api("admin").post("/v1/accounts", {"name": name, "kind": "user", "key_hash": "ab" * 32,
                                                         "scopes": ["read"], "expires_s": "4000000000"})
        kill(child)
        seen.append(pieces(folder / "journal.db"))
    before = pieces(shared["state"] / "journal.db")
    new = [piece for copy in seen for piece in copy[len(before):]]
    require(all(copy[:len(before)] == before and len(copy) > len(before) for copy in seen), "not the same beginning")
    require_equal(len(set(new) | set(before)), len(new) + len(before), "distinct pieces")


def new_key_while_killed(network):
    """A new key for other holders, killed at random moments: it is there whole or not at all, all rows stay readable"""
    number, current = 1, ("alice", "bob")
    for delay in (0.015, 0.02, 0.03, None):
        child = start(network, "renewed", True)
        state = [unseal(holder) for holder in current][-1]
        require(not state["locked"], f"{state}")
        unlocked(network)
        generation = int(state["generation"])
        number += 1
        lists = {h: holders_list(f"holders-{number}.json", number, 2, h) for h in (("carol", "dave"),)}
        request = subprocess.Popen([shared["control"], "journal-key", "--genesis", shared["genesis"], "--api",
                                    f"https://{shared['address']}", "--holders", *map(str, lists.values()), "--json"],
                                   env=clean_environment({"XDG_STATE_HOME": str(network.folder / "client")}),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if delay is None:
            answer = json.loads(request.communicate(timeout=20)[0])
            require_equal(int(answer["generation"]), generation + 1, "generation")
            again = network.api(None).post("/v1/journal-key", {"holders": next(iter(lists.values())).read_text()}).json
            require_equal(again["generation"], answer["generation"], "the same list again")
        else:
            time.sleep(delay)
        kill(child)
        if request.poll() is None:
            request.kill()  # it would wait for the control plane to come back
        request.wait(5)
        if request.stdout:
            request.stdout.close()
        # Closed at once: while anybody has it open, what a killed writer had just committed does not show.
        with contextlib.closing(sqlite3.connect(f"file:{shared['state'] / 'journal.db'}?mode=ro", uri=True)) as db:
            keys = {key for key, in db.execute("SELECT key FROM meta WHERE key LIKE 'journal-key.%'")}
        if f"journal-key.{generation + 1}" in keys:
            current = ("carol", "dave")
    require_equal(current, ("carol", "dave"), "holders after a new key")
    child = start(network, "old-holders", True)
    require("none of the 2 shares" in unseal("alice", code=3), "a holder of the old key")
    unseal("carol")
    require(not unseal("dave")["locked"], "the new holders")
    unlocked(network)
    old = tool("journal-key", "--genesis", shared["genesis"], "--api", f"https://{shared['address']}", "--holders",
               shared["list"], code=5, home=network.folder / "client")
    require("not newer" in old, f"an older list: {old}")
    kill(child)
    require(len({key for key, _, _ in pieces(shared["state"] / "journal.db")}) >= 2, "rows of one key only")


def holder_notices_an_older_key(network):
    """A store from before the new key: a holder who was shown the new one refuses with exit 7 and sends nothing"""
    folder = network.folder / "put-back"
    shutil.copytree(shared["state"], folder, ignore=shutil.ignore_patterns("*.sock"))
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'journal-key.2'")
    child = start(network, "put-back", True, state=folder)
    require("put back or changed" in unseal("alice", code=7), "alice, who was shown generation 2")
    kill(child)


def tools_open_it_with_enough_holders(network):
    """journal verify with two holders' keys here; with one, none, or wrong ones it does not open; no key is in a log"""
    words = ("journal", "verify", "--state", shared["state"], "--json")
    keys = [word for h in ("carol", "dave") for word in ("--holder-key", network.folder / f"{h}.key")]
    report = json.loads(tool(*words, *keys))
    require(report["ok"] and report["opened"], f"{report}")
    require_equal(json.loads(tool(*words, *keys[:2], code=2))["error"], "range", "one holder")
    require_equal(json.loads(tool(*words, code=2))["error"], "unsupported", "no key")
    report = json.loads(tool("journal", "backup", "--state", shared["state"], "--to", network.folder / "sealed.db",
                             "--json"))
    require(report["ok"] and not report["opened"], f"backup: {report}")
    lines = tool("journal", "export", "--state", shared["state"], *keys)
    require('"kind":"genesis"' in lines and lines.count("\n") == report["commands"], "export")
    secrets = [(network.folder / f"{h}.key").read_text().strip() for h in HOLDERS]
    for log in network.folder.glob("*.log"):
        require(not any(secret in log.read_text(errors="replace") for secret in secrets), f"a key in {log}")


if __name__ == "__main__":
    run_suite("sealing", [
        key_is_made_and_shared_at_the_first_start,
        locked_start_serves_nothing_but_the_unseal_route,
        shares_that_are_wrong_are_named,
        last_share_unlocks,
        wrong_measurement_gets_no_share,
        measurement_allowed_later_needs_the_signed_change,
        whole_machine_is_lost,
        older_store_started_twice_repeats_no_nonce,
        new_key_while_killed,
        holder_notices_an_older_key,
        tools_open_it_with_enough_holders,
    ])
