"""From PostgreSQL 15 to 18, by dump and by pg_upgrade: nothing is lost, and decisions go on as before."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from content import BY_SQL, SETTINGS, Content, check_restored
from dump_restore import dump, fill, restore, successful
from servers import HELPER, Cluster, Problem, harness, wait_until

OLD, NEW = "15", "18"
DATABASE = "shop"
OF_SERVER = "shared_preload_libraries = 'lotty'\n"

# What belongs to the database or to a role, not to what is in the database.
CONFIGURED = [f"ALTER DATABASE {DATABASE} SET lotty.max_concurrent_experiments = 4",
              f"ALTER DATABASE {DATABASE} SET lotty.require_review = on",
              "ALTER ROLE dump_manager SET lotty.cooldown_days = 5"]
# Decided by the server that has the library preloaded, partly in the background.
DECIDED = """SET lotty.decision_write_mode = 'async';
             SELECT count(*) FROM generate_series(1, 2000) AS i, lotty_decide('string', 'later-' || i, attributes(i))"""
ARRIVED = "SELECT count(*) FROM lotty.decision WHERE subject_id LIKE 'later-%'"
AMCHECK = "SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'"


def extension_of(version):
    """The installed script of the extension, or nothing if it is not installed."""
    pg_config = Path(harness("postgres_bindir", version), "pg_config")
    if not pg_config.exists():
        return None
    share = subprocess.run([str(pg_config), "--sharedir"], capture_output=True, text=True, check=True)
    scripts = sorted(Path(share.stdout.strip(), "extension").glob("lotty--*.sql"))
    # Sorted: the order of objects that do not need each other differs from build to build.
    return {script.name: sorted(script.read_text(encoding="utf-8").splitlines()) for script in scripts}


def missing():
    """Why the test cannot be made, if it cannot."""
    old, new = extension_of(OLD), extension_of(NEW)
    if not old:
        return f"PostgreSQL {OLD} with the extension is not in the state folder"
    if old != new:
        return f"PostgreSQL {OLD} has another build of the extension than PostgreSQL {NEW}"
    return None


# --- a difference of two minor versions -----------------------------------------------------

# PostgreSQL 15.20 keeps a version of each column in an option of it, pg_attver. PostgreSQL 18.6 does
# not know that, and so neither its pg_dump nor pg_upgrade brings a table there that is no extension's (such as a
# partition of the log), whatever is in it. The new cluster needs nothing of it.
UNKNOWN = "(pg_attver="
REMOVED = """UPDATE pg_attribute SET attoptions = (SELECT array_agg(o) FROM unnest(attoptions) AS o WHERE o !~ '^pg_attver=')
             WHERE attrelid >= 16384 AND attoptions::text ~ 'pg_attver='"""


def without_unknown_options(old, new):
    script, _ = successful(new, "pg_dump", "-h", old.environment["PGHOST"], "--schema-only", "--binary-upgrade",
                           database=DATABASE)
    if UNKNOWN in script:
        old.psql(REMOVED, database=DATABASE)
        print(f"without the column option pg_attver, which this PostgreSQL {NEW} does not know", flush=True)


# --- by dump -----------------------------------------------------------------------------------


def whole_cluster(checks, old, new, before, settings):
    """pg_dumpall of the new version, as PostgreSQL recommends."""
    script, _ = successful(new, "pg_dumpall", "-h", old.environment["PGHOST"], database="postgres")
    code, _, complaints = new.run("psql", "-Xq", "-o", os.devnull, "-d", "postgres", data=script)
    errors = [line for line in complaints.splitlines() if "ERROR" in line or "FATAL" in line]
    checks.check("pg_dumpall: restored without errors", code == 0 and
                 [error.partition("ERROR:  ")[2] for error in errors] == ['role "postgres" already exists'], complaints)
    checks.same_lines("pg_dumpall: the same settings, and rights to settings", new.psql(SETTINGS), settings)
    check_restored(checks, new, "pg_dumpall", DATABASE, before)
    new.psql(f"DROP DATABASE {DATABASE}")


def one_database(checks, old, new, before):
    """Dumped and restored by two jobs, with the settings of the database."""
    folder = tempfile.mkdtemp(dir=harness("state_folder"))
    try:
        path = dump(new, folder, "folder", "-Fd", "-j2", "-h", old.environment["PGHOST"], database=DATABASE)
        restore(new, "postgres", path, "-j2", "--create")
        check_restored(checks, new, "two jobs", DATABASE, before)
    finally:
        shutil.rmtree(folder)


def by_dump(checks, old, before, settings):
    with Cluster(f"major-{NEW}", NEW, OF_SERVER) as new:
        without_unknown_options(old, new)
        checks.part("pg_dumpall into the new version", whole_cluster, old, new, before, settings)
        checks.part("pg_dump and pg_restore into the new version", one_database, old, new, before)


# --- by pg_upgrade -----------------------------------------------------------------------------

def complaints_of(new):
    """What the programs that pg_upgrade runs have complained of."""
    logs = (new.home / "data").glob("pg_upgrade_output.d/*/log/*")
    return [line for log in sorted(logs) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
            if re.search(r"error|FATAL|PANIC", line, re.IGNORECASE)]


def pg_upgrade(old, new, *options):
    """Runs the new version's pg_upgrade in the new cluster's folder, as the servers' user."""
    command = [str(new.bindir / "pg_upgrade"), "-U", "postgres", "-b", str(old.bindir), "-B", str(new.bindir),
               "-d", str(old.home / "data"), "-D", str(new.home / "data"), "-s", new.environment["PGHOST"], "--no-sync",
               *options]
    done = subprocess.run([str(HELPER), "as_server", "sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(new.home),
                           *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem("\n".join(["pg_upgrade fails", *complaints_of(new), *done.stdout.splitlines()]))
    return done.stdout


def check_indexes(checks, cluster, kind):
    """The indexes hold the rows, old ones and those that decisions have written since."""
    if cluster.psql(AMCHECK) == "0":
        print(f"left out: {kind}: indexes, as there is no amcheck", flush=True)
        return
    code, output, complaints = cluster.run("pg_amcheck", "--install-missing", "--heapallindexed", "-s", "lotty", "-d", DATABASE)
    checks.check(f"{kind}: amcheck finds nothing in tables and indexes", code == 0, output + complaints)


def by_pg_upgrade(checks, old, before, settings):
    new = Cluster(f"upgraded-{NEW}", NEW, OF_SERVER, initdb=["--no-data-checksums"])
    try:
        harness("cluster_stop", old.name)
        said = pg_upgrade(old, new, "--check")
        checks.check("pg_upgrade: --check finds nothing", "Clusters are compatible" in said, said)
        said = pg_upgrade(old, new)
        checks.check("pg_upgrade: is complete", "Upgrade Complete" in said, said)
        new.start()
        successful(new, "vacuumdb", "--all", "--analyze-only", database="postgres")
        checks.equal("pg_upgrade: the server is the new one",
                     new.psql("SHOW server_version_num")[:2], NEW)
        checks.same_lines("pg_upgrade: the same settings, and rights to settings", new.psql(SETTINGS), settings)
        check_restored(checks, new, "pg_upgrade", DATABASE, before)
        checks.equal("pg_upgrade: the preloaded library has written all decisions directly",
                     new.psql(BY_SQL, database=DATABASE), "0|t")
        check_indexes(checks, new, "pg_upgrade")
    finally:
        new.__exit__()


# --- both ----------------------------------------------------------------------------------------


def major_version(checks, version):
    if version != NEW:
        print(f"left out: {OLD} to {NEW} is tested with PostgreSQL {NEW}", flush=True)
        return
    reason = missing()
    if reason:
        print(f"left out: {OLD} to {NEW}: {reason}", flush=True)
        wanted = os.environ.get("LOTTY_VERSIONS", "").split()
        if os.environ.get("CI") and OLD in wanted:
            checks.check(f"{OLD} to {NEW} can be tested", False, reason)
        return
    with Cluster(f"major-{OLD}", OLD, OF_SERVER) as old:
        fill(old, DATABASE)
        for statement in CONFIGURED:
            old.psql("LOAD 'lotty'", statement)
        old.psql(DECIDED, database=DATABASE)
        wait_until("the decisions in the background", lambda: old.psql(ARRIVED, database=DATABASE) == "2000")
        before, settings = Content(old, DATABASE), old.psql(SETTINGS)
        checks.check("major version: there are settings to be kept", len(settings.splitlines()) >= 3, settings)
        by_dump(checks, old, before, settings)
        checks.part("pg_upgrade to the new version", by_pg_upgrade, old, before, settings)
