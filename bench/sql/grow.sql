-- Grows the log and the ledger to :rows rows each: three decisions of each of :subjects known subjects,
-- from number :first on, one flag after the other, so that a subject's rows lie apart.
-- Variants are those that Lotty gives; the ledger is derived from the log.
SET synchronous_commit = off;
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
SELECT uuidv7(), e.key, (10000000000 + s)::text, e.experiment_id, v.variant_id, v.value, 'experiment_assigned', now()
  FROM (SELECT e.*, (SELECT min(name) FROM lotty.variant v WHERE v.experiment_id = e.experiment_id) AS one,
               (SELECT max(name) FROM lotty.variant v WHERE v.experiment_id = e.experiment_id) AS other
          FROM lotty.experiment e WHERE key IN ('first', 'second', 'third') ORDER BY key) AS e
 CROSS JOIN generate_series(:first, :subjects) AS s
  JOIN lotty.variant v
    ON v.experiment_id = e.experiment_id
   AND v.name = CASE WHEN lotty_bucket((10000000000 + s)::text, e.experiment_id::text, 'variant') < 5000 THEN e.one ELSE e.other END;
SELECT * FROM lotty_rebuild_ledger();
-- It writes each row twice; a ledger that decisions have filled is not half empty.
VACUUM FULL lotty.assignment;
VACUUM ANALYZE lotty.decision, lotty.assignment;
SELECT pg_prewarm(c.oid) > 0 FROM pg_class c
 WHERE c.oid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid IN ('lotty.decision_default'::regclass, 'lotty.assignment'::regclass))
    OR c.oid = 'lotty.assignment'::regclass;
CHECKPOINT;
