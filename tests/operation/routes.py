"""How subjects get to the shard that has them: by PL/Proxy, or by a router in the application."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

from provided import debian_extension
from servers import TESTS

CONTRIB = TESTS.parent / "contrib/plproxy"
PACKAGE, RELEASE, VERSION = "postgresql-15-plproxy", "bookworm", "15"
DATABASE = "shop"

ANSWER = "s.id, d.value, d.experiment_id, d.variant_id, d.reason"
ANSWERS = """DROP TABLE IF EXISTS {table}; CREATE TABLE {table}
             (id text, value jsonb, experiment_id uuid, variant_id uuid, reason lotty.reason)"""


def shard_of(subject, shards):
    """Lotty's hash, computed without Lotty."""
    digest = hashlib.sha256(f"{subject}:lotty:shard".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 10000 & (shards - 1)


def with_proxy(version):
    """Debian has PL/Proxy for its own PostgreSQL."""
    return version == VERSION


def connection_to(cluster, database=DATABASE):
    return f"host={cluster.environment['PGHOST']} port=5432 dbname={database}"


class Proxy:
    """PL/Proxy, by the files of contrib, in a database of any node."""

    name = "PL/Proxy"

    def __init__(self, cluster, database, shards):
        self.cluster, self.database = cluster, database
        partitions = ", ".join(f"p{n} '{connection_to(shard)}'" for n, shard in enumerate(shards))
        cluster.psql("CREATE EXTENSION plproxy",
                     f"CREATE SERVER lotty FOREIGN DATA WRAPPER plproxy OPTIONS ({partitions})",
                     "CREATE USER MAPPING FOR PUBLIC SERVER lotty OPTIONS (user 'postgres')", database=database)
        self.install()

    def install(self):
        for file in ("proxy.sql", "reports.sql"):
            self.cluster.psql(file=CONTRIB / file, database=self.database)

    @staticmethod
    def provide(cluster):
        """Copies Debian's package into our copy of PostgreSQL."""
        debian_extension(cluster, "plproxy", RELEASE, PACKAGE)

    def psql(self, *commands):
        return self.cluster.psql(*commands, database=self.database)

    def one(self, flag, subject, attrs="{}"):
        return self.psql(f"SELECT value, reason FROM lotty_proxy.lotty_decide('{flag}', '{subject}', '{attrs}')")

    def decide(self, flag, subjects, table):
        """Decides for a table of subjects on the proxy, one call for each, and leaves the answers in another."""
        self.psql(ANSWERS.format(table=table),
                  f"""INSERT INTO {table} SELECT {ANSWER} FROM {subjects} AS s
                      CROSS JOIN LATERAL lotty_proxy.lotty_decide('{flag}', s.id, s.attrs) AS d""")

    def decide_in_bulk(self, flag, subjects, table):
        self.psql(ANSWERS.format(table=table),
                  f"""INSERT INTO {table} SELECT d.subject, d.value, d.experiment_id, d.variant_id, d.reason
                      FROM (SELECT array_agg(id) AS ids, array_agg(attrs) AS attrs FROM {subjects}) AS s
                      CROSS JOIN LATERAL lotty_proxy.lotty_decide_subjects('{flag}', s.ids, s.attrs) AS d""")

    def exposed(self, experiment):
        return self.psql(f"SELECT variant, subjects, crossovers, decisions FROM lotty_proxy.exposed('{experiment}')")


class Router:
    """The same hash in an application that has a connection to each shard."""

    name = "a router in Python"

    def __init__(self, cluster, database, shards):
        self.cluster, self.database, self.shards = cluster, database, shards

    def psql(self, *commands, data=None):
        return self.cluster.psql(*commands, database=self.database, data=data)

    def on_all(self, *arguments):
        """Runs on all shards at the same time; each gets its own part of the last argument, if there is one."""
        def run(n):
            *commands, data = arguments
            return self.shards[n].psql(*commands, database=DATABASE, data=data and data[n])
        with ThreadPoolExecutor(len(self.shards)) as pool:
            return list(pool.map(run, range(len(self.shards))))

    def one(self, flag, subject, attrs="{}"):
        shard = self.shards[shard_of(subject, len(self.shards))]
        return shard.psql(f"SELECT value, reason FROM lotty_decide('{flag}', '{subject}', '{attrs}')", database=DATABASE)

    def decide(self, flag, subjects, table):
        lines = self.psql(f"COPY (SELECT id, attrs FROM {subjects}) TO STDOUT").splitlines()
        parts = [[] for _ in self.shards]
        for line in lines:
            parts[shard_of(line.split("\t")[0], len(self.shards))].append(line)
        self.on_all("DROP TABLE IF EXISTS routed; CREATE TABLE routed (id text, attrs jsonb)",
                    "COPY routed FROM STDIN", ["\n".join(part) + "\n" for part in parts])
        answers = self.on_all(
            f"CREATE TEMP TABLE answer AS SELECT {ANSWER} FROM routed AS s CROSS JOIN LATERAL lotty_decide('{flag}', s.id, s.attrs) AS d",
            "DROP TABLE routed", "COPY answer TO STDOUT", None)
        self.psql(ANSWERS.format(table=table))
        for part in answers:
            self.psql(f"COPY {table} FROM STDIN", data=part + "\n")

    decide_in_bulk = decide

    def exposed(self, experiment):
        totals = {}
        for part in self.on_all(f"""SELECT variant, count(*), count(*) FILTER (WHERE crossover), sum(decisions)
                                    FROM lotty.exposure WHERE experiment_key = '{experiment}' GROUP BY variant""", None):
            for line in part.splitlines():
                variant, *numbers = line.split("|")
                totals[variant] = [a + int(b) for a, b in zip(totals.get(variant, [0, 0, 0]), numbers)]
        return "\n".join("|".join([variant, *map(str, totals[variant])]) for variant in sorted(totals))
