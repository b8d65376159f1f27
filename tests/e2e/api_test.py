#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input at each boundary of the control plane, over real TLS: a typed answer that says what to do, or the end of
that connection; never the end of the process."""
import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import ssl
import time

import tunnel
from network import Api, Failed, require, require_equal, run_suite, wait_for

PROBLEM = {"type", "title", "status", "detail", "code", "request_id", "suggestions"}


def require_problem(answer, status, code=None):
    """The answer is application/problem+json with all its members."""
    require_equal(answer.status, status, f"status of {answer}")
    require((answer.headers.get("Content-Type") or "").split(";")[0] == "application/problem+json",
            f"content type {answer.headers.get('Content-Type')}")
    document = answer.json
    require(PROBLEM <= set(document), f"members {sorted(document)}")
    require_equal(document["status"], status, "status in the document")
    require_equal(document["request_id"], answer.headers.get("X-Request-Id"), "request id")
    require(document["type"] == f"https://easyenclave.net/errors/{document['code']}", f"type {document['type']}")
    require(document["detail"] and isinstance(document["suggestions"], list), f"detail and suggestions: {document}")
    if code:
        require_equal(document["code"], code, "code")
    return document


def raw(network, data, which="api", timeout=6, more=()):
    """Sends bytes as they are and gives all that comes back until the peer closes or nothing more comes."""
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(socket.create_connection(network.address(which), timeout))
        peer = plain
        if which != "http":
            peer = stack.enter_context(network.tls().wrap_socket(plain, server_hostname="localhost"))
        peer.sendall(data)
        out = b""
        peer.settimeout(timeout)
        for part in more:
            time.sleep(0.05)
            peer.sendall(part)
        with contextlib.suppress(OSError):
            while True:
                part = peer.recv(65536)
                if not part:
                    break
                out += part
                if out.endswith(b"}") and b"\r\n\r\n" in out:
                    peer.settimeout(0.3)
        return out


def statuses(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


# ---- requests ----

def every_answer_carries_a_request_id(network):
    """X-Request-Id is there on success and failure, different each time; mutations carry a signed checkpoint"""
    seen = set()
    for path in ("/healthz", "/v1/network", "/v1/nothing", "/v1/accounts/me"):
        answer = network.api(None).get(path)
        identity = answer.headers.get("X-Request-Id")
        require(identity and re.fullmatch(r"[0-9a-f]{8,64}", identity), f"{path}: X-Request-Id {identity}")
        seen.add(identity)
    require_equal(len(seen), 4, "different request ids")
    network.mint("dev", "$1")
    answer = network.api().post("/v1/transfers", {"to": "guest", "amount": "0.01"})
    note = base64.b64decode(answer.headers["EE-Checkpoint"]).decode()
    require(note.startswith(f"easyenclave/{network.info['network']}\n"), f"checkpoint note {note!r}")


def body_that_is_not_json(network):
    """Malformed, truncated, empty, deep, non-UTF-8 or non-object bodies are 400"""
    samples = [b"", b"{", b"[]", b"null", b"1", b'"x"', b'{"to":"guest","amount":"1"} x', b'{"to":"guest",,}',
               b'{"to":"guest","amount":"1","to":"dev"}', b'{"to":"\xff\xfe","amount":"1"}', b"\x00", b"{'to':'guest'}",
               b"[" * 5000, b'{"a":' * 5000, b'{"to":"gu\\u0000est","amount":"1"}']
    for body in samples:
        answer = network.api().request("POST", "/v1/transfers", body=body, key=secrets.token_hex(8))
        require_problem(answer, 400)


def body_with_an_unknown_member(network):
    """A misspelt member is refused, not ignored"""
    answer = network.api().post("/v1/transfers", {"to": "guest", "amount": "1", "mmo": "x"})
    require("mmo" in require_problem(answer, 400, "syntax")["detail"], f"names the member: {answer}")
    require_problem(network.api().post("/v1/transfers", {"to": "guest"}), 400, "missing_field")
    require_problem(network.api().post("/v1/evidence", {"challenge": "zz" * 32}), 400)
    require_problem(network.api().get("/v1/nodes?limt=1"), 400)
    for limit in ("0", "201", "-1", "x", "99999999999999999999"):
        require_problem(network.api().get(f"/v1/nodes?limit={limit}"), 400)


def body_that_is_too_large(network):
    """More than 256 KiB is 413, by Content-Length before the body and by counting chunks"""
    big = json.dumps({"to": "guest", "amount": "1", "memo": "x" * (300 * 1024)}).encode()
    answer = None
    with contextlib.suppress(OSError):
        answer = network.api().request("POST", "/v1/transfers", body=big, key="big")
    if answer:
        require_problem(answer, 413)
    head = ("POST /v1/transfers HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: big2\r\nContent-Type: application/json"
            f"\r\nAuthorization: Bearer {network.token('dev')}\r\n")
    require_equal(statuses(raw(network, f"{head}Content-Length: 100000000\r\n\r\n".encode())), [413], "by its length")
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer = b""
    with contextlib.suppress(OSError):
        answer = raw(network, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), more=[chunk] * 5)
    require(not answer or statuses(answer) == [413], f"by chunks: {answer[:100]!r}")


def mutation_without_idempotency_key(network):
    """Every mutation needs Idempotency-Key, 1 to 64 printable characters"""
    body = {"to": "guest", "amount": "0.01"}
    require_problem(network.api().request("POST", "/v1/transfers", body), 400)
    for key in ("x" * 65, "a\tb", "\x7f", "caf\u00e9"):
        with contextlib.suppress(ValueError):
            require_problem(network.api().request("POST", "/v1/transfers", body, key=key), 400)
    require_problem(network.api().request("DELETE", "/v1/apps/none"), 400)


# ---- who may what ----

def token_that_is_not_one(network):
    """No, malformed, unknown or admin tokens are 401 or 403 on account routes, and say which"""
    key = "eek_" + "A" * 43
    for token in ("x", key, "eek_", "eea_" + "A" * 43, network.token("dev")[:-1], network.token("dev") + "A", "'--"):
        require_problem(network.api(None).get("/v1/credits", token=token), 401, "unauthenticated")
    require_problem(network.api(None).get("/v1/credits"), 401, "unauthenticated")
    for line in ("Basic ZGV2OmRldg==", "Bearer", f"bearer{network.token('dev')}", f"Bearer  {key} {key}"):
        answer = network.api(None).get("/v1/credits", headers={"Authorization": line})
        require_problem(answer, 401, "unauthenticated")
    answer = network.api("admin").get("/v1/credits")
    require(answer.status in (401, 403), f"the admin key is not an account's: {answer}")


def key_without_the_scope(network):
    """A key does only what its scopes say, until it is revoked or expires"""
    token = "eek_" + secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    wanted = {"label": "reader", "key_hash": digest, "scopes": ["read"], "expires_s": str(int(time.time()) + 3600)}
    answer = network.api().post("/v1/keys", wanted)
    require(answer.status in (200, 201), f"new key: {answer}")
    reader = network.api(None)
    require_equal(reader.get("/v1/credits", token=token).status, 200, "read")
    require_problem(reader.post("/v1/transfers", {"to": "guest", "amount": "0.01"}, token=token), 403, "forbidden")
    require_problem(reader.get("/v1/keys", token=token), 403, "forbidden")
    require_problem(reader.post("/v1/nodes", {}, token=token), 403, "forbidden")
    shown = network.api().get("/v1/keys")
    require(token not in shown.body.decode() and digest in shown.body.decode(), "the hash is shown, the key never")
    require(network.api().delete(f"/v1/keys/{digest}").status in (200, 204), "revoke")
    require_problem(reader.get("/v1/credits", token=token), 401, "unauthenticated")
    other = dict(wanted, key_hash=secrets.token_hex(32), scopes=["read", "money"])
    require_problem(network.api().post("/v1/keys", other), 400)


def things_of_others_are_missing(network):
    """Somebody else's lease, app, receipt, periods and output answer exactly as if they did not exist"""
    network.mint("dev", "$5")
    require_equal(network.ee("run", "--name", "private", "--", "true").returncode, 0, "the job")
    lease = network.leases("private")[0]["lease"]
    guest, missing = network.api("guest"), secrets.token_hex(16)

    def same(path, other):
        mine, theirs = guest.get(path), guest.get(other)
        require_problem(mine, 404)
        require_problem(theirs, 404)
        strip = lambda a: {k: v for k, v in a.json.items() if k != "request_id"}
        require_equal(strip(mine), strip(theirs), f"{path} and {other}")
    for tail in ("", "/output", "/evidence?nonce=" + "00" * 32):
        same(f"/v1/leases/{lease}{tail}", f"/v1/leases/{missing}{tail}")
    same("/v1/apps/private", "/v1/apps/no-such-app")
    same("/v1/explain/private", "/v1/explain/no-such-app")
    settled = wait_for("settled", 15, lambda: [p for p in network.periods(lease) if p["settle_seq"] not in (None, "0")])
    same(f"/v1/receipts/{settled[0]['settle_seq']}", "/v1/receipts/999999999")
    require_equal(guest.get(f"/v1/periods?lease={lease}").json.get("items", []), [], "periods of others")
    require_problem(guest.delete("/v1/apps/private"), 404)
    require_problem(guest.post(f"/v1/leases/{lease}/start", {"sealed": ""}), 404)
    for path in ("/v1/leases/zz", "/v1/receipts/x", "/v1/receipts/-1", "/v1/receipts/18446744073709551616",
                 "/v1/leases/" + "0" * 31, "/v1/apps/UPPER", "/v1/nothing", "/v1/", "//v1/network", "/v1/network/"):
        answer = network.api().get(path)
        require(answer.status in (400, 404), f"{path}: {answer}")
        require_problem(answer, answer.status)
    answer = network.api().request("PUT", "/v1/transfers", {}, key="x")
    require_problem(answer, 405)
    require("POST" in (answer.headers.get("Allow") or ""), f"Allow: {answer.headers.get('Allow')}")


class Bare:
    """What `Api` needs of a network: another control plane, at the addresses of its ready file."""

    def __init__(self, network, addresses):
        self.addresses, self.tls = addresses, network.tls

    def address(self, which):
        host, port = self.addresses[which].rsplit(":", 1)
        return host, int(port)


def admin_route_without_admin_key(network):
    """An unset admin secret disables its route; no default key works"""
    arguments = network.control_run_arguments()
    at = arguments.index("--admin-key-hash-file")
    words = arguments[:at] + arguments[at + 2:]
    state, ready = network.folder / "bare", network.folder / "bare-ready.json"
    state.mkdir(mode=0o700)
    for name in os.listdir(network.state / "control"):
        if not re.search(r"journal|sqlite|\.db|outputs|evidence|lock|\.sock", name):
            source = network.state / "control" / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, state / name)
    for option, value in (("--state", state), ("--ready-file", ready), ("--listen", "127.0.0.1:0"),
                          ("--gateway-listen", "127.0.0.1:0"), ("--http", "127.0.0.1:0")):
        words[words.index(option) + 1] = str(value)
    child = network.spawn(words, "bare-control")
    try:
        wait_for("the bare control plane", 15, lambda: ready.exists() and ready.read_text().strip().endswith("}"))
        bare = Bare(network, json.loads(ready.read_text()))
        body = {"name": "mallory", "kind": "user", "public_key": "00" * 32, "key_hash": "11" * 32,
                "scopes": ["read"], "expires_s": "0"}
        for token in (None, network.token("admin"), "eea_" + "A" * 43):
            require_problem(Api(bare, token).post("/v1/accounts", body), 403, "disabled")
    finally:
        network.end(child)
    answer = network.api("dev").post("/v1/accounts", body)
    require(answer.status in (401, 403), f"an account's key makes no accounts: {answer}")
    require_problem(network.api(None).post("/v1/accounts", body), 401, "unauthenticated")


# ---- HTTP and TLS ----

def tls_below_1_3(network):
    """TLS 1.2 is refused on the API, and so is plain HTTP"""
    context = network.tls(maximum_version=ssl.TLSVersion.TLSv1_2)
    try:
        with network.connect("api", context=context) as peer:
            raise Failed(f"{peer.version()} was accepted")
    except (ssl.SSLError, ConnectionError):
        pass
    with socket.create_connection(network.address("api"), 5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(OSError):
            require(b"200" not in plain.recv(100), "plain HTTP was answered")
    with network.connect("api") as peer:
        require_equal(peer.version(), "TLSv1.3", "otherwise")


def requests_that_could_be_read_two_ways(network):
    """What one server could read as one request and another as two is 400, and the connection ends"""
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    samples = {
        "length and chunked": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two lengths": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "list of lengths": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 44\r\n\r\n",
        "signed length": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
        "negative length": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "blank before colon": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n",
        "folded line": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "bare line feed": b"GET /healthz HTTP/1.1\nHost: a\n\n",
        "carriage return in a value": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "zero in a value": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "unknown coding": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "misspelt chunked": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "chunked twice": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
                         b"chunked\r\n\r\n0\r\n\r\n",
        "chunked in HTTP/1.0": b"POST /v1/evidence HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunk size with sign": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                b"+0\r\n\r\n",
        "huge chunk size": b"POST /v1/evidence HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"ffffffffffffffff1\r\n",
        "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "no version": b"GET /healthz\r\nHost: a\r\n\r\n",
        "other version": b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
        "space in target": b"GET /health z HTTP/1.1\r\nHost: a\r\n\r\n",
        "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "not HTTP": os.urandom(64).replace(b"\n", b"x") + b"\r\n\r\n",
    }
    wrong = []
    for name, data in samples.items():
        answers = statuses(raw(network, data + smuggled, timeout=4))
        if not answers or answers[0] < 400 or answers[0] >= 600 or len(answers) > 1:
            wrong.append((name, answers))
    require(not wrong, f"answers: {wrong}")


def head_without_an_end(network):
    """A request head that is too large or never ends is refused, not kept"""
    answers = statuses(raw(network, b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n"))
    require(not answers or answers[0] in (400, 413, 414, 431), f"large line: {answers}")
    many = b"".join(b"X%d: a\r\n" % i for i in range(5000))
    answers = statuses(raw(network, b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + many + b"\r\n"))
    require(not answers or answers[0] in (400, 413, 431), f"many lines: {answers}")
    answers = statuses(raw(network, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"))
    require(not answers or answers[0] in (400, 414, 431), f"long target: {answers}")


def requests_in_a_row_on_one_connection(network):
    """Keep-alive and pipelining answer in order; HTTP/1.0 and Connection: close end it"""
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    missing = b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    require_equal(statuses(raw(network, one + missing + one + last)), [200, 404, 200, 200], "pipelined")


# ---- the tunnel ----

def tunnel_from_a_browser(network):
    """A request with Origin is 403 on the tunnel; without the upgrade it is refused too"""
    with tunnel.Tunnel(network, headers={"Origin": "https://evil.example"}) as peer:
        require_equal(peer.status, 403, "with Origin")
    for changes in ({"Upgrade": None}, {"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "short"},
                    {"Sec-WebSocket-Protocol": "other"}, {"Sec-WebSocket-Protocol": None}, {"Connection": "close"}):
        with tunnel.Tunnel(network, headers=changes) as peer:
            require(400 <= peer.status < 500, f"{changes}: {peer.head}")


def frames_of_garbage(network):
    """Garbage in WebSocket and tunnel frames before admission ends that connection and nothing else"""
    def websocket(data):
        return lambda peer: peer.tls.sendall(data)
    control = tunnel.frame(tunnel.CONTROL, b"x" * 10)
    cases = {
        "random bytes": websocket(os.urandom(400)),
        "unmasked": lambda p: p.send_frame(control, masked=False),
        "reserved bit": lambda p: p.send_frame(control, reserved=0x40),
        "reserved opcode": lambda p: p.send_frame(control, opcode=5),
        "text message": lambda p: p.send_frame(b"{}", opcode=tunnel.TEXT),
        "bad UTF-8 text": lambda p: p.send_frame(b"\xff\xfe", opcode=tunnel.TEXT),
        "continuation of nothing": lambda p: p.send_frame(control, opcode=0),
        "fragmented ping": lambda p: p.send_frame(b"", opcode=9, fin=False),
        "long ping": lambda p: p.send_frame(b"x" * 126, opcode=9),
        "endless length": websocket(b"\x82\xff" + b"\xff" * 8 + b"mask"),
        "too large": websocket(b"\x82\xff" + (1 << 30).to_bytes(8, "big") + b"mask"),
        "short close": lambda p: p.send_frame(b"\x03", opcode=8),
        "empty message": lambda p: p.send_frame(b""),
        "half a header": lambda p: p.send_frame(control[:7]),
        "more than it says": lambda p: p.send_frame(control + b"y"),
        "less than it says": lambda p: p.send_frame(tunnel.frame(tunnel.CONTROL, b"x", size=100)),
        "reserved field": lambda p: p.send_frame(tunnel.frame(tunnel.CONTROL, b"{}", reserved=1)),
        "unknown frame": lambda p: p.send(99, b"x"),
        "data first": lambda p: p.send(tunnel.DATA, b"x", stream=1),
        "open first": lambda p: p.send(tunnel.OPEN, b"x", stream=1),
        "control on a stream": lambda p: p.send(tunnel.CONTROL, b"{}", stream=7),
        "not JSON": lambda p: p.send(tunnel.CONTROL, b"{"),
        "an array": lambda p: p.send(tunnel.CONTROL, b"[]"),
        "no type": lambda p: p.control({"x": 1}),
        "unknown type": lambda p: p.control({"type": "surprise"}),
        "checked before hello": lambda p: p.control({"type": "checked", "id": "1", "nonce": "00" * 32, "leases": {}}),
        "exited before hello": lambda p: p.control({"type": "exited", "lease": "00" * 16, "exit_code": 0, "signal": 0,
                                                    "output": ""}),
        "evidence before hello": lambda p: p.control({"type": "evidence", "evidence": "", "signature": "",
                                                      "leases": []}),
        "hello of another network": lambda p: p.control(tunnel.hello("11" * 32)),
        "hello without a challenge": lambda p: p.control({"type": "hello", "node": "node-1"}),
        "hello with a wrong name": lambda p: p.control(tunnel.hello(network.info["network"], node="../x")),
    }
    kept, started = [], time.monotonic()
    silent = tunnel.Tunnel(network, timeout=15)
    for name, send in cases.items():
        with tunnel.Tunnel(network, timeout=4) as peer:
            require_equal(peer.status, 101, f"upgrade: {peer.head}")
            with contextlib.suppress(tunnel.Closed, OSError):
                send(peer)
            try:
                messages = peer.end()
            except TimeoutError:
                kept.append(name)
                continue
            require(not any(m.get("type") in ("admitted", "evidence") for m in messages), f"{name}: {messages}")
    # What may wait for more (its frame is not whole) is bounded by the 10 s of the admission.
    require(set(kept) <= {"endless length", "random bytes", "fragmented ping", "unknown frame", "unknown type",
                          "less than it says", "empty message"}, f"still open after 4 s: {kept}")
    silent.end()
    silent.close()
    require(time.monotonic() - started < 13, "an admission that never began was kept for more than 10 s")


def garbage_after_hello(network):
    """After a good hello anything but good evidence is refused by name; twice hello too"""
    cases = [
        ({"type": "evidence", "evidence": "{}", "signature": "AA==", "leases": []}, True),
        ({"type": "evidence", "evidence": "x" * 200_000, "signature": "AA==", "leases": []}, True),
        ({"type": "evidence"}, True),
        ({"type": "evidence", "evidence": 5, "signature": [], "leases": {}}, True),
        (tunnel.hello(network.info["network"]), False),
        ({"type": "attested", "id": "1", "evidence": "{}"}, False),
        ({"type": "started", "lease": "00" * 16}, False),
    ]
    for message, named in cases:
        with tunnel.Tunnel(network, timeout=12) as peer:
            peer.control(tunnel.hello(network.info["network"]))
            first = peer.message()
            require_equal(first["type"], "evidence", f"answer to hello {first}")
            peer.control(message)
            messages = peer.end()
            require(not any(m["type"] == "admitted" for m in messages), f"{message}: admitted")
            if named:
                require(any(m["type"] == "refused" and m.get("error") for m in messages), f"{message}: {messages}")


def many_connections_that_say_nothing(network):
    """A hundred silent connections do not keep others out"""
    silent = [socket.create_connection(network.address("api"), 5) for _ in range(100)]
    try:
        started = time.monotonic()
        require_equal(network.api(None).get("/healthz").status, 200, "healthz")
        require(time.monotonic() - started < 2, "answered slowly")
    finally:
        for one in silent:
            one.close()


def the_same_process_still_serves(network):
    """After all of that the control plane is the process that was started, ready, and its agents are connected"""
    network.wait_connected()
    require_equal(network.control_pid(), network.info["pids"]["control"], "pid of the control plane")
    require_equal(network.pids()["agents"], network.info["pids"]["agents"], "pids of the agents")
    require_equal(network.api(None).get("/readyz").status, 200, "readyz")


if __name__ == "__main__":
    run_suite("api", [
        every_answer_carries_a_request_id,
        body_that_is_not_json,
        body_with_an_unknown_member,
        body_that_is_too_large,
        mutation_without_idempotency_key,
        token_that_is_not_one,
        key_without_the_scope,
        things_of_others_are_missing,
        admin_route_without_admin_key,
        tls_below_1_3,
        requests_that_could_be_read_two_ways,
        head_without_an_end,
        requests_in_a_row_on_one_connection,
        tunnel_from_a_browser,
        frames_of_garbage,
        garbage_after_hello,
        many_connections_that_say_nothing,
        the_same_process_still_serves,
    ])
