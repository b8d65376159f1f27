# SPDX-License-Identifier: Apache-2.0
"""What bench/gateway measures and measures against, started in a folder of its own on loopback: nginx as the app, nginx
as proxy and as passthrough, ssh -R, and a development network whose agents offer the app."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
from network import Network, free_port, wait_for  # noqa: E402

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build"
SERVER_NAME = "svc.apps.localhost"
MIB = 1 << 20

NGINX = """
daemon off; master_process on; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/error.log error;
{modules}
events {{ worker_connections 4096; }}
{stream}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 300;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; default_type text/plain;
  {http}
}}
"""
BACKEND = """
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/www;
    location = /small {{ return 200 "hello, world!\\n"; }} }}
"""
TLS = "ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3; ssl_session_cache shared:s:10m; ssl_session_tickets on;"
PROXY = """
  upstream app {{ server 127.0.0.1:{app}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl backlog=4096; """ + TLS + """
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering on; proxy_buffers 16 64k; }} }}
"""
TLS_APP = "  server {{ listen 127.0.0.1:{port} ssl backlog=4096; " + TLS + " root {folder}/www; location = /small {{ return 200 \"hello, world!\\n\"; }} }}\n"
PASS = "stream {{ server {{ listen 127.0.0.1:{port} backlog=4096; ssl_preread on; proxy_pass 127.0.0.1:{app}; tcp_nodelay on; }} }}"
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += descendants(int(entry.name))
    return found


class Peers:
    """Everything that runs; `close` ends it."""

    def __init__(self, cpu=None):
        self.network = Network("bench-gateway")
        self.folder = self.network.folder
        self.cpu = cpu  # everything on this one
        self.children = []
        (self.folder / "www").mkdir()
        (self.folder / "www" / "1m").write_bytes(os.urandom(MIB))
        with open(self.folder / "www" / "256m", "wb") as file:
            file.truncate(256 * MIB)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:{SERVER_NAME},IP:127.0.0.1",
                        "-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem")],
                       check=True, capture_output=True)

    def pinned(self, words):
        return words if self.cpu is None else ["taskset", "-c", str(self.cpu)] + words

    def spawn(self, words, log):
        with open(self.folder / log, "ab") as out:
            child = subprocess.Popen(self.pinned(words), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.children.append(child)
        return child

    def nginx(self, name, http="", stream="", ports=()):
        """An nginx of its own; the pid of its master."""
        folder = self.folder / name
        folder.mkdir()
        modules = f"load_module {STREAM_MODULE};" if stream else ""
        text = NGINX.format(folder=folder, workers=1, modules=modules, stream=stream, http=http)
        (folder / "nginx.conf").write_text(("user root;\n" if os.getuid() == 0 else "") + text)
        child = self.spawn(["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")],
                           f"{name}.log")
        wait_for(f"{name} listens", 10, lambda: all(listening(p) for p in ports))
        return child.pid

    def backend(self):
        self.app = free_port()
        return self.nginx("backend", BACKEND.format(port=self.app, folder=self.folder), ports=[self.app])

    def tls_backend(self):
        self.tls_app = free_port()
        return self.nginx("tls-backend", TLS_APP.format(port=self.tls_app, folder=self.folder), ports=[self.tls_app])

    def proxy(self):
        """nginx with one hop: plain and TLS in front."""
        self.proxy_plain, self.proxy_tls = free_port(), free_port()
        http = PROXY.format(app=self.app, plain=self.proxy_plain, tls=self.proxy_tls, folder=self.folder)
        return self.nginx("proxy", http, ports=[self.proxy_plain, self.proxy_tls])

    def passthrough(self):
        """nginx that routes by SNI; None without its module."""
        if not os.path.exists(STREAM_MODULE):
            return None
        self.pass_port = free_port()
        return self.nginx("passthrough", stream=PASS.format(port=self.pass_port, app=self.tls_app), ports=[self.pass_port])

    def ssh(self):
        """`ssh -R` to an sshd of our own; None when there is none. Gives the pids of both ends."""
        server = shutil.which("sshd") or "/usr/sbin/sshd"
        if not os.path.exists(server) or not shutil.which("ssh"):
            return None
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)], check=True)
        shutil.copy(self.folder / "user.pub", self.folder / "authorized")
        port, self.ssh_port = free_port(), free_port()
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        daemon = self.spawn([server, "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", str(self.folder / "host"),
                             "-o", "ListenAddress=127.0.0.1", "-o", f"AuthorizedKeysFile={self.folder}/authorized",
                             "-o", "StrictModes=no", "-o", "PidFile=none", "-o", "PermitRootLogin=yes"], "sshd.log")
        wait_for("sshd listens", 10, lambda: listening(port))
        user = os.environ.get("USER") or "root"
        client = self.spawn(["ssh", "-N", "-F", "/dev/null", "-i", str(self.folder / "user"), "-p", str(port), "-c", "aes128-gcm@openssh.com",
                             "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder}/known",
                             "-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{self.ssh_port}:127.0.0.1:{self.app}",
                             f"{user}@127.0.0.1"], "ssh.log")
        wait_for("ssh -R listens", 10, lambda: listening(self.ssh_port))
        return daemon.pid, client.pid

    def dev(self, *options):
        """The network; its agents offer the app as `svc`. Gives (control plane, agents of the app)."""
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})
        self.network.start("--expose", f"svc=127.0.0.1:{self.app}", *options)
        if self.cpu is not None:
            os.sched_setaffinity(0, range(os.cpu_count()))
        self.network.wait_connected()
        wait_for("the app answers", 20, lambda: self.network.fetch("svc", "/small")[0] == 200)
        self.gateway_tls = self.network.address("gateway")[1]
        self.gateway_plain = self.network.address("http")[1]
        return self.network.control_pid(), [self.network.agent_pid(f"node-{n}") for n in (1, 2, 3)]

    def delay(self, port, milliseconds):
        """A relay that holds bytes each way; gives its port."""
        child = subprocess.Popen([str(BUILD / "bench" / "delay_relay"), str(port), str(milliseconds)],
                                 stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return int(child.stdout.readline())

    def close(self):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.network.close(False)


def cpu_seconds(pids):
    """User and system time of processes and those below them."""
    ticks = 0
    for pid in {p for top in pids for p in descendants(top)}:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def settle():
    time.sleep(0.3)
