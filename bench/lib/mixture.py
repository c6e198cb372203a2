"""Transactions of several kinds in turn over the same connections, and how long each took.

pgbench picks the script of each transaction at random, so that all of them meet the same machine, the
same caches and the same neighbours, and runs them over connections that stay: a new backend takes a
page fault for every page of shared memory that it touches first.
"""

import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from servers import Problem, harness

# Transactions of the first part of a run are not counted.
WARM_UP = 4
WINDOWS = 6
# Latencies cut off at either end: a checkpoint, another process.
TRIM = 0.05


def trimmed_mean(values):
    values = sorted(values)
    cut = int(len(values) * TRIM)
    return statistics.fmean(values[cut:len(values) - cut] or values)


def run(cluster, database, scripts, clients, seconds, variables, options=""):
    """Microseconds of each script: {name: [mean of a window, ...]}."""
    with tempfile.TemporaryDirectory(dir=harness("state_folder")) as folder:
        arguments = []
        for name, text in scripts.items():
            path = Path(folder) / f"{name}.sql"
            path.write_text(text, encoding="utf-8")
            arguments += ["-f", str(path)]
        for name, value in variables.items():
            arguments += ["-D", f"{name}={value}"]
        done = subprocess.run(
            [str(cluster.bindir / "pgbench"), "-n", "-M", "prepared", "-c", str(clients),
             "-j", str(clients), "-T", str(seconds + WARM_UP), "-l", f"--log-prefix={folder}/log",
             "--sampling-rate=0.25", *arguments],
            env=cluster.env(database, options), capture_output=True, text=True, check=False)
        if done.returncode != 0 or "number of failed transactions: 0 " not in done.stdout:
            raise Problem(f"pgbench failed\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
        return windows(Path(folder), list(scripts))


def windows(folder, names):
    """The transactions of the logs, by window of time: client, number, us, script, s, us."""
    seen = []
    for log in folder.glob("log.*"):
        for line in log.read_text(encoding="utf-8").splitlines():
            _, _, latency, script, second, micros = line.split()[:6]
            seen.append((int(second) + int(micros) / 1e6, int(script), int(latency)))
    if not seen:
        raise Problem("pgbench has logged nothing")
    begin = min(seen)[0] + WARM_UP
    length = (max(seen)[0] - begin) / WINDOWS
    latencies = defaultdict(list)
    for moment, script, latency in seen:
        window = int((moment - begin) / length) if moment >= begin else -1
        if 0 <= window < WINDOWS:
            latencies[script, window].append(latency)
    return {name: [trimmed_mean(latencies[number, window]) for window in range(WINDOWS)
                   if latencies[number, window]]
            for number, name in enumerate(names)}


class Ratio:
    """How fast something is beside its floor: 1 means as fast, 0.5 takes twice as long."""

    def __init__(self, floor, own):
        self.values = [a / b for a, b in zip(floor, own, strict=True)]
        self.median = statistics.median(self.values)
        self.low, self.high = min(self.values), max(self.values)

    def __str__(self):
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"
