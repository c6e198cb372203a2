"""The examples, installed and started: one process for each language."""

import json
import os
import selectors
import shutil
import subprocess
from pathlib import Path

from provided import attempt, provided, python_packages, tools
from servers import Problem, harness

HERE = Path(__file__).resolve().parents[1]


# --- psycopg -------------------------------------------------------------------------------


def python_command():
    folder = python_packages("psycopg", HERE / "python/requirements.txt")
    return ["python3", "-B", str(HERE / "python/driver.py")], {"PYTHONPATH": str(folder)}


# --- node-postgres ---------------------------------------------------------------------------


def node_command():
    harness("require_node")

    def install(folder):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, folder)
        attempt("npm could not install pg", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                "--cache", str(tools() / "npm-cache"), cwd=folder)

    folder = provided("node-postgres", HERE / "node/package-lock.json", install)
    # Modules are looked up from where the program is.
    for name in ("shop.mjs", "driver.mjs"):
        shutil.copy(HERE / "node" / name, folder)
    return ["node", str(folder / "driver.mjs")], {}


# --- tokio-postgres --------------------------------------------------------------------------


def rust_command():
    target = tools() / "clients-rust"
    attempt("cargo could not build the example in Rust", "cargo", "build", "--quiet", "--locked",
            "--target-dir", str(target), cwd=HERE / "rust")
    return [str(target / "debug/shop")], {}


COMMANDS = {"psycopg": python_command, "node-postgres": node_command, "tokio-postgres": rust_command}


# --- talking to them ---------------------------------------------------------------------------


class Refused(Problem):
    """An SQL error that a call ended with."""

    def __init__(self, answer):
        super().__init__(f"{answer['sqlstate']}: {answer['error']}")
        self.sqlstate, self.message, self.hint = answer["sqlstate"], answer["error"], answer["hint"]


class Driver:
    """A process that does what is asked in a line, and answers in a line."""

    def __init__(self, name, command, environment):
        self.name = name
        self.received = b""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**clean, **environment})

    def send(self, call=None, **fields):
        asked = {"call": call, **fields} if call else fields
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()

    def answered(self, seconds):
        """Whether an answer has come, which is waited for."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.received:
                if not selector.select(seconds):
                    return False
                piece = os.read(self.process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise Problem(f"{self.name}: the process ended with {self.process.wait(30)}")
                self.received += piece
        return True

    def receive(self, seconds=60):
        if not self.answered(seconds):
            raise Problem(f"{self.name}: no answer within {seconds} s")
        line, _, self.received = self.received.partition(b"\n")
        answer = json.loads(line)
        if "sqlstate" in answer:
            raise Refused(answer)
        return answer

    def call(self, call, conn="main", **fields):
        self.send(call, conn=conn, **fields)
        return self.receive()

    def refused(self, call, conn="main", **fields):
        """The error of a call that must fail."""
        try:
            answer = self.call(call, conn, **fields)
        except Refused as refused:
            return refused
        raise Problem(f"{self.name}: {call} did not fail but answered {answer}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()
