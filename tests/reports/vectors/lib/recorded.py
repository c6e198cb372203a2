"""Comparing what the extension says of the recorded experiments with what is recorded."""
from decimal import Decimal
from pathlib import Path

from lib import dataset as data
from lib.server import create_database, drop_database, literal, psql, rows
from lib.tally import close

SQL = Path(__file__).resolve().parents[1] / "sql"

# How many numbers each set has and how many are compared in each way: recorded numbers that were lost, or that nothing
# answers, must not pass.
COMPARISONS = {
    "d01": {"sources": 1617, "kept": 1617, "live": 1617},
    "d02": {"sources": 3825, "kept": 3825, "live": 3825},
    "d03": {"sources": 6581, "kept": 6581, "live": 6581},
    "d05": {"sources": 50713, "kept": 49088, "live": 50713},
    "d04": {"sources": 83156, "kept": 81161, "live": 83156},
    "d07": {"sources": 164379, "kept": 164379, "live": 164379},
    "d06": {"sources": 354620, "kept": 354620, "live": 354620},
}

# Numbers that GrowthBook's code gives for the lift with CUPED. It leaves a term out of its own documented gradient
# (theta times the difference of the covariates' means); the right ones are se_lift and lift_ci_*.
NOT_OURS = {("cuped", "gbstats_se_lift"), ("cuped", "gbstats_lift_ci_lower"), ("cuped", "gbstats_lift_ci_upper")}

LIVE = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"


def key_of(row):
    """Which number it is. The recorded time series and traffic have no more than what is theirs."""
    day = row["day"]
    return (row["section"], row["metric"], row["variant"], row["dimension"], None if day is None else int(day), row["stat"])


def questions(dataset, scenario, way):
    """The queries of a scenario, each with what has to be set before."""
    experiment, settings = literal(dataset.experiment), dataset.settings
    kept = literal(way == "kept")
    asked = [
        f"vectors.counts({experiment}, {settings}, {data.event_types(dataset)}, {data.window(scenario)})",
        f"vectors.metrics({experiment}, {settings})",
        f"vectors.family({experiment})",
        f"vectors.quantiles({experiment}, {kept})",
        f"vectors.naive_ratios({experiment}, {kept})",
        f"vectors.cuped({experiment}, {settings})",
    ]
    if dataset.config["dimension"]:
        asked.append(f"vectors.metrics({experiment}, {settings}, 'country')")
        asked.append(f"vectors.report_by({experiment}, 'flat', 'country')")
    # Time series are never kept: asking once is enough for lotty.event.
    if dataset.config["timeseries"] and way != "kept":
        asked.append(f"vectors.days({experiment}, {settings}, {dataset.days})")
    for prior, correction, short in (("flat", "holm", "holm"), ("prior", "benjamini_hochberg", "bh")):
        for cuped in ("false", "true"):
            asked.append((data.use_prior(dataset, prior, correction), f"vectors.report({experiment}, '{prior}', '{short}', {cuped})"))
    return asked


def answers(database, dataset, scenario, way, chosen=None):
    """All that is said, or what is chosen of it: lists of (way, number) by which number it is."""
    said = {}
    for question in questions(dataset, scenario, way):
        before, call = question if isinstance(question, tuple) else ("", question)
        if chosen is not None and call.removeprefix("vectors.").split("(")[0] not in chosen:
            continue
        if way == "live":
            before += LIVE
        for row in rows(f"SELECT * FROM {call}", database, before):
            said.setdefault(key_of(row), []).append((row["way"], row["value"]))
    return said


def compare_numbers(dataset, scenario, way, said):
    passed, failures = 0, []
    for row in dataset.expected:
        if row["scenario"] != scenario["name"] or (row["section"], row["stat"]) in NOT_OURS:
            continue
        if way == "kept" and row["section"] in ("timeseries", "guardrail"):
            continue
        key = key_of(row)
        expected = None if row["value"] == "NULL" else row["value"]
        if way != "sources" and row["section"] == "traffic":
            expected = unrepeated(dataset, scenario, row)
        told = said.get(key, [])
        if not told:
            failures.append(f"{way} {scenario['name']} {describe(key)}: expected {expected}, nothing gives it")
        for by, actual in told:
            if close(expected, actual):
                passed += 1
            else:
                failures.append(f"{way} {scenario['name']} {describe(key)}: expected {expected}, {by} says {actual}")
    return passed, failures


def unrepeated(dataset, scenario, counter):
    """What a counter is where repeats are dropped at the door: lotty.event has no two rows of one event_id."""
    recorded = {row["stat"]: row["value"] for row in dataset.expected
                if row["scenario"] == scenario["name"] and row["section"] == "traffic" and row["variant"] is None}
    changed = {"event_rows": recorded["distinct_events"], "duplicate_event_rows": 0}
    return changed.get(counter["stat"], counter["value"])


def describe(key):
    return " ".join(str(part) for part in key if part is not None)


def compare_units(database, dataset, scenario, way):
    """Every field of every subject, and that there are no others."""
    query = (f"SELECT * FROM vectors.units({literal(dataset.experiment)}, {data.event_types(dataset)}, {data.window(scenario)}, "
             f"{literal(way == 'kept')})")
    actual = {row["subject_id"]: row for row in rows(query, database, LIVE if way == "live" else "")}
    expected = dataset.units(scenario["name"])
    passed, failures = 0, []
    strangers = sorted(actual.keys() - {row["subject_id"] for row in expected})
    failures += [f"{way} {scenario['name']} subject {subject} is included" for subject in strangers]
    for row in expected:
        subject = actual.get(row["subject_id"])
        if subject is None:
            failures.append(f"{way} {scenario['name']} subject {row['subject_id']} is missing")
            continue
        fields = [(row["variant_id"], subject["variant"]), (row["first_exposed_at"], subject["exposed_at"])]
        for number, event_type in enumerate(dataset.types):
            fields.append((Decimal(row[f"{event_type}_count"]), Decimal(subject["totals"][2 * number])))
            fields.append((Decimal(row[f"{event_type}_sum"]), Decimal(subject["totals"][2 * number + 1])))
        for should_be, is_so in fields:
            if should_be == is_so:
                passed += 1
            else:
                failures.append(f"{way} {scenario['name']} subject {row['subject_id']}: expected {should_be}, got {is_so}")
    return passed, failures


def prepare(database, dataset):
    """The set in a database of its own, with its events in a table that is not the extension's."""
    create_database(database)
    psql((SQL / "answers.sql").read_text(encoding="utf-8"), database)
    psql(data.load_log(dataset) + data.load_events(dataset) + data.use_sources() + data.load_metrics(dataset), database)


def compare_way(database, dataset, way):
    passed, failures = 0, []
    for scenario in dataset.config["scenarios"]:
        psql(data.use_scenario(scenario), database)
        for one_passed, one_failures in (
                compare_numbers(dataset, scenario, way, answers(database, dataset, scenario, way)),
                compare_units(database, dataset, scenario, way)):
            passed += one_passed
            failures += one_failures
    return passed, failures


def compare(name, database):
    """[(what, passed, failures, how many there must be)] of a set."""
    dataset = data.Dataset(name)
    prepare(database, dataset)
    results = []
    for way in ("sources", "kept", "live"):
        if way == "kept":
            psql(data.use_events(dataset), database)
        passed, failures = compare_way(database, dataset, way)
        results.append((f"{dataset.config['name']} {way}", passed, failures, COMPARISONS[name].get(way)))
    left_out = sum((row["section"], row["stat"]) in NOT_OURS for row in dataset.expected)
    if left_out:
        print(f"{dataset.config['name']}: {left_out} numbers are not ours")
    drop_database(database)
    return results
