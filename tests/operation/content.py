"""What a database with the extension holds and answers, and whether another one has all of it.

Everything is found in the catalogs, so that a table that is added later is compared, too.
"""

MEMBERS = """SELECT d.classid, d.objid FROM pg_depend AS d
              WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
                AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lotty')"""

# Partitions are compared as part of their table. What reports keep is derived from the log and the events, and not dumped.
TABLES = """SELECT relname FROM pg_class
             WHERE relnamespace = 'lotty'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
               AND relname NOT LIKE 'report\\_%' ORDER BY 1"""
# A partition that is no member of the extension is dumped as it is.
UNREGISTERED = """SELECT oid::regclass FROM pg_class
                   WHERE relnamespace = 'lotty'::regnamespace AND relkind IN ('r', 'S')
                     AND (NOT relispartition OR relname = 'decision_default') AND relname NOT LIKE 'report\\_%'
                     AND oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'lotty')"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'lotty' AND sequencename NOT LIKE 'report\\_%' ORDER BY 1"

# Columns, indexes, constraints and triggers. Not what 18 counts as constraints and 15 does not; and
# without parentheses, of which there are fewer when a constraint has been written out and read again.
SHAPE = """
    WITH relation AS (SELECT oid FROM pg_class WHERE relnamespace = 'lotty'::regnamespace AND relkind IN ('r', 'p', 'v'))
    SELECT concat_ws(' ', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
                     attidentity, attcollation::regcollation)
      FROM pg_attribute WHERE attrelid IN (SELECT oid FROM relation) AND attnum > 0
    UNION ALL SELECT concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
      FROM pg_index WHERE indrelid IN (SELECT oid FROM relation)
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, translate(pg_get_constraintdef(oid), '()', ''), convalidated)
      FROM pg_constraint WHERE conrelid IN (SELECT oid FROM relation) AND contype <> 'n'
    UNION ALL SELECT concat_ws(' ', tgrelid::regclass, pg_get_triggerdef(oid), tgenabled)
      FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relation) AND NOT tgisinternal
    UNION ALL SELECT 'member ' || pg_describe_object(classid, objid, 0) FROM ({members}) AS m
     WHERE classid <> 'pg_type'::regclass ORDER BY 1""".format(members=MEMBERS)

# Who may do what with the members of the extension. Without what the owner may, of which there
# is more from version to version.
RIGHTS = """
    WITH holder AS (
        SELECT oid::regprocedure::text AS name, proowner AS owner, proacl AS acl FROM pg_proc
         WHERE ('pg_proc'::regclass, oid) IN ({members})
        UNION ALL SELECT oid::regclass::text, relowner, relacl FROM pg_class
         WHERE relnamespace = 'lotty'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
        UNION ALL SELECT a.attrelid::regclass || '.' || a.attname, c.relowner, a.attacl
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'lotty'::regnamespace
        UNION ALL SELECT oid::regtype::text, typowner, typacl FROM pg_type
         WHERE ('pg_type'::regclass, oid) IN ({members}) AND typelem = 0 AND typtype IN ('e', 'c') AND typacl IS NOT NULL
        UNION ALL SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE nspname = 'lotty')
    SELECT concat_ws(' ', holder.name, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'), a.privilege_type,
                     a.is_grantable)
      FROM holder, aclexplode(holder.acl) AS a WHERE a.grantee <> holder.owner ORDER BY 1""".format(members=MEMBERS)

# Of the cluster: settings of databases and roles, rights on settings.
SETTINGS = """
    SELECT concat_ws(' ', d.datname, r.rolname, s.setconfig)
      FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
    UNION ALL SELECT concat_ws(' ', parname, a.grantee::regrole, a.privilege_type)
      FROM pg_parameter_acl, aclexplode(paracl) AS a WHERE a.grantee <> 10
    ORDER BY 1"""

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
PROBLEMS = "SELECT * FROM lotty_check_ledger() ORDER BY 1, 2, 3"

# Ids of the log are UUIDs of version 7; those of decisions that were inserted by hand are others.
NEWEST_DECISION = "SELECT max(decision_id::text) FROM lotty.decision WHERE substr(decision_id::text, 15, 1) = '7'"
NEW_DECISIONS = """SELECT min(decision_id::text) FROM generate_series(1180, 1220) AS number,
                          lotty_decide('string', 'subject-' || number, attributes(number))"""
# What was written beside the ordinary way, in this session.
BY_SQL = """SELECT (SELECT sum(value) FROM lotty.metrics WHERE name = 'lotty_sql_writes_total'),
                   (SELECT sum(value) >= 41 FROM lotty.metrics WHERE name = 'lotty_decisions_written_total')"""

# A change after the restore goes on with the audit trail where the dump ended; and nobody alters
# the trail, be it with the right to write to every table.
NEWEST = "SELECT max(change_id) FROM lotty.change"
CHANGE = "UPDATE lotty.flag SET description = 'after the restore' WHERE key = 'off'"
NEWER = "SELECT change_id, operation, key FROM lotty.change WHERE change_id > {}"
ALTERED = [("inserted", "INSERT INTO lotty.change (changed_by, as_role, table_name, operation) VALUES ('x', 'x', 'x', 'DELETE')"),
           ("changed", "UPDATE lotty.change SET changed_by = 'nobody'"),
           ("deleted", "DELETE FROM lotty.change"), ("emptied", "TRUNCATE lotty.change")]
UNREVIEWED = "INSERT INTO lotty.experiment (key, status) VALUES ('unreviewed', 'running')"
ALWAYS = """SELECT bool_and(tgenabled = 'A') AND count(*) >= 6 FROM pg_trigger
             WHERE tgname = 'zz_invalidate_cache'"""

# The roles of fill.sql: what each may do, and what not.
ALLOWED = [('"dump application"', "SELECT count(*) FROM lotty_decide('string', 'subject-1')"),
           ('"dump application"', "SELECT count(*) FROM lotty_track('subject-1', 'view')"),
           ("dump_reporter", "SELECT count(*) >= 0 FROM lotty.exposure"),
           ("dump_reporter", "SELECT count(key) >= 0 FROM lotty.experiment"),
           ("dump_manager", "UPDATE lotty.flag SET description = 'managed' WHERE key = 'off'")]
REFUSED = [('"dump application"', "SELECT count(*) FROM lotty.decision"),
           ('"dump application"', "SELECT lotty_force('of string', 'subject-1', 'Z')"),
           ("dump_reporter", "SELECT targeting FROM lotty.experiment"),
           ("dump_reporter", "SELECT lotty_decide('string', 'subject-1')"),
           ("dump_manager", "DELETE FROM lotty.flag")]


class Content:
    """What a database holds and answers."""

    def __init__(self, cluster, database):
        self.tables = {
            table: cluster.psql(f"COPY (SELECT * FROM lotty.{table} AS t ORDER BY t::text COLLATE \"C\")"
                                " TO STDOUT", database=database)
            for table in cluster.psql(TABLES, database=database).split()
        }
        self.sequences = cluster.psql(SEQUENCES, database=database)
        self.shape = cluster.psql(SHAPE, database=database)
        self.rights = cluster.psql(RIGHTS, database=database)
        self.evaluated = cluster.psql(EVALUATED, database=database)
        # Decided and taken back: the second question of a subject sees what the first one did.
        self.decided = cluster.psql("BEGIN", DECIDED, "ROLLBACK", database=database)
        self.problems = cluster.psql(PROBLEMS, database=database)


def refusal(cluster, database, *statements):
    """The complaints about statements of which the last one must fail; nothing if it does not."""
    commands = [part for statement in statements for part in ("-c", statement)]
    code, _, complaints = cluster.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose",
                                      *commands, database=database)
    return complaints if code != 0 else ""


def check_content(checks, kind, before, after):
    checks.equal(f"{kind}: the same tables", sorted(after.tables), sorted(before.tables))
    for table, text in before.tables.items():
        checks.same_lines(f"{kind}: rows of {table}", after.tables.get(table, ""), text)
    checks.equal(f"{kind}: the same sequences", after.sequences, before.sequences)
    checks.same_lines(f"{kind}: the same columns, indexes, constraints, triggers and members", after.shape, before.shape)
    checks.same_lines(f"{kind}: the same rights", after.rights, before.rights)
    checks.same_lines(f"{kind}: lotty_evaluate answers as before", after.evaluated, before.evaluated)
    checks.same_lines(f"{kind}: lotty_decide answers as before", after.decided, before.decided)
    checks.same_lines(f"{kind}: the ledger agrees with the log", after.problems, before.problems)


def check_going_on(checks, cluster, kind, database):
    """Decisions, changes and refusals after what has been restored."""
    newest = cluster.psql(NEWEST_DECISION, database=database)
    first, written = cluster.psql(NEW_DECISIONS, BY_SQL, database=database).splitlines()
    checks.check(f"{kind}: ids of decisions go on", newest < first, f"newest before {newest}, first after {first}")
    checks.equal(f"{kind}: decisions are written directly", written, "0|t")
    checks.equal(f"{kind}: cache invalidation is enabled always", cluster.psql(ALWAYS, database=database), "t")
    complaints = refusal(cluster, database,
                         "UPDATE lotty.experiment SET targeting = 'country = ' WHERE key = 'of string'")
    checks.check(f"{kind}: an invalid rule is refused", "ERROR:  22023:" in complaints, complaints)
    newest = int(cluster.psql(NEWEST, database=database))
    cluster.psql(CHANGE, database=database)
    checks.equal(f"{kind}: the audit trail goes on", cluster.psql(NEWER.format(newest), database=database),
                 f"{newest + 1}|UPDATE|off")
    for done, statement in ALTERED:
        complaints = refusal(cluster, database, "SET ROLE pg_write_all_data", statement)
        checks.check(f"{kind}: the audit trail cannot be {done}", "ERROR:  42501:" in complaints, complaints)


def check_rights(checks, cluster, kind, database):
    """The roles of fill.sql can do what they could, and no more."""
    for role, statement in ALLOWED:
        complaints = refusal(cluster, database, f"SET ROLE {role}", statement)
        checks.check(f"{kind}: {role} may still: {statement}", not complaints, complaints)
    for role, statement in REFUSED:
        complaints = refusal(cluster, database, f"SET ROLE {role}", statement)
        checks.check(f"{kind}: {role} still may not: {statement}", "ERROR:  42501:" in complaints, complaints)
    complaints = refusal(cluster, database, "SET lotty.require_review = on", "SET ROLE dump_manager", UNREVIEWED)
    checks.check(f"{kind}: what nobody approved cannot be inserted as running", "ERROR:  55000:" in complaints,
                 complaints)


def check_restored(checks, cluster, kind, database, before):
    check_content(checks, kind, before, Content(cluster, database))
    check_going_on(checks, cluster, kind, database)
    check_rights(checks, cluster, kind, database)
