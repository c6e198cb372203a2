"""What several clients do at once, through the same server connections."""

from itertools import permutations

from drivers import Refused
from examples import DE, Orders
from pool import Through
from servers import Session, wait_until
from shop import DATABASE, ask, rows_of

STORM = 40
DECIDE = "SELECT value #>> '{}' || ' ' || reason FROM lotty_decide('banner', '%s')"
PID = "SELECT pg_backend_pid()"
CACHE = "SELECT hits, builds FROM lotty.session_cache()"


def one_connection(checks, drivers, primary, prefix):
    """Transactions of two clients, one after the other on the only server connection."""
    pids = {driver.call("pid", "one")["pid"] for driver in drivers}
    checks.equal(f"{prefix}: all clients are on one server connection", len(pids), 1)
    for first, second in permutations(drivers, 2):
        for end, expected in (("rollback", "0|0|0"), ("commit", "1|1|1")):
            ours, theirs = (f"{prefix}-{end}-{first.name}-{second.name}-{n}" for n in (1, 2))
            first.call("hold", "one", order=Orders.next(), customer=ours, attrs=DE)
            second.send("place_order", conn="one", order=Orders.next(), customer=theirs, attrs=DE)
            waits = not second.answered(0.1)
            first.send(end=end)
            first.receive()
            second.receive()
            checks.equal(f"{prefix}: {first.name} ends with {end}, {second.name}, who waits, commits",
                         (waits, rows_of(primary, ours), rows_of(primary, theirs)), (True, expected, "1|1|1"))


def storm(checks, drivers, primary, prefix):
    """All at once on the only server connection; every third order is refused."""
    taken = Orders.next()
    drivers[0].call("place_order", "one", order=taken, customer=f"{prefix}-first", attrs=DE)
    for driver in drivers:
        for number in range(STORM):
            order = Orders.next() if number % 3 else taken
            driver.send("place_order", conn="one", order=order, attrs=DE,
                        customer=f"{prefix}-storm-{driver.name}-{number % 3}-{number}")
    outcomes = []
    for driver in drivers:
        for number in range(STORM):
            try:
                driver.receive()
                outcomes.append("placed" if number % 3 else "not refused")
            except Refused as error:
                outcomes.append("refused" if number % 3 == 0 and error.sqlstate == "23505" else str(error))
    placed = len(drivers) * sum(1 for number in range(STORM) if number % 3)
    checks.equal(f"{prefix}: all clients at once: those orders are refused that must be",
                 sorted(set(outcomes)), ["placed", "refused"])
    checks.equal(f"{prefix}: all clients at once: each order that was placed has its own decision",
                 ask(primary, f"""
        SELECT count(*), count(d.decision_id), count(DISTINCT d.decision_id),
               (SELECT count(*) FROM lotty.decision WHERE subject_id LIKE '{prefix}-storm-%'),
               (SELECT count(*) FROM lotty.decision WHERE subject_id LIKE '{prefix}-storm-%-0-%')
        FROM orders AS o LEFT JOIN lotty.decision AS d
             ON d.decision_id = o.decision_id AND d.subject_id = o.customer_id AND d.value = o.button
        WHERE customer_id LIKE '{prefix}-storm-%'"""), f"{placed}|{placed}|{placed}|{placed}|0")


# --- errors that are tried again ---------------------------------------------------------------


def blocked(checks, drivers, primary, prefix, conn, until, end, sqlstate):
    """All clients decide for subjects that another transaction is deciding for."""
    subjects = [f"{prefix}-{sqlstate}-{driver.name}" for driver in drivers]
    log = primary.log_size()
    with Session(primary, DATABASE) as other:
        other.value("BEGIN")
        for subject in subjects:
            other.value(f"SELECT reason FROM lotty_decide('checkout_button', '{subject}', '{{\"country\": \"DE\"}}')")
        for driver, subject in zip(drivers, subjects):
            driver.send("place_order", conn=conn, order=Orders.next(), customer=subject, attrs=DE)
        wait_until(f"{len(drivers)} clients are blocked", lambda: until(primary, log) >= len(drivers), 20)
        other.value(end)
    answers = [driver.receive() for driver in drivers]
    errors = primary.log_since(log).count(f"{sqlstate} ")
    theirs = 1 if end == "COMMIT" else 0
    for driver, subject, answer in zip(drivers, subjects, answers):
        checks.equal(f"{prefix}: {driver.name} tries again after {sqlstate}, and nothing is there twice",
                     (answer["attempts"] > 1, errors >= len(drivers), rows_of(primary, subject)),
                     (True, True, f"1|{1 + theirs}|1"))


def retries(checks, drivers, primary, prefix):
    blocked(checks, drivers, primary, prefix, "repeatable", waiting, "COMMIT", "40001")
    blocked(checks, drivers, primary, prefix, "many", timeouts, "ROLLBACK", "55P03")


def waiting(primary, _log):
    return int(ask(primary, """SELECT count(*) FROM pg_stat_activity
                               WHERE usename = 'shop_app' AND wait_event_type = 'Lock'"""))


def timeouts(primary, log):
    return primary.log_since(log).count("55P03 ")


# --- a server connection that goes from one client to another --------------------------------------


def handed_on(checks, pool, primary, prefix):
    through = Through(pool, primary, "shop_manager")
    database = "shop_one"
    with Session(through, database) as one, Session(through, database) as two:
        subject = f"{prefix}-handed"
        old = one.value(DECIDE % subject)
        checks.equal(f"{prefix}: two clients share a backend", one.value(PID), two.value(PID))
        before = two.value(CACHE)
        answer, after = two.value(DECIDE % subject), two.value(CACHE)
        hits = [int(line.split("|")[0]) for line in (before, after)]
        checks.equal(f"{prefix}: one decides from what the other's call has compiled",
                     (answer, hits[1] > hits[0], before.split("|")[1]), (old, True, after.split("|")[1]))
        for end, expected in (("ROLLBACK", old), ("COMMIT", "mine experiment_assigned")):
            one.value("BEGIN")
            one.value("UPDATE lotty.variant SET value = '\"mine\"' WHERE name = 'only'")
            within = one.value(DECIDE % subject)
            one.value(end)
            checks.equal(f"{prefix}: a change of one, {end}, then the other",
                         (within, two.value(DECIDE % subject)), ("mine experiment_assigned", expected))
        settings(checks, one, two, prefix)
        checks.equal(f"{prefix}: it was one backend all the time", one.value(PID), two.value(PID))


def settings(checks, one, two, prefix):
    limit = "lotty.max_concurrent_experiments"
    refused, assigned = "old participation_limit", "mine experiment_assigned"
    one.value(f"BEGIN; SET LOCAL {limit} = 0")
    within = one.value(DECIDE % f"{prefix}-local")
    one.value("COMMIT")
    checks.equal(f"{prefix}: SET LOCAL ends with the transaction",
                 (within, two.value(DECIDE % f"{prefix}-local")), (refused, assigned))
    one.value(f"SET {limit} = 0")
    checks.equal(f"{prefix}: SET reaches the next client, as the documentation warns",
                 two.value(DECIDE % f"{prefix}-set"), refused)
    one.value("DISCARD ALL")
    checks.equal(f"{prefix}: DISCARD ALL of one, then the other decides",
                 two.value(DECIDE % f"{prefix}-discard"), assigned)


# --- statements prepared by name -----------------------------------------------------------------


def prepared(checks, drivers, pool, primary, prefix):
    """Each client uses one server connection, then, while that is taken, the other one."""
    through = Through(pool, primary, "shop_app")
    for driver in drivers:
        asked = {"flag": "banner", "subject": f"{prefix}-named-{driver.name}", "attrs": {}}
        outcome = {}
        for call in ("decide", "named"):
            # More often than psycopg waits before it prepares a statement.
            values = {driver.call(call, "two", **asked)["value"] for _ in range(8)}
            pid = str(driver.call("pid", "two")["pid"])
            with Session(through, DATABASE) as other:
                taken = other.value(f"BEGIN; {PID}")
                if call == "named" and not pool.tracks:
                    outcome[call] = driver.refused(call, "two", **asked).sqlstate
                else:
                    outcome[call] = {driver.call(call, "two", **asked)["value"]} == values
                moved = str(driver.call("pid", "two")["pid"]) != taken == pid
                other.value("ROLLBACK")
            checks.check(f"{prefix}: {driver.name}: {call}: the client was moved to another backend", moved)
        checks.equal(f"{prefix}: {driver.name}: as documented, it decides on any server connection",
                     outcome["decide"], True)
        checks.equal(f"{prefix}: {driver.name}: a statement prepared by name needs {'a newer pgbouncer' if not pool.tracks else 'max_prepared_statements'}",
                     outcome["named"], True if pool.tracks else "26000")
