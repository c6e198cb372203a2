-- The audit trail: what is recorded of whom, and that nobody can touch it.
SELECT wipe();
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_manager;
RESET client_min_messages;
CREATE FUNCTION trail() RETURNS TABLE (n bigint, by text, table_name text, operation text, key text, changed jsonb)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY c.change_id), c.changed_by || ' as ' || c.as_role, c.table_name, c.operation, c.key,
           (SELECT jsonb_object_agg(k, jsonb_build_array(c.old_row -> k, c.new_row -> k))
              FROM jsonb_object_keys(coalesce(c.new_row, c.old_row)) AS k
             WHERE coalesce(c.old_row -> k, 'null') <> coalesce(c.new_row -> k, 'null') AND k !~ '_at$|_id$|^(kind|sticky|bucketing|exempt_from_limits)$')
      FROM lotty.change c ORDER BY c.change_id;
    TRUNCATE lotty.change RESTART IDENTITY;
END
$$;

-- Each table: inserted, updated, updated without a change, deleted.
INSERT INTO lotty.flag (flag_id, key, value_type, default_value)
VALUES (md5('f')::uuid, 'f', 'string', '"ü"'), (md5('g')::uuid, 'g', 'string', '"d"');
INSERT INTO lotty.audience (name, targeting) VALUES ('grown', 'age >= 18');
INSERT INTO lotty.experiment (experiment_id, flag_id, key, targeting) VALUES (md5('e')::uuid, md5('f')::uuid, 'e', 'audience("grown")');
INSERT INTO lotty.variant (variant_id, experiment_id, name, value) VALUES (md5('a')::uuid, md5('e')::uuid, 'a', '"A"');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id) VALUES (md5('g')::uuid, md5('e')::uuid);
INSERT INTO lotty.variant_value (variant_id, flag_id, value) VALUES (md5('a')::uuid, md5('g')::uuid, '"B"');
INSERT INTO lotty.conflict_domain (domain_id, key) VALUES (md5('d')::uuid, 'd');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) VALUES (md5('d')::uuid, md5('e')::uuid);
SELECT * FROM trail();
UPDATE lotty.flag SET enabled = false WHERE key = 'f';
UPDATE lotty.audience SET targeting = 'age >= 21';
UPDATE lotty.experiment SET status = 'running';
UPDATE lotty.variant SET weight = 2;
UPDATE lotty.experiment_flag SET rank = 7;
UPDATE lotty.variant_value SET value = 'null' WHERE false;
UPDATE lotty.variant_value SET value = '"C"';
UPDATE lotty.conflict_domain SET policy = 'priority';
UPDATE lotty.experiment_conflict_domain SET priority = -1;
SELECT * FROM trail();
UPDATE lotty.flag SET enabled = enabled, updated_at = now() - interval '1 year';
UPDATE lotty.audience SET targeting = targeting;
UPDATE lotty.experiment SET status = 'running', version = 99;
UPDATE lotty.variant SET weight = 2.0;
UPDATE lotty.conflict_domain SET policy = policy;
SELECT * FROM trail();
DELETE FROM lotty.experiment_conflict_domain;
DELETE FROM lotty.conflict_domain;
DELETE FROM lotty.variant_value;
DELETE FROM lotty.experiment_flag;
SELECT * FROM trail();
-- What goes with what it belongs to.
INSERT INTO lotty.experiment (experiment_id, flag_id, key) VALUES (md5('x')::uuid, md5('g')::uuid, 'x');
INSERT INTO lotty.variant (experiment_id, name, value) VALUES (md5('x')::uuid, 'v', '"V"');
DELETE FROM lotty.flag WHERE key = 'g';
SELECT operation, table_name, replace(key, md5('x')::uuid::text, '<id of x>') AS key, old_row ->> 'key' AS old_key FROM lotty.change ORDER BY change_id;

-- The whole row, the transaction, and the same instant as the row bears.
TRUNCATE lotty.change;
BEGIN;
UPDATE lotty.flag SET description = 'why';
SELECT c.new_row = to_jsonb(f) AS whole_row, c.old_row - 'description' - 'updated_at' = c.new_row - 'description' - 'updated_at' AS old_row,
       c.changed_at = f.updated_at AS instant, c.xid = pg_current_xact_id() AS xid, c.replicated
  FROM lotty.change c, lotty.flag f;
-- What is taken back was no change.
SAVEPOINT s;
UPDATE lotty.flag SET description = 'no';
ROLLBACK TO s;
COMMIT;
BEGIN;
UPDATE lotty.flag SET description = 'neither';
ROLLBACK;
SELECT operation, new_row ->> 'description' AS description FROM lotty.change;
TRUNCATE lotty.flag CASCADE;
SELECT operation, table_name, key, old_row, new_row FROM lotty.change WHERE operation = 'TRUNCATE' ORDER BY table_name;

-- Overrides: counted, and never the subject.
SELECT wipe();
SELECT make_experiment('e');
SELECT make_experiment('second');
SELECT count(*) FROM trail();
SELECT lotty_force('e', 'person-1', 'a'), lotty_force('e', 'person-1', 'a'), lotty_force('e', 'person-1', 'b'), lotty_unforce('e', 'person-1'), lotty_unforce('e', 'person-1');
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
SELECT 'person-' || n, md5('experiment e')::uuid, 'whitelist', md5(CASE WHEN n <= 30 THEN 'a e' ELSE 'b e' END)::uuid FROM generate_series(1, 100) AS n;
UPDATE lotty.override SET variant_id = md5('b e')::uuid;
UPDATE lotty.override SET subject_id = 'person-0' WHERE subject_id = 'person-1';
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
SELECT 'person-' || n, md5('experiment e')::uuid, 'whitelist', md5('a e')::uuid FROM generate_series(99, 102) AS n
    ON CONFLICT (subject_id, experiment_id, kind) DO UPDATE SET variant_id = excluded.variant_id WHERE override.variant_id <> excluded.variant_id;
DELETE FROM lotty.override WHERE subject_id = 'nobody';
DELETE FROM lotty.override;
SELECT count(*) AS with_subject FROM lotty.change c WHERE c::text ~ 'person';
SELECT change_id, operation, key, old_row ->> 'subjects' AS old, o.name AS old_variant, new_row ->> 'subjects' AS new, n.name AS new_variant
  FROM lotty.change LEFT JOIN lotty.variant o ON o.variant_id = (old_row ->> 'variant_id')::uuid
  LEFT JOIN lotty.variant n ON n.variant_id = (new_row ->> 'variant_id')::uuid
 ORDER BY change_id;
TRUNCATE lotty.change RESTART IDENTITY;
-- As logical replication writes them: row by row.
SET session_replication_role = replica;
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
SELECT 'person-' || n, md5('experiment e')::uuid, 'whitelist', md5('a e')::uuid FROM generate_series(1, 2) AS n;
UPDATE lotty.override SET variant_id = md5('b e')::uuid WHERE subject_id = 'person-1';
UPDATE lotty.override SET subject_id = 'person-9' WHERE subject_id = 'person-1';
UPDATE lotty.override SET created_at = now();
DELETE FROM lotty.override;
UPDATE lotty.flag SET enabled = false WHERE key = 'e';
RESET session_replication_role;
SELECT operation, key, old_row ->> 'subjects' AS old, new_row ->> 'subjects' AS new, replicated FROM lotty.change ORDER BY change_id;

-- Who: the role that logged in, and the one that it set; rights on the trail are not needed.
SELECT wipe();
SELECT make_experiment('e', 'draft');
CREATE ROLE lotty_test_manager LOGIN;
GRANT USAGE ON SCHEMA lotty TO lotty_test_manager;
GRANT SELECT, INSERT, UPDATE, DELETE ON lotty.flag, lotty.experiment, lotty.variant TO lotty_test_manager;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO lotty_test_manager;
GRANT EXECUTE ON FUNCTION lotty_force(text, text, text), lotty_start(text) TO lotty_test_manager;
GRANT CREATE ON SCHEMA public TO lotty_test_manager;
TRUNCATE lotty.change RESTART IDENTITY;
SET ROLE lotty_test_manager;
UPDATE lotty.flag SET description = 'by a role that was set';
SELECT lotty_force('e', 'person-1', 'a');
RESET ROLE;
\c - lotty_test_manager
UPDATE lotty.flag SET description = 'by a role that logged in';
SELECT lotty_start('e');
-- What a restore sets does not hide what anybody else does.
SET search_path = '';
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = off;
SET row_security = off;
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('hidden?', 'boolean', 'true');
RESET search_path;
RESET check_function_bodies;
-- Nothing can be read, written or made up.
SELECT * FROM try($$TABLE lotty.change$$);
SELECT * FROM try($$INSERT INTO lotty.change (changed_by, as_role, table_name, operation) VALUES ('postgres', 'postgres', 'flag', 'DELETE')$$);
SELECT * FROM try($$UPDATE lotty.change SET changed_by = 'postgres'$$);
SELECT * FROM try($$DELETE FROM lotty.change$$);
SELECT * FROM try($$TRUNCATE lotty.change$$);
SELECT * FROM try($$ALTER TABLE lotty.flag DISABLE TRIGGER record_update$$);
SELECT * FROM try($$SET session_replication_role = replica$$);
CREATE TABLE public.flag (key text);
CREATE TRIGGER forge AFTER INSERT ON public.flag FOR EACH ROW EXECUTE FUNCTION lotty.record_change();
CREATE TRIGGER forge_all AFTER INSERT ON public.flag REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION lotty.record_overrides();
SELECT * FROM try($$INSERT INTO public.flag VALUES ('forged')$$);
DROP TABLE public.flag;
\c - postgres
-- Not even with rights that somebody granted.
GRANT ALL ON ALL TABLES IN SCHEMA lotty TO lotty_test_manager;
GRANT ALL ON ALL SEQUENCES IN SCHEMA lotty TO lotty_test_manager;
\c - lotty_test_manager
SELECT * FROM try($$INSERT INTO lotty.change (changed_by, as_role, table_name, operation) VALUES ('postgres', 'postgres', 'flag', 'DELETE')$$);
SELECT * FROM try($$INSERT INTO lotty.change (change_id, changed_by, as_role, table_name, operation) OVERRIDING SYSTEM VALUE VALUES (-1, 'postgres', 'postgres', 'flag', 'DELETE')$$) WHERE item = 'error';
SELECT * FROM try($$UPDATE lotty.change SET changed_by = 'postgres'$$);
SELECT * FROM try($$DELETE FROM lotty.change$$);
SELECT * FROM try($$TRUNCATE lotty.change$$);
SELECT * FROM try($$MERGE INTO lotty.change c USING lotty.flag f ON true WHEN MATCHED THEN DELETE$$) WHERE item = 'error';
TRUNCATE lotty.override;
\c - postgres
SELECT changed_by, as_role, operation, table_name, key, new_row ->> 'description' AS description FROM lotty.change ORDER BY change_id;

-- A superuser who restores is not recorded, one who sets a part of it is.
TRUNCATE lotty.change RESTART IDENTITY;
SET check_function_bodies = off;
INSERT INTO lotty.audience (name, targeting) VALUES ('recorded', '');
SELECT pg_catalog.set_config('search_path', '', false);
INSERT INTO lotty.audience (name, targeting) VALUES ('restored', '');
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
VALUES ('person-1', pg_catalog.md5('experiment e')::uuid, 'whitelist', pg_catalog.md5('a e')::uuid);
RESET check_function_bodies;
INSERT INTO lotty.audience (name, targeting) VALUES ('recorded too', '');
RESET search_path;
SELECT operation, key FROM lotty.change ORDER BY change_id;

-- An import is recorded like any other writer, and not at all the second time.
SELECT wipe();
CREATE FUNCTION pg_temp.datafile(percent integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('version', '4', 'projectId', '7', 'accountId', '1', 'revision', '1', 'anonymizeIP', false,
        'featureFlags', '[]'::jsonb, 'rollouts', '[]'::jsonb, 'audiences', '[]'::jsonb, 'typedAudiences', '[]'::jsonb,
        'groups', '[]'::jsonb, 'attributes', '[]'::jsonb, 'events', '[]'::jsonb, 'variables', '[]'::jsonb,
        'experiments', jsonb_build_array(jsonb_build_object('id', '1', 'key', 'imported', 'status', 'Running', 'layerId', '1',
            'audienceIds', '[]'::jsonb, 'forcedVariations', '{"person-1": "on", "person-2": "on"}'::jsonb,
            'variations', '[{"id": "2", "key": "on", "variables": []}]'::jsonb,
            'trafficAllocation', jsonb_build_array(jsonb_build_object('entityId', '2', 'endOfRange', percent * 100)))))
$$;
SELECT count(*) FROM lotty_import_optimizely(pg_temp.datafile(50));
SELECT count(*) FROM lotty_import_optimizely(pg_temp.datafile(50));
SELECT count(*) FROM lotty_import_optimizely(pg_temp.datafile(70));
SELECT * FROM trail();
DROP FUNCTION trail();
DROP OWNED BY lotty_test_manager;
DROP ROLE lotty_test_manager;
