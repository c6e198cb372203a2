"""pgbouncer of a Debian release, in front of a cluster."""

import configparser
import secrets
import subprocess
from pathlib import Path

from debian import Daemon, free_port, program

HERE = Path(__file__).resolve().parents[1]
SETTINGS = HERE / "pgbouncer.ini"
TRACKED = "max_prepared_statements"

# What each release's pgbouncer needs, down to its C library.
RELEASES = {
    "bookworm": "pgbouncer libc6 libc-ares2 libevent-2.1-7 libpam0g libssl3 libsystemd0 libaudit1 "
                "libcap-ng0 libcap2 liblzma5 libzstd1 liblz4-1 libgcrypt20 libgpg-error0",
    "trixie": "pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 "
              "libaudit1 libcap-ng0 libcap2 libzstd1 zlib1g",
}


class Pool(Daemon):
    """Runs it with tests/clients/pgbouncer.ini, where only places and sizes are replaced."""

    def __init__(self, release, databases, roles, folder):
        command = program("pgbouncer", release, RELEASES[release], "usr/sbin/pgbouncer")
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        self.version = done.stdout.split()[1]
        self.tracks = tuple(map(int, self.version.split(".")[:2])) >= (1, 21)
        self.passwords = {role: secrets.token_hex(8) for role in roles}
        self.folder = Path(folder) / f"pgbouncer-{release}"
        self.folder.mkdir(mode=0o755)
        super().__init__(f"pgbouncer {self.version}", [*command, str(self.folder / "pgbouncer.ini")],
                         free_port(), self.folder / "log")
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
