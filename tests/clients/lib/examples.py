"""What each example does by itself."""

import json

from servers import wait_for_replay
from shop import LAYOUT, ask, rows_of

DE = {"country": "DE"}
SEARCHING = {"device": {"name": "Größe"}, "age": 18.5, "tags": ["alpha", "beta"], "note": "it's \\ \"so\""}
EVALUATED = "SELECT value #>> '{}' FROM lotty_evaluate('checkout_button', '%s', '{\"country\": \"DE\"}')"

# 39.90 in each language: Python keeps its digits, the others read a number with a binary point.
NUMBERS = {"psycopg": "39.90", "node-postgres": "39.9", "tokio-postgres": "39.9"}


class Orders:
    """Numbers for orders, each given out once."""

    last = 0

    @classmethod
    def next(cls):
        cls.last += 1
        return cls.last


def values(checks, driver, primary, prefix):
    button = ask(primary, EVALUATED % f"{prefix}-1")
    cases = [
        ("string", "checkout_button", DE, button, "string", "experiment_assigned"),
        ("number", "free_shipping_from", {}, NUMBERS[driver.name], "number", "experiment_assigned"),
        ("JSON", "page_layout", {}, LAYOUT, "object", "experiment_assigned"),
        ("boolean", "new_search", SEARCHING, True, "boolean", "experiment_assigned"),
        ("default", "checkout_button", {"country": "FR"}, "grey", "string", "targeting_mismatch"),
        ("missing", "no_such_flag", {}, None, "null", "flag_not_found"),
    ]
    ids = []
    for number, (what, flag, attrs, value, kind, reason) in enumerate(cases, 1):
        answer = driver.call("decide", flag=flag, subject=f"{prefix}-{number}", attrs=attrs)
        ids.append(answer["decision_id"])
        checks.equal(f"{prefix}: a value: {what}",
                     (answer["value"], answer["type"], answer["reason"]), (value, kind, reason))
    listed = ", ".join(f"'{one}'" for one in ids)
    checks.equal(f"{prefix}: each of these decisions is recorded once", ask(
        primary, f"SELECT count(*) FROM lotty.decision WHERE decision_id IN ({listed})"), "6")


def transactions(checks, driver, primary, prefix):
    order, other = Orders.next(), Orders.next()
    answer = driver.call("place_order", order=order, customer=f"{prefix}-a", attrs=DE)
    checks.equal(f"{prefix}: an order has its decision",
                 (answer["attempts"], answer["value"], rows_of(primary, f"{prefix}-a")),
                 (1, ask(primary, EVALUATED % f"{prefix}-a"), "1|1|1"))
    refused = driver.refused("place_order", order=order, customer=f"{prefix}-b", attrs=DE)
    checks.equal(f"{prefix}: an order that is refused leaves no decision",
                 (refused.sqlstate, rows_of(primary, f"{prefix}-b")), ("23505", "0|0|0"))
    for end, expected in (("rollback", "0|0|0"), ("commit", "1|1|1")):
        driver.call("hold", order=other, customer=f"{prefix}-c", attrs=DE)
        during = rows_of(primary, f"{prefix}-c")
        driver.send(end=end)
        driver.receive()
        checks.equal(f"{prefix}: {end}: nothing is seen before, all or nothing after",
                     (during, rows_of(primary, f"{prefix}-c")), ("0|0|0", expected))


def many(checks, driver, primary, prefix):
    subjects = {f"{prefix}-many-{n}": {"country": "DE" if n % 3 else "FR"} for n in range(200)}
    answered = driver.call("decide_for_all", flag="checkout_button", subjects=subjects)["values"]
    listed = json.dumps([{"id": key, "attrs": attrs} for key, attrs in subjects.items()])
    expected = json.loads(ask(primary, f"""
        SELECT jsonb_object_agg(s.id, e.value)
        FROM jsonb_to_recordset('{listed}') AS s (id text, attrs jsonb),
             lotty_evaluate('checkout_button', s.id, s.attrs) AS e"""))
    checks.check(f"{prefix}: many subjects in one statement: the values of each", answered == expected,
                 [f"{key}: {answered.get(key)} instead of {value}" for key, value in expected.items()
                  if answered.get(key) != value])
    checks.equal(f"{prefix}: many subjects: one decision each, in one transaction", ask(primary, f"""
        SELECT count(*), count(DISTINCT subject_id), count(DISTINCT created_at)
        FROM lotty.decision WHERE subject_id LIKE '{prefix}-many-%'"""), "200|200|1")


def read_only(checks, driver, primary, replica, prefix):
    wait_for_replay(primary, replica)
    ours = {"subject": f"{prefix}-a", "flag": "checkout_button", "attrs": DE}
    answer = driver.call("preview", "replica", **ours)
    checks.equal(f"{prefix}: the replica answers as the primary",
                 (answer["value"], answer["type"]), (ask(primary, EVALUATED % f"{prefix}-a"), "string"))
    refused = driver.refused("decide", "replica", **ours)
    checks.equal(f"{prefix}: it cannot record", (refused.sqlstate, "lotty_evaluate" in (refused.hint or "")),
                 ("25006", True))
    checks.equal(f"{prefix}: a preview is not recorded", rows_of(primary, f"{prefix}-a"), "1|1|1")


def configuration(checks, driver, primary, prefix):
    """A change that somebody else commits, and the next statement through the pool."""
    seen, pids = [], set()
    for number in range(6):
        value = f"banner {number}"
        ask(primary, f"UPDATE lotty.variant SET value = to_jsonb('{value}'::text) WHERE name = 'only'")
        seen.append(driver.call("decide", flag="banner", subject=f"{prefix}-banner", attrs={})["value"] == value)
        pids.add(driver.call("pid")["pid"])
    checks.equal(f"{prefix}: the next statement sees a change of the configuration",
                 (seen, len(pids)), ([True] * 6, 1))
