"""Libraries and extensions of different versions: a clear message, never a crash, and the way back.

The next version of the library is a copy of the built one with other digits in its version. Which of
both a session loads is up to a folder in dynamic_library_path, as with a package that is replaced.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from scripts import FIXTURES, ROOT
from servers import Cluster, Problem, Session, harness, wait_for_replay, wait_until

DATABASE = "versions"
ROWS = ROOT / "tests/upgrade/rows.sql"
READS = ["lotty_evaluate('button', 's')", "lotty_evaluate_all('s')", "lotty_evaluate_many(ARRAY['button'], 's')",
         "lotty_evaluate_experiment('colour', 's')", "lotty_explain('button', 's')", "lotty_evaluate('none', 's')"]
DECIDES = [*READS, "lotty_decide('button', 's')", "lotty_decide_all('s')", "lotty_decide_many(ARRAY['button'], 's')",
           "lotty_decide_experiment('colour', 's')", "lotty_string('button', 's')", "lotty_boolean('dark', 's')",
           "lotty_number('button', 's')", "lotty_json('button', 's')"]
# What does not decide goes on: configuring, recording events, the audit trail.
OTHERS = ["UPDATE lotty.flag SET description = description || '.' WHERE key = 'button'",
          "UPDATE lotty.experiment SET targeting = 'age > 1 OR country IS NULL' WHERE key = 'colour'",
          "SELECT lotty_track('subject-1', 'seen')", "SELECT lotty_bucket('a', 'b', 'c')",
          "SELECT lotty_targeting_check('age > 1')", "SELECT lotty_rebuild_ledger()",
          "SELECT lotty_force('colour', 'x', 'blue')", "SELECT lotty_forget('subject-9')"]
WORKS = "SELECT reason FROM lotty_evaluate('button', 'subject-1')"
STICKY = "sticky"
UPDATE = "ALTER EXTENSION lotty UPDATE TO '{}'"
BUILDS = "SELECT builds FROM lotty.session_cache()"


class Libraries:
    """A folder with the library that sessions load next: that of the extension, or the one after it."""

    def __init__(self, version, scripts):
        self.folder = Path(tempfile.mkdtemp(prefix="library-", dir=harness("state_folder")))
        os.chmod(self.folder, 0o755)
        config = [f"{harness('postgres_bindir', version)}/pg_config", "--pkglibdir"]
        installed = Path(subprocess.run(config, capture_output=True, text=True, check=True).stdout.strip()) / "lotty.so"
        self.current, self.next = scripts.current, re.sub(r"\d", "9", scripts.current)
        content = installed.read_bytes()
        mark = f"lotty library {self.current}".encode()
        if content.count(mark) != 1:
            raise Problem(f"{installed} does not have its version once, but {content.count(mark)} times")
        self.files = {self.current: content, self.next: content.replace(mark, f"lotty library {self.next}".encode())}
        self.settings = f"dynamic_library_path = '{self.folder}:$libdir'\n"
        self.install(self.current)
        self.update = f"lotty--{self.current}--{self.next}.sql"
        scripts.put(self.update, "SELECT lotty.begin_update();\n"
                                 "COMMENT ON VIEW lotty.metrics IS 'a change of the next version';\n")

    def install(self, version):
        """In place of the file that is there, as packages are installed: sessions keep what they have loaded."""
        unfinished = self.folder / "lotty.new"
        unfinished.write_bytes(self.files[version])
        unfinished.chmod(0o755)
        unfinished.rename(self.folder / "lotty.so")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


def check_message(checks, what, answer, library, extension, hint):
    expected = f"lotty {library} is loaded, but the extension in this database is version {extension}"
    checks.check(f"{what}: says which versions, and what to do",
                 answer.sqlstate == "55000" and expected in answer.messages and answer.hint == hint, answer.messages)


def check_refused(checks, what, session, calls, *versions_and_hint):
    for call in calls:
        check_message(checks, f"{what}: {call.split('(')[0]}", session.run(f"SELECT * FROM {call}"), *versions_and_hint)


def loaded(session):
    return session.value("SELECT lotty.library_version()")


def works(session):
    """What a decision answers, or its error."""
    answer = session.run(WORKS)
    return answer.text or answer.messages


def both_libraries(checks, version, scripts):
    """A package is replaced under a server that has not preloaded it."""
    with Libraries(version, scripts) as library, \
         Cluster(f"upgrade-{version}-libraries", version, library.settings) as cluster, \
         Cluster(f"upgrade-{version}-standby", version, standby_of=cluster) as standby:
        older_fixture(checks, cluster, library)
        cluster.fresh_database(DATABASE)
        cluster.psql(file=ROWS, database=DATABASE)
        wait_for_replay(cluster, standby)
        with Session(cluster, DATABASE) as old, Session(standby, DATABASE) as old_standby:
            checks.equal("the session of the old library decides", (works(old), works(old_standby)), (STICKY, STICKY))
            library.install(library.next)
            without_flags(checks, cluster, library)
            with Session(cluster, DATABASE) as new, Session(standby, DATABASE) as new_standby:
                checks.equal("sessions of two libraries at once",
                             [loaded(session) for session in (old, new, old_standby, new_standby)],
                             [library.current, library.next] * 2)
                not_updated(checks, library, old, new, new_standby)
                rolled_back(checks, library, old, new)
                updated(checks, library, cluster, standby, old, new, old_standby, new_standby)
        with Session(cluster, DATABASE) as fresh:
            checks.equal("a new connection decides", works(fresh), STICKY)


def older_fixture(checks, cluster, library):
    """Functions of a version of long ago, with the library of today."""
    database = "older"
    cluster.fresh_database(database, extension=False)
    cluster.psql(f"CREATE EXTENSION lotty VERSION '{FIXTURES[0]}'", database=database)
    with Session(cluster, database) as session:
        check_refused(checks, "an older extension", session, ["lotty_boolean('dark', 's')"], library.current, FIXTURES[0],
                      "Run ALTER EXTENSION lotty UPDATE.")
        session.value("ALTER EXTENSION lotty UPDATE")
        checks.equal("an older extension: answers after the update, in the same session",
                     session.value("SELECT lotty_boolean('dark', 's', '{}', true)"), "t")


def without_flags(checks, cluster, library):
    """Where no flag is compiled, asking for all of them compares the versions too."""
    cluster.fresh_database("empty")
    with Session(cluster, "empty") as session:
        check_refused(checks, "no flags", session, ["lotty_decide_all('s')", "lotty_evaluate_all('s')"],
                      library.next, library.current, "Run ALTER EXTENSION lotty UPDATE.")


def not_updated(checks, library, old, new, new_standby):
    """The package is there, ALTER EXTENSION … UPDATE has not been run."""
    versions = library.next, library.current
    check_refused(checks, "package replaced", new, DECIDES, *versions, "Run ALTER EXTENSION lotty UPDATE.")
    check_refused(checks, "package replaced, standby", new_standby, READS, *versions, "Run ALTER EXTENSION lotty UPDATE.")
    new.value("BEGIN")
    refused = {statement: answer.messages for statement in OTHERS if (answer := new.run(statement)).sqlstate}
    checks.equal("package replaced: what does not decide goes on", refused, {})
    new.value("ROLLBACK")
    checks.equal("package replaced: the old session goes on", works(old), STICKY)
    answer = old.run(UPDATE.format(library.next))
    checks.check("package replaced: the old session cannot update", answer.sqlstate == "55000" and answer.hint == "Reconnect."
                 and f"lotty {library.current} is loaded, which cannot update the extension to version {library.next}"
                 in answer.messages, answer.messages)
    checks.equal("package replaced: and goes on after that", works(old), STICKY)


def rolled_back(checks, library, old, new):
    """An update that is taken back leaves no trace in any session."""
    works(old)
    builds = old.value(BUILDS)
    new.value("BEGIN")
    new.value(UPDATE.format(library.next))
    checks.equal("update: decisions work in its transaction", works(new), STICKY)
    checks.equal("update: others go on meanwhile", works(old), STICKY)
    new.value("ROLLBACK")
    versions = library.next, library.current
    check_refused(checks, "update rolled back", new, DECIDES[:1], *versions, "Run ALTER EXTENSION lotty UPDATE.")
    checks.equal("update rolled back: others keep what they had compiled", (works(old), old.value(BUILDS)), (STICKY, builds))
    new.value("BEGIN")
    new.value("SAVEPOINT s")
    new.value(UPDATE.format(library.next))
    checks.equal("update in a savepoint: decisions work", works(new), STICKY)
    new.value("ROLLBACK TO s")
    check_refused(checks, "update rolled back to a savepoint", new, DECIDES[:1], *versions, "Run ALTER EXTENSION lotty UPDATE.")
    new.value("ROLLBACK")


def updated(checks, library, cluster, standby, old, new, old_standby, new_standby):
    """The old session meets what the update has left, with its flags compiled."""
    checks.equal("before the update: the old sessions decide", (works(old), works(old_standby)), (STICKY, STICKY))
    old.value("BEGIN")
    works(old)
    new.value(UPDATE.format(library.next))
    versions = library.current, library.next
    check_refused(checks, "updated, in the middle of a transaction", old, DECIDES[:1], *versions, "Reconnect.")
    old.value("ROLLBACK")
    check_refused(checks, "updated", old, DECIDES, *versions, "Reconnect.")
    checks.equal("updated: the new session decides", works(new), STICKY)
    wait_for_replay(cluster, standby)
    check_refused(checks, "updated, standby", old_standby, READS, *versions, "Reconnect.")
    checks.equal("updated: a new session of the standby decides", works(new_standby), STICKY)


def preloaded_library(checks, version, scripts):
    """The server keeps the library that it has loaded at its start; a restart takes the new one."""
    with Libraries(version, scripts) as library, Cluster(
            f"upgrade-{version}-preloaded", version, library.settings + "shared_preload_libraries = 'lotty'\n") as cluster:
        cluster.fresh_database(DATABASE)
        cluster.psql(file=ROWS, database=DATABASE)
        library.install(library.next)
        with Session(cluster, DATABASE) as session:
            checks.equal("preloaded: a new session runs the server's library",
                         loaded(session), library.current)
            answer = session.run(UPDATE.format(library.next))
            checks.check("preloaded: the update wants a restart", answer.sqlstate == "55000" and answer.hint == "Restart the server.",
                         answer.messages)
            checks.equal("preloaded: decisions go on", works(session), STICKY)
        restart(cluster)
        with Session(cluster, DATABASE) as session:
            check_refused(checks, "restarted", session, DECIDES[:1], library.next, library.current,
                          "Run ALTER EXTENSION lotty UPDATE.")
            waiting_rows(checks, library, cluster, session)
        # The package is taken back, the update is not.
        library.install(library.current)
        restart(cluster)
        with Session(cluster, DATABASE) as session:
            check_refused(checks, "an older package", session, DECIDES[:1], library.current, library.next, "Restart the server.")


def restart(cluster):
    harness("cluster_stop", cluster.name)
    cluster.start()


def waiting_rows(checks, library, cluster, session):
    """Decisions in the queue of the background writer wait until the versions agree, over a restart too."""
    written = "SELECT count(*) FROM lotty.decision WHERE subject_id = 'waiting'"
    session.value(UPDATE.format(library.next))
    checks.equal("writer: decisions work after the update", works(session), STICKY)
    session.value("SET lotty.decision_write_mode = async")
    session.value("BEGIN")
    session.value("SELECT lotty_decide('none', 'waiting')")
    # As if an update had come in between; nothing but the version matters here.
    version = "UPDATE pg_extension SET extversion = '{}' WHERE extname = 'lotty'"
    cluster.psql(version.format(library.current), "SELECT lotty.announce_change('lotty.flag'::regclass)", database=DATABASE)
    since = cluster.log_size()
    session.value("COMMIT")
    message = f"lotty {library.next} is loaded, but the extension in this database is version {library.current}"
    wait_until("the writer's refusal in the log", lambda: message in cluster.log_since(since), 10)
    checks.equal("writer: a row that was handed over waits", cluster.psql(written, database=DATABASE), "0")
    session.close()
    restart(cluster)
    time.sleep(1.5)
    checks.equal("writer: also over a restart", cluster.psql(written, database=DATABASE), "0")
    cluster.psql(version.format(library.next), database=DATABASE)
    wait_until("the row in the log of decisions", lambda: cluster.psql(written, database=DATABASE) == "1", 20)
    checks.equal("writer: it is written when the versions agree", cluster.psql(written, database=DATABASE), "1")
