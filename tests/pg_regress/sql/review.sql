-- lotty.require_review: nobody starts what nobody else has approved, and what was submitted stays as it is.
SELECT wipe();
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_alice, lotty_test_bob, lotty_test_importer, lotty_test_team;
RESET client_min_messages;
CREATE ROLE lotty_test_alice LOGIN;
CREATE ROLE lotty_test_bob LOGIN;
CREATE ROLE lotty_test_importer LOGIN;
CREATE ROLE lotty_test_team;
GRANT lotty_test_team TO lotty_test_alice, lotty_test_bob, lotty_test_importer;
GRANT lotty_test_bob TO lotty_test_alice;
GRANT USAGE ON SCHEMA lotty TO lotty_test_team;
GRANT SELECT, INSERT, UPDATE, DELETE ON lotty.flag, lotty.experiment, lotty.variant, lotty.variant_value, lotty.experiment_flag, lotty.audience, lotty.conflict_domain, lotty.experiment_conflict_domain TO lotty_test_team;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO lotty_test_team;
GRANT EXECUTE ON FUNCTION lotty_submit(text), lotty_approve(text, integer), lotty_reject(text), lotty_draft(text), lotty_start(text), lotty_pause(text),
    lotty_resume(text), lotty_complete(text, text, boolean), lotty_archive(text), lotty_export(), lotty_apply(jsonb, boolean, boolean) TO lotty_test_team;
GRANT EXECUTE ON FUNCTION lotty_import_optimizely(jsonb, boolean) TO lotty_test_importer;
SELECT make_experiment('e', 'draft');
SELECT make_experiment('second', 'draft');
INSERT INTO lotty.flag (flag_id, key, value_type, default_value) VALUES (md5('further')::uuid, 'further', 'string', '""');
INSERT INTO lotty.experiment (experiment_id, key, status, source) VALUES (md5('imported')::uuid, 'imported', 'running', 'optimizely:1');
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('imported')::uuid, 'v', '1');
SELECT lotty_submit('second');
LOAD 'lotty';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lotty.require_review = on', current_database()); END $$;

\c - lotty_test_alice
-- The author cannot approve, be it as another role; nor can anybody skip the review.
SELECT * FROM try($$SELECT lotty_start('e')$$);
SELECT lotty_submit('e');
SELECT * FROM try($$SELECT lotty_approve('e')$$);
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'approved', submitted_by = 'postgres' WHERE key = 'e'$$);
SET ROLE lotty_test_bob;
SELECT * FROM try($$SELECT lotty_approve('e')$$);
RESET ROLE;
SELECT * FROM try($$SELECT lotty_start('e')$$);
SELECT * FROM try($$SET lotty.require_review = off$$) WHERE item = 'error';
-- While it is in review, and from then on, what is reviewed stays.
CREATE FUNCTION pg_temp.tried() RETURNS TABLE (what text, answer text) LANGUAGE sql AS $$
    SELECT what, (SELECT content FROM public.try(statement) LIMIT 1)
      FROM (VALUES
        ('targeting', $_$UPDATE lotty.experiment SET targeting = 'x = 1' WHERE key = 'e'$_$),
        ('traffic', $_$UPDATE lotty.experiment SET traffic_allocation = 99 WHERE key = 'e'$_$),
        ('hash key', $_$UPDATE lotty.experiment SET hash_key = 'h' WHERE key = 'e'$_$),
        ('sticky', $_$UPDATE lotty.experiment SET sticky = true WHERE key = 'e'$_$),
        ('limits', $_$UPDATE lotty.experiment SET exempt_from_limits = true WHERE key = 'e'$_$),
        ('rank', $_$UPDATE lotty.experiment SET rank = 9 WHERE key = 'e'$_$),
        ('bucketing', $_$UPDATE lotty.experiment SET bucketing = 'optimizely_murmur3', traffic_ranges = '[]' WHERE key = 'e'$_$),
        ('value', $_$UPDATE lotty.variant SET value = '"C"' WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$_$),
        ('weight', $_$UPDATE lotty.variant SET weight = 7 WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$_$),
        ('name', $_$UPDATE lotty.variant SET name = 'z' WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$_$),
        ('retired', $_$UPDATE lotty.variant SET is_retired = true WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$_$),
        ('new variant', $_$INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('experiment e')::uuid, 'c', '"C"')$_$),
        ('variant deleted', $_$DELETE FROM lotty.variant WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$_$),
        ('further flag', $_$INSERT INTO lotty.experiment_flag (flag_id, experiment_id) VALUES (md5('further')::uuid, md5('experiment e')::uuid)$_$),
        ('further value', $_$INSERT INTO lotty.variant_value (variant_id, flag_id, value) VALUES (md5('a e')::uuid, md5('further')::uuid, '"x"')$_$),
        ('another one''s variant', $_$UPDATE lotty.variant SET experiment_id = md5('experiment e')::uuid WHERE name = 'a' AND experiment_id = md5('experiment second')::uuid$_$),
        ('nothing', $_$UPDATE lotty.variant SET weight = weight WHERE experiment_id = md5('experiment e')::uuid$_$),
        ('nothing of the rule', $_$UPDATE lotty.experiment SET targeting = targeting WHERE key = 'e'$_$),
        ('description', $_$UPDATE lotty.experiment SET description = 'why' || version WHERE key = 'e'$_$)) AS t (what, statement)
$$;
SELECT * FROM pg_temp.tried();
SELECT * FROM try($$UPDATE lotty.experiment SET targeting = 'x = 1' WHERE key = 'e'$$);
-- Inserted in the middle of its life: only what needs no approval.
SELECT s AS status, (SELECT content FROM public.try(format('INSERT INTO lotty.experiment (key, status, submitted_by, approved_by) VALUES (%L, %L, ''forged'', ''forged'')', 'inserted ' || s, s)) LIMIT 1) AS answer
  FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running', 'paused', 'completed', 'archived']) AS s;
SELECT * FROM try($$INSERT INTO lotty.experiment (key, status) VALUES ('x', 'running')$$);
SELECT status, submitted_by, approved_by FROM lotty.experiment WHERE key LIKE 'inserted %' ORDER BY key;
SELECT * FROM try($$SELECT lotty_approve('inserted in_review')$$) WHERE item = 'error';
-- Nor by passing for an import.
SELECT * FROM try($$INSERT INTO lotty.experiment (key, status, source) VALUES ('x', 'running', 'optimizely:1')$$) WHERE item = 'error';
INSERT INTO lotty.experiment (key, source) VALUES ('passing', 'optimizely:1');
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'running' WHERE key = 'passing'$$) WHERE item = 'error';
SELECT * FROM try($$UPDATE lotty.experiment SET targeting = 'x = 1' WHERE key = 'imported'$$) WHERE item = 'error';
SELECT * FROM try($$UPDATE lotty.variant SET value = '2' WHERE experiment_id = md5('imported')::uuid$$) WHERE item = 'error';
SELECT lotty_pause('imported');

\c - lotty_test_importer
UPDATE lotty.experiment SET status = 'running' WHERE key = 'imported' RETURNING status;
UPDATE lotty.variant SET value = '2' WHERE experiment_id = md5('imported')::uuid RETURNING value;
INSERT INTO lotty.experiment (key, status, source) VALUES ('imported too', 'running', 'optimizely:1') RETURNING status;
-- What somebody else has made is not.
SELECT * FROM try($$INSERT INTO lotty.experiment (key, status) VALUES ('x', 'running')$$) WHERE item = 'error';

\c - lotty_test_bob
-- Only what was looked at: not what it has become meanwhile.
SELECT * FROM try($$SELECT lotty_approve('e', 1)$$);
SELECT content LIKE 'ok%' OR content = '1 rows' AS approved FROM lotty.experiment e, try(format('SELECT lotty_approve(%L, %s)', e.key, e.version)) WHERE e.key = 'e' AND item = 'ok';
SELECT lotty_draft('e');
\c - lotty_test_alice
SELECT lotty_submit('e');
\c - lotty_test_bob
-- Somebody else can; the rule stays, until the experiment is a draft again.
SELECT lotty_approve('e');
SELECT submitted_by, approved_by, approved_at IS NOT NULL AS approved FROM lotty.experiment WHERE key = 'e';
SELECT * FROM try($$UPDATE lotty.variant SET weight = 7 WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$$);
SELECT lotty_draft('e');
UPDATE lotty.variant SET weight = 7 WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid RETURNING weight;
SELECT lotty_submit('e');
SELECT * FROM try($$SELECT lotty_approve('e')$$) WHERE item = 'error';

\c - lotty_test_alice
-- Now it is Bob's. Taken back and changed in one statement.
UPDATE lotty.experiment SET status = 'rejected', targeting = 'x = 2' WHERE key = 'e' RETURNING status;
SELECT lotty_draft('e');
UPDATE lotty.experiment SET status = 'in_review', targeting = '' WHERE key = 'e' RETURNING submitted_by;

\c - lotty_test_bob
SELECT lotty_approve('e'), lotty_start('e');
SELECT * FROM try($$UPDATE lotty.experiment SET traffic_allocation = 50 WHERE key = 'e'$$);
SELECT lotty_pause('e');
SELECT * FROM try($$UPDATE lotty.variant SET is_retired = true WHERE name = 'a' AND experiment_id = md5('experiment e')::uuid$$) WHERE item = 'error';
SELECT lotty_resume('e'), lotty_complete('e', 'b', true);
UPDATE lotty.experiment SET traffic_allocation = 50 WHERE key = 'e' RETURNING status;

-- As a document: the same rules.
SELECT * FROM lotty_apply('{"flags": [{"key": "doc", "value_type": "json", "default_value": 0}], "experiments": [{"key": "doc", "flag": "doc", "status": "in_review", "variants": [{"name": "v", "value": 1}]}]}');
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "doc", "status": "approved"}]}')$$);
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "doc", "status": "running"}]}')$$);
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "doc", "variants": [{"name": "v", "weight": 2}]}]}')$$);
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "new", "status": "running", "variants": [{"name": "v", "value": 1}]}]}')$$);
\c - lotty_test_alice
SELECT * FROM lotty_apply('{"experiments": [{"key": "doc", "status": "approved"}]}');
\c - lotty_test_bob
-- Submitted anew: back to draft, changed, and in review again.
SELECT * FROM lotty_apply('{"experiments": [{"key": "doc", "status": "in_review", "targeting": "x = 1", "variants": [{"name": "v", "weight": 2}]}]}');
SELECT status, submitted_by FROM lotty.experiment WHERE key = 'doc';
SELECT * FROM lotty_apply('{"experiments": [{"key": "doc", "status": "draft", "targeting": "x = 2"}]}');

\c - postgres
-- A superuser is bound too, but for what a restore does: INSERT.
SELECT lotty_submit('doc');
SELECT * FROM try($$SELECT lotty_approve('doc')$$) WHERE item = 'error';
SELECT make_experiment('restored', 'running');
INSERT INTO lotty.experiment (key, status, submitted_by, approved_by) VALUES ('restored too', 'approved', 'somebody', 'somebody else') RETURNING submitted_by, approved_by;
SELECT * FROM try($$UPDATE lotty.variant SET weight = 7 WHERE experiment_id = md5('experiment restored')::uuid$$) WHERE item = 'error';
-- And can switch it off.
BEGIN;
SET LOCAL lotty.require_review = off;
UPDATE lotty.variant SET weight = 7 WHERE experiment_id = md5('experiment restored')::uuid;
COMMIT;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET lotty.require_review', current_database()); END $$;

\c - lotty_test_alice
-- Off, an author may do it all, as before.
SELECT lotty_draft('second'), lotty_submit('second'), lotty_approve('second');
UPDATE lotty.experiment SET targeting = 'x = 3' WHERE key = 'second' RETURNING status, submitted_by, approved_by;
INSERT INTO lotty.experiment (key, status) VALUES ('y', 'running') RETURNING status;
\c - postgres
DROP OWNED BY lotty_test_alice, lotty_test_bob, lotty_test_importer, lotty_test_team;
DROP ROLE lotty_test_alice, lotty_test_bob, lotty_test_importer, lotty_test_team;
