"""The log in partitions: while decisions are written, through a dump, and in the hands of pg_partman."""

import threading

from provided import debian_extension
from servers import Problem, harness

LOG, RESTORED, MANAGED = "retention", "retention_restored", "retention_partman"
SETUP = """
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'string', '"default"');
INSERT INTO lotty.experiment (flag_id, key, status) SELECT flag_id, 'f', 'running' FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT experiment_id, v, to_jsonb(v) FROM lotty.experiment, unnest(ARRAY['a', 'b']) AS v;
"""
DECIDE = "SELECT lotty_decide('f', 'subject ' || :client_id || ' ' || random());"
CLIENTS, TRANSACTIONS = 3, 2000

TODAY = "lotty.log_period_start('day', now())"
MAKE = f"SELECT lotty.create_log_partition({TODAY}, lotty.next_log_period('day', now()))"
# What was decided meanwhile goes back, so that nothing is lost with the partition.
TAKE_AWAY = """BEGIN;
    LOCK TABLE lotty.decision IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE lotty.decision DETACH PARTITION {0};
    INSERT INTO lotty.decision SELECT * FROM {0};
    DROP TABLE {0};
COMMIT"""

# Rows of each partition, by what they are and where they are.
ROWS = """SELECT tableoid::regclass::text, count(*), md5(string_agg(d::text, '|' ORDER BY decision_id))
            FROM lotty.decision d GROUP BY 1 ORDER BY 1"""
INDEXES = """SELECT i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i
              WHERE i.indrelid IN (SELECT partition FROM lotty.log_partitions())
                AND i.indexrelid::regclass::text NOT LIKE '%\\_mine' ORDER BY 1, 2"""
PARTITIONS = "SELECT * FROM lotty.log_partitions()"
BY_SQL = "SELECT value::bigint FROM lotty.metrics WHERE name = 'lotty_sql_writes_total'"

# create_parent() of pg_partman 4 wants to make a default partition, which is there already; so the log is
# registered as one that has its partitions.
REGISTER = """
INSERT INTO partman.part_config (parent_table, control, partition_type, partition_interval, datetime_string, premake,
                                 automatic_maintenance, infinite_time_partitions)
VALUES ('lotty.decision', 'created_at', 'native', '1 day', 'YYYY_MM_DD', 3, 'on', true);
SELECT partman.create_partition_time('lotty.decision', ARRAY[date_trunc('day', now(), 'UTC')]);
"""


def while_deciding(checks, cluster):
    """Partitions come and go under sessions that decide: no row fails, none is lost."""
    cluster.fresh_database(LOG)
    cluster.psql(SETUP, database=LOG)
    script = cluster.home / "decide.sql"
    harness("as_server", "sh", "-c", f"cat > {script}", data=DECIDE)
    done = {}

    def decide():
        done["pgbench"] = cluster.run(
            "pgbench", "-n", "-c", str(CLIENTS), "-j", "1", "-t", str(TRANSACTIONS), "-f", str(script),
            database=LOG)

    thread = threading.Thread(target=decide)
    thread.start()
    rounds = 0
    while thread.is_alive():
        name = cluster.psql(MAKE, database=LOG)
        cluster.psql(*(part.strip() for part in TAKE_AWAY.format(name).split(";")), database=LOG)
        rounds += 1
    thread.join()
    code, output, complaints = done["pgbench"]
    checks.check(f"decisions go on while partitions are made and dropped ({rounds} times)",
                 code == 0 and rounds > 3, output + complaints)
    checks.equal("and all of them are in the log", cluster.psql("SELECT count(*) FROM lotty.decision", database=LOG),
                 str(CLIENTS * TRANSACTIONS))


def dumped(checks, cluster):
    """Partitions, their indexes and rows, and the policy come back from a dump."""
    cluster.psql("SELECT count(*) FROM lotty_partition_log('month', keep => '1 year', ahead => 2)",
                 MAKE, "SELECT count(*) FROM lotty_maintain()",
                 "SELECT lotty.create_log_partition('2020-01-01 UTC', '2020-02-01 UTC')",
                 """INSERT INTO lotty.decision (decision_id, subject_id, reason, created_at)
                    SELECT gen_random_uuid(), 'old', 'forced', day
                      FROM generate_series('2019-12-01', '2020-03-01', interval '1 day') AS day""",
                 "CREATE INDEX decision_default_mine ON lotty.decision_default (flag_key)", "SELECT lotty_decide('f', 'before')", database=LOG)
    for kind, options in {"full": [], "one file for pg_restore": ["-Fc"]}.items():
        dump = cluster.home / "retention.dump"
        cluster.fresh_database(RESTORED, extension=False)
        harness("as_server", str(cluster.bindir / "pg_dump"), "-h", cluster.environment["PGHOST"], "-p", "5432",
                "-U", "postgres", *options, "-f", str(dump), LOG)
        if options:
            code, _, complaints = cluster.run("pg_restore", "--exit-on-error", "-d", RESTORED, str(dump))
        else:
            code, _, complaints = cluster.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(dump),
                                              database=RESTORED)
        checks.check(f"{kind}: the dump is restored without an error", code == 0, complaints)
        for what, query in {"partitions": PARTITIONS, "rows": ROWS}.items():
            checks.same_lines(f"{kind}: the {what} are the same", cluster.psql(query, database=RESTORED),
                              cluster.psql(query, database=LOG))
        # Of an index that users have added, PostgreSQL dumps what is not on a table of the extension.
        checks.same_lines(f"{kind}: so are the indexes", cluster.psql(INDEXES, database=RESTORED),
                          cluster.psql(INDEXES, database=LOG))
        checks.equal(f"{kind}: decisions go into the partition of today, without SQL",
                     cluster.psql("SELECT reason FROM lotty_decide('f', 'after')", BY_SQL,
                                  f"""SELECT count(*), bool_or(tableoid = 'lotty.decision_default'::regclass)
                                        FROM lotty.decision WHERE subject_id IN ('before', 'after')""", database=RESTORED),
                     "experiment_assigned\n0\n2|f")
        checks.equal(f"{kind}: and the policy goes on", cluster.psql(
            "SELECT action, object FROM lotty_maintain()", database=RESTORED),
                     "dropped|lotty.decision_p20200101\nemptied|lotty.decision_default")


def with_partman(checks, cluster, version):
    """pg_partman makes the partitions and drops them; they get our indexes from lotty_maintain."""
    if version != "15":
        print(f"# pg_partman for PostgreSQL {version} is not among Debian 12's packages: tested on 15", flush=True)
        return
    debian_extension(cluster, "partman", "bookworm", "postgresql-15-partman")
    cluster.fresh_database(MANAGED)
    cluster.psql(SETUP, "CREATE SCHEMA partman", "CREATE EXTENSION pg_partman SCHEMA partman",
                 REGISTER, "CALL partman.run_maintenance_proc()", database=MANAGED)
    made = int(cluster.psql("SELECT count(*) FROM lotty.log_partitions() WHERE NOT is_default", database=MANAGED))
    checks.check("pg_partman makes partitions of the log", made >= 4, str(made))
    checks.equal("lotty_maintain gives them the indexes", cluster.psql(
        "SELECT DISTINCT action FROM lotty_maintain()", database=MANAGED), "indexed")
    checks.equal("and each has those of the default partition", cluster.psql(
        "SELECT DISTINCT count(*) FROM pg_index WHERE indrelid IN (SELECT partition FROM lotty.log_partitions()) GROUP BY indrelid",
        database=MANAGED), "4")
    checks.equal("decisions go into them, without SQL", cluster.psql(
        "SELECT reason FROM lotty_decide('f', 'u')", BY_SQL,
        "SELECT tableoid = 'lotty.decision_default'::regclass FROM lotty.decision", database=MANAGED),
        "experiment_assigned\n0\nf")
    cluster.psql("SELECT partman.create_partition_time('lotty.decision', ARRAY['2020-01-01'::timestamptz])",
                 "UPDATE partman.part_config SET retention = '30 days', retention_keep_table = false",
                 "CALL partman.run_maintenance_proc()", database=MANAGED)
    checks.equal("pg_partman drops by age", cluster.psql(
        "SELECT count(*) FROM lotty.log_partitions() WHERE from_time < '2021-01-01'", database=MANAGED), "0")
    checks.equal("and lotty_maintain, which has no policy, leaves the rest alone", cluster.psql(
        "SELECT count(*) FROM lotty_maintain() WHERE action <> 'indexed'", database=MANAGED), "0")


def retention(checks, cluster, version):
    if not (cluster.bindir / "pgbench").exists():
        raise Problem("there is no pgbench")
    while_deciding(checks, cluster)
    dumped(checks, cluster)
    with_partman(checks, cluster, version)
