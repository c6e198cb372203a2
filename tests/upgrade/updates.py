"""Updates from every earlier version, along every way: like a fresh installation, with all rows."""

from catalog import catalog, differences, redeclared, symbols
from scripts import FIXTURE, FIXTURES, ROOT

# Without what reports keep, which is derived and made anew.
COLUMNS = """
SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'lotty'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'report\\_%'
 GROUP BY 1 ORDER BY 1"""

# 1,000 subjects, half of whom the log knows, for each flag that is running: who was given a value
# is given it again, and the others take part too.
DECIDED = """
WITH given AS MATERIALIZED (
    SELECT DISTINCT ON (flag_key, subject_id) flag_key, subject_id, value FROM lotty.decision
     WHERE experiment_id IS NOT NULL ORDER BY flag_key, subject_id, created_at DESC
), asked AS MATERIALIZED (
    SELECT f.key, 'subject-' || i AS subject
      FROM lotty.flag f, generate_series(1, 1000) AS i
     WHERE EXISTS (SELECT FROM lotty.experiment e WHERE e.flag_id = f.flag_id AND e.status = 'running')
)
SELECT count(*), count(*) FILTER (WHERE d.reason IN ('experiment_assigned', 'sticky')),
       count(g.value), count(*) FILTER (WHERE g.value = d.value)
  FROM asked a CROSS JOIN LATERAL lotty_decide(a.key, a.subject) AS d
  LEFT JOIN given g ON (g.flag_key, g.subject_id) = (a.key, a.subject)"""
LEDGER = "SELECT * FROM lotty_check_ledger()"
BY_SQL = "SELECT value FROM lotty.metrics WHERE name = 'lotty_sql_writes_total'"


def columns(cluster, database):
    """The columns of each table."""
    lines = (line.split("|") for line in cluster.psql(COLUMNS, database=database).splitlines())
    return {table: names.split(", ") for table, names in lines}


def kept_columns(before, after):
    """Tables and columns of one version that another one still has."""
    kept = {table: ", ".join(name for name in names if name in after.get(table, ())) for table, names in before.items()}
    return {table: names for table, names in kept.items() if names}


def rows(cluster, database, of_columns):
    """The rows of each table, in some columns."""
    return {table: cluster.psql(f"COPY (SELECT {names} FROM lotty.{table} ORDER BY ({names})::text COLLATE \"C\") TO STDOUT",
                                database=database)
            for table, names in of_columns.items()}


def rows_of(scripts, version):
    """The file with rows of a version."""
    if version in FIXTURES:
        return FIXTURE / "rows.sql"
    if version == scripts.current:
        return ROOT / "tests/upgrade/rows.sql"
    return scripts.releases.rows(version)


def install(cluster, database, version):
    cluster.fresh_database(database, extension=False)
    cluster.psql(f"CREATE EXTENSION lotty VERSION '{version}'", database=database)


def check_decisions(checks, cluster, name, database):
    checks.equal(f"{name}: the ledger agrees with the log", cluster.psql(LEDGER, database=database), "")
    asked, assigned, known, same = map(int, cluster.psql(DECIDED, database=database).split("|"))
    checks.check(f"{name}: newcomers are assigned, and who was given a value is given it again",
                 asked >= 1000 and asked == assigned and known == asked // 2 and same == known,
                 f"{asked} asked, {assigned} assigned, {known} known, {same} of them the same")
    checks.equal(f"{name}: and does so after these decisions", cluster.psql(LEDGER, database=database), "")
    sql = cluster.psql("SELECT lotty_evaluate('none', 's')", "SELECT count(*) FROM lotty_decide('none', 's')", BY_SQL,
                       database=database).splitlines()[-1]
    checks.equal(f"{name}: the log is written without SQL", sql, "0")


class Fresh:
    """What a version is when it is installed."""

    def __init__(self, cluster, database, version):
        install(cluster, database, version)
        self.catalog = catalog(cluster, database)
        self.symbols = symbols(cluster, database)
        self.columns = columns(cluster, database)


def check_way(checks, cluster, scripts, way, fresh):
    """Updates a new database along a way, step by step."""
    name, database = " to ".join(way), "updated"
    install(cluster, database, way[0])
    cluster.psql(file=rows_of(scripts, way[0]), database=database)
    checks.equal(f"{name}: no function in C is declared anew under the same symbol",
                 redeclared(symbols(cluster, database), fresh[way[-1]].symbols), [])
    kept = kept_columns(columns(cluster, database), fresh[way[-1]].columns)
    before = rows(cluster, database, kept)
    empty = [table for table, text in before.items() if not text]
    checks.check(f"{name}: every table has rows to be kept", len(before) >= 4 and not empty, empty or sorted(before))
    for version in way[1:]:
        cluster.psql(f"ALTER EXTENSION lotty UPDATE TO '{version}'", database=database)
    found = differences(fresh[way[-1]].catalog, catalog(cluster, database))
    checks.check(f"{name}: the catalogs are those of a fresh installation", not found, found)
    after = rows(cluster, database, kept)
    for table, text in before.items():
        checks.same_lines(f"{name}: rows of {table}", after[table], text)
    if way[-1] == scripts.current:
        check_decisions(checks, cluster, name, database)


def updates(checks, cluster, scripts):
    """All ways between the versions that there are."""
    earlier = [*FIXTURES, *(version for version in scripts.releases.versions() if version != scripts.current)]
    fresh = {}
    for version in [*earlier, scripts.current]:
        fresh[version] = Fresh(cluster, "fresh", version)
        gaps = [line for line in fresh[version].catalog if "NOT COMPARED" in line]
        checks.equal(f"{version}: catalog.sql describes every kind of object", gaps, [])
    # What `make freeze` would freeze: rows of the current version.
    cluster.psql(file=rows_of(scripts, scripts.current), database="fresh")
    filled = rows(cluster, "fresh", {table: ", ".join(names) for table, names in fresh[scripts.current].columns.items()})
    checks.equal("rows.sql fills every table", [table for table, text in filled.items() if not text], [])
    check_decisions(checks, cluster, f"{scripts.current}, fresh", "fresh")
    if scripts.current in scripts.releases.versions():
        frozen = f"{scripts.current}frozen"
        scripts.put(f"lotty--{frozen}.sql", scripts.releases.install_script(scripts.current).read_text(encoding="utf-8"))
        install(cluster, "frozen", frozen)
        found = differences(catalog(cluster, "frozen"), fresh[scripts.current].catalog)
        checks.check(f"{scripts.current} is released, and sql/ has not changed since", not found, found)
    for number, source in enumerate(earlier):
        for target in [*earlier[number + 1:], scripts.current]:
            ways = scripts.ways(source, target)
            fixtures = source in FIXTURES and target not in (*FIXTURES, scripts.current)
            checks.check(f"{source} to {target}: there is a way", ways or fixtures)
            for way in ways:
                check_way(checks, cluster, scripts, way, fresh)
