-- What the tests ask: a running experiment with a rule, under the key of both.
CREATE FUNCTION make(name text, targeting text DEFAULT '', bucketing text DEFAULT 'lotty_sha256') RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.flag (key, value_type, default_value) VALUES (name, 'string', '"default"');
    INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, key, targeting FROM lotty.flag WHERE key = name;
    INSERT INTO lotty.variant (experiment_id, name, value)
    SELECT experiment_id, v, to_jsonb(v) FROM lotty.experiment, unnest(ARRAY['a', 'b']) AS v WHERE key = name;
    UPDATE lotty.experiment SET status = 'running', exempt_from_limits = true WHERE key = name;
$$;

-- A project of Optimizely with that many experiments, each with a flag and an audience of its own,
-- and a whitelist of some users.
CREATE FUNCTION datafile(size int, users int, padding int DEFAULT 0) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'version', '4', 'projectId', '1', 'revision', '1', 'rollouts', '[]'::jsonb, 'groups', '[]'::jsonb,
        'experiments', jsonb_agg(jsonb_build_object(
            'id', 'e' || i, 'key', 'experiment ' || i, 'status', 'Running', 'audienceIds', jsonb_build_array('a' || i),
            'variations', jsonb_build_array(jsonb_build_object('id', 'v' || i, 'key', 'on', 'featureEnabled', true,
                'variables', jsonb_build_array(jsonb_build_object('id', 'x' || i, 'value', repeat('x', padding))))),
            'trafficAllocation', jsonb_build_array(jsonb_build_object('entityId', 'v' || i, 'endOfRange', 10000)),
            'forcedVariations', (SELECT coalesce(jsonb_object_agg('user ' || u, 'on'), '{}') FROM generate_series(1, users) AS u))),
        'featureFlags', jsonb_agg(jsonb_build_object(
            'id', 'f' || i, 'key', 'flag ' || i, 'rolloutId', '', 'experimentIds', jsonb_build_array('e' || i),
            'variables', jsonb_build_array(jsonb_build_object('id', 'x' || i, 'key', 'x', 'type', 'string', 'defaultValue', '')))),
        'typedAudiences', jsonb_agg(jsonb_build_object(
            'id', 'a' || i, 'name', 'audience ' || i,
            'conditions', jsonb_build_object('type', 'custom_attribute', 'name', 'n', 'match', 'gt', 'value', i))))
      FROM generate_series(1, size) AS i
$$;
