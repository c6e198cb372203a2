"""Prometheus' text format, version 0.0.4, read as strictly as it is defined."""

import math
import re
from dataclasses import dataclass, field

from servers import Problem

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([^ ]+)")
COMMENT = re.compile(rf"# (HELP|TYPE) ({NAME}) (.*)")
ESCAPED = re.compile(r"\\(.)")


@dataclass
class Family:
    """The metrics of one name."""

    kind: str = ""
    help: str = ""
    samples: dict = field(default_factory=dict)


def unescape(text, allowed):
    def one(match):
        if match[1] not in allowed:
            raise Problem(f"{match[0]} is no escape: {text}")
        return "\n" if match[1] == "n" else match[1]

    return ESCAPED.sub(one, text)


def parse(text):
    """Families by name; their samples by labels. Comes to a stop at what is not exactly right."""
    if not text.endswith("\n") or "\r" in text:
        raise Problem("a line does not end with a newline alone")
    families, last = {}, None
    for line in text[:-1].split("\n"):
        comment, sample = COMMENT.fullmatch(line), SAMPLE.fullmatch(line)
        name = comment[2] if comment else sample[1] if sample else None
        if name is None:
            raise Problem(f"neither HELP nor TYPE nor a sample: {line}")
        if comment and comment[1] == "HELP":
            if name in families:
                raise Problem(f"a second HELP, or samples apart from each other: {name}")
            families[name] = last = Family(help=unescape(comment[3], "\\n"))
        elif comment:
            if families.get(name) is not last or last.kind or last.samples:
                raise Problem(f"TYPE does not follow HELP: {line}")
            last.kind = comment[3]
        else:
            family = families.get(re.sub(r"_(sum|count|bucket)$", "", name), families.get(name))
            if family is not last or not family.kind:
                raise Problem(f"a sample that is not below its HELP and TYPE: {line}")
            take(family, name, sample)
    return families


def take(family, name, sample):
    labels = [(match[1], unescape(match[2], '\\n"')) for match in re.finditer(LABEL, sample[2] or "")]
    if len({label for label, _ in labels}) != len(labels):
        raise Problem(f"a label twice: {sample[0]}")
    key = (name, frozenset(labels))
    if key in family.samples:
        raise Problem(f"a sample twice: {sample[0]}")
    value = float(sample[sample.re.groups])
    if family.kind == "counter" and (math.isnan(value) or value < 0):
        raise Problem(f"a counter that is no number or is below 0: {sample[0]}")
    family.samples[key] = value
