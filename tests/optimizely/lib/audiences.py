"""Random audiences: conditions and references to them, and attributes that may meet them.

What SDKs disagree on is generated rarely, see `semver` and `twin`. Left out is what makes
every SDK raise: numbers and nulls in place of a condition; and the segment of `qualified` as
a list, with which one SDK cannot load a datafile.
"""

from raw import Embedded, Raw, dumps

# Names with everything that means something in a rule.
NAMES = ["country", "age", "plan", "app_version", "is_premium", "score", "a.b", "tick`s",
         'quo"te', "it's", "two words", "käyttäjä taso", "NULL", "in", "$opt_x",
         "back\\slash", "x[0]", "TRUE", "ключ", "line\nend"]
NUMERIC = ["age", "score"]
TEXTUAL = ["country", "plan"]
TEXTS = ["DE", "AT", "de", "", "München", "東京", "😀", "true", "1", "18", "2.0.0", "x" * 60,
         'a"b', "a\\b", "line\nend", "e\u0301", "é", "beta", "beta-tester", "null", "DE ", "`",
         "%", "_", "\\u0041", "\u2028", "AND", "pro", "PRO", "München DE"]
NUMBERS = [Raw(text) for text in (
    "0 -0 0.0 1 1.0 -1 2 17 18 18.0 18.5 19 42 99.99 100 1E2 1e2 0.1 0.1000000000000000055 0.3 "
    "0.30000000000000004 1e-7 1e-400 -1e-400 1e15 9007199254740991 9007199254740992 "
    "9007199254740993 -9007199254740992 -9007199254740993 9007199254740992.3 "
    "9007199254740993.1 9007199254740992.0 4503599627370497.5 "
    "4503599627370497.4999 1e16 1e308 1.7976931348623157e308 1e309 1e400 -1e400 "
    "123456789012345678901234567890 3.141592653589793 3.14159265358979323846 "
    "0.000001 -273.15").split()]
VERSIONS = ["2", "2.0", "2.0.0", "2.1", "2.1.0", "2.0.9", "2.0.10", "02.0.0", "1.9.99", "3.0.0",
            "3.7.12", "10.0.0", "2.1.9", "99999999999999999999.0.0"]
MARKED_VERSIONS = ["2.1.0-beta", "2.1.0-alpha", "2.1.0-beta.1", "2.1.0-beta10", "2.1.0-beta9",
                   "2.1.0+build", "2.1.0-beta+5", "2.0.0+build-7", "2.0.0+5", "2.0.0-5",
                   "2.0.0-x-y", "2.1.0-Beta", "2.1.0-", "2.1.0+", "2.0.0+a+b"]
ODD_VERSIONS = ["", " ", "2. 0", "2.0.0.0", "v2.0.0", "2.0.x", "2..0", ".2", "2.", "-1.0", "2-beta",
                "2.1-rc", "2+b", "+2", "-", "1e3", "0x1f", "1_0", "2\t", "٢.0.0", "²", "2.0.0 ",
                "2,0", "+1.0"]
MATCHES = (["exact"] * 9 + [None] * 3 + ["absent"] * 3 + ["exists"] * 3
           + ["gt", "ge", "lt", "le"] * 2 + ["substring"] * 4
           + ["semver_eq", "semver_gt", "semver_ge", "semver_lt", "semver_le"] * 2
           + ["qualified"] * 3 + ["regex", "EXACT", ""])
SEGMENTS = ["vip", "churn risk", "", "ключ", 'quo"te', "a,b"]
UNKNOWN_AUDIENCE = "no-such-audience"


# --- values --------------------------------------------------------------------------------


def version(rng):
    kind = rng.randrange(35)
    if kind < 24:
        return rng.often("versions", VERSIONS)
    return rng.often("marked versions", MARKED_VERSIONS) if kind < 32 else rng.choice(ODD_VERSIONS)


def any_value(rng):
    """A JSON value of any type, but no object."""
    kind = rng.randrange(10)
    if kind < 4:
        return rng.often("texts", TEXTS)
    if kind < 7:
        return rng.often("numbers", NUMBERS)
    if kind < 9:
        return rng.choice([True, False])
    return rng.choice([None, [], ["DE"], [Raw("1")]])


def condition_value(rng, match):
    if rng.chance(0.001):
        return {"a": Raw("1")}
    if match == "qualified":
        return rng.choice([*SEGMENTS, *SEGMENTS, Raw("1"), True, None])
    if rng.chance(0.12):
        return any_value(rng)
    if match in ("gt", "ge", "lt", "le"):
        return rng.often("numbers", NUMBERS)
    if match and match.startswith("semver"):
        return version(rng)
    if match == "substring":
        return rng.often("texts", TEXTS)
    return any_value(rng)


def attribute_value(rng, name):
    if rng.chance(0.8):
        if name == "app_version":
            return version(rng)
        if name in NUMERIC:
            return rng.often("numbers", NUMBERS)
        if name in TEXTUAL:
            return rng.often("texts", TEXTS)
    if rng.chance(0.03):
        return {"a": Raw("1")}
    return any_value(rng)


def attributes(rng):
    """The attributes of a user as a JSON text, and the same without segments."""
    given = {name: attribute_value(rng, name)
             for place, name in enumerate(NAMES) if rng.chance(0.7 if place < 6 else 0.3)}
    if rng.chance(0.2):
        given["$opt_bucketing_id"] = rng.choice(
            ["", " ", "b-42", "ключ", "user1", "x" * 300, Raw("1"), Raw("1.5"), True, None, [],
             ["b"], {"b": "c"}, f"b{rng.randrange(1000)}"])
    plain = dumps(given)
    if rng.chance(0.35):
        given["$opt_segments"] = [name for name in SEGMENTS if rng.chance(0.4)]
    return dumps(given), plain


# --- conditions ----------------------------------------------------------------------------


def suitable(match):
    """Attributes that mostly have the type of the match."""
    if match and match.startswith("semver"):
        return ["app_version"]
    if match in ("gt", "ge", "lt", "le"):
        return NUMERIC
    return TEXTUAL if match == "substring" else NAMES[:6]


def leaf(rng):
    match = rng.choice(MATCHES)
    name = rng.choice(suitable(match) if rng.chance(0.8) else NAMES)
    condition = {"name": name, "type": "custom_attribute", "match": match,
                 "value": condition_value(rng, match)}
    if match == "absent":
        del condition["match"]
    if rng.chance(0.06):
        condition["type"] = rng.choice(["third_party_dimension", "custom_dimension", "", None])
    elif rng.chance(0.02):
        del condition["type"]
    if match == "exists" and rng.chance(0.7):
        del condition["value"]
    if rng.chance(0.03):
        del condition["name"]
    elif rng.chance(0.0005):
        condition["name"] = ""
    if rng.chance(0.1):
        condition["extra"] = "ignored"
    return condition


def tree(rng, leaf_of, depth):
    """and, or, not and lists without an operator, over leaves that `leaf_of` makes."""
    if depth == 0 or rng.chance(0.25):
        return leaf_of(rng)
    if leaf_of is leaf and rng.chance(0.001):
        return []
    operator = rng.choice(["and", "and", "or", "or", "not", None])
    count = rng.choice([0, 1, 1, 2, 2, 3]) if operator else rng.choice([1, 2, 3])
    if operator == "not" and rng.chance(0.85):
        count = 1
    operands = [tree(rng, leaf_of, depth - 1) for _ in range(count)]
    return [operator, *operands] if operator else operands


def conditions(rng):
    if rng.chance(0.01):
        return deep(rng)
    made = tree(rng, leaf, rng.choice([0, 1, 1, 2, 2, 3, 4]))
    return made if isinstance(made, list) or rng.chance(0.5) else ["or", made]


def deep(rng):
    """Nested as deeply as rules may be nested, and somewhat less than that."""
    made = leaf(rng)
    for _ in range(rng.randrange(10, 25)):
        made = ["not", made]
    return ["or", made]


# --- audiences -----------------------------------------------------------------------------


def audience(rng, audience_id):
    name = rng.choice(["adults", "Grown ups", "", "ключ", 'quo"te', "a.b", f"of {audience_id}"])
    return {"id": audience_id, "name": name, "conditions": conditions(rng)}


def legacy(audience_):
    """The same audience in the list of those whose conditions are a text."""
    return {**audience_, "conditions": Embedded(audience_["conditions"])}


def dummy(audience_):
    return {**audience_, "conditions": '["or",{"match":"exact","name":"$opt_dummy_attribute",'
                                       '"type":"custom_attribute","value":"$opt_dummy_value"}]'}


def lists(rng, audience_ids):
    """The two lists of a datafile: audiences and typedAudiences."""
    untyped, typed = [], []
    for audience_id in audience_ids:
        made = audience(rng, audience_id)
        where = rng.randrange(3)
        if where == 0:
            untyped.append(legacy(made))
        else:
            typed.append(made)
            if where == 1:
                untyped.append(dummy(made))
    return untyped, typed


def references(rng, audience_ids):
    """audienceIds and perhaps audienceConditions of an experiment."""
    known = audience_ids or [UNKNOWN_AUDIENCE]

    def reference(inner):
        return UNKNOWN_AUDIENCE if inner.chance(0.04) else inner.choice(known)

    made = {"audienceIds": [reference(rng) for _ in range(rng.choice([0, 0, 0, 0, 0, 1, 2]))]}
    kind = rng.randrange(16)
    if kind < 2:
        made["audienceConditions"] = None
    elif kind < 4:
        made["audienceConditions"] = []
    elif kind == 4:
        made["audienceConditions"] = reference(rng)
    elif kind < 9:
        made["audienceConditions"] = tree(rng, reference, rng.choice([1, 1, 2, 3]))
    if is_list_of_one_list(made.get("audienceConditions")) and rng.chance(0.99):
        made["audienceConditions"] = []
    return made


def is_list_of_one_list(conditions_):
    """What the SDK cannot describe, though it decides by it."""
    return (isinstance(conditions_, list) and len(conditions_) == 1
            and isinstance(conditions_[0], list))
