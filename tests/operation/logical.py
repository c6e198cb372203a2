"""Logical replication of the configuration: rows that arrive by apply are seen at once."""

from servers import Session, wait_until

PUBLISHER, SUBSCRIBER, SLOT = "logical_publisher", "logical_subscriber", "lotty_configuration"
TABLES = ["lotty.flag", "lotty.experiment", "lotty.variant", "lotty.audience",
          "lotty.conflict_domain", "lotty.experiment_conflict_domain"]

SETUP = """
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'string', '"default"');
INSERT INTO lotty.audience (name, targeting) VALUES ('grown', 'age >= 18');
INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, 'e', 'audience("grown")' FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value, weight)
SELECT experiment_id, v, to_jsonb(v), 1 FROM lotty.experiment, unnest(ARRAY['a', 'b']) AS v;
UPDATE lotty.experiment SET status = 'running';
"""
ONE = """SELECT value, reason FROM lotty_evaluate('f', 'subject-1', '{"age": 30}')"""
BUILDS = "SELECT builds FROM lotty.session_cache()"
CONTENT = " UNION ALL ".join(f"SELECT '{table}', t::text FROM {table} AS t" for table in TABLES) + " ORDER BY 1, 2"

# Changes of each configuration table, and the answer after each.
CHANGES = [
    ("an updated variant", "UPDATE lotty.variant SET value = '\"new\"'", '"new"|experiment_assigned'),
    ("an updated audience", "UPDATE lotty.audience SET targeting = 'age >= 40'",
     '"default"|targeting_mismatch'),
    ("an updated experiment", "UPDATE lotty.experiment SET targeting = ''", '"new"|experiment_assigned'),
    ("a paused experiment", "UPDATE lotty.experiment SET status = 'paused'",
     '"default"|no_active_experiment'),
    ("an updated flag", "UPDATE lotty.flag SET default_value = '\"other\"'",
     '"other"|no_active_experiment'),
    ("an inserted experiment with its variant", """
        WITH made AS (INSERT INTO lotty.experiment (flag_id, key, status)
                      SELECT flag_id, 'second', 'draft' FROM lotty.flag RETURNING experiment_id)
        INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, 'x', '"x"' FROM made;
        UPDATE lotty.experiment SET status = 'running' WHERE key = 'second'""", '"x"|experiment_assigned'),
    ("an inserted variant", """INSERT INTO lotty.variant (experiment_id, name, value, weight)
        SELECT experiment_id, 'a', '"first"', 99999999999 FROM lotty.experiment WHERE key = 'second'""",
     '"first"|experiment_assigned'),
    ("a conflict domain that keeps everyone out", """
        WITH made AS (INSERT INTO lotty.conflict_domain (key, policy) VALUES ('d', 'weighted') RETURNING domain_id)
        INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, weight)
        SELECT domain_id, experiment_id, 0 FROM made, lotty.experiment WHERE key = 'second'""",
     '"other"|domain_conflict'),
    ("a changed policy", "UPDATE lotty.conflict_domain SET policy = 'priority'", '"first"|experiment_assigned'),
    ("an experiment that leaves its conflict domain", """
        UPDATE lotty.conflict_domain SET policy = 'weighted';
        DELETE FROM lotty.experiment_conflict_domain""", '"first"|experiment_assigned'),
]
NEWEST = "SELECT coalesce(max(change_id), 0) FROM lotty.change"
TRAIL = """SELECT table_name, operation, key, old_row, new_row FROM lotty.change
            WHERE change_id > {} ORDER BY change_id"""
REPLICATED = "SELECT DISTINCT replicated FROM lotty.change"

# Deleted by a superuser's hand, since what has run stays.
REMOVAL = """SET session_replication_role = replica;
             DELETE FROM lotty.variant;
             DELETE FROM lotty.experiment; DELETE FROM lotty.flag"""


def connection_to(cluster):
    return f"host={cluster.environment['PGHOST']} port=5432 user=postgres dbname={PUBLISHER}"


def wait_for_apply(cluster):
    """Waits until the subscriber has applied all that the publisher has written by now."""
    lsn = cluster.psql("SELECT pg_current_wal_lsn()", database=PUBLISHER)
    applied = f"SELECT replay_lsn >= '{lsn}' FROM pg_stat_replication WHERE application_name = '{SLOT}'"
    wait_until(f"apply of {lsn}", lambda: cluster.psql(applied) == "t")


def subscribe(cluster):
    """A slot made beforehand: in one cluster, making it would wait for the subscription itself."""
    cluster.psql(f"CREATE PUBLICATION configuration FOR TABLE {', '.join(TABLES)}",
                 f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')", database=PUBLISHER)
    cluster.psql(f"""CREATE SUBSCRIPTION {SLOT} CONNECTION '{connection_to(cluster)}'
                     PUBLICATION configuration WITH (create_slot = false, slot_name = '{SLOT}')""",
                 database=SUBSCRIBER)
    ready = f"SELECT bool_and(srsubstate = 'r') AND count(*) = {len(TABLES)} FROM pg_subscription_rel"
    wait_until("the first copy of the tables", lambda: cluster.psql(ready, database=SUBSCRIBER) == "t")


def unsubscribe(cluster):
    subscribed = f"SELECT count(*) FROM pg_subscription WHERE subname = '{SLOT}'"
    if cluster.psql(subscribed, database=SUBSCRIBER) != "0":
        cluster.psql(f"DROP SUBSCRIPTION {SLOT}", database=SUBSCRIBER)


def check_copy(checks, cluster, session):
    missing = session.value(ONE)
    subscribe(cluster)
    wait_for_apply(cluster)
    checks.equal("logical: an open session sees the flag that the first copy brought",
                 (missing, session.value(ONE)),
                 ("|flag_not_found", cluster.psql(ONE, database=PUBLISHER)))
    checks.same_lines("logical: the same rows after the first copy",
                      cluster.psql(CONTENT, database=SUBSCRIBER), cluster.psql(CONTENT, database=PUBLISHER))


def check_changes(checks, cluster, session):
    newest = {database: cluster.psql(NEWEST, database=database) for database in (PUBLISHER, SUBSCRIBER)}
    for name, change, expected in CHANGES:
        before = session.value(BUILDS)
        session.value(ONE)
        cached = session.value(BUILDS) == before
        cluster.psql(change, database=PUBLISHER)
        wait_for_apply(cluster)
        checks.equal(f"logical: an open session that had the flag cached sees {name}",
                     (cached, session.value(ONE)), (True, expected))
    checks.same_lines("logical: the same rows, with timestamps and versions",
                      cluster.psql(CONTENT, database=SUBSCRIBER), cluster.psql(CONTENT, database=PUBLISHER))
    checks.same_lines("logical: the subscriber has the same changes in its audit trail",
                      *(cluster.psql(TRAIL.format(newest[database]), database=database)
                        for database in (SUBSCRIBER, PUBLISHER)))
    checks.equal("logical: which says that they were replicated",
                 (cluster.psql(REPLICATED, database=SUBSCRIBER), cluster.psql(REPLICATED, database=PUBLISHER)),
                 ("t", "f"))
    with Session(cluster, PUBLISHER) as writer:
        before = session.value(ONE)
        writer.value("BEGIN; UPDATE lotty.flag SET enabled = false")
        writer.value("ROLLBACK")
        wait_for_apply(cluster)
        checks.equal("logical: a rolled-back change is not seen", session.value(ONE), before)
    cluster.psql(REMOVAL, database=PUBLISHER)
    wait_for_apply(cluster)
    checks.equal("logical: deleted rows are gone for an open session", session.value(ONE), "|flag_not_found")


def logical_replication(checks, cluster):
    cluster.fresh_database(PUBLISHER)
    cluster.fresh_database(SUBSCRIBER)
    cluster.psql(SETUP, database=PUBLISHER)
    try:
        with Session(cluster, SUBSCRIBER) as session:
            check_copy(checks, cluster, session)
            check_changes(checks, cluster, session)
            decided = session.run("SELECT reason FROM lotty_decide('f', 'subject-1')")
            checks.equal("logical: the subscriber decides and records by itself",
                         (decided.text, cluster.psql("SELECT count(*) FROM lotty.decision", database=SUBSCRIBER)),
                         ("flag_not_found", "1"))
    finally:
        unsubscribe(cluster)
