"""Forgets and merges subjects: a dump has no trace of the one that is gone, and nothing of it
arrives later."""

import time

from pathlib import Path

from servers import Cluster, Problem

HERE = Path(__file__).resolve().parent
DATABASE = "forget"

# Found as a part of any other text too, also of the texts of keys and JSON documents.
GONE = "forgotten-7f3a91c2"
VISITOR = "visitor-7f3a91c2"
STAYS = "stays-7f3a91c2"

# What becomes of a subject: answers of every kind, also refusals; events; overrides.
LIVE = """SELECT count(*) FROM (SELECT key FROM lotty.flag ORDER BY key) AS f,
                               lotty_decide(f.key, '{subject}', '{{"vip": true, "country": "DE", "age": 30}}');
          SELECT count(*) FROM lotty_decide('no such flag', '{subject}'), lotty_string('of string', '{subject}'),
                               lotty_decide_all('{subject}');
          SELECT lotty_track('{subject}', 'view', 1, '{{"by": "{subject}"}}', 'view of {subject}'),
                 lotty_track('{subject}', 'view');
          SELECT lotty_force('of string', '{subject}', 'control')"""

TABLES = """SELECT attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = 'lotty'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.attname = 'subject_id' AND c.relname NOT LIKE 'report\\_%' ORDER BY c.relname"""


def dump(cluster):
    code, text, complaints = cluster.run("pg_dump", DATABASE, database=DATABASE)
    if code != 0:
        raise Problem(complaints)
    return text


def lines_with(text, subject):
    return [line for line in text.splitlines() if subject in line]


def forget_and_merge(checks, cluster):
    cluster.fresh_database(DATABASE, extension=False)
    cluster.psql(file=HERE / "sql/fill.sql", database=DATABASE)
    for subject in (GONE, VISITOR, STAYS):
        cluster.psql(LIVE.format(subject=subject), database=DATABASE)

    tables = cluster.psql(TABLES, database=DATABASE).split()
    checks.check("forget: there are tables with subjects", len(tables) >= 4, tables)
    for table in tables:
        rows = cluster.psql(f"SELECT count(*) > 0 FROM {table} WHERE subject_id = '{GONE}'", database=DATABASE)
        checks.equal(f"forget: the subject has rows in {table}", rows, "t")
    before = dump(cluster)
    stays = lines_with(before, STAYS)
    checks.check("forget: a dump shows the subjects", lines_with(before, GONE) and stays, before[-2000:])

    def trail():
        return int(cluster.psql("SELECT count(*) FROM lotty.change", database=DATABASE))

    recorded = trail()
    told = cluster.psql(f"SELECT sum(rows) FROM lotty_forget('{GONE}')", database=DATABASE)
    recorded = trail() - recorded
    checks.equal("forget: the audit trail says that overrides went, without the subject", recorded, 1)
    after = dump(cluster)
    checks.equal("forget: no line of the dump has the subject any more", lines_with(after, GONE), [])
    gone = len(before.splitlines()) - len(after.splitlines()) + recorded
    checks.equal("forget: as many rows are gone as it said", gone, int(told))
    checks.equal("forget: another subject keeps its rows", sorted(lines_with(after, STAYS)), sorted(stays))

    cluster.psql(f"SELECT * FROM lotty_merge_subjects('{VISITOR}', '{STAYS}')", database=DATABASE)
    left = [line for line in lines_with(dump(cluster), VISITOR) if "view of" not in line]
    checks.equal("merge: the dump has the old subject only where the application wrote it", left, [])
    problems = cluster.psql("SELECT * FROM lotty_check_ledger()"
                            f" WHERE subject_id IN ('{GONE}', '{VISITOR}', '{STAYS}')", database=DATABASE)
    checks.equal("merge: the ledger agrees with the log", problems, "")
    cluster.psql(f"DROP DATABASE {DATABASE}")


# Of a reason that the background writer writes.
MANY = f"SELECT count(lotty_decide('no such flag', '{GONE}')) FROM generate_series(1, 3000)"
FORGET = f"SELECT sum(rows) FROM lotty_forget('{GONE}')"
MERGE = f"SELECT sum(moved) FROM lotty_merge_subjects('{GONE}', '{STAYS}')"
LEFT = f"SELECT count(*) FROM lotty.decision WHERE subject_id = '{GONE}'"


def forget_what_is_on_its_way(checks, version):
    """Decisions that the background writer has not written yet belong to what is forgotten."""
    settings = "shared_preload_libraries = 'lotty'\nlotty.decision_write_mode = async\n"
    with Cluster(f"forget-{version}", version, settings) as cluster:
        cluster.fresh_database(DATABASE)
        for name, call in (("forget", FORGET), ("merge", MERGE)):
            told = cluster.psql(MANY, call, database=DATABASE).split()
            checks.equal(f"{name}: what was on its way is waited for", told, ["3000", "3000"])
            told = cluster.psql("BEGIN", MANY, call, "COMMIT", database=DATABASE).split()
            checks.equal(f"{name}: also what the transaction itself has decided", told, ["3000", "3000"])
            code, _, complaints = cluster.run(
                "psql", "-Xq", "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1", "-c", "BEGIN", "-c", MANY,
                "-c", "SAVEPOINT s", "-c", call, database=DATABASE)
            checks.check(f"{name}: not what it has decided before a savepoint",
                         code != 0 and "ERROR:  55000: decisions of the subject" in complaints, complaints)
            other = MANY.replace(GONE, "other")
            cluster.psql("BEGIN", other, "SAVEPOINT s", MANY, call, "ROLLBACK TO s", "COMMIT", database=DATABASE)
        time.sleep(2)
        checks.equal("forget: nothing arrives later", cluster.psql(LEFT, database=DATABASE), "0")
        rest = "SELECT subject_id, count(*) FROM lotty.decision GROUP BY 1 ORDER BY 1"
        checks.equal("forget: the decisions of others are all written", cluster.psql(rest, database=DATABASE),
                     f"other|6000\n{STAYS}|6000")
