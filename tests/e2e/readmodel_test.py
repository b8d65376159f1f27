#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The read model through the API and the command line: statements by cursor and as CSV, waiting for a sequence
number, damage and deletion."""
import csv
import io
import os
import shutil
import signal
import subprocess
import threading
import time

from network import micros, program, require, require_equal, run_suite, wait_for


def statement(network, query="", profile="dev"):
    answer = network.api(profile).get(f"/v1/statement?limit=1000{query}")
    require_equal(answer.status, 200, f"status of {answer}")
    return answer.json


def pages(network, limit, profile="dev", query=""):
    """All lines through pages of that size."""
    items, cursor = [], ""
    while True:
        page = network.api(profile).get(f"/v1/statement?limit={limit}{cursor}{query}").json
        require(len(page["items"]) <= limit, "limit")
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"


def every_movement_is_a_line_with_the_balance_after_it(network):
    """Mint, transfer, lock, settlement: what changed adds up, and the last line is the balance"""
    network.mint("dev", "$20", "first")
    network.mint("guest", "$5")
    network.ee_json("transfer", "guest", "$2.5", "--memo", "=1+1, \"said\" she")
    network.ee_json("run", "--", "/bin/true")
    sent = network.ee_json("transfer", "guest", "$0.5", "--memo", "last")
    page = statement(network, f"&wait_for={sent['seq']}")
    require(int(page["seq"]) >= int(sent["seq"]), "seq of the answer")
    kinds = [i["kind"] for i in page["items"]]
    for kind in ("mint", "transfer_out", "lock"):
        require(kind in kinds, f"{kind} in {kinds}")
    running = 0
    for item in page["items"]:
        running += micros(item["change"])
        require_equal(micros(item["available"]), running, f"balance after {item}")
    available, locked = network.balance()
    last = statement(network, f"&wait_for={sent['seq']}")["items"][-1]
    wait_for("the last line is the balance", 15, lambda: (
        lambda i: (micros(i["available"]), micros(i["locked"])) == network.balance())(
            statement(network, "&order=newest")["items"][0]))
    lock = next(i for i in page["items"] if i["kind"] == "lock")
    require(len(lock["lease"]) == 32 and lock["counterparty"].startswith("op"), f"a lock: {lock}")
    require(available >= 0 and locked >= 0 and last, "balance")


def rows_of_a_bulk_have_their_own_memos(network):
    """Transfers of one request: a line each with its row's memo, none for the row that was refused"""
    rows = [{"to": "guest", "amount": "0.01", "memo": "first row"}, {"to": "nobody-here", "amount": "0.01", "memo": "refused"},
            {"to": "guest", "amount": "0.02"}, {"to": "guest", "amount": "0.03", "memo": "last row"}]
    sent = network.api().post("/v1/transfers/bulk", {"transfers": rows}).json
    require_equal(sent["made"], 3, "made")
    lines = [(i["change"], i["memo"]) for i in statement(network, f"&wait_for={sent['seq']}")["items"] if i["seq"] == sent["seq"]]
    require_equal([(micros(change), memo) for change, memo in lines],
                  [(-10000, "first row"), (-20000, ""), (-30000, "last row")], "lines")


def csv_is_rfc_4180_and_runs_no_formula(network):
    """CSV by Accept and by format, a line of names, guarded cells, the same lines as JSON; ee statement --csv too"""
    sent = network.ee_json("transfer", "guest", "$0.1", "--memo", "@SUM(A1)")
    items = statement(network, f"&wait_for={sent['seq']}")["items"]
    for answer in (network.api().get("/v1/statement", headers={"Accept": "text/csv"}),
                   network.api().get("/v1/statement?format=csv")):
        require(answer.headers["Content-Type"].startswith("text/csv"), f"{answer.headers['Content-Type']}")
        text = answer.body.decode()
        require(text.endswith("\r\n") and "\n" not in text.replace("\r\n", ""), "line ends")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        require_equal([r["number"] for r in rows], [i["number"] for i in items], "numbers")
        memos = [r["memo"] for r in rows if r["kind"] == "transfer_out"]
        require_equal((memos[0], memos[-1]), ("'=1+1, \"said\" she", "'@SUM(A1)"), "memos")
        require_equal([micros(r["change"]) for r in rows], [micros(i["change"]) for i in items], "changes")
    done = network.ee("statement", "--csv")
    rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))
    require_equal([r[0] for r in rows[1:]], [i["number"] for i in items], "ee statement --csv")
    require_equal(rows[0][0], "number", "names")


def filters_and_bad_questions(network):
    """from and to cut by time, newest turns round, what makes no sense is refused"""
    items = statement(network)["items"]
    middle = items[len(items) // 2]["at"][:19] + "Z"
    before, after = statement(network, f"&to={middle}")["items"], statement(network, f"&from={middle}")["items"]
    require_equal(before + after, items, "cut in two")
    require_equal(pages(network, 2, query="&order=newest"), items[::-1], "newest first")
    require_equal(pages(network, 3), items, "pages")
    for query in ("limit=0", "limit=1001", "cursor=zz", "cursor=" + "00" * 10, "from=yesterday", "order=both",
                  "format=xml", "colour=red"):
        require_equal(network.api().get(f"/v1/statement?{query}").status, 400, query)
    require_equal(statement(network, profile="operator-b")["items"], [], "an account without lines")


def waiting_for_a_sequence_that_does_not_come(network):
    """A deadline ends the wait: 503, read_behind, Retry-After"""
    started = time.monotonic()
    answer = network.api().get("/v1/statement?wait_for=1000000000&wait=1")
    require_equal((answer.status, answer.json["code"] if "code" in answer.json else answer.json["error"]),
                  (503, "read_behind"), "answer")
    require(answer.headers["Retry-After"] and 0.9 < time.monotonic() - started < 5, "after a second")


def no_line_twice_or_missing_beside_a_writer(network):
    """Pages read while transfers are written: together they are every line once, in order"""
    done = threading.Event()

    def write():
        for _ in range(60):
            answer = network.api().post("/v1/transfers", {"to": "guest", "amount": "0.000001"})
            require_equal(answer.status, 200, "transfer")
        done.set()
    writer = threading.Thread(target=write)
    writer.start()
    numbers, cursor = [], ""
    while True:
        finished = done.is_set()
        page = network.api().get(f"/v1/statement?limit=7{cursor}").json
        numbers += [int(i["number"]) for i in page["items"]]
        cursor = f"&cursor={page['resume']}"
        if finished and not page["items"]:
            break
    writer.join()
    status = network.api().get("/v1/read-model").json
    whole = [int(i["number"]) for i in statement(network, f"&wait_for={status['durable_seq']}")["items"]]
    require_equal(numbers, sorted(set(numbers)), "in order, none twice")
    require_equal(numbers, whole[:len(numbers)], "none missing")


def follow_goes_on_with_new_lines(network):
    """ee statement --follow writes a line when it happens"""
    child = network.spawn([network.ee_path, "--profile", network.info["profiles"]["dev"], "--json", "statement",
                           "--follow"], "follow")
    wait_for("what there is", 10, lambda: child.log.read_text().count("\n") > 10)
    network.ee_json("transfer", "guest", "$0.01", "--memo", "while following")
    wait_for("the new line", 10, lambda: "while following" in child.log.read_text())
    network.end(child)


def a_damaged_file_is_built_anew(network):
    """Garbage in the file, a wrong schema version: the control plane runs, says it, and has all lines again"""
    before = statement(network)["items"]
    path = network.state / "control" / "read.db"
    for garbage in ("pages", "schema"):
        os.kill(network.control_pid(), signal.SIGKILL)
        time.sleep(0.05)
        for other in path.parent.glob("read.db-*"):
            other.unlink(missing_ok=True)
        if garbage == "pages":
            path.write_bytes(os.urandom(64 * 1024))
        else:
            data = bytearray(path.read_bytes())
            data[60:64] = (99).to_bytes(4, "big")  # user_version
            path.write_bytes(data)
        network.wait_ready()
        network.ee_json("transfer", "guest", "$0.01")  # money moves whatever the read model does

        def lines():
            answer = network.api().get("/v1/statement?limit=1000")
            return answer.status == 200 and answer.json["items"][:len(before)] == before
        wait_for(f"the lines are back after {garbage}", 15, lines)
    require("to be built anew" in network.log("control"), "said in the log")


def the_tool_rebuilds_the_same_lines(network):
    """ee-control read-model rebuild: refused beside a running control plane; on a copy the same rows"""
    tool = [program("ee-control"), "read-model", "rebuild", "--state", str(network.state / "control")]
    done = subprocess.run(tool, capture_output=True, timeout=60)
    require(done.returncode != 0, "beside a running one")
    copy = network.folder / "copy"
    copy.mkdir()
    shutil.copy2(network.state / "control" / "journal.key", copy)
    backup = [program("ee-control"), "journal", "backup", "--state", str(network.state / "control"), "--to",
              str(copy / "journal.db")]
    subprocess.run(backup, check=True, capture_output=True, timeout=60)
    tool[-1] = str(copy)
    done = subprocess.run(tool, capture_output=True, timeout=60)
    require(done.returncode == 0 and b"read model built" in done.stdout, f"{done}")


if __name__ == "__main__":
    run_suite("readmodel", [
        every_movement_is_a_line_with_the_balance_after_it, csv_is_rfc_4180_and_runs_no_formula,
        rows_of_a_bulk_have_their_own_memos, filters_and_bad_questions, waiting_for_a_sequence_that_does_not_come,
        no_line_twice_or_missing_beside_a_writer, follow_goes_on_with_new_lines, a_damaged_file_is_built_anew,
        the_tool_rebuilds_the_same_lines,
    ])
