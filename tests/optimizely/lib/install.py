"""Installs the Optimizely SDK into the state folder of the tests, once for each version."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE.parent / "lib"))

from provided import python_packages  # noqa: E402
from servers import harness  # noqa: E402


def provide():
    """The folder of the SDK, which is installed first if it is not there."""
    if "LOTTY_STATE" not in os.environ:
        os.environ["LOTTY_STATE"] = harness("state_folder")
    return python_packages("optimizely-sdk", HERE / "requirements.txt")
