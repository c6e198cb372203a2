-- The limit of concurrent experiments, and the cool-down.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 5) i;

-- Three at a time, in the order of asking; who is in stays in.
SELECT flag, reason FROM generate_series(1, 5) i, lotty_decide('e' || i, 'u1');
SELECT flag, reason FROM generate_series(1, 5) i, lotty_decide('e' || i, 'u1');
SELECT flag, reason FROM lotty_evaluate('e4', 'u1') UNION ALL SELECT flag, reason FROM lotty_evaluate('e1', 'u1');
SELECT e.key, slot FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) WHERE subject_id = 'u1' ORDER BY slot;

-- A paused one still counts, a completed one does not, but starts a cool-down.
UPDATE lotty.experiment SET status = 'paused' WHERE key = 'e1';
SELECT flag, reason FROM lotty_decide('e4', 'u1');
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e1';
SELECT flag, reason FROM lotty_decide('e4', 'u1');
SET lotty.cooldown_days = 0;
SELECT flag, reason FROM lotty_decide('e4', 'u1');
RESET lotty.cooldown_days;
SELECT e.key, slot FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) WHERE subject_id = 'u1' ORDER BY 1;
-- Also for those who are in (the seed decides afresh each time).
SELECT flag, reason FROM lotty_decide('e2', 'u1');

-- The cool-down counts from the last decision that assigned the subject.
SELECT flag, reason FROM lotty_decide('e2', 'u2');
UPDATE lotty.decision SET created_at = now() - interval '8 days' WHERE subject_id = 'u2';
UPDATE lotty.assignment SET assigned_at = now() - interval '8 days' WHERE subject_id = 'u2';
BEGIN;
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e2';
SELECT flag, reason FROM lotty_evaluate('e3', 'u2');
ROLLBACK;
SELECT flag, reason FROM lotty_decide('e2', 'u2');
BEGIN;
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e2';
SELECT flag, reason FROM lotty_evaluate('e3', 'u2');
SET LOCAL lotty.cooldown_days = 8;
UPDATE lotty.decision SET created_at = now() - interval '8 days' WHERE subject_id = 'u2';
SELECT flag, reason FROM lotty_evaluate('e3', 'u2');
UPDATE lotty.decision SET created_at = now() - interval '8 days 1 microsecond' WHERE subject_id = 'u2';
UPDATE lotty.assignment SET assigned_at = now() - interval '8 days 1 microsecond' WHERE subject_id = 'u2';
SELECT flag, reason FROM lotty_evaluate('e3', 'u2');
ROLLBACK;

-- The limit is a setting; 0 lets nobody in.
SET lotty.max_concurrent_experiments = 1;
SELECT flag, reason FROM lotty_decide('e3', 'u3') UNION ALL SELECT flag, reason FROM lotty_decide('e4', 'u3');
SET lotty.max_concurrent_experiments = 0;
SELECT flag, reason FROM lotty_decide('e3', 'u4');
SET lotty.max_concurrent_experiments = -1;
SET lotty.max_concurrent_experiments = 40000;
RESET lotty.max_concurrent_experiments;

-- Lowered below what a subject has: nothing is lost, nothing is added.
SELECT flag, reason FROM generate_series(2, 4) i, lotty_decide('e' || i, 'u5');
SET lotty.max_concurrent_experiments = 2;
SELECT flag, reason FROM generate_series(2, 5) i, lotty_decide('e' || i, 'u5');
SELECT slot FROM lotty.assignment WHERE subject_id = 'u5' ORDER BY 1;
RESET lotty.max_concurrent_experiments;

-- An experiment that runs again after its end (which takes a superuser's hand) finds its
-- members without a slot, and gives them one.
BEGIN;
SET LOCAL lotty.cooldown_days = 0;
SELECT flag, reason FROM lotty_decide('e3', 'u6');
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e3';
SELECT flag, reason FROM lotty_decide('e4', 'u6');
SELECT e.key, slot FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) WHERE subject_id = 'u6' ORDER BY 1;
SET LOCAL session_replication_role = replica;
UPDATE lotty.experiment SET status = 'running' WHERE key = 'e3';
SET LOCAL session_replication_role = origin;
SELECT flag, reason FROM lotty_decide('e3', 'u6');
SELECT e.key, slot FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) WHERE subject_id = 'u6' ORDER BY 1;
ROLLBACK;
