-- Forgetting a subject, and merging one into another.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 6) i;
CREATE FUNCTION page(subject text) RETURNS TABLE (experiment text, variant text, slot smallint, displaced boolean, days double precision)
LANGUAGE sql AS $$
    SELECT e.key, v.name, a.slot, a.displaced_at IS NOT NULL, date_part('day', now() - a.assigned_at)
      FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) LEFT JOIN lotty.variant v USING (variant_id)
     WHERE a.subject_id = subject ORDER BY e.key COLLATE "C"
$$;
-- Puts a subject into an experiment, with a variant, some days ago, in ledger and log.
CREATE FUNCTION enter(subject text, experiment text, variant text, days integer DEFAULT 1) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id, slot, assigned_at)
    SELECT subject, e.experiment_id, v.variant_id,
           CASE WHEN NOT e.exempt_from_limits AND e.status IN ('running', 'paused') THEN
               (SELECT min(n) FROM generate_series(1, 99) n
                 WHERE NOT EXISTS (SELECT FROM lotty.assignment a WHERE a.subject_id = subject AND a.slot = n)) END,
           now() - days * interval '1 day'
      FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id) WHERE e.key = experiment AND v.name = variant;
    INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
    SELECT gen_random_uuid(), e.key, subject, e.experiment_id, v.variant_id, v.value, 'experiment_assigned', now() - days * interval '1 day'
      FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id) WHERE e.key = experiment AND v.name = variant;
$$;
-- Rows by table and subject.
CREATE VIEW stored AS
SELECT 'assignment' AS object, subject_id::text FROM lotty.assignment UNION ALL SELECT 'decision', subject_id FROM lotty.decision
UNION ALL SELECT 'event', subject_id FROM lotty.event UNION ALL SELECT 'override', subject_id FROM lotty.override;

-- Forgetting -------------------------------------------------------------------------------
SELECT count(*) FROM unnest(ARRAY['gone', 'stays', 'gone ', 'GONE']) s, lotty_decide_all(s);
SELECT count(*) FROM unnest(ARRAY['gone', 'stays']) s, lotty_decide('nope', s), lotty_track(s, 'purchase', 1), lotty_force('e1', s, 'a');
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id) VALUES ('gone', md5('experiment e2')::uuid, 'whitelist', md5('a e2')::uuid);
SELECT subject_id COLLATE "C", object, count(*) FROM stored GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM lotty_forget('gone');
SELECT subject_id COLLATE "C", object, count(*) FROM stored GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM lotty_check_ledger();
-- Again, and somebody unknown: nothing to delete. Nothing is left of taking hold of the subject.
SELECT * FROM lotty_forget('gone');
SELECT * FROM lotty_forget('');
SELECT count(*) FROM lotty.assignment WHERE subject_id IN ('gone', '');
-- It is a new subject then.
SELECT reason FROM lotty_decide('e4', 'gone');
SELECT * FROM page('gone');
-- Within a transaction, and taken back.
BEGIN;
SELECT sum(rows) FROM lotty_forget('stays');
SELECT count(*) FROM stored WHERE subject_id = 'stays';
ROLLBACK;
SELECT count(*) FROM stored WHERE subject_id = 'stays';
SELECT * FROM try($$SELECT lotty_forget(NULL)$$);
SELECT * FROM try($$SELECT lotty_forget(repeat('ü', 257))$$);
-- The log is searched by its two indexes, however large it is.
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, reason)
SELECT gen_random_uuid(), 'e1', 'filler ' || n, 'targeting_mismatch' FROM generate_series(1, 20000) n;
ANALYZE lotty.decision;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) DELETE FROM lotty.decision t WHERE t.subject_id = 'stays' AND t.reason NOT IN ('experiment_assigned', 'sticky');
RESET enable_bitmapscan;
DELETE FROM lotty.decision WHERE subject_id LIKE 'filler %';

-- Merging --------------------------------------------------------------------------------------
-- All that the visitor has becomes the user's.
TRUNCATE lotty.assignment, lotty.decision, lotty.event, lotty.override;
SELECT enter('visitor', 'e1', 'a', 3), enter('visitor', 'e2', 'b', 2), enter('user', 'e3', 'a');
SELECT d.reason, lotty_force('e4', 'visitor', 'b'), lotty_track('visitor', 'purchase', 1, event_id => 'order'), lotty_track('visitor', 'view')
  FROM lotty_decide('nope', 'visitor') d;
SELECT * FROM lotty_merge_subjects('visitor', 'user');
SELECT * FROM page('user');
SELECT object, count(*) FROM stored WHERE subject_id = 'user' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM stored WHERE subject_id <> 'user';
SELECT * FROM lotty_check_ledger();
-- Reports see one subject, exposed at the first decision.
SELECT subject_id, experiment_key, variant, date_part('day', now() - exposed_at) AS days, crossover, decisions FROM lotty.exposure ORDER BY 2;
-- It goes on with what was given, as far as the experiments keep that, and nobody is in more than three.
SELECT flag, reason FROM lotty_decide_all('user');
SELECT lotty_track('user', 'purchase', 1, event_id => 'order'), lotty_forced('e4', 'user');
-- Again: nothing is left to move.
SELECT * FROM lotty_merge_subjects('visitor', 'user');
-- The visitor comes again, and is merged again.
SELECT flag, reason FROM lotty_decide('e1', 'visitor');
SELECT * FROM lotty_merge_subjects('visitor', 'user');
SELECT count(*) FROM stored WHERE subject_id <> 'user';
SELECT * FROM lotty_check_ledger();
-- Somebody unknown into somebody known, the other way round, and both unknown.
CREATE TEMP TABLE before AS SELECT * FROM lotty.assignment;
SELECT * FROM lotty_merge_subjects('nobody', 'user');
SELECT * FROM before EXCEPT TABLE lotty.assignment;
SELECT object, moved, dropped, displaced FROM lotty_merge_subjects('user', 'nobody');
SELECT slot FROM page('nobody') ORDER BY 1;
SELECT sum(moved) FROM lotty_merge_subjects('who', 'else');
SELECT DISTINCT subject_id FROM stored;
SELECT * FROM lotty_check_ledger();
SELECT * FROM try($$SELECT lotty_merge_subjects('a', 'a')$$);
SELECT * FROM try($$SELECT lotty_merge_subjects(NULL, 'a')$$);
SELECT * FROM try($$SELECT lotty_merge_subjects('a', NULL)$$);
SELECT * FROM try($$SELECT lotty_merge_subjects(repeat('a', 513), 'a')$$);
SELECT * FROM try($$SELECT lotty_merge_subjects('a', repeat('a', 513))$$);

-- Both are in: into_subject's variant and slot count; the entry is the earlier one. Overrides likewise, by kind.
TRUNCATE lotty.assignment, lotty.decision, lotty.event, lotty.override;
SELECT enter('visitor', 'e2', 'a', 5), enter('visitor', 'e1', 'a', 2), enter('user', 'e1', 'b', 4), enter('user', 'e2', 'b', 3);
SELECT lotty_force('e1', 'visitor', 'a'), lotty_force('e1', 'user', 'b');
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id) VALUES ('visitor', md5('experiment e1')::uuid, 'whitelist', md5('a e1')::uuid);
SELECT * FROM lotty_merge_subjects('visitor', 'user');
SELECT * FROM page('user');
SELECT o.kind, v.name FROM lotty.override o JOIN lotty.variant v USING (variant_id) WHERE subject_id = 'user' ORDER BY 1;
SELECT experiment_key, variant, crossover, decisions FROM lotty.exposure ORDER BY 1;
SELECT * FROM lotty_check_ledger();

-- No room: the user is in three. What the visitor was in is kept without a place, counts for nothing
-- and is no contradiction; neither is it made one by the rebuild.
TRUNCATE lotty.assignment, lotty.decision, lotty.event, lotty.override;
SELECT enter('visitor', 'e4', 'a', 6), enter('visitor', 'e5', 'b', 5), enter('visitor', 'e1', 'b', 4);
SELECT enter('user', 'e' || i, 'a', 2) FROM generate_series(1, 3) i;
SELECT * FROM lotty_merge_subjects('visitor', 'user');
SELECT * FROM page('user');
SELECT * FROM lotty_check_ledger();
SELECT * FROM lotty_rebuild_ledger();
SELECT flag, reason FROM lotty_decide_many(ARRAY['e4', 'e5', 'e1', 'e2', 'e3'], 'user');
SELECT count(*) FROM page('user') WHERE slot IS NOT NULL;
-- Merged once more, it stays without a place.
SELECT * FROM lotty_merge_subjects('user', 'other');
SELECT experiment, slot, displaced FROM page('other');
-- When a place is free, the subject enters again.
SET lotty.cooldown_days = 0;
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e1';
SELECT flag, reason FROM lotty_evaluate_all('other');
SELECT flag, reason FROM lotty_decide_all('other');
SELECT experiment, slot, displaced FROM page('other');
SELECT * FROM lotty_check_ledger();
RESET lotty.cooldown_days;

-- One place: that of a sticky experiment is kept first, then the one that was entered first; the limit is
-- that of the moment.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 9) i;
UPDATE lotty.experiment SET sticky = true WHERE key IN ('e3', 'e5', 'e6');
SELECT enter('visitor', 'e1', 'a', 9), enter('visitor', 'e2', 'a', 8), enter('visitor', 'e3', 'b', 1), enter('user', 'e4', 'a'), enter('user', 'e7', 'a');
SELECT * FROM lotty_merge_subjects('visitor', 'user');
SELECT * FROM page('user');
SELECT flag, value, reason FROM lotty_decide_many(ARRAY['e3', 'e1', 'e2'], 'user');
SET lotty.max_concurrent_experiments = 5;
SELECT enter('more', 'e5', 'b', 7), enter('more', 'e6', 'b', 6), enter('more', 'e8', 'b', 8);
SELECT * FROM lotty_merge_subjects('more', 'user');
SELECT * FROM page('user');
SELECT * FROM lotty_check_ledger();
-- With a lower limit nobody comes in, also below those who sit above it.
SET lotty.max_concurrent_experiments = 1;
SELECT enter('low', 'e9', 'a');
SELECT displaced FROM lotty_merge_subjects('low', 'user') WHERE object = 'assignment';
SET lotty.max_concurrent_experiments = 0;
SELECT enter('none', 'e1', 'a');
SELECT displaced FROM lotty_merge_subjects('none', 'nobody') WHERE object = 'assignment';
RESET lotty.max_concurrent_experiments;
SELECT * FROM lotty_check_ledger();

-- A sticky experiment that lost its place gives the same variant when there is one again, as often as it is asked.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 4) i;
UPDATE lotty.experiment SET sticky = true WHERE key = 'e4';
SELECT v.name AS kept FROM lotty_evaluate('e4', 'user') d JOIN lotty.variant v ON v.experiment_id = d.experiment_id AND v.variant_id <> d.variant_id \gset
SELECT enter('user', 'e' || i, 'a') FROM generate_series(1, 3) i;
SELECT enter('visitor', 'e4', :'kept', 2);
SELECT * FROM lotty_merge_subjects('visitor', 'user') WHERE object = 'assignment';
SELECT reason FROM lotty_decide('e4', 'user');
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e1';
SET lotty.cooldown_days = 0;
SELECT d.reason, v.name = :'kept' AS kept FROM lotty_evaluate('e4', 'user') d JOIN lotty.variant v USING (variant_id);
SELECT checked, outcome FROM lotty_explain('e4', 'user');
SELECT d.reason, v.name = :'kept' AS kept FROM lotty_decide('e4', 'user') d JOIN lotty.variant v USING (variant_id);
SELECT d.reason, v.name = :'kept' AS kept FROM lotty_decide('e4', 'user') d JOIN lotty.variant v USING (variant_id);
SELECT experiment, slot, displaced FROM page('user');
SELECT * FROM lotty_check_ledger();
RESET lotty.cooldown_days;

-- Conflict domains: a merge puts nobody into two experiments of one.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 3) i;
INSERT INTO lotty.conflict_domain (key) VALUES ('d');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
SELECT domain_id, experiment_id FROM lotty.conflict_domain, lotty.experiment e WHERE e.key IN ('e1', 'e2');
SELECT enter('visitor', 'e1', 'a', 3), enter('visitor', 'e3', 'a', 2), enter('user', 'e2', 'a');
SELECT * FROM lotty_merge_subjects('visitor', 'user') WHERE object = 'assignment';
SELECT experiment, slot, displaced FROM page('user');
SELECT flag, reason FROM lotty_decide_all('user');
SELECT * FROM lotty_check_ledger();
-- What has ended does not hold the domain; nor its slot.
SELECT enter('guest', 'e1', 'a', 3), enter('client', 'e2', 'a', 9);
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e2';
SELECT * FROM lotty_merge_subjects('guest', 'client') WHERE object = 'assignment';
SELECT experiment, slot, displaced FROM page('client');
-- The cool-down of either is that of the merged subject.
SELECT reason FROM lotty_evaluate('e3', 'client');
UPDATE lotty.assignment SET assigned_at = now() - interval '1 day' WHERE subject_id = 'client' AND experiment_id = md5('experiment e2')::uuid;
SELECT enter('rested', 'e3', 'a');
SELECT * FROM lotty_merge_subjects('client', 'rested') WHERE object = 'assignment';
SELECT experiment, slot, displaced FROM page('rested');
SELECT reason FROM lotty_evaluate('e3', 'rested');

-- Exempt from limits and sticky: memberships without slots, as many as there are.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 6) i;
UPDATE lotty.experiment SET sticky = true, exempt_from_limits = true WHERE key <> 'e1';
SELECT enter('visitor', 'e' || i, 'b') FROM generate_series(2, 6) i;
SELECT enter('user', 'e2', 'a'), enter('user', 'e1', 'a');
SELECT * FROM lotty_merge_subjects('visitor', 'user') WHERE object = 'assignment';
SELECT experiment, variant, slot, displaced FROM page('user');
SELECT flag, value, reason FROM lotty_decide_all('user');
SELECT * FROM lotty_check_ledger();

-- A log that was shortened: what it gave before is taken as it is.
SELECT wipe();
SELECT make_experiment('e1');
SELECT enter('user', 'e1', 'a', 400), enter('visitor', 'e1', 'b', 2);
DELETE FROM lotty.decision WHERE created_at < now() - interval '1 year';
SELECT * FROM lotty_merge_subjects('visitor', 'user') WHERE object = 'assignment';
SELECT * FROM lotty_check_ledger();
SELECT corrected FROM lotty_rebuild_ledger();
SELECT experiment, variant FROM page('user');

-- Nobody is in more than three, and nothing contradicts, whoever is merged into whom.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 9) i;
UPDATE lotty.experiment SET sticky = true WHERE key IN ('e2', 'e5');
INSERT INTO lotty.conflict_domain (key) VALUES ('d1'), ('d2');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
SELECT domain_id, experiment_id FROM lotty.conflict_domain d JOIN lotty.experiment e ON (d.key, e.key) IN (('d1', 'e1'), ('d1', 'e2'), ('d2', 'e2'), ('d2', 'e6'), ('d2', 'e9'));
SET lotty.cooldown_days = 0;
SELECT count(*) FROM generate_series(1, 400) n, lotty_decide('e' || 1 + hashint4(n) % 5 + 4, 's' || n % 60);
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e7';
SELECT count(*) FROM generate_series(401, 600) n, lotty_decide('e' || 1 + (n * 7) % 9, 's' || n % 60);
CREATE TEMP TABLE total AS SELECT count(*) AS n FROM lotty.decision;
SELECT sum(moved) > 0 AS moved, sum(dropped) > 0 AS dropped, sum(displaced) > 0 AS displaced
  FROM (SELECT n FROM generate_series(1, 59) n ORDER BY n) o, lotty_merge_subjects('s' || n, 's' || n + 1 + n % 2);
SELECT count(DISTINCT subject_id), count(*) = (SELECT n FROM total) AS all_there FROM lotty.decision;
SELECT max(n) FROM (SELECT count(*) AS n FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id)
                     WHERE a.displaced_at IS NULL AND e.status = 'running' GROUP BY subject_id) s;
SELECT a.subject_id, m.domain_id FROM lotty.assignment a JOIN lotty.experiment_conflict_domain m USING (experiment_id)
 WHERE a.slot IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1;
SELECT * FROM lotty_check_ledger();
RESET lotty.cooldown_days;

-- Rights: an application decides and tracks without any right on a table; forgetting and merging are rights
-- of their own.
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_app, lotty_test_login;
RESET client_min_messages;
CREATE ROLE lotty_test_app;
CREATE ROLE lotty_test_login;
GRANT EXECUTE ON FUNCTION lotty_decide_all(text, jsonb), lotty_decide_many(text[], text, jsonb), lotty_evaluate_all(text, jsonb),
    lotty_evaluate_many(text[], text, jsonb), lotty_boolean(text, text, jsonb, boolean), lotty_string(text, text, jsonb, text),
    lotty_number(text, text, jsonb, numeric), lotty_json(text, text, jsonb, jsonb),
    lotty_track(text, text, numeric, jsonb, text, uuid, timestamptz) TO lotty_test_app;
GRANT EXECUTE ON FUNCTION lotty_forget(text), lotty_merge_subjects(text, text) TO lotty_test_login;
SET ROLE lotty_test_app;
SELECT (SELECT count(*) FROM lotty_decide_all('r1')) AS all, (SELECT count(*) FROM lotty_decide_many(ARRAY['e1'], 'r1')) AS many,
       (SELECT count(*) FROM lotty_evaluate_all('r1')) AS evaluate_all, (SELECT count(*) FROM lotty_evaluate_many(ARRAY['e1'], 'r1')) AS evaluate_many;
SELECT lotty_boolean('nope', 'r1', '{}', true), lotty_string('nope', 'r1', '{}', 'x'), lotty_number('nope', 'r1', '{}', 1), lotty_json('nope', 'r1', '{}', '1'),
       lotty_track('r1', 'view'), lotty_track('r1', 'view', event_id => 'v'), lotty_track('r1', 'view', event_id => 'v');
SELECT * FROM try($$SELECT lotty_track('r1', '')$$);
SELECT * FROM try($$TABLE lotty.event$$);
SELECT * FROM try($$SELECT lotty_forget('r1')$$);
SELECT * FROM try($$SELECT lotty_merge_subjects('r1', 'r2')$$);
SELECT * FROM try($$SELECT lotty.hold_subject('r1')$$);
SET ROLE lotty_test_login;
SELECT * FROM try($$SELECT lotty_track('r1', 'view')$$);
SELECT object, moved FROM lotty_merge_subjects('r1', 'r2');
SELECT * FROM lotty_forget('r2');
RESET ROLE;
DROP OWNED BY lotty_test_app, lotty_test_login;
DROP ROLE lotty_test_app, lotty_test_login;
SELECT wipe();
DROP VIEW stored;
DROP FUNCTION page, enter;
