"""What takes long is given up when it is asked to be, and leaves nothing behind."""

import time

from backend import Backend
from servers import Session, wait_until

# Within how many seconds a statement ends. It reacts within parts of a second, in a release
# build; this need not be one, and the machine may have other things to do.
SOON = 4

# The tables that a statement could have left something in.
WRITTEN = ("decision", "assignment", "event", "flag", "experiment", "variant", "audience", "override", "change")
COUNTS = "SELECT " + ", ".join(f"(SELECT count(*) FROM lotty.{table})" for table in WRITTEN)

# Rules that are slow on purpose: they take seconds in a release build too.
SLOW_RULES = {
    "many conditions": " OR ".join(["lower(s) = 'a'"] * 500),
    "functions in each other": "lower(string(" * 31 + "s" + "))" * 31 + " = 'a'",
    "comparisons of large strings": " OR ".join(["s CONTAINS 'yz' OR s CONTAINS t"] * 400),
    "regular expressions": " OR ".join(["m MATCHES '[ab]*a[ab]{200}c'"] * 32),
    "a list in a list": " OR ".join(["lower(s) IN list OR list CONTAINS lower(s)"] * 100),
    "numbers of 131,072 digits": " OR ".join(["1 IN numbers"] * 100),
}
ATTRIBUTES = """CREATE TEMP TABLE large (attrs jsonb); ALTER TABLE large ALTER attrs SET STORAGE EXTERNAL;
    INSERT INTO large SELECT jsonb_build_object('s', repeat('x', 60000000), 't', repeat('x', 10000000) || 'y', 'm', (SELECT string_agg(chr(97 + abs(hashint4(i)) % 2), '') FROM generate_series(1, 60000) i),
        'list', (SELECT jsonb_agg(repeat('xyz', 10)) FROM generate_series(1, 200000)),
        'numbers', (SELECT jsonb_agg(1e131071) FROM generate_series(1, 20000)))"""

# Statement, and after how many seconds it is cancelled.
STATEMENTS = {
    "lotty_decide of many subjects":
        ("SELECT count(lotty_decide('cancelled', 'c' || i)) FROM generate_series(1, 100000000) i", 1),
    "lotty_evaluate of many subjects":
        ("SELECT count(*) FROM generate_series(1, 100000000) i, lotty_evaluate('cancelled', 'c' || i)", 1),
    "lotty_decide_many of many flags":
        ("SELECT count(*) FROM lotty_decide_many((SELECT array_agg('none ' || i) FROM generate_series(1, 1000000) i), 'c')", 2),
    "lotty_decide_all": ("SELECT count(*) FROM lotty_decide_all('c')", 1),
    "lotty_export": ("SELECT length(lotty_export()::text)", 0.5),
    "lotty_apply": ("SELECT count(*) FROM document, lotty_apply(configuration)", 1),
    "lotty_apply that prunes": ("SELECT count(*) FROM lotty_apply('{\"flags\": []}', prune => true)", 0.3),
    "lotty_import_optimizely, at its begin": ("SELECT count(*) FROM document, lotty_import_optimizely(datafile)", 0.4),
    "lotty_import_optimizely, while it translates": ("SELECT count(*) FROM document, lotty_import_optimizely(datafile)", 1.5),
    "lotty_import_optimizely, while it writes": ("SELECT count(*) FROM document, lotty_import_optimizely(datafile)", 8),
    "lotty_rebuild_ledger": ("SELECT lotty_rebuild_ledger()", 0.3),
    "lotty_check_ledger": ("SELECT count(*) FROM lotty_check_ledger()", 0.1),
}
PREPARE = """SELECT make('cancelled'); UPDATE lotty.experiment SET exempt_from_limits = false WHERE key = 'cancelled';
    CREATE TEMP TABLE document (datafile jsonb, configuration jsonb);
    INSERT INTO document SELECT datafile(12000, 4, 3500),
        (SELECT jsonb_build_object('flags', jsonb_agg(jsonb_build_object('key', 'new ' || i, 'value_type', 'number', 'default_value', i)))
           FROM generate_series(1, 50000) i);
    ALTER TABLE lotty.flag DISABLE TRIGGER USER;
    INSERT INTO lotty.flag (key, value_type, default_value) SELECT 'old ' || i, 'number', to_jsonb(i) FROM generate_series(1, 100000) i;
    ALTER TABLE lotty.flag ENABLE TRIGGER USER;
    INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason)
    SELECT gen_random_uuid(), 'cancelled', 'l' || i, v.experiment_id, v.variant_id, v.value, 'experiment_assigned'
      FROM generate_series(1, 150000) AS i, lotty.variant v JOIN lotty.experiment e USING (experiment_id)
     WHERE e.key = 'cancelled' AND v.name = 'a'"""


def cancelled(checks, cluster, database):
    with Backend(cluster, database) as backend, Session(cluster, database) as other:
        backend.value(PREPARE)
        before = other.value(COUNTS)
        for what, (sql, seconds) in STATEMENTS.items():
            cancel(checks, backend, other, what, sql, seconds)
        checks.equal("what was cancelled has left nothing", other.value(COUNTS), before)
        time_out(checks, backend, "lotty_decide of many subjects", STATEMENTS["lotty_decide of many subjects"][0])
        checks.equal("what was timed out has left nothing", other.value(COUNTS), before)


def slow_rules(checks, cluster, database):
    with Backend(cluster, database) as backend, Session(cluster, database) as other:
        backend.value(ATTRIBUTES)
        for what, rule in SLOW_RULES.items():
            key = f"slow: {what}"
            backend.value(f"SELECT make($${key}$$, $${rule}$$)")
            cancel(checks, backend, other, f"a decision by {what}",
                   f"SELECT reason FROM large, lotty_decide('{key}', 'u', attrs)", 0.7)
        key = "slow: many conditions"
        before = other.value(COUNTS)
        cancel(checks, backend, other, "an explanation of many conditions",
               f"SELECT count(*) FROM large, lotty_explain('{key}', 'u', attrs)", 0.7)
        time_out(checks, backend, "a decision by many conditions",
                 f"SELECT reason FROM large, lotty_decide('{key}', 'u', attrs)")
        checks.equal("slow decisions have left nothing", other.value(COUNTS), before)


def cancel(checks, backend, other, what, sql, seconds):
    """Cancels a statement when it has run for so many seconds, or has ended, which fails."""
    sent = other.value("SELECT clock_timestamp()")
    backend.send(sql)
    runs = f"""SELECT query_start >= '{sent}' AND (state <> 'active' OR query_start < clock_timestamp() - interval '{seconds} s')
                 FROM pg_stat_activity WHERE pid = {backend.pid}"""
    wait_until(f"{what} runs", lambda: other.value(runs) == "t")
    begin = time.monotonic()
    other.value(f"SELECT pg_cancel_backend({backend.pid})")
    answer = backend.receive()
    taken = time.monotonic() - begin
    checks.check(f"{what} is cancelled ({taken:.2f} s)", answer.sqlstate == "57014" and taken < SOON,
                 f"after {taken:.2f} s: {answer.text[:100]} {answer.messages[:500]}")


def time_out(checks, backend, what, sql):
    begin = time.monotonic()
    backend.value("SET statement_timeout = '1s'")
    answer = backend.run(sql)
    backend.value("RESET statement_timeout")
    taken = time.monotonic() - begin
    checks.check(f"{what} is timed out ({taken:.2f} s)", answer.sqlstate == "57014" and taken < 1 + SOON,
                 f"after {taken:.2f} s: {answer.text[:100]} {answer.messages[:500]}")
