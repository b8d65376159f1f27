# SPDX-License-Identifier: Apache-2.0
"""Somebody in the middle: ends TLS with a certificate of its own, opens another connection to the real control plane,
passes bytes on (or answers by itself) and remembers everything it could read."""
import contextlib
import select
import socket
import ssl
import threading


class Relay:
    """`answer`, if given, gets each request's bytes and may return an answer; None passes the request on. `target` and
    `name` say where to, `protocols` what both of its sides offer in ALPN."""

    def __init__(self, network, certificate, key, client_certificate=None, answer=None, target="api", name="localhost",
                 protocols=None):
        self.network, self.answer, self.target, self.name = network, answer, target, name
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.minimum_version = ssl.TLSVersion.TLSv1_3
        self.server.num_tickets = 0
        self.server.load_cert_chain(str(certificate), str(key))
        self.client = network.tls()
        if target != "api":  # what ends TLS there has a certificate of its own
            self.client.check_hostname, self.client.verify_mode = False, ssl.CERT_NONE
        for side in (self.server, self.client) if protocols else ():
            side.set_alpn_protocols(protocols)
        if client_certificate:
            self.client.load_cert_chain(*map(str, client_certificate))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.from_client, self.from_server = bytearray(), bytearray()
        self.connections, self.failed = 0, []
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.listener.close()

    def serve(self):
        self.listener.settimeout(0.2)
        while not self.closing.is_set():
            try:
                plain, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self.one, args=(plain,), daemon=True).start()

    def one(self, plain):
        try:
            plain.settimeout(20)
            with self.server.wrap_socket(plain, server_side=True) as near:
                self.connections += 1
                with socket.create_connection(self.network.address(self.target), 10) as far_plain:
                    with self.client.wrap_socket(far_plain, server_hostname=self.name) as far:
                        self.pass_on(near, far)
        except (OSError, ssl.SSLError) as problem:
            self.failed.append(repr(problem))
        finally:
            with contextlib.suppress(OSError):
                plain.close()

    def pass_on(self, near, far):
        while not self.closing.is_set():
            ready = [s for s in (near, far) if s.pending()] or select.select([near, far], [], [], 0.5)[0]
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                if side is far:
                    self.from_server += data
                    near.sendall(data)
                    continue
                self.from_client += data
                made = self.answer(bytes(data)) if self.answer else None
                if made is None:
                    far.sendall(data)
                else:
                    near.sendall(made)

    def requests(self):
        """First lines of the HTTP requests it could read."""
        lines = bytes(self.from_client).split(b"\r\n")
        return [line.decode("latin-1") for line in lines if line.endswith(b" HTTP/1.1")]
