-- Lotty's functions on a proxy: each runs on the shard that has its subject.
--
--     psql -v ON_ERROR_STOP=1 -d shop -f proxy.sql
--
-- Needs the extensions lotty and plproxy, and is run again after an upgrade of either. The shards
-- are a server, which is made once; see README.md:
--
--     CREATE SERVER lotty FOREIGN DATA WRAPPER plproxy OPTIONS (p0 'host=shard0 …', p1 'host=shard1 …');

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
-- What is replaced was made by this file.
SET LOCAL client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS lotty_proxy;
COMMENT ON SCHEMA lotty_proxy IS 'Lotty''s functions, each run by PL/Proxy on the shard that has its subject';

SELECT n.nspname AS lotty FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'lotty' \gset

-- Lotty's own hash: the same in every version of PostgreSQL, and in any language (SHA-256), unlike
-- hashtext. It has nothing to do with which variant a subject gets. PL/Proxy takes its last bits, or
-- with modular_mapping the remainder. Without a subject any shard will say what is wrong.
SELECT format($sql$
    CREATE OR REPLACE FUNCTION lotty_proxy.shard_hash(subject text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce(%I.lotty_bucket(subject, 'lotty', 'shard'), 0) $$
$sql$, :'lotty') \gexec
COMMENT ON FUNCTION lotty_proxy.shard_hash(text) IS 'what PL/Proxy derives the number of a subject''s shard from, 0 to 9999';

CREATE OR REPLACE FUNCTION lotty_proxy.shard(subject text) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN bool_or(o.option_name = 'modular_mapping' AND o.option_value::integer <> 0)
                THEN lotty_proxy.shard_hash(subject) % count(*) FILTER (WHERE o.option_name ~ '^p[0-9]+$')
                ELSE lotty_proxy.shard_hash(subject) & (count(*) FILTER (WHERE o.option_name ~ '^p[0-9]+$') - 1)
            END::integer
      FROM pg_foreign_server s, pg_options_to_table(s.srvoptions) AS o WHERE s.srvname = 'lotty'
$$;
COMMENT ON FUNCTION lotty_proxy.shard(text) IS 'number of the shard that has a subject, from 0';

-- A merge is one transaction, so of one shard.
CREATE OR REPLACE FUNCTION lotty_proxy.shard_hash(subject text, other_subject text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF lotty_proxy.shard(subject) <> lotty_proxy.shard(other_subject) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('subjects "%s" and "%s" are on different shards and cannot be merged', subject, other_subject),
            DETAIL = format('They are on the shards %s and %s; a merge is one transaction of one shard.',
                            lotty_proxy.shard(subject), lotty_proxy.shard(other_subject)),
            HINT = 'Forget the one that is given up with lotty_forget, or go on with its id.';
    END IF;
    RETURN lotty_proxy.shard_hash(subject);
END
$$;
COMMENT ON FUNCTION lotty_proxy.shard_hash(text, text) IS
    'shard_hash of two subjects of one shard; raises feature_not_supported if they are on different ones';

-- The functions, with the names, arguments and results that they have in the extension. They are
-- volatile whatever they are there, since what they see is not governed by a snapshot of this node.
DO $do$
DECLARE
    proxied record;
BEGIN
    FOR proxied IN
        SELECT p.oid, n.nspname, p.proname, p.proname = 'lotty_forget' AS on_all,
               CASE p.proname WHEN 'lotty_merge_subjects' THEN 'from_subject, into_subject'
                              WHEN 'lotty_import_optimizely_profile' THEN 'profile->>''user_id'''
                              ELSE 'subject' END AS key
          FROM pg_extension e
          JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
          JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
          JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE e.extname = 'lotty'
           AND p.proname IN (
                'lotty_decide', 'lotty_evaluate', 'lotty_explain', 'lotty_decide_experiment', 'lotty_evaluate_experiment',
                'lotty_decide_all', 'lotty_decide_many', 'lotty_evaluate_all', 'lotty_evaluate_many',
                'lotty_boolean', 'lotty_string', 'lotty_number', 'lotty_json',
                'lotty_force', 'lotty_unforce', 'lotty_forced', 'lotty_track',
                'lotty_import_optimizely_profile', 'lotty_merge_subjects', 'lotty_forget')
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION lotty_proxy.%I(%s) RETURNS %s LANGUAGE plproxy AS %L',
                       -- Whether to sum up is for lotty_forget alone, which asks all shards.
                       CASE WHEN proxied.on_all THEN proxied.proname || '_on_shards' ELSE proxied.proname END,
                       pg_get_function_arguments(proxied.oid), pg_get_function_result(proxied.oid),
                       format('CLUSTER ''lotty''; RUN ON %s; TARGET %s.%s;',
                              CASE WHEN proxied.on_all THEN 'ALL' ELSE format('lotty_proxy.shard_hash(%s)', proxied.key) END,
                              proxied.nspname, proxied.proname));
        EXECUTE format('COMMENT ON FUNCTION lotty_proxy.%I(%s) IS %L',
                       CASE WHEN proxied.on_all THEN proxied.proname || '_on_shards' ELSE proxied.proname END,
                       pg_get_function_identity_arguments(proxied.oid),
                       CASE WHEN proxied.on_all THEN 'on each shard: ' ELSE 'on the shard of the subject: ' END
                           || obj_description(proxied.oid, 'pg_proc'));
    END LOOP;
END
$do$;

-- On all shards, in case that something is left on one that had the subject once; and that has what
-- is replicated to all, which lotty_forget on the control node is for.
CREATE OR REPLACE FUNCTION lotty_proxy.lotty_forget(subject text) RETURNS TABLE (object text, rows bigint)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.object, sum(f.rows)::bigint FROM lotty_proxy.lotty_forget_on_shards(subject) AS f GROUP BY 1 ORDER BY 1
$$;
COMMENT ON FUNCTION lotty_proxy.lotty_forget(text) IS 'deletes all that the shards store of a subject; says how many rows of each table';

-- Many subjects in one round trip to each shard. The rows come in no particular order.
SELECT format($sql$
    CREATE OR REPLACE FUNCTION lotty_proxy.lotty_decide_subjects(flag text, subjects text[], attrs jsonb[])
    RETURNS TABLE (subject text, value jsonb, decision_id uuid, experiment_id uuid, variant_id uuid, reason lotty.reason)
    LANGUAGE plproxy AS $$
        CLUSTER 'lotty';
        SPLIT subjects, attrs;
        RUN ON lotty_proxy.shard_hash(subjects);
        SELECT s.id AS subject, d.value, d.decision_id, d.experiment_id, d.variant_id, d.reason
          FROM unnest(subjects, attrs) AS s (id, a)
         CROSS JOIN LATERAL %I.lotty_decide(flag, s.id, s.a) AS d;
    $$
$sql$, :'lotty') \gexec
COMMENT ON FUNCTION lotty_proxy.lotty_decide_subjects(text, text[], jsonb[]) IS
    'lotty_decide for many subjects, each with its attributes: the shards decide at the same time, each in one transaction';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lotty_proxy FROM PUBLIC;
COMMIT;
