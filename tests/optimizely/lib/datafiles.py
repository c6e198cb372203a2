"""Random datafiles, and random changes of them.

A datafile is a dict as the SDK reads it, with numbers as Raw texts where their form matters.
Keys, ids and audiences are unique; everything else is as bad as SDKs accept it.
"""

import audiences

CONTENTS = ("experiments", "groups", "rollouts", "featureFlags", "audiences", "typedAudiences")
VARIATION_KEYS = ["on", "off", "control", "treatment", "a", "b", "variation_1", "é", "ключ",
                  "two words", 'quo"te', "A", "null"]
# Texts that Python casts in its own way, and some on which SDKs disagree, see `casts`.
ODD_TEXTS = {
    "boolean": [" true", "True", "null"],
    "integer": [" 7 ", "7\n", "1_000", "010", "0x1f", "-0", "--1", "1e3", "_1", "٣",
                "7.0", "\u00a07"],
    "double": [" 1.5 ", "1_0.5", ".5", "5.", "1e400", "-1e400", "nan", "inf", "Infinity", "1e-400",
               "٣.5", "0x1p3", "-0", "1e", "1,5", "9007199254740993"],
    "string": ["\u2028", "\t", "x" * 500],
    "json": ["NaN", '{"a":Infinity}', "1e400", '{"a":[1e400]}', " {} ", "{'a':1}",
             '"\\ud800"', "[1,]",
             "-0", "01", '"\t"', '{"a":0.1000000000000000055}', "123456789012345678901234567890"],
}
STATUSES = ["Running"] * 20 + ["Paused", "Launched", "Not started", "Archived", "Draft", "running",
                               ""]
VARIABLE_TEXTS = {
    "boolean": ["true", "false", "TRUE", "", "1", "yes"],
    "integer": ["42", "-5", "0", "abc", "", "1.5", "100000000000000000000", "+7", "007"],
    "double": ["1.5", "-0.5", "3", "1e3", "abc", "", "0.1", "3.14159265358979323846", "1E-5"],
    "string": ["", "text", "multi\nline", "ü 😀", 'quo"te', "back\\slash", "null", "42"],
    "json": ["{}", '{"a":{"b":[1,null,true,1.5]}}', "[1,2]", "{broken", "", "null", '"text"', "1.0",
             '{"k":"ü"}', '{"a":1,"a":2}', "1e2"],
}


class Ids:
    """Ids and keys that occur once in a project; with a suffix, in no other one either."""

    def __init__(self, rng, suffix):
        self.rng = rng
        self.suffix = suffix
        self.taken = set()

    def number(self):
        while True:
            made = str(self.rng.randrange(1, 10 ** 10))
            if self.rng.chance(0.02):
                made = self.rng.choice(["e", "Ü ", "$", 'q"', "a.b"]) + made
            if made not in self.taken:
                self.taken.add(made)
                return made

    def key(self, stem):
        made = self.rng.choice([stem, stem, stem, "ключ ", 'q"', "Ü"])
        made += f"{len(self.taken)}{self.suffix}"
        self.taken.add(made)
        return made


class Project:
    """A datafile in the making."""

    def __init__(self, rng, users, suffix=""):
        self.rng = rng
        self.users = users
        self.ids = Ids(rng, suffix)
        self.audience_ids = [self.ids.number() for _ in range(rng.randrange(0, 7))]
        self.removed = []
        self.earlier = []
        self.datafile = self.make()

    def show_conditions(self, count):
        """Replaces everything by flags that are on for those who meet a condition, or who meet
        its negation: what is unknown is then on for neither."""
        self.datafile = {**self.datafile, **{name: [] for name in CONTENTS}}
        for _ in range(count):
            conditions = audiences.conditions(self.rng)
            self.show_condition(conditions)
            self.show_condition(["not", conditions])

    def show_condition(self, conditions):
        audience, experiment, variation = (self.ids.number() for _ in range(3))
        self.datafile["typedAudiences"].append(
            {"id": audience, "name": "", "conditions": conditions})
        self.datafile["experiments"].append({
            "id": experiment, "key": self.ids.key("exp_"), "layerId": experiment,
            "status": "Running", "audienceIds": [audience], "forcedVariations": {},
            "variations": [{"id": variation, "key": "on", "featureEnabled": True}],
            "trafficAllocation": [{"entityId": variation, "endOfRange": 10000}]})
        self.datafile["featureFlags"].append({
            "id": self.ids.number(), "key": self.ids.key("flag_"), "experimentIds": [experiment],
            "rolloutId": "", "variables": []})

    # --- the parts ---------------------------------------------------------------------

    def make(self):
        rng = self.rng
        untyped, typed = audiences.lists(rng, self.audience_ids)
        flags = [self.flag() for _ in range(rng.randrange(1, 6))]
        variables = [variable for flag in flags for variable in flag["variables"]]
        experiments = [self.experiment(variables) for _ in range(rng.randrange(0, 6))]
        self.copy_variations(experiments)
        groups = [self.group(variables) for _ in range(rng.choice([0, 0, 1, 1, 2]))]
        rollouts = [self.rollout(variables) for _ in range(rng.randrange(0, 4))]
        made = {
            "version": rng.choice(["4", "4", "4", "4", "2", "3"]), "revision": "1",
            "projectId": self.ids.number(), "accountId": "1", "anonymizeIP": True,
            "attributes": [], "events": [], "variables": [],
            "audiences": untyped, "typedAudiences": typed, "experiments": experiments,
            "groups": groups, "rollouts": rollouts, "featureFlags": flags,
        }
        if rng.chance(0.3):
            made.update(botFiltering=False, sendFlagDecisions=True, environmentKey="production",
                        sdkKey="key", integrations=[], holdouts=[])
        every = all_experiments(made)
        for flag in flags:
            self.connect(flag, every, rollouts)
        return made

    def flag(self):
        rng = self.rng
        return {"id": self.ids.number(), "key": self.ids.key("flag_"), "experimentIds": [],
                "rolloutId": "", "variables": self.variables()}

    def variables(self):
        """Of several with one key the last counts."""
        made = [self.variable() for _ in range(self.rng.randrange(0, 5))]
        if len(made) > 1 and self.rng.chance(0.03):
            made[0]["key"] = made[1]["key"]
        return made

    def variable(self):
        rng = self.rng
        kind = rng.choice(list(VARIABLE_TEXTS))
        made = {"id": self.ids.number(), "key": self.ids.key("var_"), "type": kind,
                "defaultValue": variable_text(rng, kind)}
        if kind == "json" and rng.chance(0.7):
            made.update(type="string", subType="json")
        return made

    def connect(self, flag, experiments, rollouts):
        """Which experiments and which rollout a flag has."""
        rng = self.rng
        count = min(len(experiments), rng.choice([0, 1, 1, 2, 2, 3, 4]))
        flag["experimentIds"] = [experiment["id"] for experiment in rng.sample(experiments, count)]
        if count and rng.chance(0.03):
            flag["experimentIds"].append(flag["experimentIds"][0])
        if rng.chance(0.001):
            flag["experimentIds"].insert(rng.randrange(count + 1), self.ids.number())
        if rollouts and rng.chance(0.75):
            flag["rolloutId"] = rng.choice(rollouts)["id"]
        elif rng.chance(0.003):
            flag["rolloutId"] = self.ids.number()

    def experiment(self, variables, stem="exp_"):
        rng = self.rng
        keys = rng.sample(VARIATION_KEYS, rng.choice([1, 2, 2, 2, 3, 4]))
        variations = [self.variation(key, variables) for key in keys]
        made = {
            "id": self.ids.number(), "key": self.ids.key(stem), "layerId": self.ids.number(),
            "status": rng.choice(STATUSES), "variations": variations,
            "trafficAllocation": self.ranges([variation["id"] for variation in variations]),
            "forcedVariations": self.whitelist(keys),
            **audiences.references(rng, self.audience_ids),
        }
        if rng.chance(0.1):
            made["type"] = rng.choice(["ab", "mab", "td", "fr"])
            if made["type"] == "fr" and rng.chance(0.9):
                # It takes in a variation of the rollout, which must not be taken for its own.
                for variation in variations:
                    variation["key"] = self.ids.key("own_")
        return made

    def variation(self, key, variables):
        rng = self.rng
        made = {"id": self.ids.number(), "key": key}
        if rng.chance(0.85):
            made["featureEnabled"] = rng.choice([True, True, True, False, None])
        if rng.chance(0.85):
            made["variables"] = [
                {"id": variable["id"], "value": variable_text(rng, kind_of(variable))}
                for variable in variables if rng.chance(0.4)]
        if rng.chance(0.03):
            made.setdefault("variables", []).append({"id": self.ids.number(), "value": "nobody's"})
        if made.get("variables") and rng.chance(0.03):
            made["variables"].append({**made["variables"][0], "value": "true"})
        return made

    def copy_variations(self, experiments):
        """Copied experiments share the ids of their variations."""
        if len(experiments) > 1 and self.rng.chance(0.1):
            experiments[1]["variations"] = experiments[0]["variations"]
            experiments[1]["trafficAllocation"] = self.ranges(
                [variation["id"] for variation in experiments[0]["variations"]])

    def ranges(self, entities):
        """Ends that rise; or gaps, strangers, repetitions and disorder."""
        rng = self.rng
        kind = rng.randrange(10)
        if kind < 4:
            share = 10000 // len(entities)
            ends = [share * (place + 1) for place in range(len(entities) - 1)] + [10000]
            return [{"entityId": entity, "endOfRange": end} for entity, end in zip(entities, ends)]
        if kind == 4 and rng.chance(0.4):
            return []
        pool = entities * 3 + ["", self.ids.number()]
        count = rng.randrange(1, 7)
        ends = [rng.choice([0, 1, 5000, 9999, 10000, rng.randrange(10001), rng.randrange(10001)])
                for _ in range(count)]
        if kind < 9:
            ends.sort()
        if rng.chance(0.05):
            ends[-1] = rng.choice([10001, 20000, -1])
        return [{"entityId": rng.choice(pool), "endOfRange": end} for end in ends]

    def whitelist(self, keys):
        rng = self.rng
        return {user: rng.choice([*keys, *keys, "no such variation", ""])
                for user in self.users if rng.chance(0.04)}

    def group(self, variables):
        rng = self.rng
        members = [self.experiment(variables, "grouped_") for _ in range(rng.randrange(0, 4))]
        entities = [member["id"] for member in members] or [self.ids.number()]
        policy = rng.choice(["random"] * 4 + ["overlapping", "other"])
        return {"id": self.ids.number(), "policy": policy, "experiments": members,
                "trafficAllocation": self.ranges(entities)}

    def rollout(self, variables):
        rng = self.rng
        rules = [self.experiment(variables, "rule_") for _ in range(rng.choice([0, 1, 1, 2, 3, 4]))]
        for rule in rules:
            if rng.chance(0.1):
                del rule["forcedVariations"]
        return {"id": self.ids.number(), "experiments": rules}


# --- looking at datafiles ------------------------------------------------------------------


def variable_text(rng, kind):
    return rng.choice(ODD_TEXTS[kind] if rng.chance(0.03) else VARIABLE_TEXTS[kind])


def kind_of(variable):
    return variable.get("subType", variable["type"])


def all_experiments(datafile):
    return datafile["experiments"] + [experiment for group in datafile["groups"]
                                      for experiment in group["experiments"]]


def flag_keys(datafile):
    return [flag["key"] for flag in datafile["featureFlags"]]


def experiment_keys(datafile):
    return [experiment["key"] for experiment in all_experiments(datafile)]


def variation_keys(datafile, experiment_key):
    for experiment in all_experiments(datafile):
        if experiment["key"] == experiment_key:
            return [variation["key"] for variation in experiment["variations"]]
    return []
