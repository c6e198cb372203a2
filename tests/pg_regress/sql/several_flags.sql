-- Several flags at once: lotty_decide_all and lotty_decide_many, and the same without writing.
SELECT wipe();
SELECT make_experiment(k) FROM unnest(ARRAY['b', 'a', 'Z', 'ä', 'e', 'é', 'f10', 'f9']) k;
UPDATE lotty.flag SET enabled = false WHERE key = 'Z';
UPDATE lotty.experiment SET targeting = 'age >= 18' WHERE key = 'b';
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('plain', 'json', '{"n": 1.50}');
CREATE FUNCTION logged(subject text) RETURNS TABLE (flag text, value jsonb, experiment text, variant text, reason lotty.reason)
LANGUAGE sql AS $$
    SELECT d.flag_key, d.value, e.key, v.name, d.reason
      FROM lotty.decision d LEFT JOIN lotty.experiment e USING (experiment_id) LEFT JOIN lotty.variant v USING (variant_id)
     WHERE d.subject_id = subject ORDER BY d.decision_id
$$;

-- All flags, by code point. What one enters the subject in counts for the next: three at a time.
SELECT flag, value, decision_id IS NULL AS not_recorded, reason FROM lotty_evaluate_all('u1', '{"age": 20}');
SELECT count(*) FROM lotty.decision;
CREATE TEMP TABLE answer AS SELECT row_number() OVER () AS n, d.* FROM lotty_decide_all('u1', '{"age": 20}') d;
SELECT n, flag, value, decision_id IS NOT NULL AS recorded, reason FROM answer ORDER BY n;
SELECT * FROM logged('u1');
-- Each row is that of the log, and the ids ascend in the order of the rows.
SELECT count(*), bool_and((a.flag, a.value, a.experiment_id, a.variant_id, a.reason) IS NOT DISTINCT FROM
                          (d.flag_key, d.value, d.experiment_id, d.variant_id, d.reason) AND d.subject_id = 'u1') AS same,
       string_agg(a.flag, ' ' ORDER BY a.decision_id) = string_agg(a.flag, ' ' ORDER BY a.n) AS in_order
  FROM answer a JOIN lotty.decision d USING (decision_id);
-- The second time the subject is in; then as somebody whom the rules refuse.
SELECT flag, reason FROM lotty_decide_all('u1', '{"age": 20}');
SELECT flag, reason FROM lotty_evaluate_all('u1', '{"age": 20}');
SELECT flag, reason FROM lotty_decide_all('u2');
SELECT * FROM lotty_check_ledger();

-- One by one gives the same answers, ledger and log.
SELECT count(*) FROM (SELECT key FROM lotty.flag ORDER BY key COLLATE "C") f, lotty_decide(f.key, 'one by one', '{"age": 20}');
SELECT count(*) FROM lotty_decide_all('all at once', '{"age": 20}');
SELECT flag, experiment, reason FROM logged('one by one') EXCEPT ALL SELECT flag, experiment, reason FROM logged('all at once');
SELECT experiment_id, slot FROM lotty.assignment WHERE subject_id = 'one by one'
EXCEPT ALL SELECT experiment_id, slot FROM lotty.assignment WHERE subject_id = 'all at once';
-- And evaluating foretells it, for many subjects with a past, in domains, with other limits.
INSERT INTO lotty.conflict_domain (key) VALUES ('d');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
SELECT domain_id, experiment_id FROM lotty.conflict_domain, lotty.experiment e WHERE e.key IN ('a', 'e', 'f9');
UPDATE lotty.experiment SET traffic_allocation = 60 WHERE key IN ('b', 'é');
UPDATE lotty.experiment SET sticky = true WHERE key IN ('é', 'f10');
SELECT count(*) FROM generate_series(1, 300) n, lotty_decide((ARRAY['a', 'b', 'é', 'f10', 'f9'])[1 + n % 5], 's' || n % 100, '{"age": 20}');
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'ä';
UPDATE lotty.variant SET weight = 0 WHERE name = 'a';
SET lotty.cooldown_days = 0;
SET lotty.max_concurrent_experiments = 2;
CREATE TEMP TABLE foretold AS
SELECT s, e.flag, e.value, e.experiment_id, e.variant_id, e.reason FROM generate_series(1, 150) s, lotty_evaluate_all('s' || s, '{"age": 20}') e;
CREATE TEMP TABLE came AS
SELECT s, d.flag, d.value, d.experiment_id, d.variant_id, d.reason FROM generate_series(1, 150) s, lotty_decide_all('s' || s, '{"age": 20}') d;
SELECT * FROM foretold EXCEPT ALL SELECT * FROM came;
SELECT reason, count(*) FROM came GROUP BY 1 ORDER BY 1;
SELECT * FROM lotty_check_ledger();
RESET lotty.max_concurrent_experiments;
RESET lotty.cooldown_days;

-- The given flags in the given order, each once; what does not exist is answered as lotty_decide does.
SELECT flag, value, reason FROM lotty_decide_many(ARRAY['plain', 'b', 'nope', 'plain', 'Z', '', 'b'], 'u3', '{"age": 17}');
SELECT flag, reason FROM logged('u3');
SELECT flag, value, decision_id, reason FROM lotty_evaluate_many(ARRAY['plain', 'b', 'nope', 'plain', 'Z', '', 'b'], 'u3', '{"age": 17}');
SELECT count(*) FROM logged('u3');
SELECT flag FROM lotty_decide_many(ARRAY[['b', 'plain'], ['plain', 'a']], 'u3');
SELECT * FROM lotty_decide_many('{}', 'u3');
SELECT (lotty_decide_many(ARRAY['plain', 'Z'], 'u3')).reason;
-- All are decided, however many rows are fetched.
SELECT flag FROM lotty_decide_many(ARRAY['plain', 'Z', 'b'], 'u4') LIMIT 1;
SELECT (lotty_decide_many(ARRAY['plain', 'Z', 'b'], 'u4')).flag LIMIT 1;
SELECT count(*) FROM logged('u4');

-- Wrong arguments, also where there is nothing to decide. Nothing is recorded.
SELECT * FROM try($$SELECT lotty_decide_many(NULL, 'u5')$$);
SELECT * FROM try($$SELECT lotty_decide_many(ARRAY['a', NULL, 'b'], 'u5')$$);
SELECT * FROM try($$SELECT lotty_evaluate_many(ARRAY[NULL], 'u5')$$);
SELECT * FROM try($$SELECT lotty_decide_many('{}', NULL)$$);
SELECT * FROM try($$SELECT lotty_decide_many('{}', 'u5', '[]')$$);
SELECT * FROM try($$SELECT lotty_decide_many(ARRAY['a', repeat('x', 513)], 'u5')$$);
SELECT * FROM try($$SELECT lotty_decide_many(ARRAY['a'], repeat('ä', 257))$$);
SELECT * FROM try($$SELECT lotty_decide_all(NULL)$$);
SELECT * FROM try($$SELECT lotty_decide_all('u5', NULL)$$);
SELECT * FROM try($$SELECT lotty_evaluate_all('u5', '1')$$);
SELECT count(*) FROM logged('u5');
BEGIN READ ONLY;
SELECT count(*) FROM lotty_evaluate_all('u5'), lotty_evaluate_many(ARRAY['a'], 'u5');
SAVEPOINT s;
SELECT lotty_decide_all('u5');
ROLLBACK TO s;
SELECT * FROM try($$SELECT lotty_decide_many(ARRAY['a'], 'u5')$$);
ROLLBACK;

-- A rollback takes all of them back; without flags there are no rows.
BEGIN;
SELECT count(*) FROM lotty_decide_all('u6');
ROLLBACK;
SELECT (SELECT count(*) FROM lotty.decision WHERE subject_id = 'u6'), (SELECT count(*) FROM lotty.assignment WHERE subject_id = 'u6');
SELECT wipe();
SELECT * FROM lotty_decide_all('u7');

-- Ten thousand flags.
INSERT INTO lotty.flag (key, value_type, default_value) SELECT 'flag ' || n, 'number', to_jsonb(n) FROM generate_series(1, 10000) n;
SELECT count(*), count(DISTINCT flag), count(DISTINCT decision_id), sum((value #>> '{}')::int) FROM lotty_decide_all('u8');
SELECT count(*), sum((value #>> '{}')::int) FROM lotty.decision WHERE subject_id = 'u8';
SELECT wipe();
DROP FUNCTION logged;
