"""A streaming standby: answers without writing, follows changes, can be promoted."""

import written
from content import NEWEST_DECISION
from servers import Cluster, Session, wait_for_replay

DATABASE = "standby_source"

SETUP = """
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'string', '"default"');
INSERT INTO lotty.audience (name, targeting) VALUES ('grown', 'age >= 18');
INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, 'e', 'audience("grown")' FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value, weight)
SELECT experiment_id, v, to_jsonb(v), 1 FROM lotty.experiment, unnest(ARRAY['a', 'b', 'c']) AS v;
UPDATE lotty.experiment SET status = 'running';
SELECT count(*) FROM generate_series(1, 500) AS i, lotty_decide('f', 'subject-' || i, '{"age": 30}');
-- A further flag, which the experiment is to decide, too.
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('g', 'string', '"default"');
"""
MANY = """SELECT i, e FROM generate_series(1, 10000) AS i,
          lotty_evaluate('f', 'subject-' || i, jsonb_build_object('age', i % 60)) AS e ORDER BY i"""
ONE = """SELECT f.value, f.reason, g.value FROM lotty_evaluate('f', 'subject-1001', '{"age": 30}') AS f,
                                                lotty_evaluate('g', 'subject-1001', '{"age": 30}') AS g"""
BUILDS = "SELECT builds FROM lotty.session_cache()"

# Everything else that writes nothing.
READING = [
    "SELECT * FROM lotty_evaluate_all('subject-7', '{\"age\": 30}')",
    "SELECT * FROM lotty_evaluate_many(ARRAY['f', 'g', 'none'], 'subject-7', '{\"age\": 30}')",
    "SELECT * FROM lotty_evaluate_experiment('e', 'subject-7', '{\"age\": 30}')",
    "SELECT * FROM lotty_explain('f', 'subject-7', '{\"age\": 30}')",
    "SELECT lotty_forced('e', 'subject-7'), lotty_bucket('a', 'b', 'c'), lotty_targeting_matches('a = 1', '{\"a\": 1}')",
    "SELECT * FROM lotty_check_ledger()", "SELECT lotty_export()", "SELECT * FROM lotty.exposure ORDER BY 1, 2",
]
# What would write: the statement, and what the message or the hint has to say.
WRITING = [
    ("SELECT * FROM lotty_decide('f', 'subject-1', '{\"age\": 30}')", "Use lotty_evaluate "),
    ("SELECT * FROM lotty_decide('f', 'never seen', '{\"age\": 3}')", "Use lotty_evaluate "),
    ("SELECT * FROM lotty_decide_experiment('e', 'subject-1')", "Use lotty_evaluate_experiment "),
    ("SELECT * FROM lotty_decide_all('subject-1')", "Use lotty_evaluate_all "),
    ("SELECT * FROM lotty_decide_many(ARRAY['f'], 'subject-1')", "Use lotty_evaluate_many "),
    ("SELECT lotty_string('f', 'subject-1', '{}', 'x')", "Use lotty_evaluate "),
    ("SET lotty.decision_write_mode = 'async'; SELECT * FROM lotty_decide('f', 'subject-1')", "Use lotty_evaluate "),
    ("SET lotty.decision_write_mode = 'disabled'; SELECT * FROM lotty_decide('f', 'subject-1')", "Use lotty_evaluate "),
    ("SELECT lotty_track('subject-1', 'view')", "read-only"),
    ("SELECT lotty_force('e', 'subject-1', 'a')", "read-only"),
    ("SELECT * FROM lotty_forget('subject-1')", ""),
    ("SELECT * FROM lotty_merge_subjects('subject-1', 'subject-2')", ""),
    ("SELECT lotty_pause('e')", ""),
    ("SELECT * FROM lotty_rebuild_ledger()", ""),
    ("UPDATE lotty.flag SET enabled = false", "read-only"),
]
COUNTS = "SELECT (SELECT count(*) FROM lotty.decision), (SELECT count(*) FROM lotty.assignment)"

# Changes of each configuration table, and the answer after each.
CONFIGURATION = """SELECT DISTINCT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
                    WHERE relnamespace = 'lotty'::regnamespace AND tgname ~ '^zz_' ORDER BY 1"""
CHANGES = [
    ("variant", "UPDATE lotty.variant SET value = '\"new\"'", '"new"|experiment_assigned|"default"'),
    ("experiment_flag", """INSERT INTO lotty.experiment_flag (flag_id, experiment_id)
                           SELECT f.flag_id, experiment_id FROM lotty.experiment, lotty.flag f WHERE f.key = 'g'""",
     '"new"|experiment_assigned|"new"'),
    ("variant_value", """INSERT INTO lotty.variant_value (variant_id, flag_id, value)
                         SELECT variant_id, flag_id, '"of g"' FROM lotty.variant, lotty.flag WHERE key = 'g'""",
     '"new"|experiment_assigned|"of g"'),
    ("override", """INSERT INTO lotty.override (subject_id, experiment_id, variant_id)
                    SELECT 'subject-1001', experiment_id, variant_id FROM lotty.variant WHERE name = 'c'""",
     '"new"|forced|"of g"'),
    ("override", "DELETE FROM lotty.override", '"new"|experiment_assigned|"of g"'),
    ("conflict_domain", """WITH made AS (INSERT INTO lotty.conflict_domain (key, policy)
                                          VALUES ('d', 'weighted') RETURNING domain_id)
                           INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, weight)
                           SELECT domain_id, experiment_id, 0 FROM made, lotty.experiment""",
     '"default"|domain_conflict|"default"'),
    ("experiment_conflict_domain", "DELETE FROM lotty.experiment_conflict_domain",
     '"new"|experiment_assigned|"of g"'),
    ("audience", "UPDATE lotty.audience SET targeting = 'age >= 40'", '"default"|targeting_mismatch|"default"'),
    ("experiment", "UPDATE lotty.experiment SET status = 'paused'", '"default"|no_active_experiment|"default"'),
    ("flag", "UPDATE lotty.flag SET default_value = '\"other\"'", '"other"|no_active_experiment|"other"'),
]
BACK = """DELETE FROM lotty.conflict_domain;
          DELETE FROM lotty.variant_value;
          DELETE FROM lotty.experiment_flag;
          UPDATE lotty.flag SET default_value = '"default"';
          UPDATE lotty.audience SET targeting = 'age >= 18';
          UPDATE lotty.experiment SET status = 'running'"""


def kept(session):
    """The answer of a session, and whether it came from its cache."""
    before = session.value(BUILDS)
    answer = session.value(ONE)
    return answer, session.value(BUILDS) == before


def check_reading(checks, primary, standby, session):
    checks.same_lines("standby: lotty_evaluate answers as on the primary",
                      session.value(MANY), primary.psql(MANY, database=DATABASE))
    for statement in READING:
        checks.same_lines(f"standby: answers as the primary: {statement}",
                          session.value(statement), primary.psql(statement, database=DATABASE))


def check_refusals(checks, standby, session):
    """Whatever would write is refused, in words that help, and leaves the session as it was."""
    before = standby.psql(COUNTS, database=DATABASE)
    for statement, words in WRITING:
        answer = session.run(statement)
        checks.check(f"standby: refuses with 25006: {statement}",
                     answer.sqlstate == "25006" and words in answer.messages, answer.messages)
        session.value("RESET lotty.decision_write_mode")
    checks.equal("standby: nothing was written", (before, standby.psql(COUNTS, database=DATABASE)), ("500|500", "500|500"))


def check_following(checks, primary, standby, session):
    checks.equal("standby: every configuration table is changed", primary.psql(CONFIGURATION, database=DATABASE),
                 "\n".join(sorted({table for table, _, _ in CHANGES})))
    for table, change, expected in CHANGES:
        cached = kept(session)[1]
        primary.psql(change, database=DATABASE)
        wait_for_replay(primary, standby)
        checks.equal(f"standby: an open session sees a change of {table} that it had cached",
                     (cached, session.value(ONE)), (True, expected))
    primary.psql(BACK, database=DATABASE)
    wait_for_replay(primary, standby)
    session.value(ONE)
    session.value("BEGIN")
    cached = kept(session)[1]
    primary.psql(CHANGES[0][1].replace("new", "newer"), database=DATABASE)
    wait_for_replay(primary, standby)
    checks.equal("standby: so does one in the middle of a transaction",
                 (cached, session.value(ONE)), (True, '"newer"|experiment_assigned|"default"'))
    session.value("COMMIT")


def check_rollback(checks, primary, standby, session):
    before = session.value(ONE)
    with Session(primary, DATABASE) as writer:
        writer.value("BEGIN")
        for _, change, _ in CHANGES:
            writer.value(change)
        wait_for_replay(primary, standby)
        checks.equal("standby: an uncommitted change is not seen", kept(session), (before, True))
        writer.value("ROLLBACK")
    wait_for_replay(primary, standby)
    checks.equal("standby: nor is one that was rolled back", kept(session), (before, True))


def check_promotion(checks, standby, session):
    newest = standby.psql(NEWEST_DECISION, database=DATABASE)
    standby.psql("SELECT pg_promote()")
    decided = session.run("SELECT reason FROM lotty_decide('f', 'subject-1500', '{\"age\": 30}')")
    checks.equal("promotion: lotty_decide works in the same session",
                 decided.text or decided.messages, "experiment_assigned")
    checks.equal("promotion: the decision and the assignment are there", standby.psql(
        """SELECT (SELECT count(*) FROM lotty.decision WHERE subject_id = 'subject-1500'),
                  (SELECT count(*) FROM lotty.assignment WHERE subject_id = 'subject-1500')""",
        database=DATABASE), "1|1")
    first = standby.psql(f"SELECT min(decision_id::text) FROM lotty.decision WHERE decision_id > '{newest}'",
                         database=DATABASE)
    checks.equal("promotion: ids of decisions go on", first, standby.psql(
        "SELECT decision_id FROM lotty.decision WHERE subject_id = 'subject-1500'", database=DATABASE))
    session.value("""SELECT count(*) FROM generate_series(1, 1000) AS i,
                     lotty_decide('f', 'subject-' || i, '{"age": 30}')""")
    checks.equal("promotion: decisions are written directly", session.value(
        "SELECT sum(value) FROM lotty.metrics WHERE name = 'lotty_sql_writes_total'"), "0")
    checks.equal("promotion: known subjects and new ones have one membership each", standby.psql(
        """SELECT count(*), count(DISTINCT subject_id) FROM lotty.assignment
            WHERE subject_id ~ '^subject-[0-9]+$' AND subject_id <> 'subject-1500'""", database=DATABASE), "1000|1000")
    session.value(ONE)
    trail = standby.psql("SELECT max(change_id) FROM lotty.change", database=DATABASE)
    cached = kept(session)[1]
    standby.psql("UPDATE lotty.flag SET enabled = false", database=DATABASE)
    checks.equal("promotion: changes of other sessions are seen",
                 (cached, session.value(ONE)), (True, '"default"|flag_disabled|"default"'))
    checks.check("promotion: the audit trail goes on", int(standby.psql(
        "SELECT min(change_id) FROM lotty.change WHERE NOT (new_row ->> 'enabled')::boolean", database=DATABASE))
        > int(trail))
    checks.equal("promotion: the experiment can be completed", session.value("SELECT lotty_complete('e', 'a')"), "completed")
    checks.equal("promotion: the ledger agrees with the log", standby.psql(
        "SELECT * FROM lotty_check_ledger()", database=DATABASE), "")


def streaming_standby(checks, primary, version):
    primary.fresh_database(DATABASE)
    primary.psql(SETUP, database=DATABASE)
    with Cluster(f"operation-{version}-standby", version, standby_of=primary) as standby:
        wait_for_replay(primary, standby)
        with Session(standby, DATABASE) as session:
            checks.equal("standby: the session is on a server in recovery",
                         session.value("SELECT pg_is_in_recovery()"), "t")
            check_reading(checks, primary, standby, session)
            check_refusals(checks, standby, session)
            check_following(checks, primary, standby, session)
            check_rollback(checks, primary, standby, session)
            written.on_standby(checks, primary, standby, DATABASE)
            check_promotion(checks, standby, session)
