"""The scripts in the extension folder of the copy of PostgreSQL that is tested."""

from pathlib import Path

from releases import Releases

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests/upgrade/fixture"
# The versions of the fixture, the oldest first.
FIXTURES = ("0.0.1", "0.0.2")


class Scripts:
    """Puts scripts there, and removes them at the end of a `with`."""

    def __init__(self, cluster):
        self.folder = cluster.extension_folder()
        control = (self.folder / "lotty.control").read_text(encoding="utf-8")
        self.current = control.split("default_version = '")[1].split("'")[0]
        self.releases = Releases(ROOT)
        self.installed = {f"lotty--{self.current}.sql", *(path.name for path in self.releases.updates().values())}

    def __enter__(self):
        self.clean()
        for version in self.releases.versions():
            if version != self.current:
                self.put(f"lotty--{version}.sql", self.releases.install_script(version).read_text(encoding="utf-8"))
        for path in FIXTURE.glob("lotty--*.sql"):
            self.put(path.name, path.read_text(encoding="utf-8"))
        parts = (FIXTURE / "prologue.sql", self.folder / f"lotty--{self.current}.sql", FIXTURE / "epilogue.sql")
        self.put(f"lotty--{FIXTURES[-1]}--{self.current}.sql",
                 "\n".join(part.read_text(encoding="utf-8") for part in parts))
        return self

    def __exit__(self, *_):
        self.clean()

    def clean(self):
        """Leaves what was installed; the rest may also be of a run that was killed, or of an older version."""
        for path in self.folder.glob("lotty--*.sql"):
            if path.name not in self.installed:
                path.unlink()

    def put(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def steps(self):
        """The upgrade scripts that are there, by the versions between which they lead."""
        return {tuple(path.stem.split("--")[1:]): path for path in self.folder.glob("lotty--*--*.sql")}

    def ways(self, source, target):
        """Every way from one version to another, as a list of versions."""
        def go(way):
            if way[-1] == target:
                yield way
                return
            for before, after in sorted(self.steps()):
                if before == way[-1] and after not in way:
                    yield from go([*way, after])
        return list(go([source]))
