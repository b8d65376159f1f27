#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service of several agents: choice among them, what happens when one dies, is asked to stop, or fails."""
import asyncio
import collections
import os
import signal
import time

from load import Backend, Load, at
from network import free_port, require, require_equal, run_suite, wait_for

FULL = os.environ.get("EE_TEST_FULL") == "1"
RATE, SECONDS = 500, 10 if FULL else 2
NODES = ("node-1", "node-2", "node-3")
BACKENDS = {node: Backend(node, 0.02) for node in NODES}
SHARED, CLOSED = Backend("shared", 0.02), free_port()
ARGUMENTS, AGENTS = {}, {}


def offers(node):
    port = BACKENDS[node].port
    words = [f"svc=127.0.0.1:{port}", f"jar=127.0.0.1:{port},sticky=cookie", f"key=127.0.0.1:{port},sticky=header:X-User",
             f"torn=127.0.0.1:{CLOSED if node == 'node-3' else port}"]
    return [word for offer in [*words, str(SHARED.port)] for word in ("--expose", offer)]


def start(network, node):
    AGENTS[node] = network.spawn(ARGUMENTS[node] + offers(node), node)


def ask(network, host, count, method="GET", fields=None, body=b"", target="/x"):
    """One after the other."""
    async def run():
        load = Load(network.address("http"), host)
        return [await load.one(method, target, fields, body) for _ in range(count)]
    return asyncio.run(run())


def wait_serving(network, nodes=NODES):
    wait_for(f"{', '.join(nodes)} serve", 20, lambda: {r.body.decode() for r in ask(network, "svc", 40)} == set(nodes))


def seen_more(before):
    now = sum((b.seen() for b in BACKENDS.values()), collections.Counter())
    now.subtract(before)
    return +now


def all_seen():
    return sum((b.seen() for b in BACKENDS.values()), collections.Counter())


def three_agents_offer_one_service(network):
    """Agents that name the same service are its replicas: all of them get requests, about alike"""
    for node in NODES:
        ARGUMENTS[node] = network.agent_run_arguments(node)
        pid = network.agent_pid(node)
        os.kill(pid, signal.SIGTERM)
        wait_for(f"the first agent of {node} has gone", 10, lambda p=pid: not os.path.exists(f"/proc/{p}"))
        start(network, node)
    wait_serving(network)
    got = collections.Counter(r.body.decode() for r in ask(network, "svc", 300))
    require(all(60 < got[node] < 140 for node in NODES), f"shares of 300: {dict(got)}")


def mixed(i):
    """GETs; every tenth a POST with a key, every tenth one without."""
    if i % 10 == 3:
        return "POST", f"/once/{i}", {}, b"x" * 100
    if i % 10 == 7:
        return "POST", f"/keyed/{i}", {"Idempotency-Key": f"k{i}"}, b"y" * 3000
    return "GET", f"/get/{i}", {}, b""


def an_agent_is_killed_under_load(network):
    """kill -9 under 500 requests a second: none fails whose answer had not begun, but for what may not be done twice"""
    before = all_seen()
    load = Load(network.address("http"), "svc")

    async def run():
        await asyncio.gather(load.steady(RATE, SECONDS, mixed), at(SECONDS / 2, AGENTS["node-2"].kill))
    asyncio.run(run())
    AGENTS["node-2"].wait()
    seen = seen_more(before)
    failed = [r for r in load.results if r.status != 200]
    gap = load.longest_gap_ms()
    print(f"# {len(load.results)} requests, longest gap {gap:.0f} ms, failed: {failed[:5]}", flush=True)
    wrong = [r for r in failed if not r.target.startswith("/once/") and not (r.begun and r.status == 0)]
    require(not wrong, f"{len(wrong)} requests failed, such as {wrong[:3]}")
    require(all(r.status == 502 for r in failed if r.target.startswith("/once/")), f"what is not known to be done is 502: {failed[:3]}")
    require(len(failed) <= 20, f"{len(failed)} requests failed")
    twice = [k for k, n in seen.items() if n > 1 and k[1].startswith("/once/")]
    require(not twice, f"done twice: {twice[:3]}")
    require(any(r.body == b"node-2" for r in load.results), "the killed one had a part")
    require(gap <= (100 if FULL else 1000), f"longest gap {gap:.0f} ms")
    start(network, "node-2")
    wait_serving(network)


def every_method(i):
    method = ("GET", "POST", "PUT", "DELETE", "POST")[i % 5]
    body = b"z" * (i % 7 * 1000) if method in ("POST", "PUT") else b""
    return method, f"/drain/{i}", {}, body


def an_agent_is_drained_under_load(network):
    """SIGTERM: no request of any method fails, none is done twice, and the agent ends by itself"""
    before = all_seen()
    load = Load(network.address("http"), "svc")

    async def run():
        await asyncio.gather(load.steady(RATE / 2, SECONDS, every_method), at(SECONDS / 2, AGENTS["node-3"].terminate))
    asyncio.run(run())
    failed = [r for r in load.results if r.status != 200]
    require(not failed, f"{len(failed)} of {len(load.results)} failed, such as {failed[:3]}")
    require_equal(AGENTS["node-3"].wait(15), 0, "exit code")
    seen = seen_more(before)
    require_equal({n for k, n in seen.items() if k[1].startswith("/drain/")}, {1}, "times that each was done")
    require(any(r.body == b"node-3" for r in load.results), "the drained one had a part")
    require("drained" in AGENTS["node-3"].log.read_text(), "the log says so")
    start(network, "node-3")
    wait_serving(network)


def callers_stay_with_their_replica(network):
    """Sticky by cookie: the one that was given; by a field: the same value goes to the same one, another may not"""
    first = ask(network, "jar", 1)[0]
    cookie = next(v for k, v in first.fields if k.lower() == "set-cookie")
    require(cookie.startswith("ee-replica=") and "HttpOnly" in cookie and "Path=/;" in cookie, f"cookie {cookie}")
    pair = cookie.split(";")[0]
    again = ask(network, "jar", 30, fields={"Cookie": f"a=b; {pair}; c=d"})
    require_equal({r.body for r in again}, {first.body}, "replicas of one caller")
    require(not any(k.lower() == "set-cookie" for r in again for k, _ in r.fields), "the cookie is given once")
    require(len({r.body for r in ask(network, "jar", 40)}) == 3, "those without the cookie are spread")
    forged = ask(network, "jar", 5, fields={"Cookie": "ee-replica=0123456789abcdef"})
    require(all(r.status == 200 and any(k.lower() == "set-cookie" for k, _ in r.fields) for r in forged), "a cookie of nobody")
    chosen = {user: {r.body for r in ask(network, "key", 5, fields={"X-User": user})} for user in map(str, range(24))}
    require(all(len(replicas) == 1 for replicas in chosen.values()), f"by field: {chosen}")
    require(len({next(iter(r)) for r in chosen.values()}) == 3, "users are spread")
    require(not any(k.lower() == "set-cookie" for k, _ in ask(network, "key", 1)[0].fields), "no cookie by field")


def a_replica_that_fails_is_left_out(network):
    """Five errors in a row and a replica gets nothing for 30 s; GETs never noticed, a POST fails at most until then"""
    got = ask(network, "torn", 40)
    require_equal({r.status for r in got}, {200}, "GETs go to another replica")
    posts = ask(network, "torn", 40, method="POST", body=b"x")
    require_equal({r.status for r in posts}, {200}, "POSTs after the ejection")
    log = network.log("control")
    require("a replica is left out for a while" in log, "the log says so")


def what_an_app_answers_ejects_nobody(network):
    """A replica whose app says 500 keeps its share: answers are its app's business"""
    BACKENDS["node-1"].answer_with(500)
    try:
        got = collections.Counter(r.status for r in ask(network, "svc", 150))
        require(got[500] > 25 and got[200] > 50 and len(got) == 2, f"statuses {dict(got)}")
    finally:
        BACKENDS["node-1"].answer_with(200)


def a_busy_replica_gets_less(network):
    """Two choices on requests in flight: a replica that holds its requests gets few others"""
    load = Load(network.address("http"), "svc")
    os.kill(BACKENDS["node-1"].process.pid, signal.SIGSTOP)
    try:
        async def run():
            tasks = [asyncio.ensure_future(load.one("GET", f"/slow/{i}")) for i in range(60)]
            await asyncio.sleep(1)
            done = [r for r in load.results if r.status == 200]
            os.kill(BACKENDS["node-1"].process.pid, signal.SIGCONT)
            await asyncio.gather(*tasks)
            return len(done)
        began = time.monotonic()
        first = asyncio.run(run())
        require(first >= 36, f"{first} of 60 at once, 40 is a third held")
        require_equal({r.status for r in load.results}, {200}, "in the end all")
        require(time.monotonic() - began < 10, "soon")
    finally:
        os.kill(BACKENDS["node-1"].process.pid, signal.SIGCONT)


def an_app_with_replicas(network):
    """`--replicas 3`: leases on three nodes, each with its evidence and its money; a lost one is replaced; stop ends all"""
    network.mint("dev", "$5")
    done = network.ee_json("expose", "web", f"127.0.0.1:{SHARED.port}", "--replicas", "3")
    require_equal(sorted(i["node"] for i in done["leases"]), sorted(NODES), "nodes")
    require_equal(len(network.ee_json("ps")["items"]), 3, "rows of ee ps")
    load = Load(network.address("http"), "web")

    async def run():
        await asyncio.gather(load.steady(100, 2, lambda i: ("GET", f"/web/{i}", {}, b"")), at(1, AGENTS["node-1"].kill))
    asyncio.run(run())
    AGENTS["node-1"].wait()
    failed = [r for r in load.results if r.status != 200]
    require(not failed, f"{len(failed)} failed, such as {failed[:3]}")

    def running():
        items = [i for i in network.ee_json("ps")["items"] if i["state"] == "running"]
        return items if len(items) == 3 and all(i["node"] != "node-1" for i in items) else None
    wait_for("the lost one runs elsewhere", 15, running)
    require_equal([i["end_reason"] for i in network.leases("web") if i["state"] == "ended"], ["node_lost"], "what ended")
    network.ee_json("stop", "web")
    require_equal({i["state"] for i in network.leases("web")}, {"ended"}, "leases after the stop")
    require_equal(network.fetch("web")[0], 503, "nobody is left")
    start(network, "node-1")
    wait_serving(network)


if __name__ == "__main__":
    run_suite("replicas", [three_agents_offer_one_service, callers_stay_with_their_replica, an_agent_is_killed_under_load,
                           an_agent_is_drained_under_load, a_replica_that_fails_is_left_out] +
              ([what_an_app_answers_ejects_nobody, a_busy_replica_gets_less] if FULL else []) + [an_app_with_replicas])
