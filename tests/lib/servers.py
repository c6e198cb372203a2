"""What the tests of whole servers share: clusters, sessions that stay open, counted checks."""

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
HELPER = TESTS / "lib/cluster"
SHOWN = 12


class Problem(Exception):
    """Something that keeps a test from being made."""


# --- checks --------------------------------------------------------------------------------


class Checks:
    """Prints a line for each check and counts them."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, holds, detail=""):
        """`detail` is shown if the check fails: text, or something with lines."""
        if holds:
            self.passed += 1
            print(f"ok: {what}", flush=True)
            return
        self.failed += 1
        print(f"not ok: {what}", flush=True)
        lines = detail.splitlines() if isinstance(detail, str) else [str(line) for line in detail]
        for line in lines[:SHOWN]:
            print(f"  {line[:400]}", flush=True)
        if len(lines) > SHOWN:
            print(f"  and {len(lines) - SHOWN} more lines", flush=True)

    def equal(self, what, got, expected):
        self.check(what, got == expected, f"expected {expected!r}\ngot      {got!r}")

    def same_lines(self, what, got, expected):
        """Compares long texts, and shows the lines that differ."""
        if got == expected:
            self.check(what, True)
            return
        here, there = expected.splitlines(), got.splitlines()
        missing, extra = set(here) - set(there), set(there) - set(here)
        differences = [f"- {line}" for line in sorted(missing)[:5]]
        differences += [f"+ {line}" for line in sorted(extra)[:5]]
        self.check(what, False, [f"{len(here)} lines before, {len(there)} after", *differences])

    def part(self, name, function, *arguments):
        """Runs a part of the tests; what breaks it off is one failed check."""
        begin = time.monotonic()
        print(f"# {name}", flush=True)
        try:
            function(self, *arguments)
        except (Problem, OSError, ValueError, subprocess.SubprocessError) as problem:
            self.check(f"{name}: runs to its end", False, str(problem) or repr(problem))
        print(f"# {name}: {time.monotonic() - begin:.1f} s", flush=True)

    def close(self):
        """Prints the totals and answers the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.passed and not self.failed else 1


def wait_until(what, condition, seconds=60):
    """Waits until the condition holds, and answers what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Problem(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)


# --- clusters ------------------------------------------------------------------------------


def harness(function, *arguments, data=""):
    """Calls a function of tests/lib and returns what it prints."""
    done = subprocess.run([str(HELPER), function, *arguments], input=data, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise Problem("\n".join([f"{function} failed", *done.stderr.splitlines()[-10:]]))
    return done.stdout.strip()


class Cluster:
    """A private cluster of tests/lib/cluster.sh, removed at the end of a `with`."""

    def __init__(self, name, version, settings="", standby_of=None, initdb=()):
        self.name = name
        self.bindir = Path(harness("postgres_bindir", version))
        if standby_of:
            harness("standby_create", name, standby_of.name)
        else:
            harness("cluster_create", name, str(self.bindir), *initdb, data=settings)
        self.home = Path(harness("cluster_home", name))
        self.log = self.home / "server.log"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PG")},
            "PGHOST": harness("cluster_socket_dir", name), "PGPORT": "5432", "PGUSER": "postgres",
            "PGCLIENTENCODING": "UTF8", "PATH": f"{self.bindir}:{os.environ['PATH']}",
        }

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        harness("cluster_remove", self.name)

    def start(self):
        harness("cluster_start", self.name)

    def stop(self, mode="fast"):
        harness("cluster_stop", self.name, mode)

    def env(self, database, options=""):
        return {**self.environment, "PGDATABASE": database, "PGOPTIONS": options}

    def run(self, program, *arguments, database="postgres", data=None, options=""):
        """Runs a program of this PostgreSQL: (exit code, standard output, standard error)."""
        done = subprocess.run([str(self.bindir / program), *arguments], input=data,
                              capture_output=True, text=True, encoding="utf-8",
                              env=self.env(database, options), check=False)
        return done.returncode, done.stdout, done.stderr

    def configured(self, option):
        """A folder that pg_config names."""
        code, folder, complaints = self.run("pg_config", option)
        if code != 0:
            raise Problem(complaints)
        return Path(folder.strip())

    def extension_folder(self):
        """Where control files and scripts of extensions are."""
        return self.configured("--sharedir") / "extension"

    def psql(self, *commands, database="postgres", file=None, data=None):
        """Runs commands, or a file, stops at the first error, returns what is printed."""
        arguments = [part for command in commands for part in ("-c", command)]
        if file:
            arguments += ["-f", str(file)]
        code, output, complaints = self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments,
                                            database=database, data=data)
        if code != 0:
            raise Problem(f"psql failed in {database}\n{complaints[-3000:]}")
        return output.rstrip("\n")

    def fresh_database(self, name, extension=True):
        self.psql(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE template0")
        if extension:
            self.psql("CREATE EXTENSION lotty", database=name)

    def log_since(self, offset):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(offset)
            return file.read()

    def log_size(self):
        return self.log.stat().st_size


def wait_for_replay(primary, standby):
    """Waits until the standby has replayed all that the primary has written by now."""
    # A record that is flushed at once: what a rolled-back transaction wrote need not be.
    primary.psql("SELECT pg_logical_emit_message(true, 'test', 'end')")
    lsn = primary.psql("SELECT pg_current_wal_insert_lsn()")
    replayed = f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'"
    wait_until(f"replay of {lsn}", lambda: standby.psql(replayed) == "t")


# --- sessions ------------------------------------------------------------------------------


@dataclass
class Answer:
    """What a statement printed, and its error, if it failed."""

    text: str
    messages: str

    @property
    def sqlstate(self):
        match = re.search(r"^(?:ERROR|FATAL|PANIC): +([0-9A-Z]{5}):", self.messages, re.MULTILINE)
        return match.group(1) if match else None

    @property
    def hint(self):
        match = re.search(r"^HINT: +(.*)$", self.messages, re.MULTILINE)
        return match.group(1) if match else None


class Session:
    """A psql that stays open, so that its backend keeps what it has cached."""

    def __init__(self, cluster, database, options=""):
        self.number = 0
        self.process = subprocess.Popen(
            [str(cluster.bindir / "psql"), "-XqAt", "-v", "VERBOSITY=verbose"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=cluster.env(database, options))
        self.pid = int(self.value("SELECT pg_backend_pid()"))

    def send(self, sql):
        """Sends statements without waiting for their end."""
        self.number += 1
        mark = f"@@{self.number}@@"
        script = f"{sql.rstrip().rstrip(';')};\n\\echo {mark}\n\\warn {mark}\n"
        try:
            self.process.stdin.write(script.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer, or its absence, says why

    def receive(self, seconds=120):
        """Waits for what was sent last."""
        mark = f"@@{self.number}@@\n".encode()
        texts = {self.process.stdout: b"", self.process.stderr: b""}
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for stream in texts:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(1):
                    piece = os.read(key.fd, 1 << 16)
                    texts[key.fileobj] += piece
                    if not piece or texts[key.fileobj].endswith(mark):
                        selector.unregister(key.fileobj)
                if time.monotonic() > deadline:
                    raise Problem(f"a statement did not end within {seconds} s")
        text, messages = (part.decode().replace(mark.decode(), "").rstrip("\n")
                          for part in texts.values())
        return Answer(text, messages)

    def run(self, sql):
        self.send(sql)
        return self.receive()

    def value(self, sql):
        """Runs statements that must not fail."""
        answer = self.run(sql)
        if answer.sqlstate or (self.process.poll() is not None and not answer.text):
            raise Problem(f"{sql}\n{answer.messages}")
        return answer.text

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# --- the script ----------------------------------------------------------------------------


def prepare(arguments):
    """What each `run VERSION` begins with; answers the version."""
    if len(arguments) != 2:
        sys.exit(f"usage: {Path(arguments[0]).name} VERSION")
    # So that clusters are removed when the tests are ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["LOTTY_STATE"] = harness("state_folder")
    return arguments[1]
