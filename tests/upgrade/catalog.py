"""What the catalogs of a database say of the extension, compared line by line."""

from pathlib import Path

CATALOG = Path(__file__).resolve().parent / "catalog.sql"


def catalog(cluster, database, *changes):
    """The facts of catalog.sql; after some changes, if there are any, which are rolled back."""
    commands = ["BEGIN", *changes] if changes else []
    return set(cluster.psql(*commands, database=database, file=CATALOG).splitlines())


def differences(fresh, updated):
    """Facts that only one of both has, readable."""
    def lines(facts, sign):
        return [f"{sign} {' | '.join(fact.split(chr(9)))}" for fact in facts]
    return sorted(lines(fresh - updated, "-") + lines(updated - fresh, "+"), key=lambda line: line[2:])


def changed(fresh, updated):
    """What differs: objects and their properties."""
    return {" | ".join(fact.split("\t")[:2]) for fact in fresh ^ updated}


# The C functions by symbol, with all that the code behind it relies on: a library that meets another
# declaration would read arguments that are not there, or answer rows of another shape.
SYMBOLS = """
SELECT p.prosrc, pg_catalog.concat_ws(' ', pg_catalog.oidvectortypes(p.proargtypes), '->',
           CASE WHEN p.proretset THEN 'setof' END, pg_catalog.pg_get_function_result(p.oid),
           (SELECT '(' || pg_catalog.string_agg(pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) || ')'
              FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
             WHERE t.oid = p.prorettype AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped),
           CASE WHEN p.proisstrict THEN 'strict' END)
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid JOIN pg_catalog.pg_proc p ON p.oid = d.objid
 WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e' AND e.extname = 'lotty'
   AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
   AND p.prolang = (SELECT oid FROM pg_catalog.pg_language WHERE lanname = 'c')"""


def symbols(cluster, database):
    """The declarations of C functions, by symbol."""
    return dict(line.split("|", 1) for line in cluster.psql(SYMBOLS, database=database).splitlines())


def redeclared(older, newer):
    """Symbols that two versions declare differently."""
    return [f"{symbol}: {declared}, later {newer[symbol]}" for symbol, declared in sorted(older.items())
            if newer.get(symbol, declared) != declared]
