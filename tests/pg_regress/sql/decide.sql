-- Deciding: every reason, the row that is written, and the order of experiments.
SELECT wipe();
\pset null '(null)'

CREATE VIEW decision AS
SELECT flag_key, subject_id, e.key AS experiment, v.name AS variant, d.value, reason
  FROM lotty.decision d LEFT JOIN lotty.experiment e USING (experiment_id)
  LEFT JOIN lotty.variant v ON v.variant_id = d.variant_id ORDER BY decision_id;

-- flag_not_found
SELECT flag, value, decision_id IS NOT NULL AS recorded, experiment_id, variant_id, reason FROM lotty_decide('no such flag', 'u1');
-- no_active_experiment, whatever the status
SELECT make_experiment('status_' || s, s) FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'paused', 'completed', 'archived']) s;
SELECT flag, value, experiment_id, reason
  FROM (SELECT key FROM lotty.flag WHERE key LIKE 'status_%' ORDER BY key COLLATE "C" OFFSET 0) f, lotty_decide(key, 'u1') ORDER BY key COLLATE "C";
-- targeting_mismatch: false and unknown
SELECT make_experiment('targeted', targeting => 'country = "DE"');
SELECT value, experiment_id = md5('experiment targeted')::uuid AS experiment, variant_id, reason FROM lotty_decide('targeted', 'u1', '{"country": "FR"}');
SELECT value, reason FROM lotty_decide('targeted', 'u1');
SELECT value, reason FROM lotty_decide('targeted', 'u1', '{"country": "DE"}');
-- outside_traffic_allocation comes before no_variants
SELECT make_experiment('closed', traffic => 0);
SELECT value, reason FROM lotty_decide('closed', 'u1');
SELECT make_experiment('empty');
ALTER TABLE lotty.variant DISABLE TRIGGER variant_before_delete;
DELETE FROM lotty.variant WHERE experiment_id IN (md5('experiment empty')::uuid, md5('experiment closed')::uuid);
ALTER TABLE lotty.variant ENABLE TRIGGER variant_before_delete;
SELECT value, reason FROM lotty_decide('closed', 'u1');
SELECT value, reason FROM lotty_decide('empty', 'u1');
-- flag_disabled
UPDATE lotty.flag SET enabled = false WHERE key = 'targeted';
SELECT value, experiment_id, reason FROM lotty_decide('targeted', 'u1', '{"country": "DE"}');
UPDATE lotty.flag SET enabled = true WHERE key = 'targeted';
SELECT * FROM decision;

-- The same subject gets the same variant; the split follows the weights.
SELECT make_experiment('split');
SET lotty.max_concurrent_experiments = 100;
SELECT count(DISTINCT value) FROM generate_series(1, 50), lotty_decide('split', 'same');
SELECT value, count(*) FROM generate_series(1, 10000) i, lotty_decide('split', 's' || i) GROUP BY 1 ORDER BY 1;
UPDATE lotty.variant SET weight = 900 WHERE name = 'b' AND experiment_id = md5('experiment split')::uuid;
UPDATE lotty.variant SET weight = 100 WHERE name = 'a' AND experiment_id = md5('experiment split')::uuid;
SELECT value, count(*) FROM generate_series(1, 10000) i, lotty_evaluate('split', 's' || i) GROUP BY 1 ORDER BY 1;
-- Weights changed: the decision is made afresh, and the ledger follows.
SELECT count(*) FILTER (WHERE a.variant_id <> d.variant_id) > 0 AS moved
  FROM lotty.assignment a, lotty_evaluate('split', a.subject_id) d WHERE a.experiment_id = md5('experiment split')::uuid;
SELECT count(*) FROM generate_series(1, 10000) i, lotty_decide('split', 's' || i);
SELECT count(*) FILTER (WHERE a.variant_id <> d.variant_id) AS differ, count(*)
  FROM lotty.assignment a, lotty_evaluate('split', a.subject_id) d WHERE a.experiment_id = md5('experiment split')::uuid AND a.subject_id <> 'same';

-- hash_key in place of the id: the same subjects, the same variants.
SELECT make_experiment('copy');
UPDATE lotty.experiment SET hash_key = md5('experiment split')::uuid::text WHERE key = 'copy';
UPDATE lotty.variant v SET weight = o.weight FROM lotty.variant o
 WHERE v.experiment_id = md5('experiment copy')::uuid AND o.experiment_id = md5('experiment split')::uuid AND o.name = v.name;
SELECT count(*) FROM generate_series(1, 1000) i, lotty_evaluate('split', 's' || i) a, lotty_evaluate('copy', 's' || i) b WHERE a.value <> b.value;

-- Two experiments of a flag: by rank, the first that assigns wins; else the last reason counts.
INSERT INTO lotty.experiment (experiment_id, flag_id, key, rank, status, targeting)
VALUES (md5('first')::uuid, md5('flag targeted')::uuid, 'first', -1, 'running', 'vip');
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('first')::uuid, 'only', '"VIP"');
SELECT value, e.key, reason FROM lotty_decide('targeted', 'u2', '{"vip": true, "country": "DE"}') JOIN lotty.experiment e USING (experiment_id);
SELECT value, e.key, reason FROM lotty_decide('targeted', 'u3', '{"vip": false, "country": "DE"}') JOIN lotty.experiment e USING (experiment_id);
SELECT value, e.key, reason FROM lotty_decide('targeted', 'u4', '{"vip": false, "country": "FR"}') JOIN lotty.experiment e USING (experiment_id);

-- Values of all types come out as they went in.
INSERT INTO lotty.flag (key, value_type, default_value) VALUES
    ('t_boolean', 'boolean', 'true'), ('t_number', 'number', '12345678901234567890.10'), ('t_null', 'json', 'null'),
    ('t_json', 'json', '{"a": [1, {"b": null}]}'), ('t_text', 'string', '"ünï\u0001\"code"');
SELECT flag, value, jsonb_typeof(value) FROM lotty.flag, lotty_decide(key, 'u1') WHERE key LIKE 't\_%' ORDER BY flag;

-- The seed's dictionary; evaluate says the same and writes nothing.
SELECT to_jsonb(d) - 'decision_id' AS decided FROM lotty_decide('targeted', 'u5', '{"country": "DE"}') d;
SELECT count(*) FROM lotty.decision \gset before_
SELECT to_jsonb(lotty_evaluate('targeted', 'u5', '{"country": "DE"}')) AS evaluated;
SELECT count(*) = :before_count AS nothing_written FROM lotty.decision;
RESET lotty.max_concurrent_experiments;

-- A broken rule that got around the triggers admits nobody.
SELECT make_experiment('broken');
SET session_replication_role = replica;
UPDATE lotty.experiment SET targeting = 'a = ' WHERE key = 'broken';
RESET session_replication_role;
SELECT value, reason FROM lotty_decide('broken', 'u6');
DROP VIEW decision;
