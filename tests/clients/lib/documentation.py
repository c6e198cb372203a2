"""docs/clients.md shows files that are tested: <!-- file: PATH --> before a block of code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/clients.md"
BLOCK = re.compile(r"(<!-- file: (\S+) -->\n+```\w*\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)


def update():
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda block: block[1] + content(block[2]) + block[4], text), encoding="utf-8")


def content(path):
    return (ROOT / path).read_text(encoding="utf-8")


def documentation(checks, examples):
    text = PAGE.read_text(encoding="utf-8")
    shown = {path: block for _, path, block, _ in BLOCK.findall(text)}
    for path in examples:
        checks.same_lines(f"the documentation shows {path} as it is", shown.get(path, ""), content(path))
    fences = len(re.findall(r"^```", text, re.MULTILINE)) // 2
    checks.equal("the documentation has no other blocks of code", fences, len(examples))
