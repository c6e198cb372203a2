-- Writing a whole configuration that comes from elsewhere (its *source*) to the tables.
--
-- The document is what lotty.optimizely_configuration makes of a datafile: arrays of rows, by
-- table. What the source has is inserted or updated in place, so identifiers, ledger, log and
-- forced variants stay; what it no longer has is archived or retired. A row that is as it
-- should be is not touched, so nothing changes when the same document comes again.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.check_ownership(object text, key text, owner text, source text)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF owner IS DISTINCT FROM source THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation', SCHEMA = 'lotty', TABLE = object,
            MESSAGE = format('%s "%s" exists already and does not belong to %s',
                             replace(object, '_', ' '), key, source),
            DETAIL = coalesce('It belongs to ' || owner || '.', 'It was made here, or detached from its import.'),
            HINT = CASE WHEN owner IS NULL THEN 'Rename it. What was detached from its import has to leave the datafile, too.'
                        ELSE 'Rename one of them.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_ownership(text, text, text, text) IS
    'raises unique_violation unless a row belongs to the source that wants to write it';

-- A key that another row of the source is to have: keys are unique at any moment, and two rows
-- may swap theirs.
CREATE FUNCTION lotty.vacated_key(key text, id uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN octet_length(key) <= 473 THEN format('%s (%s)', key, id) ELSE id::text END
$$;
COMMENT ON FUNCTION lotty.vacated_key(text, uuid) IS
    'what a row is called whose key or name another row takes over';

CREATE FUNCTION lotty.apply_configuration(document jsonb, sticky boolean DEFAULT NULL)
RETURNS TABLE (action text, object text, key text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    of_source CONSTANT text := document ->> 'source';
BEGIN
    -- Whoever applies a configuration of this source waits for the one before.
    PERFORM pg_advisory_xact_lock('lotty.flag'::regclass::oid::integer, hashtext(of_source));

    -- audiences first, since rules name them
    PERFORM lotty.check_ownership('audience', a.name, a.source, of_source)
       FROM jsonb_populate_recordset(NULL::lotty.audience, document -> 'audiences') AS n
       JOIN lotty.audience a ON a.name = n.name;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.audience a SET targeting = n.targeting
          FROM jsonb_populate_recordset(NULL::lotty.audience, document -> 'audiences') AS n
         WHERE a.name = n.name AND a.targeting <> n.targeting
        RETURNING a.name)
    SELECT 'updated', 'audience', name FROM written ORDER BY name;
    RETURN QUERY
    WITH written AS (
        INSERT INTO lotty.audience (name, targeting, description, source)
        SELECT n.name, n.targeting, coalesce(n.description, ''), of_source
          FROM jsonb_populate_recordset(NULL::lotty.audience, document -> 'audiences') AS n
         WHERE NOT EXISTS (SELECT FROM lotty.audience a WHERE a.name = n.name)
        RETURNING name)
    SELECT 'created', 'audience', name FROM written ORDER BY name;

    -- flags
    PERFORM lotty.check_ownership('flag', f.key, f.source, of_source)
       FROM jsonb_populate_recordset(NULL::lotty.flag, document -> 'flags') AS n
       JOIN lotty.flag f ON f.key = n.key OR f.flag_id = n.flag_id;
    UPDATE lotty.flag f SET key = lotty.vacated_key(f.key, f.flag_id)
      FROM jsonb_populate_recordset(NULL::lotty.flag, document -> 'flags') AS n
     WHERE f.key = n.key AND f.flag_id <> n.flag_id;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.flag f SET key = n.key, default_value = n.default_value
          FROM jsonb_populate_recordset(NULL::lotty.flag, document -> 'flags') AS n
         WHERE f.flag_id = n.flag_id AND (f.key, f.default_value) IS DISTINCT FROM (n.key, n.default_value)
        RETURNING f.key)
    SELECT 'updated', 'flag', key FROM written ORDER BY key;
    RETURN QUERY
    WITH written AS (
        INSERT INTO lotty.flag (flag_id, key, value_type, default_value, description, source)
        SELECT n.flag_id, n.key, 'json', n.default_value, coalesce(n.description, ''), of_source
          FROM jsonb_populate_recordset(NULL::lotty.flag, document -> 'flags') AS n
         WHERE NOT EXISTS (SELECT FROM lotty.flag f WHERE f.flag_id = n.flag_id)
        RETURNING key)
    SELECT 'created', 'flag', key FROM written ORDER BY key;

    -- experiments and rollout rules
    PERFORM lotty.check_ownership('experiment', e.key, e.source, of_source)
       FROM jsonb_populate_recordset(NULL::lotty.experiment, document -> 'experiments') AS n
       JOIN lotty.experiment e ON e.key = n.key OR e.experiment_id = n.experiment_id;
    UPDATE lotty.experiment e SET key = lotty.vacated_key(e.key, e.experiment_id)
      FROM jsonb_populate_recordset(NULL::lotty.experiment, document -> 'experiments') AS n
     WHERE e.key = n.key AND e.experiment_id <> n.experiment_id;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.experiment e
           SET flag_id = n.flag_id, key = n.key, rank = n.rank, status = n.status,
               targeting = n.targeting, hash_key = n.hash_key,
               traffic_allocation = n.traffic_allocation, traffic_ranges = n.traffic_ranges,
               sticky = coalesce(apply_configuration.sticky AND n.kind = 'experiment', e.sticky)
          FROM jsonb_populate_recordset(NULL::lotty.experiment, document -> 'experiments') AS n
         WHERE e.experiment_id = n.experiment_id
           AND (e.flag_id, e.key, e.rank, e.status, e.targeting, e.hash_key, e.traffic_allocation,
                e.traffic_ranges, e.sticky)
               IS DISTINCT FROM
               (n.flag_id, n.key, n.rank, n.status, n.targeting, n.hash_key, n.traffic_allocation,
                n.traffic_ranges, coalesce(apply_configuration.sticky AND n.kind = 'experiment', e.sticky))
        RETURNING e.kind, e.key)
    SELECT 'updated', kind, key FROM written ORDER BY kind, key;
    RETURN QUERY
    WITH written AS (
        INSERT INTO lotty.experiment (experiment_id, flag_id, key, kind, rank, status, targeting, bucketing,
                                      hash_key, traffic_allocation, traffic_ranges, sticky,
                                      exempt_from_limits, source)
        SELECT n.experiment_id, n.flag_id, n.key, n.kind, n.rank, n.status, n.targeting, 'optimizely_murmur3',
               n.hash_key, n.traffic_allocation, n.traffic_ranges,
               coalesce(apply_configuration.sticky AND n.kind = 'experiment', false), true, of_source
          FROM jsonb_populate_recordset(NULL::lotty.experiment, document -> 'experiments') AS n
         WHERE NOT EXISTS (SELECT FROM lotty.experiment e WHERE e.experiment_id = n.experiment_id)
        RETURNING kind, key)
    SELECT 'created', kind, key FROM written ORDER BY kind, key;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.experiment e SET status = 'archived'
         WHERE e.source = of_source AND e.status <> 'archived'
           AND NOT EXISTS (SELECT FROM jsonb_populate_recordset(NULL::lotty.experiment,
                                                                document -> 'experiments') AS n
                            WHERE n.experiment_id = e.experiment_id)
        RETURNING e.kind, e.key)
    SELECT 'archived', kind, key FROM written ORDER BY kind, key;

    -- variants
    UPDATE lotty.variant v SET name = lotty.vacated_key(v.name, v.variant_id)
      FROM jsonb_populate_recordset(NULL::lotty.variant, document -> 'variants') AS n
     WHERE v.experiment_id = n.experiment_id AND v.name = n.name AND v.variant_id <> n.variant_id;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.variant v
           SET name = n.name, value = n.value, weight = n.weight, rank = n.rank, is_retired = false
          FROM jsonb_populate_recordset(NULL::lotty.variant, document -> 'variants') AS n
         WHERE v.variant_id = n.variant_id
           AND (v.name, v.value, v.weight, v.rank, v.is_retired)
               IS DISTINCT FROM (n.name, n.value, n.weight, n.rank, false)
        RETURNING v.experiment_id, v.name)
    SELECT 'updated', 'variant', format('%s: %s', e.key, w.name)
      FROM written w JOIN lotty.experiment e USING (experiment_id) ORDER BY 3;
    RETURN QUERY
    WITH written AS (
        INSERT INTO lotty.variant (variant_id, experiment_id, name, value, weight, rank)
        SELECT n.variant_id, n.experiment_id, n.name, n.value, n.weight, n.rank
          FROM jsonb_populate_recordset(NULL::lotty.variant, document -> 'variants') AS n
         WHERE NOT EXISTS (SELECT FROM lotty.variant v WHERE v.variant_id = n.variant_id)
        RETURNING experiment_id, name)
    SELECT 'created', 'variant', format('%s: %s', e.key, w.name)
      FROM written w JOIN lotty.experiment e USING (experiment_id) ORDER BY 3;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.variant v SET is_retired = true, weight = 0
          FROM jsonb_populate_recordset(NULL::lotty.experiment, document -> 'experiments') AS e
         WHERE v.experiment_id = e.experiment_id AND NOT v.is_retired
           AND NOT EXISTS (SELECT FROM jsonb_populate_recordset(NULL::lotty.variant, document -> 'variants') AS n
                            WHERE n.variant_id = v.variant_id)
        RETURNING v.experiment_id, v.name)
    SELECT 'retired', 'variant', format('%s: %s', e.key, w.name)
      FROM written w JOIN lotty.experiment e USING (experiment_id) ORDER BY 3;

    -- further flags of experiments, and what variants are worth there
    RETURN QUERY
    WITH wanted AS (
        SELECT * FROM jsonb_populate_recordset(NULL::lotty.experiment_flag, document -> 'experiment_flags')
    ), written AS (
        DELETE FROM lotty.experiment_flag x USING lotty.experiment e
         WHERE e.experiment_id = x.experiment_id AND e.source = of_source
           AND NOT EXISTS (SELECT FROM wanted n
                            WHERE (n.flag_id, n.experiment_id) = (x.flag_id, x.experiment_id))
        RETURNING 'deleted' AS action, x.flag_id, x.experiment_id
    ), changed AS (
        INSERT INTO lotty.experiment_flag AS x (flag_id, experiment_id, rank)
        SELECT n.flag_id, n.experiment_id, n.rank FROM wanted n
            ON CONFLICT (flag_id, experiment_id) DO UPDATE SET rank = excluded.rank
         WHERE x.rank <> excluded.rank
        RETURNING CASE WHEN xmax = 0 THEN 'created' ELSE 'updated' END AS action, flag_id, experiment_id
    )
    SELECT w.action, 'experiment_flag', format('%s: %s', e.key, f.key)
      FROM (SELECT * FROM written UNION ALL SELECT * FROM changed) AS w
      JOIN lotty.experiment e USING (experiment_id) JOIN lotty.flag f ON f.flag_id = w.flag_id
     ORDER BY 1, 3;
    RETURN QUERY
    WITH wanted AS (
        SELECT * FROM jsonb_populate_recordset(NULL::lotty.variant_value, document -> 'variant_values')
    ), written AS (
        DELETE FROM lotty.variant_value x USING lotty.variant v JOIN lotty.experiment e USING (experiment_id)
         WHERE v.variant_id = x.variant_id AND e.source = of_source
           AND NOT EXISTS (SELECT FROM wanted n WHERE (n.variant_id, n.flag_id) = (x.variant_id, x.flag_id))
        RETURNING 'deleted' AS action, x.variant_id, x.flag_id
    ), changed AS (
        INSERT INTO lotty.variant_value AS x (variant_id, flag_id, value)
        SELECT n.variant_id, n.flag_id, n.value FROM wanted n
            ON CONFLICT (variant_id, flag_id) DO UPDATE SET value = excluded.value
         WHERE x.value <> excluded.value
        RETURNING CASE WHEN xmax = 0 THEN 'created' ELSE 'updated' END AS action, variant_id, flag_id
    )
    SELECT w.action, 'variant_value', format('%s: %s: %s', e.key, v.name, f.key)
      FROM (SELECT * FROM written UNION ALL SELECT * FROM changed) AS w
      JOIN lotty.variant v USING (variant_id) JOIN lotty.experiment e USING (experiment_id)
      JOIN lotty.flag f ON f.flag_id = w.flag_id
     ORDER BY 1, 3;

    -- conflict domains
    PERFORM lotty.check_ownership('conflict_domain', d.key, d.source, of_source)
       FROM jsonb_populate_recordset(NULL::lotty.conflict_domain, document -> 'domains') AS n
       JOIN lotty.conflict_domain d ON d.key = n.key OR d.domain_id = n.domain_id;
    RETURN QUERY
    WITH written AS (
        DELETE FROM lotty.conflict_domain d
         WHERE d.source = of_source
           AND NOT EXISTS (SELECT FROM jsonb_populate_recordset(NULL::lotty.conflict_domain,
                                                                document -> 'domains') AS n
                            WHERE n.domain_id = d.domain_id)
        RETURNING d.key)
    SELECT 'deleted', 'conflict_domain', key FROM written ORDER BY key;
    UPDATE lotty.conflict_domain d SET key = lotty.vacated_key(d.key, d.domain_id)
      FROM jsonb_populate_recordset(NULL::lotty.conflict_domain, document -> 'domains') AS n
     WHERE d.key = n.key AND d.domain_id <> n.domain_id;
    RETURN QUERY
    WITH written AS (
        UPDATE lotty.conflict_domain d
           SET key = n.key, hash_key = n.hash_key, traffic_ranges = n.traffic_ranges
          FROM jsonb_populate_recordset(NULL::lotty.conflict_domain, document -> 'domains') AS n
         WHERE d.domain_id = n.domain_id
           AND (d.key, d.hash_key, d.traffic_ranges)
               IS DISTINCT FROM (n.key, n.hash_key, n.traffic_ranges)
        RETURNING d.key)
    SELECT 'updated', 'conflict_domain', key FROM written ORDER BY key;
    RETURN QUERY
    WITH written AS (
        INSERT INTO lotty.conflict_domain (domain_id, key, policy, hash_key, traffic_ranges, source)
        SELECT n.domain_id, n.key, 'optimizely_group', n.hash_key, n.traffic_ranges, of_source
          FROM jsonb_populate_recordset(NULL::lotty.conflict_domain, document -> 'domains') AS n
         WHERE NOT EXISTS (SELECT FROM lotty.conflict_domain d WHERE d.domain_id = n.domain_id)
        RETURNING key)
    SELECT 'created', 'conflict_domain', key FROM written ORDER BY key;
    RETURN QUERY
    WITH wanted AS (
        SELECT * FROM jsonb_populate_recordset(NULL::lotty.experiment_conflict_domain, document -> 'members')
    ), written AS (
        DELETE FROM lotty.experiment_conflict_domain m USING lotty.conflict_domain d
         WHERE d.domain_id = m.domain_id AND d.source = of_source
           AND NOT EXISTS (SELECT FROM wanted n
                            WHERE (n.domain_id, n.experiment_id) = (m.domain_id, m.experiment_id))
        RETURNING 'deleted' AS action, m.domain_id, m.experiment_id
    ), changed AS (
        INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
        SELECT n.domain_id, n.experiment_id FROM wanted n
            ON CONFLICT DO NOTHING
        RETURNING 'created' AS action, domain_id, experiment_id
    )
    SELECT w.action, 'experiment_conflict_domain', format('%s: %s', d.key, e.key)
      FROM (SELECT * FROM written UNION ALL SELECT * FROM changed) AS w
      JOIN lotty.conflict_domain d USING (domain_id) JOIN lotty.experiment e USING (experiment_id)
     ORDER BY 1, 3;

    -- whitelists: one line for each experiment, for there may be very many
    RETURN QUERY
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_populate_recordset(NULL::lotty.override, document -> 'overrides')
    ), written AS (
        DELETE FROM lotty.override o
         USING jsonb_populate_recordset(NULL::lotty.experiment, document -> 'experiments') AS e
         WHERE o.experiment_id = e.experiment_id AND o.kind = 'whitelist'
           AND NOT EXISTS (SELECT FROM wanted n
                            WHERE (n.subject_id, n.experiment_id) = (o.subject_id, o.experiment_id))
        RETURNING o.experiment_id
    ), changed AS (
        INSERT INTO lotty.override AS o (subject_id, experiment_id, kind, variant_id)
        SELECT n.subject_id, n.experiment_id, 'whitelist', n.variant_id FROM wanted n
            ON CONFLICT (subject_id, experiment_id, kind) DO UPDATE SET variant_id = excluded.variant_id
         WHERE o.variant_id <> excluded.variant_id
        RETURNING o.experiment_id
    )
    SELECT DISTINCT
           CASE WHEN NOT EXISTS (SELECT FROM wanted n WHERE n.experiment_id = w.experiment_id) THEN 'deleted'
                -- As it was before this statement.
                WHEN EXISTS (SELECT FROM lotty.override o
                              WHERE o.experiment_id = w.experiment_id AND o.kind = 'whitelist') THEN 'updated'
                ELSE 'created' END,
           'whitelist', e.key
      FROM (SELECT * FROM written UNION ALL SELECT * FROM changed) AS w
      JOIN lotty.experiment e USING (experiment_id)
     ORDER BY 1, 3;

    -- audiences that nothing names any more
    RETURN QUERY
    WITH stale AS MATERIALIZED (
        SELECT a.name FROM lotty.audience a
         WHERE a.source = of_source
           AND NOT EXISTS (SELECT FROM jsonb_populate_recordset(NULL::lotty.audience, document -> 'audiences') AS n
                            WHERE n.name = a.name)
    ), written AS (
        DELETE FROM lotty.audience a USING stale s
         WHERE a.name = s.name AND lotty.audience_used_by(s.name) IS NULL
        RETURNING a.name)
    SELECT 'deleted', 'audience', name FROM written ORDER BY name;
END
$$;

SET LOCAL search_path TO @extschema@, pg_temp;
