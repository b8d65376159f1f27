#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Agents and the workloads they run: no open port, another user, no way back, and no death by a lost tunnel."""
import json
import os
import pathlib
import signal
import time

from network import (Skipped, alive, app_command, free_port, listening, processes_with, python3, require, require_equal,
                     run_suite, wait_for)

PROBE = r"""
import ctypes, json, os, pathlib, resource, sys
agent, folder = int(sys.argv[1]), sys.argv[2]
def attempt(action):
    try:
        return str(action())
    except OSError as problem:
        return "refused: " + problem.strerror
libc = ctypes.CDLL(None, use_errno=True)
def trace(pid):
    if libc.ptrace(16, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "attached"
status = dict(l.split(":\t", 1) for l in open("/proc/self/status").read().splitlines() if ":\t" in l)
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "cwd": os.getcwd(),
    "environment": dict(os.environ), "files": sorted(os.listdir("/proc/self/fd")),
    "no_new_privileges": status["NoNewPrivs"].strip(), "effective": status["CapEff"].strip(),
    "permitted": status["CapPrm"].strip(), "bounding": status["CapBnd"].strip(), "parent": os.getppid(),
    "trace_agent": attempt(lambda: trace(agent)),
    "agent_memory": attempt(lambda: open("/proc/%d/mem" % agent, "rb").name),
    "agent_environment": attempt(lambda: len(open("/proc/%d/environ" % agent, "rb").read())),
    "agent_files": attempt(lambda: os.listdir("/proc/%d/fd" % agent)),
    "state_folder": attempt(lambda: os.listdir(folder)),
    "kill_agent": attempt(lambda: os.kill(agent, 0)),
    "core": resource.getrlimit(resource.RLIMIT_CORE), "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "processes": resource.getrlimit(resource.RLIMIT_NPROC)[0],
}))
"""
shared = {}


def python(network, name, text):
    path = network.folder / name
    path.write_text(text)
    path.chmod(0o644)
    return [python3(), "-B", str(path)]


def run(network, *words, options=(), code=0, **more):
    done = network.ee("run", *options, "--", *words, **more)
    require_equal(done.returncode, code, f"exit code; {done.stderr.decode(errors='replace')[-400:]}")
    return done


def agents_listen_on_nothing(network):
    """No agent has a listening TCP socket, by the kernel's table; the control plane has (so the search finds some)"""
    network.mint("dev", "$20")
    require(listening([network.control_pid()]), "the control plane's listeners are found")
    shared["port"] = free_port()
    network.deploy("web", shared["port"], *app_command(network, shared["port"]))
    wait_for("the app answers", 10, lambda: network.fetch("web")[0] == 200)
    pids = list(network.pids()["agents"].values())
    require_equal(len(pids), 3, "agents")
    require_equal(listening(pids), [], "listening sockets of agents, while an app is served")


def a_workload_is_somebody_else(network):
    """Another uid and gid, no groups, no capabilities, no new privileges, no inherited files, its own folder"""
    if os.geteuid() != 0:
        raise Skipped("the agent can change the user only as root")
    agent, folder = network.agent_pid("node-1"), network.state / "agents" / "node-1"
    done = run(network, *python(network, "probe.py", PROBE), str(agent), str(folder),
               options=("--node", "node-1", "-e", "GREETING=hello world", "--secret", "TOKEN=-"), stdin="hidden")
    seen = shared["seen"] = json.loads(done.stdout)
    require(seen["uid"] >= 1000 and seen["gid"] >= 1000, f"uid {seen['uid']}, gid {seen['gid']}")
    require_equal(seen["groups"], [], "groups")
    require_equal((seen["no_new_privileges"], int(seen["effective"], 16), int(seen["permitted"], 16)), ("1", 0, 0),
                  "privileges")
    require_equal(seen["files"][:3], ["0", "1", "2"], "open files")
    require(len(seen["files"]) <= 4, f"inherited files {seen['files']}")  # one is the listing itself
    require_equal(seen["core"][0], 0, "core images")
    require(0 < seen["open_files"] <= 4096 and 0 < seen["processes"] <= 4096, f"limits {seen}")
    require(pathlib.Path(seen["cwd"]) != folder, f"works in {seen['cwd']}")


def only_the_environment_that_was_given(network):
    """A workload's environment is the deployment's (`ee run` puts a PATH there) and its secrets, nothing else"""
    require("seen" in shared, "no probe ran")
    environment = {k: v for k, v in shared["seen"]["environment"].items() if k not in ("LC_CTYPE", "PWD", "_", "SHLVL")}
    require_equal(environment, {"GREETING": "hello world", "TOKEN": "hidden", "PATH": "/usr/local/bin:/usr/bin:/bin"},
                  "environment")


def a_workload_cannot_reach_its_agent(network):
    """It can neither trace the agent, read its memory, environment or files, list its state, nor signal it"""
    require("seen" in shared, "no probe ran")
    for what in ("trace_agent", "agent_memory", "agent_environment", "agent_files", "state_folder", "kill_agent"):
        require(shared["seen"][what].startswith("refused"), f"{what}: {shared['seen'][what]}")


def exit_codes_come_through(network):
    """The job's own code is the code of `ee run`; a signal gives 128 + n; what cannot start is 125 or a usage error"""
    for code in (0, 1, 7, 77, 125, 255):
        run(network, "/bin/sh", "-c", f"exit {code}", code=code)
    run(network, "/bin/sh", "-c", "kill -9 $$", code=137)


def a_start_that_fails_is_refunded(network):
    """No such program: the start fails, says why, and the whole lock returns"""
    before = network.balance()
    done = network.ee("run", "--name", "nothing", "--", "/no/such/program")
    require(done.returncode not in (0, 130), f"exit {done.returncode}")
    lease = network.leases("nothing")[0]
    require_equal(lease["end_reason"], "start_failed", f"lease {lease}")
    wait_for("refunded", 10, lambda: sum(network.balance()) <= sum(before) and not [
        p for p in network.periods(lease["lease"]) if p["state"] not in ("refunded",)])
    require(all(p["paid"] == "0" for p in network.periods(lease["lease"])), "paid for nothing")


def output_is_bound(network):
    """Endless output keeps its newest bytes and says that it was cut; stdout and stderr stay apart"""
    done = run(network, "/bin/sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo END; echo to-stderr >&2")
    require(len(done.stdout) < 4 << 20, f"{len(done.stdout)} bytes kept")
    require(done.stdout.endswith(b"END\n"), "the newest bytes are kept")
    require(b"to-stderr" in done.stderr and b"to-stderr" not in done.stdout, "streams")
    document = network.ee_json("run", "--", "/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    require(any("truncated" in key or "cut" in key for key in json.dumps(document).replace('"', " ").split()),
            f"says that it was cut: {str(document)[:200]}")


def memory_and_files_are_limited(network):
    """A workload gets the memory it asked for and not more, and cannot fill the process table"""
    text = "x = bytearray(900 * 1024 * 1024)\nprint('got it')\n"
    done = network.ee("run", "--memory", "128", "--", *python(network, "memory.py", text))
    require(done.returncode != 0 and b"got it" not in done.stdout, "900 MiB with a limit of 128")
    done = network.ee("run", "--memory", "2048", "--", *python(network, "memory.py", text))
    require_equal((done.returncode, done.stdout), (0, b"got it\n"), "900 MiB with a limit of 2048")


def stop_ends_the_whole_group(network):
    """`ee stop` ends the workload with everything it started, also what ignores SIGTERM, and frees the node"""
    marker = f"3{os.getpid()}7"
    network.deploy("stubborn", free_port(), "/bin/sh", "-c", f"trap '' TERM; sleep {marker} & sleep {marker}; wait")
    wait_for("it runs", 5, lambda: len(processes_with(marker.encode())) >= 2)
    network.ee_json("stop", "stubborn")
    wait_for("all of it is gone", 8, lambda: not [p for p in processes_with(marker.encode()) if alive(p)])
    require_equal(network.leases("stubborn")[0]["end_reason"], "stopped", "reason")
    require_equal(network.ee("stop", "stubborn").returncode in (0, 3, 5), True, "again")


def a_lost_tunnel_kills_nothing(network):
    """The control plane stopped for a while, then killed: the app's process is the same, and no lock fails for it"""
    lease = network.lease("web")
    pid = network.fetch("web", "/pid")[1]
    control = network.control_pid()
    os.kill(control, signal.SIGSTOP)
    try:
        time.sleep(2.5)
    finally:
        os.kill(control, signal.SIGCONT)
    network.wait_connected()
    wait_for("the app answers after SIGSTOP", 10, lambda: network.fetch("web", "/pid")[1] == pid)
    os.kill(network.control_pid(), signal.SIGKILL)
    require(alive(int(pid)), "the workload lives while there is no control plane")
    network.wait_ready()
    network.wait_connected()
    wait_for("the app answers after SIGKILL", 10, lambda: network.fetch("web", "/pid")[1] == pid)
    require_equal(network.lease("web")["lease"], lease["lease"], "lease")
    time.sleep(11)  # a whole period, so that the one with the outages is settled
    verdicts = [(p["index"], p["verdict"], p["reason"]) for p in network.periods(lease["lease"])]
    require(not [v for v in verdicts if v[1] == "fail"], f"our own outage failed a period: {verdicts}")


def a_killed_agent_moves_its_app(network):
    """SIGKILL of the agent: its workload ends with it, the period is refunded whole, the app answers elsewhere"""
    old = network.lease("web")
    pid = int(network.fetch("web", "/pid")[1])
    os.kill(network.agent_pid(old["node"]), signal.SIGKILL)
    wait_for("its workload is gone", 5, lambda: not alive(pid))
    new = wait_for("the app runs elsewhere", 20, lambda: next(
        (i for i in [network.lease("web")] if i and i["lease"] != old["lease"] and i["state"] == "running"), None))
    require(new["node"] != old["node"], f"still on {new['node']}")
    wait_for("it answers again", 5, lambda: network.fetch("web")[0] == 200)
    failed = wait_for("the period is settled", 15, lambda: [
        p for p in network.periods(old["lease"]) if p["verdict"] == "fail"])[0]
    require_equal((failed["state"], failed["refunded"], failed["paid"]), ("refunded", failed["locked"], "0"), "period")
    words = json.dumps(network.ee_json("explain", "web"))
    require(old["node"] in words and new["node"] in words, "explain says from where to where")


def nodes_without_room_say_why(network):
    """More vCPUs than any node has: exit 10, with a reason for each node"""
    problem = network.ee_refused(10, "run", "--vcpus", "4000", "--", "/bin/true")
    require_equal(problem["error"], "no_eligible_node", "error")
    answer = network.api().post("/v1/leases", {"workload": "job", "name": "big", "vcpus": 4000,
                                               "deployment": "AA=="})
    require(answer.status in (400, 503), f"API {answer}")
    cheap = network.ee("run", "--max-price", "0.001", "--", "/bin/true")
    require_equal(cheap.returncode, 10, cheap.stderr.decode()[-300:])
    require(all(node in cheap.stderr.decode() for node in ("node-1", "node-2", "node-3")), "a reason for each node")


if __name__ == "__main__":
    run_suite("agents", [
        agents_listen_on_nothing,
        a_workload_is_somebody_else,
        only_the_environment_that_was_given,
        a_workload_cannot_reach_its_agent,
        exit_codes_come_through,
        a_start_that_fails_is_refunded,
        output_is_bound,
        memory_and_files_are_limited,
        stop_ends_the_whole_group,
        a_lost_tunnel_kills_nothing,
        a_killed_agent_moves_its_app,
        nodes_without_room_say_why,
    ])
