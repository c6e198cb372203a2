"""One node with the configuration, two that decide: each subject on one of them, by its hash."""

import re
from concurrent.futures import ThreadPoolExecutor

from logical import CONTENT
from routes import ANSWER, ANSWERS, DATABASE, Proxy, Router, connection_to, shard_of, with_proxy
from servers import Cluster, Session, wait_until

SUBJECTS, LIMITED, SHARDS = 100_000, 4_000, 2
FLAGS = [f"limit{n}" for n in range(1, 6)]
SETTINGS = """
wal_level = {wal_level}
cluster_name = '{name}'
# Soon rather than after five seconds.
wal_retrieve_retry_interval = 200ms
"""
# Targeting, an allocation and unequal weights, so that there are several reasons and values.
SETUP = f"""
INSERT INTO lotty.flag (key, value_type, default_value) SELECT key, 'string', '"default"'
  FROM unnest(ARRAY['button', 'unseen', {", ".join(f"'{flag}'" for flag in FLAGS)}]) AS key;
INSERT INTO lotty.audience (name, targeting) VALUES ('grown', 'age >= 18');
INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, key FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value, weight)
SELECT experiment_id, v, to_jsonb(key || ' ' || v), ascii(v) - 95 FROM lotty.experiment, unnest(ARRAY['a', 'b', 'c']) AS v;
UPDATE lotty.experiment SET targeting = 'audience("grown")', traffic_allocation = 80 WHERE key = 'button';
UPDATE lotty.experiment SET status = 'running' WHERE key <> 'unseen';
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
SELECT 'subject-1', experiment_id, 'whitelist', variant_id FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id)
 WHERE e.key = 'button' AND v.name = 'c';
CREATE TABLE subject AS
SELECT CASE i % 10 WHEN 0 THEN 'Käufer-' ELSE 'subject-' END || i AS id, jsonb_build_object('age', i % 100) AS attrs
  FROM generate_series(1, {SUBJECTS}) AS i;
CREATE TABLE limited AS SELECT 'limited-' || i AS id, '{{}}'::jsonb AS attrs FROM generate_series(1, {LIMITED}) AS i;
CREATE TABLE crowd AS SELECT 'crowd-' || i AS id, '{{}}'::jsonb AS attrs FROM generate_series(1, 200) AS i;
CREATE TABLE late AS SELECT 'late-' || i AS id, '{{"age": 30}}'::jsonb AS attrs FROM generate_series(1, 1000) AS i;
"""
OVERRIDES = "SELECT subject_id, kind FROM lotty.override ORDER BY 1, 2"
DIFFERENT = "SELECT count(*) FROM (({0} EXCEPT ALL {1}) UNION ALL ({1} EXCEPT ALL {0})) AS d"
PUBLISHED = "SELECT tablename, attnames, rowfilter FROM pg_publication_tables WHERE pubname = 'lotty' ORDER BY 1"
EXPOSED = """SELECT variant, count(*), count(*) FILTER (WHERE crossover), sum(decisions)
             FROM lotty.exposure WHERE experiment_key = '{}' GROUP BY variant ORDER BY variant"""
CONCURRENT = """SELECT count(*) FILTER (WHERE n > 3), count(*) FILTER (WHERE n = 3)
                FROM (SELECT count(*) AS n FROM lotty.assignment WHERE slot IS NOT NULL GROUP BY subject_id) AS s"""
STRAYS = """SELECT count(*) FROM (SELECT subject_id FROM lotty.decision UNION ALL SELECT subject_id FROM lotty.assignment) AS s
            WHERE lotty_bucket(subject_id, 'lotty', 'shard') & 1 <> {}"""
WORKER_ERRORS = "SELECT coalesce(sum(apply_error_count + sync_error_count), 0) FROM pg_stat_subscription_stats"


class Nodes:
    """The control node, the shards, and the way from a subject to its shard."""

    def __init__(self, version, control, shards):
        self.version, self.control, self.shards = version, control, shards
        control.fresh_database(DATABASE)
        control.psql(SETUP, database=DATABASE)
        for shard in shards:
            shard.fresh_database(DATABASE)
        if with_proxy(version):
            Proxy.provide(control)
            self.route = Proxy(control, DATABASE, shards)
            shards[0].fresh_database("proxy")
            # One that does not need the control node.
            self.other_route = Proxy(shards[0], "proxy", shards)
        else:
            self.route = self.other_route = Router(control, DATABASE, shards)

    def here(self, *commands):
        return self.control.psql(*commands, database=DATABASE)

    def each(self, *commands):
        return [shard.psql(*commands, database=DATABASE) for shard in self.shards]

    def wait_for_apply(self):
        lsn = self.here("SELECT pg_current_wal_lsn()")
        applied = f"""SELECT count(*) FILTER (WHERE replay_lsn >= '{lsn}') FROM pg_stat_replication
                       WHERE application_name LIKE 'lotty%'"""
        wait_until(f"apply of {lsn} on all shards", lambda: self.here(applied) == str(SHARDS))


def follow(checks, nodes):
    """The publication, and subscriptions as contrib/plproxy/README.md makes them."""
    checks.equal("shards: the publication is made of nine tables",
                 nodes.here("SELECT count(*) FROM lotty_publish() WHERE action = 'added'"), "9")
    nodes.here("CREATE ROLE lotty_follower LOGIN REPLICATION", "GRANT USAGE ON SCHEMA lotty TO lotty_follower",
               "GRANT SELECT ON lotty.flag, lotty.experiment, lotty.experiment_flag, lotty.variant, lotty.variant_value, "
               "lotty.audience, lotty.conflict_domain, lotty.experiment_conflict_domain, lotty.override TO lotty_follower")
    for n, shard in enumerate(nodes.shards):
        shard.psql(f"""CREATE SUBSCRIPTION lotty_shard{n} CONNECTION '{connection_to(nodes.control)} user=lotty_follower'
                       PUBLICATION lotty""", database=DATABASE)
    ready = "SELECT bool_and(srsubstate = 'r') AND count(*) = 9 FROM pg_subscription_rel"
    wait_until("the first copy of the tables", lambda: nodes.each(ready) == ["t"] * SHARDS)
    for n, rows in enumerate(nodes.each(CONTENT)):
        checks.same_lines(f"shards: shard {n} has the configuration", rows, nodes.here(CONTENT))
    checks.equal("shards: with the whitelist", nodes.each(OVERRIDES), ["subject-1|whitelist"] * SHARDS)


def refuse(checks, nodes):
    """What follows is not written by hand, by whatever way; what belongs to a subject is."""
    whitelist = """INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
                   SELECT 'x', experiment_id, 'whitelist', variant_id FROM lotty.variant LIMIT 1"""
    with Session(nodes.shards[0], DATABASE) as session:
        refused = {statement: session.run(statement).sqlstate for statement in (
            "UPDATE lotty.flag SET enabled = false", "DELETE FROM lotty.variant", "TRUNCATE lotty.audience",
            "SELECT lotty_start('unseen')", whitelist,
            """SELECT lotty_apply('{"flags": [{"key": "x", "value_type": "boolean", "default_value": true}]}')""",
            "UPDATE lotty.override SET created_at = now()")}
        checks.equal("shards: a shard does not write what it follows", set(refused.values()), {"25006"})
        checks.check("shards: and says where to", "on the node that publishes it" in session.run(whitelist).hint)
        checks.equal("shards: forcing a variant is of the shard",
                     (session.value("SELECT lotty_force('button', 'forced here', 'a')"),
                      session.value("SELECT lotty_forced('button', 'forced here')"),
                      session.value("SELECT lotty_force('unseen', 'forced here', 'b')")), ("t", "a", "t"))
    # The same one on the control node, which would collide.
    nodes.here("SELECT lotty_force('button', 'forced here', 'a')")
    nodes.wait_for_apply()
    checks.equal("shards: and not of the others", nodes.each(OVERRIDES),
                 ["forced here|forced\nforced here|forced\nsubject-1|whitelist", "subject-1|whitelist"])
    # Foreign keys do not fire for what is replicated.
    nodes.here("DELETE FROM lotty.variant v USING lotty.experiment e WHERE e.key = 'unseen' AND v.name = 'b' AND v.experiment_id = e.experiment_id")
    nodes.wait_for_apply()
    checks.equal("shards: a forced variant goes when the control node deletes the variant",
                 nodes.each(OVERRIDES)[0], "forced here|forced\nsubject-1|whitelist")


def same_answers(checks, nodes):
    single = f"INSERT INTO single SELECT {ANSWER} FROM subject AS s CROSS JOIN LATERAL lotty_decide('button', s.id, s.attrs) AS d"
    # At the same time: they have nothing in common but the configuration.
    with ThreadPoolExecutor(2) as pool:
        alone = pool.submit(nodes.here, ANSWERS.format(table="single"), single)
        nodes.route.decide("button", "subject", "sharded")
        alone.result()
    checks.equal(f"shards: {SUBJECTS} subjects decided through {nodes.route.name} get what a single node gives them",
                 (nodes.here("SELECT count(*) FROM sharded"), nodes.here(DIFFERENT.format("TABLE single", "TABLE sharded"))),
                 (str(SUBJECTS), "0"))
    # Otherwise there would be little to compare.
    checks.equal("shards: for several reasons, and with all variants",
                 nodes.here("SELECT string_agg(DISTINCT reason::text, ' ' ORDER BY reason::text), count(DISTINCT variant_id) FROM sharded"),
                 "experiment_assigned outside_traffic_allocation targeting_mismatch whitelisted|3")
    counts = [int(count) for count in nodes.each("SELECT count(DISTINCT subject_id) FROM lotty.decision")]
    checks.check("shards: each has about half of them", sum(counts) == SUBJECTS and min(counts) > 0.49 * SUBJECTS, str(counts))
    checks.equal("shards: and none that is the other's",
                 [shard.psql(STRAYS.format(n), database=DATABASE) for n, shard in enumerate(nodes.shards)], ["0"] * SHARDS)
    here = nodes.here("SELECT id, lotty_bucket(id, 'lotty', 'shard') & 1 FROM subject").splitlines()
    checks.equal("shards: by a hash that anyone can compute",
                 [line for line in here if shard_of(line.split("|")[0], SHARDS) != int(line.split("|")[1])], [])
    # The single node here is the control node, whose decisions are its own.
    checks.same_lines("shards: the report is the sum over the shards",
                      nodes.route.exposed("button"), nodes.here(EXPOSED.format("button")))


def limits(checks, nodes):
    differences, limited = 0, 0
    for flag in FLAGS:
        nodes.here(ANSWERS.format(table="single"),
                   f"INSERT INTO single SELECT {ANSWER} FROM limited AS s CROSS JOIN LATERAL lotty_decide('{flag}', s.id, s.attrs) AS d")
        nodes.route.decide_in_bulk(flag, "limited", "sharded")
        differences += int(nodes.here(DIFFERENT.format("TABLE single", "TABLE sharded")))
        limited += int(nodes.here("SELECT count(*) FROM sharded WHERE reason = 'participation_limit'"))
    checks.equal("shards: of five experiments each subject is in three, as on a single node", (differences, limited), (0, 2 * LIMITED))
    # Through two proxies at once, in opposite order.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: [part[0].decide_in_bulk(flag, "crowd", f"crowded{part[2]}") for flag in part[1]],
                      [(route, order, n) for n, (route, order) in enumerate(
                          (route, order) for route in crowd_routes(nodes) for order in (FLAGS, FLAGS[::-1]))]))
    full = LIMITED + (200 if with_proxy(nodes.version) else 0)
    within = [tuple(map(int, counts.split("|"))) for counts in nodes.each(CONCURRENT)]
    checks.check("shards: nobody is in more than three, by however many ways at once",
                 sum(above for above, _ in within) == 0 and sum(three for _, three in within) == full, str(within))
    checks.equal("shards: ledger and log agree", nodes.each("SELECT count(*) FROM lotty_check_ledger()"), ["0"] * SHARDS)


def crowd_routes(nodes):
    if not with_proxy(nodes.version):
        # Its table of subjects on the shards is one.
        return []
    nodes.shards[0].psql("CREATE TABLE crowd AS SELECT 'crowd-' || i AS id, '{}'::jsonb AS attrs FROM generate_series(1, 200) AS i",
                         database="proxy")
    return [nodes.route, nodes.other_route]


def through_proxy(checks, nodes):
    """The rest of contrib/plproxy."""
    if not with_proxy(nodes.version):
        print(f"# PostgreSQL {nodes.version} has no package of PL/Proxy here: the subjects above were routed by Python, "
              "contrib/plproxy is tested with PostgreSQL 15", flush=True)
        return
    route = nodes.route
    proxied = nodes.here("""SELECT proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
                            WHERE pronamespace = 'lotty_proxy'::regnamespace AND lanname = 'plproxy' ORDER BY 1""").split()
    calls = {
        "SELECT reason FROM lotty_proxy.lotty_evaluate('button', 'subject-1', '{}')": "whitelisted",
        "SELECT reason FROM lotty_proxy.lotty_decide_experiment('button', 'subject-1')": "whitelisted",
        "SELECT reason FROM lotty_proxy.lotty_evaluate_experiment('button', 'subject-1')": "whitelisted",
        "SELECT flag, reason FROM lotty_proxy.lotty_decide_many(ARRAY['button', 'no such flag'], 'subject-1')":
            "button|whitelisted\nno such flag|flag_not_found",
        "SELECT flag, reason FROM lotty_proxy.lotty_evaluate_many(ARRAY['button'], 'subject-1')": "button|whitelisted",
        "SELECT count(*) FROM lotty_proxy.lotty_decide_all('subject-1', '{}')": "7",
        "SELECT count(*) FROM lotty_proxy.lotty_evaluate_all('subject-1', '{}')": "7",
        "SELECT lotty_proxy.lotty_string('button', 'subject-1')": "button c",
        "SELECT lotty_proxy.lotty_boolean('no such flag', 'subject-1', '{}', true)": "t",
        "SELECT lotty_proxy.lotty_number('no such flag', 'subject-1', '{}', 1.50)": "1.50",
        "SELECT lotty_proxy.lotty_json('no such flag', 'subject-1', '{}', '[1]')": "[1]",
        "SELECT count(*) > 2 FROM lotty_proxy.lotty_explain('button', 'subject-1', '{}')": "t",
        "SELECT lotty_proxy.lotty_force('button', 'subject-2', 'b')": "t",
        "SELECT lotty_proxy.lotty_forced('button', 'subject-2')": "b",
        "SELECT value, reason FROM lotty_proxy.lotty_decide('button', 'subject-2')": '"button b"|forced',
        "SELECT lotty_proxy.lotty_unforce('button', 'subject-2')": "t",
        "SELECT lotty_proxy.lotty_track('subject-2', 'order', 5, '{}', 'order-2')": "t",
        "SELECT lotty_proxy.lotty_track('subject-2', 'order', 5, '{}', 'order-2') AS again": "f",
        "SELECT string_agg(object || rows, ' ' ORDER BY object) FROM lotty_proxy.lotty_forget('subject-2')":
            "assignment0 decision2 event1 override0",
        """SELECT lotty_proxy.lotty_import_optimizely_profile('p', '{"user_id": "u", "experiment_bucket_map": {}}')""": "0",
        "SELECT count(DISTINCT configuration), count(DISTINCT node), sum(problems) FROM lotty_proxy.shards()": "1|2|0",
        "SELECT sum(decisions), sum(subjects) FROM lotty_proxy.reasons('limit1', now() - interval '1 hour')":
            f"{LIMITED + 801}|{LIMITED + 201}",
        "SELECT count(*), count(DISTINCT variant) FROM lotty_proxy.exposure('limit1')":
            f"{LIMITED + 201}|3",
    }
    for call, expected in calls.items():
        checks.equal(f"proxy: {call}", route.psql(call), expected)
    checks.equal("proxy: these were all of its functions but for what is called elsewhere",
                 [name for name in proxied if f"lotty_proxy.{name}(" not in " ".join(calls)],
                 ["exposed_on_shards", "lotty_decide_subjects", "lotty_forget_on_shards", "lotty_merge_subjects",
                  "outcome_on_shards", "reasons_on_shards"])
    with Session(route.cluster, route.database) as session:
        checks.equal("proxy: errors keep their SQLSTATE",
                     [session.run(f"SELECT * FROM lotty_proxy.{call}").sqlstate for call in (
                         "lotty_decide('button', NULL)", "lotty_decide('button', repeat('x', 600))", "lotty_decide('button', 'x', '[]')",
                         "lotty_track('x', 'order', 'NaN')")], ["22004", "22023", "22023", "22023"])
        pairs = [session.value(f"SELECT id FROM subject WHERE lotty_proxy.shard(id) = {n} AND id > 'subject-3' ORDER BY id LIMIT 2").split()
                 for n in range(SHARDS)]
        checks.equal("proxy: subjects of one shard are merged",
                     session.value(f"SELECT moved FROM lotty_proxy.lotty_merge_subjects('{pairs[1][0]}', '{pairs[1][1]}') WHERE object = 'decision'"), "1")
        refused = session.run(f"SELECT * FROM lotty_proxy.lotty_merge_subjects('{pairs[0][0]}', '{pairs[1][1]}')")
        partner = session.value("""SELECT id FROM subject WHERE lotty_proxy.shard(id) = lotty_proxy.shard('subject-1')
                                   AND id > 'subject-4' ORDER BY id LIMIT 1""")
        checks.equal("proxy: a whitelist is not moved on a shard",
                     session.run(f"SELECT * FROM lotty_proxy.lotty_merge_subjects('subject-1', '{partner}')").sqlstate, "25006")
        checks.check("proxy: subjects of two are not", refused.sqlstate == "0A000" and "are on different shards" in refused.messages,
                     refused.messages)
    route.install()
    checks.equal("proxy: its files can be run again", route.one("button", "subject-1").split("|")[1], "whitelisted")
    outcomes(checks, nodes)
    application(checks, nodes)


def outcomes(checks, nodes):
    """What subjects did after their exposure, on a single node and on the shards."""
    old = "UPDATE lotty.decision SET created_at = created_at - interval '30 days' WHERE flag_key = 'limit1'"
    nodes.here(old)
    nodes.each(old)
    new = [nodes.here(f"""
        SELECT count(*) FILTER (WHERE t) FROM limited AS s, generate_series(1, hashtext(s.id) & 3) AS k,
               {schema}lotty_track(s.id, 'order', k * 1.25, '{{}}', s.id || '/' || k, NULL, now() - interval '29 days') AS t
        """) for schema in ("", "lotty_proxy.", "lotty_proxy.")]
    checks.check("proxy: an event is counted once", new[0] == new[1] and int(new[0]) > LIMITED and new[2] == "0", str(new))
    expected = nodes.here("""
        SELECT variant, count(*), count(*) FILTER (WHERE n > 0), sum(n), sum(v), sum(v * v)
          FROM (SELECT e.variant, e.subject_id, count(v.event_id) AS n, coalesce(sum(v.value), 0) AS v
                  FROM lotty.exposure e LEFT JOIN lotty.event v ON v.subject_id = e.subject_id AND v.occurred_at >= e.exposed_at
                 WHERE e.experiment_key = 'limit1' AND e.subject_id LIKE 'limited%' GROUP BY 1, 2) AS s
         GROUP BY 1 ORDER BY 1""")
    # Those who came through the proxies only would be counted too.
    nodes.each("DELETE FROM lotty.decision WHERE flag_key = 'limit1' AND subject_id NOT LIKE 'limited%'")
    checks.same_lines("proxy: outcomes are the sum over the shards",
                      nodes.here("SELECT variant, subjects, converted, events, total, squares FROM lotty_proxy.outcome('limit1', 'order', '14 days')"),
                      expected)


def application(checks, nodes):
    """The rights that contrib/plproxy/README.md grants are enough, and not more than needed."""
    for node in (nodes.control, *nodes.shards):
        node.psql("CREATE ROLE shop_app LOGIN", database=DATABASE)
    nodes.each("GRANT EXECUTE ON FUNCTION lotty_decide(text, text, jsonb) TO shop_app", "GRANT USAGE ON SCHEMA lotty TO shop_app")
    nodes.here("GRANT USAGE ON SCHEMA lotty_proxy TO shop_app", "GRANT USAGE ON FOREIGN SERVER lotty TO shop_app",
               "GRANT EXECUTE ON FUNCTION lotty_proxy.lotty_decide(text, text, jsonb), lotty_proxy.shard_hash(text), "
               "lotty_bucket(text, text, text) TO shop_app",
               "CREATE USER MAPPING FOR shop_app SERVER lotty OPTIONS (user 'shop_app')")
    with Session(nodes.control, DATABASE) as session:
        session.value("SET SESSION AUTHORIZATION shop_app")
        session.value("SET search_path = lotty_proxy, public")
        checks.equal("proxy: an application calls lotty_decide as if there were no proxy",
                     session.value("SELECT reason FROM lotty_decide('button', 'subject-1')"), "whitelisted")
        checks.equal("proxy: and nothing else",
                     [session.run(statement).sqlstate for statement in (
                         "SELECT public.lotty_decide('button', 'subject-1')", "SELECT lotty_forget('subject-1')",
                         "TABLE lotty.decision", "SELECT * FROM exposed('button')")], ["42501"] * 4)


def changes(checks, nodes):
    """What the control node changes is seen on the shards, also by sessions that had it cached."""
    sessions = [Session(shard, DATABASE) for shard in nodes.shards]
    try:
        look = "SELECT value FROM lotty_evaluate('button', 'subject-1')"
        before = [session.value(look) for session in sessions]
        nodes.here("UPDATE lotty.variant SET value = '\"new\"' WHERE value = '\"button c\"'")
        nodes.wait_for_apply()
        checks.equal("shards: a change of the configuration is seen", (before, [session.value(look) for session in sessions]),
                     (['"button c"'] * SHARDS, ['"new"'] * SHARDS))
        # Which may be gone on a shard already, that has forgotten the subject.
        nodes.shards[1].psql("SELECT lotty_forget('subject-1')", database=DATABASE)
        nodes.here("DELETE FROM lotty.override WHERE subject_id = 'subject-1'")
        nodes.wait_for_apply()
        checks.equal("shards: a whitelist that is deleted, too",
                     [session.value("SELECT reason FROM lotty_evaluate('button', 'subject-1')") for session in sessions],
                     ["targeting_mismatch"] * SHARDS)
    finally:
        for session in sessions:
            session.close()
    checks.equal("shards: the replication met no error", nodes.each(WORKER_ERRORS), ["0"] * SHARDS)
    checks.equal("shards: nor do the logs have one of it", errors_of_workers(nodes), [])


def errors_of_workers(nodes):
    """Lines of processes that are no sessions: those bear no name of an application."""
    return [line for shard in nodes.shards for line in shard.log_since(0).splitlines()
            if re.search(r"\[\d+\] (ERROR|FATAL|PANIC|WARNING): ", line)]


def control_down(checks, nodes):
    """Deciding goes on without the control node; what changes later arrives."""
    size = [int(n) for n in nodes.each("SELECT count(*) FROM lotty.decision")]
    late = nodes.here("COPY late TO STDOUT")
    nodes.control.stop("immediate")
    code, _, _ = nodes.control.run("psql", "-c", "SELECT 1")
    checks.check("control down: it is", code != 0)
    if with_proxy(nodes.version):
        nodes.shards[0].psql("CREATE TABLE late (id text, attrs jsonb)", database="proxy")
        nodes.shards[0].psql("COPY late FROM STDIN", database="proxy", data=late + "\n")
        nodes.other_route.decide("button", "late", "answer")
        reasons = nodes.other_route.psql("SELECT string_agg(DISTINCT reason::text, ' ' ORDER BY reason::text) FROM answer")
    else:
        reasons = set()
        for line in late.splitlines():
            subject, attrs = line.split("\t")
            if int(subject.split("-")[1]) <= 50:
                reasons.add(nodes.route.one("button", subject, attrs).split("|")[1])
        reasons = " ".join(sorted(reasons))
    more = sum(int(n) for n in nodes.each("SELECT count(*) FROM lotty.decision")) - sum(size)
    checks.equal("control down: subjects are decided for and recorded", (reasons, more),
                 ("experiment_assigned outside_traffic_allocation", 1000 if with_proxy(nodes.version) else 50))
    checks.equal("control down: the shards still follow it, so they are not written",
                 [session_state(shard, "UPDATE lotty.flag SET enabled = false") for shard in nodes.shards], ["25006"] * SHARDS)

    nodes.control.start()
    nodes.here("UPDATE lotty.flag SET default_value = '\"after\"' WHERE key = 'button'")
    nodes.wait_for_apply()
    checks.equal("control back: the configuration catches up", nodes.each("SELECT default_value FROM lotty.flag WHERE key = 'button'"),
                 ['"after"'] * SHARDS)
    nodes.shards[1].stop("fast")
    nodes.here("UPDATE lotty.experiment SET status = 'paused' WHERE key = 'button'")
    nodes.shards[1].start()
    nodes.wait_for_apply()
    checks.equal("a shard back: what changed meanwhile is there",
                 nodes.each("SELECT value, reason FROM lotty_evaluate('button', 'x')"), ['"after"|no_active_experiment'] * SHARDS)
    checks.equal("shards: the whole configuration is the control node's", [rows == nodes.here(CONTENT) for rows in nodes.each(CONTENT)],
                 [True] * SHARDS)


def session_state(cluster, statement):
    with Session(cluster, DATABASE) as session:
        return session.run(statement).sqlstate


def restored(checks, nodes):
    """pg_dump keeps a publication, but before 18 not that tables of an extension are in it."""
    code, dump, complaints = nodes.control.run("pg_dump", "--schema-only", database=DATABASE)
    checks.equal("a dump of the control node: pg_dump", (code, complaints), (0, ""))
    nodes.control.fresh_database("restored", extension=False)
    nodes.control.psql(data=dump, database="restored")
    checks.equal("a dump of the control node: the publication is there, lotty_publish makes it whole",
                 (nodes.control.psql("SELECT count(*) FROM pg_publication WHERE pubname = 'lotty'", database="restored"),
                  nodes.control.psql("SELECT action, count(*) FROM lotty_publish() GROUP BY 1", database="restored")),
                 ("1", "added|9" if int(nodes.version) < 18 else ""))
    checks.equal("a dump of the control node: with the same rows",
                 nodes.control.psql(PUBLISHED, database="restored"), nodes.here(PUBLISHED))


def take_over(checks, nodes):
    """A shard whose subscription is dropped has a configuration of its own."""
    nodes.control.stop("immediate")
    nodes.shards[1].psql("ALTER SUBSCRIPTION lotty_shard1 DISABLE", "ALTER SUBSCRIPTION lotty_shard1 SET (slot_name = NONE)",
                         "DROP SUBSCRIPTION lotty_shard1", "UPDATE lotty.experiment SET status = 'running' WHERE key = 'button'",
                         database=DATABASE)
    checks.equal("a shard takes over: it can be written again, and be published",
                 nodes.shards[1].psql("SELECT reason FROM lotty_evaluate('button', 'x', '{\"age\": 1}')",
                                      "SET client_min_messages = error; SELECT count(*) FROM lotty_publish()", database=DATABASE),
                 "targeting_mismatch\n10")


def sharded(checks, version):
    def cluster(name):
        return Cluster(f"{name}-{version}", version,
                       SETTINGS.format(name=name, wal_level="logical" if name == "control" else "replica"))
    with cluster("control") as control, cluster("shard0") as shard0, cluster("shard1") as shard1:
        nodes = Nodes(version, control, [shard0, shard1])
        for part in (follow, refuse, restored, same_answers, limits, through_proxy, changes, control_down, take_over):
            checks.part(f"shards: {part.__name__}", part, nodes)
