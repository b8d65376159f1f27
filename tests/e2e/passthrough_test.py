#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Apps whose TLS ends in their agent: routed by name alone, never read by the control plane, verified by `ee connect`."""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import secrets
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import crypto
import tunnel
from network import (app_command, clean_environment, free_port, memory_holds, require, require_equal, run_suite,
                     wait_for)
from relay import Relay

NAME = "vault.apps.localhost"
PROTOCOL = "ee-evidence/1"
MIB = 1 << 20
shared = {}


def unverified(**changes):
    """What a client has that trusts nobody: the certificate is the agent's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def dial(network, name=NAME, context=None, timeout=20):
    plain = socket.create_connection(network.address("gateway"), timeout)
    try:
        return (context or unverified()).wrap_socket(plain, server_hostname=name)
    except OSError:
        plain.close()
        raise


def fetch(network, path="/", name=NAME, method="GET", body=None):
    connection = http.client.HTTPConnection(name, timeout=20)
    try:
        connection.sock = dial(network, name)
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def key_hash(peer):
    """SHA-256 of the SubjectPublicKeyInfo of the certificate shown."""
    der = subprocess.run(["openssl", "x509", "-inform", "DER", "-pubkey", "-noout"], input=peer.getpeercert(True),
                         capture_output=True, check=True).stdout
    spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, capture_output=True,
                          check=True).stdout
    return hashlib.sha256(spki).digest()


def tls_ends_in_the_agent(network):
    """`ee deploy --privacy passthrough`: the key shown is the one that the agent's evidence binds; TLS 1.3 only"""
    network.mint("dev", "$20")
    port = shared["port"] = free_port()
    network.deploy("vault", port, *app_command(network, port), options=("--privacy", "passthrough"))
    wait_for("the app answers", 10, lambda: fetch(network)[0] == 200)
    require_equal(fetch(network), (200, b"hello\n"), "answer")
    lease = network.lease("vault")
    evidence = network.api().get(f"/v1/leases/{lease['lease']}/evidence?nonce=" + "ab" * 32)
    bound = crypto.claims_of(evidence.body)["tls_key_hash"]
    with dial(network) as peer:
        require_equal(peer.version(), "TLSv1.3", "version")
        require_equal(key_hash(peer), bound, "the key shown, and the one in the evidence")
    try:
        dial(network, context=unverified(maximum_version=ssl.TLSVersion.TLSv1_2)).close()
        require(False, "TLS 1.2 was accepted")
    except ssl.SSLError:
        pass
    require_equal(network.api().get("/v1/apps/vault").json["privacy"], "passthrough", "privacy in the API")


def clients_of_others(network):
    """openssl s_client and curl reach it; the app's certificate names it"""
    host, port = network.address("gateway")
    done = subprocess.run(["openssl", "s_client", "-quiet", "-connect", f"{host}:{port}", "-servername", NAME],
                          input=f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode(),
                          capture_output=True, timeout=20)
    require(b"hello" in done.stdout, f"openssl: {done.stdout!r} {done.stderr[-300:]!r}")
    done = subprocess.run(["curl", "-sk", "--max-time", "20", "--resolve", f"{NAME}:{port}:{host}", f"https://{NAME}:{port}/"],
                          capture_output=True, timeout=30)
    require_equal(done.stdout, b"hello\n", f"curl: {done.stderr!r}")
    with dial(network) as peer:
        der = peer.getpeercert(True)
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text"], input=der, capture_output=True).stdout
    require(f"DNS:{NAME}".encode() in text, "the name in the certificate")


def http_is_untouched(network):
    """The app gets the lines as the client sent them; nothing is added, renamed or removed"""
    with dial(network) as peer:
        peer.sendall(b"GET /head HTTP/1.1\r\nhOsT: Anything\r\nX-Forwarded-For: 192.0.2.7\r\nX_under: 1\r\n\r\n")
        answer = peer.recv(4096)
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    require_equal([tuple(h) for h in body["headers"]],
                  [("hOsT", "Anything"), ("X-Forwarded-For", "192.0.2.7"), ("X_under", "1")], "header")


def bytes_come_back_exactly(network):
    """Bodies both ways of 0 B to 8 MiB, while client and app both send"""
    rng = random.Random(11)
    for size in (0, 1, MIB, 8 * MIB):
        body = rng.randbytes(size)
        status, back = fetch(network, "/echo", method="POST", body=body)
        require_equal((status, len(back), back == body), (200, size, True), f"POST of {size}")


def slowly(network, name, pieces):
    """A handshake whose first flight goes out in these sizes, then one request."""
    near, far, context = ssl.MemoryBIO(), ssl.MemoryBIO(), unverified()
    tls = context.wrap_bio(near, far, server_hostname=name)
    with socket.create_connection(network.address("gateway"), 20) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = far.read()
        for size in pieces:
            plain.sendall(hello[:size])
            hello = hello[size:]
            time.sleep(0.002)
        plain.sendall(hello)

        def turn(act):
            while True:
                try:
                    result = act()
                    plain.sendall(far.read())
                    return result
                except ssl.SSLWantReadError:
                    plain.sendall(far.read())
                    data = plain.recv(65536)
                    require(data, f"{name}: the connection ended")
                    near.write(data)
        turn(tls.do_handshake)
        turn(lambda: tls.write(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % name.encode()))
        return turn(lambda: tls.read(65536))


def a_hello_in_pieces(network):
    """The first message byte by byte and in odd pieces: routed the same, here and for TLS that ends in the gateway"""
    port = free_port()
    network.deploy("plain", port, *app_command(network, port))
    wait_for("the other app answers", 10, lambda: network.fetch("plain")[0] == 200)
    for name in (NAME, "plain.apps.localhost"):
        for pieces in ([1] * 120, [5, 100, 7], [300], []):
            require(b"200" in slowly(network, name, pieces), f"{name} in {pieces[:3]}")


def a_hello_in_many_records(network):
    """The same message in records of a few bytes"""
    near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unverified().wrap_bio(near, far, server_hostname=NAME)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    record = far.read()
    message = record[5:]
    with socket.create_connection(network.address("gateway"), 20) as plain:
        for at in range(0, len(message), 40):
            part = message[at:at + 40]
            plain.sendall(record[:3] + struct.pack(">H", len(part)) + part)
        answer = plain.recv(65536)
    require(answer[:1] == b"\x16", f"answer {answer[:10]!r}")


def what_is_no_hello(network):
    """Another protocol, no name, an address as name, a name nobody has: closed, or served by the terminating listener"""
    for first in (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", b"\x16\x03\x01\xff\xff"):
        with socket.create_connection(network.address("gateway"), 5) as plain:
            plain.sendall(first)
            with contextlib.suppress(ConnectionResetError):
                require_equal(plain.recv(10), b"", f"{first!r}")
    for name in (None, "127.0.0.1", "nobody.apps.localhost", "localhost"):
        plain = socket.create_connection(network.address("gateway"), 5)
        with unverified().wrap_socket(plain, server_hostname=name) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: plain.apps.localhost\r\n\r\n")
            require(b" 200 " in peer.recv(4096), f"SNI {name}: the terminating listener")


def requests_that_came_another_way(network):
    """HTTP that the gateway ended never reaches the app: 421"""
    status, body = network.fetch("plain", headers={"Host": NAME})
    require_equal(status, 421, f"{body!r}")
    with socket.create_connection(network.address("http"), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: vault\r\n\r\n")
        require(b" 421 " in plain.recv(4096), "on the plain listener")


def until_the_end():
    """A service that answers once its client has ended: how much it got, and the hash of it."""
    server = socket.create_server(("127.0.0.1", 0))

    def one(peer):
        with peer, contextlib.suppress(OSError):
            got, size = hashlib.sha256(), 0
            while data := peer.recv(65536):
                got.update(data)
                size += len(data)
            peer.sendall(b"%d %s" % (size, got.hexdigest().encode()))

    def serve():
        while True:
            threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


ENDING = until_the_end()


def each_direction_ends_by_itself(network):
    """`--expose NAME=tls:...`: the client's end (close_notify) reaches the service, whose answer still comes"""
    body = random.Random(3).randbytes(3 * MIB)
    near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unverified().wrap_bio(near, far, server_hostname="eof.apps.localhost")
    with socket.create_connection(network.address("gateway"), 20) as plain:
        def turn(act):
            while True:
                try:
                    result = act()
                    if far.pending:
                        plain.sendall(far.read())
                    return result
                except ssl.SSLWantReadError:
                    if far.pending:
                        plain.sendall(far.read())
                    data = plain.recv(65536)
                    require(data, "the connection ended")
                    near.write(data)
        turn(tls.do_handshake)
        for at in range(0, len(body), 16384):
            tls.write(body[at:at + 16384])
            plain.sendall(far.read())
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        plain.sendall(far.read())
        plain.shutdown(socket.SHUT_WR)
        answer = turn(lambda: tls.read(1000))
    require_equal(answer, b"%d %s" % (len(body), hashlib.sha256(body).hexdigest().encode()), "what the service got")


def a_client_cut_off(network):
    """A client that vanishes without close_notify: the app sees a reset, not an end"""
    peer = dial(network)
    peer.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    time.sleep(0.2)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(peer.detach())
    wait_for("the app has seen a reset", 5, lambda: "/echo" in json.loads(fetch(network, "/seen")[1]))


def the_control_plane_never_holds_the_plaintext(network):
    """What went through is in the app's answer, and in no memory, log or file of the control plane"""
    secret = secrets.token_hex(24).encode()
    with dial(network) as peer:
        peer.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Secret: %s\r\nContent-Length: %d\r\n\r\n%s"
                     % (secret[::-1], len(secret), secret))
        answer = b""
        while secret not in answer:
            data = peer.recv(4096)
            require(data, "no answer")
            answer += data
        if os.geteuid() == 0:
            pid = network.control_pid()
            require(memory_holds(pid, NAME.encode()), "the search finds what is there: the name")
            for wanted in (secret, secret[::-1]):
                require(not memory_holds(pid, wanted), "in the control plane's memory")
    for path in [network.log_path, *network.state.rglob("*")]:
        if path.is_file() and not path.is_symlink():
            require(secret not in path.read_bytes(), f"in {path}")
    require("passed through" in network.log("control"), "the connection is in the log")


# ---- ee connect ----

def connect(network, *words, profile=None, json_output=True):
    """`ee connect vault` in the background; gives it, its first line and the port."""
    environment = clean_environment({"EE_PROFILE": profile or network.info["profiles"]["dev"],
                                     "XDG_STATE_HOME": str(network.folder / "client")})
    process = subprocess.Popen([network.ee_path, "connect", "vault", *(["--json"] if json_output else []), *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                               text=True)
    network.children.append(process)
    line = process.stdout.readline()
    if not line:
        return process, None
    return process, json.loads(line) if json_output else line


def through(document, path="/", timeout=10):
    port = int(document["url"].rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def ee_connect_verifies_the_agent(network):
    """`ee connect` verifies the agent over its own TLS, channel-bound, with lease and deployment in its log, and pins"""
    process, said = connect(network)
    try:
        require(said, f"nothing said: {process.stderr.read() if process.poll() is not None else ''}")
        lease = network.lease("vault")
        require_equal((said["tls_ends_in"], said["node"], said["lease"], said["deployment_logged"]),
                      ("agent", lease["node"], lease["lease"], True), "what was verified")
        require_equal(said["attested"]["proof"], "channel-bound", "proof")
        with dial(network) as peer:
            require_equal(said["tls_key_hash"], key_hash(peer).hex(), "the key pinned")
        require_equal(through(said), (200, b"hello\n"), "through the proxy")
        status, body = through(said, "/big?n=3000000")
        require_equal((status, len(body)), (200, 3000000), "a large answer")
    finally:
        network.end(process)
    process, line = connect(network, json_output=False)
    process.terminate()
    told = process.communicate(timeout=5)[1]
    for words in ("control plane verified", "agent of", "channel-bound", "its log says", "TLS key pinned", "TLS ends in the attested agent"):
        require(words in told, f"'{words}' is not in: {told}")


def refuses(network, relay, error):
    """`ee connect` through the relay: exit 7 for this reason, and no request was sent."""
    profile = network.profile_copy("dev", "through-relay", gateway=f"https://{relay.address}")
    problem = network.ee_refused(7, "connect", "vault", profile=profile, timeout=30)
    require_equal(problem["error"], error, f"{problem}")
    require(b"GET " not in relay.from_client, "a request was sent")


def somebody_in_the_middle(network):
    """A relay that ends TLS: refused, whether it speaks the protocol or not, and with evidence of others"""
    certificate, key = tunnel.own_certificate(network.folder, "pt-middle")
    options = {"target": "gateway", "name": NAME}
    with Relay(network, certificate, key, protocols=[PROTOCOL], **options) as relay:
        refuses(network, relay, "not_fresh")
        require(relay.from_server, "it saw the agent's evidence")
        document = bytes(relay.from_server)
    with Relay(network, certificate, key, **options) as relay:
        refuses(network, relay, "not_bound")
    with Relay(network, certificate, key, protocols=[PROTOCOL], answer=lambda _: document, **options) as relay:
        refuses(network, relay, "not_fresh")

    def framed(text):
        body = crypto.label("ee-evidence-answer") + b"\0" + struct.pack(">I", len(text)) + text
        return struct.pack(">I", len(body)) + body
    own = network.api(None).get("/v1/evidence?nonce=" + "ab" * 32).body
    other_node = next(n for n in ("node-1", "node-2", "node-3") if n != network.lease("vault")["node"])
    network.ee_json("run", "--name", "other", "--detach", "--node", other_node, "--", "/bin/sleep", "60")
    lease = wait_for("the job runs", 10, lambda: next(
        (i for i in network.leases("other") if i["state"] == "running"), None))["lease"]
    other = network.api().get(f"/v1/leases/{lease}/evidence?nonce=" + "cd" * 32).body
    network.ee_json("stop", "other")
    flipped = bytearray(framed(own))
    flipped[-300] ^= 1
    for what, text, error in (("the control plane", framed(own), "wrong_role"),
                              ("another node", framed(other), "wrong_identity"),
                              ("garbage", b"\0\0\0\x04abcd", "too_large"),
                              ("a flipped bit", bytes(flipped), "proof")):
        with Relay(network, certificate, key, protocols=[PROTOCOL], answer=lambda _, text=text: text, **options) as relay:
            print(f"# evidence of {what}", flush=True)
            refuses(network, relay, error)


def the_relay_comes_later(network):
    """A key that changes while it runs: verified again; when it does not hold, connections are reset and it ends with 7"""
    certificate, key = tunnel.own_certificate(network.folder, "pt-later")
    port = free_port()
    host, real = network.address("gateway")
    profile = network.profile_copy("dev", "switched", gateway=f"https://127.0.0.1:{port}")

    def pipe(to):
        return subprocess.Popen(["/usr/bin/python3", "-c", PIPE, str(port), to], stdin=subprocess.DEVNULL)
    first = pipe(f"{host}:{real}")
    network.children.append(first)
    wait_for("the pipe listens", 5, lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
    process, said = connect(network, profile=profile)
    require(said, "it did not start")
    require_equal(through(said)[0], 200, "through an honest pipe")
    network.end(first)
    with Relay(network, certificate, key, protocols=[PROTOCOL, "http/1.1"], target="gateway", name=NAME) as relay:
        second = pipe(relay.address)
        network.children.append(second)
        wait_for("the pipe listens", 5, lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        require_equal(through(said)[0], 0, "through the relay")
        require_equal(process.wait(20), 7, "exit code")
        require(b"GET " not in relay.from_client, "a request was sent")
        network.end(second)


PIPE = """
import socket, sys, threading
host, _, port = sys.argv[2].rpartition(":")
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def copy(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
while True:
    near, _ = server.accept()
    far = socket.create_connection((host, int(port)))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""


def the_protocol_never_reaches_the_app(network):
    """Questions for evidence that are malformed, too long or cut: the connection ends, the app hears nothing"""
    context = unverified()
    context.set_alpn_protocols([PROTOCOL])
    good = crypto.label("ee-evidence-ask") + bytes(32)
    for what, text in (("another label", struct.pack(">I", 50) + b"\x0fee-evidence-xxx\0\x01" + bytes(32)),
                       ("too long", struct.pack(">I", 51) + good + b"x"), ("huge", b"\xff" * 54),
                       ("HTTP", b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n" + b" " * 40)):
        with dial(network, context=context) as peer:
            require_equal(peer.selected_alpn_protocol(), PROTOCOL, "protocol")
            peer.sendall(text)
            with contextlib.suppress(OSError):
                require_equal(peer.recv(100), b"", what)
    with dial(network, context=context) as peer:
        question = struct.pack(">I", len(good)) + good
        for byte in question:
            peer.sendall(bytes([byte]))
        answer = b""
        while data := peer.recv(65536):
            answer += data
        require_equal(struct.unpack(">I", answer[:4])[0], len(answer) - 4, "length of the answer")
        require(b'"quote"' in answer, "evidence")
    require_equal(fetch(network)[0], 200, "the app")


def a_chain_from_an_authority(network):
    """`ee-agent csr`, signed by an authority and put beside the agent: shown after SIGHUP; the key stays the attested one"""
    node = network.lease("vault")["node"]
    words = network.agent_run_arguments(node)
    state = pathlib.Path(words[words.index("--state") + 1])
    request, signed = network.folder / "vault.csr", network.folder / "vault.crt"
    with open(request, "wb") as out:
        subprocess.run([network.programs / "ee-agent", "csr", "--state", state, NAME], stdout=out, check=True, timeout=20)
    extensions = network.folder / "vault.ext"
    extensions.write_text(f"subjectAltName=DNS:{NAME}\n")
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", network.state / "ca.crt", "-CAkey",
                    network.state / "ca.key", "-set_serial", "77", "-days", "2", "-extfile", extensions, "-out", signed],
                   check=True, capture_output=True)
    with dial(network) as peer:
        before = key_hash(peer)
    (state / "certificates").mkdir()
    shutil.copy(signed, state / "certificates" / f"{NAME}.pem")
    os.kill(network.agent_pid(node), signal.SIGHUP)

    def trusted():
        with contextlib.suppress(ssl.SSLError), dial(network, context=network.tls()) as peer:
            return key_hash(peer)
    require_equal(wait_for("an ordinary client trusts it", 10, trusted), before, "the key")
    (state / "certificates" / f"{NAME}.pem").write_bytes((network.state / "ca.crt").read_bytes())  # of another key
    os.kill(network.agent_pid(node), signal.SIGHUP)
    wait_for("another key's is not used", 10, lambda: not trusted())
    require_equal(fetch(network)[0], 200, "self-issued again")


def moved_to_another_node(network):
    """The app's agent is killed: `ee connect` goes on after a new verification, on the node it moved to"""
    process, said = connect(network, "-p", str(free_port()), json_output=False)
    document = {"url": said.strip()}
    require_equal(through(document)[0], 200, "before")
    old = network.lease("vault")["node"]
    os.kill(network.agent_pid(old), signal.SIGKILL)
    try:
        wait_for("it answers again", 40, lambda: through(document, timeout=3)[0] == 200, every=0.5)
        new = network.lease("vault")["node"]
        require(new != old, "it did not move")
        process.terminate()
        told = process.communicate(timeout=5)[1]
        require(f"agent of {new} verified" in told, f"said: {told}")
    finally:
        network.end(process)


def no_replica(network):
    """Without a live replica the client gets a TLS alert at once"""
    network.ee_json("stop", "vault")
    wait_for("it has ended", 10, lambda: not network.lease("vault"))
    try:
        dial(network).close()
        require(False, "connected")
    except ssl.SSLError as problem:
        require("internal error" in str(problem).lower(), f"{problem}")
    problem = network.ee_json("connect", "vault", code=75, timeout=20)
    require_equal(problem["error"], "unavailable", "ee connect")


def a_measurement_that_is_not_allowed(network):
    """An agent whose measurement the founding key has retired: `ee connect` refuses it with exit 7"""
    network.deploy("vault", shared["port"], *app_command(network, shared["port"]), options=("--privacy", "passthrough"))
    wait_for("the app answers", 10, lambda: fetch(network)[0] == 200)
    process, said = connect(network)
    require(said and said["node"] == network.lease("vault")["node"], "before")
    network.end(process)
    measured = said["attested"]["measurement_digest"]
    network.ee_json("allow", "retire", "--role", "agent", "--measurement", measured, "--label", "ee-agent", profile="founding")
    problem = network.ee_refused(7, "connect", "vault", timeout=20)
    require_equal(problem["error"], "measurement", f"{problem}")


if __name__ == "__main__":
    run_suite("passthrough", [
        tls_ends_in_the_agent,
        clients_of_others,
        http_is_untouched,
        bytes_come_back_exactly,
        a_hello_in_pieces,
        a_hello_in_many_records,
        what_is_no_hello,
        requests_that_came_another_way,
        each_direction_ends_by_itself,
        a_client_cut_off,
        the_control_plane_never_holds_the_plaintext,
        ee_connect_verifies_the_agent,
        somebody_in_the_middle,
        the_relay_comes_later,
        the_protocol_never_reaches_the_app,
        a_chain_from_an_authority,
        moved_to_another_node,
        no_replica,
        a_measurement_that_is_not_allowed,
    ], options=("--expose", f"eof=tls:127.0.0.1:{ENDING}"))
