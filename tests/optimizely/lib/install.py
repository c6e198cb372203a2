"""Installs the Optimizely SDK into the state folder of the tests, once for each version."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from database import Problem

HERE = Path(__file__).resolve().parents[1]
HELPER = HERE.parents[0] / "lib/cluster"
REQUIREMENTS = HERE / "requirements.txt"
TRIES = 3


def helper(function):
    """Calls a function of tests/lib and answers what it prints."""
    done = subprocess.run([str(HELPER), function], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(f"{function} failed\n{done.stderr[-2000:]}")
    return done.stdout.strip()


def target():
    """The folder changes with the requirements, so that what is there is what they say."""
    state = os.environ.get("LOTTY_STATE") or helper("state_folder")
    version = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return Path(state) / f"tools/optimizely-sdk-{version}"


def provide():
    """The folder of the SDK, which is installed first if it is not there."""
    folder = target()
    if folder.exists():
        return folder
    print("installing the Optimizely SDK", flush=True)
    pip = helper("find_pip").split()
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = tempfile.mkdtemp(prefix="optimizely-sdk.", dir=folder.parent)
    try:
        install(pip, unfinished)
        os.rename(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def install(pip, folder):
    for _ in range(TRIES):
        done = subprocess.run(
            [*pip, "install", "--quiet", "--no-cache-dir", "--require-hashes", "--no-deps",
             "--only-binary", ":all:", "--target", folder, "-r", str(REQUIREMENTS)],
            capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    raise Problem(f"pip could not install {REQUIREMENTS.name}:\n{done.stderr[-2000:]}")
