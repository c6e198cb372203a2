"""Programs out of Debian's packages, started with the libraries they were built for."""

import os
import socket
import subprocess
from pathlib import Path

from servers import Problem, harness, wait_until


def program(name, release, packages, path):
    """The command that starts a program of packages, which include its C library: so it runs on any Linux."""
    root = Path(harness("debian_provide", name, release, *packages.split()))
    libraries = [str(folder) for folder in root.rglob("x86_64-linux-gnu") if folder.is_dir()]
    loader = next(root.rglob("ld-linux-x86-64.so.2"))
    return [str(loader), "--library-path", ":".join(libraries), str(root / path)]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Daemon:
    """A program that listens on a port of this machine, run as the user that runs servers."""

    def __init__(self, name, command, port, log, environment=None):
        self.name, self.command, self.port, self.log = name, command, port, Path(log)
        self.environment = {"PATH": os.environ["PATH"], **(environment or {})}

    def __enter__(self):
        user = {"user": harness("server_user")} if os.geteuid() == 0 else {}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, cwd="/", env=self.environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, **user)
        try:
            wait_until(f"{self.name} answers", self.answers, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Problem(f"{self.name} ended\n{self.shown_log()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def shown_log(self):
        return self.log.read_text(errors="replace")[-3000:]

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
