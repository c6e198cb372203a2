"""Statements that decide for many subjects: memory, locks, and two of them at once."""

import os
import threading
import time

from stress import TOO_MANY, check_ledger, first_lines
from servers import Session

BYTES_PER_ROW = 16
MORE_LOCKS = 20
OVERLAPPING = 6_000

EXPERIMENTS = """
INSERT INTO lotty.flag (key, value_type, default_value)
SELECT 'flag ' || i, 'boolean', 'false' FROM generate_series(1, 4) AS i;
INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, key FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT experiment_id, v, to_jsonb(v = 'on') FROM lotty.experiment, unnest(ARRAY['off', 'on']) AS v;
UPDATE lotty.experiment SET status = 'running';
"""
# A set in the target list is not stored before the first decision, unlike one in FROM.
BULK = """SELECT count(*) FROM (SELECT generate_series({first}, {last}) AS number) AS s,
                 LATERAL lotty_decide('flag 1', 'subject-' || number) AS d
           WHERE d.reason = 'experiment_assigned'"""
LOCKS = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
CONTEXTS = "SELECT sum(total_bytes) FROM pg_backend_memory_contexts"


def private_memory(pid):
    """Bytes that the process has for itself: shared buffers fill up with any large statement."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return 1024 * int(line.split()[1])
    return 0


class Measured:
    """A bulk statement in a transaction of its own, with its largest memory and its locks."""

    def __init__(self, session, first, last):
        self.rows = last - first + 1
        self.peak = 0
        begin = time.monotonic()
        session.send(f"BEGIN; {BULK.format(first=first, last=last)}; {LOCKS}; {CONTEXTS}; COMMIT")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(session.receive(7200)))
        waiting.start()
        while waiting.is_alive():
            self.peak = max(self.peak, private_memory(session.pid))
            waiting.join(0.02)
        self.seconds = time.monotonic() - begin
        self.messages = answers[0].messages if answers else "no answer"
        numbers = [int(line) for line in answers[0].text.split()] if answers else []
        self.assigned, self.locks, self.contexts = (numbers + [0, 0, 0])[:3]

    def __str__(self):
        return (f"{self.rows} subjects: {self.seconds:.1f} s, {self.peak / 1e6:.1f} MB private memory"
                f" at most, {self.contexts / 1e6:.1f} MB in contexts, {self.locks} locks")


def bulk(checks, cluster):
    total = int(os.environ.get("LOTTY_BULK", "200000"))
    tenth = total // 10
    cluster.fresh_database("bulk")
    cluster.psql(EXPERIMENTS, database="bulk")
    with Session(cluster, "bulk") as session:
        # What a session keeps for good is there before it is measured.
        Measured(session, -1000, -1)
        small = Measured(session, 1, tenth)
        large = Measured(session, tenth + 1, tenth + total)
    for measured in (small, large):
        print(measured, flush=True)
        checks.equal(f"bulk: {measured.rows} subjects are decided in one statement",
                     (measured.assigned, measured.messages), (measured.rows, ""))
    for what, growth in {"private memory of the process": large.peak - small.peak,
                         "total of its memory contexts": large.contexts - small.contexts}.items():
        per_row = growth / (total - tenth)
        checks.check(f"bulk: the {what} does not grow with the subjects", per_row < BYTES_PER_ROW,
                     f"{per_row:.1f} bytes for each of {total - tenth} subjects more")
    # When the tables' statistics change meanwhile, plans are made anew, and planning takes
    # locks on indexes that execution does not need.
    checks.check("bulk: the locks do not grow with the subjects", large.locks <= small.locks + MORE_LOCKS,
                 f"{small.locks} locks, then {large.locks}")
    checks.equal("bulk: assignments", cluster.psql("SELECT count(*) FROM lotty.assignment", database="bulk"),
                 str(total + tenth + 1000))


# --- two at once ---------------------------------------------------------------------------


def overlapping(first, direction):
    """Two flags for each subject, subjects in order."""
    return f"""SELECT count(*) FROM (SELECT number, flag FROM generate_series({first}, {first + OVERLAPPING - 1})
                                       AS number, generate_series(1, 2) AS flag
                                      ORDER BY number {direction}, flag) AS s,
                      LATERAL lotty_decide('flag ' || flag, 'subject-' || number)"""


def run_both(cluster, statements):
    """Runs two statements at the same time; answers the SQLSTATEs that they met.

    One that was the victim of a deadlock is run again when the other has ended: at once, the
    two would only meet again.
    """
    with Session(cluster, "overlap") as one, Session(cluster, "overlap") as other:
        for session in (one, other):
            session.value("SELECT count(*) FROM generate_series(1, 4) AS f, lotty_evaluate('flag ' || f, 's')")
        for session, sql in zip((one, other), statements):
            session.send(sql)
        answers = [session.receive() for session in (one, other)]
        for session, sql, answer in zip((one, other), statements, answers):
            if answer.sqlstate == "40P01":
                session.value(sql)
    return [answer.sqlstate for answer in answers if answer.sqlstate]


def check_overlapped(checks, what, cluster, first):
    counts = f"""SELECT count(*), count(DISTINCT subject_id), min(n), max(n)
                   FROM (SELECT subject_id, experiment_id, count(*) AS n FROM {{table}}
                          WHERE substr(subject_id, 9)::integer >= {first} GROUP BY 1, 2) AS t"""
    for table, times in {"lotty.assignment": 1, "lotty.decision": 2}.items():
        checks.equal(f"{what}: rows of {table} for each subject and experiment",
                     cluster.psql(counts.format(table=table), database="overlap"),
                     f"{2 * OVERLAPPING}|{OVERLAPPING}|{times}|{times}")
    checks.equal(f"{what}: the limit holds", first_lines(cluster.psql(TOO_MANY, database="overlap")), "")
    check_ledger(checks, what, cluster, "overlap")


def overlap(checks, cluster):
    cluster.fresh_database("overlap")
    cluster.psql(EXPERIMENTS, database="overlap")
    errors = run_both(cluster, [overlapping(1, "ASC"), overlapping(1, "DESC")])
    checks.check("opposite order: both commit, or one deadlock and a second try", errors in ([], ["40P01"]), errors)
    check_overlapped(checks, f"opposite order ({len(errors)} deadlock)", cluster, 1)
    first = OVERLAPPING + 1
    errors = run_both(cluster, [overlapping(first, "ASC"), overlapping(first, "ASC")])
    checks.equal("same order: no deadlock, no other error", errors, [])
    check_overlapped(checks, "same order", cluster, first)
