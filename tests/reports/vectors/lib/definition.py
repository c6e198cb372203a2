"""What a report has to count, computed from the raw rows by plain loops: the rules, and nothing of how they are done.

Times are microseconds. A decision is a dictionary of id, subject, variant (None for no exposure) and at; an event one of id,
type, subject (may be None), decision (may be None), value (may be None), at and received, in the order of their arrival.
"""
import math
from fractions import Fraction

FATES = ("events_without_decision", "events_unknown_decision", "events_subject_mismatch", "events_unexposed_subject",
         "events_multi_variant_subject", "events_before_exposure", "events_after_window", "events_after_end", "events_attributed")


class Report:
    """One look at the rows: by a plan, as they were known and as far as they had happened."""

    def __init__(self, decisions, events, starts=None, ends=None, crossovers="exclude", as_of=None, until=None):
        self.ends = ends
        self.until = until
        self.as_of = as_of
        self.crossovers = crossovers
        self.all_decisions, self.all_events = decisions, events
        known = [d for d in decisions if as_of is None or d["at"] < as_of]
        self.known = known
        self.exposures = [
            d for d in known if d["variant"] is not None and (starts is None or d["at"] >= starts)
            and (ends is None or d["at"] < ends) and (until is None or d["at"] < until)]
        histories = {}
        for exposure in self.exposures:
            histories.setdefault(exposure["subject"], []).append(exposure)
        self.first = {subject: min(history, key=lambda d: (d["at"], d["id"])) for subject, history in histories.items()}
        self.crossed = {subject for subject, history in histories.items()
                        if any(d["variant"] != self.first[subject]["variant"] for d in history)}
        self.included = {subject: first for subject, first in self.first.items()
                         if crossovers == "first" or subject not in self.crossed}
        copies = {}
        for order, event in enumerate(events):
            if as_of is None or event["received"] < as_of:
                place = event["received"], order
                if event["id"] not in copies or place < copies[event["id"]][0]:
                    copies[event["id"]] = place, event
        self.known_events = sum(as_of is None or event["received"] < as_of for event in events)
        self.events = [event for _, event in sorted(copies.values(), key=lambda copy: copy[0])]
        self.by_decision = {exposure["id"]: exposure for exposure in self.exposures}

    def fate(self, event, attribution, window):
        """What becomes of an event, and whose it is: as the counters of traffic have it."""
        exposure = self.first.get(event["subject"])
        if attribution == "decision_id":
            if event["decision"] is None:
                return "events_without_decision", None
            exposure = self.by_decision.get(event["decision"])
            if exposure is None:
                return "events_unknown_decision", None
            if event["subject"] not in (None, exposure["subject"]):
                return "events_subject_mismatch", None
        if exposure is None:
            return "events_unexposed_subject", None
        subject = exposure["subject"]
        if subject not in self.included or exposure["variant"] != self.first[subject]["variant"]:
            return "events_multi_variant_subject", None
        if event["at"] < exposure["at"]:
            return "events_before_exposure", None
        if window is not None and event["at"] >= exposure["at"] + window:
            return "events_after_window", None
        if window is None and self.ends is not None and event["at"] >= self.ends:
            return "events_after_end", None
        return "events_attributed", subject

    def attributed(self, event_type, attribution, window):
        """(subject, event) of those that count."""
        for event in self.events:
            if event["type"] == event_type and (self.until is None or event["at"] < self.until):
                fate, subject = self.fate(event, attribution, window)
                if fate == "events_attributed":
                    yield subject, event

    def totals(self, event_type, attribution, window):
        """Of each subject that is included how many events it has, and their sum."""
        totals = {subject: (0, Fraction(0)) for subject in self.included}
        for subject, event in self.attributed(event_type, attribution, window):
            count, total = totals[subject]
            totals[subject] = count + 1, total + (event["value"] or 0)
        return totals

    def values(self, metric):
        """The value of each subject; of a ratio a pair."""
        attribution, window = metric.get("attribution", "subject_id"), metric.get("window")
        totals = self.totals(metric["event_type"], attribution, window)
        if metric["type"] == "ratio":
            below = self.totals(metric["denominator_event_type"], attribution, window)
            return {subject: (totals[subject][1], Fraction(below[subject][0])) for subject in totals}
        pick = {"conversion": lambda t: Fraction(t[0] > 0), "count": lambda t: Fraction(t[0]), "sum": lambda t: t[1]}[metric["type"]]
        return {subject: pick(total) for subject, total in totals.items()}

    def covariates(self, metric):
        """The value of each subject in so many days before its first exposure."""
        before = metric["cuped_days"] * 86_400_000_000
        totals = {subject: (0, Fraction(0)) for subject in self.included}
        for event in self.events:
            exposure = self.first.get(event["subject"])
            if metric.get("attribution") == "decision_id":
                exposure = self.by_decision.get(event["decision"])
                if exposure is not None and event["subject"] not in (None, exposure["subject"]):
                    exposure = None
            if event["type"] != metric["event_type"] or exposure is None or exposure["subject"] not in self.included:
                continue
            first = self.first[exposure["subject"]]
            if exposure["variant"] == first["variant"] and exposure["at"] - before <= event["at"] < first["at"]:
                count, total = totals[exposure["subject"]]
                totals[exposure["subject"]] = count + 1, total + (event["value"] or 0)
        pick = {"conversion": lambda t: Fraction(t[0] > 0), "count": lambda t: Fraction(t[0]), "sum": lambda t: t[1]}[metric["type"]]
        return {subject: pick(total) for subject, total in totals.items()}

    def stats(self, metric):
        """{variant: (n, sum, sum of squares)}; of a ratio, and with a covariate, (n, sum, sum, sum of products) of both."""
        by_variant = {}
        if "cuped_days" in metric:
            covariates = self.covariates(metric)
            for subject, value in self.values(metric).items():
                by_variant.setdefault(self.first[subject]["variant"], []).append((value, covariates[subject]))
            return {variant: (len(pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs), sum(a * b for a, b in pairs))
                    for variant, pairs in by_variant.items()}
        for subject, value in self.values(metric).items():
            by_variant.setdefault(self.first[subject]["variant"], []).append(value)
        if metric["type"] == "ratio":
            return {variant: (len(pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs), sum(a * b for a, b in pairs))
                    for variant, pairs in by_variant.items()}
        return {variant: (len(values), sum(values), sum(value * value for value in values)) for variant, values in by_variant.items()}

    def counts(self):
        """{variant: (exposed, included)}"""
        counted = {}
        for subject, first in self.first.items():
            exposed, included = counted.get(first["variant"], (0, 0))
            counted[first["variant"]] = exposed + 1, included + (subject in self.included)
        return counted

    def traffic(self, types, attribution, window, variants):
        """{(counter, variant): value}"""
        starts_known = [d for d in self.known if d["variant"] is not None]
        events = [event for event in self.events if event["type"] in types]
        rows = [event for event in self.all_events if event["type"] in types]
        known_rows = sum(self.as_of is None or event["received"] < self.as_of for event in rows)
        counted = {
            "decision_rows": len(self.all_decisions), "decisions_after_as_of": len(self.all_decisions) - len(self.known),
            "decisions_not_in_experiment": len(self.known) - len(starts_known),
            "exposures_out_of_range": len(starts_known) - len(self.exposures), "exposure_rows": len(self.exposures),
            "exposed_subjects": len(self.first), "multi_variant_subjects": len(self.crossed),
            "included_subjects": len(self.included), "event_rows": len(rows), "events_after_as_of": len(rows) - known_rows,
            "duplicate_event_rows": known_rows - len(events), "distinct_events": len(events)} | dict.fromkeys(FATES, 0)
        for event in events:
            counted[self.fate(event, attribution, window)[0]] += 1
        answer = {(counter, None): value for counter, value in counted.items()}
        for variant in variants:
            answer["subjects", variant] = sum(first["variant"] == variant for first in self.included.values())
        return answer


# --- statistics ------------------------------------------------------------------------------


def sample_ratio(periods):
    """Chi-squared, degrees of freedom, p-value and logarithm of the Bayes factor of three variants, whose counts and
    weights are given for each period: (O - E)' V^-1 (O - E) over two of them, with E and V added up."""
    size = len(periods[0][0])
    assert size == 3, "the p-value is written out for two degrees of freedom"
    off, cov, factor = [0.0] * size, [[0.0] * size for _ in range(size)], 0.0
    for observed, weights in periods:
        number, total = sum(observed), sum(weights)
        shares = [weight / total for weight in weights]
        for i in range(size):
            off[i] += observed[i] - number * shares[i]
            for j in range(size):
                cov[i][j] += number * ((shares[i] if i == j else 0) - shares[i] * shares[j])
        # Quotients of the gamma function as products: the difference of its logarithms has lost the last digits.
        prior = 10000.0
        factor += math.fsum([-math.log(prior + i) for i in range(number)]
                            + [math.log(prior + i / w) for o, w in zip(observed, shares) for i in range(o)])
    determinant = cov[0][0] * cov[1][1] - cov[0][1] ** 2
    chi_squared = (off[0] ** 2 * cov[1][1] - 2 * off[0] * off[1] * cov[0][1] + off[1] ** 2 * cov[0][0]) / determinant
    return {"chi_squared": chi_squared, "degrees_of_freedom": 2, "p_value": math.exp(-chi_squared / 2),
            "log_bayes_factor": factor, "seq_p_value": min(1.0, math.exp(-factor))}


def mean_and_variance(n, total, squares):
    mean = total / n
    return mean, (squares - total * mean) / (n - 1)


def stratified(strata):
    """Difference and its variance, of strata that are pairs of (n, sum, sum of squares): those of the control and of the
    treatment. Each stratum counts by its share of the subjects; what the shares have by chance adds to the variance."""
    sizes = [control[0] + treatment[0] for control, treatment in strata]
    number = sum(sizes)
    diff = variance = squares = Fraction(0)
    for (control, treatment), size in zip(strata, sizes):
        share = Fraction(size, number)
        control_mean, control_variance = mean_and_variance(*control)
        mean, own_variance = mean_and_variance(*treatment)
        diff += share * (mean - control_mean)
        squares += share * (mean - control_mean) ** 2
        variance += share ** 2 * (own_variance / treatment[0] + control_variance / control[0])
    variance += (squares - diff ** 2) / number
    return float(diff), math.sqrt(variance), number


def always_valid_p(t, number, alpha, planned):
    """p-value of the mixture sequence that is sharpest at the planned number of subjects."""
    rho = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / planned
    u = number * rho + 1
    return min(1.0, math.exp(math.log(u) / 2 - (u - 1) / (2 * u) * t * t))


def holm(p_values):
    """Undefined ones are not counted."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted, highest = [None] * len(p_values), 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = highest
    return adjusted


def benjamini_hochberg(p_values):
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted, lowest = [None] * len(p_values), 1.0
    for rank, (p, i) in reversed(list(enumerate(order, 1))):
        lowest = min(lowest, len(order) * p / rank)
        adjusted[i] = lowest
    return adjusted
