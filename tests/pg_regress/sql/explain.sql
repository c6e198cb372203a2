-- lotty_explain: the steps of the decision that lotty_evaluate makes.
SELECT wipe();
SELECT make_experiment('f', targeting => 'country = "DE"', traffic => 50);
INSERT INTO lotty.experiment (experiment_id, flag_id, key, rank, status, targeting)
VALUES (md5('vip')::uuid, md5('flag f')::uuid, 'vip', -1, 'running', 'vip');
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('vip')::uuid, 'only', '"VIP"');

SELECT * FROM lotty_explain('f', 'u1', '{"country": "DE"}');
SELECT * FROM lotty_explain('f', 'u2', '{"country": "DE"}');
SELECT * FROM lotty_explain('f', 'u1', '{"vip": true}');
SELECT * FROM lotty_explain('f', 'u1', '{"vip": false, "country": "FR"}');
SELECT * FROM lotty_explain('none', 'u1');
UPDATE lotty.flag SET enabled = false;
SELECT * FROM lotty_explain('f', 'u1');
UPDATE lotty.flag SET enabled = true;

-- Participation and domains, with their numbers.
SELECT make_experiment('e' || i) FROM generate_series(1, 4) i;
SELECT reason FROM generate_series(1, 3) i, lotty_decide('e' || i, 'u1');
SELECT * FROM lotty_explain('e4', 'u1');
SELECT * FROM lotty_explain('e1', 'u1');
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e1';
SELECT step, experiment, checked, outcome, detail - 'cooling_down_until' AS detail,
       (detail ->> 'cooling_down_until')::timestamptz > now() + interval '6 days 23 hours' AS until
  FROM lotty_explain('e4', 'u1') WHERE checked = 'participation';
INSERT INTO lotty.conflict_domain (domain_id, key) VALUES (md5('d')::uuid, 'd');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
VALUES (md5('d')::uuid, md5('experiment e2')::uuid), (md5('d')::uuid, md5('experiment e4')::uuid);
SELECT * FROM lotty_explain('e4', 'u7');
SELECT * FROM lotty_explain('e2', 'u7');

-- It writes nothing, and says what lotty_evaluate says.
SELECT count(*) FROM lotty.decision;
SELECT count(*) FROM generate_series(1, 500) i, LATERAL (VALUES ('{}'::jsonb), ('{"country": "DE"}'), ('{"vip": true}')) a (attrs),
       unnest(ARRAY['f', 'e2', 'e4', 'none']) f, lotty_evaluate(f, 's' || i, attrs) e
 WHERE e.reason::text IS DISTINCT FROM (SELECT outcome FROM lotty_explain(f, 's' || i, attrs) WHERE checked = 'decision');
BEGIN READ ONLY;
SELECT count(*) > 0 AS works FROM lotty_explain('f', 'u1');
COMMIT;
SELECT * FROM try($$SELECT * FROM lotty_explain('f', NULL)$$);
