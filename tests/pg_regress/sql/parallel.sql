-- lotty_evaluate in parallel workers says what it says in the leader.
SELECT wipe();
SELECT make_experiment('f', targeting => 'n >= 100 AND audience("even")');
INSERT INTO lotty.audience (name, targeting) VALUES ('even', 'e');
CREATE TABLE subjects AS SELECT 's' || i AS id, jsonb_build_object('n', i, 'e', i % 2 = 0) AS attrs FROM generate_series(1, 5000) i;
ANALYZE subjects;
SELECT lotty.session_cache() IS NOT NULL AS loaded;
SET lotty.max_concurrent_experiments = 2;
CREATE TEMP TABLE serial AS SELECT id, (lotty_evaluate('f', id, attrs)).value FROM subjects;
-- The setting that forces workers was renamed in PostgreSQL 16.
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT id, lotty_evaluate('f', id, attrs) FROM subjects;
CREATE TABLE parallel AS SELECT id, to_jsonb(lotty_evaluate('f', id, attrs)) -> 'value' AS value FROM subjects;
SELECT count(*) FILTER (WHERE s.value = p.value) AS same, count(*), count(DISTINCT s.value) FROM serial s JOIN parallel p USING (id);
-- An own uncommitted change is seen by the workers too.
BEGIN;
UPDATE lotty.flag SET enabled = false, default_value = '"off"';
SELECT to_jsonb(lotty_evaluate('f', id, attrs)) ->> 'value' AS value, count(*) FROM subjects GROUP BY 1;
ROLLBACK;
-- lotty_decide never runs in one.
EXPLAIN (COSTS OFF) SELECT id, lotty_decide('f', id, attrs) FROM subjects;
DROP TABLE subjects, parallel;
