"""Exactly once: an order and its decision are both there or both not, whatever is killed."""

import os
import random
import signal
import time
from pathlib import Path

from pgbench import Load
from stress import check_ledger
from servers import Problem, wait_until

DATABASE = "crash"
ROUNDS = 10
CLIENTS = 16

SETUP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    order_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     text NOT NULL,
    decision_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO lotty.flag (key, value_type, default_value)
SELECT 'flag ' || i, 'boolean', 'false' FROM generate_series(1, 5) AS i;
INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, key, 'plan = "pro"' FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT experiment_id, v, to_jsonb(v = 'on') FROM lotty.experiment, unnest(ARRAY['off', 'on']) AS v;
UPDATE lotty.experiment SET status = 'running' WHERE key <> 'flag 5';
"""
ORDER = """INSERT INTO shop.orders (user_id, decision_id)
SELECT 'user-' || :user::text, decision_id
  FROM lotty_decide('flag ' || :{flag}::text, 'user-' || :user::text,
                    CASE WHEN :plan::integer = 1 THEN '{{}}'::jsonb ELSE '{{"plan": "pro"}}' END);
"""
CHOICE = r"""
\set user random(1, 100000)
\set flag random(1, 5)
\set other random(1, 5)
\set plan random(1, 4)
"""
# Each transaction that pgbench counts leaves exactly one order.
LOAD = {
    "order": (3, CHOICE + ORDER.format(flag="flag")),
    "in_block": (2, CHOICE + "BEGIN;\n" + ORDER.format(flag="flag") + "COMMIT;\n"),
    "taken_back": (1, CHOICE + "BEGIN;\nSAVEPOINT s;\n" + ORDER.format(flag="other") + "ROLLBACK TO s;\n"
                   + ORDER.format(flag="flag") + "COMMIT;\n"),
    "cancelled_before": (1, CHOICE + "BEGIN;\n" + ORDER.format(flag="other") + "ROLLBACK;\n"
                         + "BEGIN;\n" + ORDER.format(flag="flag") + "COMMIT;\n"),
}
UNMATCHED = """SELECT o.order_id, o.decision_id, d.decision_id
                 FROM shop.orders o
                 FULL JOIN lotty.decision d ON d.decision_id = o.decision_id AND d.subject_id = o.user_id
                                           AND d.created_at = o.occurred_at
                WHERE o.order_id IS NULL OR d.decision_id IS NULL"""
TWICE = "SELECT decision_id FROM shop.orders GROUP BY 1 HAVING count(*) > 1"
ORDERS = "SELECT count(*) FROM shop.orders"


def children_of(parent):
    """Process ids, from /proc: the fourth field of stat is the parent."""
    children = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has ended
        if int(stat.rpartition(")")[2].split()[1]) == parent:
            children.append(int(folder.name))
    return children


def kill(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def postmaster(cluster):
    return int((cluster.home / "data/postmaster.pid").read_text(encoding="utf-8").split()[0])


def kill_server(cluster):
    """Everything at once, as far as one can: the server must be started again."""
    parent = postmaster(cluster)
    processes = [parent, *children_of(parent)]
    for process in processes:
        kill(process)
    # Also until their parent has taken note: the id of a process that it has not is still in
    # use, which looks to PostgreSQL as if the server ran.
    wait_until("the end of the killed processes",
               lambda: not any(Path(f"/proc/{process}").exists() for process in processes), 30)
    cluster.start()


def kill_backend(cluster):
    """One session: the server ends all others and recovers by itself."""
    busy = cluster.psql("""SELECT pid FROM pg_stat_activity
                            WHERE datname = 'crash' AND application_name = 'pgbench'
                            ORDER BY state = 'active' DESC LIMIT 1""")
    begin = cluster.log_size()
    if int(busy) not in children_of(postmaster(cluster)):
        raise Problem(f"{busy} is no process of this server")
    kill(int(busy))
    wait_until("the recovery", lambda: "database system is ready" in cluster.log_since(begin), 60)


def crash_once(cluster, number):
    """Load, a kill in the midst of it, recovery; answers orders acknowledged and found."""
    before = int(cluster.psql(ORDERS, database=DATABASE))
    load = Load(cluster, DATABASE, LOAD, "-c", str(CLIENTS), "-j", "2", "-T", "60")
    wait_until("orders", lambda: int(cluster.psql(ORDERS, database=DATABASE)) > before + 100, 30)
    time.sleep(random.uniform(0.3, 1.0))
    if not load.running():
        raise Problem(f"the load has ended before the kill\n{load.finish(5).complaints}")
    (kill_backend if number % 3 == 2 else kill_server)(cluster)
    result = load.finish(60)
    found = int(cluster.psql(ORDERS, database=DATABASE)) - before
    return result.processed, found


def crash(checks, cluster):
    cluster.fresh_database(DATABASE)
    cluster.psql(SETUP, database=DATABASE)
    for number in range(1, ROUNDS + 1):
        what = f"crash {number}"
        acknowledged, found = crash_once(cluster, number)
        # A transaction may have committed without its client hearing of it.
        checks.check(f"{what}: the orders that clients know of are there ({found})",
                     100 < acknowledged <= found <= acknowledged + CLIENTS,
                     f"{acknowledged} were acknowledged, {found} are there")
        unmatched = cluster.psql(UNMATCHED, database=DATABASE) + cluster.psql(TWICE, database=DATABASE)
        checks.equal(f"{what}: each order has its decision, each decision its order", unmatched, "")
    check_ledger(checks, "crash", cluster, DATABASE)
    reasons = cluster.psql("SELECT count(DISTINCT reason) FROM lotty.decision", database=DATABASE)
    checks.check("crash: decisions of several reasons", int(reasons) >= 3, reasons)
