"""One decision in a transaction of its own, over a connection, beside the floors."""

import os
from pathlib import Path

import mixture
from mixture import Ratio
from servers import Problem

DATABASE = "bench"
SQL = Path(__file__).resolve().parents[1] / "sql"
SECONDS = int(os.environ.get("LOTTY_BENCH_SECONDS", "12"))
SIZES = [int(size) for size in os.environ.get("LOTTY_BENCH_ROWS", "0 1000000 10000000").split()]

# Known subjects are numbered; all others are new.
KNOWN = "\\set subject random(10000000001, 10000000000 + :subjects)\n"
NEW = "\\set subject random(20000000001, 99000000000)\n"
ATTRS = """'{"country": "DE", "age": 31}'"""
IDS = "'6d5d8c9e-5e6a-4b7c-9d5f-0a1b2c3d4e5f', '7d5d8c9e-5e6a-4b7c-9d5f-0a1b2c3d4e5f'"
COLUMNS = "decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at"

FLOORS = {
    "select_1": "SELECT 1;",
    "no_op": "SELECT * FROM pg_backend_pid();",
    "insert": f"""{KNOWN}INSERT INTO lotty.decision_default ({COLUMNS}) VALUES
        (uuidv7(), 'first', :subject, {IDS}, '"blue"', 'experiment_assigned', now());""",
    "insert_new": f"""{NEW}INSERT INTO lotty.decision_default ({COLUMNS}) VALUES
        (uuidv7(), 'first', :subject, {IDS}, '"blue"', 'experiment_assigned', now());""",
}
OWN = {
    "decide_known": f"{KNOWN}SELECT * FROM lotty_decide('first', :subject, {ATTRS});",
    "decide_new": f"{NEW}SELECT * FROM lotty_decide('first', :subject, {ATTRS});",
    "evaluate_known": f"{KNOWN}SELECT * FROM lotty_evaluate('first', :subject, {ATTRS});",
    "evaluate": f"{KNOWN}SELECT * FROM lotty_evaluate('idle', :subject, {ATTRS});",
    "evaluate_rule": f"""{KNOWN}SELECT * FROM lotty_evaluate('first', :subject, '{{"country": "FR", "age": 31}}');""",
}
FLOOR_OF = {"decide_known": "insert", "decide_new": "insert_new", "evaluate_known": "select_1",
            "evaluate": "select_1", "evaluate_rule": "select_1"}

# What leads to each reason: flag, subjects.
REASONS = {
    "experiment_assigned": ("first", KNOWN),
    "sticky": ("sticky", "\\set subject random(30000000001, 30000010000)\n"),
    "targeting_mismatch": ("french", KNOWN),
    "participation_limit": ("fourth", KNOWN),
    "domain_conflict": ("conflict", NEW),
    "outside_traffic_allocation": ("outside", NEW),
    "no_variants": ("empty", NEW),
    "forced": ("forced", "\\set subject random(40000000001, 40000100000)\n"),
    "whitelisted": ("whitelisted", "\\set subject random(40000000001, 40000100000)\n"),
    "rollout": ("rollout", KNOWN),
    "no_active_experiment": ("idle", KNOWN),
    "flag_disabled": ("disabled", KNOWN),
    "flag_not_found": ("unknown", KNOWN),
}
OTHER = f"""{KNOWN}INSERT INTO lotty.decision_default ({COLUMNS}) VALUES
    (uuidv7(), 'first', :subject, {IDS}, '"blue"', 'targeting_mismatch', now());"""


def prepare(cluster):
    cluster.psql(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    cluster.psql(file=SQL / "setup.sql", database=DATABASE)
    cluster.subjects = 0


def grow(cluster, rows):
    """At least a thousand known subjects, which is next to nothing."""
    subjects = max(rows // 3, 1000)
    if subjects > cluster.subjects:
        print(f"growing the log and the ledger to {3 * subjects:,} rows", flush=True)
        code, _, complaints = cluster.run(
            "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"first={cluster.subjects + 1}",
            "-v", f"subjects={subjects}", "-f", str(SQL / "grow.sql"), database=DATABASE)
        if code != 0:
            raise Problem(complaints)
        cluster.subjects = subjects


def measure(cluster, results):
    scripts = {**FLOORS, **OWN}
    for rows in SIZES:
        grow(cluster, rows)
        for commit in ("on", "off"):
            for clients in (1, 2):
                # What autovacuum would do in between.
                cluster.psql("VACUUM lotty.decision, lotty.assignment", "CHECKPOINT", database=DATABASE)
                times = mixture.run(cluster, DATABASE, scripts, clients, SECONDS,
                                    {"subjects": cluster.subjects}, f"-c synchronous_commit={commit}")
                cell = {name: (times[name], Ratio(times[FLOOR_OF.get(name, name)], times[name]))
                        for name in scripts}
                results.single(rows, commit, clients, cell)


def reasons(cluster, results):
    grow(cluster, min(SIZES[-1], 1_000_000))
    cluster.psql("""INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
        SELECT (40000000000 + s)::text, e.experiment_id, k.kind, v.variant_id
          FROM generate_series(1, 100000) AS s, (VALUES ('forced', 'forced'), ('whitelisted', 'whitelist')) AS k (key, kind)
          JOIN lotty.experiment e USING (key) JOIN lotty.variant v ON v.experiment_id = e.experiment_id AND v.name = 'blue'
        ON CONFLICT DO NOTHING""",
                 f"SELECT count(*) FROM generate_series(30000000001, 30000010000) AS s, lotty_decide('sticky', s::text, {ATTRS})",
                 "VACUUM ANALYZE lotty.override, lotty.assignment, lotty.decision", "CHECKPOINT", database=DATABASE)
    scripts = {"insert": FLOORS["insert"], "insert_other": OTHER}
    for reason, (flag, subjects) in REASONS.items():
        scripts[reason] = f"{subjects}SELECT * FROM lotty_decide('{flag}', :subject, {ATTRS});"
    before = counts(cluster)
    times = mixture.run(cluster, DATABASE, scripts, 2, 2 * SECONDS, {"subjects": cluster.subjects},
                        "-c synchronous_commit=off")
    unseen = [reason for reason in REASONS if counts(cluster).get(reason, 0) <= before.get(reason, 0)]
    if unseen:
        raise Problem(f"no decision had the reason {', '.join(unseen)}")
    assigned = ("experiment_assigned", "sticky")
    results.reasons({reason: (times[reason],
                              Ratio(times["insert" if reason in assigned else "insert_other"], times[reason]))
                     for reason in REASONS})


def counts(cluster):
    rows = cluster.psql("SELECT label_value, value FROM lotty.metrics WHERE name = 'lotty_decide_requests_total'",
                        database=DATABASE)
    return {reason: int(value) for reason, value in (row.split("|") for row in rows.splitlines())}
