-- lotty_grant and lotty_revoke: what each right is, and what it is not.
SELECT wipe();
SELECT make_experiment('f');
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_decides, lotty_test_reports, "lotty Test; manages", lotty_test_nobody;
RESET client_min_messages;
CREATE ROLE lotty_test_decides LOGIN;
CREATE ROLE lotty_test_reports;
CREATE ROLE "lotty Test; manages";
CREATE ROLE lotty_test_nobody;

SELECT * FROM lotty_grant('lotty_test_decides', 'decide');
SELECT count(*) FROM lotty_grant('lotty_test_reports', 'report');
SELECT count(*) FROM lotty_grant('lotty Test; manages', 'manage');
-- Again it changes nothing.
SELECT count(*) FROM lotty_grant('lotty_test_decides', 'decide');

-- Who may do what, from the catalogs. What has no mark is the owner's alone.
SELECT p.oid::regprocedure AS function,
       CASE WHEN has_function_privilege('lotty_test_decides', p.oid, 'EXECUTE') THEN 'x' END AS decide,
       CASE WHEN has_function_privilege('lotty_test_reports', p.oid, 'EXECUTE') THEN 'x' END AS report,
       CASE WHEN has_function_privilege('lotty Test; manages', p.oid, 'EXECUTE') THEN 'x' END AS manage,
       CASE WHEN has_function_privilege('lotty_test_nobody', p.oid, 'EXECUTE') THEN 'x' END AS nobody
  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lotty')
 ORDER BY p.oid::regprocedure::text COLLATE "C";
CREATE FUNCTION held(role text, relation oid) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(left(p, 1), '') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES']) AS p
     WHERE has_table_privilege(role, relation, p)
$$;
SELECT c.oid::regclass AS relation, held('lotty_test_decides', c.oid) AS decide, held('lotty_test_reports', c.oid) AS report,
       held('lotty Test; manages', c.oid) AS manage, held('lotty_test_nobody', c.oid) AS nobody
  FROM pg_class c WHERE c.relnamespace = 'lotty'::regnamespace AND c.relkind IN ('r', 'p', 'v') ORDER BY c.relname COLLATE "C";
SELECT t.oid::regtype AS type, r AS granted_to FROM pg_type t,
       unnest(ARRAY['lotty_test_decides', 'lotty_test_reports', 'lotty Test; manages', 'lotty_test_nobody']) AS r
 WHERE t.oid IN ('lotty.reason'::regtype, 'lotty.decision_result'::regtype, 'lotty.targeting_check'::regtype)
   AND has_type_privilege(r, t.oid, 'USAGE') ORDER BY 1, 2;
SELECT r AS may_use_schema FROM unnest(ARRAY['lotty_test_decides', 'lotty_test_reports', 'lotty Test; manages', 'lotty_test_nobody']) AS r
 WHERE has_schema_privilege(r, 'lotty', 'USAGE');

-- An application decides and records, and can do nothing else.
SET ROLE lotty_test_decides;
SELECT reason FROM lotty_decide('f', 'u1');
SELECT lotty_string('f', 'u2') IS NOT NULL AS valued;
SELECT lotty_track('u1', 'purchase', 3) AS tracked;
CREATE TEMP TABLE kept AS SELECT * FROM lotty_decide('f', 'u3');
SELECT reason FROM kept;
SELECT statement, t.content FROM unnest(ARRAY[
    'TABLE lotty.decision', 'TABLE lotty.decision_default', 'TABLE lotty.assignment', 'TABLE lotty.experiment',
    'INSERT INTO lotty.decision DEFAULT VALUES', 'DELETE FROM lotty.assignment',
    'SELECT * FROM lotty_force(''f'', ''u1'', ''b'')', 'SELECT lotty_forget(''u1'')', 'SELECT lotty_merge_subjects(''a'', ''b'')',
    'SELECT lotty_explain(''f'', ''u1'')', 'SELECT lotty_export()', 'SELECT lotty_apply(''{}'')', 'SELECT lotty_start(''f'')',
    'SELECT lotty_import_optimizely(''{}'')', 'SELECT lotty_maintain()', 'SELECT lotty_partition_log()',
    'SELECT lotty_rebuild_ledger()', 'SELECT lotty_grant(''lotty_test_decides'', ''manage'')',
    'SELECT lotty_targeting_matches(''a = 1'', ''{}'')', 'SELECT lotty.record_change()', 'SELECT lotty.announce_change(1)',
    'CREATE TEMP TABLE t (a int); CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION lotty.record_change()',
    'CREATE TABLE lotty.mine (a int)', 'CREATE FUNCTION lotty.mine() RETURNS int LANGUAGE sql AS ''SELECT 1''',
    'SET lotty.max_concurrent_experiments = 99', 'SET lotty.cooldown_days = 0', 'SET lotty.decision_write_mode = disabled',
    'SET lotty.require_review = off', 'SET lotty.decision_cache_ttl = 60',
    'SELECT set_config(''lotty.cooldown_days'', ''0'', false)', 'LOCK TABLE lotty.assignment',
    'ALTER EXTENSION lotty UPDATE', 'DROP EXTENSION lotty']) WITH ORDINALITY AS s (statement, n)
 CROSS JOIN LATERAL try(statement) AS t WHERE t.item IN ('ok', 'error') ORDER BY n;
-- Functions and operators of its own are not called by what runs with the owner's rights.
CREATE FUNCTION pg_temp.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE FUNCTION pg_temp.octet_length(text) RETURNS integer LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped as %', current_user; END$$;
CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.trap);
SET search_path = pg_temp, pg_catalog, public;
SELECT reason FROM public.lotty_decide('f', 'u4');
SELECT reason FROM public.lotty_evaluate('f', 'u4');
SELECT public.lotty_track('u4', 'purchase') AS tracked;
RESET search_path;
-- What a rule or an attribute says is data.
RESET ROLE;
UPDATE lotty.experiment SET targeting = 'name != "''; DROP TABLE lotty.flag; --"' WHERE key = 'f';
SET ROLE lotty_test_decides;
SELECT reason FROM lotty_decide('f', $$'; DROP TABLE lotty.flag; --$$, jsonb_build_object('name', $$'); SELECT pg_sleep(10); --$$));
RESET ROLE;
UPDATE lotty.experiment SET targeting = '' WHERE key = 'f';

-- An analyst reads.
SET ROLE lotty_test_reports;
SELECT count(*) FROM lotty.exposure;
SELECT count(*) FROM lotty.decision;
SELECT count(*) > 0 AS measured FROM lotty.metrics;
SELECT count(*) > 0 AS explained FROM lotty_explain('f', 'u1');
SELECT statement, t.content FROM unnest(ARRAY[
    'SELECT lotty_decide(''f'', ''u1'')', 'DELETE FROM lotty.decision', 'UPDATE lotty.flag SET enabled = false', 'TABLE lotty.change',
    'TABLE lotty.override', 'SELECT lotty_export()', 'SELECT lotty_pause(''f'')']) WITH ORDINALITY AS s (statement, n)
 CROSS JOIN LATERAL try(statement) AS t WHERE t.item IN ('ok', 'error') ORDER BY n;
RESET ROLE;

-- Whoever manages does all that the configuration takes.
SET ROLE "lotty Test; manages";
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('managed', 'boolean', 'false');
INSERT INTO lotty.audience (name, targeting) VALUES ('germans', 'country = "DE"');
UPDATE lotty.audience SET targeting = 'country IN ("DE", "AT")' WHERE name = 'germans';
INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, 'managed', 'audience("germans")' FROM lotty.flag WHERE key = 'managed';
INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, v, to_jsonb(v = 'on') FROM lotty.experiment, unnest(ARRAY['off', 'on']) AS v WHERE key = 'managed';
UPDATE lotty.variant SET weight = 3 WHERE name = 'on';
INSERT INTO lotty.conflict_domain (key) VALUES ('page');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) SELECT domain_id, experiment_id FROM lotty.conflict_domain, lotty.experiment WHERE lotty.experiment.key IN ('f', 'managed');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id) SELECT f.flag_id, e.experiment_id FROM lotty.flag f, lotty.experiment e WHERE f.key = 'f' AND e.key = 'managed';
INSERT INTO lotty.variant_value (variant_id, flag_id, value) SELECT v.variant_id, f.flag_id, '"M"' FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id), lotty.flag f WHERE f.key = 'f' AND e.key = 'managed';
SELECT lotty_submit('managed'), lotty_approve('managed'), lotty_start('managed'), lotty_pause('managed'), lotty_resume('managed');
SELECT lotty_force('managed', 'u1', 'on');
SELECT lotty_forced('managed', 'u1'), lotty_unforce('managed', 'u1');
INSERT INTO lotty.override (subject_id, experiment_id, variant_id) SELECT 'u1', experiment_id, variant_id FROM lotty.variant WHERE name = 'on';
DELETE FROM lotty.override;
SELECT value, reason FROM lotty_evaluate('managed', 'u1', '{"country": "DE"}');
SELECT lotty_complete('managed', 'on', true), lotty_archive('managed');
SELECT (lotty_targeting_check('a = ')).valid;
SELECT lotty_export() AS exported \gset
SELECT count(*) AS applied FROM lotty_apply(:'exported');
SELECT action, object, key FROM lotty_apply('{"flags": [{"key": "managed", "description": "by document"}],
    "audiences": [{"name": "all", "targeting": ""}],
    "experiments": [{"key": "new", "flag": "managed", "status": "running", "targeting": "audience(\"all\")",
                     "variants": [{"name": "a", "value": true, "weight": 1}]}],
    "conflict_domains": [{"key": "page", "members": [{"experiment": "f"}, {"experiment": "new"}]}]}');
SELECT count(*) > 0 AS trail FROM lotty.change;
SELECT statement, t.content FROM unnest(ARRAY[
    'SELECT lotty_decide(''f'', ''u1'')', 'TABLE lotty.decision', 'DELETE FROM lotty.change',
    'SELECT lotty_import_optimizely(''{}'')', 'SELECT lotty_forget(''u1'')', 'SELECT lotty.apply_configuration(''{}'')',
    'INSERT INTO lotty.flag (key, value_type, default_value, source) VALUES (''x'', ''boolean'', ''true'', ''optimizely:1'')',
    'TRUNCATE lotty.flag CASCADE', 'SELECT lotty.hold_subject(''u1'')', 'SET lotty.require_review = off']) WITH ORDINALITY AS s (statement, n)
 CROSS JOIN LATERAL try(statement) AS t WHERE t.item IN ('ok', 'error') ORDER BY n;
SELECT * FROM try($$SELECT lotty_grant('lotty_test_decides', 'manage')$$);
RESET ROLE;

-- A role that may call lotty_grant, but does not own the extension, does not get a mere warning.
GRANT EXECUTE ON FUNCTION lotty_grant(text, text), lotty.privileges_of(text), lotty.check_grant(text, text, text), lotty.owns_tables() TO lotty_test_nobody;
GRANT USAGE ON SCHEMA lotty TO lotty_test_nobody;
SET ROLE lotty_test_nobody;
SELECT * FROM try($$SELECT lotty_grant('lotty_test_decides', 'manage')$$);
RESET ROLE;
DROP OWNED BY lotty_test_nobody;
SELECT * FROM try($$SELECT lotty_grant('lotty_test_decides', 'admin')$$);
SELECT * FROM try($$SELECT lotty_grant('lotty_test_decides', NULL)$$);
SELECT * FROM try($$SELECT lotty_grant(NULL, 'decide')$$);
SELECT * FROM try($$SELECT lotty_grant('public', 'decide')$$);
SELECT * FROM try($$SELECT lotty_revoke('no such role', 'decide')$$);

-- Taking one right back leaves what another one needs.
SELECT count(*) FROM lotty_grant('lotty Test; manages', 'report');
SELECT * FROM lotty_revoke('lotty Test; manages', 'report');
SELECT held('lotty Test; manages', 'lotty.flag'::regclass) AS flag, held('lotty Test; manages', 'lotty.decision'::regclass) AS decision,
       has_function_privilege('lotty Test; manages', 'lotty_explain(text, text, jsonb)', 'EXECUTE') AS explain;
SELECT count(*) FROM lotty_grant('lotty Test; manages', 'report');
SELECT count(*) > 40 AS many FROM lotty_revoke('lotty Test; manages', 'manage');
SELECT held('lotty Test; manages', 'lotty.flag'::regclass) AS flag, held('lotty Test; manages', 'lotty.decision'::regclass) AS decision,
       has_function_privilege('lotty Test; manages', 'lotty_start(text)', 'EXECUTE') AS start;
SELECT count(*) > 0 AS some FROM lotty_revoke('lotty Test; manages', 'report');
SELECT count(*) > 0 AS some FROM lotty_revoke('lotty_test_decides', 'decide');
SELECT count(*) > 0 AS some FROM lotty_revoke('lotty_test_reports', 'report');
-- Nothing is left, so the roles can be dropped without DROP OWNED.
DROP TABLE kept;
DROP OPERATOR pg_temp.= (text, text);
DROP FUNCTION pg_temp.trap, pg_temp.now, pg_temp.octet_length, pg_temp.lower, held;
DROP ROLE lotty_test_decides, lotty_test_reports, "lotty Test; manages", lotty_test_nobody;
