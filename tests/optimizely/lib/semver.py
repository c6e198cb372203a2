"""The comparison of versions that Lotty documents, where the SDKs agree and where not.

`install` puts it into the SDK for Python. Wherever the SDK's own comparison raises or answers
otherwise, that is noted.
"""

import re

import noted

MIXED = "semver: digits against text"
ODD_DIGITS = "semver: digits that are not ASCII"

def is_pre_release(version):
    dash, plus = version.find("-"), version.find("+")
    return dash >= 0 and (plus < 0 or dash < plus)


def is_build(version):
    dash, plus = version.find("-"), version.find("+")
    return plus >= 0 and (dash < 0 or plus < dash)


def is_number(part):
    return re.fullmatch("[0-9]+", part) is not None


def split(version):
    """The parts of a version, or None: up to three numbers, and what follows as one text."""
    if " " in version:
        return None
    prefix, suffix = version, []
    if is_pre_release(version):
        prefix, *suffix = version.split("-", 1)
    elif is_build(version):
        prefix, *suffix = version.split("+", 1)
    numbers = prefix.split(".")
    if len(numbers) > 3 or not all(map(is_number, numbers)):
        return None
    return numbers + suffix


def compare(target, user):
    """How the user's version compares with the target: -1, 0, 1, or None for unknown."""
    wanted, given = split(target), split(user)
    if wanted is None or given is None:
        return None
    for place, part in enumerate(wanted):
        if place >= len(given):
            return 1 if is_pre_release(target) or is_build(target) else -1
        order = compare_part(part, given[place], target, user)
        if order:
            return order
    return -1 if is_pre_release(user) and not is_pre_release(target) else 0


def compare_part(wanted, given, target, user):
    if is_number(given):
        if not is_number(wanted):  # the SDKs do not agree
            return -1 if is_pre_release(user) else 1
        return (int(given) > int(wanted)) - (int(given) < int(wanted))
    if given < wanted:
        return 1 if is_pre_release(target) and not is_pre_release(user) else -1
    if given > wanted:
        return -1 if is_pre_release(user) and not is_pre_release(target) else 1
    return 0


def install(evaluator):
    """`evaluator` is the SDK's CustomAttributeConditionEvaluator."""
    original = evaluator.compare_user_version_with_target_version

    def documented(self, target_version, user_version):
        result = compare(target_version, user_version)
        try:
            agreed = original(self, target_version, user_version) == result
        except ValueError:
            agreed = False
        if not agreed:
            ascii_only = (target_version + user_version).isascii()
            noted.note(MIXED if ascii_only else ODD_DIGITS)
        return result

    evaluator.compare_user_version_with_target_version = documented
