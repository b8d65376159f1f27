# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL as the peer of bench/ledger: started here, tuned, with the best functions we know how to write.

A batch is posted set-based: ids that are new are inserted, every account is updated once, and the balance check is the
table's own. A single transfer is one function. Both are prepared once on each connection, ids are of 128 bits as ours
and in rising order (which PostgreSQL's index likes best), commits are synchronous.
"""
import concurrent.futures
import ctypes
import ctypes.util
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
import time

SCHEMA = """
CREATE TABLE account(id int PRIMARY KEY, available bigint NOT NULL CHECK (available >= 0)) WITH (fillfactor = 50);
CREATE TABLE transfer(id uuid PRIMARY KEY, debit int NOT NULL, credit int NOT NULL, amount bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now());
INSERT INTO account SELECT i, 1000000000000 FROM generate_series(0, {accounts} - 1) i;

CREATE FUNCTION post(ids uuid[], debits int[], credits int[], amounts bigint[]) RETURNS bigint LANGUAGE sql AS $$
    WITH fresh AS (
        INSERT INTO transfer(id, debit, credit, amount) SELECT * FROM unnest(ids, debits, credits, amounts)
        ON CONFLICT DO NOTHING RETURNING debit, credit, amount
    ), change AS (
        SELECT id, sum(delta)::bigint AS delta FROM (
            SELECT debit AS id, -amount AS delta FROM fresh UNION ALL SELECT credit, amount FROM fresh) both_sides
        GROUP BY id
    ), locked AS MATERIALIZED (
        SELECT a.id, c.delta FROM account a JOIN change c USING (id) ORDER BY a.id FOR NO KEY UPDATE OF a
    ), moved AS (
        UPDATE account a SET available = a.available + l.delta FROM locked l WHERE a.id = l.id RETURNING 1
    ) SELECT count(*) FROM moved
$$;

CREATE FUNCTION post_one(the_id uuid, the_debit int, the_credit int, the_amount bigint) RETURNS int
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transfer(id, debit, credit, amount) VALUES (the_id, the_debit, the_credit, the_amount)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN 1; END IF;
    IF the_debit < the_credit THEN
        UPDATE account SET available = available - the_amount WHERE id = the_debit;
        UPDATE account SET available = available + the_amount WHERE id = the_credit;
    ELSE
        UPDATE account SET available = available + the_amount WHERE id = the_credit;
        UPDATE account SET available = available - the_amount WHERE id = the_debit;
    END IF;
    RETURN 0;
END $$;
CREATE SEQUENCE ids START 1000000000 CACHE 1000;
"""

SINGLE = """\\set debit random(0, {last})
\\set credit (:debit + random(1, {last})) % {accounts}
SELECT post_one(lpad(to_hex(nextval('ids')), 32, '0')::uuid, :debit, :credit, 1);
"""

SETTINGS = {"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "shared_buffers": "1GB",
            "max_wal_size": "8GB", "checkpoint_timeout": "30min", "max_connections": "64", "autovacuum": "on",
            "wal_compression": "off", "jit": "off"}


def cpu_s(pid, with_children=False):
    """CPU seconds a process has used; with children: those that ended, and those that live."""
    def one(path, own):
        fields = path.read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15 if with_children else 13])) / os.sysconf("SC_CLK_TCK"), int(fields[1]) == own
    used = one(pathlib.Path(f"/proc/{pid}/stat"), 0)[0]
    if with_children:
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                seconds, child = one(path, pid)
                used += seconds if child else 0
            except OSError:
                pass
    return used


def binaries():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def start(folder, accounts):
    """None: it is not installed."""
    programs = binaries()
    library = ctypes.util.find_library("pq")
    if programs is None or library is None:
        return None
    return Peer(programs, library, folder, accounts)


class Peer:
    def __init__(self, programs, library, folder, accounts):
        self.programs = programs
        self.accounts = accounts
        self.user = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ee-ledger-peer-", dir=folder))
        if os.geteuid() == 0:  # postgres refuses root
            who = pwd.getpwnam("postgres")
            os.chown(self.folder, who.pw_uid, who.pw_gid)
            self.user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
        self.data = self.folder / "data"
        self.next_id = 1
        self.pq = Pq(library, f"host={self.folder} dbname=postgres user=peer")
        self.process = None
        try:
            self.run("initdb", "-D", self.data, "-U", "peer", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
            settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
            self.process = subprocess.Popen([*self.user, str(programs / "postgres"), "-D", str(self.data), "-k",
                                             str(self.folder), *settings], stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, cwd="/")
            self.wait()
            self.sql(SCHEMA.format(accounts=accounts))
        except BaseException:
            self.close()
            raise

    def run(self, name, *words):
        done = subprocess.run([*self.user, str(self.programs / name), *map(str, words)], capture_output=True, text=True,
                              cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr[-400:]}")
        return done.stdout

    def wait(self):
        end = time.monotonic() + 30
        while subprocess.run([str(self.programs / "pg_isready"), "-q", "-h", str(self.folder)]).returncode != 0:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.1)

    def sql(self, text):
        self.run("psql", "-q", "-h", self.folder, "-U", "peer", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", text)

    # ---- what is measured: transfers a second ----

    def batch_parameters(self, size):
        import random  # pylint: disable=import-outside-toplevel
        ids = range(self.next_id, self.next_id + size)
        self.next_id += size
        debits = [random.randrange(self.accounts) for _ in ids]
        credits = [(d + random.randrange(1, self.accounts)) % self.accounts for d in debits]
        columns = ([f"{i:032x}" for i in ids], debits, credits, [1] * size)
        return [("{" + ",".join(map(str, column)) + "}").encode() for column in columns]

    def batches(self, size, count, clients):
        """`count` batches over so many connections, each with its own; prepared before the clock starts."""
        work = [[self.batch_parameters(size) for _ in range(count // clients)] for _ in range(clients)]
        connections = [self.pq.connect() for _ in range(clients)]
        for connection in connections:
            self.pq.prepare(connection, b"post", b"SELECT post($1, $2, $3, $4)", 4)

        def run(index):
            for parameters in work[index]:
                self.pq.execute(connections[index], b"post", parameters)

        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            list(pool.map(run, range(clients)))
        spent = time.monotonic() - begun
        for connection in connections:
            self.pq.finish(connection)
        return size * (count // clients) * clients / spent

    def pgbench(self, *words):
        before = cpu_s(self.process.pid, True)
        out = self.run("pgbench", "-h", self.folder, "-U", "peer", "-n", *words, "postgres")
        done = int(re.search(r"actually processed: (\d+)", out).group(1))
        self.cpu_us = 1e6 * (cpu_s(self.process.pid, True) - before) / done  # of the server, each
        return float(re.search(r"tps = ([0-9.]+)", out).group(1))

    def singles(self, clients, seconds):
        script = self.folder / "single.sql"
        script.write_text(SINGLE.format(last=self.accounts - 1, accounts=self.accounts))
        return self.pgbench("-M", "prepared", "-c", clients, "-j", 1, "-T", seconds, "-f", script)

    def tpcb(self, scale, seconds, clients):
        self.run("pgbench", "-h", self.folder, "-U", "peer", "-i", "-q", "-s", scale, "postgres")
        return {str(n): self.pgbench("-M", "prepared", "-c", n, "-j", 1, "-T", seconds) for n in clients}

    def close(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pq:
    """As much of libpq as the batches need; ctypes lets other threads run during a call."""

    def __init__(self, library, conninfo):
        self.conninfo = conninfo.encode()
        self.lib = ctypes.CDLL(library)
        self.lib.PQconnectdb.restype = ctypes.c_void_p
        for name in ("PQprepare", "PQexecPrepared"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.PQerrorMessage.restype = ctypes.c_char_p

    def connect(self):
        connection = ctypes.c_void_p(self.lib.PQconnectdb(self.conninfo))
        if self.lib.PQstatus(connection) != 0:
            raise RuntimeError(self.lib.PQerrorMessage(connection).decode())
        return connection

    def check(self, connection, result):
        result = ctypes.c_void_p(result)
        if self.lib.PQresultStatus(result) not in (1, 2):  # PGRES_COMMAND_OK, PGRES_TUPLES_OK
            raise RuntimeError(self.lib.PQerrorMessage(connection).decode())
        self.lib.PQclear(result)

    def prepare(self, connection, name, text, count):
        self.check(connection, self.lib.PQprepare(connection, name, text, count, None))

    def execute(self, connection, name, parameters):
        values = (ctypes.c_char_p * len(parameters))(*parameters)
        self.check(connection, self.lib.PQexecPrepared(connection, name, len(parameters), values, None, None, 0))

    def finish(self, connection):
        self.lib.PQfinish(connection)
