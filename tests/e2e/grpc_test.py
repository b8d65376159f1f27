#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gRPC end to end: a stock client over TLS to the gateway, a stock server behind the tunnel (python3-grpcio)."""
import concurrent.futures
import pathlib
import threading
import time

from network import Failed, packaged, require, require_equal, run_suite, wait_for

grpc = packaged("grpc", "python3-grpcio")

MIB = 1 << 20
CANCELLED = threading.Event()


def unary(request, context):
    seen = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-first", seen.get("x-question", "")),))
    context.set_trailing_metadata((("x-last", "done"), ("x-bytes-bin", b"\x00\xff")))
    return request[::-1]


def refuse(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "there is no such thing: é")


def count(request, context):
    for i in range(int(request)):
        yield b"%d" % i


def total(requests, context):
    return b"%d" % sum(len(r) for r in requests)


def chat(requests, context):
    for request in requests:
        yield b"re: " + request


def forever(request, context):
    context.add_callback(CANCELLED.set)
    while context.is_active():
        yield b"tick"
        time.sleep(0.01)


def early(requests, context):
    next(requests)
    context.set_details("enough")
    context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
    return b""


def slow(request, context):
    time.sleep(2)
    return b"late"


def serve():
    handlers = {"Unary": grpc.unary_unary_rpc_method_handler(unary), "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
                "Count": grpc.unary_stream_rpc_method_handler(count), "Total": grpc.stream_unary_rpc_method_handler(total),
                "Chat": grpc.stream_stream_rpc_method_handler(chat), "Forever": grpc.unary_stream_rpc_method_handler(forever),
                "Early": grpc.stream_unary_rpc_method_handler(early), "Slow": grpc.unary_unary_rpc_method_handler(slow)}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16),
                         options=[("grpc.max_receive_message_length", 16 * MIB)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


SERVER, PORT = serve()
shared = {}


def channel(network):
    if "channel" not in shared:
        host, port = network.address("gateway")
        credentials = grpc.ssl_channel_credentials(pathlib.Path(network.info["ca_file"]).read_bytes())
        shared["channel"] = grpc.secure_channel(f"{host}:{port}", credentials, options=[
            ("grpc.ssl_target_name_override", "echo.apps.localhost"), ("grpc.default_authority", "echo.apps.localhost"),
            ("grpc.max_receive_message_length", 16 * MIB)])
    return shared["channel"]


def method(network, kind, name):
    return getattr(channel(network), kind)(f"/test.Echo/{name}")


def one_call_with_metadata_both_ways(network):
    """A unary call: message, first and last metadata (trailers), binary ones too"""
    call = method(network, "unary_unary", "Unary")
    answer, info = call.with_call(b"abc", metadata=(("x-question", "why"),), timeout=10, wait_for_ready=True)
    require_equal(answer, b"cba", "answer")
    require_equal(dict(info.initial_metadata()).get("x-first"), "why", "initial metadata")
    require_equal([dict(info.trailing_metadata()).get(n) for n in ("x-last", "x-bytes-bin")], ["done", b"\x00\xff"], "trailers")
    for size in (0, 1, 100_000, 8 * MIB):
        require(call(bytes(size), timeout=20) == bytes(size), f"{size} bytes")


def a_refusal_keeps_its_status_and_text(network):
    """A status other than OK, with only trailers as an answer"""
    try:
        method(network, "unary_unary", "Refuse")(b"x", timeout=10)
        raise Failed("it was answered")
    except grpc.RpcError as problem:
        require_equal((problem.code(), problem.details()), (grpc.StatusCode.NOT_FOUND, "there is no such thing: é"), "status")


def streams_in_every_direction(network):
    """Streams of the server, of the client, and of both in turns"""
    require_equal(list(method(network, "unary_stream", "Count")(b"500", timeout=10)), [b"%d" % i for i in range(500)], "server")
    require_equal(method(network, "stream_unary", "Total")(iter([bytes(1000)] * 300), timeout=10), b"300000", "client")
    turn = threading.Semaphore(1)

    def questions():
        for i in range(50):
            require(turn.acquire(timeout=5), "no answer before the next question")
            yield b"%d" % i
    answers = []
    for answer in method(network, "stream_stream", "Chat")(questions(), timeout=20):
        answers.append(answer)
        turn.release()
    require_equal(answers, [b"re: %d" % i for i in range(50)], "both")


def many_calls_at_once(network):
    """200 calls at a time on one connection"""
    call = method(network, "unary_unary", "Unary")
    futures = [call.future(b"%d" % i, timeout=20) for i in range(200)]
    require_equal([f.result() for f in futures], [(b"%d" % i)[::-1] for i in range(200)], "answers")


def cancellation_reaches_the_server(network):
    """A call that the client gives up ends at the server"""
    call = method(network, "unary_stream", "Forever")(b"", timeout=20)
    require_equal(next(call), b"tick", "first")
    call.cancel()
    require(CANCELLED.wait(5), "the server does not know")
    try:
        method(network, "unary_unary", "Slow")(b"", timeout=0.3)
        raise Failed("the deadline did not act")
    except grpc.RpcError as problem:
        require_equal(problem.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "status")


def an_early_answer_ends_the_upload(network):
    """The server answers before the client's stream is over"""
    def endless():
        while True:
            yield bytes(1000)
            time.sleep(0.005)
    try:
        method(network, "stream_unary", "Early")(endless(), timeout=10)
        raise Failed("it was answered")
    except grpc.RpcError as problem:
        require_equal((problem.code(), problem.details()), (grpc.StatusCode.RESOURCE_EXHAUSTED, "enough"), "status")


def a_server_that_ends_is_unavailable(network):
    """A call in progress when the server dies fails, never as a clean end; later ones say UNAVAILABLE"""
    call = method(network, "unary_stream", "Forever")(b"", timeout=20)
    next(call)
    SERVER.stop(0)
    try:
        for _ in call:
            pass
        raise Failed("a clean end")
    except grpc.RpcError as problem:
        require(problem.code() is not grpc.StatusCode.OK, f"{problem.code()}")

    def code():
        try:
            return method(network, "unary_unary", "Unary")(b"", timeout=5) and None
        except grpc.RpcError as problem:
            return problem.code()
    require(wait_for("later calls", 5, lambda: code() is grpc.StatusCode.UNAVAILABLE), "status")


if __name__ == "__main__":
    run_suite("grpc", [one_call_with_metadata_both_ways, a_refusal_keeps_its_status_and_text, streams_in_every_direction,
                       many_calls_at_once, cancellation_reaches_the_server, an_early_answer_ends_the_upload,
                       a_server_that_ends_is_unavailable], options=("--expose", f"echo=127.0.0.1:{PORT}"))
