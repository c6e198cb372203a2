"""What the recorded experiments do not have, on small experiments whose numbers are computed by the definition."""
import math
import random
from fractions import Fraction

from lib import definition, world
from lib.definition import Report
from lib.server import array, create_database, drop_database, literal, psql, rows
from lib.tally import Tally
from lib.world import DAY, END, EXPERIMENT, METRICS, SECOND, START, TYPES, VARIANTS, World, timestamp

LIVE = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
WEIGHTS = [1, 1, 1]
# How many comparisons each case makes.
COMPARISONS = {"attribution sources": 1776, "attribution kept": 1776, "attribution live": 1776, "history": 8960,
               "refreshed": 19376, "weights": 98, "daily": 6452}


def prepare(database, small, plan=True):
    create_database(database)
    psql("CREATE SCHEMA vectors;" + world.load_experiment(WEIGHTS, plan) + world.load_decisions(small.decisions)
         + world.load_event_table(small.events) + world.use_sources() + world.load_metrics(), database)


# --- asking ----------------------------------------------------------------------------------


def moments(database, as_of=None, until=None, before=""):
    """{(metric, variant): what definition.Report.stats gives}"""
    answer = {}
    for row in rows(
            f"""SELECT m.key, s.variant, lotty.n(s.stats) AS n, lotty.sum(s.stats) AS sum, lotty.sum(s.stats, 2) AS below,
                       lotty.sum_products(s.stats) AS squares, lotty.sum_products(s.stats, 1, 2) AS products
                  FROM lotty.metric m
                 CROSS JOIN LATERAL lotty.metric_stats('{EXPERIMENT}', m.key, {timestamp(as_of)}::timestamptz,
                                                       {timestamp(until)}::timestamptz) s""", database, before):
        is_ratio = row["below"] is not None
        answer[row["key"], row["variant"]] = (
            (row["n"], row["sum"], row["below"], row["products"]) if is_ratio else (row["n"], row["sum"], row["squares"]))
    return answer


def traffic(database, attribution, window, as_of=None, before=""):
    interval = "NULL::interval" if window is None else f"interval '{window // SECOND} s'"
    return {(row["counter"], row["variant"]): row["value"] for row in rows(
        f"SELECT * FROM lotty.traffic('{EXPERIMENT}', {timestamp(as_of)}::timestamptz, {array(TYPES)}, {literal(attribution)}, {interval})",
        database, before)}


def sample_ratios(database, as_of=None, before=""):
    return {row["counted"]: row for row in rows(f"SELECT * FROM lotty.srm('{EXPERIMENT}', as_of => {timestamp(as_of)}::timestamptz)", database, before)}


def report(database, as_of=None, before=""):
    """{(metric, variant): row}"""
    return {(row["metric"], row["variant"]): row for row in rows(
        f"SELECT * FROM lotty.report('{EXPERIMENT}', {timestamp(as_of)}::timestamptz)", database, before)}


# --- comparing -------------------------------------------------------------------------------


def compare_moments(tally, what, expected, actual):
    """The definition's with those of a function."""
    for metric in METRICS:
        stats = expected.stats(metric)
        for variant in VARIANTS:
            should_be, is_so = stats.get(variant), actual.get((metric["key"], variant))
            if should_be is None or is_so is None:
                tally.equal(f"{what} {metric['key']} {variant}", should_be, is_so)
                continue
            for name, one, other in zip(("n", "sum", "second", "third"), should_be, is_so):
                tally.number(f"{what} {metric['key']} {variant} {name}", one, other, scale=max(1, abs(should_be[1])))


def compare_traffic(tally, what, expected, database, as_of=None, before=""):
    for attribution in ("subject_id", "decision_id"):
        for window in (None, DAY):
            actual = traffic(database, attribution, window, as_of, before)
            computed = expected.traffic(TYPES, attribution, window, VARIANTS)
            for key in sorted(computed.keys() | actual.keys(), key=str):
                tally.equal(f"{what} {attribution} {window} {key}", computed.get(key), actual.get(key))


def compare_sample_ratio(tally, what, expected, actual):
    counts = expected.counts()
    for number, counted in enumerate(("exposed", "included")):
        computed = definition.sample_ratio([([counts.get(variant, (0, 0))[number] for variant in VARIANTS], WEIGHTS)])
        for name, value in computed.items():
            tally.number(f"{what} srm {counted} {name}", value, actual[counted][name])


def same_rows(tally, what, expected, actual):
    """Two answers of the extension."""
    tally.equal(f"{what}: rows", sorted(map(str, expected)), sorted(map(str, actual)))
    for key in expected.keys() & actual.keys():
        for column, value in expected[key].items():
            other = actual[key][column]
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                tally.number(f"{what} {key} {column}", value, other)
            else:
                tally.equal(f"{what} {key} {column}", value, other)


# --- attribution, windows, policies, as_of and until -------------------------------------------


def compare_looks(tally, database, small, way, is_enough=lambda: False):
    """One way of having events, with both policies, at several times, until it is enough."""
    events = small.events if way == "sources" else [e for e in small.events if e["subject"] is not None]
    if way != "sources":
        # What is a repeat was never stored.
        events = Report([], events).events
    before = LIVE if way == "live" else ""
    for crossovers in ("exclude", "first"):
        psql(f"UPDATE lotty.analysis_plan SET crossovers = '{crossovers}'", database)
        for as_of, until in ((None, None), (START + 5 * DAY, None), (START + 12 * DAY + 1, None), (None, START + 7 * DAY),
                             (START + 10 * DAY, START + 9 * DAY)):
            what = f"{way} {crossovers} as of {as_of} until {until}"
            expected = Report(small.decisions, events, START, END, crossovers, as_of, until)
            compare_moments(tally, what, expected, moments(database, as_of, until, before))
            if is_enough():
                return
            if until is None:
                compare_traffic(tally, what, expected, database, as_of, before)
                compare_sample_ratio(tally, what, expected, sample_ratios(database, as_of, before))


def attribution(database):
    """By decision_id and by subject_id, with and without a window, as of several times."""
    small, results = World(7), []
    prepare(database, small)
    for way in ("sources", "kept", "live"):
        tally = Tally()
        if way == "kept":
            psql(world.use_events(), database)
        compare_looks(tally, database, small, way)
        results.append(tally.result(f"attribution {way}", COMPARISONS.get(f"attribution {way}")))
    drop_database(database)
    return results


# --- day by day --------------------------------------------------------------------------------


def compare_days(tally, database, small, is_enough=lambda: False):
    """Each day is what the definition gives of what had happened until its end, until it is enough."""
    for crossovers in ("exclude", "first"):
        psql(f"UPDATE lotty.analysis_plan SET crossovers = '{crossovers}'", database)
        # With the second no day begins when another does in the first.
        for step, asked in ((DAY, "1 day"), (31 * 3600 * SECOND + 1, "31 hours 1 microsecond")):
            days = -(-(END - START) // step)
            expected = [Report(small.decisions, small.events, START, END, crossovers, until=START + (number + 1) * step) for number in range(days)]
            for metric in METRICS:
                said = {(row["day"], row["variant"]): row for row in rows(
                    f"SELECT * FROM lotty.report_daily('{EXPERIMENT}', {literal(metric['key'])}, step => '{asked}', cuped => false)", database)}
                tally.equal(f"{crossovers} {asked} {metric['key']}: rows", days * len(VARIANTS), len(said))
                for number, report_then in enumerate(expected):
                    stats = report_then.stats(metric)
                    for variant in VARIANTS:
                        count, total, *others = stats.get(variant, (0, 0, 0))
                        row, what = said[number + 1, variant], f"{crossovers} {asked} {metric['key']} {variant} day {number + 1}"
                        below = others[0] if metric["type"] == "ratio" else count
                        tally.equal(f"{what} n", count, row["n"])
                        tally.number(f"{what} mean", total / below if below else None, row["mean"])
                        if metric["type"] in ("count", "sum") and len(others) == 1:
                            variance = (others[0] - Fraction(total * total) / count) / (count - 1) if count > 1 else None
                            tally.number(f"{what} std_err", None if variance is None else math.sqrt(variance / count), row["std_err"])
                for number, report_then in enumerate(expected):
                    counts = report_then.counts()
                    srm = definition.sample_ratio([([counts.get(variant, (0, 0))[1] for variant in VARIANTS], WEIGHTS)])
                    tally.number(f"{crossovers} {asked} {metric['key']} day {number + 1} srm", srm["p_value"], said[number + 1, VARIANTS[0]]["srm_p_value"])
                if is_enough():
                    return


def daily(database):
    """Each day of report_daily."""
    small, tally = World(7), Tally()
    prepare(database, small)
    compare_days(tally, database, small)
    drop_database(database)
    return [tally.result("daily", COMPARISONS.get("daily"))]


# --- the report at T is what it was at T ---------------------------------------------------------


def history(database):
    """Rows come bit by bit; what was said at each time is what is said later of that time."""
    small, tally = World(11), Tally()
    events = [e for e in small.events if e["subject"] is not None]
    create_database(database)
    psql("CREATE SCHEMA vectors;" + world.load_experiment(WEIGHTS) + world.load_metrics(), database)
    times = [START + days * DAY + 12345 for days in (2, 4, 6, 9, 13)] + [END, END + 30 * DAY]
    said, last = {}, START - 100 * DAY
    for now in times:
        psql(world.load_decisions([d for d in small.decisions if last <= d["at"] < now])
             + "".join(f"DROP TABLE IF EXISTS vectors.event;{world.load_event_table([e for e in events if last <= e['received'] < now])}")
             + world.use_events() + f"SELECT lotty_refresh_reports('{EXPERIMENT}', rebuild => true);", database)
        said[now] = report(database), sample_ratios(database), moments(database)
        last = now
    for now in times:
        expected = Report(small.decisions, events, START, END, as_of=now)
        then = report(database, now)
        same_rows(tally, f"as of {now}", said[now][0], then)
        same_rows(tally, f"as of {now} srm", said[now][1], sample_ratios(database, now))
        compare_moments(tally, f"as of {now}", expected, moments(database, now))
        compare_moments(tally, f"at {now}", expected, said[now][2])
        compare_corrections(tally, f"as of {now}", then)
    drop_database(database)
    return [tally.result("history", COMPARISONS.get("history"))]


def compare_corrections(tally, what, said):
    """Holm's correction of the p-values that a report shows, over all treatments and goal metrics; with CUPED of those."""
    treatments = [row for row in said.values() if not row["is_control"]]
    for raw, adjusted in (("p_value", "p_value_adjusted"), ("seq_p_value", "seq_p_value_adjusted")):
        shown = [row[raw] if row[f"cuped_{raw}"] is None else row[f"cuped_{raw}"] for row in treatments]
        for row, value in zip(treatments, definition.holm(shown)):
            tally.number(f"{what} {row['metric']} {row['variant']} {adjusted}", value, row[adjusted])


# --- what is kept, refreshed, is what is computed from scratch -------------------------------------


def step(draw, number, subjects):
    """A transaction that changes something: a script and what is added to the subjects."""
    def some(count):
        return draw.sample(sorted(subjects), min(count, len(subjects)))

    def decide(names):
        values = ", ".join(f"({literal(name)}, {literal(draw.choice(VARIANTS))})" for name in names)
        subjects.update(names)
        return f"""INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason)
            SELECT gen_random_uuid(), 'flag', x.subject, v.experiment_id, v.variant_id, v.value, 'experiment_assigned'
              FROM (VALUES {values}) AS x (subject, name) JOIN lotty.variant v ON v.name = x.name;"""

    def track(names, occurred_at="clock_timestamp()"):
        return "".join(
            f"SELECT lotty_track({literal(name)}, {literal(draw.choice(TYPES))}, {draw.randrange(-500, 9000) / 100}, "
            f"decision_id => (SELECT d.decision_id FROM lotty.decision d WHERE d.subject_id = {literal(draw.choice([name, name, *some(1)]))} "
            f"ORDER BY d.created_at, d.decision_id LIMIT 1), occurred_at => {occurred_at});" for name in names)

    kinds = {
        "new subjects": lambda: decide([f"n{number}-{i}" for i in range(20)]),
        "exposed again": lambda: decide(some(4)),
        "events": lambda: track(some(30) + ["stranger"]),
        "late events": lambda: track(some(10), "now() - interval '1 hour'"),
        "events with an old time of receipt": lambda: (
            "INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at, received_at) VALUES "
            + ", ".join(f"('old-{number}-{i}', {literal(name)}, 'buy', {i}, clock_timestamp(), now() - interval '30 s')"
                        for i, name in enumerate(some(8))) + ";"),
        "changed events": lambda: "UPDATE lotty.event SET value = value + 1 WHERE get_byte(decode(md5(event_id), 'hex'), 0) < 20;",
        "events given to others": lambda: (
            f"UPDATE lotty.event SET subject_id = {literal(some(1)[0])} WHERE get_byte(decode(md5(event_id), 'hex'), 1) < 6;"),
        "deleted events": lambda: "DELETE FROM lotty.event WHERE get_byte(decode(md5(event_id || 'x'), 'hex'), 0) < 8;",
        "forgotten": lambda: "".join(f"SELECT lotty_forget({literal(name)});" for name in some(2)),
        "merged": lambda: "SELECT lotty_merge_subjects({}, {});".format(*map(literal, some(2))),
        "merged into a new one": lambda: f"SELECT lotty_merge_subjects({literal(some(1)[0])}, 'm{number}');",
        "deleted decisions": lambda: f"DELETE FROM lotty.decision WHERE subject_id = {literal(some(1)[0])};",
        "nothing": lambda: "SELECT 1;",
    }
    # Each kind at least once, in an order that depends on the seed.
    kind = list(kinds)[number % len(kinds)] if number < len(kinds) else draw.choice(list(kinds))
    return kind, f"BEGIN;{kinds[kind]()}COMMIT;"


# Exposed so long ago that they are not looked at again but for something new.
OLD_SUBJECTS = [f"o{number}" for number in range(120)]


def prepare_refreshed(database):
    create_database(database)
    old = ", ".join(f"({literal(subject)}, {literal(VARIANTS[number % 3])})" for number, subject in enumerate(OLD_SUBJECTS))
    psql("CREATE SCHEMA vectors;" + world.load_experiment(WEIGHTS, plan=False) + world.load_metrics() + f"""
        INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
        SELECT gen_random_uuid(), 'flag', x.subject, v.experiment_id, v.variant_id, v.value, 'sticky', now() - interval '1 hour'
          FROM (VALUES {old}) AS x (subject, name) JOIN lotty.variant v ON v.name = x.name;""", database)


def compare_steps(tally, database, steps, is_enough=lambda: False):
    """Rows come, change and go; after each step the refreshed report is that of the rows."""
    draw, subjects = random.Random(3), set(OLD_SUBJECTS)
    for number in range(steps):
        if is_enough():
            return
        kind, script = step(draw, number, subjects)
        what = f"step {number}, {kind}"
        psql(script, database)
        action = rows(f"SELECT * FROM lotty_refresh_reports('{EXPERIMENT}')", database)[0]["action"]
        # What is of the last seconds is looked at again.
        expected_action = "rebuilt" if number == 0 else "unchanged" if action == "unchanged" else "refreshed"
        tally.equal(f"{what}: action", expected_action, action)
        decisions, events = world.stored(database)
        expected = Report(decisions, events)
        compare_moments(tally, f"{what} kept", expected, moments(database))
        if number % 3 == 0:
            same_rows(tally, f"{what} live", report(database), report(database, before=LIVE))
            compare_sample_ratio(tally, what, expected, sample_ratios(database))
            compare_traffic(tally, what, expected, database)


def refreshed(database):
    """What is kept, step by step; then another plan, other metrics, and all of it anew."""
    tally = Tally()
    prepare_refreshed(database)
    compare_steps(tally, database, 30)
    for what, change in (
            ("first", "UPDATE lotty.analysis_plan SET crossovers = 'first'"),
            ("an end", "UPDATE lotty.analysis_plan SET ends_at = (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY created_at) FROM lotty.decision)"),
            ("another window", "UPDATE lotty.metric SET attribution_window = interval '1 ms' WHERE key = 'revenue'"),
            ("CUPED", "UPDATE lotty.metric SET cuped_days = 3 WHERE key IN ('buyers', 'revenue per view')")):
        psql(change, database)
        same_rows(tally, what, report(database), report(database, before=LIVE))
    before = report(database)
    tally.equal("rebuilt", "rebuilt", rows(f"SELECT * FROM lotty_refresh_reports('{EXPERIMENT}', rebuild => true)", database)[0]["action"])
    same_rows(tally, "rebuilt", before, report(database))
    drop_database(database)
    return [tally.result("refreshed", COMPARISONS.get("refreshed"))]


# --- weights that were changed on the way --------------------------------------------------------

PERIODS = [([0.5, 0.5, 0], [400, 430, 0]), ([0.4, 0.3, 0.3], [300, 260, 210]), ([0.2, 0.5, 0.3], [90, 240, 160])]


def weights(database):
    """Each period against its own weights, and variants compared within it."""
    draw, tally = random.Random(5), Tally()
    create_database(database)
    psql("CREATE SCHEMA vectors;" + world.load_experiment(PERIODS[0][0], plan=False) + world.load_metrics(), database)
    drawn, observed = {}, []
    for number, (split, sizes) in enumerate(PERIODS):
        if number > 0:
            psql("BEGIN;" + "".join(f"UPDATE lotty.variant SET weight = {weight} WHERE name = '{name}';"
                                    for name, weight in zip(VARIANTS, split)) + "COMMIT;", database)
        members = [(name, f"p{number}-{name}-{i}") for name, size in zip(VARIANTS, sizes) for i in range(size)]
        # Exposed at the very instant of the change: by the weights that hold from then on.
        at_change = {subject for _, subject in members if number > 0 and draw.random() < 0.02}
        crossing = {subject for _, subject in members if draw.random() < 0.03}
        values = {subject: draw.randrange(0, 5000) / 100 + 10 * number for _, subject in members}
        changed_at = "(SELECT max(c.changed_at) FROM lotty.change c WHERE c.table_name = 'variant')"

        def decide(chosen, at, id_offset):
            listed = ", ".join(f"({i + id_offset}, '{name}', '{subject}')" for i, (name, subject) in enumerate(chosen))
            return f"""INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
                SELECT gen_random_uuid(), 'flag', x.subject, v.experiment_id, v.variant_id, v.value, 'experiment_assigned', {at}
                  FROM (VALUES {listed}) AS x (number, name, subject) JOIN lotty.variant v ON v.name = x.name;"""
        script = decide([m for m in members if m[1] not in at_change], "now()", 0)
        if at_change:
            script += decide([m for m in members if m[1] in at_change], changed_at, 10_000)
        script += "SELECT pg_sleep(0.01);"
        script += decide([(draw.choice([v for v in VARIANTS if v != name]), subject) for name, subject in members if subject in crossing],
                         "clock_timestamp()", 0)
        script += "".join(f"INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at) "
                          f"VALUES ('{subject}', '{subject}', 'buy', {value}, clock_timestamp());" for subject, value in values.items())
        psql(script, database)
        observed.append(([sum(name == v for name, _ in members) for v in VARIANTS],
                         [sum(name == v and s not in crossing for name, s in members) for v in VARIANTS], split))
        for name, subject in members:
            if subject not in crossing:
                drawn.setdefault((number, name), []).append(Fraction(round(values[subject] * 100), 100))
        psql("SELECT pg_sleep(0.01)", database)
    strata = {key: (len(numbers), sum(numbers), sum(x * x for x in numbers)) for key, numbers in drawn.items()}
    for way, before in (("kept", ""), ("live", LIVE)):
        said = sample_ratios(database, before=before)
        for counted, part in (("exposed", 0), ("included", 1)):
            for name, value in definition.sample_ratio([(counts[part], counts[2]) for counts in observed]).items():
                tally.number(f"{way} {counted} {name}", value, said[counted][name])
        by_period = {(row["period"] - 1, row["variant"]): row for row in rows(
            f"SELECT s.period, s.variant, lotty.n(s.stats) AS n, lotty.sum(s.stats) AS sum, lotty.sum_products(s.stats) AS squares "
            f"FROM lotty.metric_stats('{EXPERIMENT}', 'revenue') s", database, before)}
        tally.equal(f"{way} periods", sorted(strata), sorted(by_period))
        for key, (n, total, squares) in strata.items():
            for name, value in (("n", n), ("sum", total), ("squares", squares)):
                tally.number(f"{way} {key} {name}", value, by_period[key][name] if key in by_period else None)
        compared = {row["variant"]: row for row in rows(
            f"""WITH s AS MATERIALIZED (SELECT * FROM lotty.metric_stats('{EXPERIMENT}', 'revenue'))
                SELECT t.variant, (lotty.compare_stratified(array_agg(c.stats ORDER BY t.period), array_agg(t.stats ORDER BY t.period))).*
                  FROM s AS t JOIN s AS c ON c.period = t.period AND c.is_control WHERE NOT t.is_control GROUP BY t.variant""",
            database, before)}
        reported = report(database, before=before)
        for variant in VARIANTS[1:]:
            diff, std_err, number = definition.stratified(
                [(strata[p, VARIANTS[0]], strata[p, variant]) for p in range(len(PERIODS)) if (p, variant) in strata])
            p_value = definition.always_valid_p(diff / std_err, number, 0.05, 5000)
            row = reported["revenue", variant]
            for what, value, actual in (
                    ("diff", diff, compared[variant]["diff"]), ("std_err", std_err, compared[variant]["std_err"]),
                    ("seq_p_value", p_value, compared[variant]["seq_p_value"]),
                    ("reported diff", diff, row["diff"]), ("reported seq_p_value", p_value, row["seq_p_value"]),
                    ("reported n", sum(strata[p, variant][0] for p in range(len(PERIODS)) if (p, variant) in strata), row["n"])):
                tally.number(f"{way} {variant} {what}", value, actual)
            tally.equal(f"{way} {variant} note", True, "weights have changed" in (row["note"] or ""))
    drop_database(database)
    return [tally.result("weights", COMPARISONS.get("weights"))]


CASES = {"attribution": attribution, "daily": daily, "history": history, "refreshed": refreshed, "weights": weights}
