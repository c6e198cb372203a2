"""Random scenarios: a project, and what is asked of it, as a list of steps.

A step is a dict with `op`; scenarios are made by their seed alone. The ops:

import         `datafile` (JSON text) over what is there, with `sticky`; the SDK gets `twin`
evaluate       all `flags` and `experiments` for `users`, nothing recorded
decide         `flags` for one user, recorded; with `ignore` past the user profile
get_variation  of one `experiment` for one user, recorded
force, forced  set and get a forced variation
give_profile   `profile` as what the profile service has for a user
profiles       what is stored for `users` now

`side` says which of the projects of a scenario is asked.
"""

from dataclasses import dataclass, field

import audiences
import revisions
import twin
from datafiles import (Project, all_experiments, experiment_keys, flag_keys, variation_keys)
from draw import Draw
from raw import dumps

PEOPLE = ["", "0", "user with spaces", "ünïcödé-user", "😀", 'quo"te', "back\\slash", "it's",
          "x" * 200, "y" * 512, "-1", "user1", "USER1", "tab\tbed", "line\nend", "e\u0301",
          "é", "null", "%s"]


@dataclass
class Scenario:
    seed: int
    kind: str
    project_id: str = ""
    steps: list = field(default_factory=list)
    # Why the answers are counted apart, see `twin`.
    notes: set = field(default_factory=set)
    # What was done from revision to revision, for people.
    history: list = field(default_factory=list)

    # The project that is asked now.
    side: int = 0

    def add(self, op, **step):
        self.steps.append({"op": op, "side": self.side, **step})

    def add_import(self, project, sticky=None):
        self.project_id = project.datafile["projectId"]
        for_sdk, notes = twin.twin(project.datafile)
        self.notes |= notes
        self.add("import", datafile=dumps(project.datafile), twin=dumps(for_sdk), sticky=sticky)


def make(seed):
    rng = Draw(f"optimizely {seed}")
    kind = rng.choices(list(MAKERS), [10, 3, 2, 1, 2, 3])[0]
    scenario = Scenario(seed, kind)
    users = rng.sample(PEOPLE, 5) + [f"user{rng.randrange(10 ** 6)}" for _ in range(35)]
    project = Project(rng, users)
    MAKERS[kind](scenario, project, users)
    return scenario


# --- nothing recorded ----------------------------------------------------------------------


def evaluate(scenario, project, users):
    asked = [[user, *audiences.attributes(project.rng)] for user in users]
    scenario.add("evaluate", users=asked, flags=known(project, flag_keys),
                 experiments=known(project, experiment_keys))


def known(project, keys):
    """The keys that there are, and some that there were."""
    now = keys(project.datafile)
    rules = {rule["key"] for rollout in project.datafile["rollouts"]
             for rule in rollout["experiments"]}
    before = {key for datafile in project.earlier for key in keys(datafile)} - {*now, *rules}
    return now + sorted(before)[:3]


def make_plain(scenario, project, users):
    scenario.add_import(project)
    evaluate(scenario, project, users)


def make_revised(scenario, project, users):
    """Revision over revision, each asked by strangers."""
    make_plain(scenario, project, users[:15])
    for _ in range(project.rng.randrange(1, 4)):
        scenario.history.append(revisions.next_revision(project))
        make_plain(scenario, project, users[:15])


def make_conditions(scenario, project, users):
    """Each condition by itself."""
    project.show_conditions(12)
    scenario.add_import(project)
    asked = [[user, *audiences.attributes(project.rng)] for user in users]
    scenario.add("evaluate", users=asked, flags=flag_keys(project.datafile), experiments=[])


def make_two_projects(scenario, project, users):
    """Side by side: what is imported for one must not touch the other."""
    projects = [project, Project(project.rng, users, suffix=" of another project")]
    for side in (0, 1):
        scenario.side = side
        scenario.add_import(projects[side])
    for _ in range(project.rng.randrange(1, 3)):
        for side in (0, 1):
            scenario.side = side
            evaluate(scenario, projects[side], users[:10])
        scenario.side = project.rng.randrange(2)
        scenario.history.append(revisions.next_revision(projects[scenario.side]))
        scenario.add_import(projects[scenario.side])
    for side in (0, 1):
        scenario.side = side
        evaluate(scenario, projects[side], users[:10])


# --- forced variations ---------------------------------------------------------------------


def some_key(project, keys):
    if not keys or project.rng.chance(0.05):
        return "no such key"
    return project.rng.choice(keys)


def force(scenario, project, user):
    experiment = some_key(project, experiment_keys(project.datafile))
    variation = None if project.rng.chance(0.2) else \
        some_key(project, variation_keys(project.datafile, experiment))
    scenario.add("force", experiment=experiment, user=user, variation=variation)


def forced_step(scenario, project, user):
    rng = project.rng
    given, plain = audiences.attributes(rng)
    kind = rng.randrange(10)
    if kind < 5:
        force(scenario, project, user)
    elif kind < 7:
        scenario.add("forced", user=user,
                     experiment=some_key(project, experiment_keys(project.datafile)))
    elif kind < 9:
        scenario.add("decide", user=user, attributes=given, ignore=False,
                     flags=flag_keys(project.datafile))
    else:
        scenario.add("get_variation", user=user, attributes=plain,
                     experiment=some_key(project, experiment_keys(project.datafile)))


def make_forced(scenario, project, users):
    rng = project.rng
    scenario.add_import(project)
    for _ in range(rng.randrange(1, 4)):
        for _ in range(rng.randrange(5, 25)):
            forced_step(scenario, project, rng.choice(users[:4]))
        if rng.chance(0.5):
            scenario.history.append(revisions.next_revision(project))
            scenario.add_import(project)
    evaluate(scenario, project, users[:4])


# --- user profiles --------------------------------------------------------------------------


def stored_variation(project, experiment):
    """A variation of the experiment; or of another one, or none that Optimizely would save."""
    rng = project.rng
    own = [variation["id"] for variation in experiment["variations"]]
    others = [variation["id"] for other in all_experiments(project.datafile)
              for variation in other["variations"]]
    keys = [variation["key"] for variation in experiment["variations"]]
    pool = rng.choices([own, others, keys, [project.ids.number(), "", None]], [14, 2, 1, 2])[0]
    return rng.choice(pool or [None])


def profile(project, user):
    """What a profile service may have, also for experiments that never were."""
    rng = project.rng
    entries = {experiment["id"]: {"variation_id": stored_variation(project, experiment)}
               for experiment in all_experiments(project.datafile) if rng.chance(0.5)}
    if rng.chance(0.2):
        entries[project.ids.number()] = {"variation_id": project.ids.number()}
    for entry in entries.values():
        if rng.chance(0.1):
            entry["saved_by"] = "test"
        if rng.chance(0.03):
            del entry["variation_id"]
    return {"user_id": user, "experiment_bucket_map": entries}


def ask(scenario, project, user):
    rng = project.rng
    given, plain = audiences.attributes(rng)
    flags = flag_keys(project.datafile)
    experiments = experiment_keys(project.datafile)
    if experiments and rng.chance(0.3):
        scenario.add("get_variation", user=user, attributes=plain,
                     experiment=rng.choice(experiments))
    else:
        rng.shuffle(flags)
        count = rng.choice([1, len(flags)])
        scenario.add("decide", user=user, attributes=given, ignore=rng.chance(0.1),
                     flags=flags[:count])


def make_profiles(scenario, project, users):
    rng = project.rng
    known = users[:6]
    scenario.add_import(project, sticky=True)
    for user in known:
        if rng.chance(0.5):
            scenario.add("give_profile", profile=profile(project, user))
    for revision in range(rng.randrange(1, 6)):
        if revision:
            scenario.history.append(revisions.next_revision(project))
            # Without, there is no profile service in this revision.
            scenario.add_import(project, sticky=rng.chance(0.85))
        for _ in range(rng.randrange(5, 20)):
            if rng.chance(0.1):
                force(scenario, project, rng.choice(known))
            ask(scenario, project, rng.choice(known))
        scenario.add("profiles", users=known)


MAKERS = {"plain": make_plain, "conditions": make_conditions, "revised": make_revised,
          "two projects": make_two_projects, "forced": make_forced, "profiles": make_profiles}
