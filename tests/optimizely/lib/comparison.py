"""Compares what the SDK and Lotty say to the steps of a scenario."""

import copy
from dataclasses import dataclass, field

import lotty
import sdk
from database import Problem


# Lotty keeps such a flag and goes on giving its default values; to the SDK it is unknown. They
# agree on the rest of the answer.
GONE = "a flag that is gone: no variables are compared"

# What Lotty does not take, and says so. The rest of such a scenario cannot be asked.
REFUSALS = {
    "an attribute without characters in its name": "refused: an attribute named by the empty text",
    "feature rollout has a variation with the id":
        "refused: a feature rollout whose variations contradict",
}


@dataclass
class Answer:
    """One thing asked, with what both say."""

    step: int
    what: dict
    expected: object
    got: object
    note: str = None


    def differs(self):
        if self.note and GONE in self.note and isinstance(self.got, dict):
            return not same({**self.expected, "variables": {}}, {**self.got, "variables": {}})
        return not same(self.expected, self.got)


@dataclass
class Result:
    scenario: object
    answers: list = field(default_factory=list)
    # Why the rest was not compared, and how many answers that are.
    refused: str = None
    left_out: int = 0

    @property
    def differences(self):
        return [answer for answer in self.answers if answer.differs()]


def same(one, other):
    """Equality of JSON values: booleans are not numbers, 1 equals 1.0."""
    if isinstance(one, (bool, str)) or one is None or isinstance(other, (bool, str)):
        return type(one) is type(other) and one == other
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return (isinstance(other, dict) and one.keys() == other.keys()
                and all(same(one[key], other[key]) for key in one))
    return one == other


# --- the SDK -------------------------------------------------------------------------------


def ask_sdk(scenario):
    """For each step a list of (what, answer, note)."""
    clients = [sdk.Client(), sdk.Client()]
    notes = set(scenario.notes)
    try:
        told = [list(TELLERS[step["op"]](clients[step["side"]], step, notes))
                for step in scenario.steps]
    except Problem as problem:
        raise Problem(f"seed {scenario.seed}: {problem}") from problem
    return [[(what, answer, "; ".join(sorted(notes | ({note} if note else set()))) or None)
             for what, answer, note in step] for step in told]


def tell_import(client, step, notes):
    note = client.load(step["twin"], step["sticky"])
    if note:
        notes.add(note)
    yield {"second import": "changes"}, [], None


def tell_evaluate(client, step, _):
    for user, attributes, plain in step["users"]:
        decided = client.decide(step["flags"], user, attributes)
        for flag, (answer, note) in zip(step["flags"], decided):
            what = {"flag": flag, "user": user, "attributes": attributes}
            yield what, answer, note if client.knows(flag) else GONE
        for experiment in step["experiments"]:
            answer, note = client.get_variation(experiment, user, plain)
            yield {"experiment": experiment, "user": user, "attributes": plain}, answer, note


def tell_decide(client, step, _):
    decided = client.decide(step["flags"], step["user"], step["attributes"], step["ignore"])
    for flag, (answer, note) in zip(step["flags"], decided):
        yield {"flag": flag, "user": step["user"], "attributes": step["attributes"],
               "ignore": step["ignore"], "recorded": True}, answer, note


def tell_get_variation(client, step, _):
    answer, note = client.get_variation(step["experiment"], step["user"], step["attributes"])
    yield {**step, "recorded": True}, answer, note


def tell_force(client, step, _):
    yield step, client.force(step["experiment"], step["user"], step["variation"]), None


def tell_forced(client, step, _):
    yield step, client.forced(step["experiment"], step["user"]), None


def tell_give_profile(client, step, _):
    client.set_profile(step["profile"])
    return iter(())


def tell_profiles(client, step, _):
    for user in step["users"]:
        yield {"profile of": user}, client.profile(user), None


TELLERS = {name.removeprefix("tell_"): function for name, function in list(globals().items())
           if name.startswith("tell_")}


# --- Lotty ---------------------------------------------------------------------------------


def flattened(step, answer, expected_count):
    """Lotty's answer to a step as a list, in the order in which the SDK was asked."""
    if isinstance(answer, dict) and "error" in answer:
        return [answer] * expected_count
    if step["op"] == "import":
        return [answer["again"]]
    if step["op"] == "evaluate":
        return [each for flags, experiments in answer for each in [*flags, *experiments]]
    if step["op"] == "decide":
        return answer
    if step["op"] == "give_profile":
        return []
    return [answer]


def stored_profile(user, given, ledger, variations):
    """What a profile service would hold: what it was given, overlaid with the ledger."""
    before = copy.deepcopy(given.get(user))
    entries = before["experiment_bucket_map"] if before else {}
    for experiment, variant in ledger.get(user, {}).items():
        variation = variations.get(variant, f"unknown variant {variant}")
        if entries.get(experiment, {}).get("variation_id") != variation:
            entries[experiment] = {"variation_id": variation}
    return {"user_id": user, "experiment_bucket_map": entries} if before or entries else None


def refusal(answer):
    """The reason for which an import is expected to fail, if it is one."""
    if answer.get("sqlstate") == "22023" and (answer.get("detail") or "").startswith("At $"):
        return next((reason for text, reason in REFUSALS.items() if text in answer["error"]), None)
    return None


def compare(scenario, told, answers):
    """`told` is what the SDK said, `answers` what Lotty did."""
    result = Result(scenario)
    given = {}
    variations = lotty.variation_ids(scenario) if scenario.kind == "profiles" else {}
    for number, (step, said, answer) in enumerate(zip(scenario.steps, told, answers)):
        broken = isinstance(answer, dict) and "error" in answer
        if broken and step["op"] == "import" and refusal(answer):
            result.refused = refusal(answer)
            result.left_out = sum(map(len, told[number:]))
            return result
        if step["op"] == "give_profile":
            given[step["profile"]["user_id"]] = step["profile"]
            if broken:
                result.answers.append(Answer(number, step, None, answer))
            continue
        if step["op"] == "profiles" and not broken:
            got = [stored_profile(user, given, answer, variations) for user in step["users"]]
        else:
            got = flattened(step, answer, len(said))
        if len(got) != len(said):
            got = [{"error": f"{len(got)} answers, not {len(said)}"}] * len(said)
        result.answers += [Answer(number, what, expected, each, note)
                           for (what, expected, note), each in zip(said, got)]
    return result
