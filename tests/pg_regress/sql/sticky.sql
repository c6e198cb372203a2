-- Who is in stays in.
SELECT wipe();
\pset null '(null)'
SELECT make_experiment('e');
UPDATE lotty.experiment SET sticky = true;
CREATE TEMP TABLE given AS
SELECT 'u' || i AS subject, d.* FROM generate_series(1, 40) i, lotty_decide('e', 'u' || i) d;
SELECT reason, count(*) FROM given GROUP BY reason;

-- Neither targeting nor traffic nor weights nor a full ledger put anybody out.
UPDATE lotty.experiment SET targeting = 'FALSE', traffic_allocation = 0;
UPDATE lotty.variant SET weight = 0 WHERE name = 'a';
SET lotty.max_concurrent_experiments = 0;
SELECT d.reason, count(*), bool_and(d.variant_id = g.variant_id) AS same
  FROM given g, lotty_decide('e', g.subject) d GROUP BY d.reason;
SELECT value, reason FROM lotty_decide('e', 'somebody new');
RESET lotty.max_concurrent_experiments;
SELECT reason, count(*) FROM lotty.decision GROUP BY reason ORDER BY reason;
SELECT * FROM lotty_check_ledger();
SELECT count(*), bool_or(crossover) AS crossover FROM lotty.exposure;

-- A paused experiment gives nothing, and is taken up again where it was.
UPDATE lotty.experiment SET status = 'paused';
SELECT value, reason FROM lotty_decide('e', 'u1');
UPDATE lotty.experiment SET status = 'running';
SELECT reason FROM lotty_decide('e', 'u1');

-- As lotty_explain says it.
SELECT step, experiment, checked, outcome, detail FROM lotty_explain('e', 'u1');
SELECT step, experiment, checked, outcome, detail FROM lotty_explain('e', 'somebody new');

-- Ignored, it is neither looked at nor recorded.
SET lotty.ignore_sticky = on;
SELECT value, reason FROM lotty_decide('e', 'u1');
UPDATE lotty.experiment SET targeting = '', traffic_allocation = 100;
SELECT DISTINCT d.value, d.reason FROM given g, lotty_evaluate('e', g.subject) d;
CREATE TEMP TABLE ledger AS SELECT * FROM lotty.assignment;
SELECT DISTINCT d.value, d.reason FROM given g, lotty_decide('e', g.subject) d;
SELECT count(*) AS changed FROM lotty.assignment a JOIN ledger l USING (subject_id) WHERE a <> l;
RESET lotty.ignore_sticky;

-- A retired variant is given to nobody: whoever had it is bucketed again, once.
UPDATE lotty.variant SET weight = 1;
UPDATE lotty.variant SET is_retired = true WHERE name = 'a';
SELECT d.value, d.reason, count(*) FROM given g, lotty_decide('e', g.subject) d GROUP BY 1, 2 ORDER BY 2;
SELECT d.value, d.reason, count(*) FROM given g, lotty_decide('e', g.subject) d GROUP BY 1, 2 ORDER BY 2;
SELECT DISTINCT v.name FROM lotty.assignment JOIN lotty.variant v USING (variant_id);
-- Nobody comes back with it.
UPDATE lotty.variant SET is_retired = false WHERE name = 'a';
SELECT d.value, d.reason, count(*) FROM given g, lotty_decide('e', g.subject) d GROUP BY 1, 2 ORDER BY 2;

-- Without a variant to give, nothing is recorded of a subject that was turned away.
SELECT reason FROM lotty_decide('e', 'late', '{}');
UPDATE lotty.experiment SET targeting = 'vip';
SELECT reason FROM lotty_decide('e', 'later', '{}');
SELECT subject_id FROM lotty.assignment WHERE subject_id LIKE 'late%';

-- Exempt from the limits: no slots are taken, none are counted, and only sticky ones are kept.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 6) i;
UPDATE lotty.experiment SET exempt_from_limits = true WHERE key IN ('e1', 'e2', 'e3', 'e4');
UPDATE lotty.experiment SET sticky = true WHERE key IN ('e3', 'e4');
SET lotty.max_concurrent_experiments = 1;
SELECT i, reason FROM generate_series(1, 6) i, lotty_decide('e' || i, 'u1');
SELECT e.key, a.slot FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) ORDER BY 1;
SELECT i, reason FROM generate_series(1, 6) i, lotty_decide('e' || i, 'u1');
SELECT * FROM lotty_check_ledger();
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e4';
SELECT reason FROM lotty_decide('e5', 'u1');
SELECT checked, outcome FROM lotty_explain('e3', 'u1');
SELECT checked, outcome FROM lotty_explain('e3', 'u2');
-- Made sticky later: who has been in is known from the log.
UPDATE lotty.experiment SET sticky = true WHERE key = 'e1';
SELECT problem, e.key FROM lotty_check_ledger() JOIN lotty.experiment e USING (experiment_id);
SELECT * FROM lotty_rebuild_ledger();
SELECT reason FROM lotty_decide('e1', 'u1');
-- No longer exempt: a membership needs a slot then.
UPDATE lotty.experiment SET exempt_from_limits = false WHERE key = 'e3';
SELECT reason FROM lotty_decide('e3', 'u1');
SELECT * FROM lotty_rebuild_ledger();
SELECT reason FROM lotty_decide('e3', 'u1');
RESET lotty.max_concurrent_experiments;

-- What cannot be.
SELECT * FROM try($$INSERT INTO lotty.experiment (flag_id, key, kind, sticky) VALUES (md5('flag e1')::uuid, 'x', 'rollout', true)$$) WHERE item = 'error';
INSERT INTO lotty.conflict_domain (domain_id, key) VALUES (md5('d')::uuid, 'd');
SELECT * FROM try($$INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) VALUES (md5('d')::uuid, md5('experiment e1')::uuid)$$);
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) VALUES (md5('d')::uuid, md5('experiment e5')::uuid);
SELECT * FROM try($$UPDATE lotty.experiment SET exempt_from_limits = true WHERE key = 'e5'$$);
