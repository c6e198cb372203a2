"""A recorded experiment: what is in its files, and how it gets into the tables of the extension."""
import csv
import io
import json
import lzma
from datetime import datetime, timedelta
from pathlib import Path

from lib.server import array, copy, literal

DATA = Path(__file__).resolve().parents[1] / "data"

# Reasons of the recorded log that have another name in lotty.reason.
REASONS = {"experiment": "experiment_assigned", "default": "no_active_experiment", "targeting_miss": "targeting_mismatch"}
# Longer than any of the experiments: what was before reaches into the look-back of everybody.
CUPED_DAYS = 60


class Dataset:
    """The files of one experiment, read once."""

    def __init__(self, name):
        self.name = name
        self.config = json.loads((DATA / name / "config.json").read_text(encoding="utf-8"))
        self.exposures = self.read("exposures")
        self.events = self.read("events")
        self.types = sorted({event["event_type"] for event in self.events})
        self.pre = self.read("pre")
        self.subjects = self.read("subjects")
        self.expected = self.read("expected")

    def read(self, name):
        """Rows of a file, with None for an empty field; nothing if the set has no such file."""
        path = DATA / self.name / f"{name}.csv.xz"
        if not path.exists():
            return []
        text = lzma.decompress(path.read_bytes()).decode("utf-8")
        return [{key: value or None for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]

    def units(self, scenario):
        return self.read(f"expected_units_{scenario}")

    @property
    def experiment(self):
        return self.config["experiment_id"]

    @property
    def days(self):
        length = instant(self.config["end"]) - instant(self.config["start"])
        return length // timedelta(days=1)

    @property
    def settings(self):
        """What comparisons are told, as SQL of a JSON object."""
        config = self.config
        return literal(json.dumps({
            "alpha": config["alpha"], "power": config["power"], "planned_subjects": config["sequential_n_star"],
            "prior_mean": config["bayes_prior"]["mean"], "prior_stddev": config["bayes_prior"]["stddev"],
            "starts_at": config["start"]})) + "::jsonb"


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def decision_id(number):
    """Ascending, as those of the log are."""
    return f"01900000-0000-7000-8000-{number:012x}"


def load_log(dataset):
    """The experiment, its plan and its decisions, as a script."""
    config = dataset.config
    names = [variant["variant_id"] for variant in config["variants"]]
    variants = ", ".join(
        f"({rank}, {literal(variant['variant_id'])}, {variant['weight']}, {literal(variant['variant_id'] == config['control'])})"
        for rank, variant in enumerate(config["variants"]))
    decisions = [(decision_id(number), row["subject_id"], row["variant_id"], REASONS.get(row["reason"], row["reason"]), row["created_at"])
                 for number, row in enumerate(dataset.exposures)]
    if not {row["variant_id"] for row in dataset.exposures} <= {None, *names}:
        raise ValueError("the log has a variant that the experiment does not have")
    return f"""
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ({literal(config['flag_key'])}, 'string', '"control"');
INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, {literal(dataset.experiment)} FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, rank, name, value, weight, is_control)
SELECT e.experiment_id, v.rank, v.name, to_jsonb(v.name), v.weight, v.is_control
  FROM lotty.experiment e CROSS JOIN (VALUES {variants}) AS v (rank, name, weight, is_control);
UPDATE lotty.experiment SET status = 'running';
INSERT INTO lotty.analysis_plan (experiment_id, starts_at, ends_at, alpha, power, planned_subjects)
SELECT experiment_id, {literal(config['start'])}, {literal(config['end'])}, {config['alpha']}, {config['power']}, {config['sequential_n_star']}
  FROM lotty.experiment;
CREATE TABLE vectors.exposure (decision_id uuid, subject_id text, variant text, reason text, created_at timestamptz);
{copy('vectors.exposure', ['decision_id', 'subject_id', 'variant', 'reason', 'created_at'], decisions)}
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
SELECT x.decision_id, {literal(config['flag_key'])}, x.subject_id, v.experiment_id, v.variant_id, v.value, x.reason::lotty.reason, x.created_at
  FROM vectors.exposure x LEFT JOIN lotty.variant v ON v.name = x.variant;
ANALYZE lotty.decision, lotty.experiment, lotty.variant;
"""


def load_events(dataset):
    """The events as rows of tables that are not the extension's, in the order in which they came, as a script.

    What a subject had before the experiment is an event of a second before its start.
    """
    later = timedelta(seconds=2)  # received_at of a row that has none
    events = [(row["event_id"], row["event_type"], row["subject_id"], row["value"], row["occurred_at"],
               row["received_at"] or (instant(row["occurred_at"]) + later).isoformat()) for row in dataset.events]
    return f"""
CREATE TABLE vectors.event (number serial, event_id text, event_type text, subject_id text, value numeric,
                            occurred_at timestamptz, received_at timestamptz);
{copy('vectors.event', ['event_id', 'event_type', 'subject_id', 'value', 'occurred_at', 'received_at'], events)}
CREATE TABLE vectors.pre (subject_id text, metric text, value numeric);
{copy('vectors.pre', ['subject_id', 'metric', 'value'], [(row['subject_id'], row['metric'], row['value']) for row in dataset.pre])}
INSERT INTO vectors.event (event_id, event_type, subject_id, value, occurred_at, received_at)
SELECT format('%s of %s', p.metric, p.subject_id), 'pre_' || p.metric, p.subject_id, p.value, x.at, x.at
  FROM vectors.pre p CROSS JOIN (SELECT timestamptz {literal(dataset.config['start'])} - interval '1 second' AS at) AS x;
CREATE TABLE vectors.subject (subject_id text, country text);
{copy('vectors.subject', ['subject_id', 'country'], [(row['subject_id'], row['country']) for row in dataset.subjects])}
ANALYZE vectors.event, vectors.subject;
SELECT lotty.add_dimension('country', 'SELECT subject_id, country AS value FROM vectors.subject')
 WHERE EXISTS (SELECT FROM vectors.subject);
"""


def use_sources():
    """Events are rows of the table: a script."""
    return """
SELECT lotty.add_event_source(t.event_type, format(
    'SELECT e.event_id, e.subject_id, e.value, e.occurred_at, e.received_at FROM vectors.event e WHERE e.event_type = %L ORDER BY e.number',
    t.event_type)) FROM (SELECT DISTINCT e.event_type FROM vectors.event e) AS t;
"""


def use_events(dataset):
    """Events are rows of lotty.event: a script. They come in two parts, with a refresh after the first."""
    def part(condition):
        return f"""
INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at, received_at)
SELECT e.event_id, e.subject_id, e.event_type, e.value, e.occurred_at, e.received_at FROM vectors.event e
 WHERE {condition} ORDER BY e.received_at, e.number ON CONFLICT DO NOTHING;
"""
    middle = "(SELECT percentile_disc(0.6) WITHIN GROUP (ORDER BY m.received_at) FROM vectors.event m)"
    return f"""
DELETE FROM lotty.event_source;
{part(f'e.received_at <= {middle}')}
ANALYZE lotty.event;
SELECT lotty_refresh_reports({literal(dataset.experiment)});
{part(f'e.received_at > {middle}')}
ANALYZE lotty.event;
"""


def metrics(dataset):
    """The metrics and the covariates that they have, as rows of lotty.metric."""
    for metric in dataset.config["metrics"]:
        row = {"key": metric["name"], "type": metric["type"].replace("quantile_event", "event_quantile"),
               "event_type": metric["event_type"], "direction": metric["direction"], "quantile": metric.get("quantile"),
               "ignore_zeros": metric.get("ignore_zeros", metric.get("winsorize", {}).get("ignore_zeros", False)),
               "winsorize_upper": metric.get("winsorize", {}).get("upper"), "role": metric["role"]}
        if metric["type"] == "ratio":
            row |= {"numerator": metric["numerator"], "denominator": metric["denominator"]["agg"],
                    "denominator_event_type": metric["denominator"]["event_type"]}
        if "cuped" in metric:
            row |= {"covariate": {"type": "sum", "event_type": f"pre_{metric['cuped']}"}}
        elif "cuped_ratio" in metric:
            pair = metric["cuped_ratio"]
            row |= {"covariate": {"type": "ratio", "event_type": f"pre_{pair['numerator']}",
                                  "denominator_event_type": f"pre_{pair['denominator']}", "denominator": "sum"}}
        yield row


def insert_metric(row, more=()):
    """A row of lotty.metric as an INSERT."""
    columns = {key: literal(value) for key, value in row.items() if key not in ("role", "covariate")} | dict(more)
    return f"INSERT INTO lotty.metric ({', '.join(columns)}) VALUES ({', '.join(columns.values())});\n"


def load_metrics(dataset):
    script = ""
    for row in metrics(dataset):
        more = {}
        if "covariate" in row:
            key = f"{row['key']} before"
            script += insert_metric({"key": key} | row["covariate"])
            more = {"cuped_days": str(CUPED_DAYS), "covariate_id": f"lotty.metric_of({literal(key)})"}
        script += insert_metric(row, more.items())
        script += f"SELECT lotty.attach_metric({literal(dataset.experiment)}, {literal(row['key'])}, {literal(row['role'])});\n"
    return script


def window(scenario):
    """The window of a scenario, as SQL."""
    seconds = scenario["window_seconds"]
    return "NULL::interval" if seconds is None else f"interval '{seconds} seconds'"


def use_scenario(scenario):
    """Window and policy of a scenario: a script."""
    if scenario["attribution"] != "subject_id":
        raise ValueError("the recorded scenarios attribute by subject_id")
    return (f"UPDATE lotty.metric SET attribution_window = {window(scenario)} WHERE key NOT LIKE '% before';\n"
            f"UPDATE lotty.analysis_plan SET crossovers = {literal(scenario['multi_variant'])};\n")


def use_prior(dataset, prior, correction):
    """Prior and correction of the plan: a script."""
    config = dataset.config["bayes_prior"]
    stddev = literal(config["stddev"]) if prior == "prior" else "NULL"
    return (f"UPDATE lotty.analysis_plan SET prior_mean = {config['mean']}, prior_stddev = {stddev}, "
            f"correction = {literal(correction)};\n")


def event_types(dataset):
    return array(dataset.types)
