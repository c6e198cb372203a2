-- Rows that come before what they refer to, while a dump is loaded.
SELECT wipe();
\set SHOW_CONTEXT never
\set f '''00000000-0000-4000-8000-00000000000f'''
\set e '''00000000-0000-4000-8000-00000000000e'''
\set v '''00000000-0000-4000-8000-00000000000a'''

-- Not otherwise.
INSERT INTO lotty.experiment (experiment_id, flag_id, key) VALUES (:e, :f, 'e');

-- Under the settings that pg_restore makes: the tables in the wrong order.
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT pg_catalog.set_config('search_path', '', true);
INSERT INTO lotty.override (subject_id, experiment_id, variant_id) VALUES ('s', :e, :v);
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, rank) VALUES (:v, :e, 'v', '"v"', 1);
INSERT INTO lotty.experiment (experiment_id, flag_id, key) VALUES (:e, :f, 'e');
INSERT INTO lotty.flag (flag_id, key, value_type, default_value) VALUES (:f, 'f', 'string', '"default"');
-- What is there is checked as ever, in the same transaction too.
SHOW session_replication_role;
SAVEPOINT s;
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (:v, 'w', '"w"');
ROLLBACK TO s;
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (:e, 'w', '1');
ROLLBACK;

-- A row that does not find what it refers to: refused by the table that comes last.
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT pg_catalog.set_config('search_path', '', true);
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, rank) VALUES (:v, :e, 'v', '"v"', 1);
SAVEPOINT s;
INSERT INTO lotty.experiment (experiment_id, key) VALUES (:v, 'another');
ROLLBACK TO s;
-- Of two tables that it refers to, one is there.
INSERT INTO lotty.experiment (experiment_id, key) VALUES (:e, 'e');
INSERT INTO lotty.variant_value (variant_id, flag_id, value) VALUES (:e, :f, '1');
ROLLBACK;

-- Whoever switches the checks off by himself has them off.
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT pg_catalog.set_config('search_path', '', true);
SET LOCAL session_replication_role = replica;
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, rank) VALUES (:v, :e, 'v', '"v"', 1);
SHOW session_replication_role;
ROLLBACK;

-- Only a superuser gets around a foreign key in this way.
CREATE ROLE lotty_test_restorer;
GRANT USAGE ON SCHEMA lotty TO lotty_test_restorer;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA lotty TO lotty_test_restorer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO lotty_test_restorer;
BEGIN;
SET LOCAL ROLE lotty_test_restorer;
SET LOCAL check_function_bodies = off;
SELECT pg_catalog.set_config('search_path', '', true);
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, rank) VALUES (:v, :e, 'v', '"v"', 1);
ROLLBACK;
DROP OWNED BY lotty_test_restorer;
DROP ROLE lotty_test_restorer;
SELECT count(*) FROM lotty.variant;
