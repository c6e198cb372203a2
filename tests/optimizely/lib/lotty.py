"""Asks Lotty what scenarios ask, many scenarios in one run of psql."""

import json
import uuid
from pathlib import Path

from database import copy_lines, create_database, psql, split_lines
from datafiles import all_experiments

DATABASE = "lotty_optimizely_fuzz"
SQL = Path(__file__).resolve().parents[1] / "sql"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "lotty:optimizely")

# What Lotty has no use for in a step.
PRIVATE = {"twin"}


def prepare():
    create_database(DATABASE)
    for script in ("setup", "fuzz"):
        psql(DATABASE, "-f", str(SQL / f"{script}.sql"))


def ask(scenarios):
    """The answers to each step of each scenario."""
    lines, places = [], []
    for place, scenario in enumerate(scenarios):
        for nth, step in enumerate([{"op": "wipe"}, *scenario.steps]):
            sent = {name: value for name, value in step.items() if name not in PRIVATE}
            lines.append(json.dumps({**sent, "number": len(lines), "project": scenario.project_id}))
            places.append((place, nth))
    copy_lines(DATABASE, "fuzz.step", lines)
    printed = psql(DATABASE, "-f", str(SQL / "fuzz_batch.sql"))
    missing = {"error": "there is no answer"}
    answers = [[missing] * (len(scenario.steps) + 1) for scenario in scenarios]
    for line in split_lines(printed):
        number, answer = json.loads(uncopied(line))
        place, nth = places[number]
        answers[place][nth] = answer
    return [each[1:] for each in answers]


def uncopied(line):
    """A line of COPY in its text format; JSON has no raw control characters."""
    return line.replace("\\\\", "\\")


def variation_ids(scenario):
    """Optimizely's ids of variations by Lotty's, of every experiment and variation that the
    scenario's datafiles and profiles name."""
    pairs = set()
    for step in scenario.steps:
        if step["op"] == "import":
            datafile = json.loads(step["datafile"])
            # A feature rollout has a variation of its flag's rollout as well.
            rules = [rule for rollout in datafile["rollouts"] for rule in rollout["experiments"]]
            pairs.update((experiment["id"], variation["id"])
                         for experiment in all_experiments(datafile)
                         for each in [experiment, *rules] for variation in each["variations"])
        elif step["op"] == "give_profile":
            entries = step["profile"]["experiment_bucket_map"]
            pairs.update((experiment, entry.get("variation_id"))
                         for experiment, entry in entries.items())
    names = {pair: f"variant:{scenario.project_id}:{pair[0]}:{pair[1]}" for pair in pairs}
    return {str(uuid.uuid5(NAMESPACE, name)): variation for (_, variation), name in names.items()}
