# SPDX-License-Identifier: Apache-2.0
"""Load for bench/gateway: wrk, connect_load, and single streams of our own; each gives plain numbers."""
import json
import pathlib
import re
import socket
import ssl
import subprocess
import time

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build"
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
SIZES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}


class LoadFailed(Exception):
    pass


def wrk(url, seconds, connections, host, cpu=None):
    """{requests_s, p50_ms, p99_ms, bytes_s, errors} of GETs with keep-alive from one thread."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s", "-H", f"Host: {host}", url]
    text = subprocess.run(words if cpu is None else ["taskset", "-c", str(cpu)] + words, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    moved = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", text)
    if not rate or not moved:
        raise LoadFailed(text)

    def percentile(n):
        found = re.search(rf"{n}%\s+([\d.]+)(us|ms|s|m)\b", text)
        return float(found[1]) * UNITS[found[2]]
    errors = [int(n) for line in re.findall(r"(?:Socket errors|Non-2xx).*", text) for n in re.findall(r"\d+", line.replace("2xx or 3xx", ""))]
    return {"requests_s": float(rate[1]), "bytes_s": float(moved[1]) * SIZES[moved[2]], "p50_ms": percentile(50),
            "p99_ms": percentile(99), "errors": sum(errors)}


def connections(port, name, seconds, path="/small"):
    """New TLS connections a second, each with one request, resumed when the server lets it."""
    done = subprocess.run([str(BUILD / "bench" / "connect_load"), str(port), name, path, str(seconds)], check=True,
                          capture_output=True, text=True)
    found = json.loads(done.stdout)
    found["connections_s"] = found["connections"] / found["seconds"]
    return found


def stream(port, name, path, tls, least=0.0):
    """One GET to its end: {first_ms, bytes_s} from the sending of the request; the rate is that of the second half,
    when windows have grown."""
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock = context.wrap_socket(sock, server_hostname=name)
    try:
        start = time.monotonic()
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        head = sock.recv(65536)
        first = time.monotonic() - start
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        got, marks, buffer = len(head) - head.index(b"\r\n\r\n") - 4, [], bytearray(1 << 20)
        while got < length:
            size = sock.recv_into(buffer)
            if size == 0:
                raise LoadFailed(f"{got} of {length} bytes")
            got += size
            if not marks and got >= length / 2:
                marks.append((time.monotonic(), got))
        end = time.monotonic()
        half, at = marks[0] if marks else (start, 0)
        return {"first_ms": first * 1e3, "bytes_s": length / (end - start), "late_bytes_s": (length - at) / max(end - half, 1e-9)}
    finally:
        sock.close()
