"""psql: the one way to the server, which is that of PGHOST, PGPORT and PGUSER."""

import json
import os
import subprocess

SHOWN = 5


class Problem(Exception):
    """Something that keeps the comparison from being made."""


def psql(database, *arguments, data=None):
    """Runs psql, which stops at the first error, and returns what it prints.

    Of the errors that a script goes on after, the first few are shown.
    """
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, *arguments]
    done = subprocess.run(command, input=data, capture_output=True, text=True, encoding="utf-8",
                          env={**os.environ, "PGCLIENTENCODING": "UTF8"}, check=False)
    complaints = done.stderr.splitlines()
    if done.returncode != 0:
        raise Problem("\n".join(complaints[-20:]) or f"psql ended with {done.returncode}")
    for line in complaints[:4 * SHOWN]:
        print(line)
    return done.stdout


def create_database(name):
    """Where it can, with a collation that is not by code point: no answer may depend on it."""
    create = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
    psql("postgres", "-c", "SET client_min_messages = error",
         "-c", f"DROP DATABASE IF EXISTS {name}")
    try:
        psql("postgres", "-c", f"{create} LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        return "en-US of ICU"
    except Problem:  # a server built without ICU
        psql("postgres", "-c", create)
        return "that of the server"


def copy_text(text):
    """A field of COPY in its text format."""
    return (text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
            .replace("\t", "\\t"))


def copy_lines(database, table, lines):
    """Loads a text into each row of a table, into its column `data`."""
    data = "".join(copy_text(line) + "\n" for line in lines)
    psql(database, "-c", f"COPY {table} (data) FROM STDIN", data=data)


def split_lines(text):
    """At line feeds only: JSON may hold other characters that str.splitlines() splits at."""
    return [line for line in text.split("\n") if line]


def query(database, sql):
    """The rows of a query that gives one JSON value a row."""
    return [json.loads(line) for line in split_lines(psql(database, "-c", sql))]
