import json
import random
import time
from decimal import Decimal
from functools import partial

import psycopg
from psycopg import errors
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb, set_json_loads


def connect(address):
    # autocommit: a single SELECT is a transaction of its own, and the server connection is free
    # again after it. prepare_threshold: see the table above.
    db = psycopg.connect(address, autocommit=True, prepare_threshold=None, row_factory=namedtuple_row)
    set_json_loads(partial(json.loads, parse_float=Decimal), db)  # 49.90 stays 49.90
    return db


def decide(db, flag, subject, attrs):
    """The answer, recorded: .value is a str, bool, int, Decimal, dict, list or None."""
    return db.execute("SELECT value, reason, decision_id FROM lotty_decide(%s, %s, %s)",
                      (flag, subject, Jsonb(attrs))).fetchone()


def place_order(db, order_id, customer, attrs):
    """Decision and order commit together, or neither is there."""
    with db.transaction():
        db.execute("SET LOCAL lock_timeout = '1s'")
        button = decide(db, "checkout_button", customer, attrs)
        db.execute("INSERT INTO orders (order_id, customer_id, button, decision_id) VALUES (%s, %s, %s, %s)",
                   (order_id, customer, Jsonb(button.value), button.decision_id))
    return button.value


# The transaction is gone, with its decision, and can be made again from its beginning.
AGAIN = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)


def retry(work, tries=5):
    for attempt in range(1, tries + 1):
        try:
            return work()
        except AGAIN:
            if attempt == tries:
                raise
            time.sleep(random.uniform(0, 0.02 * 2 ** attempt))


def decide_for_all(db, flag, subjects):
    """Decides for {subject: attributes} in one statement: {subject: value}."""
    rows = [{"id": subject, "attrs": attrs} for subject, attrs in subjects.items()]
    return dict(db.execute("""
        SELECT s.id, d.value
        FROM (SELECT * FROM jsonb_to_recordset(%s) AS r (id text, attrs jsonb) ORDER BY id) AS s
        CROSS JOIN LATERAL lotty_decide(%s, s.id, s.attrs) AS d""", (Jsonb(rows), flag)).fetchall())


def preview(replica, flag, subject, attrs):
    """The same answer from a connection that cannot write. Nothing is recorded."""
    return replica.execute("SELECT value FROM lotty_evaluate(%s, %s, %s)",
                           (flag, subject, Jsonb(attrs))).fetchone().value
