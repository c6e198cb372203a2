"""Does with shop.py what the tests say: a JSON document a line in, one out."""

import json
import sys
import time
from decimal import Decimal

import psycopg
import shop

NAMED = "SELECT value FROM lotty_decide(%s, %s, %s)"
TYPES = {type(None): "null", str: "string", bool: "boolean", int: "number", Decimal: "number",
         float: "float", dict: "object", list: "array"}
connections = {}


def ask():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit()


def answer(**fields):
    print(json.dumps(fields, default=str), flush=True)


def shown(value):
    """A number as it is written, so that the tests see what became of its digits."""
    return {"value": str(value) if isinstance(value, Decimal) else value, "type": TYPES[type(value)]}


def connect(conn, address):
    connections[conn] = shop.connect(address)
    return {}


def pid(conn):
    return {"pid": connections[conn].execute("SELECT pg_backend_pid()").fetchone()[0]}


def run(conn, sql):
    connections[conn].execute(sql)
    return {}


def decide(conn, flag, subject, attrs):
    answered = shop.decide(connections[conn], flag, subject, attrs)
    return {**shown(answered.value), "reason": answered.reason, "decision_id": answered.decision_id}


def place_order(conn, order, customer, attrs):
    attempts = []

    def work():
        attempts.append(time.monotonic())
        return shop.place_order(connections[conn], order, customer, attrs)

    value = shop.retry(work)
    return {**shown(value), "attempts": len(attempts)}


def hold(conn, order, customer, attrs):
    """An order whose transaction stays open until the next line says how it ends."""
    db = connections[conn]
    with db.transaction() as transaction:
        value = shop.place_order(db, order, customer, attrs)
        answer(**shown(value))
        if ask()["end"] == "rollback":
            raise psycopg.Rollback(transaction)
    return {}


def decide_for_all(conn, flag, subjects):
    return {"values": shop.decide_for_all(connections[conn], flag, subjects)}


def preview(conn, flag, subject, attrs):
    return shown(shop.preview(connections[conn], flag, subject, attrs))


def named(conn, flag, subject, attrs):
    """What happens without the setting: a statement prepared by name, again and again."""
    db = connections[conn]
    db.prepare_threshold = 0
    try:
        return shown(db.execute(NAMED, (flag, subject, shop.Jsonb(attrs))).fetchone().value)
    finally:
        db.prepare_threshold = None


COMMANDS = {command.__name__: command for command in (
    connect, pid, run, decide, place_order, hold, decide_for_all, preview, named)}

while True:
    asked = ask()
    try:
        answer(**COMMANDS[asked.pop("call")](**asked))
    except psycopg.Error as error:
        answer(sqlstate=error.sqlstate, error=str(error), hint=error.diag.message_hint)
