"""Costs that must not grow: with flags, experiments of others, old decisions, sessions."""

import statistics
import time
from pathlib import Path

import single
from servers import Session

FLAGS = 10_000
CALLS = 200_000
ROUNDS = 5
ATTRS = single.ATTRS
MANY = f"""DO $$ BEGIN PERFORM bench.make('flag ' || i) FROM generate_series(1, {FLAGS}) AS i; END $$;
           UPDATE lotty.experiment SET status = 'running' WHERE key LIKE 'flag %'"""
CACHE_ALL = f"SELECT count(lotty_evaluate('flag ' || i, 'somebody', {ATTRS})) FROM generate_series(1, {FLAGS}) AS i"
CALL = f"SELECT count(lotty_evaluate('first', :subject, {ATTRS})) FROM generate_series(1, {CALLS})"
# Somebody with a long past: decisions in the log, and memberships of experiments that ended long ago.
PAST = """INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
    SELECT uuidv7(), 'first', 'old hand', e.experiment_id, v.variant_id, v.value, 'experiment_assigned', now() - interval '1 year'
      FROM lotty.experiment e JOIN lotty.variant v ON v.experiment_id = e.experiment_id AND v.name = 'blue',
           generate_series(1, 100000) WHERE e.key = 'first'"""


def micros(session, subject):
    """Of a call, the median of some rounds."""
    times = []
    call = CALL.replace(":subject", f"'{subject}'")
    session.value(call)
    for _ in range(ROUNDS):
        begin = time.monotonic()
        session.value(call)
        times.append((time.monotonic() - begin) / CALLS * 1e6)
    return statistics.median(times)


def private_bytes(pid):
    """Memory of this process alone, without what it touches of the shared buffers."""
    kilobytes = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith(("Anonymous:", "Swap:")):
            kilobytes += int(line.split()[1])
    return kilobytes * 1024


def measure(cluster, results):
    single.grow(cluster, 3000)
    with Session(cluster, single.DATABASE) as session:
        few = micros(session, "somebody"), micros(session, "10000000001")
        cluster.psql(*MANY.split(";\n"), database=single.DATABASE)
        before = private_bytes(session.pid)
        begin = time.monotonic()
        session.value(CACHE_ALL)
        first = (time.monotonic() - begin) / FLAGS
        begin = time.monotonic()
        session.value(CACHE_ALL)
        again = (time.monotonic() - begin) / FLAGS
        memory = private_bytes(session.pid) - before
        entries = int(session.value("SELECT entries FROM lotty.session_cache()"))
        many = micros(session, "somebody"), micros(session, "10000000001")
        cluster.psql(PAST, database=single.DATABASE)
        session.value("SELECT lotty_decide('first', 'old hand', " + ATTRS + ")")
        session.value("SELECT lotty_decide('first', 'young hand', " + ATTRS + ")")
        young, old = micros(session, "young hand"), micros(session, "old hand")
    results.growth([
        ("lotty_evaluate, a subject in no experiment: 20 flags, and 10,000 cached", few[0], many[0]),
        ("lotty_evaluate, a subject in three experiments: 20 flags, and 10,000 cached", few[1], many[1]),
        ("lotty_evaluate, a subject with one decision, and with 100,000 old ones", young, old),
    ], entries, memory, first * 1e6, again * 1e6)
