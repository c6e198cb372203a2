-- The configuration as one document: lotty_export writes it, lotty_apply brings the tables to
-- what a document says.
--
-- A document speaks in keys and names. No id is in it: the tables that it is applied to have
-- ids of their own. What is hashed is in it (hash_key), so that subjects fall into the same
-- buckets there. Not in it: what belongs to an import, which has a document of its own;
-- overrides, which name subjects; and whatever changes by itself.
--
-- Each kind of object has one form, made by lotty.…_document of its row. To apply is to lay
-- what is given over what that says of the row as it is, and to write the row if the result
-- differs. So what is not given stays, and a document that was applied changes nothing.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.audience_document(audience lotty.audience) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('name', audience.name, 'targeting', audience.targeting,
                              'description', audience.description)
$$;
COMMENT ON FUNCTION lotty.audience_document(lotty.audience) IS 'an audience as lotty_export writes it';
REVOKE ALL ON FUNCTION lotty.audience_document(lotty.audience) FROM PUBLIC;

CREATE FUNCTION lotty.flag_document(flag lotty.flag) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('key', flag.key, 'value_type', flag.value_type,
                              'default_value', flag.default_value, 'enabled', flag.enabled,
                              'description', flag.description)
$$;
COMMENT ON FUNCTION lotty.flag_document(lotty.flag) IS 'a flag as lotty_export writes it';
REVOKE ALL ON FUNCTION lotty.flag_document(lotty.flag) FROM PUBLIC;

CREATE FUNCTION lotty.variant_document(variant lotty.variant) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'name', variant.name, 'value', variant.value, 'weight', variant.weight,
        'is_control', variant.is_control, 'is_retired', variant.is_retired, 'rank', variant.rank,
        'values', coalesce((SELECT jsonb_agg(jsonb_build_object('flag', f.key, 'value', x.value)
                                             ORDER BY f.key COLLATE "C")
                              FROM lotty.variant_value x JOIN lotty.flag f USING (flag_id)
                             WHERE x.variant_id = variant.variant_id), '[]'))
$$;
COMMENT ON FUNCTION lotty.variant_document(lotty.variant) IS
    'a variant, with its values for further flags, as lotty_export writes it';
REVOKE ALL ON FUNCTION lotty.variant_document(lotty.variant) FROM PUBLIC;

CREATE FUNCTION lotty.experiment_document(experiment lotty.experiment) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'key', experiment.key, 'kind', experiment.kind,
        'flag', (SELECT f.key FROM lotty.flag f WHERE f.flag_id = experiment.flag_id),
        'rank', experiment.rank, 'status', experiment.status, 'targeting', experiment.targeting,
        'traffic_allocation', experiment.traffic_allocation, 'bucketing', experiment.bucketing,
        'hash_key', coalesce(experiment.hash_key, experiment.experiment_id::text),
        'traffic_ranges', CASE WHEN experiment.traffic_ranges IS NOT NULL THEN coalesce(
            (SELECT jsonb_agg(jsonb_build_object('end_of_range', r.value -> 'end_of_range', 'variant', v.name)
                              ORDER BY r.ordinality)
               FROM jsonb_array_elements(experiment.traffic_ranges) WITH ORDINALITY AS r
               LEFT JOIN lotty.variant v
                 ON v.variant_id = (r.value ->> 'variant_id')::uuid AND v.experiment_id = experiment.experiment_id),
            '[]') END,
        'sticky', experiment.sticky, 'exempt_from_limits', experiment.exempt_from_limits,
        'description', experiment.description,
        'winner', (SELECT v.name FROM lotty.variant v WHERE v.variant_id = experiment.winner_id),
        'further_flags', coalesce((SELECT jsonb_agg(jsonb_build_object('flag', f.key, 'rank', x.rank)
                                                    ORDER BY f.key COLLATE "C")
                                     FROM lotty.experiment_flag x JOIN lotty.flag f USING (flag_id)
                                    WHERE x.experiment_id = experiment.experiment_id), '[]'))
$$;
COMMENT ON FUNCTION lotty.experiment_document(lotty.experiment) IS
    'an experiment or a rollout rule, without its variants, as lotty_export writes it';
REVOKE ALL ON FUNCTION lotty.experiment_document(lotty.experiment) FROM PUBLIC;

CREATE FUNCTION lotty.domain_document(domain lotty.conflict_domain) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'key', domain.key, 'policy', domain.policy,
        -- Nothing is hashed for a domain under the other policies.
        'hash_key', CASE WHEN domain.policy = 'optimizely_group'
                         THEN coalesce(domain.hash_key, domain.domain_id::text) ELSE domain.hash_key END,
        'traffic_ranges', CASE WHEN domain.traffic_ranges IS NOT NULL THEN coalesce(
            (SELECT jsonb_agg(jsonb_build_object('end_of_range', r.value -> 'end_of_range', 'experiment', e.key)
                              ORDER BY r.ordinality)
               FROM jsonb_array_elements(domain.traffic_ranges) WITH ORDINALITY AS r
               LEFT JOIN lotty.experiment e ON e.experiment_id = (r.value ->> 'experiment_id')::uuid),
            '[]') END,
        'description', domain.description,
        'members', coalesce((SELECT jsonb_agg(jsonb_build_object('experiment', e.key, 'priority', m.priority,
                                                                 'weight', m.weight)
                                              ORDER BY e.key COLLATE "C")
                               FROM lotty.experiment_conflict_domain m JOIN lotty.experiment e USING (experiment_id)
                              WHERE m.domain_id = domain.domain_id), '[]'))
$$;
COMMENT ON FUNCTION lotty.domain_document(lotty.conflict_domain) IS
    'a conflict domain, with its members, as lotty_export writes it';
REVOKE ALL ON FUNCTION lotty.domain_document(lotty.conflict_domain) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_export() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'lotty', 1,
        'audiences', (SELECT coalesce(jsonb_agg(lotty.audience_document(a) ORDER BY a.name COLLATE "C"), '[]')
                        FROM lotty.audience a WHERE a.source IS NULL),
        'flags', (SELECT coalesce(jsonb_agg(lotty.flag_document(f) ORDER BY f.key COLLATE "C"), '[]')
                    FROM lotty.flag f WHERE f.source IS NULL),
        'experiments', (SELECT coalesce(jsonb_agg(
                                   lotty.experiment_document(e) || jsonb_build_object(
                                       'variants', (SELECT coalesce(jsonb_agg(lotty.variant_document(v)
                                                                              ORDER BY v.rank, v.name COLLATE "C"), '[]')
                                                      FROM lotty.variant v WHERE v.experiment_id = e.experiment_id))
                                   ORDER BY e.key COLLATE "C"), '[]')
                          FROM lotty.experiment e WHERE e.source IS NULL),
        'conflict_domains', (SELECT coalesce(jsonb_agg(lotty.domain_document(d) ORDER BY d.key COLLATE "C"), '[]')
                               FROM lotty.conflict_domain d WHERE d.source IS NULL))
$$;
COMMENT ON FUNCTION @extschema@.lotty_export() IS
    'the configuration as one document, which lotty_apply takes: in keys and names, in a stable order, without what belongs to an import, without overrides, and without what changes by itself';
REVOKE ALL ON FUNCTION @extschema@.lotty_export() FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
