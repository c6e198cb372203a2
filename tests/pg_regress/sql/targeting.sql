-- Rules through SQL. The language itself is tested in the engine; here is the boundary.
\pset null '(null)'

-- lotty_targeting_check
SELECT valid, canonical FROM lotty_targeting_check('country in [''DE'',"AT"] and not (age<18 || vip)');
SELECT valid, canonical FROM lotty_targeting_check('');
\x on
SELECT * FROM lotty_targeting_check('country IN ("DE", "AT"');
SELECT * FROM lotty_targeting_check('age => 18');
SELECT * FROM lotty_targeting_check(E'country = "DE"\n  AND age >= eighteen years');
SELECT * FROM lotty_targeting_check('имя = "Ä" AND ?');
SELECT * FROM lotty_targeting_check('name MATCHES "(unclosed"');
SELECT * FROM lotty_targeting_check('audience("nobody knows")');
SELECT valid, message FROM lotty_targeting_check(repeat('(', 16384));
SELECT valid, message FROM lotty_targeting_check(repeat('x', 16385));
SELECT valid, message FROM lotty_targeting_check(repeat('NOT ', 4096) || 'a');
SELECT lotty_targeting_check(NULL) IS NULL AS "null";
\x off

-- lotty_targeting_matches: true, false, NULL for unknown
SELECT lotty_targeting_matches('country = "DE" AND age >= 18', '{"country": "DE", "age": 18}') AS t,
       lotty_targeting_matches('country = "DE" AND age >= 18', '{"country": "DE", "age": 17}') AS f,
       lotty_targeting_matches('country = "DE" AND age >= 18', '{"country": "DE"}') AS u;

-- Attributes straight from jsonb: kinds, nesting, arrays, odd names.
WITH a (attrs) AS (VALUES ('{"s": "ä", "n": -12.50, "b": true, "z": null, "o": {"p": {"q": "deep"}},
    "l": ["x", 1, [2, 3], {"k": "v"}], "e": {}, "v": [], "with space": 1, "a.b": 2, "": 3, "it`s": 4}'::jsonb))
SELECT rule, lotty_targeting_matches(rule, attrs)
  FROM a, unnest(ARRAY[
    's = "ä"', 's != "a"', 'n = -12.5', 'n < -12', 'b', 'NOT b', 'z IS NULL', 'z = 1', 'missing IS NULL',
    'o.p.q = "deep"', 'o.p.q.r IS NULL', 'o["p"]["q"] = "deep"', 'o.p = "deep"', 'o.x IS NULL',
    'l CONTAINS "x"', 'l CONTAINS 1', 'l[0] = "x"', 'l[1] = 1', 'l[2][1] = 3', 'l[3].k = "v"', 'l[4] IS NULL',
    '"x" IN l', '"y" IN l', 'e EXISTS', 'v EXISTS', '"x" IN v', 's[0] IS NULL', 'o[0] IS NULL',
    '`with space` = 1', '`a.b` = 2', 'a.b IS NULL', '`it``s` = 4']) AS rule;

-- Numbers are exact.
SELECT rule, lotty_targeting_matches(rule, attrs::jsonb)
  FROM (VALUES
    ('n = 12345678901234567890', '{"n": 12345678901234567890}'),
    ('n = 12345678901234567891', '{"n": 12345678901234567890}'),
    ('n < 12345678901234567891', '{"n": 12345678901234567890}'),
    ('n = 0.10', '{"n": 0.1}'),
    ('n = 0.1', '{"n": 0.1000000000000000055511151231257827021181583404541015625}'),
    ('n = 1e400', '{"n": 1e400}'),
    ('n > 1e399', '{"n": 1e400}'),
    ('n < 1e-400', '{"n": 0}'),
    ('n = -0', '{"n": 0}'),
    ('n = 79228162514264337593543950336', '{"n": 79228162514264337593543950336}'),
    ('n = 79228162514264337593543950335', '{"n": 79228162514264337593543950336}'),
    ('n = 1', '{"n": 1.000000000000000000000000000000000000000001}')
  ) AS t (rule, attrs);

-- A rule that is not valid, and attributes that are no object.
SELECT * FROM try($$SELECT lotty_targeting_matches('a = ', '{}')$$);
SELECT * FROM try($$SELECT lotty_targeting_matches('a = 1', '[]')$$);
SELECT * FROM try($$SELECT lotty_targeting_matches('a = 1', '"text"')$$);
SELECT lotty_targeting_matches(NULL, '{}') IS NULL AS "null rule", lotty_targeting_matches('TRUE', NULL) IS NULL AS "null attrs";

-- Deep and large attributes.
SELECT lotty_targeting_matches('a IS NULL AND l[0] EXISTS',
                               ('{"l": ' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb) AS deep;
SELECT lotty_targeting_matches('l CONTAINS 99999 AND l[99999] = 99999 AND NOT l CONTAINS -1',
                               (SELECT jsonb_build_object('l', jsonb_agg(i)) FROM generate_series(0, 99999) i)) AS large;
SELECT lotty_targeting_matches('t ENDS_WITH "b" AND t CONTAINS "ab" AND NOT t CONTAINS "c"',
                               jsonb_build_object('t', repeat('a', 1000000) || 'b')) AS long;
-- A search for a regular expression cannot be cancelled, so it is not begun in a long text.
SELECT n AS bytes, lotty_targeting_matches('t MATCHES "a$"', jsonb_build_object('t', repeat('a', n))) AS matches
  FROM unnest(ARRAY[65536, 65537]) AS n;
