"""The report of an experiment beside textbook SQL: from nothing, from what is kept, and after new events.

Every way must answer the same numbers; the benchmark stops if one does not.
"""

import os
import statistics
import threading
import time
from pathlib import Path

from mixture import Ratio
from servers import Problem, Session

DATABASE = "reports"
SQL = Path(__file__).resolve().parents[1] / "sql"
DECISIONS = int(os.environ.get("LOTTY_BENCH_DECISIONS", "5000000"))
# New events of the larger and of the smaller refresh.
MANY = DECISIONS // 50
FEW = DECISIONS // 5000
ROUNDS = int(os.environ.get("LOTTY_BENCH_ROUNDS", "3"))
TIMEOUT = 3600
# How far means and variances may lie apart.
TOLERANCE = 1e-12
# What was stored in the last seconds is looked at again by the next refresh (lotty.settled_until).
SETTLING = 6

KEPT = "SELECT metric, variant, n, mean, std_err * std_err * n FROM lotty.report('checkout'{}) ORDER BY 1, 2"
COLD = "SELECT action FROM lotty_refresh_reports('checkout', rebuild => true)"

# As one would write it: the first exposure by row_number(), crossovers left out, events joined and added up.
TEXTBOOK = """
WITH exposure AS (
    SELECT d.subject_id, d.variant_id, d.created_at AS exposed_at,
           row_number() OVER (PARTITION BY d.subject_id ORDER BY d.created_at, d.decision_id) AS number
      FROM lotty.decision d
     WHERE d.experiment_id = (SELECT experiment_id FROM lotty.experiment WHERE key = 'checkout')
       AND d.reason IN ('experiment_assigned', 'sticky') {decided}
), crossover AS (
    SELECT subject_id FROM exposure GROUP BY subject_id HAVING count(DISTINCT variant_id) > 1
), subject AS (
    SELECT x.* FROM exposure x
     WHERE x.number = 1 AND NOT EXISTS (SELECT FROM crossover c WHERE c.subject_id = x.subject_id)
), total AS (
    SELECT s.variant_id, {totals}
      FROM subject s
      LEFT JOIN lotty.event e
        ON e.subject_id = s.subject_id AND e.occurred_at >= s.exposed_at AND e.event_type IN ({types}) {received}
     GROUP BY s.subject_id, s.variant_id
), result AS (
    SELECT variant_id, count(*) AS n, {results} FROM total GROUP BY variant_id
)
SELECT m.metric, v.name, r.n, m.mean, m.variance
  FROM result r JOIN lotty.variant v USING (variant_id)
 CROSS JOIN LATERAL (VALUES {rows}) AS m (metric, mean, variance)
 ORDER BY 1, 2"""
REVENUE = ("coalesce(sum(e.value){}, 0)::float8 AS revenue", "avg(revenue) AS revenue, var_samp(revenue) AS revenue_variance",
           "('revenue', r.revenue, r.revenue_variance)")
ONE = {"types": "'purchase'", "totals": REVENUE[0].format(""), "results": REVENUE[1], "rows": REVENUE[2]}
OF_PURCHASES, OF_VIEWS = (f" FILTER (WHERE e.event_type = '{name}')" for name in ("purchase", "view"))
ALL = {
    "types": "'purchase', 'view'",
    "totals": REVENUE[0].format(OF_PURCHASES)
              + f", (count(*){OF_PURCHASES} > 0)::integer::float8 AS buys, (count(*){OF_VIEWS})::float8 AS views",
    "results": REVENUE[1] + ", avg(buys) AS buys, avg(views) AS views, var_samp(views) AS views_variance, "
                            "covar_samp(revenue, views) AS covariance",
    "rows": REVENUE[2] + ", ('buyers', r.buys, r.buys * (1 - r.buys)), ('views', r.views, r.views_variance), "
                         "('revenue per view', r.revenue / r.views, (r.revenue_variance - 2 * r.revenue / r.views * r.covariance "
                         "+ (r.revenue / r.views) ^ 2 * r.views_variance) / r.views ^ 2)",
}

# Events of as many subjects, one in ten of which happened up to ten days ago.
TRACK = """
INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at)
SELECT uuidv7()::text, bench.subject(i::bigint * m.subjects / {events}), CASE WHEN i % 2 = 0 THEN 'purchase' ELSE 'view' END,
       CASE WHEN i % 2 = 0 THEN 9.99 END, now() - CASE WHEN i % 10 = 0 THEN i % 240 ELSE 0 END * interval '1 hour'
  FROM bench.moment m, generate_series(1, {events}) AS i"""
VALUES = """CREATE TABLE bench.value AS
SELECT coalesce(t.total, 0)::float8 AS y, coalesce(t.events, 0)::float8 AS x, t.events > 0 AS is_one
  FROM lotty.report_subject s
  LEFT JOIN lotty.report_total t ON t.subject_id = s.subject_id
       AND t.measure_id = (SELECT measure_id FROM lotty.report_measure WHERE event_type = 'purchase')"""
AGGREGATES = {
    "count(*)": None,
    "avg(y), var_samp(y)": None,
    "regr_syy(y, x)": None,
    "lotty.stats(y)": "avg(y), var_samp(y)",
    "lotty.stats(y, x)": "regr_syy(y, x)",
    "lotty.ratio_stats(y, x)": "regr_syy(y, x)",
    "lotty.stats(is_one)": "avg(y), var_samp(y)",
}
CALLS = 50_000
CALL = f"SELECT count(lotty_track('somebody ' || i, 'signup')) FROM generate_series(1, {CALLS}) AS i"
TRIGGER = "ALTER TABLE lotty.event {} TRIGGER note_old_event"


class Peak:
    """The most memory that a process has of its own while something runs, without what it shares."""

    def __init__(self, pid):
        self.path = Path(f"/proc/{pid}/status")
        self.most = 0
        self.ended = threading.Event()

    def watch(self):
        while not self.ended.wait(0.02):
            for line in self.path.read_text(encoding="ascii").splitlines():
                if line.startswith("RssAnon:"):
                    self.most = max(self.most, int(line.split()[1]) * 1024)

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def ask(session, sql):
    """Seconds, and the rows as text."""
    begin = time.monotonic()
    session.send(sql)
    answer = session.receive(TIMEOUT)
    if answer.messages:
        raise Problem(f"{sql}\n{answer.messages}")
    return time.monotonic() - begin, answer.text.splitlines()


def textbook(what, as_of=None):
    known = {name: f"AND {column} < '{as_of}'" if as_of else ""
             for name, column in (("decided", "d.created_at"), ("received", "e.received_at"))}
    return TEXTBOOK.format(**what, **known)


def compare(way, rows, expected):
    """Each row is metric, variant, n, mean and variance; `expected` may lack metrics."""
    found = {tuple(row.split("|")[:2]): row.split("|")[2:] for row in rows}
    for line in expected:
        metric, variant, n, *numbers = line.split("|")
        own_n, *own = found.get((metric, variant), [None])
        apart = [abs(float(a) - float(b)) / abs(float(b)) for a, b in zip(own, numbers)]
        if n != own_n or len(apart) != 2 or max(apart) > TOLERANCE:
            raise Problem(f"{way} answers for {metric}, {variant}: {own_n} {own}\ntextbook SQL: {n} {numbers}")


def load(cluster):
    print(f"writing {DECISIONS:,} decisions and {2 * DECISIONS:,} events", flush=True)
    cluster.psql(f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    code, _, complaints = cluster.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"decisions={DECISIONS}",
                                      "-f", str(SQL / "reports.sql"), database=DATABASE)
    if code != 0:
        raise Problem(complaints)


def measure(cluster, results):
    load(cluster)
    with Session(cluster, DATABASE) as session:
        times = {}
        sides(cluster, session, times)
        past(session, times)
        refreshes(cluster, session, times)
        aggregates(session, results)
        track(session, results)
        subjects = int(session.value("SELECT count(*) FROM lotty.report_subject"))
    results.reports(DECISIONS, subjects, MANY, FEW, times)
    cluster.psql(f"DROP DATABASE {DATABASE}")


def timed(times, name, session, *statements):
    """Runs statements as one thing that is measured, and answers the rows of the last."""
    begin = time.monotonic()
    for statement in statements:
        rows = ask(session, statement)[1]
    times.setdefault(name, []).append(time.monotonic() - begin)
    print(f"  {name}: {times[name][-1]:.3f} s", flush=True)
    return rows


def sides(cluster, session, times):
    """Textbook SQL and the report, in turn. Who reads first reads from the disk: that round does not count."""
    ask(session, textbook(ONE))
    for _ in range(ROUNDS):
        one = timed(times, "textbook, one metric", session, textbook(ONE))
        every = timed(times, "textbook", session, textbook(ALL))
        compare("textbook SQL of one metric", every, one)
        with Session(cluster, DATABASE) as own, Peak(own.pid) as peak:
            compare("a report from nothing", timed(times, "cold", own, COLD, KEPT.format("")), every)
        times.setdefault("memory cold", []).append(peak.most)
        time.sleep(SETTLING)
        for _ in range(ROUNDS):
            compare("a report of what is kept", timed(times, "warm", session, KEPT.format("")), every)
        ask(session, "SET default_transaction_read_only = on")
        compare("a report in a read-only transaction", timed(times, "raw", session, KEPT.format("")), every)
        ask(session, "RESET default_transaction_read_only")


def past(session, times):
    as_of = ask(session, "SELECT begins + interval '14 days' FROM bench.moment")[1][0]
    for _ in range(ROUNDS):
        every = timed(times, "textbook as_of", session, textbook(ALL, as_of))
        compare("a report of the past", timed(times, "as_of", session, KEPT.format(f", as_of => '{as_of}'")), every)


def refreshes(cluster, session, times):
    """After new events, in sessions of their own: what a backend needs for each is seen."""
    for name, events in (("few", FEW), ("many", MANY)):
        for _ in range(ROUNDS):
            timed(times, f"track {name}", session, TRACK.format(events=events))
            with Session(cluster, DATABASE) as own, Peak(own.pid) as peak:
                rows = timed(times, f"after {name}", own, KEPT.format(""))
            times.setdefault(f"memory after {name}", []).append(peak.most)
            timed(times, f"after {name}, again", session, KEPT.format(""))
            time.sleep(SETTLING)
            timed(times, f"after {name}, settled", session, KEPT.format(""))
            timed(times, f"after {name}, warm", session, KEPT.format(""))
        compare(f"a report after {events:,} new events", rows, ask(session, textbook(ALL))[1])


def aggregates(session, results):
    """Each over all subjects, in turn, serially and in parallel."""
    ask(session, VALUES)
    ask(session, "VACUUM ANALYZE bench.value")
    cells = {}
    for workers in (0, 2):
        ask(session, f"SET max_parallel_workers_per_gather = {workers}")
        times = {name: [] for name in AGGREGATES}
        for _ in range(ROUNDS + 1):
            for name in AGGREGATES:
                times[name].append(ask(session, f"SELECT {name} FROM bench.value")[0])
        for name, floor in AGGREGATES.items():
            # The first round does not count.
            ratio = Ratio(times[floor][1:], times[name][1:]) if floor else ""
            cells.setdefault(name, []).append((statistics.median(times[name][1:]), ratio))
    ask(session, "RESET max_parallel_workers_per_gather")
    results.aggregates(cells)


def track(session, results):
    """What the trigger for old events costs an event that is not old."""
    ask(session, "SET synchronous_commit = off")
    times = {False: [], True: []}
    for _ in range(ROUNDS + 1):
        for enabled in times:
            ask(session, TRIGGER.format("ENABLE ALWAYS" if enabled else "DISABLE"))
            times[enabled].append(ask(session, CALL)[0] / CALLS * 1e6)
    ask(session, TRIGGER.format("ENABLE ALWAYS"))
    results.tracked(times[False][1:], times[True][1:], Ratio(times[False][1:], times[True][1:]))
