-- Variants given by hand: lotty_force and its kin, the whitelist, what they come before.
SELECT wipe();
\pset null '(null)'
SELECT make_experiment('e', targeting => 'country = "DE"', traffic => 0);
SELECT make_experiment('paused', 'paused');

-- Forced, in another variant, looked up, taken back.
SELECT value, reason FROM lotty_decide('e', 'u1');
SELECT lotty_force('e', 'u1', 'a');
SELECT lotty_forced('e', 'u1');
SELECT value, reason FROM lotty_decide('e', 'u1');
SELECT lotty_force('e', 'u1', 'b');
SELECT lotty_forced('e', 'u1');
SELECT value, reason FROM lotty_evaluate('e', 'u1');
SELECT value, reason FROM lotty_decide_experiment('e', 'u1');
SELECT value, reason FROM lotty_decide('e', 'u2');
SELECT lotty_unforce('e', 'u1');
SELECT lotty_forced('e', 'u1');
SELECT lotty_unforce('e', 'u1'), lotty_force('e', 'u1', NULL);
SELECT value, reason FROM lotty_decide('e', 'u1');

-- What does not exist stores nothing.
SELECT lotty_force('none', 'u1', 'a'), lotty_force('e', 'u1', 'none'), lotty_force('e', 'u1', ''), lotty_force('', 'u1', 'a'),
       lotty_unforce('none', 'u1'), lotty_forced('none', 'u1');
SELECT count(*) FROM lotty.override;
SELECT item, content FROM try($$SELECT lotty_force(NULL, 'u1', 'a')$$);
SELECT item, content FROM try($$SELECT lotty_force('e', NULL, 'a')$$);
SELECT item, content FROM try($$SELECT lotty_unforce('e', NULL)$$);
SELECT item, content FROM try($$SELECT lotty_forced('e', NULL)$$);
SELECT item, content FROM try($$SELECT lotty_force('e', repeat('x', 513), 'a')$$);

-- The experiment must run, and the flag be on.
SELECT lotty_force('paused', 'u1', 'a');
SELECT value, reason FROM lotty_decide('paused', 'u1');
UPDATE lotty.experiment SET status = 'running' WHERE key = 'paused';
SELECT value, reason FROM lotty_decide('paused', 'u1');
UPDATE lotty.flag SET enabled = false WHERE key = 'paused';
SELECT value, reason FROM lotty_decide('paused', 'u1');

-- The whitelist comes second; limits do not count, and nothing is entered into the ledger.
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
VALUES ('u3', md5('experiment e')::uuid, 'whitelist', md5('b e')::uuid), ('', md5('experiment e')::uuid, 'whitelist', md5('a e')::uuid);
SELECT value, reason FROM lotty_decide('e', 'u3');
SELECT value, reason FROM lotty_decide('e', '');
SELECT lotty_force('e', 'u3', 'a');
SELECT value, reason FROM lotty_decide('e', 'u3');
SET lotty.max_concurrent_experiments = 0;
SELECT value, reason FROM lotty_decide('e', 'u3');
RESET lotty.max_concurrent_experiments;
SELECT count(*) FROM lotty.assignment;
SELECT * FROM lotty_explain('e', 'u3');
SELECT step, experiment, checked, outcome, detail FROM lotty_explain('e', 'u2', '{"country": "DE"}');

-- A retired variant does not count, and comes back.
UPDATE lotty.variant SET is_retired = true WHERE variant_id = md5('a e')::uuid;
SELECT value, reason FROM lotty_decide('e', 'u3');
SELECT lotty_forced('e', 'u3'), lotty_force('e', 'u4', 'a');
UPDATE lotty.variant SET is_retired = false WHERE variant_id = md5('a e')::uuid;
SELECT value, reason FROM lotty_decide('e', 'u3');

-- What the table refuses.
SELECT * FROM try($$INSERT INTO lotty.override (subject_id, experiment_id, variant_id) VALUES ('u', md5('experiment e')::uuid, md5('a paused')::uuid)$$);
SELECT * FROM try($$INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id) VALUES ('u', md5('experiment e')::uuid, 'other', md5('a e')::uuid)$$) WHERE item = 'error';
SELECT item, content FROM try($$INSERT INTO lotty.override (subject_id, experiment_id, variant_id) VALUES ('u', md5('none')::uuid, md5('a e')::uuid)$$) WHERE item <> 'hint';
INSERT INTO lotty.experiment (experiment_id, flag_id, key, kind) VALUES (md5('rule')::uuid, md5('flag e')::uuid, 'rule', 'rollout');
INSERT INTO lotty.variant (variant_id, experiment_id, name, value) VALUES (md5('rule on')::uuid, md5('rule')::uuid, 'on', '"ON"');
SELECT * FROM try($$INSERT INTO lotty.override (subject_id, experiment_id, variant_id) VALUES ('u', md5('rule')::uuid, md5('rule on')::uuid)$$);
SELECT lotty_force('rule', 'u1', 'on');

-- A session that has compiled the experiment without overrides hears of the first one, and
-- looks up the others.
SELECT make_experiment('cached');
SELECT reason FROM lotty_evaluate('cached', 'u1');
SELECT builds AS before FROM lotty.session_cache() \gset
SELECT lotty_force('cached', 'u1', 'a'), reason FROM lotty_evaluate('cached', 'u1');
SELECT reason FROM lotty_evaluate('cached', 'u1');
SELECT builds - :before AS built FROM lotty.session_cache();
SELECT lotty_force('cached', 'u' || i, 'a') FROM generate_series(1, 3) i;
SELECT i, reason FROM generate_series(1, 4) i, lotty_evaluate('cached', 'u' || i) ORDER BY i;
SELECT lotty_unforce('cached', 'u' || i) FROM generate_series(1, 3) i;
SELECT reason FROM lotty_evaluate('cached', 'u1');
SELECT builds - :before AS built FROM lotty.session_cache();
-- Rolled back, nothing is left.
BEGIN;
SELECT lotty_force('cached', 'u1', 'b');
SELECT reason FROM lotty_evaluate('cached', 'u1');
ROLLBACK;
SELECT reason FROM lotty_evaluate('cached', 'u1');
BEGIN;
SAVEPOINT s;
SELECT lotty_force('cached', 'u1', 'b');
ROLLBACK TO s;
SELECT lotty_force('cached', 'u2', 'b');
SELECT reason FROM lotty_evaluate('cached', 'u2');
COMMIT;
SELECT u, reason FROM (VALUES ('u1'), ('u2')) v (u), lotty_evaluate('cached', u);
