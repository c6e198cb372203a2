"""Dumps and restores: every row comes back, and decisions go on as before."""

import os
import shutil
import tempfile
from pathlib import Path

from servers import Problem, harness

HERE = Path(__file__).resolve().parent
SOURCE = "dump_source"

TABLES = """SELECT relname FROM pg_class
             WHERE relnamespace = 'lotty'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1"""

# Who is asked about: 10,000 subjects, of whom the database knows 1,200.
ASKED = """(SELECT s.number, f.key, 'subject-' || s.number AS subject
              FROM generate_series(1, 10000) AS s (number),
                   (SELECT key, row_number() OVER (ORDER BY key COLLATE "C") AS number,
                           count(*) OVER () AS total FROM lotty.flag) AS f
             WHERE (s.number + f.number) % f.total < {flags}
             ORDER BY s.number, f.key COLLATE "C") AS asked"""
ANSWERS = """COPY (SELECT asked.subject, a.flag, a.value, a.experiment_id, a.variant_id, a.reason
                     FROM {asked}, {function}(key, subject, attributes(number)) AS a
                    ORDER BY 1, 2) TO STDOUT"""
EVALUATED = ANSWERS.format(asked=ASKED.format(flags=4), function="lotty_evaluate")
DECIDED = ANSWERS.format(asked=ASKED.format(flags=2), function="lotty_decide")

TRIGGERS = """SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
               WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'lotty'::regnamespace)
                 AND NOT tgisinternal ORDER BY 1, 2"""
ALWAYS = """SELECT bool_and(tgenabled = 'A') AND count(*) >= 6 FROM pg_trigger
             WHERE tgname = 'zz_invalidate_cache'"""
STATUSES = "SELECT string_agg(DISTINCT status, ' ' ORDER BY status) FROM lotty.experiment"
DISPLACED = "SELECT count(*) > 0 FROM lotty.assignment WHERE displaced_at IS NOT NULL"
RELEASED = """SELECT count(*) FILTER (WHERE slot IS NULL) > 0 AND count(*) FILTER (WHERE slot > 3) > 0
                 AND count(*) FILTER (WHERE slot <= 3 AND status = 'completed') > 0
                FROM lotty.assignment JOIN lotty.experiment USING (experiment_id)"""

# A change after the restore goes on with the audit trail where the dump ended; and nobody alters
# the trail, be it with the right to write to every table.
NEWEST = "SELECT max(change_id) FROM lotty.change"
CHANGE = "UPDATE lotty.flag SET description = 'after the restore' WHERE key = 'off'"
NEWER = "SELECT change_id, operation, key FROM lotty.change WHERE change_id > {}"
ALTERED = [("inserted", "INSERT INTO lotty.change (changed_by, as_role, table_name, operation) VALUES ('x', 'x', 'x', 'DELETE')"),
           ("changed", "UPDATE lotty.change SET changed_by = 'nobody'"),
           ("deleted", "DELETE FROM lotty.change"), ("emptied", "TRUNCATE lotty.change")]
UNREVIEWED = "INSERT INTO lotty.experiment (key, status) VALUES ('unreviewed', 'running')"


class Content:
    """What a database holds and answers."""

    def __init__(self, cluster, database):
        self.tables = {
            table: cluster.psql(f"COPY (SELECT * FROM lotty.{table} AS t ORDER BY t::text COLLATE \"C\")"
                                " TO STDOUT", database=database)
            for table in cluster.psql(TABLES, database=database).split()
        }
        self.evaluated = cluster.psql(EVALUATED, database=database)
        # Decided and taken back: the second question of a subject sees what the first one did.
        self.decided = cluster.psql("BEGIN", DECIDED, "ROLLBACK", database=database)
        self.triggers = cluster.psql(TRIGGERS, database=database)


def successful(cluster, program, *arguments, database, options=""):
    """Runs a program that must say nothing of errors."""
    code, _, complaints = cluster.run(program, *arguments, database=database, options=options)
    if code != 0 or "error" in complaints.lower():
        raise Problem(f"{program} {' '.join(arguments)}\n{complaints[-3000:]}")
    return complaints


def dump(cluster, folder, name, *options):
    path = str(Path(folder) / name)
    complaints = successful(cluster, "pg_dump", *options, "-f", path, SOURCE, database=SOURCE)
    if complaints:
        raise Problem(f"pg_dump has complaints\n{complaints}")
    return path


def restore_plain(cluster, database, *paths):
    for path in paths:
        successful(cluster, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", path,
                   database=database)


def plain(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "plain.sql"))


def custom(cluster, folder, database, *arguments, options=""):
    successful(cluster, "pg_restore", "--exit-on-error", *arguments, "-d", database,
               dump(cluster, folder, "custom.dump", "-Fc"), database=database, options=options)


def parallel(cluster, folder, database):
    # The archive does not say in which order the foreign keys of an extension want its tables,
    # so several jobs must not check them: the README says so too.
    custom(cluster, folder, database, "-j2", options="-c session_replication_role=replica")


def two_steps(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "schema.sql", "--schema-only"),
                  dump(cluster, folder, "data.sql", "--data-only"))


def inserts(cluster, folder, database):
    restore_plain(cluster, database, dump(cluster, folder, "inserts.sql", "--inserts"))


KINDS = {"plain": plain, "custom format": custom, "custom format, two jobs": parallel,
         "schema, then data": two_steps, "inserts": inserts}


def check_source(checks, cluster, before):
    empty = [table for table, text in before.tables.items() if not text]
    checks.check("dump: every table has rows to be restored", before.tables and not empty, empty)
    checks.equal("dump: experiments of every status", cluster.psql(STATUSES, database=SOURCE),
                 "approved archived completed draft in_review paused rejected running")
    checks.equal("dump: slots released, kept after the end, and above the limit",
                 cluster.psql(RELEASED, database=SOURCE), "t")
    checks.equal("dump: memberships that a merge left without a slot",
                 cluster.psql(DISPLACED, database=SOURCE), "t")
    reasons = {line.rsplit("\t", 1)[1] for line in before.decided.splitlines()}
    checks.check("dump: decisions of many reasons are compared", len(reasons) >= 6, sorted(reasons))


def check_restored(checks, cluster, kind, database, before):
    after = Content(cluster, database)
    checks.equal(f"{kind}: the same tables", sorted(after.tables), sorted(before.tables))
    for table, text in before.tables.items():
        checks.same_lines(f"{kind}: rows of {table}", after.tables.get(table, ""), text)
    checks.same_lines(f"{kind}: lotty_evaluate answers as before", after.evaluated, before.evaluated)
    checks.same_lines(f"{kind}: lotty_decide answers as before", after.decided, before.decided)
    checks.equal(f"{kind}: the same triggers", after.triggers, before.triggers)
    checks.equal(f"{kind}: cache invalidation is enabled always",
                 cluster.psql(ALWAYS, database=database), "t")
    code, _, complaints = cluster.run(
        "psql", "-Xq", "-v", "VERBOSITY=verbose", "-c",
        "UPDATE lotty.experiment SET targeting = 'country = ' WHERE key = 'of string'", database=database)
    checks.check(f"{kind}: an invalid rule is refused", code != 0 and "ERROR:  22023:" in complaints,
                 complaints)
    newest = int(cluster.psql(NEWEST, database=database))
    cluster.psql(CHANGE, database=database)
    checks.equal(f"{kind}: the audit trail goes on", cluster.psql(NEWER.format(newest), database=database),
                 f"{newest + 1}|UPDATE|off")
    for done, statement in ALTERED:
        code, _, complaints = cluster.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-c",
                                          "SET ROLE pg_write_all_data", "-c", statement, database=database)
        checks.check(f"{kind}: the audit trail cannot be {done}", code != 0 and "ERROR:  42501:" in complaints,
                     complaints)
    code, _, complaints = cluster.run(
        "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose",
        "-c", "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO pg_write_all_data",
        "-c", "SET ROLE pg_write_all_data", "-c", UNREVIEWED, database=database)
    checks.check(f"{kind}: what nobody approved cannot be inserted as running",
                 code != 0 and "ERROR:  55000:" in complaints, complaints)
    checks.equal(f"{kind}: the ledger agrees with the log",
                 cluster.psql("SELECT * FROM lotty_check_ledger()", database=database),
                 cluster.psql("SELECT * FROM lotty_check_ledger()", database=SOURCE))


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
    cluster.fresh_database(SOURCE, extension=False)
    cluster.psql(file=HERE / "sql/fill.sql", database=SOURCE)
    before = Content(cluster, SOURCE)
    check_source(checks, cluster, before)
    for number, kind in enumerate(KINDS, 1):
        checks.part(f"restore: {kind}", check_kind, cluster, kind, f"dump_target_{number}", before)
