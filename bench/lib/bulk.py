"""Many subjects in one statement, in turn with the floor, in one session."""

import statistics
import time

import single
from mixture import Ratio
from servers import Session

SUBJECTS = 1_000_000
ROUNDS = 5
ATTRS = single.ATTRS

SETUP = f"""
CREATE TABLE bench.subject AS SELECT (10000000000 + s)::text AS subject_id, {ATTRS}::jsonb AS attrs
  FROM generate_series(1, {SUBJECTS}) AS s;
CREATE TABLE bench.decision AS
SELECT d.flag AS flag_key, s.subject_id, d.experiment_id, d.variant_id, d.value, d.reason
  FROM bench.subject s CROSS JOIN LATERAL lotty_evaluate('first', s.subject_id, s.attrs) AS d;
VACUUM ANALYZE bench.subject, bench.decision;
"""
WRITE = f"""INSERT INTO lotty.decision_default ({single.COLUMNS})
    SELECT uuidv7(), flag_key, {{subject}}, experiment_id, variant_id, value, reason, now() FROM bench.decision"""
ENTER = """INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id, slot)
    SELECT {subject}, experiment_id, variant_id, 1 FROM bench.decision"""
DECIDE = """SELECT count(d.decision_id) FROM bench.subject s
    CROSS JOIN LATERAL lotty_decide('first', {subject}, s.attrs) AS d"""
CALL = "SELECT count({}) FROM bench.subject s"


def seconds(session, *statements):
    begin = time.monotonic()
    for statement in statements:
        answer = session.run(statement)
        if answer.messages:
            raise single.Problem(answer.messages)
    return time.monotonic() - begin


def measure(cluster, results):
    single.grow(cluster, 3 * SUBJECTS)
    cluster.psql(*SETUP.strip().rstrip(";").split(";\n"), database=single.DATABASE)
    with Session(cluster, single.DATABASE, "-c synchronous_commit=off") as session:
        known(session, results)
        calls(session, results)
        new(session, results)


def known(session, results):
    write, decide = WRITE.format(subject="subject_id"), DECIDE.format(subject="s.subject_id")
    seconds(session, write)
    seconds(session, decide)
    floor, own = [], []
    for _ in range(ROUNDS):
        session.run("CHECKPOINT")
        floor.append(seconds(session, write))
        own.append(seconds(session, decide))
    results.bulk("known subjects", "INSERT … SELECT of the same decisions", floor, own, SUBJECTS, Ratio(floor, own))


def new(session, results):
    """Each round has subjects of its own, for either side."""
    floor, own = [], []
    for number in range(ROUNDS + 1):
        session.run("CHECKPOINT")
        name = f"'{number}' || {{}} || '{{}}'"
        of_floor, of_own = name.format("subject_id", "f"), name.format("s.subject_id", "o")
        pair = (seconds(session, WRITE.format(subject=of_floor), ENTER.format(subject=of_floor)),
                seconds(session, DECIDE.format(subject=of_own)))
        if number > 0:
            floor.append(pair[0])
            own.append(pair[1])
    results.bulk("new subjects", "INSERT … SELECT of the same decisions and ledger rows", floor, own, SUBJECTS,
                 Ratio(floor, own))


def calls(session, results):
    """Microseconds a call, the loop included, which the no-op function shows."""
    french = """'{"country": "FR", "age": 31}'"""
    statements = {
        "a no-op function": CALL.format("pg_backend_pid() + length(s.subject_id)"),
        "lotty_evaluate, no experiment": CALL.format("lotty_evaluate('idle', s.subject_id, s.attrs)"),
        "lotty_evaluate, without the ledger": CALL.format(f"lotty_evaluate('first', s.subject_id, {french})"),
        "lotty_evaluate, three memberships read": CALL.format("lotty_evaluate('first', s.subject_id, s.attrs)"),
    }
    for statement in statements.values():
        seconds(session, statement)
    times = {name: [] for name in statements}
    for _ in range(ROUNDS):
        for name, statement in statements.items():
            times[name].append(seconds(session, statement) / SUBJECTS * 1e6)
    results.calls({name: (statistics.median(values), min(values), max(values)) for name, values in times.items()})
