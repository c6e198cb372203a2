-- The life cycle as functions: what each leads to, what it refuses, and the winner.
SELECT wipe();
SELECT make_experiment('e', 'draft');
SELECT make_experiment('other', 'draft');

-- Each of them from each status: the new status, or nothing.
CREATE TEMP TABLE status AS
SELECT s, n FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running',
                              'paused', 'completed', 'archived']) WITH ORDINALITY AS t (s, n);
CREATE FUNCTION pg_temp.call(old text, function text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    now_is text;
BEGIN
    SET LOCAL session_replication_role = replica;
    UPDATE lotty.experiment SET status = old WHERE key = 'e';
    SET LOCAL session_replication_role = origin;
    EXECUTE format('SELECT %I($1)', 'lotty_' || function) INTO answer USING 'e';
    SELECT status INTO now_is FROM lotty.experiment WHERE key = 'e';
    RETURN CASE WHEN answer = now_is THEN answer ELSE answer || ', but is ' || now_is END;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN '';
END
$$;
SELECT s AS "from", pg_temp.call(s, 'submit') AS submit, pg_temp.call(s, 'approve') AS approve,
       pg_temp.call(s, 'reject') AS reject, pg_temp.call(s, 'draft') AS draft,
       pg_temp.call(s, 'start') AS start, pg_temp.call(s, 'pause') AS pause,
       pg_temp.call(s, 'resume') AS resume, pg_temp.call(s, 'complete') AS complete,
       pg_temp.call(s, 'archive') AS archive
  FROM status ORDER BY n;
SELECT count(*) AS others_changed FROM lotty.experiment WHERE key = 'other' AND status <> 'draft';

-- What is refused, and how.
SELECT wipe();
SELECT make_experiment('e', 'draft');
SELECT * FROM try($$SELECT lotty_start(NULL)$$);
SELECT * FROM try($$SELECT lotty_start('no such')$$);
SELECT * FROM try($$SELECT lotty_pause('ü "x"')$$);
SELECT * FROM try($$SELECT lotty_pause('e')$$);
SELECT lotty_start('e');
SELECT * FROM try($$SELECT lotty_start('e')$$);
SELECT * FROM try($$SELECT lotty_archive('e')$$);
SELECT * FROM try($$SELECT lotty_complete(NULL)$$);
SELECT * FROM try($$SELECT lotty_complete('no such', 'a')$$);
SELECT * FROM try($$SELECT lotty_complete('e', 'no such variant')$$);
SELECT * FROM try($$SELECT lotty_complete('e', make_default => true)$$);
UPDATE lotty.variant SET is_retired = true WHERE name = 'b';
SELECT * FROM try($$SELECT lotty_complete('e', 'b')$$);
SELECT * FROM try($$SELECT lotty_complete('e', '')$$);
SELECT status, winner_id FROM lotty.experiment;
SET lotty.require_review = on;
SELECT make_experiment('reviewed', 'draft');
SELECT * FROM try($$SELECT lotty_start('reviewed')$$);
RESET lotty.require_review;
SELECT make_experiment('empty', 'draft');
DELETE FROM lotty.variant WHERE experiment_id = md5('experiment empty')::uuid;
SELECT * FROM try($$SELECT lotty_start('empty')$$);

-- The winner.
SELECT lotty_complete('e', 'a');
SELECT e.status, v.name AS winner, f.default_value, e.version
  FROM lotty.experiment e JOIN lotty.flag f USING (flag_id) JOIN lotty.variant v ON v.variant_id = e.winner_id;
SELECT * FROM try($$SELECT lotty_complete('e', 'a', true)$$);
-- Its value as the default, in one transaction with the end; all or nothing.
SELECT make_experiment('to all');
SELECT value, reason FROM lotty_evaluate('to all', 'u1');
SELECT lotty_pause('to all');
SELECT lotty_complete('to all', winner => 'b', make_default => true);
SELECT value, reason FROM lotty_evaluate('to all', 'u1');
SELECT value, reason FROM lotty_evaluate('to all', 'u2');
-- Of further flags too, each with its own value.
SELECT make_experiment('several');
INSERT INTO lotty.flag (flag_id, key, value_type, default_value)
VALUES (md5('second')::uuid, 'second', 'number', '0'), (md5('third')::uuid, 'third', 'string', '"c"');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id)
VALUES (md5('third')::uuid, md5('experiment several')::uuid);
INSERT INTO lotty.variant_value (variant_id, flag_id, value)
VALUES (md5('a several')::uuid, md5('second')::uuid, '1'), (md5('b several')::uuid, md5('second')::uuid, '2');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id)
VALUES (md5('second')::uuid, md5('experiment several')::uuid);
SELECT lotty_complete('several', 'b', true);
SELECT key, default_value FROM lotty.flag WHERE key IN ('several', 'second', 'third') ORDER BY key;
-- No flag, or one of an import.
SELECT make_experiment('of import');
INSERT INTO lotty.flag (flag_id, key, value_type, default_value, source)
VALUES (md5('imported')::uuid, 'imported', 'json', '0', 'optimizely:1');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id)
VALUES (md5('imported')::uuid, md5('experiment of import')::uuid);
SELECT * FROM try($$SELECT lotty_complete('of import', 'a', true)$$);
INSERT INTO lotty.experiment (experiment_id, key, status) VALUES (md5('flagless')::uuid, 'flagless', 'running');
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('flagless')::uuid, 'only', '1');
SELECT * FROM try($$SELECT lotty_complete('flagless', 'only', true)$$);
SELECT key, status FROM lotty.experiment WHERE key IN ('of import', 'flagless') ORDER BY key;
-- The column by itself.
SELECT make_experiment('by hand');
SELECT * FROM try($$UPDATE lotty.experiment SET winner_id = md5('a by hand')::uuid WHERE key = 'by hand'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET winner_id = md5('a e')::uuid WHERE key = 'by hand'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET winner_id = gen_random_uuid() WHERE key = 'by hand'$$) WHERE item <> 'error';
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'completed', winner_id = md5('a by hand')::uuid WHERE key = 'by hand'$$);

-- A rollout rule lives in the same way.
INSERT INTO lotty.experiment (experiment_id, flag_id, key, kind)
SELECT md5('rule')::uuid, flag_id, 'rule', 'rollout' FROM lotty.flag WHERE key = 'e';
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('rule')::uuid, 'on', '"on"');
SELECT lotty_submit('rule'), lotty_approve('rule'), lotty_start('rule'), lotty_pause('rule'), lotty_resume('rule');
SELECT value, reason FROM lotty_evaluate('e', 'u1');
SELECT lotty_complete('rule', 'on', true), lotty_archive('rule');
SELECT value, reason FROM lotty_evaluate('e', 'u1');

-- An experiment of an import: it can be stopped, and one is told who comes after.
INSERT INTO lotty.experiment (experiment_id, key, status, source) VALUES (md5('of 1')::uuid, 'of 1', 'running', 'optimizely:1');
INSERT INTO lotty.variant (variant_id, experiment_id, name, value) VALUES (md5('x of 1')::uuid, md5('of 1')::uuid, 'x', '1');
SELECT lotty_complete('of 1', 'x');
UPDATE lotty.experiment SET status = 'running' WHERE key = 'of 1' RETURNING winner_id;

-- Rights: those on the tables.
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_manager, lotty_test_reader;
RESET client_min_messages;
CREATE ROLE lotty_test_manager;
CREATE ROLE lotty_test_reader;
SELECT make_experiment('mine', 'draft');
SET ROLE lotty_test_manager;
SELECT * FROM try($$SELECT lotty_start('mine')$$);
RESET ROLE;
GRANT USAGE ON SCHEMA lotty TO lotty_test_manager, lotty_test_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO lotty_test_manager, lotty_test_reader;
GRANT EXECUTE ON FUNCTION lotty_start(text), lotty_complete(text, text, boolean) TO lotty_test_manager, lotty_test_reader;
GRANT SELECT ON lotty.experiment, lotty.variant, lotty.flag, lotty.experiment_flag, lotty.variant_value TO lotty_test_manager, lotty_test_reader;
GRANT UPDATE ON lotty.experiment TO lotty_test_manager;
SET ROLE lotty_test_reader;
SELECT * FROM try($$SELECT lotty_start('mine')$$);
SET ROLE lotty_test_manager;
SELECT lotty_start('mine');
SELECT * FROM try($$SELECT lotty_complete('mine', 'a', true)$$);
SELECT lotty_complete('mine', 'a');
RESET ROLE;
DROP OWNED BY lotty_test_manager, lotty_test_reader;
DROP ROLE lotty_test_manager, lotty_test_reader;
