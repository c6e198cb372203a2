"""Why the answer that is being made is to be counted apart: SDKs disagree on its input, or the
SDK for Python raises. What notes a reason also replaces the SDK's answer by the documented one.
"""

reasons = set()


def note(reason):
    reasons.add(reason)


def take():
    """The reasons since the last time, as one text, or None."""
    text = "; ".join(sorted(reasons)) or None
    reasons.clear()
    return text
