"""Dumps and restores: every row comes back, and decisions go on as before."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from content import UNREGISTERED, Content, check_restored
from servers import Problem, Session, harness, wait_until

HERE = Path(__file__).resolve().parent
SOURCE = "dump_source"

STATUSES = "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM lotty.experiment"
DISPLACED = "SELECT count(*) > 0 FROM lotty.assignment WHERE displaced_at IS NOT NULL"
RELEASED = """SELECT count(*) FILTER (WHERE slot IS NULL) > 0 AND count(*) FILTER (WHERE slot > 3) > 0
                 AND count(*) FILTER (WHERE slot <= 3 AND status = 'completed') > 0
                FROM lotty.assignment JOIN lotty.experiment USING (experiment_id)"""


def fill(cluster, database):
    """A database in which everything is that a dump can meet."""
    cluster.fresh_database(database, extension=False)
    cluster.psql(file=HERE / "sql/fill.sql", database=database)


def successful(cluster, program, *arguments, database):
    """Runs a program that must say nothing of errors."""
    code, output, complaints = cluster.run(program, *arguments, database=database)
    if code != 0 or "error" in complaints.lower():
        raise Problem(f"{program} {' '.join(arguments)}\n{complaints[-3000:]}")
    return output, complaints


def dump(cluster, folder, name, *options, database=SOURCE):
    path = str(Path(folder) / name)
    _, complaints = successful(cluster, "pg_dump", *options, "-f", path, database=database)
    if complaints:
        raise Problem(f"pg_dump has complaints\n{complaints}")
    return path


def restore_plain(cluster, database, *paths, options=()):
    for path in paths:
        successful(cluster, "psql", "-Xq", *options, "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", path,
                   database=database)


def restore(cluster, database, path, *options):
    successful(cluster, "pg_restore", "--exit-on-error", *options, "-d", database, path, database=database)


# --- the ways to dump and restore ------------------------------------------------------------


def plain(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "plain.sql"), options=["--single-transaction"])


def custom(cluster, folder, database):
    restore(cluster, database, dump(cluster, folder, "custom.dump", "-Fc"))


def parallel(cluster, folder, database):
    restore(cluster, database, dump(cluster, folder, "folder", "-Fd", "-j2"), "-j2")


def children_first(cluster, folder, database):
    """What several jobs can do to the order of the tables, at its worst, and every time."""
    path = dump(cluster, folder, "reversed.dump", "-Fc")
    entries = successful(cluster, "pg_restore", "-l", path, database=database)[0].splitlines()
    data = [entry for entry in entries if " TABLE DATA " in entry]
    turned = iter(reversed(data))
    order = Path(folder) / "order"
    order.write_text("\n".join(next(turned) if entry in data else entry for entry in entries) + "\n", encoding="utf-8")
    restore(cluster, database, path, "-L", str(order))


def two_steps(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "schema.sql", "--schema-only"),
                  dump(cluster, folder, "data.sql", "--data-only"))


def sections(cluster, folder, database):
    path = dump(cluster, folder, "sections.dump", "-Fc")
    for section in ("pre-data", "data", "post-data"):
        restore(cluster, database, path, f"--section={section}")


def inserts(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "inserts.sql", "--rows-per-insert=50"))


def extension_only(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "extension.sql", "-e", "lotty"))
    # What the comparison needs is not of the extension.
    cluster.psql(cluster.psql("SELECT pg_get_functiondef('attributes'::regproc)", database=SOURCE), database=database)


KINDS = {"plain, one transaction": plain, "custom format": custom, "folder, two jobs": parallel,
         "tables in reverse order": children_first, "schema, then data": two_steps, "sections": sections,
         "inserts": inserts, "the extension by name": extension_only}


# --- checks ------------------------------------------------------------------------------------


def check_source(checks, cluster, database, before):
    empty = [table for table, text in before.tables.items() if not text]
    checks.check("dump: every table has rows to be restored", before.tables and not empty, empty)
    checks.equal("dump: every table and sequence is registered", cluster.psql(UNREGISTERED, database=database), "")
    checks.equal("dump: experiments of every status", cluster.psql(STATUSES, database=database),
                 "approved archived completed draft in_review paused rejected running")
    checks.equal("dump: slots released, kept after the end, and above the limit",
                 cluster.psql(RELEASED, database=database), "t")
    checks.equal("dump: memberships that a merge left without a slot",
                 cluster.psql(DISPLACED, database=database), "t")
    reasons = {line.rsplit("\t", 1)[1] for line in before.decided.splitlines()}
    checks.check("dump: decisions of many reasons are compared", len(reasons) >= 6, sorted(reasons))
    subjects = {line.split("\t", 1)[0] for line in before.evaluated.splitlines()}
    checks.equal("dump: decisions of 10,000 subjects are compared", len(subjects), 10000)


def check_schema_filter(checks, cluster, database):
    """pg_dump takes an extension's tables by their own names or by that of the extension only."""
    output, _ = successful(cluster, "pg_dump", "-n", "lotty", database=database)
    dumped = re.findall(r"^(?:COPY|CREATE TABLE) (\S+)", output, re.MULTILINE)
    checks.check("dump: -n lotty has nothing but partitions of the log, as the README says",
                 dumped and all(re.fullmatch(r"lotty\.decision_p\d+", table) for table in dumped), dumped)


# Two jobs of a restore, of which neither sees what the other one loads.
RESTORING = "SET check_function_bodies = off; SELECT pg_catalog.set_config('search_path', '', false)"
CHILD = """INSERT INTO lotty.variant (experiment_id, name, value, rank)
           VALUES ('00000000-0000-4000-8000-000000000001', 'v', '1', 1)"""
PARENT = "INSERT INTO lotty.experiment (experiment_id, key) VALUES ('00000000-0000-4000-8000-00000000000{}', 'e')"
WAITS = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {}"


def check_two_jobs(checks, cluster, database):
    for number, expected in ((1, None), (2, "23503")):
        cluster.fresh_database(database)
        with Session(cluster, database) as child, Session(cluster, database) as parent:
            child.value(f"{RESTORING}; BEGIN; {CHILD}")
            parent.value(RESTORING)
            parent.send(PARENT.format(number))
            wait_until("the second job", lambda: cluster.psql(WAITS.format(parent.pid)) == "t", seconds=10)
            child.value("COMMIT")
            answer = parent.receive()
            checks.equal("dump: of two tables loaded at once, the last one checks the foreign key "
                         f"({'holds' if expected is None else 'does not hold'})", answer.sqlstate, expected)
    cluster.psql(f"DROP DATABASE {database}")


def check_kind(checks, cluster, kind, database, before):
    folder = tempfile.mkdtemp(dir=harness("state_folder"))
    try:
        cluster.fresh_database(database, extension=False)
        # A restore is not bound by it; anybody else is.
        cluster.psql(f"ALTER DATABASE {database} SET lotty.require_review = on")
        KINDS[kind](cluster, folder, database)
        check_restored(checks, cluster, kind, database, before)
        cluster.psql(f"DROP DATABASE {database}")
    finally:
        shutil.rmtree(folder)


def dump_and_restore(checks, cluster):
    fill(cluster, SOURCE)
    before = Content(cluster, SOURCE)
    check_source(checks, cluster, SOURCE, before)
    check_schema_filter(checks, cluster, SOURCE)
    checks.part("restore: two tables at once", check_two_jobs, cluster, "dump_target_0")
    for number, kind in enumerate(KINDS, 1):
        checks.part(f"restore: {kind}", check_kind, cluster, kind, f"dump_target_{number}", before)
