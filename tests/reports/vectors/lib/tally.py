"""Counting comparisons."""
import math

RELATIVE, ABSOLUTE = 1e-9, 1e-12


def close(expected, actual, scale=1):
    """Whether a number is the expected one; None is NULL. scale: of what it is a difference."""
    if expected is None or actual is None:
        return expected is actual
    expected, actual = float(expected), float(actual)
    if math.isnan(expected) or math.isnan(actual):
        return False
    return expected == actual or abs(expected - actual) <= max(ABSOLUTE * scale, RELATIVE * abs(expected))


class Tally:
    """How many comparisons passed, and what failed."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    def equal(self, what, expected, actual):
        """Counts, names and other things that are equal or not."""
        self.count(expected == actual, what, expected, actual)

    def number(self, what, expected, actual, scale=1):
        """Numbers, as close as close() wants them."""
        self.count(close(expected, actual, scale), what, expected, actual)

    def count(self, is_right, what, expected, actual):
        if is_right:
            self.passed += 1
        else:
            self.failures.append(f"{what}: expected {expected}, got {actual}")

    def result(self, what, expected):
        """What is printed: (what, passed, failures, how many there must be)."""
        return what, self.passed, self.failures, expected
