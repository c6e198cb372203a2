-- The ledger, the log, and deriving one from the other.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 6) i;
SET lotty.cooldown_days = 0;
SELECT count(*) FROM generate_series(1, 100) u, generate_series(1, 6) i, lotty_decide('e' || i, 'u' || u);
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e1';
SELECT count(*) FROM generate_series(1, 50) u, generate_series(4, 6) i, lotty_decide('e' || i, 'u' || u);
-- Paused and resumed in between; some decided twice.
SELECT * FROM lotty_check_ledger();
SELECT * FROM lotty_rebuild_ledger();
CREATE TEMP TABLE before AS SELECT * FROM lotty.assignment;

-- Lost and rebuilt from the log: the same memberships.
TRUNCATE lotty.assignment;
SELECT problem, count(*) FROM lotty_check_ledger() GROUP BY 1;
SELECT added, corrected, placed FROM lotty_rebuild_ledger();
SELECT count(*) FROM lotty_check_ledger();
SELECT count(*) FROM before b FULL JOIN lotty.assignment a USING (subject_id, experiment_id)
 WHERE (a.variant_id, a.assigned_at) IS DISTINCT FROM (b.variant_id, b.assigned_at);
SELECT max(n) FROM (SELECT count(*) AS n FROM lotty.assignment WHERE slot IS NOT NULL GROUP BY subject_id) s;

-- Wrong variant, wrong time of entry, slot lost: each found, each mended.
UPDATE lotty.assignment SET variant_id = gen_random_uuid() WHERE subject_id = 'u1' AND experiment_id = md5('experiment e2')::uuid;
UPDATE lotty.assignment SET assigned_at = now() + interval '1 day' WHERE subject_id = 'u2' AND experiment_id = md5('experiment e2')::uuid;
UPDATE lotty.assignment SET slot = NULL WHERE subject_id = 'u3' AND experiment_id = md5('experiment e2')::uuid;
SELECT problem, subject_id FROM lotty_check_ledger() ORDER BY 1, 2;
SELECT added, corrected, placed FROM lotty_rebuild_ledger();
SELECT count(*) FROM lotty_check_ledger();

-- A backfill of old decisions, also beyond the limit and with rows that do not count.
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
SELECT gen_random_uuid(), 'e' || i, 'old', md5('experiment e' || i)::uuid, md5('a e' || i)::uuid, '"A"', 'experiment_assigned', now() - interval '1 day' * i
  FROM generate_series(1, 6) i;
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, reason)
VALUES (gen_random_uuid(), 'e1', 'refused', md5('experiment e1')::uuid, 'participation_limit'),
       (gen_random_uuid(), 'x', 'stranger', gen_random_uuid(), 'experiment_assigned'),
       (gen_random_uuid(), 'x', 'nowhere', NULL, 'experiment_assigned');
SELECT added, corrected, placed FROM lotty_rebuild_ledger();
SELECT e.key, slot, assigned_at < now() AS past FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) WHERE subject_id = 'old' ORDER BY 1;
SELECT reason FROM lotty_decide('e2', 'old');
SELECT count(*) FROM lotty_check_ledger();

-- Memberships that the log no longer shows are kept: the log may have been shortened.
DELETE FROM lotty.decision;
SELECT added, corrected, placed FROM lotty_rebuild_ledger();
SELECT count(*) FROM lotty.assignment;

-- Exposures: the first decision that assigned the subject, and whether another variant followed.
SELECT wipe();
SELECT make_experiment('x');
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, reason, created_at)
SELECT md5(n::text)::uuid, 'x', s, md5('experiment x')::uuid, CASE WHEN v <> '' THEN md5(v || ' x')::uuid END, r::lotty.reason, '2026-01-01'::timestamptz + t * interval '1 hour'
  FROM (VALUES (1, 'once', 'a', 'experiment_assigned', 1), (2, 'twice', 'b', 'experiment_assigned', 3), (3, 'twice', 'b', 'experiment_assigned', 2),
               (4, 'crossed', 'a', 'experiment_assigned', 5), (5, 'crossed', 'b', 'experiment_assigned', 4), (6, 'crossed', 'a', 'sticky', 6),
               (7, 'never', '', 'targeting_mismatch', 1), (8, 'late', '', 'participation_limit', 1), (9, 'late', 'a', 'experiment_assigned', 2),
               (10, 'forced', 'a', 'forced', 1)) AS t (n, s, v, r, t);
SELECT subject_id, experiment_key, variant, is_control, exposed_at, crossover, decisions FROM lotty.exposure ORDER BY subject_id;
