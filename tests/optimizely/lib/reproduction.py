"""Writes down what is needed to see a difference again."""

import json


def quoted(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def flag_call(function, what):
    return (f"SELECT * FROM {function}({quoted(what['flag'])}, {quoted(what['user'])}, "
            f"{quoted(what['attributes'])});")


def experiment_call(function, what):
    return (f"SELECT * FROM {function}({quoted(what['experiment'])}, {quoted(what['user'])}, "
            f"{quoted(what['attributes'])});")


def step_sql(step, project_id):
    """The statements of a step that leave something behind."""
    op = step["op"]
    if op == "import":
        sticky = {None: "NULL", True: "true", False: "false"}[step["sticky"]]
        yield f"SELECT * FROM lotty_import_optimizely({quoted(step['datafile'])}, {sticky});"
    elif op == "decide":
        yield f"SET lotty.ignore_sticky = {str(step['ignore']).lower()};"
        for flag in step["flags"]:
            yield flag_call("lotty_decide", {**step, "flag": flag})
        yield "RESET lotty.ignore_sticky;"
    elif op == "get_variation":
        yield experiment_call("lotty_decide_experiment", step)
    elif op == "force":
        yield (f"SELECT lotty_force({quoted(step['experiment'])}, {quoted(step['user'])}, "
               f"{quoted(step['variation'])});")
    elif op == "forced":
        yield f"SELECT lotty_forced({quoted(step['experiment'])}, {quoted(step['user'])});"
    elif op == "give_profile":
        yield (f"SELECT lotty_import_optimizely_profile({quoted(project_id)}, "
               f"{quoted(json.dumps(step['profile'], ensure_ascii=False))});")
    elif op == "profiles":
        yield ("SELECT a.subject_id, e.hash_key, v.name, v.is_retired FROM lotty.assignment AS a "
               "JOIN lotty.experiment AS e USING (experiment_id) "
               "LEFT JOIN lotty.variant AS v USING (variant_id) ORDER BY 1, 2;")


def script(scenario, answer):
    """SQL for an empty configuration, from the first import to the answer that differs."""
    yield "-- In a database where nothing was imported yet."
    yield "LOAD 'lotty';"
    yield "SET client_min_messages = error;"
    for step in scenario.steps[:answer.step + 1]:
        yield from step_sql(step, scenario.project_id)
    if "flag" in answer.what and not answer.what.get("recorded"):
        yield "-- This one differs."
        yield flag_call("lotty_evaluate", answer.what)
    elif "experiment" in answer.what and scenario.steps[answer.step]["op"] == "evaluate":
        yield "-- This one differs."
        yield experiment_call("lotty_evaluate_experiment", answer.what)


def describe(scenario, answer):
    return [f"seed {scenario.seed} ({scenario.kind}), step {answer.step}: "
            + json.dumps(answer.what, ensure_ascii=False)[:1000],
            f"  Optimizely: {json.dumps(answer.expected, ensure_ascii=False)[:1000]}",
            f"  Lotty:      {json.dumps(answer.got, ensure_ascii=False)[:1000]}"]


def write(folder, result):
    """A folder for the scenario, with the first difference in detail; answers its path."""
    scenario, differences = result.scenario, result.differences
    place = folder / f"seed-{scenario.seed}"
    place.mkdir(parents=True, exist_ok=True)
    imports = [step for step in scenario.steps if step["op"] == "import"]
    for number, step in enumerate(imports, 1):
        (place / f"datafile-{number}.json").write_text(step["datafile"], encoding="utf-8")
    (place / "script.sql").write_text("\n".join(script(scenario, differences[0])) + "\n",
                                      encoding="utf-8")
    lines = [f"revision {number}: {', '.join(done)}"
             for number, done in enumerate(scenario.history, 2)]
    lines += [f"note: {note}" for note in sorted(scenario.notes)]
    for answer in differences:
        lines += describe(scenario, answer)
    (place / "differences.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place
