"""JSON with numbers written exactly as wanted (1e400, 9007199254740992.3, 1.0), and JSON within
texts of JSON.

A Raw stands for a number by its text. dumps() writes it; what reads the result decides what
becomes of it, which is the point.
"""

import json
import re
from dataclasses import dataclass

MARK = "\N{BLACK SMILING FACE}"
MARKED = re.compile(f'"{MARK}([^"{MARK}]*){MARK}"')


class Raw(str):
    """The text of a JSON number."""


@dataclass
class Embedded:
    """Written as a text that holds the JSON of the value."""

    value: object


def marked(value):
    if isinstance(value, Raw):
        return f"{MARK}{value}{MARK}"
    if isinstance(value, Embedded):
        return dumps(value.value)
    if isinstance(value, dict):
        return {key: marked(member) for key, member in value.items()}
    if isinstance(value, list):
        return [marked(member) for member in value]
    return value


def dumps(value):
    text = json.dumps(marked(value), ensure_ascii=False, separators=(",", ":"))
    return MARKED.sub(r"\1", text)
