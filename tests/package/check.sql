-- What a package must do once it is installed: one configured flag, decisions that are computed,
-- recorded and shown. Prints one line a statement; run expects them.
CREATE EXTENSION lotty;
SELECT extversion FROM pg_extension WHERE extname = 'lotty';
INSERT INTO lotty.flag (key, value_type, default_value, enabled) VALUES ('colour', 'string', '"green"', true);
INSERT INTO lotty.experiment (flag_id, key, hash_key, targeting)
SELECT flag_id, 'colour', 'colour', 'age >= 18 AND name MATCHES "^[a-z]+$"' FROM lotty.flag;
INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, 'blue', '"blue"' FROM lotty.experiment;
UPDATE lotty.experiment SET status = 'running';
SELECT value, reason FROM lotty_decide('colour', 'user-1', '{"age": 20, "name": "ada"}');
SELECT value, reason FROM lotty_decide('colour', 'user-2', '{"age": 17, "name": "ada"}');
SELECT string_agg(subject_id, ' ' ORDER BY subject_id) FROM lotty.decision;
-- The library was preloaded.
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'lotty launcher';
