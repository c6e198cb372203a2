"""Speaking with the server that PGHOST, PGPORT and PGUSER name."""
import json
import os
import subprocess

OPTIONS = "-c client_min_messages=warning -c timezone=America/New_York -c jit=off -c synchronous_commit=off"


class Problem(Exception):
    """Something that keeps a comparison from being made."""


def psql(script, database):
    """Runs a script, stops at its first error, and returns what it prints."""
    done = subprocess.run(
        ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"],
        input=script, capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "PGOPTIONS": OPTIONS, "PGCLIENTENCODING": "UTF8"})
    if done.returncode != 0:
        raise Problem(f"{database}:\n" + "\n".join(done.stderr.splitlines()[-20:]))
    return done.stdout


def create_database(name):
    """Drops what is left of an earlier run."""
    for statement in (f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE template0"):
        psql(statement, "postgres")
    psql("CREATE EXTENSION lotty", name)


def drop_database(name):
    psql(f"DROP DATABASE {name}", "postgres")


def literal(value):
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def array(values):
    return "ARRAY[" + ", ".join(literal(value) for value in values) + "]::text[]"


def copy(table, columns, rows):
    """A COPY with its rows, as a part of a script; None is NULL."""
    def field(value):
        return "\\N" if value is None else str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    lines = "".join("\t".join(map(field, row)) + "\n" for row in rows)
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN;\n{lines}\\.\n"


def rows(query, database, before=""):
    """The rows of a query, as dictionaries. Numbers have all their digits; NaN and infinities are texts."""
    printed = psql(f"{before}\nSELECT to_jsonb(r) FROM (\n{query}\n) AS r;", database)
    return [json.loads(line) for line in printed.split("\n") if line]
