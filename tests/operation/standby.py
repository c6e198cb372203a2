"""A streaming standby: answers without writing, follows changes, can be promoted."""

import written
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
"""
MANY = """SELECT i, e FROM generate_series(1, 2000) AS i,
          lotty_evaluate('f', 'subject-' || i, jsonb_build_object('age', i % 60)) AS e ORDER BY i"""
ONE = """SELECT value, reason FROM lotty_evaluate('f', 'subject-1001', '{"age": 30}')"""
BUILDS = "SELECT builds FROM lotty.session_cache()"

# Changes of each configuration table, and the answer after each.
CHANGES = [
    ("variant", "UPDATE lotty.variant SET value = '\"new\"'", '"new"|experiment_assigned'),
    ("conflict_domain", """WITH made AS (INSERT INTO lotty.conflict_domain (key, policy)
                                          VALUES ('d', 'weighted') RETURNING domain_id)
                           INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, weight)
                           SELECT domain_id, experiment_id, 0 FROM made, lotty.experiment""",
     '"default"|domain_conflict'),
    ("experiment_conflict_domain", "DELETE FROM lotty.experiment_conflict_domain",
     '"new"|experiment_assigned'),
    ("audience", "UPDATE lotty.audience SET targeting = 'age >= 40'", '"default"|targeting_mismatch'),
    ("experiment", "UPDATE lotty.experiment SET status = 'paused'", '"default"|no_active_experiment'),
    ("flag", "UPDATE lotty.flag SET default_value = '\"other\"'", '"other"|no_active_experiment'),
]
BACK = """DELETE FROM lotty.conflict_domain;
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
    answer = session.run("SELECT * FROM lotty_decide('f', 'subject-1', '{\"age\": 30}')")
    checks.equal("standby: lotty_decide fails with 25006", answer.sqlstate, "25006")
    checks.check("standby: its hint names lotty_evaluate", "lotty_evaluate" in (answer.hint or ""),
                 answer.messages)
    checks.equal("standby: nothing was written", standby.psql(
        "SELECT count(*) FROM lotty.decision", database=DATABASE), "500")


def check_following(checks, primary, standby, session):
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
                 (cached, session.value(ONE)), (True, '"newer"|experiment_assigned'))
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
    standby.psql("SELECT pg_promote()")
    decided = session.run("SELECT reason FROM lotty_decide('f', 'subject-1500', '{\"age\": 30}')")
    checks.equal("promotion: lotty_decide works in the same session",
                 decided.text or decided.messages, "experiment_assigned")
    checks.equal("promotion: the decision and the assignment are there", standby.psql(
        """SELECT (SELECT count(*) FROM lotty.decision WHERE subject_id = 'subject-1500'),
                  (SELECT count(*) FROM lotty.assignment WHERE subject_id = 'subject-1500')""",
        database=DATABASE), "1|1")
    cached = kept(session)[1]
    standby.psql("UPDATE lotty.flag SET enabled = false", database=DATABASE)
    checks.equal("promotion: changes of other sessions are seen",
                 (cached, session.value(ONE)), (True, '"default"|flag_disabled'))
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
            check_following(checks, primary, standby, session)
            check_rollback(checks, primary, standby, session)
            written.on_standby(checks, primary, standby, DATABASE)
            check_promotion(checks, standby, session)
