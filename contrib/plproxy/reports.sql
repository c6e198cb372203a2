-- Reports over all shards, to be installed after proxy.sql. A subject is on one shard, so what counts
-- subjects, or sums what they did, is the sum over the shards. Each shard counts its own, at the same
-- time as the others; only the sums travel.

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT n.nspname AS lotty FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'lotty' \gset

-- Who was exposed ------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lotty_proxy.exposure(experiment text) RETURNS SETOF lotty.exposure
LANGUAGE plproxy AS $$
    CLUSTER 'lotty';
    RUN ON ALL;
    SELECT e.* FROM lotty.exposure AS e WHERE e.experiment_key = experiment;
$$;
COMMENT ON FUNCTION lotty_proxy.exposure(text) IS 'lotty.exposure of one experiment, a row for each subject, from all shards';

CREATE OR REPLACE FUNCTION lotty_proxy.exposed_on_shards(experiment text)
RETURNS TABLE (variant text, is_control boolean, subjects bigint, crossovers bigint, decisions bigint)
LANGUAGE plproxy AS $$
    CLUSTER 'lotty';
    RUN ON ALL;
    SELECT e.variant, e.is_control, count(*) AS subjects, count(*) FILTER (WHERE e.crossover) AS crossovers,
           sum(e.decisions)::bigint AS decisions
      FROM lotty.exposure AS e WHERE e.experiment_key = experiment
     GROUP BY e.variant_id, e.variant, e.is_control;
$$;
COMMENT ON FUNCTION lotty_proxy.exposed_on_shards(text) IS 'lotty_proxy.exposed of each shard';

CREATE OR REPLACE FUNCTION lotty_proxy.exposed(experiment text)
RETURNS TABLE (variant text, is_control boolean, subjects bigint, crossovers bigint, decisions bigint)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.variant, s.is_control, sum(s.subjects)::bigint, sum(s.crossovers)::bigint, sum(s.decisions)::bigint
      FROM lotty_proxy.exposed_on_shards(experiment) AS s GROUP BY s.variant, s.is_control ORDER BY s.variant
$$;
COMMENT ON FUNCTION lotty_proxy.exposed(text) IS
    'how many subjects of an experiment were exposed to each variant, how many of them got another one later, and by how many decisions';

-- What they did --------------------------------------------------------------------------------
-- Number, sum and sum of squares are all that averages, variances and their intervals are made of, and
-- each adds up.

CREATE OR REPLACE FUNCTION lotty_proxy.outcome_on_shards(experiment text, type_of_event text, observed interval)
RETURNS TABLE (variant text, is_control boolean, subjects bigint, converted bigint, events bigint, total numeric, squares numeric)
LANGUAGE plproxy AS $$
    CLUSTER 'lotty';
    RUN ON ALL;
    SELECT s.variant, s.is_control, count(*) AS subjects, count(*) FILTER (WHERE s.n > 0) AS converted,
           sum(s.n)::bigint AS events, sum(s.v) AS total, sum(s.v * s.v) AS squares
      FROM (SELECT e.variant, e.is_control, e.subject_id, count(v.event_id) AS n, coalesce(sum(v.value), 0) AS v
              FROM lotty.exposure AS e
              LEFT JOIN lotty.event AS v
                ON v.subject_id = e.subject_id AND v.event_type = type_of_event
               AND v.occurred_at >= e.exposed_at AND v.occurred_at < e.exposed_at + observed
             WHERE e.experiment_key = experiment AND NOT e.crossover AND e.exposed_at <= now() - observed
             GROUP BY e.variant_id, e.variant, e.is_control, e.subject_id) AS s
     GROUP BY s.variant, s.is_control;
$$;
COMMENT ON FUNCTION lotty_proxy.outcome_on_shards(text, text, interval) IS 'lotty_proxy.outcome of each shard';

CREATE OR REPLACE FUNCTION lotty_proxy.outcome(experiment text, type_of_event text, observed interval)
RETURNS TABLE (variant text, is_control boolean, subjects bigint, converted bigint, events bigint, total numeric, squares numeric)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.variant, s.is_control, sum(s.subjects)::bigint, sum(s.converted)::bigint, sum(s.events)::bigint,
           sum(s.total), sum(s.squares)
      FROM lotty_proxy.outcome_on_shards(experiment, type_of_event, observed) AS s
     GROUP BY s.variant, s.is_control ORDER BY s.variant
$$;
COMMENT ON FUNCTION lotty_proxy.outcome(text, text, interval) IS
    'what the subjects of an experiment did within a time after their exposure, by variant: how many had events of a type, how many events, their total value, and the sum of the squares of each subject''s';

-- Decisions by reason --------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lotty_proxy.reasons_on_shards(flag text, since timestamptz)
RETURNS TABLE (reason lotty.reason, decisions bigint, subjects bigint)
LANGUAGE plproxy AS $$
    CLUSTER 'lotty';
    RUN ON ALL;
    SELECT d.reason, count(*) AS decisions, count(DISTINCT d.subject_id) AS subjects
      FROM lotty.decision AS d WHERE d.flag_key = flag AND d.created_at >= since GROUP BY d.reason;
$$;
COMMENT ON FUNCTION lotty_proxy.reasons_on_shards(text, timestamptz) IS 'lotty_proxy.reasons of each shard';

CREATE OR REPLACE FUNCTION lotty_proxy.reasons(flag text, since timestamptz)
RETURNS TABLE (reason lotty.reason, decisions bigint, subjects bigint)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.reason, sum(s.decisions)::bigint, sum(s.subjects)::bigint
      FROM lotty_proxy.reasons_on_shards(flag, since) AS s GROUP BY s.reason ORDER BY s.reason
$$;
COMMENT ON FUNCTION lotty_proxy.reasons(text, timestamptz) IS 'how a flag was decided since a time: decisions and subjects by reason';

-- The shards themselves ------------------------------------------------------------------------

SELECT format($sql$
    CREATE OR REPLACE FUNCTION lotty_proxy.shards()
    RETURNS TABLE (node text, lotty text, configuration text, problems bigint)
    LANGUAGE plproxy AS $$
        CLUSTER 'lotty';
        RUN ON ALL;
        SELECT concat_ws(':', current_setting('cluster_name'), current_database()) AS node,
               (SELECT x.extversion FROM pg_extension AS x WHERE x.extname = 'lotty') AS lotty,
               md5(%1$I.lotty_export()::text) AS configuration,
               (SELECT count(*) FROM %1$I.lotty_check_ledger()) AS problems;
    $$
$sql$, :'lotty') \gexec
COMMENT ON FUNCTION lotty_proxy.shards() IS
    'each shard: its cluster and database, the version of the extension, a hash of its configuration (md5 of lotty_export), and where ledger and log disagree';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lotty_proxy FROM PUBLIC;
COMMIT;
