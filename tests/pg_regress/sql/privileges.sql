-- Rights: nothing for PUBLIC, one function is enough for an application.
SELECT wipe();
SELECT make_experiment('f');
-- Roles outlive a database in which an earlier run broke off.
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_app, lotty_test_stranger;
RESET client_min_messages;
CREATE ROLE lotty_test_app LOGIN;
CREATE ROLE lotty_test_stranger;

-- Nothing is granted to PUBLIC.
SELECT p.oid::regprocedure AS granted_to_public
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 WHERE d.classid = 'pg_proc'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lotty') AND a.grantee = 0;
SELECT c.oid::regclass AS granted_to_public FROM pg_class c, aclexplode(c.relacl) a
 WHERE relnamespace = 'lotty'::regnamespace AND a.grantee = 0;
SELECT nspname AS granted_to_public FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'lotty' AND a.grantee = 0;

SET ROLE lotty_test_stranger;
SELECT * FROM try($$SELECT lotty_decide('f', 'u1')$$);
SELECT * FROM try($$SELECT lotty_evaluate('f', 'u1')$$);
SELECT * FROM try($$TABLE lotty.decision$$);
RESET ROLE;

GRANT EXECUTE ON FUNCTION lotty_decide(text, text, jsonb) TO lotty_test_app;
SET ROLE lotty_test_app;
SELECT flag, decision_id IS NOT NULL AS recorded, reason FROM lotty_decide('f', 'u1');
SELECT to_jsonb(lotty_decide('f', 'u1')) ->> 'reason' AS reason;
SELECT * FROM try($$TABLE lotty.decision$$);
SELECT * FROM try($$TABLE lotty.flag$$);
SELECT * FROM try($$DELETE FROM lotty.assignment$$);
SELECT * FROM try($$SELECT lotty.check_targeting('x', 'y')$$);
SELECT * FROM try($$SELECT * FROM lotty_rebuild_ledger()$$);
-- Settings that are policy.
SELECT * FROM try($$SET lotty.max_concurrent_experiments = 99$$);
SELECT * FROM try($$SET lotty.cooldown_days = 0$$);
SELECT * FROM try($$SET lotty.require_review = off$$);
SELECT * FROM try($$SET lotty.no_such_setting = 1$$) WHERE item = 'error';
-- Names put in front by the caller are not taken.
CREATE TEMP TABLE decision (a int);
CREATE FUNCTION pg_temp.coalesce_trap(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.coalesce_trap);
SET search_path = pg_temp, public;
SELECT reason FROM lotty_decide('f', 'u2');
SET search_path = '';
SELECT reason FROM public.lotty_decide('f', 'u3');
RESET search_path;
DROP OPERATOR pg_temp.= (uuid, uuid);
RESET ROLE;
SELECT subject_id, count(*) FROM lotty.decision GROUP BY 1 ORDER BY 1;

-- A setting smuggled in before the library is loaded does not count.
\c - lotty_test_app
SET lotty.max_concurrent_experiments = 0;
SELECT reason FROM public.lotty_decide('f', 'u4');
SHOW lotty.max_concurrent_experiments;
\c - postgres
DROP OWNED BY lotty_test_app, lotty_test_stranger;
DROP ROLE lotty_test_app, lotty_test_stranger;
