-- Rollout rules: whom no experiment has, without limits and ledger.
SELECT wipe();
\pset null '(null)'
SELECT make_experiment('f', targeting => 'beta');
CREATE FUNCTION pg_temp.rule(name text, rank integer, targeting text, traffic numeric) RETURNS void LANGUAGE sql AS $$
    INSERT INTO lotty.experiment (experiment_id, flag_id, key, kind, rank, status, targeting, traffic_allocation)
    VALUES (md5(name)::uuid, md5('flag f')::uuid, name, 'rollout', rank, 'running', targeting, traffic);
    INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5(name)::uuid, 'on', to_jsonb(name));
$$;
SELECT pg_temp.rule('staff', 1, 'staff', 100), pg_temp.rule('some of DE', 2, 'country = "DE"', 0),
       pg_temp.rule('adults', 3, 'age >= 18', 100), pg_temp.rule('everyone else', 4, 'country <> "US"', 100);
SELECT attrs, value, e.key AS experiment, reason
  FROM (VALUES (1, '{"beta": true}'), (2, '{"staff": true, "country": "DE"}'), (3, '{"country": "DE", "age": 30}'),
               (4, '{"country": "FR", "age": 30}'), (5, '{"country": "FR"}'), (6, '{"country": "US"}'), (7, '{}')) v (n, attrs),
       lotty_decide('f', 'u1', attrs::jsonb) LEFT JOIN lotty.experiment e USING (experiment_id) ORDER BY n;
SELECT step, experiment, checked, outcome, detail FROM lotty_explain('f', 'u1', '{"country": "DE", "age": 30}');
SELECT step, experiment, checked, outcome, detail FROM lotty_explain('f', 'u1', '{"country": "US"}');
-- Only the experiment is in the ledger; the limit does not count.
SELECT e.key FROM lotty.assignment JOIN lotty.experiment e USING (experiment_id);
SET lotty.max_concurrent_experiments = 0;
SELECT value, reason FROM lotty_decide('f', 'u1', '{"beta": true, "staff": true}');
RESET lotty.max_concurrent_experiments;
-- Rules that do not run are passed over, also when it is the last one.
UPDATE lotty.experiment SET status = 'paused' WHERE key = 'everyone else';
SELECT value, reason FROM lotty_decide('f', 'u1', '{"country": "DE", "age": 30}');
SELECT value, reason FROM lotty_decide('f', 'u1', '{"country": "FR"}');
UPDATE lotty.experiment SET status = 'paused' WHERE kind = 'rollout';
SELECT value, reason FROM lotty_decide('f', 'u1', '{"country": "FR"}');
UPDATE lotty.experiment SET status = 'completed' WHERE kind = 'experiment';
SELECT value, reason FROM lotty_decide('f', 'u1', '{"country": "FR"}');
-- A rule is no experiment to be asked for, or to be excluded from another.
SELECT flag, value, experiment_id, reason FROM lotty_evaluate_experiment('staff', 'u1', '{"staff": true}');
INSERT INTO lotty.conflict_domain (domain_id, key) VALUES (md5('d')::uuid, 'd');
SELECT * FROM try($$INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) VALUES (md5('d')::uuid, md5('staff')::uuid)$$);
SELECT * FROM try($$UPDATE lotty.experiment SET kind = 'experiment' WHERE key = 'staff'$$);
SELECT * FROM try($$INSERT INTO lotty.experiment (flag_id, key, kind) VALUES (md5('flag f')::uuid, 'x', 'other')$$) WHERE item = 'error';

-- One experiment by itself.
SELECT wipe();
SELECT make_experiment('e'), make_experiment('other', 'draft');
INSERT INTO lotty.experiment (experiment_id, key, status) VALUES (md5('alone')::uuid, 'alone', 'running');
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('alone')::uuid, 'only', '{"x": 1}');
SELECT key, d.flag, d.value, d.decision_id IS NOT NULL AS recorded, d.variant_id IS NOT NULL AS variant, d.reason
  FROM (VALUES (1, 'e'), (2, 'other'), (3, 'alone'), (4, 'none')) v (n, key), lotty_decide_experiment(key, 'u1') d ORDER BY n;
SELECT flag_key, subject_id, value, reason FROM lotty.decision ORDER BY decision_id;
SELECT key, d.flag, d.value, d.decision_id, d.reason
  FROM (VALUES (1, 'e'), (2, 'other'), (3, 'alone'), (4, 'none')) v (n, key), lotty_evaluate_experiment(key, 'u1') d ORDER BY n;
SELECT d.value = f.value AND d.variant_id = f.variant_id AS same FROM lotty_evaluate('e', 'u1') d, lotty_evaluate_experiment('e', 'u1') f;
UPDATE lotty.flag SET enabled = false;
SELECT value, reason FROM lotty_decide_experiment('e', 'u1');
SELECT item, content FROM try($$SELECT lotty_decide_experiment(NULL, 'u1')$$);
SELECT item, content FROM try($$SELECT lotty_decide_experiment('e', NULL)$$);
SELECT item, content FROM try($$SELECT lotty_decide_experiment('e', 'u', '5')$$);
BEGIN READ ONLY;
SELECT * FROM try($$SELECT lotty_decide_experiment('e', 'u')$$);
ROLLBACK;
-- A change is seen at once.
UPDATE lotty.flag SET enabled = true;
UPDATE lotty.experiment SET targeting = 'vip' WHERE key = 'e';
SELECT value, reason FROM lotty_evaluate_experiment('e', 'u1');

-- An experiment of two flags: one variant, a value for each, one place in the ledger.
SELECT wipe();
SELECT make_experiment('e'), make_experiment('first');
INSERT INTO lotty.flag (flag_id, key, value_type, default_value) VALUES (md5('second')::uuid, 'second', 'number', '0');
INSERT INTO lotty.variant_value (variant_id, flag_id, value) VALUES (md5('a e')::uuid, md5('second')::uuid, '1'), (md5('b e')::uuid, md5('second')::uuid, '2');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id, rank) VALUES (md5('second')::uuid, md5('experiment e')::uuid, 1);
SELECT f.value, s.value, f.variant_id = s.variant_id AS same, f.experiment_id = s.experiment_id AS same_experiment, s.reason
  FROM generate_series(1, 4) i, lotty_decide('e', 'u' || i) f, lotty_decide('second', 'u' || i) s;
SELECT flag_key, count(*) FROM lotty.decision GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM lotty.assignment;
-- Its rank is that of the flag.
INSERT INTO lotty.experiment_flag (flag_id, experiment_id, rank) VALUES (md5('flag first')::uuid, md5('experiment e')::uuid, -1);
SELECT value, e.key FROM lotty_evaluate('first', 'u1') JOIN lotty.experiment e USING (experiment_id);
UPDATE lotty.experiment_flag SET rank = 1;
SELECT value, e.key FROM lotty_evaluate('first', 'u1') JOIN lotty.experiment e USING (experiment_id);
-- Values are of the flag's type, and it keeps that type.
SELECT * FROM try($$UPDATE lotty.variant_value SET value = '"text"'$$);
SELECT * FROM try($$UPDATE lotty.flag SET value_type = 'boolean', default_value = 'true' WHERE key = 'second'$$);
-- Without a value for the flag, it is the variant's if it is of the flag's type, or else the default value.
DELETE FROM lotty.variant_value;
UPDATE lotty.flag SET default_value = '7' WHERE key = 'second';
UPDATE lotty.experiment_flag SET rank = -1;
SELECT f.variant_id = s.variant_id AS same, f.value = '7' AS is_default, f.reason
  FROM lotty_evaluate('second', 'u1') f, lotty_evaluate('e', 'u1') s;
SELECT f.value = s.value AS same FROM lotty_evaluate('first', 'u1') f, lotty_evaluate('e', 'u1') s;
