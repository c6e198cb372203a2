"""What was found, as one document, and whether it is what was aimed at."""

import datetime
import os
import platform
import statistics
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def size(rows):
    return "0" if rows == 0 else f"{rows // 1_000_000} M" if rows >= 1_000_000 else f"{rows:,}"


class Results:
    """Filled by the parts; each prints what it adds."""

    def __init__(self):
        self.sections = []
        self.targets = []
        describe = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
        self.commit = subprocess.run(describe, capture_output=True, text=True, check=False).stdout.strip()

    def add(self, title, lines):
        self.sections.append((title, lines))
        print(f"\n{title}\n" + "\n".join(lines), flush=True)

    def target(self, what, aim, value, holds):
        self.targets.append((what, aim, value, "met" if holds else "**missed**"))

    def at_least(self, what, aim, ratio):
        self.target(what, f"at least {aim:.2f}", ratio, ratio.median >= aim)

    # --- the parts -----------------------------------------------------------------------------

    def single(self, rows, commit, clients, cell):
        lines = table(["transaction", "µs", "floor ÷ own"],
                      [(name, f"{statistics.median(times):.1f}", "" if name in ("select_1", "no_op", "insert", "insert_new") else ratio)
                       for name, (times, ratio) in cell.items()])
        where = f"log and ledger {size(rows)}, synchronous_commit {commit}, {clients} client{'s' * (clients > 1)}"
        self.add(f"One decision a transaction: {where}", lines)
        own = {name: ratio for name, (_, ratio) in cell.items()}
        self.at_least(f"decide and write, known subject ({where})", 0.70 if rows >= 10_000_000 else 0.80, own["decide_known"])
        self.at_least(f"decide and write, new subject ({where})", 0.55, own["decide_new"])
        self.at_least(f"lotty_evaluate, no ledger read ({where})", 0.55, own["evaluate_rule"])

    def reasons(self, cells):
        self.add("Each reason (2 clients, synchronous_commit off), beside an INSERT of such a row",
                 table(["reason", "µs", "floor ÷ own"],
                       [(reason, f"{statistics.median(times):.1f}", ratio) for reason, (times, ratio) in cells.items()]))

    def port(self, clients, times, ratios):
        plural = f"{clients} client{'s' * (clients > 1)}"
        self.add(f"The seed in PL/pgSQL ({plural}, synchronous_commit off)",
                 table(["transaction", "µs", "times as long as lotty_decide"],
                       [(name, f"{statistics.median(values):.1f}", ratios.get(name, "")) for name, values in times.items()]))
        self.target(f"against the PL/pgSQL port, {plural}", "at least 12 times", ratios["port"], ratios["port"].median >= 12)

    def sdk(self, rates, ratios):
        names = {"sdk": "optimizely-sdk in Python, then INSERT by psycopg", "lotty": "lotty_decide by psycopg",
                 "pgbench": "lotty_decide by pgbench", "sdk_batch": "optimizely-sdk, then INSERT of a thousand rows at a time",
                 "lotty_bulk": "lotty_decide of all subjects in one statement"}
        self.add("Decisions a second of one core, which the client and its backend share",
                 table(["way", "decisions", "times the SDK"],
                       [(name, f"{statistics.median(rates[way]):,.0f}", ratios.get(way, ""))
                        for way, name in names.items()]))
        for what, way in (("one by one", "pgbench"), ("in bulk", "lotty_bulk")):
            self.target(f"against the Python SDK and INSERT, per core, {what}", "at least 5 times", ratios[way], ratios[way].median >= 5)

    def bulk(self, what, beside, floor, own, count, ratio):
        each = [f"{statistics.median(values) / count * 1e6:.1f}" for values in (floor, own)]
        self.add(f"{count:,} {what} in one statement", table(
            ["statement", "µs a subject", "floor ÷ own"],
            [(beside, each[0], ""), ("SELECT … FROM subjects CROSS JOIN LATERAL lotty_decide(…)", each[1], ratio)]))
        self.at_least(f"bulk, {what}", 0.60, ratio)

    def calls(self, cells):
        self.add("A call within a statement over 1,000,000 subjects, the loop included",
                 table(["call", "µs"], [(name, f"{middle:.2f} ({low:.2f}–{high:.2f})") for name, (middle, low, high) in cells.items()]))
        without = cells["lotty_evaluate, without the ledger"][0]
        read = cells["lotty_evaluate, three memberships read"][0]
        self.target("lotty_evaluate in bulk, without the ledger", "at most 2 µs", f"{without:.2f} µs", without <= 2)
        self.target("lotty_evaluate in bulk, ledger read", "at most 4 µs", f"{read:.2f} µs", read <= 4)

    def growth(self, pairs, entries, memory, first, again):
        rows = [(name, f"{before:.2f}", f"{after:.2f}", f"{before / after:.2f}") for name, before, after in pairs]
        self.add("Costs that must not grow", table(["what", "µs before", "µs after", "before ÷ after"], rows) + [
            "", f"A session with {entries:,} flags of one experiment compiled holds {memory / 1e6:.1f} MB of its own for them, "
                f"{memory / entries / 1000:.1f} kB each; compiling one takes {first:.0f} µs, asking it again {again:.1f} µs."])

    def reports(self, decisions, subjects, many, few, times):
        """Seconds of each way, and beside textbook SQL of the same metrics."""
        ways = [("textbook SQL, one metric", "textbook, one metric", ""), ("textbook SQL, all four", "textbook", ""),
                ("lotty.report from nothing: rebuilt, then read", "cold", "textbook"),
                ("lotty.report, nothing new", "warm", "textbook"),
                ("lotty.report with nothing kept (READ ONLY)", "raw", "textbook"),
                ("textbook SQL, all four, as of 14 days ago", "textbook as_of", ""),
                ("lotty.report, as of 14 days ago", "as_of", "textbook as_of")]
        for name, events in (("few", few), ("many", many)):
            ways += [(f"INSERT of {events:,} events", f"track {name}", ""),
                     (f"lotty.report after {events:,} new events", f"after {name}", "textbook"),
                     ("the next one, within five seconds", f"after {name}, again", "textbook"),
                     ("the next one, later", f"after {name}, settled", "textbook"),
                     ("and the one after that", f"after {name}, warm", "textbook")]
        middle = {name: statistics.median(values) for name, values in times.items()}
        rows = [(what, f"{middle[name]:.3f}", f"{middle[floor] / middle[name]:.2f}" if floor else "") for what, name, floor in ways]
        memory = ", ".join(f"{middle[name] / 2**20:.0f} MB {when}" for name, when in (
            ("memory cold", "from nothing"), ("memory after few", f"after {few:,} new events"),
            ("memory after many", f"after {many:,}")))
        self.add(f"The report of {decisions:,} decisions of {subjects:,} subjects and {2 * decisions:,} events, four metrics",
                 table(["what", "s", "textbook ÷ own"], rows)
                 + ["", f"All answer the same numbers. Most memory of its own that a backend had: {memory}."])
        self.target("a report with nothing new", "at most 1 s", f"{middle['warm']:.3f} s", middle["warm"] <= 1)
        share = middle["after few"] / middle["after many"]
        self.target(f"a report after {few:,} new events, beside one after {many:,}", "at most 0.20 of its time", f"{share:.2f}", share <= 0.2)

    def aggregates(self, cells):
        rows = [(name, *(text for seconds, ratio in pair for text in (f"{seconds:.3f}", ratio))) for name, pair in cells.items()]
        self.add("An aggregate over all subjects", table(["aggregate", "s", "built-in ÷ own", "parallel, s", "built-in ÷ own"], rows))

    def tracked(self, without, used, ratio):
        self.add("lotty_track in one statement, with the trigger that looks for old events",
                 table(["trigger", "µs an event", "without ÷ with"],
                       [("disabled", f"{statistics.median(without):.1f}", ""), ("enabled", f"{statistics.median(used):.1f}", ratio)]))

    # --- the document ----------------------------------------------------------------------------

    def verdicts(self):
        return "\n".join(table(["aim", "wanted", "found", ""], self.targets))

    def text(self, cluster, settings):
        model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                      if line.startswith("model name")), platform.machine())
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        lines = [
            "# Results", "", "Written by `make bench`; [README.md](README.md) says what is measured and how. Believe the ratios:",
            "the times are those of one machine. A ratio is the floor's time divided by ours: the median of six",
            "windows (bulk: five rounds), with the lowest and the highest.", "",
            f"- {model}, {os.cpu_count()} cores, {memory:.0f} GB, Linux {platform.release()}",
            f"- {cluster.psql('SELECT version()')}", f"- commit {self.commit}, {datetime.date.today()}",
            "- settings: " + ", ".join(line for line in settings.split("\n") if line), "", "## Aims", "", self.verdicts()]
        for title, section in self.sections:
            lines += ["", f"## {title}", "", *section]
        return "\n".join(lines) + "\n"
