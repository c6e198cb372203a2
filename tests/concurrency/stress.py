"""The limit of experiments per subject under load, and the same load on a check that leaks.

Many sessions decide for few subjects in transactions that commit, roll back and use
savepoints, while experiments end, start, pause and resume. Each transaction is about one
subject.
"""

import random
import threading
import time
from pathlib import Path

from pgbench import Load
from servers import Session

HERE = Path(__file__).resolve().parent
CLIENTS = 64
FLAGS = 10

# What is sent for each transaction, with its share of the load.
CHOICE = r"""
\set subject random(1, 200)
\set a random(1, 10)
\set b random(1, 10)
\set c random(1, 10)
\set d random(1, 10)
"""
DECIDE = "SELECT * FROM {decide}('flag ' || :%s::text, 'subject-' || :subject::text);\n"
A, B, C, D = (DECIDE % name for name in "abcd")
LOAD = {
    "single": (4, CHOICE + A),
    "several": (4, CHOICE + "BEGIN;\n" + A + B + C + D + "COMMIT;\n"),
    "rolled_back": (2, CHOICE + "BEGIN;\n" + A + B + C + "ROLLBACK;\n"),
    "savepoints": (3, CHOICE + "BEGIN;\n" + A + "SAVEPOINT s;\n" + B + C + "ROLLBACK TO s;\n" + D
                   + "SAVEPOINT t;\n" + C + "RELEASE t;\nCOMMIT;\n"),
    "all_flags": (1, CHOICE + """
        SELECT count(*) FROM (SELECT number FROM generate_series(1, 10) AS number ORDER BY random()) AS n,
               LATERAL {decide}('flag ' || number, 'subject-' || :subject::text);
    """),
}

# One statement has one snapshot: it sees each subject's assignments and the experiments'
# statuses as of one moment. Slots do not matter: who is in an active experiment counts.
TOO_MANY = """SELECT a.subject_id, count(*), array_agg(a.slot ORDER BY a.slot)
                FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id)
               WHERE e.status IN ('running', 'paused')
               GROUP BY a.subject_id HAVING count(*) > 3 ORDER BY 1"""
TOO_MANY_LOGGED = """SELECT d.subject_id, count(DISTINCT d.experiment_id)
                       FROM {log} d JOIN lotty.experiment e USING (experiment_id)
                      WHERE d.reason = 'experiment_assigned' AND e.status IN ('running', 'paused')
                      GROUP BY d.subject_id HAVING count(DISTINCT d.experiment_id) > 3 ORDER BY 1"""
LEDGER_WITHOUT_LOG = """
    SELECT a.subject_id, a.experiment_id, a.variant_id FROM lotty.assignment a
     WHERE NOT EXISTS (SELECT FROM lotty.decision d
                        WHERE (d.subject_id, d.experiment_id, d.variant_id)
                            = (a.subject_id, a.experiment_id, a.variant_id)
                          AND d.reason = 'experiment_assigned')"""
LOG_WITHOUT_LEDGER = """
    SELECT d.subject_id, d.experiment_id, d.variant_id FROM lotty.decision d
     WHERE d.reason = 'experiment_assigned'
       AND NOT EXISTS (SELECT FROM lotty.assignment a
                        WHERE (a.subject_id, a.experiment_id, a.variant_id)
                            = (d.subject_id, d.experiment_id, d.variant_id))"""
# Rows are written without SQL: whether each index has them all, in order.
INDEXES = """SELECT count(bt_index_check(i.indexrelid, true)) FROM pg_index i
               JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
              WHERE i.indrelid IN ('lotty.decision_default'::regclass, 'lotty.assignment'::regclass)
                AND m.amname = 'btree'"""
# The wheel with PostgreSQL 16 comes without contrib. For the others that would be a failure.
WITHOUT_AMCHECK = """SELECT current_setting('server_version_num')::int / 10000 = 16
                        AND NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck')"""
HISTORY = """SELECT count(*) FILTER (WHERE status = 'completed'),
                    (SELECT count(*) FROM lotty.assignment WHERE slot IS NULL)
               FROM lotty.experiment"""


def check_ledger(checks, what, cluster, database):
    """Ledger and log hold the same, by Lotty's own judgement and by ours."""
    for name, query in {"every assignment is in the log": LEDGER_WITHOUT_LOG,
                        "every logged assignment is in the ledger": LOG_WITHOUT_LEDGER,
                        "lotty_check_ledger() finds nothing": "SELECT * FROM lotty_check_ledger()"}.items():
        checks.equal(f"{what}: {name}", first_lines(cluster.psql(query, database=database)), "")
    if cluster.psql(WITHOUT_AMCHECK, database=database) == "t":
        print(f"left out: {what}: this PostgreSQL 16 has no amcheck to look at the indexes with", flush=True)
        return
    cluster.psql("CREATE EXTENSION IF NOT EXISTS amcheck", database=database)
    checks.equal(f"{what}: the indexes of both agree with their tables",
                 cluster.psql(INDEXES, database=database), "5")


def first_lines(text):
    lines = text.splitlines()
    return "\n".join(lines[:3] + ([f"({len(lines)} rows)"] if len(lines) > 3 else []))


class Companion:
    """A session that does something over and over while the load runs."""

    def __init__(self, cluster, database, pause, step):
        self.session = Session(cluster, database)
        self.pause, self.step = pause, step
        self.rounds, self.errors = 0, []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.ended.wait(self.pause):
            try:
                self.step(self)
                self.rounds += 1
            except Exception as error:  # reported by the main thread
                self.errors.append(repr(error))
                return

    def run(self, sql):
        answer = self.session.run(sql)
        if answer.sqlstate:
            self.errors.append(answer.messages)
        return answer.text

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.session.close()


def change_experiments(companion):
    flag = f"'flag {random.randint(1, FLAGS)}'"
    companion.run(random.choice([
        f"SELECT change_status({flag}, 'running paused', 'completed'); SELECT start_experiment({flag})",
        f"BEGIN; SELECT change_status({flag}, 'running paused', 'completed');"
        f" SELECT start_experiment({flag}); COMMIT",
        f"SELECT change_status({flag}, 'running', 'paused')",
        f"SELECT change_status({flag}, 'paused', 'running')",
        f"SELECT change_status({flag}, 'paused', 'running')",
    ]))


class Watch:
    """Looks for subjects with too many experiments, and keeps what it found."""

    def __init__(self, query):
        self.query, self.found = query, []

    def __call__(self, companion):
        rows = companion.run(self.query)
        if rows:
            self.found.append(rows)


def drive(cluster, database, decide, watched, transactions, *options, settings=""):
    """Runs the load with its companions; answers the result, the watch and the rounds."""
    weighted = {name: (weight, text.replace("{decide}", decide)) for name, (weight, text) in LOAD.items()}
    watch = Watch(watched)
    with Companion(cluster, database, 0.05, change_experiments) as changes, \
            Companion(cluster, database, 0.1, watch) as checker:
        load = Load(cluster, database, weighted, "-c", str(CLIENTS), "-j", "2",
                    "-t", str(transactions), "--failures-detailed", *options, settings=settings)
        result = load.finish(300)
    return result, watch, changes, checker


def stress(checks, cluster, level, transactions, allowed, *options):
    database = "stress_" + level.replace(" ", "_")
    cluster.fresh_database(database)
    cluster.psql(file=HERE / "sql/setup.sql", database=database)
    begin = time.monotonic()
    result, watch, changes, checker = drive(
        cluster, database, "lotty_decide", TOO_MANY, transactions, *options,
        settings=f"-c default_transaction_isolation={level.replace(' ', chr(92) + ' ')}")
    seconds = time.monotonic() - begin
    completed, released = cluster.psql(HISTORY, database=database).split("|")
    print(f"{level}: {result.processed} transactions in {seconds:.0f} s, {result.retried} tried again;"
          f" {completed} experiments ended, {released} slots released; looked {checker.rounds} times", flush=True)
    checks.equal(f"{level}: every transaction ended as it should",
                 (result.code, result.processed), (0, CLIENTS * transactions))
    for sqlstate, what in {"40P01": "no deadlock", "23505": "no unique violation"}.items():
        checks.check(f"{level}: {what}", not result.sqlstates[sqlstate],
                     [f"{result.sqlstates[sqlstate]} times", *result.complaints.splitlines()[:3]])
    others = {state: count for state, count in result.sqlstates.items()
              if state not in ("40P01", "23505", *allowed)}
    checks.check(f"{level}: no error but {' '.join(allowed) or 'these'}", not others,
                 [others, *result.messages[:5]])
    checks.check(f"{level}: experiments ended, slots were released, the limit was looked at meanwhile",
                 int(completed) >= 10 and int(released) >= 100 and checker.rounds >= 10
                 and not changes.errors and not checker.errors,
                 [completed, released, checker.rounds, *changes.errors, *checker.errors])
    checks.check(f"{level}: the limit held at every look", not watch.found, watch.found[:1])
    checks.equal(f"{level}: the limit holds at the end", first_lines(cluster.psql(TOO_MANY, database=database)), "")
    checks.equal(f"{level}: and by the log", first_lines(
        cluster.psql(TOO_MANY_LOGGED.format(log="lotty.decision"), database=database)), "")
    check_ledger(checks, level, cluster, database)


def read_committed(checks, cluster):
    stress(checks, cluster, "read committed", 300, ())


def repeatable_read(checks, cluster):
    stress(checks, cluster, "repeatable read", 60, ("40001",), "--max-tries", "10000")


def serializable(checks, cluster):
    stress(checks, cluster, "serializable", 30, ("40001",), "--max-tries", "10000")


def seed_port(checks, cluster):
    """The same load on check-then-insert has to break the limit."""
    database = "stress_seed_port"
    cluster.fresh_database(database)
    for script in ("setup", "seed_port"):
        cluster.psql(file=HERE / f"sql/{script}.sql", database=database)
    logged = TOO_MANY_LOGGED.format(log="seed_port.decision")
    result, watch, _, checker = drive(cluster, database, "seed_port.decide", logged, 60)
    print(f"check-then-insert: the limit was found broken at {len(watch.found)} of {checker.rounds} looks", flush=True)
    checks.equal("check-then-insert: every transaction ended", (result.code, result.processed), (0, CLIENTS * 60))
    checks.check("check-then-insert: this load breaks its limit, so it would find a leak",
                 watch.found, "no subject with more than 3 experiments was found")
