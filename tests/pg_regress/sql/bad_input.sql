-- Bad arguments: a clear error, nothing written, the session alive.
SELECT wipe();
SELECT make_experiment('f');

SELECT * FROM try($$SELECT lotty_decide(NULL, 'u')$$);
SELECT * FROM try($$SELECT lotty_decide('f', NULL)$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', NULL)$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', '[]')$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', '["country"]')$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', '"text"')$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', '1')$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', 'true')$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', 'null')$$);
SELECT * FROM try($$SELECT lotty_decide('f', 'u', 'no json')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT lotty_decide('f', repeat('x', 513))$$);
SELECT * FROM try($$SELECT lotty_decide('f', repeat('ä', 257))$$);
SELECT * FROM try($$SELECT lotty_decide(repeat('x', 513), 'u')$$);
SELECT * FROM try($$SELECT lotty_decide('f', repeat('x', 100000000))$$);
SELECT * FROM try($$SELECT lotty_evaluate(NULL, 'u')$$);
SELECT * FROM try($$SELECT lotty_evaluate('f', NULL)$$);
SELECT * FROM try($$SELECT lotty_evaluate('f', 'u', '7')$$);
SELECT * FROM try($$SELECT lotty_decide('f', E'\\xff'::bytea)$$) WHERE item = 'error';
SELECT * FROM try($$SELECT lotty_decide('f', E'\xff')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT lotty_decide('f', convert_from('\xc328', 'UTF8'))$$) WHERE item = 'error';
SELECT (SELECT count(*) FROM lotty.decision) AS decisions, (SELECT count(*) FROM lotty.assignment) AS assignments;

-- Allowed: empty texts, as in the seed; 512 bytes; any character.
SELECT reason FROM lotty_decide('', '');
SELECT reason FROM lotty_decide('f', '');
SELECT reason FROM lotty_decide('f', repeat('x', 512));
SELECT reason FROM lotty_decide('f', repeat('ä', 256));
SELECT reason FROM lotty_decide('f', E'a:b''"\\\u0001\U0001F600');
SELECT reason FROM lotty_decide('f', 'u', '{}');
SELECT count(*), count(DISTINCT subject_id) FROM lotty.decision;

-- lotty_bucket: NULL in, NULL out; a recorded answer of the seed.
SELECT lotty_bucket(NULL, 'k', 's') IS NULL AS a, lotty_bucket('u', NULL, 's') IS NULL AS b, lotty_bucket('u', 'k', NULL) IS NULL AS c;
SELECT lotty_bucket('', 'ea65e27c-ddf5-4e27-a2ba-e00a78000a6a', 'variant');
SELECT count(DISTINCT b), min(b), max(b) FROM generate_series(1, 200000) i, lotty_bucket(i::text, 'k', 'allocation') b;

-- A bulk call can be stopped.
SET statement_timeout = '300ms';
SELECT count(*) FROM generate_series(1, 1000000000) i, LATERAL lotty_evaluate('none', 'u' || i);
RESET statement_timeout;
