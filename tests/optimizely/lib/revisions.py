"""What happens to a datafile from one revision to the next.

Each function changes the datafile of a Project and says what it did, or None if there was
nothing to change. What is removed is kept, so that it can come back.
"""

import copy

import audiences
from datafiles import CONTENTS, STATUSES, all_experiments, kind_of, variable_text


def next_revision(project):
    """Changes the datafile in a few ways; answers what was done."""
    project.earlier.append(project.datafile)
    revision = str(len(project.earlier) + 1)
    if project.rng.chance(0.05):
        earlier = copy.deepcopy(project.rng.choice(project.earlier))
        project.datafile = {**earlier, "revision": revision}
        return ["an earlier datafile is back"]
    if project.rng.chance(0.03):
        nothing = {name: [] for name in CONTENTS}
        project.datafile = {**project.datafile, **nothing, "revision": revision}
        return ["nothing is left"]
    project.datafile = {**copy.deepcopy(project.datafile), "revision": revision}
    done = []
    for _ in range(project.rng.randrange(1, 6)):
        done.append(project.rng.choice(CHANGES)(project))
    return [what for what in done if what]


def pick(project, candidates):
    candidates = list(candidates)
    return project.rng.choice(candidates) if candidates else None


def some_experiment(project):
    return pick(project, all_experiments(project.datafile))


def some_rule(project):
    return pick(project, (rule for rollout in project.datafile["rollouts"]
                          for rule in rollout["experiments"]))


def all_variables(project):
    return [variable for flag in project.datafile["featureFlags"] for variable in flag["variables"]]


def all_rules_and_experiments(project):
    return all_experiments(project.datafile) + [
        rule for rollout in project.datafile["rollouts"] for rule in rollout["experiments"]]


def home_of(project, experiment):
    """The list that holds an experiment."""
    lists = [project.datafile["experiments"],
             *(group["experiments"] for group in project.datafile["groups"])]
    return next(entries for entries in lists if any(entry is experiment for entry in entries))


# --- traffic, audiences, status ------------------------------------------------------------


def change_traffic(project):
    experiment = pick(project, all_rules_and_experiments(project))
    if experiment:
        experiment["trafficAllocation"] = project.ranges(
            [variation["id"] for variation in experiment["variations"]] or [project.ids.number()])
        return f"traffic of {experiment['key']}"


def no_traffic(project):
    experiment = some_experiment(project)
    if experiment:
        experiment["trafficAllocation"] = []
        return f"no traffic for {experiment['key']}"


def change_audience(project):
    experiment = pick(project, all_rules_and_experiments(project))
    if experiment:
        experiment.pop("audienceConditions", None)
        experiment.update(audiences.references(project.rng, project.audience_ids))
        return f"audience of {experiment['key']}"


def change_conditions(project):
    audience = pick(project, project.datafile["typedAudiences"])
    if audience:
        audience["conditions"] = audiences.conditions(project.rng)
        audience["name"] = project.rng.choice(["renamed", audience["name"]])
        return f"conditions of {audience['id']}"


def change_status(project):
    experiment = some_experiment(project)
    if experiment:
        experiment["status"] = project.rng.choice(["Running", *STATUSES])
        return f"status of {experiment['key']}: {experiment['status']}"


def start_all(project):
    for experiment in all_experiments(project.datafile):
        experiment["status"] = "Running"
    return "all running"


# --- whitelists, variables, variations -----------------------------------------------------


def change_whitelist(project):
    experiment = some_experiment(project)
    if experiment:
        experiment["forcedVariations"] = project.whitelist(
            [variation["key"] for variation in experiment["variations"]])
        return f"whitelist of {experiment['key']}"


def change_variables(project):
    flag = pick(project, project.datafile["featureFlags"])
    if flag and flag["variables"]:
        variable = pick(project, flag["variables"])
        variable["defaultValue"] = variable_text(project.rng, kind_of(variable))
        return f"default of {variable['key']}"


def add_or_drop_variable(project):
    flag = pick(project, project.datafile["featureFlags"])
    if flag:
        if flag["variables"] and project.rng.chance(0.5):
            flag["variables"].pop()
        else:
            flag["variables"].append(project.variable())
        return f"variables of {flag['key']}"


def remove_variation(project):
    experiment = some_experiment(project)
    if experiment and experiment["variations"]:
        variation = pick(project, experiment["variations"])
        experiment["variations"].remove(variation)
        project.removed.append(("variation", experiment["id"], variation))
        return f"variation {variation['key']} of {experiment['key']} is gone"


def add_variation(project):
    experiment = some_experiment(project)
    if experiment:
        variation = project.variation(project.ids.key("new_"), all_variables(project))
        experiment["variations"].insert(0, variation)
        experiment["trafficAllocation"] = project.ranges(
            [each["id"] for each in experiment["variations"]])
        return f"variation {variation['key']} of {experiment['key']}"


def rename_variation(project):
    experiment = some_experiment(project)
    if experiment and experiment["variations"]:
        variation = pick(project, experiment["variations"])
        before, variation["key"] = variation["key"], project.ids.key("renamed_")
        return f"variation {before} of {experiment['key']} is called {variation['key']}"


def swap_variation_keys(project):
    experiment = some_experiment(project)
    if experiment and len(experiment["variations"]) > 1:
        one, other = project.rng.sample(experiment["variations"], 2)
        one["key"], other["key"] = other["key"], one["key"]
        return f"variations {one['key']} and {other['key']} of {experiment['key']} swap keys"


# --- experiments, flags, groups -------------------------------------------------------------


def rename_experiment(project):
    experiment = pick(project, all_rules_and_experiments(project))
    if experiment:
        before, experiment["key"] = experiment["key"], project.ids.key("renamed_")
        return f"{before} is called {experiment['key']}"


def swap_experiment_keys(project):
    every = all_rules_and_experiments(project)
    if len(every) > 1:
        one, other = project.rng.sample(every, 2)
        one["key"], other["key"] = other["key"], one["key"]
        return f"{one['key']} and {other['key']} swap keys"


def rename_flag(project):
    flag = pick(project, project.datafile["featureFlags"])
    if flag:
        before, flag["key"] = flag["key"], project.ids.key("renamed_")
        return f"flag {before} is called {flag['key']}"


def swap_flag_keys(project):
    flags = project.datafile["featureFlags"]
    if len(flags) > 1:
        one, other = project.rng.sample(flags, 2)
        one["key"], other["key"] = other["key"], one["key"]
        return f"flags {one['key']} and {other['key']} swap keys"


def remove_experiment(project):
    experiment = some_experiment(project)
    if experiment:
        entries = home_of(project, experiment)
        entries[:] = [entry for entry in entries if entry is not experiment]
        drop_from_flags(project, experiment)
        project.removed.append(("experiment", None, experiment))
        return f"{experiment['key']} is gone"


def add_experiment(project):
    experiment = project.experiment(all_variables(project), "added_")
    project.datafile["experiments"].append(experiment)
    flag = pick(project, project.datafile["featureFlags"])
    if flag:
        flag["experimentIds"].insert(0, experiment["id"])
    return f"{experiment['key']} is new"


def remove_flag(project):
    flags = project.datafile["featureFlags"]
    if flags:
        flag = pick(project, flags)
        flags.remove(flag)
        project.removed.append(("flag", None, flag))
        return f"flag {flag['key']} is gone"


def replace_experiment(project):
    """Another one with the key of one that goes."""
    experiment = some_experiment(project)
    if experiment:
        new = project.experiment(all_variables(project))
        new["key"] = experiment["key"]
        entries = home_of(project, experiment)
        entries[:] = [new if entry is experiment else entry for entry in entries]
        for flag in project.datafile["featureFlags"]:
            flag["experimentIds"] = [new["id"] if each == experiment["id"] else each
                                     for each in flag["experimentIds"]]
        project.removed.append(("experiment", None, experiment))
        return f"{experiment['key']} is another one"


def replace_flag(project):
    flag = pick(project, project.datafile["featureFlags"])
    if flag:
        project.removed.append(("flag", None, copy.deepcopy(flag)))
        flag["id"] = project.ids.number()
        flag["variables"] = project.variables()
        return f"flag {flag['key']} is another one"


def replace_variation(project):
    experiment = some_experiment(project)
    if experiment and experiment["variations"]:
        variation = pick(project, experiment["variations"])
        project.removed.append(("variation", experiment["id"], copy.deepcopy(variation)))
        before, variation["id"] = variation["id"], project.ids.number()
        for entry in experiment["trafficAllocation"]:
            if entry["entityId"] == before:
                entry["entityId"] = variation["id"]
        return f"variation {variation['key']} of {experiment['key']} is another one"


def bring_back(project):
    if not project.removed:
        return None
    kind, owner, entry = project.removed.pop(project.rng.randrange(len(project.removed)))
    entry = copy.deepcopy(entry)
    if is_there(project, kind, entry):
        return None
    if kind == "experiment":
        project.datafile["experiments"].append(entry)
        flag = pick(project, project.datafile["featureFlags"])
        if flag:
            flag["experimentIds"].append(entry["id"])
    elif kind == "flag":
        present = {experiment["id"] for experiment in all_experiments(project.datafile)}
        rollouts = {rollout["id"] for rollout in project.datafile["rollouts"]}
        entry["experimentIds"] = [each for each in entry["experimentIds"] if each in present]
        entry["rolloutId"] = entry["rolloutId"] if entry["rolloutId"] in rollouts else ""
        project.datafile["featureFlags"].append(entry)
    else:
        for experiment in all_experiments(project.datafile):
            taken = {variation[name] for variation in experiment["variations"]
                     for name in ("id", "key")}
            if experiment["id"] == owner and not taken & {entry["id"], entry["key"]}:
                experiment["variations"].append(entry)
    return f"{kind} {entry['key']} is back"


def is_there(project, kind, entry):
    """After an earlier datafile came back, it may be there, or its key in use again."""
    if kind == "variation":
        return False
    others = all_rules_and_experiments(project) if kind == "experiment" \
        else project.datafile["featureFlags"]
    return any(entry["id"] == other["id"] or entry["key"] == other["key"] for other in others)


def move_experiment(project):
    """To other flags, or to another place in the same ones."""
    experiment = some_experiment(project)
    if experiment:
        drop_from_flags(project, experiment)
        for flag in project.datafile["featureFlags"]:
            if project.rng.chance(0.5):
                flag["experimentIds"].insert(
                    project.rng.randrange(len(flag["experimentIds"]) + 1), experiment["id"])
        return f"{experiment['key']} moves"


def move_to_group(project):
    experiment = some_experiment(project)
    if experiment:
        entries = home_of(project, experiment)
        entries[:] = [entry for entry in entries if entry is not experiment]
        homes = [project.datafile["experiments"],
                 *(group["experiments"] for group in project.datafile["groups"])]
        project.rng.choice(homes).append(experiment)
        return f"{experiment['key']} moves to another group"


def change_group(project):
    group = pick(project, project.datafile["groups"])
    if group:
        group["policy"] = project.rng.choice(["random", "random", "overlapping"])
        group["trafficAllocation"] = project.ranges(
            [experiment["id"] for experiment in group["experiments"]] or [project.ids.number()])
        return f"group {group['id']}"


def remove_group(project):
    groups = project.datafile["groups"]
    if groups:
        group = groups.pop()
        project.datafile["experiments"].extend(group["experiments"])
        return f"group {group['id']} is gone"


def rule_to_experiment(project):
    """A rule of a rollout becomes an experiment of a flag."""
    rule = some_rule(project)
    flag = pick(project, project.datafile["featureFlags"])
    if rule and flag:
        for rollout in project.datafile["rollouts"]:
            rollout["experiments"] = [each for each in rollout["experiments"] if each is not rule]
        rule.setdefault("forcedVariations", {})
        project.datafile["experiments"].append(rule)
        flag["experimentIds"].append(rule["id"])
        return f"{rule['key']} is an experiment"


def experiment_to_rule(project):
    """And the other way round."""
    experiment = some_experiment(project)
    rollout = pick(project, project.datafile["rollouts"])
    if experiment and rollout:
        entries = home_of(project, experiment)
        entries[:] = [entry for entry in entries if entry is not experiment]
        drop_from_flags(project, experiment)
        rollout["experiments"].insert(0, experiment)
        return f"{experiment['key']} is a rule"


def drop_from_flags(project, experiment):
    for flag in project.datafile["featureFlags"]:
        flag["experimentIds"] = [each for each in flag["experimentIds"] if each != experiment["id"]]


# --- rollouts ------------------------------------------------------------------------------


def change_rollout(project):
    """Another rollout for a flag, or other rules in a rollout."""
    rollouts = project.datafile["rollouts"]
    flag = pick(project, project.datafile["featureFlags"])
    if flag and project.rng.chance(0.5):
        flag["rolloutId"] = project.rng.choice(["", *(rollout["id"] for rollout in rollouts)])
        return f"rollout of {flag['key']}"
    if rollouts:
        rollout = pick(project, rollouts)
        rules = rollout["experiments"]
        if rules and project.rng.chance(0.5):
            rules.pop(project.rng.randrange(len(rules)))
        else:
            rules.insert(0, project.experiment(all_variables(project), "rule_"))
        project.rng.shuffle(rules)
        return f"rules of rollout {rollout['id']}"


CHANGES = [
    change_traffic, change_traffic, no_traffic, change_audience, change_conditions, change_status,
    change_status, start_all, change_whitelist, change_variables, add_or_drop_variable,
    remove_variation, remove_variation, add_variation, rename_variation, swap_variation_keys,
    rename_experiment, swap_experiment_keys, rename_flag, swap_flag_keys, remove_experiment,
    remove_experiment, add_experiment, remove_flag, bring_back, bring_back, bring_back,
    replace_experiment, replace_flag, replace_variation, rule_to_experiment,
    experiment_to_rule,
    move_experiment, move_to_group, change_group, remove_group, change_rollout, change_rollout,
]
