"""Releases: what is frozen stays as it is, and `sql/released/freeze` refuses what must not be released."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from catalog import redeclared, symbols
from releases import FIRST_STATEMENT, Releases
from scripts import ROOT
from servers import Problem

# What git would ask for, and must not take from whoever runs the tests.
IDENTITY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "test"), ("EMAIL", "test@localhost"))}
ENVIRONMENT = {**{key: value for key, value in os.environ.items() if not key.startswith("GIT_")}, **IDENTITY,
               "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

REDECLARED = [
    ("another argument", "ALTER EXTENSION lotty DROP FUNCTION lotty_bucket(text, text, text)",
     "DROP FUNCTION lotty_bucket(text, text, text)",
     "CREATE FUNCTION lotty_bucket(a text, b text) RETURNS integer STRICT LANGUAGE c AS 'lotty', 'lotty_bucket_wrapper'",
     "ALTER EXTENSION lotty ADD FUNCTION lotty_bucket(text, text)"),
    ("another column of the result", "ALTER TYPE lotty.targeting_check ADD ATTRIBUTE more text"),
    ("arguments that may be NULL", "ALTER FUNCTION lotty_bucket(text, text, text) CALLED ON NULL INPUT"),
]


def nothing_released_is_edited(checks, cluster, scripts):
    """Of this source tree; and a symbol that is declared anew would be found."""
    checks.equal("released scripts are as they were", scripts.releases.problems(), [])
    for name, *mistake in REDECLARED:
        cluster.fresh_database("declared")
        before = symbols(cluster, "declared")
        cluster.psql(*mistake, database="declared")
        checks.equal(f"a symbol is declared with {name}: found", len(redeclared(before, symbols(cluster, "declared"))), 1)


class Tree:
    """A copy of what `freeze` works on, with a history of its own."""

    def __init__(self, folder):
        self.root = Path(folder)
        for name in ("Cargo.toml", "Cargo.lock", "tests/upgrade/rows.sql", "sql/released/freeze", "sql/released/releases.py"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        (self.root / ".gitignore").write_text("install.sql\n", encoding="utf-8")
        self.write("install.sql", "SELECT 1;\n")
        self.git("init", "--quiet")
        self.commit()

    def git(self, *arguments):
        done = subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, text=True,
                              env=ENVIRONMENT, check=False)
        if done.returncode != 0:
            raise Problem(f"git {' '.join(arguments)}\n{done.stderr}")
        return done.stdout.strip()

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "work")

    def write(self, name, text):
        (self.root / name).write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def freeze(self, *options):
        done = subprocess.run([str(self.root / "sql/released/freeze"), "--script", str(self.root / "install.sql"), *options],
                              capture_output=True, text=True, env=ENVIRONMENT, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    def problems(self):
        return Releases(self.root).problems()


def check_refused(checks, tree, what, word):
    code, output = tree.freeze()
    checks.check(f"freeze: refused, {what}", code == 1 and word in output, output)


def check_edited(checks, tree, what, name, text, word):
    """A change of a file is a problem, by itself and for the next release; it is taken back."""
    path = tree.root / name
    before = path.read_text(encoding="utf-8")
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")
    problems = tree.problems()
    checks.check(f"released: {what} is refused", any(word in problem for problem in problems), problems)
    check_refused(checks, tree, what, word)
    path.write_text(before, encoding="utf-8")


def releases(checks, scripts):
    """Two releases of a copy, and what goes wrong with them."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(folder)
        first = scripts.current
        tree.write("stray", "")
        check_refused(checks, tree, "with a change that is not committed", "not committed")
        (tree.root / "stray").unlink()
        code, output = tree.freeze("--next", first)
        checks.check("freeze: refused, a next version that comes not after", code == 1 and "does not come after" in output, output)

        code, output = tree.freeze("--next", "90.0.0")
        checks.check("freeze: releases a version", code == 0, output)
        checks.equal("freeze: tags it", tree.git("tag"), f"v{first}")
        checks.equal("freeze: the tag has the script", tree.git("show", f"v{first}:sql/released/lotty--{first}.sql"), "SELECT 1;")
        checks.equal("freeze: with the version's own number", tree.git("show", f"v{first}:Cargo.toml"), tree_version(tree, first))
        raised = ['\nversion = "90.0.0"\n' in tree.read("Cargo.toml"),
                  *(f'name = "{crate}"\nversion = "90.0.0"' in tree.read("Cargo.lock") for crate in ("lotty", "lotty-core", "lotty-picture", "lotty-statistics"))]
        checks.equal("freeze: raises the version", raised, [True] * 5)
        update = f"sql/lotty--{first}--90.0.0.sql"
        checks.check("freeze: begins the next upgrade script", FIRST_STATEMENT in tree.read(update), tree.read(update))
        checks.equal("freeze: leaves nothing to complain of", tree.problems(), [])
        check_refused(checks, tree, "the next version before it is committed", "not committed")
        tree.commit()

        check_edited(checks, tree, "an edited install script", f"sql/released/lotty--{first}.sql", "SELECT 2;\n", "must not be edited")
        check_edited(checks, tree, "a removed install script", f"sql/released/lotty--{first}.sql", None, "must not be removed")
        check_edited(checks, tree, "an upgrade script without its first statement", update, "SELECT 1;\n", "does not begin with")

        (tree.root / update).rename(tree.root / "update.sql")
        tree.commit()
        check_refused(checks, tree, "without an upgrade script", "no way to update")
        (tree.root / "update.sql").rename(tree.root / update)
        tree.commit()
        code, output = tree.freeze()
        checks.check("freeze: releases the next version", code == 0 and "began 90.1.0" in output, output)
        tree.commit()
        checks.equal("freeze: both are frozen, with the script between them", sorted(Releases(tree.root).frozen()), sorted([
            f"../lotty--{first}--90.0.0.sql", f"lotty--{first}.sql", f"rows--{first}.sql", "lotty--90.0.0.sql", "rows--90.0.0.sql"]))
        check_edited(checks, tree, "an edited upgrade script", update, tree.read(update) + "SELECT 2;\n", "must not be edited")

        edited = tree.read(update) + "SELECT 2;\n"
        sums = tree.read("sql/released/SHA256SUMS")
        old = Releases(tree.root).checksum(f"../{Path(update).name}")
        tree.write(update, edited)
        new = Releases(tree.root).checksum(f"../{Path(update).name}")
        tree.write("sql/released/SHA256SUMS", sums.replace(old, new))
        problems = tree.problems()
        checks.check("released: an edited script with an edited checksum is refused",
                     any("differs from that of v90.0.0" in problem for problem in problems), problems)
        tree.git("checkout", "--quiet", ".")

        tree.write("Cargo.toml", tree.read("Cargo.toml").replace('"90.1.0"', '"90.0.0"'))
        tree.commit()
        check_refused(checks, tree, "a version that is released", "released already")
        tree.write("Cargo.toml", tree.read("Cargo.toml").replace('"90.0.0"', '"89.0.0"'))
        tree.commit()
        check_refused(checks, tree, "a version that comes before it", "comes before")


def tree_version(tree, version):
    """What Cargo.toml was, with that version."""
    return tree.read("Cargo.toml").replace('\nversion = "90.0.0"\n', f'\nversion = "{version}"\n').strip()
