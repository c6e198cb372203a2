"""pgbouncer of a Debian release, in front of a cluster."""

import configparser
import os
import secrets
import socket
import subprocess
from pathlib import Path

from servers import Problem, harness, wait_until

HERE = Path(__file__).resolve().parents[1]
SETTINGS = HERE / "pgbouncer.ini"
TRACKED = "max_prepared_statements"

# What each release's pgbouncer needs, down to its C library: it runs on any Linux.
RELEASES = {
    "bookworm": "pgbouncer libc6 libc-ares2 libevent-2.1-7 libpam0g libssl3 libsystemd0 libaudit1 "
                "libcap-ng0 libcap2 liblzma5 libzstd1 liblz4-1 libgcrypt20 libgpg-error0",
    "trixie": "pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 "
              "libaudit1 libcap-ng0 libcap2 libzstd1 zlib1g",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def program(release):
    """The command that starts it, with the libraries it was built for."""
    root = Path(harness("debian_provide", "pgbouncer", release, *RELEASES[release].split()))
    libraries = [str(folder) for folder in root.rglob("x86_64-linux-gnu") if folder.is_dir()]
    loader = next(root.rglob("ld-linux-x86-64.so.2"))
    return [str(loader), "--library-path", ":".join(libraries), str(root / "usr/sbin/pgbouncer")]


class Pool:
    """Runs it with tests/clients/pgbouncer.ini, where only places and sizes are replaced."""

    def __init__(self, release, databases, roles, folder):
        self.command = program(release)
        done = subprocess.run([*self.command, "--version"], capture_output=True, text=True, check=True)
        self.version = done.stdout.split()[1]
        self.tracks = tuple(map(int, self.version.split(".")[:2])) >= (1, 21)
        self.port = free_port()
        self.passwords = {role: secrets.token_hex(8) for role in roles}
        self.folder = Path(folder) / f"pgbouncer-{release}"
        self.folder.mkdir(mode=0o755)
        self.write(databases)

    def write(self, databases):
        settings = configparser.ConfigParser()
        settings.read(SETTINGS)
        settings["databases"] = databases
        users = self.folder / "userlist.txt"
        users.write_text("".join(f'"{role}" "{word}"\n' for role, word in self.passwords.items()))
        changed = {"listen_port": str(self.port), "auth_file": str(users), "unix_socket_dir": ""}
        settings["pgbouncer"].update(changed)
        if not self.tracks:
            settings.remove_option("pgbouncer", TRACKED)
        with open(self.folder / "pgbouncer.ini", "w", encoding="utf-8") as file:
            settings.write(file)

    def __enter__(self):
        # pgbouncer refuses root, as PostgreSQL does.
        user = {"user": harness("server_user")} if os.geteuid() == 0 else {}
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen([*self.command, str(self.folder / "pgbouncer.ini")], cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **user)
        try:
            wait_until("pgbouncer answers", self.answers, 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Problem(f"pgbouncer {self.version} ended\n{self.shown_log()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def shown_log(self):
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def address(self, database, role="shop_app"):
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"


class Through:
    """Lets a session of servers.py go through the pool."""

    def __init__(self, pool, cluster, role):
        self.bindir = cluster.bindir
        self.environment = {**cluster.environment, "PGHOST": "127.0.0.1", "PGPORT": str(pool.port),
                            "PGUSER": role, "PGPASSWORD": pool.passwords[role]}

    def env(self, database, _options=""):
        return {**self.environment, "PGDATABASE": database}
