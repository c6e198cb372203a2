"""Where the SDK for Python refuses a datafile, or raises later, and another SDK does not.

Lotty gets the datafile as it is. The SDK gets its twin, in which the offending part is
replaced by what it means to the SDKs that take it. Answers from twins are counted apart, with
the note that `twin` gives, except where only the form of the datafile differs.
"""

from raw import Embedded

OBJECT_VALUE = "a condition's value is an object"
EMPTY_LIST = "a condition is an empty list"
UNKNOWN_EXPERIMENT = "a flag names an experiment that is not there"
UNKNOWN_ROLLOUT = "a flag names a rollout that is not there"


def twin(datafile):
    """(the datafile for the SDK, notes)"""
    notes = set()
    made = dict(datafile)
    for name in ("audiences", "typedAudiences"):
        made[name] = [audience_twin(audience, notes) for audience in datafile[name]]
    known = {experiment["id"] for experiment in datafile["experiments"]}
    known.update(experiment["id"] for group in datafile["groups"]
                 for experiment in group["experiments"])
    rollouts = {rollout["id"] for rollout in datafile["rollouts"]}
    made["featureFlags"] = [flag_twin(flag, known, rollouts, notes)
                            for flag in datafile["featureFlags"]]
    made["rollouts"] = [rollout_twin(rollout) for rollout in datafile["rollouts"]]
    return made, notes


def rollout_twin(rollout):
    """Its rules with an empty whitelist where they have none: it is never read."""
    rules = [{"forcedVariations": {}, **rule} for rule in rollout["experiments"]]
    return {**rollout, "experiments": rules}


def flag_twin(flag, known, rollouts, notes):
    """The experiments end where one is not known."""
    made = dict(flag)
    for place, experiment in enumerate(flag["experimentIds"]):
        if experiment not in known:
            notes.add(UNKNOWN_EXPERIMENT)
            made["experimentIds"] = flag["experimentIds"][:place]
            break
    if flag["rolloutId"] and flag["rolloutId"] not in rollouts:
        notes.add(UNKNOWN_ROLLOUT)
        made["rolloutId"] = ""
    return made


def audience_twin(audience, notes):
    conditions = audience["conditions"]
    if isinstance(conditions, Embedded):
        return {**audience, "conditions": Embedded(condition_twin(conditions.value, notes))}
    return {**audience, "conditions": condition_twin(conditions, notes)}


def condition_twin(condition, notes):
    if isinstance(condition, dict):
        if isinstance(condition.get("value"), dict):
            notes.add(OBJECT_VALUE)
            return {**condition, "value": None}
        return condition
    if condition == []:
        notes.add(EMPTY_LIST)
        return ["or"]
    if isinstance(condition, list):
        return [condition_twin(part, notes) for part in condition]
    return condition
