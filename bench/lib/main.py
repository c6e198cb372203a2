"""The parts of the benchmark, one after the other, and what they found."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/lib"))

import bulk
import growth
import report
import reports
import rivals
import single
from servers import Cluster

PARTS = {"single": single.measure, "reasons": single.reasons, "rivals": rivals.measure,
         "bulk": bulk.measure, "growth": growth.measure, "reports": reports.measure}

# As a server of its own would be set up; what is not said here is PostgreSQL's default. Vacuum and
# checkpoints come in between measurements, not in some of them.
SETTINGS = """
shared_preload_libraries = 'lotty'
fsync = on
full_page_writes = on
shared_buffers = '25%'
max_wal_size = '16GB'
checkpoint_timeout = '1h'
autovacuum = off
"""


def settings():
    kilobytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    return SETTINGS.replace("'25%'", f"'{kilobytes // 4}kB'")


def main():
    version, *wanted = sys.argv[1:]
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        sys.exit(f"unknown part {unknown[0]}; there are: {' '.join(PARTS)}")
    results = report.Results()
    with Cluster(f"bench-{version}", version, settings()) as cluster:
        single.prepare(cluster)
        for name, measure in PARTS.items():
            if not wanted or name in wanted:
                print(f"\n# {name}", flush=True)
                measure(cluster, results)
        text = results.text(cluster, settings())
    print(f"\n{results.verdicts()}")
    if not wanted:
        path = HERE.parent / "RESULTS.md"
        path.write_text(text, encoding="utf-8")
        print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


main()
