"""The values of variables that Lotty documents, where SDKs disagree on a text or where the SDK
for Python gives something that is no JSON.
"""

import json
import math

import noted

NOT_FINITE = "variable: a number that is not finite"
ODD_DIGITS = "variable: digits that are not ASCII"
SURROGATE = "variable: half a surrogate pair"


class NoValue(ValueError):
    """The text is no value of the variable's type: the answer is null."""


def refuse(reason):
    noted.note(reason)
    raise NoValue(reason)


def documented(value, text, kind):
    """`value` is what Python made of the text."""
    if kind in ("integer", "double") and any(
            character.isdigit() and not character.isascii() for character in text):
        refuse(ODD_DIGITS)
    if kind == "double" and not math.isfinite(value):
        refuse(NOT_FINITE)
    if kind == "json":
        json.loads(text, parse_constant=lambda name: refuse(NOT_FINITE))
        return settled(value)
    return value


def settled(value):
    """Numbers beyond floats are null; jsonb holds no half of a surrogate pair."""
    if isinstance(value, float) and not math.isfinite(value):
        noted.note(NOT_FINITE)
        return None
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        refuse(SURROGATE)
    if isinstance(value, list):
        return [settled(element) for element in value]
    if isinstance(value, dict):
        return {key: settled(member) for key, member in value.items()}
    return value


def install(project_config):
    """`project_config` is the SDK's ProjectConfig."""
    original = project_config.get_typecast_value

    def typecast(self, value, kind):
        return documented(original(self, value, kind), value, kind)

    project_config.get_typecast_value = typecast
