"""pgspot finds nothing in the scripts that CREATE EXTENSION and ALTER EXTENSION run, but for what is known."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from provided import python_packages
from servers import Problem

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

# Functions of the library that run with their owner's rights and have no SET clause, which would cost each
# call 0.9 us. They pin the path themselves wherever they run SQL (src/pg/spi.rs); the tests `privileges`
# and `rights` of pg_regress call them with traps in the path of the caller.
PINNED_IN_CODE = ["lotty_decide", "lotty_decide_all", "lotty_decide_many", "lotty_decide_experiment",
                  "lotty_evaluate", "lotty_evaluate_all", "lotty_evaluate_many", "lotty_evaluate_experiment",
                  "lotty_boolean", "lotty_string", "lotty_number", "lotty_json"]
# What the script must not be found clean with: each is one way of letting callers in.
FAULTS = {
    "an operator of whoever made it": ("SELECT 1 WHERE lotty.owns_tables() = true;", "PS001"),
    "a function without a path": ("CREATE FUNCTION lotty.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
                                  "PS003"),
    "a function that may be another's": ("CREATE OR REPLACE FUNCTION public.f() RETURNS int LANGUAGE sql "
                                         "SET search_path = pg_catalog, pg_temp AS 'SELECT 1';", "PS002"),
}


def found(script):
    """What pgspot finds in a script, without what is known."""
    packages = python_packages("pgspot", REQUIREMENTS)
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(["python3", "-B", "-m", "pgspot", "--ignore-lang", "c", file.name],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "PYTHONPATH": str(packages)})
    if "Errors: " not in done.stdout:
        raise Problem(f"pgspot broke off\n{(done.stdout + done.stderr)[-2000:]}")
    findings = re.findall(r"^(?:PS\d+: .*|.*is not a known variable.*|Unknown.*)$", done.stdout, re.MULTILINE)
    return [finding for finding in findings if not is_known(finding)]


def is_known(finding):
    definer = re.match(r"PS003: SECURITY DEFINER function without explicit search_path: (\w+)\(", finding)
    return bool(definer) and definer.group(1) in PINNED_IN_CODE


def safe_scripts(checks, cluster):
    scripts = sorted(cluster.extension_folder().glob("lotty--*.sql"))
    checks.check("there are scripts", len(scripts) > 0, str(cluster.extension_folder()))
    for script in scripts:
        findings = found(script.read_text(encoding="utf-8"))
        checks.check(f"pgspot finds nothing in {script.name}", not findings, findings)
    for what, (statement, code) in FAULTS.items():
        findings = found(f"{scripts[-1].read_text(encoding='utf-8')}\n{statement}\n")
        checks.check(f"pgspot finds {what}", any(finding.startswith(code) for finding in findings), findings)
