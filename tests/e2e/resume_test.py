#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ee dev` stopped with Ctrl-C and started again on its state folder."""
import json
import signal
import subprocess

from network import alive, app_command, clean_environment, free_port, require, require_equal, run_suite, wait_for

shared = {}


def two_networks_on_one_folder(network):
    """A second `ee dev` on the same state folder is refused, and the first goes on"""
    def run(words):
        return subprocess.run(words, capture_output=True, text=True, env=clean_environment(), timeout=20)
    done = run([network.ee_path, "dev", "--state", str(network.state), "--json"])
    require(done.returncode not in (0, 130), f"exit {done.returncode}")
    problem = json.loads(done.stdout)
    require(problem.get("error") and problem.get("detail"), f"no reason given: {done.stdout}")
    require_equal(network.api(None).get("/readyz").status, 200, "the first")
    again = run(network.control_run_arguments())
    require(again.returncode not in (0, 130), f"a second ee-control on one state folder: exit {again.returncode}")
    agent = run(network.agent_run_arguments("node-1"))
    require(agent.returncode not in (0, 130), f"a second ee-agent on one state folder: exit {agent.returncode}")


def ctrl_c_stops_all_of_it(network):
    """Ctrl-C ends every process of the network, with exit code 0 and without killing the journal"""
    network.mint("dev", "$20", "first")
    network.ee_json("transfer", "guest", "$2.5")
    shared["port"] = free_port()
    network.deploy("web", shared["port"], *app_command(network, shared["port"]))
    wait_for("the app answers", 10, lambda: network.fetch("web")[0] == 200)
    require_equal(network.ee("run", "--name", "done", "--", "/bin/sh", "-c", "echo kept; exit 4").returncode, 4, "job")
    wait_for("the job is settled", 15, lambda: all(
        p["state"] in ("split", "paid", "refunded") for p in network.periods(network.leases("done")[0]["lease"])))
    shared.update(first=network.info, guest=network.balance("guest"), network=network.ee_json("network"),
                  dev=network.balance()[0], apps=len(network.ee_json("ps", "--all")["items"]),
                  workload=int(network.fetch("web", "/pid")[1]))
    pids = network.pids()
    everything = [pids["control"], *pids["agents"].values(), shared["workload"]]
    require_equal(network.stop(), 0, "exit code after Ctrl-C")
    wait_for("all processes are gone", 5, lambda: not [pid for pid in everything if alive(pid)])


def the_same_network_comes_back(network):
    """Started again: the same network, addresses, accounts and balances; the client's highest checkpoint is kept up"""
    second = network.start()
    for member in ("api", "gateway", "http", "network", "ca_file", "profiles"):
        require_equal(second[member], shared["first"][member], member)
    require_equal(network.balance("guest"), shared["guest"], "guest's balance")
    # Every verb compares the checkpoint with the highest this client has kept: exit 7 if the log had lost anything.
    head = network.ee_json("network")
    size = lambda document: int(json.dumps(document["checkpoint"]).split("\\n")[1]) if isinstance(
        document.get("checkpoint"), str) else int(document["checkpoint"]["size"])
    require(size(head) >= size(shared["network"]), f"head {head.get('checkpoint')}")
    network.mint("dev", "$20", "first")
    require(sum(network.balance()) <= 20_000_000 - 2_500_000, "the reference of before the restart mints nothing")


def an_app_without_secrets_runs_again(network):
    """The app is placed again by itself and answers under its name; a finished job's output is still there"""
    wait_for("the app answers again", 30, lambda: network.fetch("web")[0] == 200, 0.3)
    require(int(network.fetch("web", "/pid")[1]) != shared["workload"], "another process")
    require_equal(network.ee("logs", "done").stdout, b"kept\n", "output of the job from before")
    require(len(network.ee_json("ps", "--all")["items"]) >= shared["apps"], "apps and jobs are known")


def it_works_as_before(network):
    """New jobs run, credits move, and a third start after SIGTERM comes back as well"""
    require_equal(network.ee("run", "--", "/bin/true").returncode, 0, "job")
    network.ee_json("transfer", "guest", "$0.5")
    guest = network.balance("guest")
    require_equal(network.stop(signal.SIGTERM), 0, "exit code after SIGTERM")
    network.start()
    require_equal(network.balance("guest"), guest, "guest's balance")


def killed_without_a_word(network):
    """`ee dev` killed with SIGKILL leaves no process behind, and its state starts again"""
    pids = network.pids()
    everything = [pids["control"], *pids["agents"].values()]
    guest = network.balance("guest")
    network.stop(signal.SIGKILL)
    wait_for("its children are gone", 8, lambda: not [pid for pid in everything if alive(pid)])
    network.start()
    require_equal(network.balance("guest"), guest, "guest's balance")


if __name__ == "__main__":
    run_suite("resume", [
        two_networks_on_one_folder,
        ctrl_c_stops_all_of_it,
        the_same_network_comes_back,
        an_app_without_secrets_runs_again,
        it_works_as_before,
        killed_without_a_word,
    ])
