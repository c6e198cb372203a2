"""What decisions write reaches others by WAL, though no SQL writes it: standbys, logical replication."""

from servers import wait_for_replay, wait_until

PUBLISHER, SUBSCRIBER, SLOT = "decision_publisher", "decision_subscriber", "lotty_decisions"
SETUP = """
INSERT INTO lotty.flag (key, value_type, default_value)
SELECT 'w' || i, 'string', '"default"' FROM generate_series(1, 2) AS i;
INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, key FROM lotty.flag WHERE key LIKE 'w%';
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT experiment_id, v, to_jsonb(repeat(v, CASE key WHEN 'w1' THEN 1 ELSE 20000 END))
  FROM lotty.experiment, unnest(ARRAY['a', 'b']) AS v WHERE key LIKE 'w%';
UPDATE lotty.experiment SET status = 'running' WHERE key LIKE 'w%';
"""
# New subjects, known ones, large values, what assigns nobody; a savepoint and a transaction rolled back.
DECISIONS = [
    "SELECT count(*) FROM generate_series(1, 500) AS i, lotty_decide('w1', 'many ' || i)",
    "SELECT count(*) FROM generate_series(1, 500) AS i, lotty_decide('w1', 'many ' || i)",
    "SELECT lotty_decide('w2', 'large')",
    "SELECT lotty_decide('no such flag', 'nobody')",
    """BEGIN; SELECT lotty_decide('w1', 'kept'); SAVEPOINT s; SELECT lotty_decide('w1', 'lost in a savepoint');
       ROLLBACK TO s; SELECT lotty_decide('w2', 'kept'); COMMIT""",
    "BEGIN; SELECT lotty_decide('w1', 'lost'); ROLLBACK",
]
ROWS = """SELECT 'log', d::text FROM lotty.decision AS d UNION ALL SELECT 'ledger', a::text FROM lotty.assignment AS a
           ORDER BY 1, 2"""
# By each index in turn.
BY_INDEX = """SET enable_seqscan = off; SET enable_bitmapscan = off;
    SELECT count(*) FROM lotty.assignment WHERE subject_id = 'many 7';
    SELECT count(*) FROM lotty.assignment WHERE (subject_id, slot) = ('many 7', 1);
    SELECT count(*) FROM lotty.decision WHERE subject_id = 'many 7' AND reason IN ('experiment_assigned', 'sticky');
    SELECT count(*) FROM lotty.decision WHERE subject_id = 'nobody' AND reason NOT IN ('experiment_assigned', 'sticky');
    SELECT count(*) FROM lotty.decision d WHERE d.decision_id = (SELECT max(decision_id::text)::uuid FROM lotty.decision);
    SELECT count(*) FROM lotty.assignment WHERE subject_id LIKE 'lost%'"""
FOUND = "1\n1\n2\n1\n1\n0"


def decide(cluster, database):
    cluster.psql(SETUP, database=database)
    for statements in DECISIONS:
        cluster.psql(*statements.split("; "), database=database)


def on_standby(checks, primary, standby, database):
    decide(primary, database)
    wait_for_replay(primary, standby)
    checks.same_lines("standby: all decisions and memberships are there",
                      standby.psql(ROWS, database=database), primary.psql(ROWS, database=database))
    checks.equal("standby: and are found by every index", standby.psql(BY_INDEX, database=database), FOUND)


def decoded(checks, cluster):
    cluster.fresh_database(PUBLISHER)
    cluster.fresh_database(SUBSCRIBER)
    cluster.psql("CREATE PUBLICATION decisions FOR TABLE lotty.decision, lotty.assignment WITH (publish_via_partition_root)",
                 f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')", database=PUBLISHER)
    cluster.psql(f"""CREATE SUBSCRIPTION {SLOT} CONNECTION
                         'host={cluster.environment["PGHOST"]} port=5432 user=postgres dbname={PUBLISHER}'
                     PUBLICATION decisions WITH (create_slot = false, slot_name = '{SLOT}')""", database=SUBSCRIBER)
    try:
        ready = "SELECT bool_and(srsubstate = 'r') AND count(*) = 2 FROM pg_subscription_rel"
        wait_until("the first copy of the tables", lambda: cluster.psql(ready, database=SUBSCRIBER) == "t")
        decide(cluster, PUBLISHER)
        expected = cluster.psql(ROWS, database=PUBLISHER)
        count = len(expected.splitlines())
        counted = "SELECT (SELECT count(*) FROM lotty.decision) + (SELECT count(*) FROM lotty.assignment)"
        wait_until("the apply of all rows", lambda: int(cluster.psql(counted, database=SUBSCRIBER)) >= count)
        checks.check("logical: there are decisions and memberships", count > 1500, f"{count} rows")
        checks.same_lines("logical: decisions and memberships arrive as they were written",
                          cluster.psql(ROWS, database=SUBSCRIBER), expected)
        checks.equal("logical: and are found by every index", cluster.psql(BY_INDEX, database=SUBSCRIBER), FOUND)
    finally:
        cluster.psql(f"DROP SUBSCRIPTION IF EXISTS {SLOT}", database=SUBSCRIBER)
