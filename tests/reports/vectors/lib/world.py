"""Small random experiments, and how they get into the tables of the extension."""
import random
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from lib.server import copy, literal, rows

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND = 1_000_000
DAY = 86_400 * SECOND
# In a time zone that has daylight saving, the clock changes between these days (OPTIONS of lib/server.py).
START = 1_772_000_000 * SECOND
END = START + 20 * DAY
EXPERIMENT = "exp"
VARIANTS = ["control", "blue", "green"]
TYPES = ["buy", "view"]
METRICS = [
    {"key": "buyers", "type": "conversion", "event_type": "buy"},
    {"key": "views", "type": "count", "event_type": "view", "window": 2 * DAY},
    {"key": "revenue", "type": "sum", "event_type": "buy"},
    {"key": "revenue per view", "type": "ratio", "event_type": "buy", "denominator_event_type": "view", "window": DAY},
    {"key": "buyers by decision", "type": "conversion", "event_type": "buy", "attribution": "decision_id"},
    {"key": "views by decision", "type": "count", "event_type": "view", "attribution": "decision_id"},
    {"key": "revenue by decision", "type": "sum", "event_type": "buy", "attribution": "decision_id", "window": DAY},
    {"key": "buyers adjusted", "type": "conversion", "event_type": "buy", "cuped_days": 1},
    {"key": "revenue adjusted", "type": "sum", "event_type": "buy", "window": DAY, "cuped_days": 2},
    {"key": "views by decision adjusted", "type": "count", "event_type": "view", "attribution": "decision_id", "cuped_days": 1},
    {"key": "ratio by decision", "type": "ratio", "event_type": "buy", "denominator_event_type": "view", "attribution": "decision_id"},
]


def timestamp(micros):
    """As SQL; None is NULL."""
    return "NULL" if micros is None else literal((EPOCH + timedelta(microseconds=micros)).isoformat())


def identifier(number):
    return f"01900000-0000-7000-8000-{number:012x}"


class World:
    """Decisions and events in which every rule has something to decide."""

    def __init__(self, seed, subjects=250):
        draw = random.Random(seed)
        self.decisions, self.events = [], []
        for number in range(subjects):
            self.add_subject(draw, f"s{number:04}")
        self.decisions.sort(key=lambda decision: (decision["at"], decision["id"]))
        for event in self.draw_events(draw):
            self.events.append(event)
        # In order of arrival, but for a few that a table has in another order than they were received.
        self.events.sort(key=lambda event: event["received"] + (draw.randrange(-DAY, DAY) if draw.random() < 0.05 else 0))

    def add_subject(self, draw, subject):
        variant = draw.choice(VARIANTS)
        at = draw.randrange(START - DAY, END + DAY)
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            kind = draw.random()
            self.add_decision(draw, subject, at, None if kind < 0.1 else draw.choice(VARIANTS) if kind < 0.2 else variant)
            # At the same instant decision_id decides which is the first.
            at += draw.choice([0, 1, 3600 * SECOND, DAY, 3 * DAY])
        if draw.random() < 0.05:
            self.add_decision(draw, subject, START - draw.choice([0, 1]), variant)
        if draw.random() < 0.05:
            self.add_decision(draw, subject, END - draw.choice([0, 1]), variant)

    def add_decision(self, draw, subject, at, variant):
        self.decisions.append({"id": identifier(draw.randrange(1 << 40)), "subject": subject, "variant": variant, "at": at})

    def draw_events(self, draw):
        for number in range(1500):
            decision = draw.choice(self.decisions)
            subject, named = decision["subject"], decision["id"]
            kind = draw.random()
            if kind < 0.1:
                subject = draw.choice(self.decisions)["subject"]
            elif kind < 0.15:
                subject = None
            elif kind < 0.2:
                subject = "stranger"
            kind = draw.random()
            if kind < 0.1:
                named = None
            elif kind < 0.15:
                named = identifier(1 << 45)
            at = decision["at"] + draw.choice([
                0, -1, 1, DAY, DAY - 1, 2 * DAY, 2 * DAY - 1, draw.randrange(-DAY, 6 * DAY), draw.randrange(0, DAY)])
            if draw.random() < 0.05:
                at = END - draw.choice([0, 1])
            received = at + draw.choice([0, 0, 2 * SECOND, draw.randrange(4 * DAY)])
            value = None if draw.random() < 0.2 else Fraction(draw.randrange(-500, 10_000), 100)
            event = {"id": f"e{number}", "type": draw.choice(TYPES), "subject": subject, "decision": named, "value": value,
                     "at": at, "received": received}
            yield event
            for _ in range(draw.choice([0, 0, 0, 0, 1, 2])):
                # A repeat says something else, and may come first.
                yield event | {"value": Fraction(draw.randrange(100)), "at": event["at"] + draw.choice([0, -DAY, DAY]),
                               "received": event["received"] + draw.choice([-1, 1]) * draw.randrange(1, DAY)}


def decimal(value):
    """A fraction of hundredths as text."""
    return None if value is None else f"{float(value):.2f}"


def load_experiment(weights, plan=True):
    """The experiment with a plan of its own, running: a script."""
    variants = ", ".join(f"({rank}, {literal(name)}, {weights[rank]}, {literal(rank == 0)})" for rank, name in enumerate(VARIANTS))
    return f"""
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('flag', 'string', '"control"');
INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, '{EXPERIMENT}' FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, rank, name, value, weight, is_control)
SELECT e.experiment_id, v.rank, v.name, to_jsonb(v.name), v.weight, v.is_control
  FROM lotty.experiment e CROSS JOIN (VALUES {variants}) AS v (rank, name, weight, is_control);
UPDATE lotty.experiment SET status = 'running';
INSERT INTO lotty.analysis_plan (experiment_id, starts_at, ends_at)
SELECT experiment_id, {timestamp(START if plan else None)}::timestamptz, {timestamp(END if plan else None)}::timestamptz FROM lotty.experiment;
"""


def load_decisions(decisions, table="vectors.exposure"):
    """Rows of the log: a script. What is no exposure has no variant, or another reason."""
    written = [(d["id"], d["subject"], d["variant"], (EPOCH + timedelta(microseconds=d["at"])).isoformat()) for d in decisions]
    return f"""
CREATE TABLE IF NOT EXISTS {table} (decision_id uuid, subject_id text, variant text, created_at timestamptz);
TRUNCATE {table};
{copy(table, ['decision_id', 'subject_id', 'variant', 'created_at'], written)}
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
SELECT x.decision_id, 'flag', x.subject_id, e.experiment_id, v.variant_id, v.value,
       CASE WHEN v.variant_id IS NULL AND get_byte(uuid_send(x.decision_id), 15) % 2 = 0 THEN 'targeting_mismatch'
            WHEN get_byte(uuid_send(x.decision_id), 15) % 3 = 0 THEN 'sticky'
            ELSE 'experiment_assigned' END::lotty.reason, x.created_at
  FROM {table} x CROSS JOIN lotty.experiment e
  LEFT JOIN lotty.variant v ON v.name = x.variant AND v.experiment_id = e.experiment_id;
"""


def load_event_table(events):
    written = [(e["id"], e["type"], e["subject"], e["decision"], decimal(e["value"]),
                (EPOCH + timedelta(microseconds=e["at"])).isoformat(), (EPOCH + timedelta(microseconds=e["received"])).isoformat())
               for e in events]
    columns = ["event_id", "event_type", "subject_id", "decision_id", "value", "occurred_at", "received_at"]
    return f"""
CREATE TABLE IF NOT EXISTS vectors.event (number serial, event_id text, event_type text, subject_id text, decision_id uuid,
                                          value numeric, occurred_at timestamptz, received_at timestamptz);
{copy('vectors.event', columns, written)}
"""


def use_sources():
    return "".join(
        f"SELECT lotty.add_event_source('{name}', 'SELECT e.event_id, e.subject_id, e.decision_id, e.value, e.occurred_at, "
        f"e.received_at FROM vectors.event e WHERE e.event_type = ''{name}'' ORDER BY e.number');\n" for name in TYPES)


def use_events():
    """The rows of the table as they would have come into lotty.event, which has no event without a subject."""
    return """
DELETE FROM lotty.event_source;
INSERT INTO lotty.event (event_id, subject_id, decision_id, event_type, value, occurred_at, received_at)
SELECT e.event_id, e.subject_id, e.decision_id, e.event_type, e.value, e.occurred_at, e.received_at FROM vectors.event e
 WHERE e.subject_id IS NOT NULL ORDER BY e.received_at, e.number ON CONFLICT DO NOTHING;
"""


def load_metrics():
    script = ""
    for metric in METRICS:
        window = metric.get("window")
        script += (
            "INSERT INTO lotty.metric (key, type, event_type, denominator_event_type, attribution, attribution_window, cuped_days) VALUES ("
            f"{literal(metric['key'])}, {literal(metric['type'])}, {literal(metric['event_type'])}, "
            f"{literal(metric.get('denominator_event_type'))}, {literal(metric.get('attribution', 'subject_id'))}, "
            f"{'NULL' if window is None else literal(f'{window // SECOND} s')}, {literal(metric.get('cuped_days'))});\n"
            f"SELECT lotty.attach_metric('{EXPERIMENT}', {literal(metric['key'])});\n")
    return script


def stored(database):
    """The decisions and events that the tables have now, as the definition wants them."""
    decisions = [
        {"id": row["decision_id"], "subject": row["subject_id"], "variant": row["name"], "at": int(row["at"])} for row in rows(
            "SELECT d.decision_id, d.subject_id, v.name, (extract(epoch FROM d.created_at) * 1000000)::bigint AS at "
            "FROM lotty.decision d LEFT JOIN lotty.variant v ON v.variant_id = d.variant_id", database)]
    events = [
        {"id": row["event_id"], "type": row["event_type"], "subject": row["subject_id"], "decision": row["decision_id"],
         "value": None if row["value"] is None else Fraction(row["value"]), "at": int(row["at"]), "received": int(row["received"])}
        for row in rows(
            "SELECT e.event_id, e.event_type, e.subject_id, e.decision_id, e.value::text, "
            "(extract(epoch FROM e.occurred_at) * 1000000)::bigint AS at, "
            "(extract(epoch FROM e.received_at) * 1000000)::bigint AS received FROM lotty.event e", database)]
    return decisions, events
