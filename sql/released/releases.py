"""What has been released: the frozen scripts, their checksums, and what is wrong with them.

`sql/released` holds the install script of each released version and rows to update with it; the scripts
that lead from one version to the next are `sql/lotty--A--B.sql`, the place from which cargo-pgrx installs
them. SHA256SUMS lists all of them once their version is released.
"""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

NUMBERS = re.compile(r"\d+\.\d+\.\d+")
FIRST_STATEMENT = "SELECT lotty.begin_update();"


def order(version):
    """The key by which versions are sorted."""
    return tuple(int(number) for number in version.split("."))


def first_statement(script):
    """The first line of a script that is neither a comment nor a command of psql."""
    lines = (line.strip() for line in script.splitlines())
    return next((line for line in lines if line and not line.startswith(("--", "\\"))), "")


class Releases:
    """The releases of a source tree."""

    def __init__(self, root):
        self.root = Path(root)
        self.sql = self.root / "sql"
        self.folder = self.sql / "released"
        self.sums = self.folder / "SHA256SUMS"

    def versions(self):
        """The released versions, the oldest first."""
        names = (re.fullmatch(r"lotty--([^-]+)\.sql", path.name) for path in self.folder.glob("lotty--*.sql"))
        return sorted((name[1] for name in names if name), key=order)

    def install_script(self, version):
        return self.folder / f"lotty--{version}.sql"

    def rows(self, version):
        return self.folder / f"rows--{version}.sql"

    def updates(self):
        """The upgrade scripts, by the versions between which they lead."""
        paths = sorted(self.sql.glob("lotty--*--*.sql"))
        return {tuple(path.stem.split("--")[1:]): path for path in paths}

    def frozen(self):
        """Checksums by name, relative to the folder, in the form of sha256sum."""
        lines = self.sums.read_text(encoding="utf-8").splitlines() if self.sums.exists() else []
        return {name: checksum for checksum, name in (line.split(maxsplit=1) for line in lines)}

    def files_of(self, version):
        """Names of what is frozen with a version."""
        updates = [f"../{path.name}" for (_, to), path in self.updates().items() if to == version]
        return [self.install_script(version).name, self.rows(version).name, *updates]

    def checksum(self, name):
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()

    def problems(self):
        """What a release forbids; nothing if all is well."""
        frozen, versions, updates = self.frozen(), self.versions(), self.updates()
        found = []
        for name, checksum in frozen.items():
            if not (self.folder / name).exists():
                found.append(f"{name} is released and must not be removed")
            elif self.checksum(name) != checksum:
                found.append(f"{name} is released and must not be edited: write another upgrade script")
        for version in versions:
            found += [f"{name} is not in SHA256SUMS, though {version} is released"
                      for name in self.files_of(version) if name not in frozen]
        found += [f"there is no way to update from {before} to {after}: sql/lotty--{before}--{after}.sql is missing"
                  for before, after in zip(versions, versions[1:]) if (before, after) not in updates]
        for path in updates.values():
            if first_statement(path.read_text(encoding="utf-8")) != FIRST_STATEMENT:
                found.append(f"{path.name} does not begin with {FIRST_STATEMENT}")
        return found + self.rewritten()

    def rewritten(self):
        """Checksums that differ from those of a tag, so that script and checksum cannot be changed together.

        Only where the tags are: not in an archive of the source, nor in a shallow clone.
        """
        found = []
        for version in self.versions() if shutil.which("git") else ():
            shown = subprocess.run(["git", "-C", str(self.root), "show", f"v{version}:sql/released/SHA256SUMS"],
                                   capture_output=True, text=True, check=False)
            here = self.sums.read_text(encoding="utf-8").splitlines() if self.sums.exists() else []
            found += [f"SHA256SUMS differs from that of v{version}: {line}"
                      for line in shown.stdout.splitlines() if line not in here]
        return found
