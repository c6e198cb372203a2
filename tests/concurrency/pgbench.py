"""Load by pgbench, and the errors that it met."""

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from servers import Problem, harness

# Of the server's log, with `log_line_prefix = '%e '`.
LOGGED_ERROR = re.compile(r"^([0-9A-Z]{5}) (?:ERROR|FATAL|PANIC): ", re.MULTILINE)


def scripts(folder, weighted):
    """Writes scripts given as {name: (weight, text)}; answers pgbench's arguments."""
    arguments = []
    for name, (weight, text) in weighted.items():
        path = Path(folder) / f"{name}.sql"
        path.write_text(text, encoding="utf-8")
        arguments += ["-f", f"{path}@{weight}"]
    return arguments


class Result:
    """How a run of pgbench ended."""

    def __init__(self, code, output, complaints, logged):
        self.code = code
        self.complaints = complaints
        self.processed = self.number(output, r"number of transactions actually processed: (\d+)")
        self.retried = self.number(output, r"number of transactions retried: (\d+)")
        self.tps = self.number(output, r"tps = (\d+)")
        # SQLSTATEs that the server logged, also of statements that were tried again.
        self.sqlstates = Counter(LOGGED_ERROR.findall(logged))
        self.messages = [line for line in logged.splitlines() if LOGGED_ERROR.match(line)]

    @staticmethod
    def number(output, pattern):
        match = re.search(pattern, output)
        return int(match.group(1)) if match else 0


class Load:
    """pgbench running in the background."""

    def __init__(self, cluster, database, weighted, *options, settings=""):
        self.cluster = cluster
        self.log_begin = cluster.log_size()
        self.folder = tempfile.TemporaryDirectory(dir=harness("state_folder"))
        self.process = subprocess.Popen(
            [str(cluster.bindir / "pgbench"), "-n", "-M", "prepared", *options,
             *scripts(self.folder.name, weighted)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=cluster.env(database, settings))

    def running(self):
        return self.process.poll() is None

    def finish(self, seconds):
        try:
            output, complaints = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Problem(f"pgbench did not end within {seconds} s") from None
        finally:
            self.folder.cleanup()
        return Result(self.process.returncode, output, complaints, self.cluster.log_since(self.log_begin))
