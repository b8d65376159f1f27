#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ee-control journal`: backup beside a network under load, restore of that backup, replay."""
import json
import pathlib
import stat
import subprocess
import threading
import time

from network import clean_environment, require, require_equal, run_suite, wait_for

CLIENTS, BACKUPS, PAUSE_S = 3, 3, 0.4
shared = {}


def journal(*words, code=0, state=None):
    """The tool's answer, a JSON object; None when it has none."""
    done = subprocess.run([shared["control"], "journal", *map(str, words), "--state", str(state or shared["state"]),
                           *([] if words[0] == "export" else ["--json"])],
                          capture_output=True, text=True, env=clean_environment(), timeout=60)
    require_equal(done.returncode, code, f"journal {words[0]}: {(done.stdout + done.stderr)[-400:]}")
    if words[0] == "export":
        return done.stdout
    return json.loads(done.stdout) if done.stdout.startswith("{") else None


class Load(threading.Thread):
    """Transfers of one micro-dollar, one after another."""

    def __init__(self, network, number):
        super().__init__(daemon=True)
        self.api, self.number, self.going, self.done, self.slowest_s = network.api(), number, True, 0, 0.0

    def run(self):
        while self.going:
            begun = time.monotonic()
            answer = self.api.post("/v1/transfers", {"to": "guest", "amount": "0.000001", "memo": "load"},
                                   key=f"load-{self.number}-{self.done}")
            require(answer.status in (200, 201), f"transfer: {answer}")
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
            self.done += 1


def backups_beside_a_running_network(network):
    """Three backups while transfers go on: each verifies, is a later moment, and has mode 0600"""
    arguments = network.control_run_arguments()
    arguments[arguments.index("--listen") + 1] = "{}:{}".format(*network.address("api"))  # the same one again
    shared.update(arguments=arguments, control=arguments[0],
                  state=pathlib.Path(arguments[arguments.index("--state") + 1]),
                  genesis=arguments[arguments.index("--genesis") + 1])
    network.mint("dev", "$20", "backup")
    clients = [Load(network, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    shared["reports"] = []
    try:
        for number in range(BACKUPS):
            before = sum(c.done for c in clients)
            wait_for("transfers flow", 10, lambda: sum(c.done for c in clients) > before + 20, 0.01)
            path = network.folder / f"backup-{number}.db"
            shared["reports"].append(journal("backup", "--to", path, "--genesis", shared["genesis"]))
            require_equal(stat.S_IMODE(path.stat().st_mode), 0o600, "mode")
            time.sleep(PAUSE_S)
    finally:
        for client in clients:
            client.going = False
        for client in clients:
            client.join(10)
    print(f"# {sum(c.done for c in clients)} transfers, the slowest took "
          f"{max(c.slowest_s for c in clients) * 1000:.0f} ms", flush=True)
    require_equal(network.ee("network").returncode, 0, "a client that keeps the newest checkpoint")
    sizes = [report["commands"] for report in shared["reports"]]
    require(sizes == sorted(set(sizes)), f"commands in the backups: {sizes}")
    require_equal(journal("backup", "--to", network.folder / "backup-0.db", code=5), None, "a backup that exists")


def backup_is_a_prefix_of_the_journal(network):
    """With the network stopped: replay is content, and the journal begins with every record of the backup"""
    network.stop()
    report = journal("replay", "--genesis", shared["genesis"])
    require(report["ok"] and report["commands"] > shared["reports"][-1]["commands"], f"replay: {report}")
    lines = journal("export").splitlines()
    folder = network.folder / "elsewhere"
    folder.mkdir(mode=0o700)
    key = ("--key-file", shared["state"] / "journal.key")
    restored = journal("restore", "--from", network.folder / "backup-1.db", "--genesis", shared["genesis"], *key,
                       state=folder)
    require_equal(restored, shared["reports"][1], "restored")
    copy = journal("export", *key, state=folder).splitlines()
    require_equal(len(copy), restored["commands"], "commands")
    require(copy == lines[:len(copy)], "another beginning than the journal's")


def sealed_backup_without_its_key(network):
    """Backup and restore check the chain and say that nothing was opened; verify and export refuse"""
    folder = network.folder / "keyless"
    folder.mkdir(mode=0o700)
    restored = journal("restore", "--from", network.folder / "backup-1.db", state=folder)
    expected = shared["reports"][1]
    require(not restored["opened"] and expected["opened"], f"opened: {restored}")
    require_equal([restored[n] for n in ("ok", "batches", "commands", "epoch", "network")],
                  [expected[n] for n in ("ok", "batches", "commands", "epoch", "network")], "what the chain tells")
    report = journal("verify", state=folder, code=2)
    require_equal((report["ok"], report["error"]), (False, "unsupported"), "verify without the key")
    journal("export", state=folder, code=2)
    other = network.folder / "other.key"
    other.write_text("11" * 32 + "\n")
    other.chmod(0o600)
    report = journal("verify", "--key-file", other, state=folder, code=7)
    require_equal(report["error"], "seal_open", "verify with another key")


def restore_refuses_what_is_wrong(network):
    """A journal that is there, a damaged backup, another network's, one that is missing: nothing changes"""
    path = shared["state"] / "journal.db"
    before = path.read_bytes()
    good = network.folder / "backup-1.db"
    damaged = network.folder / "damaged.db"
    bytes_ = bytearray(good.read_bytes())
    bytes_[len(bytes_) // 2] ^= 4
    damaged.write_bytes(bytes_)
    for words in (["--from", good], ["--from", damaged, "--replace"],
                  ["--from", network.folder / "none", "--replace"]):
        done = subprocess.run([shared["control"], "journal", "restore", "--state", str(shared["state"]),
                               *map(str, words)], capture_output=True, text=True, env=clean_environment(), timeout=30)
        require(done.returncode not in (0, 130) and done.stdout + done.stderr, f"{words}: exit {done.returncode}")
    require(path.read_bytes() == before, "the journal changed")


def restored_network_goes_on_and_clients_notice(network):
    """After --replace the control plane starts from the backup; a client that had seen more stops with exit 7"""
    journal("restore", "--from", network.folder / "backup-1.db", "--replace")
    require((shared["state"] / "journal.db.replaced").exists(), "the old journal is gone")
    child = network.spawn(shared["arguments"], "restored")
    network.wait_ready()
    require_equal(network.ee("network").returncode, 7, "a client that had seen a later checkpoint")
    credits = network.api("dev").get("/v1/credits")
    require_equal(credits.status, 200, "credits")
    network.end(child)
    report = journal("replay")
    require(report["ok"] and report["commands"] > shared["reports"][1]["commands"], f"{report}")


if __name__ == "__main__":
    run_suite("journal", [
        backups_beside_a_running_network,
        backup_is_a_prefix_of_the_journal,
        sealed_backup_without_its_key,
        restore_refuses_what_is_wrong,
        restored_network_goes_on_and_clients_notice,
    ])
