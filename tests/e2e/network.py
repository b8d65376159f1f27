# SPDX-License-Identifier: Apache-2.0
"""A development network of its own for each suite, and what the suites share.

A suite is a list of functions whose docstrings say what is proven; `run_suite` starts a network, calls them with it
and writes TAP. Everything started here is ended by its pid; state is in a temporary folder that is kept on failure.
The programs are taken from the folder in EE_BUILD, by default build/ of this repository.
"""
import contextlib
import hashlib
import http.client
import importlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EE_BUILD") or ROOT / "build")
FULL = os.environ.get("EE_TEST_FULL") == "1"
START_S = 40  # until a network is up, on a busy machine
STOP_S = 15


class Failed(Exception):
    """What was to be proven does not hold."""


class Skipped(Exception):
    """This machine cannot show it; the text says why."""


def packaged(name, package):
    """A module of a Debian package. Another interpreter than Debian's may not see it: then the program starts again
    under that one; without the package all of it is skipped."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
            os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
        print(f"1..0 # SKIP {package} is not installed", flush=True)
        sys.exit(0)


def require(condition, what):
    if not condition:
        raise Failed(what)


def require_equal(got, expected, what):
    if got != expected:
        raise Failed(f"{what}: {got!r}, expected {expected!r}")


def wait_for(what, seconds, probe, every=0.1):
    """Polls until probe() gives something true and gives that."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(every)


def micros(text):
    """Decimal credits to integer micro-dollars, exactly."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, rest = digits.partition(".")
    require(whole.isdigit() and (not rest or rest.isdigit()) and len(rest) <= 6, f"not an amount: {text!r}")
    return sign * (int(whole) * 10**6 + int((rest + "000000")[:6]))


def program(name):
    """The folder of a program differs between a build directory and an installed tree."""
    for path in (BUILD / name, BUILD / "cmd" / name / name):
        if path.is_file():
            return str(path)
    raise Failed(f"{name} is not built in {BUILD}")


def programs_folder(state):
    """`ee` finds the others beside itself: a folder with all three."""
    folder = state / "programs"
    folder.mkdir(exist_ok=True)
    for name in ("ee", "ee-control", "ee-agent"):
        target = folder / name
        if not target.exists():
            try:
                os.link(program(name), target)
            except OSError:
                shutil.copy2(program(name), target)
    folder.chmod(0o755)
    return folder


def clean_environment(extra=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("EE_", "XDG_"))}
    environment.update(extra or {})
    return environment


class Network:
    """One `ee dev`, its folder and the ways to talk to it."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ee-{name}-")).resolve()
        self.folder.chmod(0o711)  # workloads run as another user and must reach their programs
        self.programs = programs_folder(self.folder)
        self.ee_path = str(self.programs / "ee")
        self.state = self.folder / "network"
        self.log_path = self.folder / "dev.log"
        self.process = None
        self.info = None
        self.children = []  # started beside the network; ended with it

    # ---- life ----

    def start(self, *options):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.ee_path, "dev", "--state", str(self.state), "--json", *options],
                                            stdout=subprocess.PIPE, stderr=log, text=True, env=clean_environment(),
                                            start_new_session=True)
        watchdog = threading.Timer(START_S, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        require(line.startswith("{"), f"ee dev did not start within {START_S} s: {self.tail(self.log_path)}")
        self.info = json.loads(line)
        return self.info

    def stop(self, signal_number=signal.SIGINT):
        """Ctrl-C, or harder when that does not do. Gives the exit code."""
        if not self.process:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal_number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
        return process.returncode

    def close(self, keep):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        self.stop()
        if keep:
            print(f"# state and logs are in {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self):
        """Read anew each time: the supervisor gives a new control plane a new pid."""
        return json.loads((self.state / "pids.json").read_text())

    def control_pid(self):
        return self.pids()["control"]

    def agent_pid(self, node):
        return self.pids()["agents"][node]

    def wait_ready(self, seconds=20):
        def probe():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.api(None).get("/readyz").status == 200
        wait_for("the control plane is ready", seconds, probe)

    def wait_connected(self, nodes=("node-1", "node-2", "node-3"), seconds=20):
        def probe():
            with contextlib.suppress(OSError, http.client.HTTPException):
                states = {n["node"]: n["state"] for n in self.api(None).get("/v1/nodes").json["items"]}
                return all(states.get(node) == "connected" for node in nodes)
        wait_for(f"{', '.join(nodes)} connected", seconds, probe)

    def control_run_arguments(self):
        """The command line of the running control plane, to start it again in another way."""
        words = pathlib.Path(f"/proc/{self.control_pid()}/cmdline").read_bytes().split(b"\0")[:-1]
        return [os.fsdecode(word) for word in words]

    def agent_run_arguments(self, node):
        words = pathlib.Path(f"/proc/{self.agent_pid(node)}/cmdline").read_bytes().split(b"\0")[:-1]
        return [os.fsdecode(word) for word in words]

    def spawn(self, arguments, log_name):
        """Starts a program of ours beside the network; its output goes to a log whose path is `child.log`."""
        path = self.folder / f"{log_name}.log"
        with open(path, "ab") as log:
            child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env=clean_environment(), start_new_session=True)
        child.log = path
        self.children.append(child)
        return child

    def end(self, child):
        if child.poll() is None:
            child.kill()
        child.wait()

    # ---- looking ----

    def log(self, name):
        path = self.state / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def sanitized(self):
        return b"__asan_init" in pathlib.Path(program("ee-control")).read_bytes()

    def sanitizer_reports(self):
        """What the sanitizers of a build with them had to say."""
        logs = [*self.folder.glob("*.log"), *(self.state / "logs").glob("*.log")]
        found = re.compile(r"^.*(?:AddressSanitizer|LeakSanitizer|runtime error:).*$", re.M)
        return [f"{path.name}: {line}" for path in logs for line in found.findall(path.read_text(errors="replace"))]

    @staticmethod
    def tail(path, size=800):
        with contextlib.suppress(OSError):
            return pathlib.Path(path).read_text(errors="replace")[-size:].strip()
        return ""

    # ---- the command line ----

    def ee(self, *words, profile="dev", stdin=None, timeout=60, extra=None, json_output=False):
        """ee WORDS; gives the finished process. `profile` is a name of this network or a path."""
        environment = clean_environment({"XDG_STATE_HOME": str(self.folder / "client")})
        if profile:
            environment["EE_PROFILE"] = self.info["profiles"].get(profile, profile)
        environment.update(extra or {})
        arguments = [self.ee_path] + (["--json"] if json_output else []) + [str(word) for word in words]
        if isinstance(stdin, str):
            stdin = stdin.encode()
        return subprocess.run(arguments, env=environment, input=stdin if stdin is not None else b"",
                              capture_output=True, timeout=timeout)

    def ee_json(self, *words, code=0, **options):
        """The same with --json; the exit code must be `code`; gives the document."""
        done = self.ee(*words, json_output=True, **options)
        shown = (done.stderr + done.stdout).decode(errors="replace").strip()[-500:]
        require(done.returncode == code, f"ee {' '.join(map(str, words))}: exit {done.returncode}: {shown}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Failed(f"ee {' '.join(map(str, words))}: not one document: {done.stdout[-300:]!r}") from None

    def ee_refused(self, code, *words, **options):
        """The exit code must be `code`; gives the problem document."""
        problem = self.ee_json(*words, code=code, **options)
        require("error" in problem and "detail" in problem, f"not a problem: {problem}")
        return problem

    def profile(self, name):
        return json.loads(pathlib.Path(self.info["profiles"][name]).read_text())

    def profile_copy(self, name, new_name, **changes):
        """A profile beside the others with other values; gives its path."""
        path = pathlib.Path(self.info["profiles"][name]).with_name(f"{new_name}.json")
        path.write_text(json.dumps(dict(self.profile(name), **changes)))
        path.chmod(0o600)
        return str(path)

    def token(self, profile):
        folder = pathlib.Path(self.info["profiles"][profile]).parent
        return (folder / self.profile(profile)["token_file"]).read_text().strip()

    def mint(self, account, amount, reference=None):
        return self.ee_json("mint", "--to", account, "--amount", amount, "--ref", reference or secrets.token_hex(8))

    def balance(self, profile="dev"):
        """Micro-dollars: available and locked."""
        credits = self.api(profile).get("/v1/credits").json
        return micros(credits["available"]), micros(credits["locked"])

    def leases(self, app, profile="dev"):
        return [i for i in self.ee_json("ps", "--all", profile=profile)["items"] if i["app"] == app]

    def lease(self, app, profile="dev"):
        """The present lease of an app."""
        return next((i for i in self.ee_json("ps", profile=profile)["items"] if i["app"] == app), None)

    def periods(self, lease, profile="dev"):
        return self.api(profile).get(f"/v1/periods?lease={lease}").json["items"]

    def deploy(self, name, port, *command, options=()):
        return self.ee_json("deploy", name, "--port", str(port), *options, "--", *map(str, command))

    # ---- HTTP ----

    def address(self, which):
        url = urllib.parse.urlsplit(self.info[which])
        return url.hostname, url.port

    def tls(self, **changes):
        context = ssl.create_default_context(cafile=self.info["ca_file"])
        for name, value in changes.items():
            setattr(context, name, value)
        return context

    def connect(self, which, name="localhost", context=None):
        """A TLS connection whose peer must have a certificate for that name."""
        plain = socket.create_connection(self.address(which), 10)
        try:
            return (context or self.tls()).wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise

    def api(self, profile="dev", **options):
        return Api(self, self.token(profile) if profile else None, **options)

    def gateway(self, app, timeout=20):
        """An HTTPSConnection to an app by name, the certificate checked against the network's CA."""
        connection = http.client.HTTPSConnection(f"{app}.apps.localhost", self.address("gateway")[1], timeout=timeout,
                                                 context=self.tls())
        connection._create_connection = lambda *_: socket.create_connection(self.address("gateway"), timeout)
        return connection

    def fetch(self, app, path="/", method="GET", body=None, headers=None, timeout=20):
        """Status and body of one request through the gateway; status 0 when there is no answer."""
        connection = self.gateway(app, timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Api:
    """The REST API as any HTTP client would use it: no evidence, no sealing."""

    def __init__(self, network, token, timeout=40):
        self.network, self.token, self.timeout = network, token, timeout

    def request(self, method, path, document=None, body=None, headers=None, key=None, token=None):
        host, port = self.network.address("api")
        connection = http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self.network.tls())
        lines = {}
        if token or self.token:
            lines["Authorization"] = f"Bearer {token or self.token}"
        if key:
            lines["Idempotency-Key"] = key
        if document is not None:
            body = json.dumps(document).encode()
        if body is not None:
            lines["Content-Type"] = "application/json"
        lines.update(headers or {})
        try:
            connection.request(method, path, body=body, headers=lines)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, document, key=None, **options):
        """With an idempotency key: a fresh one unless given."""
        return self.request("POST", path, document, key=key or secrets.token_hex(8), **options)

    def delete(self, path, key=None, **options):
        return self.request("DELETE", path, key=key or secrets.token_hex(8), **options)


# ---- processes and sockets ----

def listening(pids):
    """TCP sockets in state LISTEN of these processes, from the kernel's table."""
    inodes = set()
    for pid in pids:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
                if match:
                    inodes.add(match[1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                found.append(words[1])
    return found


def process_status(pid):
    """/proc/PID/status as a dictionary; empty when there is no such process."""
    with contextlib.suppress(OSError):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {}


def alive(pid):
    return bool(pid) and process_status(pid).get("State", "Z")[0] not in "ZX"


def processes_with(marker):
    """Pids whose command line or environment holds the marker."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def memory_holds(pid, needle):
    """Whether a process's readable memory holds the bytes. Needs the right to trace it."""
    overlap = len(needle) - 1
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            words = line.split()
            if "r" not in words[1] or words[-1] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(part, 16) for part in words[0].split("-"))
            if end - start > 1 << 34:  # reserved by a sanitizer, not used
                continue
            before = b""
            while start < end:
                try:
                    memory.seek(start)
                    piece = memory.read(min(end - start, 1 << 22))
                except (OSError, ValueError, OverflowError):
                    break
                if not piece:
                    break
                if needle in before + piece:
                    return True
                before = piece[-overlap:]
                start += len(piece)
    return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- suites ----

def run_one(number, test, *arguments):
    text = " ".join((test.__doc__ or test.__name__).split())
    name = f"{number} - {test.__name__}: {text}".replace("#", "")
    started = time.monotonic()
    try:
        test(*arguments)
        print(f"ok {name}", flush=True)
        result = True
    except Skipped as reason:
        print(f"ok {name} # SKIP {reason}", flush=True)
        result = True
    except Exception as problem:  # a test that breaks is a test that fails; the others still run
        print(f"not ok {name}", flush=True)
        text = str(problem) if isinstance(problem, Failed) else traceback.format_exc()
        for line in text.splitlines():
            print(f"# {line}", flush=True)
        result = False
    print(f"# {time.monotonic() - started:.1f} s", flush=True)
    return result


def run_suite(name, tests, options=(), start=True):
    """Runs the tests on one network; words on the command line choose some of them. Ends the program."""
    chosen = [t for t in tests if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    network, failures = None, 0
    try:
        network = Network(name)
        if start:
            network.start(*options)
        for number, test in enumerate(chosen, 1):
            failures += not run_one(number, test, network)
    except Failed as problem:
        print(f"Bail out! {' '.join(str(problem).split())[:1000]}", flush=True)
        failures += 1
    finally:
        if network:
            network.stop()
            reports = network.sanitizer_reports()
            for line in reports[:20]:
                print(f"# {line}", flush=True)
            failures += len(reports)
            network.close(keep=failures > 0)
    sys.exit(1 if failures else 0)


def run_cases(name, tests):
    """Runs tests that need no network, each with a fresh folder, kept on failure. Ends the program."""
    chosen = [t for t in tests if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    failures = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, test in enumerate(chosen, 1):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ee-{name}-"))
        if run_one(number, test, folder):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            failures += 1
            print(f"# kept: {folder}", flush=True)
    sys.exit(1 if failures else 0)


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def python3():
    """An interpreter that a workload's user may execute; ours may lie in somebody's home."""
    found = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin")
    if not found:
        raise Skipped("no python3 in /usr/bin")
    return found


def app_command(network, port):
    """The command of tests/e2e/app.py, copied to where a workload's user can read it."""
    target = network.folder / "app.py"
    if not target.exists():
        shutil.copy(pathlib.Path(__file__).with_name("app.py"), target)
        target.chmod(0o644)
    return [python3(), "-B", str(target), str(port)]
