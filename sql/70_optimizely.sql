-- What a team on Optimizely calls: import of a datafile and of user profiles, and variants
-- that are forced on a subject.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION @extschema@.lotty_import_optimizely(datafile jsonb, sticky boolean DEFAULT NULL)
RETURNS TABLE (action text, object text, key text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    document CONSTANT jsonb := lotty.optimizely_configuration(datafile);
    warning jsonb;
BEGIN
    IF datafile IS NULL THEN
        PERFORM lotty.refuse_null('lotty_import_optimizely', 'datafile');
    END IF;
    FOR warning IN SELECT * FROM jsonb_array_elements(document -> 'warnings') LOOP
        RAISE WARNING USING
            MESSAGE = warning ->> 'message',
            DETAIL = format('At %s of the datafile.', warning ->> 'path');
    END LOOP;
    RETURN QUERY
    SELECT * FROM lotty.apply_configuration(document, lotty_import_optimizely.sticky);
END
$$;

CREATE FUNCTION @extschema@.lotty_import_optimizely_profile(project_id text, profile jsonb)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject CONSTANT text := profile ->> 'user_id';
    limited text;
    added integer;
BEGIN
    IF project_id IS NULL OR profile IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'project_id and profile must not be NULL',
            DETAIL = 'lotty_import_optimizely_profile was called with a NULL.';
    ELSIF jsonb_typeof(profile -> 'user_id') IS DISTINCT FROM 'string'
          OR jsonb_typeof(profile -> 'experiment_bucket_map') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'profile is not a user profile of Optimizely',
            DETAIL = left(profile::text, 200),
            HINT = 'A user profile is an object: {"user_id": "…", "experiment_bucket_map": {"<experiment id>": {"variation_id": "<id>"}}}.';
    END IF;
    PERFORM lotty.check_subject('lotty_import_optimizely_profile', 'user_id', subject);
    WITH saved AS (
        SELECT e.experiment_id, e.key, e.exempt_from_limits,
               lotty.optimizely_variant_id(project_id, e.hash_key, m.value ->> 'variation_id') AS variant_id
          FROM jsonb_each(profile -> 'experiment_bucket_map') AS m
          JOIN lotty.experiment e
            ON e.source = 'optimizely:' || project_id AND e.hash_key = m.key AND e.kind = 'experiment'
         WHERE jsonb_typeof(m.value -> 'variation_id') = 'string'
    ), written AS (
        INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id)
        SELECT subject, s.experiment_id, s.variant_id FROM saved s WHERE s.exempt_from_limits
            ON CONFLICT DO NOTHING
        RETURNING experiment_id
    )
    SELECT (SELECT min(s.key) FROM saved s WHERE NOT s.exempt_from_limits), (SELECT count(*) FROM written)
      INTO limited, added;
    IF limited IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('experiment "%s" is subject to the limits', limited),
            DETAIL = 'A profile says who is in an experiment, but not that there is a slot for it.',
            HINT = 'Set exempt_from_limits to true, as the import does.';
    END IF;
    RETURN added;
END
$$;

CREATE FUNCTION lotty.check_forced(function text, experiment text, subject text)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF experiment IS NULL THEN
        PERFORM lotty.refuse_null(function, 'experiment');
    END IF;
    PERFORM lotty.check_subject(function, 'subject', subject);
END
$$;
COMMENT ON FUNCTION lotty.check_forced(text, text, text) IS
    'raises null_value_not_allowed or invalid_parameter_value unless the arguments name an experiment and a subject';

CREATE FUNCTION @extschema@.lotty_force(experiment text, subject text, variant text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chosen record;
BEGIN
    PERFORM lotty.check_forced('lotty_force', experiment, subject);
    SELECT e.experiment_id, v.variant_id INTO chosen
      FROM lotty.experiment e
      LEFT JOIN lotty.variant v
        ON v.experiment_id = e.experiment_id AND v.name = lotty_force.variant AND NOT v.is_retired
     WHERE e.key = lotty_force.experiment AND e.kind = 'experiment' AND e.status <> 'archived';
    IF NOT FOUND OR (variant IS NOT NULL AND chosen.variant_id IS NULL) THEN
        RETURN false;
    ELSIF variant IS NULL THEN
        DELETE FROM lotty.override o
         WHERE (o.subject_id, o.experiment_id, o.kind) = (subject, chosen.experiment_id, 'forced');
    ELSE
        INSERT INTO lotty.override AS o (subject_id, experiment_id, kind, variant_id)
        VALUES (subject, chosen.experiment_id, 'forced', chosen.variant_id)
            ON CONFLICT (subject_id, experiment_id, kind) DO UPDATE SET variant_id = excluded.variant_id
         WHERE o.variant_id <> excluded.variant_id;
    END IF;
    RETURN true;
END
$$;

CREATE FUNCTION @extschema@.lotty_unforce(experiment text, subject text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_forced('lotty_unforce', experiment, subject);
    RETURN @extschema@.lotty_force(experiment, subject, NULL);
END
$$;

CREATE FUNCTION @extschema@.lotty_forced(experiment text, subject text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_forced('lotty_forced', experiment, subject);
    RETURN (SELECT v.name
              FROM lotty.experiment e
              JOIN lotty.override o ON o.experiment_id = e.experiment_id AND o.kind = 'forced'
              JOIN lotty.variant v ON v.variant_id = o.variant_id
             WHERE e.key = lotty_forced.experiment AND e.status <> 'archived'
               AND o.subject_id = lotty_forced.subject AND NOT v.is_retired);
END
$$;

SET LOCAL search_path TO @extschema@, pg_temp;
