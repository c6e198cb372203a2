"""Programs of others that tests use, installed below the state folder, once for each version."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers import Problem, harness

TRIES = 3


def tools():
    return Path(os.environ["LOTTY_STATE"]) / "tools"


def attempt(what, *command, **options):
    """Runs a command that uses the network."""
    for _ in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, **options)
        if done.returncode == 0:
            return
    raise Problem(f"{what}\n{(done.stdout + done.stderr)[-2000:]}")


def provided(name, pinned, install):
    """A folder below the state folder, made by `install` once for each version of `pinned`."""
    version = hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]
    folder = tools() / f"{name}-{version}"
    if not folder.exists():
        print(f"installing {name}", flush=True)
        tools().mkdir(parents=True, exist_ok=True)
        unfinished = tempfile.mkdtemp(prefix=f"{name}.", dir=tools())
        try:
            install(Path(unfinished))
            os.rename(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def python_packages(name, requirements):
    """The folder of packages that a file of requirements pins, for PYTHONPATH."""

    def install(folder):
        attempt(f"pip could not install {name}", *harness("find_pip").split(), "install", "--quiet",
                "--no-cache-dir", "--require-hashes", "--no-deps", "--only-binary", ":all:",
                "--target", str(folder), "-r", str(requirements))

    return provided(name, requirements, install)


def debian_extension(cluster, name, release, package):
    """Copies the extension of a Debian package into our copy of PostgreSQL."""
    root = Path(harness("debian_provide", name, release, package))
    for patterns, folder in ((("*.so",), cluster.configured("--pkglibdir")),
                             (("*.control", "*--*.sql"), cluster.extension_folder())):
        for file in (file for pattern in patterns for file in root.rglob(pattern)):
            # Not into the file itself, which a server may have mapped.
            shutil.copy(file, folder / f"{file.name}.new")
            os.replace(folder / f"{file.name}.new", folder / file.name)
