"""What one would use instead: the seed in PL/pgSQL, and Optimizely's SDK in Python with an INSERT."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mixture
import single
from mixture import Ratio
from one_core import share_a_core
from servers import Problem, harness

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS / "clients/lib"), str(TESTS / "optimizely/lib")]

import drivers  # noqa: E402
import install  # noqa: E402

ROUNDS = 3
SECONDS = 5
PORT = f"{single.KNOWN}SELECT * FROM port.decide('first', :subject, {single.ATTRS}"
# Known subjects of the port; fewer would only help it.
SUBJECTS = 300_000


def measure(cluster, results):
    single.grow(cluster, 3 * SUBJECTS)
    cluster.psql(file=single.SQL / "port.sql", database=single.DATABASE)
    cluster.psql(f"""INSERT INTO port.decision SELECT * FROM lotty.decision
                      WHERE reason = 'experiment_assigned'
                        AND subject_id BETWEEN '10000000001' AND (10000000000 + {SUBJECTS})::text""",
                 "VACUUM ANALYZE port.decision, port.flag, port.experiment, port.variant", "CHECKPOINT",
                 database=single.DATABASE)
    port(cluster, results)
    sdk(cluster, results)


def port(cluster, results):
    scripts = {"insert": single.FLOORS["insert"], "decide_known": single.OWN["decide_known"],
               "port": f"{PORT});", "port_by_jsonpath": f"{PORT}, true);"}
    for clients in (1, 2):
        times = mixture.run(cluster, single.DATABASE, scripts, clients, single.SECONDS, {"subjects": SUBJECTS},
                            "-c synchronous_commit=off")
        results.port(clients, times, {name: Ratio(times[name], times["decide_known"]) for name in ("port", "port_by_jsonpath")})


# --- decisions a second of one core, which the client and its backend share ----------------------------


def sdk(cluster, results):
    command, environment = drivers.python_command()
    paths = [environment["PYTHONPATH"], str(install.provide())]
    ways = ("sdk", "lotty", "sdk_batch", "lotty_bulk")
    rates = {way: [] for way in (*ways, "pgbench")}
    for _ in range(ROUNDS):
        for way in ways:
            rates[way].append(in_python(cluster, command[0], way, paths))
        rates["pgbench"].append(in_pgbench(cluster))
    results.sdk(rates, {way: Ratio(rates[way], rates["sdk_batch" if way == "lotty_bulk" else "sdk"])
                        for way in ("lotty", "pgbench", "lotty_bulk")})


def in_python(cluster, python, way, paths):
    done = subprocess.run([python, "-B", str(Path(__file__).with_name("python_client.py")), way, str(SECONDS),
                           str(SUBJECTS)], capture_output=True, text=True, check=False,
                          env={**cluster.env(single.DATABASE, "-c synchronous_commit=off"),
                               "PYTHONPATH": os.pathsep.join(paths)})
    if done.returncode != 0:
        raise Problem(done.stderr[-2000:])
    return json.loads(done.stdout)["rate"]


def in_pgbench(cluster):
    """The cheapest client there is: what is left is mostly the server's."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql", dir=harness("state_folder")) as script:
        script.write(single.OWN["decide_known"])
        script.flush()
        with subprocess.Popen(
                [str(cluster.bindir / "pgbench"), "-n", "-M", "prepared", "-T", str(SECONDS + 2), "-D",
                 f"subjects={SUBJECTS}", "-f", script.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=cluster.env(single.DATABASE, "-c synchronous_commit=off")) as client:
            time.sleep(1)
            backend = int(cluster.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench'"))
            share_a_core(client.pid, backend)
            count, begin = sum(single.counts(cluster).values()), time.monotonic()
            time.sleep(SECONDS)
            count, seconds = sum(single.counts(cluster).values()) - count, time.monotonic() - begin
            client.wait()
    return count / seconds
