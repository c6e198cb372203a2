"""That the comparison finds what an update can get wrong: each of these, and nothing beside it."""

from catalog import catalog, changed

# What is done to an installation, and the objects and properties that then differ.
MISTAKES = [
    ("a comment is lost", "COMMENT ON COLUMN lotty.flag.enabled IS NULL", {"table lotty.flag column enabled | comment"}),
    ("a comment differs", "COMMENT ON INDEX lotty.decision_default_assigned_idx IS 'x'", {"index lotty.decision_default_assigned_idx | comment"}),
    ("a function is granted to PUBLIC", "GRANT EXECUTE ON FUNCTION lotty_decide(text, text, jsonb) TO PUBLIC",
     {"function public.lotty_decide(pg_catalog.text,pg_catalog.text,pg_catalog.jsonb) | privileges"}),
    ("a column is granted to PUBLIC", "GRANT SELECT (key) ON lotty.flag TO PUBLIC", {"table lotty.flag column key | privileges"}),
    ("a schema is granted to PUBLIC", "GRANT USAGE ON SCHEMA lotty TO PUBLIC", {"schema lotty | privileges"}),
    ("a type is granted to PUBLIC", "GRANT USAGE ON TYPE lotty.reason TO PUBLIC", {"type lotty.reason | privileges"}),
    ("privileges were not given by the script", """DELETE FROM pg_init_privs
        WHERE (classoid, objoid) = ('pg_class'::regclass, 'lotty.decision'::regclass)""",
     {"table lotty.decision | privileges given by the extension"}),
    ("an owner differs", "ALTER FUNCTION lotty.library_version() OWNER TO pg_monitor",
     {"function lotty.library_version() | owner", "function lotty.library_version() | privileges"}),
    ("a default differs", "ALTER TABLE lotty.flag ALTER enabled SET DEFAULT false", {"table lotty.flag column enabled | default"}),
    ("a column may be NULL", "ALTER TABLE lotty.event ALTER received_at DROP NOT NULL",
     {"table lotty.event column received_at | not null"}),
    ("a column has another type", "ALTER TABLE lotty.experiment_conflict_domain ALTER priority TYPE bigint",
     {"table lotty.experiment_conflict_domain column priority | type"}),
    ("options of a column differ", "ALTER TABLE lotty.event ALTER subject_id SET (n_distinct = 5)",
     {"table lotty.event column subject_id | options"}),
    ("a column is stored in another way", "ALTER TABLE lotty.event ALTER properties SET STORAGE EXTERNAL",
     {"table lotty.event column properties | storage"}),
    ("options of a table differ", "ALTER TABLE lotty.assignment SET (fillfactor = 50)", {"table lotty.assignment | options"}),
    ("row security is on", "ALTER TABLE lotty.event ENABLE ROW LEVEL SECURITY", {"table lotty.event | row security"}),
    ("a constraint is not validated", """ALTER TABLE lotty.flag DROP CONSTRAINT flag_key_check;
        ALTER TABLE lotty.flag ADD CONSTRAINT flag_key_check CHECK (octet_length(key) BETWEEN 1 AND 512) NOT VALID""",
     {"table constraint flag_key_check on lotty.flag | definition", "table constraint flag_key_check on lotty.flag | validated"}),
    ("an index has another predicate", """DROP INDEX lotty.decision_default_other_idx;
        CREATE INDEX decision_default_other_idx ON lotty.decision_default (subject_id)""", {"index lotty.decision_default_other_idx | index"}),
    ("a trigger is disabled", "ALTER TABLE lotty.flag DISABLE TRIGGER zz_invalidate_cache",
     {"trigger zz_invalidate_cache on lotty.flag | enabled"}),
    ("a trigger does not fire in replication", "ALTER TABLE lotty.flag ENABLE TRIGGER zz_invalidate_cache",
     {"trigger zz_invalidate_cache on lotty.flag | enabled"}),
    ("a volatility differs", "ALTER FUNCTION lotty_evaluate(text, text, jsonb) VOLATILE",
     {"function public.lotty_evaluate(pg_catalog.text,pg_catalog.text,pg_catalog.jsonb) | definition"}),
    ("a search_path is not pinned", "ALTER FUNCTION lotty_forget(text) RESET search_path",
     {"function public.lotty_forget(pg_catalog.text) | definition"}),
    ("a body differs", "CREATE OR REPLACE FUNCTION lotty_check_ledger() RETURNS TABLE (problem text, subject_id text, "
     "experiment_id uuid, detail text) LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS "
     "$$ SELECT '', '', NULL::uuid, '' $$", {"function public.lotty_check_ledger() | definition"}),
    ("a label comes last", "ALTER TYPE lotty.reason ADD VALUE 'more'", {"type lotty.reason | labels"}),
    ("a view has another text", """CREATE OR REPLACE VIEW lotty.metrics AS
        SELECT m.name, m.kind AS type, m.label, m.label_value, m.value, m.help FROM lotty.metric_values() AS m
         WHERE true""",
     {"view lotty.metrics | view", "rule \"_RETURN\" on lotty.metrics | definition"}),
    ("a sequence differs", "ALTER SEQUENCE lotty.change_change_id_seq INCREMENT 2",
     {"sequence lotty.change_change_id_seq | sequence"}),
    ("rows are not dumped", """UPDATE pg_extension SET extconfig = extconfig[2:], extcondition = extcondition[2:]
        WHERE extname = 'lotty'""", {"extension | rows dumped of lotty.flag"}),
    ("other rows are dumped", "UPDATE pg_extension SET extcondition[1] = 'WHERE enabled' WHERE extname = 'lotty'",
     {"extension | rows dumped of lotty.flag"}),
    ("a registration has outlived its table", """UPDATE pg_extension SET extconfig = extconfig || 1::oid,
        extcondition = extcondition || ''::text WHERE extname = 'lotty'""", {"extension | rows dumped of a table that is gone"}),
]

# An object that is too much, or too little, differs in all that there is to say of it.
WHOLE = [
    ("a function is left over", "CREATE FUNCTION lotty.older() RETURNS void LANGUAGE sql AS ''; "
     "ALTER EXTENSION lotty ADD FUNCTION lotty.older()", "function lotty.older()"),
    ("a function is left outside of the extension", "CREATE FUNCTION lotty.older() RETURNS void LANGUAGE sql AS ''",
     "stray function lotty.older()"),
    ("a schema is left over", "CREATE SCHEMA lotty_before", "stray schema lotty_before"),
    ("a column is left over", "ALTER TABLE lotty.flag ADD older text", "table lotty.flag column older"),
    ("a policy is left over", "CREATE POLICY older ON lotty.flag", "policy older on lotty.flag"),
    ("an index is missing", "DROP INDEX lotty.experiment_flag_id_idx", "index lotty.experiment_flag_id_idx"),
    ("a trigger is missing", "DROP TRIGGER zz_invalidate_cache ON lotty.audience", "trigger zz_invalidate_cache on lotty.audience"),
    ("a constraint is missing", "ALTER TABLE lotty.variant DROP CONSTRAINT variant_weight_check",
     "table constraint variant_weight_check on lotty.variant"),
]


def differences_are_found(checks, cluster):
    """On a fresh database; each mistake is taken back."""
    database = "mistaken"
    cluster.fresh_database(database)
    fresh = catalog(cluster, database)
    checks.equal("nothing differs where nothing was done", changed(fresh, catalog(cluster, database)), set())
    for name, mistake, expected in MISTAKES:
        found = changed(fresh, catalog(cluster, database, mistake))
        # Since PostgreSQL 18 a column that is not null has a constraint for it.
        found = {fact for fact in found if "_not_null on lotty." not in fact}
        checks.equal(f"found: {name}", sorted(found), sorted(expected))
    for name, mistake, whole in WHOLE:
        found = {line.split(" | ")[0] for line in changed(fresh, catalog(cluster, database, mistake))}
        checks.equal(f"found: {name}", sorted(found), [whole])
    # Columns are compared by their order, so one that is replaced is behind the others.
    moved = catalog(cluster, database,
                    "ALTER TABLE lotty.override DROP kind CASCADE, ADD kind text NOT NULL DEFAULT 'forced'")
    checks.check("found: a column is in another place", {"table lotty.override column kind | place",
                 "table lotty.override column variant_id | place"} <= changed(fresh, moved), sorted(changed(fresh, moved)))
