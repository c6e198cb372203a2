-- The decision-result cache: what is answered from memory, what never is, and for how long.
SELECT wipe();
\pset null '(null)'
CREATE TEMP TABLE counted AS SELECT 0::numeric AS hits;
CREATE FUNCTION pg_temp.hits() RETURNS numeric LANGUAGE sql AS $$
    WITH now AS (SELECT value FROM lotty.metrics WHERE name = 'lotty_result_cache_hits_total'),
         before AS (SELECT hits FROM counted),
         kept AS (UPDATE counted SET hits = now.value FROM now RETURNING 1)
    SELECT now.value - before.hits FROM now, before, kept
$$;
SELECT pg_temp.hits() >= 0 AS started;
SELECT make_experiment('f', targeting => 'country = "DE"');
SELECT make_experiment('off', 'draft');

-- Off by default.
SELECT d.reason FROM generate_series(1, 3) i, lotty_decide('f', left('u1' || i, 2)) d;
SELECT pg_temp.hits();
SET lotty.decision_cache_ttl = 60;
-- What depends on nothing but the question: one hit less than calls. (A call that did not
-- depend on i would be made once only.) Each is recorded again,
-- with an id of its own.
SELECT d.reason, d.value FROM generate_series(1, 3) i, lotty_decide('f', left('u1' || i, 2)) d;
SELECT pg_temp.hits();
SELECT d.reason, d.value FROM generate_series(1, 3) i, lotty_decide('off', left('u1' || i, 2)) d;
SELECT d.reason, d.value FROM generate_series(1, 3) i, lotty_decide('no such flag', left('u1' || i, 2)) d;
SELECT pg_temp.hits();
SELECT flag_key, reason, count(*), count(DISTINCT decision_id) FROM lotty.decision GROUP BY 1, 2 ORDER BY 1;
-- Another subject, other attributes, another flag are other questions; their bytes do not mix.
SELECT reason FROM lotty_decide('f', 'u2');
SELECT reason FROM lotty_decide('f', 'u1', '{"country": "FR"}');
SELECT a.reason, b.reason FROM lotty_decide('fu', '1') a, lotty_decide('f', 'u1 ') b;
SELECT pg_temp.hits();

-- Whatever the ledger or an override has a say in is decided afresh.
SELECT d.reason FROM generate_series(1, 3) i, lotty_decide('f', left('u1' || i, 2), '{"country": "DE"}') d;
SELECT pg_temp.hits();
BEGIN;
SELECT reason FROM lotty_decide('f', 'u3', '{"country": "DE"}');
ROLLBACK;
SELECT reason FROM lotty_decide('f', 'u3', '{"country": "DE"}');
SELECT count(*) FROM lotty.assignment WHERE subject_id = 'u3';
SET lotty.max_concurrent_experiments = 0;
SELECT d.reason FROM generate_series(1, 2) i, lotty_decide('f', left('u4' || i, 2), '{"country": "DE"}') d;
RESET lotty.max_concurrent_experiments;
SELECT reason FROM lotty_decide('f', 'u4', '{"country": "DE"}');
SELECT pg_temp.hits();
SELECT * FROM lotty_check_ledger();
SELECT lotty_force('f', 'u1', 'b');
SELECT d.reason FROM generate_series(1, 2) i, lotty_decide('f', left('u1' || i, 2)) d;
SELECT d.reason FROM generate_series(1, 2) i, lotty_decide('f', left('u2' || i, 2)) d;
SELECT pg_temp.hits();
SELECT lotty_unforce('f', 'u1');

-- Rollouts and experiments exempt from the limits ask neither.
SELECT wipe();
SELECT make_experiment('f');
UPDATE lotty.experiment SET exempt_from_limits = true;
SELECT d.reason, d.value FROM generate_series(1, 3) i, lotty_decide('f', left('u1' || i, 2)) d;
SELECT pg_temp.hits();
UPDATE lotty.experiment SET sticky = true;
SELECT d.reason, d.value FROM generate_series(1, 3) i, lotty_decide('f', left('u1' || i, 2)) d;
SELECT pg_temp.hits();
SET lotty.ignore_sticky = on;
SELECT d.reason, d.value FROM generate_series(1, 3) i, lotty_decide('f', left('u1' || i, 2)) d;
SELECT pg_temp.hits();
RESET lotty.ignore_sticky;
SELECT reason FROM lotty_decide('f', 'u1');
UPDATE lotty.experiment SET sticky = false;

-- A change of the configuration is seen at once, also one's own and one that is rolled back.
SELECT value FROM lotty_decide('f', 'u1');
UPDATE lotty.variant SET value = '"new"';
SELECT value FROM lotty_decide('f', 'u1');
BEGIN;
UPDATE lotty.flag SET enabled = false;
SELECT reason FROM lotty_decide('f', 'u1');
ROLLBACK;
SELECT reason FROM lotty_decide('f', 'u1');
SELECT pg_temp.hits();

-- Its time starts anew with each hit, and is over after that without one.
SET lotty.decision_cache_ttl = 3;
SELECT reason FROM lotty_decide('f', 'u1');
SELECT pg_temp.hits();
SELECT pg_sleep(2);
SELECT reason FROM lotty_decide('f', 'u1');
SELECT pg_sleep(2);
SELECT reason FROM lotty_decide('f', 'u1');
SELECT pg_temp.hits();
SELECT pg_sleep(3.1);
SELECT reason FROM lotty_decide('f', 'u1');
SELECT pg_temp.hits();
-- A shorter time holds for what is there already.
SET lotty.decision_cache_ttl = 3600;
SELECT reason FROM lotty_decide('f', 'u9');
SET lotty.decision_cache_ttl = 1;
SELECT reason FROM lotty_decide('f', 'u9');
SELECT pg_temp.hits();
-- Bounded: long questions are not kept, and many push each other out.
SELECT d.reason FROM generate_series(1, 2) i, lotty_decide('f', left('u1' || i, 2), jsonb_build_object('x', repeat('x', 5000))) d;
SELECT pg_temp.hits();
SET lotty.decision_cache_ttl = 3600;
SELECT count(*) FROM generate_series(1, 25000) i, lotty_evaluate('f', 's' || i);
SELECT count(*) FROM generate_series(24001, 25000) i, lotty_evaluate('f', 's' || i);
SELECT pg_temp.hits();
SELECT count(*) FROM generate_series(1, 1000) i, lotty_evaluate('f', 's' || i);
SELECT pg_temp.hits();
SELECT item, left(content, 40) AS content FROM try('SET lotty.decision_cache_ttl = -1');
RESET lotty.decision_cache_ttl;

-- The metrics, as rows and as text.
SELECT DISTINCT name, type, label FROM lotty.metrics ORDER BY 1;
SELECT label_value FROM lotty.metrics WHERE name = 'lotty_decide_requests_total';
CREATE TEMP TABLE before AS SELECT * FROM lotty.metrics;
SELECT count(*) FROM generate_series(1, 5) i, lotty_decide('nothing', 'u' || i);
SELECT m.name, m.label_value, m.value - b.value AS more FROM lotty.metrics m JOIN before b USING (name)
 WHERE m.label_value IS NOT DISTINCT FROM b.label_value AND m.value <> b.value AND m.type = 'counter' ORDER BY 1, 2;
SELECT regexp_replace(line, '[0-9]+$', 'N') AS line FROM regexp_split_to_table(lotty_prometheus_metrics(), '\n') WITH ORDINALITY t (line, n) ORDER BY n;
SELECT count(*) AS same FROM lotty.metrics m
 WHERE m.name <> 'lotty_flag_cache_hits_total'
   AND strpos(lotty_prometheus_metrics(), m.name || coalesce('{' || m.label || '="' || m.label_value || '"}', '') || ' ' || m.value || E'\n') > 0;
