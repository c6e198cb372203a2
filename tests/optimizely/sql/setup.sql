-- What the comparisons with Optimizely share: recorded by `vectors`, or asked for by `fuzz`.

CREATE EXTENSION lotty;
CREATE SCHEMA proof;

-- --- configuration -----------------------------------------------------------------------

-- Empties all tables of Lotty, so that the next datafile finds nothing of another project. As
-- a replica: what has run cannot be deleted otherwise. The cache is told all the same.
-- TRUNCATE would take ten times as long for tables as small as these.
CREATE FUNCTION proof.wipe() RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE
    emptied regclass;
BEGIN
    FOR emptied IN SELECT oid FROM pg_class
                    WHERE relnamespace = 'lotty'::regnamespace AND relkind = 'r'
    LOOP
        EXECUTE 'DELETE FROM ' || emptied;
    END LOOP;
END
$$;

-- --- what Lotty answers, in the words of Optimizely ---------------------------------------

-- The text `null` stands for attributes that were not given.
CREATE FUNCTION proof.attributes(given text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN given = 'null' THEN '{}' ELSE given::jsonb END
$$;

CREATE FUNCTION proof.source(reason lotty.reason) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN reason IN ('forced', 'whitelisted', 'sticky', 'experiment_assigned')
                THEN 'feature-test'
                WHEN reason = 'rollout' THEN 'rollout' END
$$;

CREATE FUNCTION proof.variant_name(wanted uuid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT name FROM lotty.variant WHERE variant_id = wanted
$$;

-- A decision for a flag. The variant must be the one that the value names: if it is not,
-- there is a member more than Optimizely's answer has.
CREATE FUNCTION proof.decision(decided lotty.decision_result) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'flag', decided.flag,
               'variation', decided.value->'variation',
               'enabled', coalesce(decided.value->'enabled', 'false'),
               'rule', CASE WHEN source IS NOT NULL THEN
                           (SELECT key FROM lotty.experiment
                             WHERE experiment_id = decided.experiment_id) END,
               'source', source,
               'variables', coalesce(decided.value->'variables', '{}'))
           || CASE WHEN proof.variant_name(decided.variant_id)
                        IS DISTINCT FROM decided.value->>'variation'
                   THEN jsonb_build_object('variant', proof.variant_name(decided.variant_id))
                   ELSE '{}' END
      FROM (SELECT proof.source(decided.reason)) AS said (source)
$$;

-- The variation of an experiment asked for by its key.
CREATE FUNCTION proof.variation(decided lotty.decision_result) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(to_jsonb(proof.variant_name(decided.variant_id)), 'null')
$$;
