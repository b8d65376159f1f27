#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates: requests for the key made here, chains installed and chosen by name, SIGHUP, warnings, ACME HTTP-01."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess

from network import FULL, Skipped, clean_environment, program, require, require_equal, run_suite, wait_for

shared = {}


def state(network):
    return network.state / "control"


def cert(network, *words, code=0, folder=None):
    """ee-control cert WORDS; gives what it printed."""
    done = subprocess.run([program("ee-control"), "cert", words[0], "--state", str(folder or state(network)),
                           *map(str, words[1:])], capture_output=True, text=True, env=clean_environment(), timeout=30)
    require_equal(done.returncode, code, f"cert {' '.join(map(str, words))}: {done.stderr.strip()[:300]}")
    return done.stdout if code == 0 else done.stderr


def openssl(*words, stdin=None):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30, input=stdin)


class Authority:
    """A root and an intermediate authority, as a public one would be."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.make("root", None, "critical,CA:TRUE")
        self.make("middle", "root", "critical,CA:TRUE,pathlen:0")

    def path(self, name):
        return self.folder / name

    def make(self, name, issuer, constraints):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"))
        self.sign(self.path(f"{name}.csr"), name, issuer or name, f"basicConstraints={constraints}\n", self_key=not issuer)

    def sign(self, csr, name, issuer, extensions, days=90, self_key=False):
        config = self.path(f"{name}.ext")
        config.write_text(extensions)
        how = ["-signkey", self.path(f"{issuer}.key")] if self_key else [
            "-CA", self.path(f"{issuer}.crt"), "-CAkey", self.path(f"{issuer}.key"), "-CAcreateserial"]
        openssl("x509", "-req", "-in", csr, *how, "-days", days, "-extfile", config, "-out", self.path(f"{name}.crt"))

    def chain(self, csr, name, *names, days=90, reverse=False):
        """leaf + intermediate for a request"""
        text = ",".join(f"DNS:{n}" for n in names)
        self.sign(csr, name, "middle", f"subjectAltName={text}\n", days)
        parts = [self.path(f"{name}.crt").read_text(), self.path("middle.crt").read_text()]
        out = self.path(f"{name}.pem")
        out.write_text("".join(reversed(parts) if reverse else parts))
        return out


def request(network, name, *names):
    path = network.folder / f"{name}.csr"
    cert(network, "csr", *[w for n in names for w in ("--name", n)], "-o", path)
    return path


def served(network, name, which="gateway"):
    """The first DNS name of the certificate that a client asking for `name` gets, and the connection's peer key."""
    context = ssl.create_default_context(cafile=str(shared["ca"].path("root.crt")))
    context.load_verify_locations(network.info["ca_file"])
    plain = socket.create_connection(network.address(which), 10)
    with context.wrap_socket(plain, server_hostname=name) as tls:
        return dict(tls.getpeercert())["subjectAltName"][0][1]


def hang_up(network, words):
    """SIGHUP, until the log has said once more what came of it."""
    before = network.log("control").count(words)
    os.kill(network.control_pid(), signal.SIGHUP)
    wait_for(f"'{words}' in the log", 5, lambda: network.log("control").count(words) > before, every=0.02)


def refused_chains(network):
    """A chain for another key, out of order, without the name wanted, expired, or that is none, is not installed"""
    ca = shared["ca"] = Authority(network.folder / "ca")
    csr = request(network, "wild", "*.example.test", "example.test")
    other = network.folder / "other"
    other.mkdir()
    cert(network, "csr", "--name", "x.test", "-o", network.folder / "other.csr", folder=other)
    wrong = {"another key": ca.chain(network.folder / "other.csr", "o", "x.test"),
             "not in order": ca.chain(csr, "r", "example.test", reverse=True)}
    require("another key" in cert(network, "install", wrong["another key"], code=5), "another key")
    require("not in order" in cert(network, "install", wrong["not in order"], code=5), "order")
    good = ca.chain(csr, "g", "*.example.test", "example.test")
    require("lacks" in cert(network, "install", "--name", "elsewhere.test", good, code=5), "names")
    text = network.folder / "text.pem"
    text.write_text("no certificate\n")
    cert(network, "install", text, code=2)
    broken = network.folder / "broken.pem"
    broken.write_text(good.read_text().replace("MII", "MIJ", 1))
    cert(network, "install", broken, code=2)
    require(not list((state(network) / "certs").glob("*.pem")) if (state(network) / "certs").exists() else True, "a file is there")
    shared["good"] = good


def names_choose_after_sighup(network):
    """An installed chain is served to who asks for its names, exact before wildcard, also on the API; others get the default"""
    ca = shared["ca"]
    answer = json.loads(cert(network, "install", "--name", "app.example.test", shared["good"]))
    require_equal((answer["names"], answer["issuer"], answer["certificates"]),
                  (["*.example.test", "example.test"], "middle", 2), "install")
    exact = ca.chain(request(network, "exact", "shop.example.test"), "exact", "shop.example.test")
    cert(network, "install", exact)
    kept = network.api(None)
    open_before = http.client.HTTPSConnection(*network.address("api"), context=network.tls(), timeout=10)
    open_before.request("GET", "/healthz")
    open_before.getresponse().read()
    socket_before = open_before.sock
    hang_up(network, "read again")
    open_before.request("GET", "/healthz")
    require_equal((open_before.getresponse().status, open_before.sock is socket_before), (200, True), "the open connection")
    for which in ("gateway", "api"):
        for name, expected in (("app.example.test", "*.example.test"), ("APP.EXAMPLE.TEST", "*.example.test"),
                               ("example.test", "*.example.test"), ("shop.example.test", "shop.example.test")):
            require_equal(served(network, name, which), expected, f"{which}: {name}")
        require_equal(served(network, "localhost", which), "localhost", f"{which}: the default")
    items = kept.get("/readyz").json["certificates"]
    require_equal([(i["names"][0], i["default"]) for i in items][0][1], True, "readyz")
    require_equal(sorted(i["names"][0] for i in items[1:]), ["*.example.test", "shop.example.test"], "readyz")
    require_equal(len(json.loads(cert(network, "list"))["items"]), 2, "cert list")


def the_key_and_the_evidence_stay(network):
    """A new chain changes nothing the evidence says: clients verify the network as before"""
    require_equal(network.ee("balance").returncode, 0, "a client that verifies")
    digest = subprocess.run(["openssl", "pkey", "-in", str(state(network) / "tls.key"), "-pubout", "-outform", "DER"],
                            capture_output=True, check=True).stdout
    answer = network.api(None).get("/v1/evidence?nonce=" + "00" * 32)
    require_equal(answer.status, 200, "evidence")
    require(hashlib.sha256(digest).digest().hex() in answer.body.decode() or hashlib.sha256(digest).digest() in
            b"".join(map(_bytes, _strings(answer.json))), "the evidence binds the key of the new chain")


def _strings(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [s for v in value for s in _strings(v)]
    return [value] if isinstance(value, str) else []


def _bytes(text):
    for decode in (bytes.fromhex, base64.b64decode):
        try:
            return decode(text)
        except ValueError:
            pass
    return b""


def a_broken_file_changes_nothing(network):
    """SIGHUP with a file that cannot be used: what was served is served on, and the log names the file"""
    bad = state(network) / "certs" / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    hang_up(network, "not read again")
    require("bad.pem" in network.log("control"), "the log names it")
    require_equal(served(network, "shop.example.test"), "shop.example.test", "served on")
    bad.unlink()
    cert(network, "remove", "shop.example.test")
    hang_up(network, "read again")
    require_equal(served(network, "shop.example.test"), "*.example.test", "removed")
    cert(network, "remove", "shop.example.test", code=3)


def an_end_is_told_ahead(network):
    """A certificate with 5 days left: in /readyz, which stays ready, and in the log"""
    short = shared["ca"].chain(request(network, "short", "short.test"), "short", "short.test", days=5)
    cert(network, "install", short)
    hang_up(network, "read again")
    ready = network.api(None).get("/readyz")
    require_equal(ready.status, 200, "ready")
    require(any("short.test" in w and "ends soon" in w for w in ready.json["warnings"]), ready.json["warnings"])
    wait_for("the log warns", 5, lambda: "expires soon" in network.log("control"))


def import_is_for_development(network):
    """`cert import` refuses a production genesis; in a development network the key is marked"""
    folder = network.folder / "import"
    folder.mkdir()
    key = network.folder / "import.key"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    key.chmod(0o600)
    genesis = pathlib.Path(network.info["state"]) / "genesis.json"
    answer = json.loads(cert(network, "import", "--genesis", genesis, "--key", key, folder=folder))
    require_equal(len(answer["tls_key_hash"]), 64, "import")
    require((folder / "tls.key.imported").exists() and (folder / "tls.key").stat().st_mode & 0o777 == 0o600, "marked")
    production = network.folder / "production.json"
    document = json.loads(genesis.read_text())
    canonical = bytearray(base64.b64decode(document["genesis"]))
    at = 13 + 1 + len("development") + 1 + 3 * 32 + 8 + 1 + 4 + 64  # docs/spec/genesis.md: "simulated" of the first root
    canonical[13], canonical[at] = 2, 0
    document.update(genesis=base64.b64encode(canonical).decode(), network=hashlib.sha256(canonical).hexdigest())
    production.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    cert(network, "import", "--genesis", production, "--key", key, folder=folder, code=4)


def without_a_chain_it_issues_its_own(network):
    """`run` without --tls-chain, with an ACME listener: a self-signed default, and challenges from the folder alone"""
    words = network.control_run_arguments()
    folder, acme = network.folder / "own", network.folder / "acme"
    subprocess.run([program("ee-control"), "init", "--state", str(folder)], check=True, capture_output=True)
    acme.mkdir()
    (acme / "token_A-1").write_text("token_A-1.thumbprint")
    (acme / "large").write_text("x" * 1025)
    (network.folder / "secret").write_text("secret")
    (acme / "link").symlink_to(network.folder / "secret")
    (acme / "folder").mkdir()
    os.mkfifo(acme / "pipe")
    port = free_port()
    keep = {"--genesis", "--domain", "--sim-platform", "--collateral"}
    pairs = [w for i in range(2, len(words) - 1, 2) if words[i] in keep for w in words[i:i + 2]]
    ready = network.folder / "own.ready"
    child = network.spawn([words[0], "run", "--state", str(folder), *pairs, "--listen", "127.0.0.1:0", "--gateway-listen",
                           "127.0.0.1:0", "--acme-listen", f"0.0.0.0:{port}", "--acme-challenge-dir", str(acme), "--acme-alpn-dir", str(acme),
                           "--ready-file", str(ready)], "own")
    wait_for("it serves", 20, ready.exists)
    host, _, number = json.loads(ready.read_text())["gateway"].rpartition(":")
    pem = ssl.get_server_certificate((host, int(number)))
    require("BEGIN CERTIFICATE" in pem, "a certificate")
    at = "/.well-known/acme-challenge/"
    expected = [("GET", at + "token_A-1", 200), ("HEAD", at + "token_A-1", 200), ("POST", at + "token_A-1", 404),
                ("GET", at + "large", 404), ("GET", at + "link", 404), ("GET", at + "folder", 404), ("GET", at + "pipe", 404),
                ("GET", at + "..%2fsecret", 404), ("GET", at + "../secret", 404), ("GET", at, 404), ("GET", at + "none", 404),
                ("GET", at + "token_A-1?x", 404), ("GET", "/healthz", 404), ("GET", "/", 404), ("GET", at + "a" * 129, 404)]
    for method, target, status in expected:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, target)
        answer = connection.getresponse()
        body = answer.read()
        require_equal(answer.status, status, f"{method} {target}")
        require(status != 200 or method == "HEAD" or body == b"token_A-1.thumbprint", "the key authorization")
    shared["acme"] = (acme, port, int(number), folder)
    shared["own"] = child


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def a_local_acme_server_issues(network):
    """A whole ACME order by an external client for our request: pebble validates over HTTP-01 and TLS-ALPN-01, the chain is installed"""
    if not FULL:
        raise Skipped("15 s; EE_TEST_FULL=1 runs it")
    if not shutil.which("pebble") or not shutil.which("dehydrated"):
        raise Skipped("pebble and dehydrated are not installed")
    acme, port, tls_port, folder = shared["acme"]
    work = network.folder / "pebble"
    work.mkdir()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days",
            2, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", work / "key.pem", "-out", work / "cert.pem")
    listen, manage = free_port(), free_port()
    (work / "config.json").write_text(json.dumps({"pebble": {
        "listenAddress": f"127.0.0.1:{listen}", "managementListenAddress": f"127.0.0.1:{manage}",
        "certificate": str(work / "cert.pem"), "privateKey": str(work / "key.pem"), "httpPort": port, "tlsPort": tls_port,
        "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
    with open(network.folder / "pebble.log", "wb") as log:
        child = subprocess.Popen(["pebble", "-config", str(work / "config.json")], stdout=log, stderr=log, start_new_session=True,
                                 env=clean_environment({"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}))
    network.children.append(child)
    wait_for("pebble listens", 10, lambda: answers(listen))
    cert(network, "csr", "--name", "localhost", "-o", work / "our.csr", folder=folder)
    for challenge in ("http-01", "tls-alpn-01"):
        issue(network, work, listen, challenge, acme, folder)
    network.end(child)


def issue(network, work, listen, challenge, acme, folder):
    (work / "config").write_text(f'CA="https://127.0.0.1:{listen}/dir"\nCHALLENGETYPE="{challenge}"\nWELLKNOWN="{acme}"\n'
                                 f'CURL_OPTS="--cacert {work}/cert.pem"\nBASEDIR="{work}"\nALPNCERTDIR="{acme}"\nACCOUNT_KEY_ALGO="prime256v1"\n')
    for step in (["--register", "--accept-terms"], ["--signcsr", str(work / "our.csr")]):
        done = subprocess.run(["dehydrated", "-f", str(work / "config"), *step], capture_output=True, text=True, timeout=60)
        require_equal(done.returncode, 0, f"dehydrated {step[0]}: {(done.stdout + done.stderr)[-600:]}")
    text = done.stdout[done.stdout.index("-----BEGIN"):]
    (work / "issued.pem").write_text(text)
    answer = json.loads(cert(network, "install", "--name", "localhost", work / "issued.pem", folder=folder))
    require("Pebble" in answer["issuer"], answer)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


run_suite("certificates", [refused_chains, names_choose_after_sighup, the_key_and_the_evidence_stay,
                           a_broken_file_changes_nothing, an_end_is_told_ahead, import_is_for_development,
                           without_a_chain_it_issues_its_own, a_local_acme_server_issues])
