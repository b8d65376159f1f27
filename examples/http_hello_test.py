#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the example server: http_hello_test.py PROGRAM. Prints TAP."""
import http.client
import socket
import subprocess
import sys
import time


def connect(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=5)


def get(connection, target):
    connection.request("GET", target)
    response = connection.getresponse()
    return response.status, response.read()


def raw(port, request):
    """Everything the server says to these bytes until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(request)
        answer = b""
        while True:
            piece = peer.recv(65536)
            if not piece:
                return answer
            answer += piece


def hello_counts_on_one_connection(port):
    connection = connect(port)
    first, second = get(connection, "/"), get(connection, "/")
    assert first[0] == 200 and first[1].startswith(b"hello from test\nrequest "), first
    assert int(second[1].split()[-1]) == int(first[1].split()[-1]) + 1, second


def health_is_ok(port):
    assert get(connect(port), "/healthz") == (200, b"ok\n")


def unknown_target_is_404(port):
    assert get(connect(port), "/nothing")[0] == 404


def echo_of_a_megabyte_with_length(port):
    body = bytes(range(256)) * 4096
    connection = connect(port)
    connection.request("POST", "/echo", body)
    assert connection.getresponse().read() == body
    assert get(connection, "/healthz")[0] == 200  # the connection goes on


def echo_of_an_empty_body(port):
    connection = connect(port)
    connection.request("POST", "/echo", b"")
    assert connection.getresponse().read() == b""


def echo_of_chunks(port):
    pieces = [b"a" * 10, b"b" * 70000, b"c"]
    connection = connect(port)
    connection.request("POST", "/echo", iter(pieces), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().read() == b"".join(pieces)
    assert get(connection, "/healthz")[0] == 200


def echo_after_expect_continue(port):
    answer = raw(port, b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                       b"Connection: close\r\n\r\nhi")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") and answer.endswith(b"hi"), answer


def big_answer_has_every_byte(port):
    status, body = get(connect(port), "/big?n=3000001")
    assert status == 200 and len(body) == 3000001


def big_answer_to_a_slow_reader_does_not_stop_others(port):
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /big?n=100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.05)
        assert get(connect(port), "/healthz")[0] == 200


def three_events_come_apart(port):
    started = time.monotonic()
    status, body = get(connect(port), "/sse")
    assert status == 200 and body.count(b"data: event ") == 3, body
    assert time.monotonic() - started > 0.09


def fifty_connections_at_once(port):
    connections = [connect(port) for _ in range(50)]
    for connection in connections:
        connection.request("GET", "/")
    assert all(connection.getresponse().read().startswith(b"hello") for connection in connections)


def two_requests_in_one_segment(port):
    answer = raw(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                       b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2, answer


def many_requests_before_the_first_answer_is_read(port):
    many = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3000
    answer = raw(port, many + b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3001, answer.count(b"HTTP/1.1 200 OK")


def answer_after_the_peer_half_closed(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(b"GET /big?n=200000 HTTP/1.1\r\nHost: x\r\n\r\n")
        peer.shutdown(socket.SHUT_WR)
        size = 0
        while piece := peer.recv(65536):
            size += len(piece)
    assert size > 200000, size


def http_1_0_closes(port):
    assert raw(port, b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"ok\n")


def refused(status, request):
    def test(port):
        assert raw(port, request).startswith(b"HTTP/1.1 " + status), request
    return test


TESTS = [hello_counts_on_one_connection, health_is_ok, unknown_target_is_404, echo_of_a_megabyte_with_length,
         echo_of_an_empty_body, echo_of_chunks, echo_after_expect_continue, big_answer_has_every_byte,
         big_answer_to_a_slow_reader_does_not_stop_others, three_events_come_apart, fifty_connections_at_once,
         two_requests_in_one_segment,
         many_requests_before_the_first_answer_is_read, answer_after_the_peer_half_closed, http_1_0_closes]
for name, status, request in [
        ("head_larger_than_the_limit", b"431", b"GET / HTTP/1.1\r\nA: " + b"a" * 8200),
        ("line_without_a_version", b"400", b"GET /\r\n\r\n"),
        ("echo_without_a_length", b"411", b"POST /echo HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("echo_with_a_negative_length", b"411", b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        ("body_where_none_belongs", b"413", b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
        ("big_with_a_count_that_is_no_number", b"400", b"GET /big?n=1x HTTP/1.1\r\n\r\n"),
        ("chunk_size_that_is_no_number", b"200",
         b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]:
    TESTS.append(refused(status, request))
    TESTS[-1].__name__ = name


def main():
    server = subprocess.Popen([sys.argv[1], "0", "test"], stderr=subprocess.PIPE, text=True)
    failed = 0
    try:
        port = int(server.stderr.readline().rsplit(":", 1)[1])
        print("TAP version 13\n1..%d" % len(TESTS), flush=True)
        for index, test in enumerate(TESTS, 1):
            try:
                test(port)
                print("ok %d - %s" % (index, test.__name__), flush=True)
            except (AssertionError, OSError, http.client.HTTPException) as error:
                failed += 1
                print("not ok %d - %s\n# %r" % (index, test.__name__, error), flush=True)
    finally:
        server.kill()
        server.wait()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
