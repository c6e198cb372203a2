-- The life cycle of an experiment: every change of status, and who may make it.
SELECT wipe();
SELECT make_experiment('e', 'draft');

CREATE TEMP TABLE status AS
SELECT s, n FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running',
                              'paused', 'completed', 'archived']) WITH ORDINALITY AS t (s, n);
CREATE FUNCTION pg_temp.change(old text, new text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    UPDATE lotty.experiment SET status = old;
    SET LOCAL session_replication_role = origin;
    UPDATE lotty.experiment SET status = new;
    RETURN CASE WHEN old = new THEN '=' ELSE 'yes' END;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN '';
END
$$;
SELECT f.s AS "from",
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'draft') AS draft,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'in_review') AS in_review,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'approved') AS approved,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'rejected') AS rejected,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'running') AS running,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'paused') AS paused,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'completed') AS completed,
       max(pg_temp.change(f.s, t.s)) FILTER (WHERE t.s = 'archived') AS archived
  FROM status f, status t GROUP BY f.s, f.n ORDER BY f.n;

SELECT wipe();
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_reviewer;
RESET client_min_messages;
SELECT make_experiment('e', 'draft');
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'completed'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'paused'$$);

-- With review required, a draft has to be approved first.
SET lotty.require_review = on;
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'running'$$);
UPDATE lotty.experiment SET status = 'in_review';
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'approved'$$);
CREATE ROLE lotty_test_reviewer SUPERUSER;
SET SESSION AUTHORIZATION lotty_test_reviewer;
UPDATE lotty.experiment SET status = 'approved';
RESET SESSION AUTHORIZATION;
DROP ROLE lotty_test_reviewer;
UPDATE lotty.experiment SET status = 'running';
RESET lotty.require_review;
SELECT status, version, submitted_at IS NOT NULL AS submitted, approved_at IS NOT NULL AS approved,
       rejected_at IS NOT NULL AS rejected, started_at IS NOT NULL AS started,
       paused_at IS NOT NULL AS paused, completed_at IS NOT NULL AS completed,
       archived_at IS NOT NULL AS archived FROM lotty.experiment;

-- What ran stays.
SELECT * FROM try($$DELETE FROM lotty.experiment$$);
SELECT * FROM try($$DELETE FROM lotty.variant WHERE name = 'a'$$);
SELECT * FROM try($$DELETE FROM lotty.flag$$);
SELECT * FROM try($$UPDATE lotty.experiment SET flag_id = gen_random_uuid()$$);
UPDATE lotty.experiment SET status = 'paused';
UPDATE lotty.experiment SET status = 'completed';
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'running'$$);
UPDATE lotty.experiment SET status = 'archived';
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'draft'$$);
SELECT * FROM try($$DELETE FROM lotty.experiment$$);

-- Starting takes variants, and weight.
SELECT make_experiment('empty', 'draft');
DELETE FROM lotty.variant WHERE experiment_id = md5('experiment empty')::uuid;
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'running' WHERE key = 'empty'$$);
SELECT make_experiment('weightless', 'draft');
UPDATE lotty.variant SET weight = 0 WHERE experiment_id = md5('experiment weightless')::uuid;
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'running' WHERE key = 'weightless'$$);

-- An experiment may be inserted in the middle of its life.
SELECT make_experiment('inserted ' || s, s) FROM status ORDER BY n;
SELECT status, started_at IS NOT NULL AS started, submitted_at IS NOT NULL AS submitted,
       approved_at IS NOT NULL AS approved, rejected_at IS NOT NULL AS rejected,
       paused_at IS NOT NULL AS paused, completed_at IS NOT NULL AS completed,
       archived_at IS NOT NULL AS archived
  FROM lotty.experiment JOIN status ON s = status WHERE key LIKE 'inserted %' ORDER BY n;
