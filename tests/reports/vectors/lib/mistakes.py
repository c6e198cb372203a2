"""The functions of the extension are broken on purpose, in the ways in which such reports are usually wrong.

Each must be found by the comparisons: else these would prove nothing.
"""
from lib import cases, recorded
from lib.dataset import Dataset
from lib.server import Problem, drop_database, literal, psql, rows
from lib.tally import Tally
from lib.world import World

# Which function, what is wrong then, what is replaced, and by what.
OF_ATTRIBUTION = [
    ("exposures_sql", "sticky decisions are no exposures", ", ''sticky'')", ")"),
    ("time_conditions", "an exposure at the end counts", "AND %s < timestamptz %L', happened, scope ->> 'ends_at'",
     "AND %s <= timestamptz %L', happened, scope ->> 'ends_at'"),
    ("time_conditions", "an exposure before the start counts", "in_period AND scope ? 'starts_at'", "false"),
    ("time_conditions", "as of a time is as of now", "scope ? 'as_of'", "false"),
    ("time_conditions", "until a time is until now", "scope ? 'until'", "false"),
    ("subjects_sql", "the last of two decisions at the same time counts", "ORDER BY d.decision_id LIMIT 1", "ORDER BY d.decision_id DESC LIMIT 1"),
    ("subjects_sql", "the last decision counts", "min(d.created_at) AS exposed_at", "max(d.created_at) AS exposed_at"),
    ("subjects_sql", "no subject has crossed", "s.several THEN", "false THEN"),
    ("included_sql", "crossovers are included", "WHEN scope ->> 'crossovers' = 'exclude' THEN E'", "WHEN false THEN E'"),
    ("values_sql", "subjects without events are left out", "LEFT JOIN t%1$s", "JOIN t%1$s"),
    ("first_copies_sql", "the last copy counts", "r.received_at, r.arrival'", "r.received_at DESC, r.arrival'"),
    ("events_sql", "repeats count", "CASE WHEN r.has_repeats THEN", "CASE WHEN false THEN"),
    ("attributed_sql", "an event at the exposure does not count", "e.occurred_at >= %s'", "e.occurred_at > %s'"),
    ("attributed_sql", "an event at the end of the window counts", "AND e.occurred_at < %s + %s'", "AND e.occurred_at <= %s + %s'"),
    ("attributed_sql", "a window ends with the experiment", "WHEN attribution_window IS NOT NULL\n", "WHEN attribution_window IS NOT NULL AND NOT scope ? 'ends_at'\n"),
    ("attributed_sql", "events after the end count", "WHEN scope ? 'ends_at' THEN format(E'", "WHEN false THEN format(E'"),
    ("attributed_sql", "a decision of another variant counts", "AND x.variant_id = u.variant_id", "AND true"),
    ("attributed_sql", "somebody else's decision counts", "AND coalesce(e.subject_id, u.subject_id) = u.subject_id", "AND true"),
    ("attributed_sql", "an event without a subject does not count", "coalesce(e.subject_id, u.subject_id) = u.subject_id",
     "e.subject_id = u.subject_id"),
    ("attributed_sql", "events count since the first exposure, not since the decision", "WHEN 'decision_id' THEN 'x.created_at'",
     "WHEN 'nothing' THEN 'x.created_at'"),
    ("totals_sql", "values are counted", "coalesce(sum(e.value)%1$s, 0)", "count(e.value)%1$s"),
    ("totals_sql", "a covariate is of after the exposure, too", "(WHERE e.occurred_at < u.exposed_at)", "(WHERE true)"),
    ("totals_sql", "what is before the exposure counts", " FILTER (WHERE e.occurred_at >= ", " FILTER (WHERE now() >= "),
    ("seconds_sql", "a window has no seconds", "''%s seconds''", "''%s milliseconds''"),
    ("sample_ratio", "crossovers are left out of all that were exposed", "w.what = 'included'", "true"),
    ("traffic", "repeats are no repeats", "r.all_rows - r.after_as_of - e.events", "0"),
]
OF_RECORDED = [
    ("moments_sql", "the cap is no percentile between two values", "percentile_cont", "percentile_disc"),
    ("moments_sql", "zeros are not ignored", "(WHERE v.v%s <> 0)", "(WHERE v.v%s IS NOT NULL)"),
    ("value_sql", "a covariate is of after the exposure", "'prior_' ELSE", "'' ELSE"),
    ("effects", "guardrails have their own level", "plan.alpha, plan.planned_subjects", "0.1, plan.planned_subjects"),
    ("effects", "the direction does not matter", "metric.direction,", "'decrease',"),
    ("effects", "the prior is flat", "plan.prior_mean, plan.prior_stddev", "plan.prior_mean, NULL"),
    ("adjust_p_values", "p-values are not adjusted", "lotty.holm(p_values)", "p_values"),
]
OF_DAYS = [
    ("daily_values_sql", "what somebody had before is not taken out", "(s.next_day, -1)", "(s.next_day, 0)"),
    ("daily_values_sql", "who crosses over stays", "(u.crossed_on IS NULL OR s.day < u.crossed_on)", "(true OR s.day < u.crossed_on)"),
    ("daily_scopes", "the counts have those who crossed over", "sum(c.crossed) OVER w", "sum(0 * c.crossed) OVER w"),
    ("day_sql", "things happen a day late", "(1 + (extract", "(2 + (extract"),
]
OF_REFRESH = [
    ("mark_stale", "changed rows are not noticed", "    IF TG_OP = 'TRUNCATE' THEN", "    RETURN NULL;\n    IF TG_OP = 'TRUNCATE' THEN"),
    ("add_sums", "what was before is not taken out", "sign, lotty.sums_sql", "greatest(sign, 0), lotty.sums_sql"),
    ("changed_subjects", "new events are not seen", "e.received_at >= since", "e.received_at >= 'infinity'"),
    ("changed_subjects", "new decisions are not seen", "d.created_at >= since", "d.created_at >= 'infinity'"),
]
# Each can be made and is found; and before and after nothing is wrong.
COMPARISONS = 2 * (len(OF_REFRESH) + len(OF_ATTRIBUTION) + len(OF_DAYS)) + 4
COMPARISONS_OF_RECORDED = 2 * len(OF_RECORDED) + 2


# What is kept was computed by other functions.
START_ANEW = ";\nDELETE FROM lotty.report_progress;"


def definitions(database, function):
    """The definitions of a function of the extension: of all that have its name."""
    return [row["definition"] for row in rows(
        f"SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p WHERE p.pronamespace = 'lotty'::regnamespace AND p.proname = {literal(function)}",
        database)]


def find(tally, database, mistakes, failing):
    """Makes each mistake, and sees that a comparison fails."""
    tally.equal("nothing is wrong before", [], failing())
    for function, mistake, part, other in mistakes:
        right = [definition for definition in definitions(database, function) if part in definition]
        tally.equal(f"{function}: it can be so broken that {mistake}", 1, len(right))
        if len(right) != 1:
            continue
        psql(right[0].replace(part, other) + START_ANEW, database)
        try:
            found = bool(failing())
        except Problem:
            # That it fails is not enough: the mistake is to give a wrong number.
            found = "an error"
        tally.equal(f"{function}, broken so that {mistake}: it is found", True, found)
        psql(right[0] + START_ANEW, database)
    tally.equal("nothing is wrong after", [], failing())


def of_attribution(tally, database):
    small = World(7)
    cases.prepare(database, small)

    def failing():
        looks = Tally()
        cases.compare_looks(looks, database, small, "sources", lambda: bool(looks.failures))
        return looks.failures[:1]

    def failing_days():
        days = Tally()
        cases.compare_days(days, database, small, lambda: bool(days.failures))
        return days.failures[:1]
    find(tally, database, OF_ATTRIBUTION, failing)
    find(tally, database, OF_DAYS, failing_days)
    drop_database(database)


def of_recorded(tally, database):
    """On part of a large set: its first metrics have all that can be wrong."""
    dataset = Dataset("d04")
    dataset.config["timeseries"] = False
    recorded.prepare(database, dataset)
    scenario = dataset.config["scenarios"][0]
    dataset.expected = [row for row in dataset.expected if row["section"] not in ("timeseries", "guardrail")]

    def failing():
        # A number that nothing gives is none that is asked for here.
        answers = recorded.answers(database, dataset, scenario, "sources", ("metrics", "cuped", "report"))
        return [f for f in recorded.compare_numbers(dataset, scenario, "sources", answers)[1] if not f.endswith("nothing gives it")][:1]
    find(tally, database, OF_RECORDED, failing)
    drop_database(database)


def of_refresh(tally, database):
    """Each in a database of its own: it is what came before that is wrong then."""
    for function, mistake, part, other in OF_REFRESH:
        cases.prepare_refreshed(database)
        right = [definition for definition in definitions(database, function) if part in definition]
        tally.equal(f"{function}: it can be so broken that {mistake}", 1, len(right))
        if right:
            psql(right[0].replace(part, other), database)
            steps = Tally()
            cases.compare_steps(steps, database, 20, lambda: bool(steps.failures))
            tally.equal(f"{function}, broken so that {mistake}: it is found", True, bool(steps.failures))
    drop_database(database)


def compare_small(database):
    """What needs no recorded set."""
    tally = Tally()
    of_refresh(tally, f"{database}_refresh")
    of_attribution(tally, f"{database}_attribution")
    return [tally.result("mistakes", COMPARISONS)]


def compare_large(database):
    tally = Tally()
    of_recorded(tally, database)
    return [tally.result("mistakes in what is recorded", COMPARISONS_OF_RECORDED)]
