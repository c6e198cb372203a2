"""Arguments that nobody passes in good faith."""

from backend import Backend

# A document of N MiB takes N in the expression that makes it, N for its text, and some of N while
# it is parsed: that is PostgreSQL's own. What a function adds is some copies at most. The bounds
# are about twice what is measured.


def attributes(checks, cluster, database):
    with Backend(cluster, database) as backend:
        def asks(what, sql, expected, peak=64):
            backend.asks(checks, what, sql, expected, peak)

        backend.value("SELECT make('plain'), make('deep', 'a.a.a EXISTS'), make('text', $$s CONTAINS 'zz' OR s ENDS_WITH 'y'$$)")
        backend.value("SELECT make('list', '999999 IN list'), make('key', 'k99999 = 99999 AND k0 IS NULL')")
        backend.value("SELECT make('lower', $$lower(s) ENDS_WITH 'xy'$$), make('match', $$s MATCHES 'x+y$'$$)")

        # PostgreSQL refuses what its own stack cannot parse; what it accepts is decided.
        asks("100,000 levels are refused by PostgreSQL",
             "SELECT lotty_decide('deep', 'u', (repeat('{\"a\":', 100000) || '1' || repeat('}', 100000))::jsonb)", "54001")
        backend.value("SET max_stack_depth = '7MB'")
        levels = "(repeat('{\"a\":', 20000) || '1' || repeat('}', 20000))::jsonb"
        asks("20,000 levels", f"SELECT reason FROM lotty_decide('deep', 'u', {levels})", "experiment_assigned")
        lists = "(repeat('[', 20000) || repeat(']', 20000))::jsonb"
        asks("20,000 arrays in each other",
             f"SELECT reason FROM lotty_decide('deep', 'u', jsonb_build_object('a', {lists}))", "targeting_mismatch")
        asks("20,000 levels explained", f"SELECT count(*) > 3 FROM lotty_explain('deep', 'u', {levels})", "t")
        asks("20,000 levels in a path that is not there",
             f"SELECT lotty_targeting_matches('{'.'.join(['a'] * 4000)}.b EXISTS', {levels})", "f")
        asks("20,000 levels as properties of an event",
             f"SELECT lotty_track('u', 'deep', 1, {levels}) IS NOT NULL", "t")
        asks("20,000 levels as a fallback", f"SELECT length(lotty_json('none', 'u', '{{}}', {levels})::text)", "140001")
        asks("20,000 levels as a datafile", f"SELECT lotty_import_optimizely({levels})", "54001")
        asks("20,000 levels as a configuration", f"SELECT lotty_apply({levels})", "22023")
        asks("20,000 levels as audience conditions", f"SELECT lotty.optimizely_rule({lists})", "54001")
        backend.value("RESET max_stack_depth")

        large = "jsonb_build_object('s', repeat('x', 100000000) || 'y')"
        asks("a string of 100 MB", f"SELECT reason FROM lotty_decide('text', 'u', {large})", "experiment_assigned", 800)
        asks("lower of a string of 100 MB", f"SELECT reason FROM lotty_decide('lower', 'u', {large})", "experiment_assigned", 800)
        asks("a string of 100 MB explained", f"SELECT count(*) > 3 FROM lotty_explain('text', 'u', {large})", "t", 800)
        asks("a regular expression on a string of 100 MB",
             f"SELECT reason FROM lotty_decide('match', 'u', {large})", "targeting_mismatch", 800)
        asks("a string of 100 MB as bucketing id",
             "SELECT reason FROM lotty_evaluate('plain', 'u', jsonb_build_object('$opt_bucketing_id', repeat('x', 100000000)))",
             "experiment_assigned", 800)
        asks("an array of a million",
             "SELECT reason FROM lotty_decide('list', 'u', jsonb_build_object('list', (SELECT jsonb_agg(i) FROM generate_series(1, 1000000) i)))",
             "experiment_assigned", 400)
        asks("a million keys",
             "SELECT reason FROM lotty_decide('key', 'u', (SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 1000000) i))",
             "experiment_assigned", 800)
        # Each is some bytes of jsonb, but takes as long as its digits are many.
        asks("200 numbers of 131,072 digits",
             "SELECT reason FROM lotty_decide('list', 'u', jsonb_build_object('list', (SELECT jsonb_agg(1e131071) FROM generate_series(1, 200) i)))",
             "targeting_mismatch")
        asks("no object: an array of a million",
             "SELECT lotty_decide('list', 'u', (SELECT jsonb_agg(i) FROM generate_series(1, 1000000) i))", "22023", 400)


RULES = {
    # rule: what lotty_targeting_matches says of {"a": "aaaa…"}, or an SQLSTATE
    "16 KiB of parentheses": ("repeat('(', 8192) || repeat(')', 8192)", "22023"),
    "16 KiB of NOT": ("repeat('!', 16000) || 'a'", "22023"),
    "64 levels": ("repeat('(', 63) || 'a = ''x''' || repeat(')', 63)", "f"),
    "more than 16 KiB": ("repeat(' ', 16385)", "22023"),
    "100 MB": ("repeat('a OR ', 20000000)", "22023"),
    "a list of 4,000": ("'a IN (' || repeat('''x'',', 3000) || '''y'')'", "f"),
    "a chain of 2,000 OR": ("'b' || repeat(' OR b', 2000)", ""),
    "a string of 16 KiB": ("'a = ''' || repeat('a', 16000) || ''''", "f"),
    "a number of 16,000 digits": ("'a < ' || repeat('9', 16000)", ""),
    "1e199999": ("'1e199999 > 1e199998 AND a IS NOT NULL'", "t"),
    "1e1000000": ("'1e1000000 > 1'", "22023"),
    "an exponent beyond all": ("'1e' || repeat('9', 16000) || ' > 1'", "22023"),
    "a path of 2,000 steps": ("'a' || repeat('.a', 2000) || ' IS NULL'", "t"),
    "an expression that blows up": ("'a MATCHES ''(a|a)*b''' || repeat(' OR a MATCHES ''(a*)*(a?){100}b''', 20)", "f"),
    "an expression that is too large": ("'a MATCHES ''((a{500}){500}){500}'''", "22023"),
    "an expression of 2 KiB": ("'a MATCHES ''' || repeat('(a|', 30) || repeat('x', 2000) || repeat(')', 30) || ''''", "t"),
    "200 audiences that are not there": ("'audience(''x0'')' || (SELECT string_agg(format(' OR audience(''x%s'')', i), '') FROM generate_series(1, 199) i)", ""),
    "a NUL written out": (r"$$a = '\u0000'$$", "22023"),
    "half a surrogate": (r"$$a = '\ud800'$$", "22023"),
}


def rules(checks, cluster, database):
    with Backend(cluster, database) as backend:
        def asks(what, sql, expected, peak=64):
            backend.asks(checks, what, sql, expected, peak)

        subject = "jsonb_build_object('a', repeat('a', 10000))"
        for what, (rule, expected) in RULES.items():
            # The text of 100 MB is made twice.
            peak = 256 if "100 MB" in what else 64
            asks(f"rule: {what}", f"SELECT lotty_targeting_matches({rule}, {subject})", expected, peak)
            asks(f"check of a rule: {what}", f"SELECT (lotty_targeting_check({rule})).valid",
                 "f" if len(expected) == 5 else "t", peak)

        # Each names the next one twice: 2^16 ways to the last one.
        backend.value("""INSERT INTO lotty.audience (name, targeting) VALUES ('n0', 'a = 1');
            DO $$BEGIN FOR i IN 1..15 LOOP
                INSERT INTO lotty.audience (name, targeting)
                VALUES ('n' || i, format('audience("n%s") OR NOT audience("n%s")', i - 1, i - 1));
            END LOOP; END$$""")
        asks("audiences that double at each step", "SELECT lotty_targeting_matches('audience(\"n15\")', '{\"a\": 2}')", "t")
        backend.value("""INSERT INTO lotty.audience (name, targeting)
            SELECT 'many' || i, 'a IN (' || repeat('''x'',', 3000) || '''y'')' FROM generate_series(1, 250) i""")
        asks("250 audiences of 12 KiB each",
             "SELECT lotty_targeting_matches((SELECT string_agg(format('audience(''many%s'')', i), ' OR ') FROM generate_series(1, 250) i), '{\"a\": \"z\"}')",
             "f", 256)
        asks("and forgotten again", "SELECT lotty_targeting_matches('a = 1', '{\"a\": 1}')", "t", 64)


def texts(checks, cluster, database):
    with Backend(cluster, database) as backend:
        def asks(what, sql, expected, peak=64):
            backend.asks(checks, what, sql, expected, peak)

        backend.value("SELECT make('every'), make('number', 'n > 1')")
        asks("a subject of 512 bytes", "SELECT reason FROM lotty_decide('every', repeat('x', 512))", "experiment_assigned")
        for what, text in {"514 bytes": "repeat('ä', 257)", "100 MB": "repeat('x', 100000000)"}.items():
            peak = 800 if what == "100 MB" else 64
            asks(f"a subject of {what}", f"SELECT lotty_decide('every', {text})", "22023", peak)
            asks(f"a flag of {what}", f"SELECT lotty_decide({text}, 'u')", "22023", peak)
            asks(f"flags of {what}", f"SELECT lotty_decide_many(ARRAY[{text}], 'u')", "22023", peak)
            asks(f"an event of {what}", f"SELECT lotty_track({text}, 'event')", "22023", peak)
            asks(f"an experiment of {what}", f"SELECT lotty_force({text}, 'u', 'a')", "f", peak)
        for what, text in {
            "right-to-left, joiners, combining marks": r"U&'\202E\200D\FEFF\0301\0327'",
            "beyond the basic plane": r"U&'\+01F600\+10FFFF\+0E0001'",
            "noncharacters": r"U&'\FFFE\FFFF\FDD0'",
            "control characters": r"E'\x01\x1b[31m\r\n\t\x7f'",
            "quotes and percent signs": r"E'%s%n''\"\\;--$1'",
            "white space": "' '",
            "nothing": "''",
        }.items():
            asks(f"a subject of {what}",
                 f"SELECT reason FROM lotty_decide('every', {text}); SELECT count(*) FROM lotty.decision WHERE subject_id = {text}",
                 "experiment_assigned\n1")
        asks("bytes that are no text", r"SELECT lotty_decide('every', E'\xff')", "22021")
        asks("a NUL in attributes is refused by PostgreSQL", r"""SELECT lotty_decide('every', 'u', '{"a": "\u0000"}')""", "22P05")
        asks("half a surrogate in attributes is refused by PostgreSQL", r"""SELECT lotty_decide('every', 'u', '{"a": "\ud800"}')""", "22P02")
        asks("1e1000000 in attributes is refused by PostgreSQL", """SELECT lotty_decide('number', 'u', '{"n": 1e1000000}')""", "22003")
        asks("1e131071 in attributes", """SELECT reason FROM lotty_decide('number', 'u', '{"n": 1e131071}')""", "experiment_assigned")
        asks("131,072 digits and 16,383 behind the point in attributes",
             "SELECT reason FROM lotty_decide('number', 'u', format('{\"n\": %s.%s}', repeat('9', 131072), repeat('9', 16383))::jsonb)",
             "experiment_assigned")
        asks("keys that stand twice: the last one counts", """SELECT reason FROM lotty_decide('number', 'u', '{"n": 0, "n": 2}')""", "experiment_assigned")
        asks("a key of 1 MB", "SELECT reason FROM lotty_decide('number', 'u', jsonb_build_object(repeat('n', 1000000), 1))", "targeting_mismatch")
        asks("an event of NaN", "SELECT lotty_track('u', 'event', 'NaN') IS NOT NULL", "22023")
        asks("an event of infinity", "SELECT lotty_track('u', 'event', 'Infinity') IS NOT NULL", "22023")
        asks("a share of NaN", "UPDATE lotty.experiment SET traffic_allocation = 'NaN' WHERE key = 'every'", "23514")
        asks("a weight of 1e131071", "UPDATE lotty.variant SET weight = 1e131071", "23514")
        asks("a share of 1e131071", "UPDATE lotty.experiment SET traffic_allocation = 1e131071 WHERE key = 'every'", "23514")
        asks("a weight of infinity", "UPDATE lotty.variant SET weight = 'Infinity'", "23514")


def many(checks, cluster, database):
    with Backend(cluster, database) as backend:
        def asks(what, sql, expected, peak=64):
            backend.asks(checks, what, sql, expected, peak)

        backend.value("SELECT make('overridden', 'FALSE')")
        # The triggers that check each row would take a minute; they look at a row at a time.
        backend.value("""BEGIN; ALTER TABLE lotty.override DISABLE TRIGGER USER;
            INSERT INTO lotty.override (experiment_id, subject_id, kind, variant_id)
            SELECT v.experiment_id, 'o' || i, 'whitelist', v.variant_id
              FROM generate_series(1, 1000000) AS i, lotty.variant v JOIN lotty.experiment e USING (experiment_id)
             WHERE e.key = 'overridden' AND v.name = 'a';
            ALTER TABLE lotty.override ENABLE TRIGGER USER; COMMIT""")
        asks("a million overrides", "SELECT reason FROM lotty_decide('overridden', 'o777777')", "whitelisted")
        asks("and one more", "SELECT lotty_force('overridden', 'o1', 'b')", "t")
        asks("and nobody else", "SELECT reason FROM lotty_decide('overridden', 'p1')", "targeting_mismatch")

        asks("a NULL among the flags", "SELECT lotty_decide_many(ARRAY['overridden', NULL], 'u')", "22004")
        asks("no flag", "SELECT count(*) FROM lotty_decide_many('{}', 'u')", "0")
        asks("flags in two dimensions", "SELECT count(*) FROM lotty_decide_many('{{a,b},{c,d}}', 'u')", "4")
        asks("a million times the same flag",
             "SELECT count(*) FROM lotty_decide_many(array_fill('overridden'::text, ARRAY[1000000]), 'u')", "1", 400)
        asks("20,000 flags that do not exist",
             "SELECT count(*), min(reason) FROM lotty_decide_many((SELECT array_agg('none ' || i) FROM generate_series(1, 20000) i), 'u')",
             "20000|flag_not_found", 128)
        backend.value("""SELECT count(make('many ' || i)) FROM generate_series(1, 300) i;
            INSERT INTO lotty.flag (key, value_type, default_value) SELECT 'plain ' || i, 'number', '1' FROM generate_series(1, 5000) i""")
        asks("300 flags with experiments in one call",
             "SELECT count(*), min(reason) FROM lotty_decide_many((SELECT array_agg('many ' || i) FROM generate_series(1, 300) i), 'u')",
             "300|experiment_assigned", 128)
        # lotty.flag_cache_size bounds what stays: 64 MiB by default.
        asks("all flags, some thousands", "SELECT count(*) >= 5300 FROM lotty_decide_all('v')", "t", 128)


def datafiles(checks, cluster, database):
    with Backend(cluster, database) as backend:
        def asks(what, sql, expected, peak=64):
            backend.asks(checks, what, sql, expected, peak)

        asks("a datafile of 50 MB in a field that nobody reads",
             """SELECT count(*) FROM lotty_import_optimizely('{"version": "4", "projectId": "2", "revision": "1", "experiments": [], "featureFlags": [], "rollouts": [], "groups": [], "audiences": []}'::jsonb
                || jsonb_build_object('accountId', repeat('x', 50000000)))""", "0", 500)
        asks("a datafile of a million things that it cannot have",
             """SELECT lotty_import_optimizely('{"version": "4", "projectId": "2", "revision": "1"}'::jsonb
                || jsonb_build_object('experiments', (SELECT jsonb_agg(i) FROM generate_series(1, 1500000) i)))""", "22023", 1000)
        more = """SELECT lotty_import_optimizely(datafile(1, 0) || jsonb_build_object('featureFlags',
                    (SELECT jsonb_agg(jsonb_build_object('id', 'f' || i, 'key', 'f' || i, 'rolloutId', '', 'experimentIds', '["e1"]'::jsonb,
                        'variables', jsonb_build_array(jsonb_build_object('id', 'x', 'key', repeat('k', 10000), 'type', 'string', 'defaultValue', ''))))
                       FROM generate_series(1, 1000) i))
                    || jsonb_build_object('experiments', jsonb_build_array(datafile(1, 0) -> 'experiments' -> 0 || jsonb_build_object('variations',
                        (SELECT jsonb_agg(jsonb_build_object('id', 'v' || i, 'key', 'v' || i)) FROM generate_series(1, 100) i)))))"""
        backend.asks(checks, "a datafile that stands for more than it is", more, "22023", 1000, left=500)
        # The allocator keeps what was freed below something that is in use, once.
        asks("and again", more, "22023", 100)
        asks("a datafile with 200 experiments and 20,000 users",
             "SELECT count(*) > 400 FROM lotty_import_optimizely(datafile(200, 100))", "t", 500)
