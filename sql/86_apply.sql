-- lotty_apply: a document of lotty_export (84_export.sql) to the tables.
-- Each function writes one object. `given` is what the document has of it.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.check_applicable(object text, key text, source text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = object,
            MESSAGE = format('%s "%s" belongs to %s', replace(object, '_', ' '), key, source),
            DETAIL = 'Its import keeps it up to date.',
            HINT = 'Leave it out of the configuration, or detach it: its source becomes NULL.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_applicable(text, text, text) IS
    'raises object_not_in_prerequisite_state for a row that belongs to an import';
REVOKE ALL ON FUNCTION lotty.check_applicable(text, text, text) FROM PUBLIC;

CREATE FUNCTION lotty.check_complete(object text, key text, given jsonb, VARIADIC needed text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    SELECT n INTO missing FROM unnest(needed) WITH ORDINALITY AS t (n, place) WHERE NOT given ? n ORDER BY place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s "%s" cannot be created without "%s"', object, key, missing),
            DETAIL = 'It does not exist yet.',
            HINT = format('Give the %s.', missing);
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_complete(text, text, jsonb, text[]) IS
    'raises invalid_parameter_value unless a new object has the fields that have no default';
REVOKE ALL ON FUNCTION lotty.check_complete(text, text, jsonb, text[]) FROM PUBLIC;

-- The id of what is referred to by its key.
CREATE FUNCTION lotty.referred(object text, key text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id uuid := CASE object WHEN 'flag' THEN (SELECT f.flag_id FROM lotty.flag f WHERE f.key = referred.key)
                           ELSE (SELECT e.experiment_id FROM lotty.experiment e WHERE e.key = referred.key) END;
BEGIN
    IF id IS NULL AND key IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = object,
            MESSAGE = format('%s "%s" does not exist', object, key),
            DETAIL = 'Neither the tables nor the configuration have it.',
            HINT = 'Add it to the configuration. What belongs to an import is imported first.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION lotty.referred(text, text) IS
    'the id of the flag or experiment with that key, or undefined_object';
REVOKE ALL ON FUNCTION lotty.referred(text, text) FROM PUBLIC;

CREATE FUNCTION lotty.apply_audience(given jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present lotty.audience;
    wanted jsonb;
BEGIN
    SELECT a.* INTO present FROM lotty.audience a WHERE a.name = given ->> 'name' FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM lotty.check_complete('audience', given ->> 'name', given, 'targeting');
        INSERT INTO lotty.audience (name, targeting, description)
        VALUES (given ->> 'name', given ->> 'targeting', coalesce(given ->> 'description', ''));
        RETURN 'created';
    END IF;
    PERFORM lotty.check_applicable('audience', present.name, present.source);
    wanted := lotty.audience_document(present) || given;
    IF wanted = lotty.audience_document(present) THEN
        RETURN NULL;
    END IF;
    UPDATE lotty.audience a SET targeting = wanted ->> 'targeting', description = wanted ->> 'description'
     WHERE a.name = present.name;
    RETURN 'updated';
END
$$;
COMMENT ON FUNCTION lotty.apply_audience(jsonb) IS 'writes an audience of a document; what was done, NULL for nothing';
REVOKE ALL ON FUNCTION lotty.apply_audience(jsonb) FROM PUBLIC;

CREATE FUNCTION lotty.apply_flag(given jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present lotty.flag;
    wanted jsonb;
BEGIN
    SELECT f.* INTO present FROM lotty.flag f WHERE f.key = given ->> 'key' FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM lotty.check_complete('flag', given ->> 'key', given, 'value_type', 'default_value');
        INSERT INTO lotty.flag (key, value_type, default_value, enabled, description)
        VALUES (given ->> 'key', given ->> 'value_type', given -> 'default_value',
                coalesce((given ->> 'enabled')::boolean, true), coalesce(given ->> 'description', ''));
        RETURN 'created';
    END IF;
    PERFORM lotty.check_applicable('flag', present.key, present.source);
    wanted := lotty.flag_document(present) || given;
    IF wanted = lotty.flag_document(present) THEN
        RETURN NULL;
    END IF;
    -- A new type is given to the flag when its variants have their values of that type.
    UPDATE lotty.flag f
       SET value_type = CASE WHEN wanted ->> 'value_type' = present.value_type THEN present.value_type ELSE 'json' END,
           default_value = wanted -> 'default_value', enabled = (wanted ->> 'enabled')::boolean,
           description = wanted ->> 'description'
     WHERE f.flag_id = present.flag_id;
    RETURN 'updated';
END
$$;
COMMENT ON FUNCTION lotty.apply_flag(jsonb) IS
    'writes a flag of a document; what was done, NULL for nothing. A flag whose type changes is json until the end';
REVOKE ALL ON FUNCTION lotty.apply_flag(jsonb) FROM PUBLIC;

-- Which way the life cycle leads from one status to another. Not through a review, which is for
-- people: a document can say that an experiment is in review or approved, but not skip it.
CREATE FUNCTION lotty.status_path(old_status text, new_status text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE walk (status, path) AS (
        SELECT old_status, '{}'::text[]
        UNION ALL
        SELECT s, w.path || s
          FROM walk w,
               unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running',
                            'paused', 'completed', 'archived']) AS s
         WHERE w.status <> new_status AND s <> old_status AND s <> ALL (w.path)
           AND (s = new_status OR s NOT IN ('in_review', 'approved', 'rejected'))
           AND lotty.status_change_allowed(w.status, s, lotty.review_required())
    )
    SELECT w.path FROM walk w WHERE w.status = new_status ORDER BY cardinality(w.path), w.path LIMIT 1
$$;
COMMENT ON FUNCTION lotty.status_path(text, text) IS
    'the statuses through which the life cycle leads from one to another, the last included; NULL if it does not';
REVOKE ALL ON FUNCTION lotty.status_path(text, text) FROM PUBLIC;

CREATE FUNCTION lotty.lead_to_status(of_experiment uuid, old_status text, new_status text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step text;
BEGIN
    -- Where no way leads, the refusal of the direct one says why.
    FOREACH step IN ARRAY coalesce(lotty.status_path(old_status, new_status), ARRAY[new_status]) LOOP
        UPDATE lotty.experiment e SET status = step WHERE e.experiment_id = of_experiment;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.lead_to_status(uuid, text, text) IS
    'leads an experiment to a status, step by step, as its life cycle allows';
REVOKE ALL ON FUNCTION lotty.lead_to_status(uuid, text, text) FROM PUBLIC;

CREATE FUNCTION lotty.apply_experiment(given jsonb, prune boolean)
RETURNS TABLE (action text, object text, key text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    present lotty.experiment;
    is_new boolean;
    was jsonb;
    wanted jsonb := given - 'variants';
    ids jsonb;
    ranges jsonb;
    unknown text;
    variant lotty.variant;
    variant_given jsonb;
    variant_wanted jsonb;
    controls text;
    many bigint;
    new_rank bigint;
    early text;
BEGIN
    SELECT e.* INTO present FROM lotty.experiment e WHERE e.key = given ->> 'key' FOR UPDATE;
    is_new := NOT FOUND;
    IF is_new THEN
        present := jsonb_populate_record(present, jsonb_build_object('experiment_id', gen_random_uuid()));
        was := '{"kind": "experiment", "flag": null, "rank": 0, "status": "draft", "targeting": "",
                 "traffic_allocation": 100, "bucketing": "lotty_sha256", "hash_key": null, "traffic_ranges": null,
                 "sticky": false, "exempt_from_limits": false, "description": "", "winner": null,
                 "further_flags": []}';
    ELSE
        PERFORM lotty.check_applicable('experiment', present.key, present.source);
        was := lotty.experiment_document(present);
        IF given -> 'hash_key' = 'null' THEN
            wanted := wanted || jsonb_build_object('hash_key', present.experiment_id);
        END IF;
    END IF;
    IF given ? 'further_flags' THEN
        wanted := wanted || jsonb_build_object('further_flags', coalesce(
            (SELECT jsonb_agg(jsonb_build_object('flag', x.flag, 'rank', coalesce(x.rank, 0)) ORDER BY x.flag COLLATE "C")
               FROM jsonb_to_recordset(given -> 'further_flags') AS x (flag text, rank integer)), '[]'));
    END IF;
    wanted := was || wanted;

    -- Ranges and the winner refer to variants that may be made below.
    SELECT coalesce(jsonb_object_agg(n.name, coalesce(v.variant_id, gen_random_uuid())), '{}') INTO ids
      FROM (SELECT i.value ->> 'name' FROM jsonb_array_elements(given -> 'variants') AS i
            UNION
            SELECT v.name FROM lotty.variant v WHERE v.experiment_id = present.experiment_id) AS n (name)
      LEFT JOIN lotty.variant v ON v.experiment_id = present.experiment_id AND v.name = n.name;
    SELECT n.name INTO unknown
      FROM (SELECT wanted ->> 'winner'
            UNION ALL
            SELECT r.value ->> 'variant'
              FROM jsonb_array_elements(nullif(wanted -> 'traffic_ranges', 'null')) AS r) AS n (name)
     WHERE NOT ids ? n.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = 'variant',
            MESSAGE = format('experiment "%s" has no variant "%s"', given ->> 'key', unknown),
            DETAIL = 'Neither the tables nor the configuration have it.',
            HINT = 'Add it to the variants of the experiment.';
    END IF;
    IF wanted -> 'winner' <> 'null' AND wanted ->> 'status' NOT IN ('completed', 'archived') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment', COLUMN = 'winner_id',
            MESSAGE = format('variant "%s" cannot be the winner of experiment "%s"', wanted ->> 'winner', given ->> 'key'),
            DETAIL = format('The status is to be %s.', wanted ->> 'status'),
            HINT = 'Only an experiment that is completed or archived has a winner.';
    END IF;
    SELECT CASE WHEN jsonb_typeof(wanted -> 'traffic_ranges') = 'array' THEN
               coalesce(jsonb_agg(jsonb_build_object('end_of_range', r.value -> 'end_of_range',
                                                     'variant_id', ids -> (r.value ->> 'variant'))
                                  ORDER BY r.ordinality), '[]') END INTO ranges
      FROM jsonb_array_elements(nullif(wanted -> 'traffic_ranges', 'null')) WITH ORDINALITY AS r;

    -- A status in which the rule can change comes before the changes, any other one after them.
    early := CASE
        WHEN wanted ->> 'status' IN ('draft', 'rejected', 'completed', 'archived') THEN wanted ->> 'status'
        WHEN is_new AND lotty.review_required() THEN 'draft'
        WHEN is_new THEN wanted ->> 'status'
        WHEN wanted ->> 'status' = 'in_review' AND present.status = 'approved' THEN 'draft'
        ELSE present.status
    END;
    IF is_new THEN
        INSERT INTO lotty.experiment (experiment_id, flag_id, key, kind, rank, status, targeting, traffic_allocation,
                                      bucketing, hash_key, traffic_ranges, sticky, exempt_from_limits,
                                      description, winner_id)
        VALUES (present.experiment_id, lotty.referred('flag', wanted ->> 'flag'), wanted ->> 'key',
                wanted ->> 'kind', (wanted ->> 'rank')::integer, early, wanted ->> 'targeting',
                (wanted ->> 'traffic_allocation')::numeric, wanted ->> 'bucketing', wanted ->> 'hash_key', ranges,
                (wanted ->> 'sticky')::boolean, (wanted ->> 'exempt_from_limits')::boolean,
                wanted ->> 'description', (ids ->> (wanted ->> 'winner'))::uuid);
        RETURN QUERY SELECT 'created', wanted ->> 'kind', wanted ->> 'key';
    ELSIF wanted <> was THEN
        IF early <> present.status THEN
            PERFORM lotty.lead_to_status(present.experiment_id, present.status, early);
        END IF;
        IF wanted - '{status,winner,further_flags}'::text[] <> was - '{status,winner,further_flags}'::text[] THEN
            UPDATE lotty.experiment e
               SET flag_id = lotty.referred('flag', wanted ->> 'flag'), kind = wanted ->> 'kind',
                   rank = (wanted ->> 'rank')::integer, targeting = wanted ->> 'targeting',
                   traffic_allocation = (wanted ->> 'traffic_allocation')::numeric,
                   bucketing = wanted ->> 'bucketing',
                   hash_key = nullif(wanted ->> 'hash_key', e.experiment_id::text),
                   traffic_ranges = ranges, sticky = (wanted ->> 'sticky')::boolean,
                   exempt_from_limits = (wanted ->> 'exempt_from_limits')::boolean,
                   description = wanted ->> 'description'
             WHERE e.experiment_id = present.experiment_id;
        END IF;
        RETURN QUERY SELECT 'updated', wanted ->> 'kind', wanted ->> 'key';
    END IF;

    -- variants; those that go first, and the control last, since there is at most one
    SELECT string_agg(format('"%s"', i.value ->> 'name'), ', ' ORDER BY i.ordinality), count(*) INTO controls, many
      FROM jsonb_array_elements(given -> 'variants') WITH ORDINALITY AS i WHERE (i.value ->> 'is_control')::boolean;
    IF many > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation', SCHEMA = 'lotty', TABLE = 'variant', COLUMN = 'is_control',
            MESSAGE = format('experiment "%s" cannot have %s controls', given ->> 'key', many),
            DETAIL = format('These are: %s.', controls),
            HINT = 'At most one variant is the one that the others are compared with.';
    ELSIF many = 1 THEN
        RETURN QUERY
        WITH written AS (
            UPDATE lotty.variant v SET is_control = false
             WHERE v.experiment_id = present.experiment_id AND v.is_control AND (v.is_retired OR NOT prune)
               AND NOT EXISTS (SELECT FROM jsonb_array_elements(given -> 'variants') AS i WHERE i.value ->> 'name' = v.name)
            RETURNING v.name)
        SELECT 'updated', 'variant', format('%s: %s', given ->> 'key', name) FROM written;
    END IF;
    IF prune AND given ? 'variants' THEN
        RETURN QUERY
        WITH written AS (
            UPDATE lotty.variant v SET is_retired = true, is_control = false, weight = 0
             WHERE v.experiment_id = present.experiment_id AND NOT v.is_retired
               AND NOT EXISTS (SELECT FROM jsonb_array_elements(given -> 'variants') AS i WHERE i.value ->> 'name' = v.name)
            RETURNING v.name)
        SELECT 'retired', 'variant', format('%s: %s', given ->> 'key', name) FROM written ORDER BY name COLLATE "C";
    END IF;
    FOR variant_given, new_rank IN
        -- New ones are ranked behind those that are there, in the order of the document.
        SELECT i.value, i.ordinality + coalesce((SELECT max(v.rank) FROM lotty.variant v
                                                  WHERE v.experiment_id = present.experiment_id), 0)
          FROM jsonb_array_elements(given -> 'variants') WITH ORDINALITY AS i
         ORDER BY coalesce((i.value ->> 'is_control')::boolean, false), i.ordinality
    LOOP
        IF variant_given ? 'values' THEN
            variant_given := variant_given || jsonb_build_object('values', coalesce(
                (SELECT jsonb_agg(jsonb_build_object('flag', x.value ->> 'flag', 'value', x.value -> 'value')
                                  ORDER BY x.value ->> 'flag' COLLATE "C")
                   FROM jsonb_array_elements(variant_given -> 'values') AS x), '[]'));
        END IF;
        SELECT v.* INTO variant FROM lotty.variant v
         WHERE v.experiment_id = present.experiment_id AND v.name = variant_given ->> 'name' FOR UPDATE;
        IF FOUND THEN
            -- What the document has is in use, unless it says that it is not.
            variant_wanted := lotty.variant_document(variant) || '{"is_retired": false}'
                || CASE WHEN many > 0 THEN '{"is_control": false}'::jsonb ELSE '{}' END || variant_given;
            CONTINUE WHEN variant_wanted = lotty.variant_document(variant);
            UPDATE lotty.variant v
               SET value = variant_wanted -> 'value', weight = (variant_wanted ->> 'weight')::numeric,
                   is_control = (variant_wanted ->> 'is_control')::boolean,
                   is_retired = (variant_wanted ->> 'is_retired')::boolean, rank = (variant_wanted ->> 'rank')::integer
             WHERE v.variant_id = variant.variant_id;
            RETURN QUERY SELECT 'updated', 'variant', format('%s: %s', given ->> 'key', variant.name);
        ELSE
            PERFORM lotty.check_complete('variant', format('%s: %s', given ->> 'key', variant_given ->> 'name'),
                                         variant_given, 'value');
            variant_wanted := '{"values": []}' || variant_given;
            INSERT INTO lotty.variant (variant_id, experiment_id, name, value, weight, is_control, is_retired, rank)
            VALUES ((ids ->> (variant_given ->> 'name'))::uuid, present.experiment_id, variant_given ->> 'name',
                    variant_given -> 'value', coalesce((variant_given ->> 'weight')::numeric, 1),
                    coalesce((variant_given ->> 'is_control')::boolean, false),
                    coalesce((variant_given ->> 'is_retired')::boolean, false),
                    coalesce((variant_given ->> 'rank')::integer, new_rank))
            RETURNING * INTO variant;
            RETURN QUERY SELECT 'created', 'variant', format('%s: %s', given ->> 'key', variant.name);
        END IF;
        DELETE FROM lotty.variant_value x
         WHERE x.variant_id = variant.variant_id
           AND NOT EXISTS (SELECT FROM jsonb_array_elements(variant_wanted -> 'values') AS n
                             JOIN lotty.flag f ON f.key = n.value ->> 'flag' WHERE f.flag_id = x.flag_id);
        INSERT INTO lotty.variant_value AS x (variant_id, flag_id, value)
        SELECT variant.variant_id, lotty.referred('flag', n.value ->> 'flag'), n.value -> 'value'
          FROM jsonb_array_elements(variant_wanted -> 'values') AS n
            ON CONFLICT (variant_id, flag_id) DO UPDATE SET value = excluded.value WHERE x.value <> excluded.value;
    END LOOP;

    -- further flags, and what must come after the variants
    IF wanted -> 'further_flags' <> was -> 'further_flags' THEN
        DELETE FROM lotty.experiment_flag x
         WHERE x.experiment_id = present.experiment_id
           AND NOT EXISTS (SELECT FROM jsonb_array_elements(wanted -> 'further_flags') AS n
                             JOIN lotty.flag f ON f.key = n.value ->> 'flag' WHERE f.flag_id = x.flag_id);
        INSERT INTO lotty.experiment_flag AS x (flag_id, experiment_id, rank)
        SELECT lotty.referred('flag', n.flag), present.experiment_id, n.rank
          FROM jsonb_to_recordset(wanted -> 'further_flags') AS n (flag text, rank integer)
            ON CONFLICT (flag_id, experiment_id) DO UPDATE SET rank = excluded.rank WHERE x.rank <> excluded.rank;
    END IF;
    IF wanted ->> 'status' <> early THEN
        PERFORM lotty.lead_to_status(present.experiment_id, early, wanted ->> 'status');
    ELSIF is_new AND early = 'running' THEN
        PERFORM lotty.check_can_start(wanted ->> 'key', present.experiment_id);
    END IF;
    IF NOT is_new AND wanted -> 'winner' <> was -> 'winner' THEN
        UPDATE lotty.experiment e SET winner_id = (ids ->> (wanted ->> 'winner'))::uuid
         WHERE e.experiment_id = present.experiment_id;
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.apply_experiment(jsonb, boolean) IS
    'writes an experiment or a rollout rule of a document, with its variants; what was done';
REVOKE ALL ON FUNCTION lotty.apply_experiment(jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION lotty.apply_domain(given jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present lotty.conflict_domain;
    is_new boolean;
    was jsonb;
    wanted jsonb := given;
    ranges jsonb;
BEGIN
    SELECT d.* INTO present FROM lotty.conflict_domain d WHERE d.key = given ->> 'key' FOR UPDATE;
    is_new := NOT FOUND;
    IF is_new THEN
        present := jsonb_populate_record(present, jsonb_build_object('domain_id', gen_random_uuid()));
        was := '{"policy": "mutual_exclusion", "hash_key": null, "traffic_ranges": null, "description": "",
                 "members": []}';
    ELSE
        PERFORM lotty.check_applicable('conflict_domain', present.key, present.source);
        was := lotty.domain_document(present);
        IF given -> 'hash_key' = 'null' AND coalesce(given ->> 'policy', present.policy) = 'optimizely_group' THEN
            wanted := wanted || jsonb_build_object('hash_key', present.domain_id);
        END IF;
    END IF;
    IF given ? 'members' THEN
        wanted := wanted || jsonb_build_object('members', coalesce(
            (SELECT jsonb_agg(jsonb_build_object('experiment', x.experiment, 'priority', coalesce(x.priority, 0),
                                                 'weight', coalesce(x.weight, 1))
                              ORDER BY x.experiment COLLATE "C")
               FROM jsonb_to_recordset(given -> 'members') AS x (experiment text, priority integer, weight numeric)),
            '[]'));
    END IF;
    wanted := was || wanted;
    IF NOT is_new AND wanted = was THEN
        RETURN NULL;
    END IF;
    SELECT CASE WHEN jsonb_typeof(wanted -> 'traffic_ranges') = 'array' THEN
               coalesce(jsonb_agg(jsonb_build_object('end_of_range', r.value -> 'end_of_range', 'experiment_id',
                                                     lotty.referred('experiment', r.value ->> 'experiment'))
                                  ORDER BY r.ordinality), '[]') END INTO ranges
      FROM jsonb_array_elements(nullif(wanted -> 'traffic_ranges', 'null')) WITH ORDINALITY AS r;
    -- Members that go, before the policy that they might not fit.
    DELETE FROM lotty.experiment_conflict_domain m
     WHERE m.domain_id = present.domain_id
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(wanted -> 'members') AS n
                         JOIN lotty.experiment e ON e.key = n.value ->> 'experiment'
                        WHERE e.experiment_id = m.experiment_id);
    IF is_new THEN
        INSERT INTO lotty.conflict_domain (domain_id, key, policy, hash_key, traffic_ranges, description)
        VALUES (present.domain_id, wanted ->> 'key', wanted ->> 'policy', wanted ->> 'hash_key', ranges,
                wanted ->> 'description');
    ELSE
        UPDATE lotty.conflict_domain d
           SET policy = wanted ->> 'policy', hash_key = nullif(wanted ->> 'hash_key', d.domain_id::text),
               traffic_ranges = ranges, description = wanted ->> 'description'
         WHERE d.domain_id = present.domain_id;
    END IF;
    INSERT INTO lotty.experiment_conflict_domain AS m (domain_id, experiment_id, priority, weight)
    SELECT present.domain_id, lotty.referred('experiment', n.experiment), n.priority, n.weight
      FROM jsonb_to_recordset(wanted -> 'members') AS n (experiment text, priority integer, weight numeric)
        ON CONFLICT (domain_id, experiment_id) DO UPDATE SET priority = excluded.priority, weight = excluded.weight
     WHERE (m.priority, m.weight) <> (excluded.priority, excluded.weight);
    RETURN CASE WHEN is_new THEN 'created' ELSE 'updated' END;
END
$$;
COMMENT ON FUNCTION lotty.apply_domain(jsonb) IS
    'writes a conflict domain of a document, with its members; what was done, NULL for nothing';
REVOKE ALL ON FUNCTION lotty.apply_domain(jsonb) FROM PUBLIC;

-- What is ours and the document no longer has, in those lists that it has. Nothing is deleted
-- to which decisions refer.
CREATE FUNCTION lotty.prune_configuration(config jsonb)
RETURNS TABLE (action text, object text, key text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    gone record;
BEGIN
    IF config ? 'experiments' THEN
        FOR gone IN
            SELECT e.experiment_id, e.status, e.kind, e.key FROM lotty.experiment e
             WHERE e.source IS NULL AND e.status <> 'archived'
               AND NOT EXISTS (SELECT FROM jsonb_array_elements(config -> 'experiments') AS i
                                WHERE i.value ->> 'key' = e.key)
             ORDER BY e.kind, e.key COLLATE "C" FOR UPDATE
        LOOP
            PERFORM lotty.lead_to_status(gone.experiment_id, gone.status, 'archived');
            RETURN QUERY SELECT 'archived', gone.kind, gone.key;
        END LOOP;
    END IF;
    IF config ? 'flags' THEN
        RETURN QUERY
        WITH written AS (
            UPDATE lotty.flag f SET enabled = false
             WHERE f.source IS NULL AND f.enabled
               AND NOT EXISTS (SELECT FROM jsonb_array_elements(config -> 'flags') AS i WHERE i.value ->> 'key' = f.key)
            RETURNING f.key)
        SELECT 'disabled', 'flag', key FROM written ORDER BY key COLLATE "C";
    END IF;
    IF config ? 'conflict_domains' THEN
        RETURN QUERY
        WITH written AS (
            DELETE FROM lotty.conflict_domain d
             WHERE d.source IS NULL
               AND NOT EXISTS (SELECT FROM jsonb_array_elements(config -> 'conflict_domains') AS i
                                WHERE i.value ->> 'key' = d.key)
            RETURNING d.key)
        SELECT 'deleted', 'conflict_domain', key FROM written ORDER BY key COLLATE "C";
    END IF;
    IF config ? 'audiences' THEN
        -- One that is named only by one that goes, goes with the next round.
        LOOP
            RETURN QUERY
            WITH stale AS MATERIALIZED (
                SELECT a.name FROM lotty.audience a
                 WHERE a.source IS NULL
                   AND NOT EXISTS (SELECT FROM jsonb_array_elements(config -> 'audiences') AS i
                                    WHERE i.value ->> 'name' = a.name)
            ), written AS (
                DELETE FROM lotty.audience a USING stale s
                 WHERE a.name = s.name AND lotty.audience_used_by(s.name) IS NULL
                RETURNING a.name)
            SELECT 'deleted', 'audience', name FROM written ORDER BY name COLLATE "C";
            EXIT WHEN NOT FOUND;
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.prune_configuration(jsonb) IS
    'archives experiments, disables flags, and deletes conflict domains and unused audiences that a document does not have; what was done';
REVOKE ALL ON FUNCTION lotty.prune_configuration(jsonb) FROM PUBLIC;

CREATE FUNCTION lotty.apply_document(config jsonb, prune boolean)
RETURNS TABLE (action text, object text, key text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    step record;
    done text;
    state text;
    fault text;
    fault_detail text;
    fault_hint text;
BEGIN
    FOR step IN
        WITH RECURSIVE item AS (
            SELECT s.nth, s.kind, i.value AS given, i.ordinality AS place,
                   format('$.%s[%s]', s.list, i.ordinality - 1) AS path
              FROM (VALUES (1, 'audience', 'audiences'), (2, 'flag', 'flags'), (3, 'experiment', 'experiments'),
                           (4, 'type', 'flags'), (5, 'conflict_domain', 'conflict_domains')) AS s (nth, kind, list),
                   jsonb_array_elements(config -> s.list) WITH ORDINALITY AS i
        ), named AS MATERIALIZED (
            SELECT i.given ->> 'name' AS by_name, r.name
              FROM item i, unnest(lotty.targeting_audiences(i.given ->> 'targeting')) AS r (name)
             WHERE i.kind = 'audience'
        ), depth (name, level) AS (
            -- An audience comes after those that it names; in a circle, which will be refused, anyhow.
            SELECT i.given ->> 'name', 0 FROM item i WHERE i.kind = 'audience'
            UNION
            SELECT n.by_name, d.level + 1 FROM depth d JOIN named n ON n.name = d.name
             WHERE d.level < (SELECT count(*) FROM item i WHERE i.kind = 'audience')
        )
        SELECT i.nth, i.kind, i.given, i.path
          FROM item i
          LEFT JOIN (SELECT d.name, max(d.level) AS level FROM depth d GROUP BY 1) AS d
            ON i.kind = 'audience' AND d.name = i.given ->> 'name'
         ORDER BY i.nth, d.level, i.place
    LOOP
        BEGIN
            done := NULL;
            CASE step.kind
                WHEN 'audience' THEN done := lotty.apply_audience(step.given);
                WHEN 'flag' THEN done := lotty.apply_flag(step.given);
                WHEN 'experiment' THEN RETURN QUERY SELECT * FROM lotty.apply_experiment(step.given, prune);
                WHEN 'type' THEN
                    UPDATE lotty.flag f SET value_type = step.given ->> 'value_type'
                     WHERE f.key = step.given ->> 'key' AND f.value_type <> step.given ->> 'value_type';
                WHEN 'conflict_domain' THEN done := lotty.apply_domain(step.given);
            END CASE;
        EXCEPTION WHEN OTHERS THEN
            -- The same error, with its place in the document.
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, fault = MESSAGE_TEXT,
                fault_detail = PG_EXCEPTION_DETAIL, fault_hint = PG_EXCEPTION_HINT;
            RAISE EXCEPTION USING
                ERRCODE = state, MESSAGE = fault,
                DETAIL = concat_ws(E'\n', nullif(fault_detail, ''), format('At %s of the configuration.', step.path)),
                HINT = coalesce(nullif(fault_hint, ''), 'Nothing of the configuration was applied.');
        END;
        IF done IS NOT NULL THEN
            RETURN QUERY SELECT done, step.kind, coalesce(step.given ->> 'key', step.given ->> 'name');
        END IF;
    END LOOP;
    IF prune THEN
        RETURN QUERY SELECT * FROM lotty.prune_configuration(config);
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.apply_document(jsonb, boolean) IS
    'brings the tables to what a checked document says; what was done';
REVOKE ALL ON FUNCTION lotty.apply_document(jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_apply(
    config jsonb, dry_run boolean DEFAULT false, prune boolean DEFAULT false)
RETURNS TABLE (action text, object text, key text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    missing CONSTANT text := CASE WHEN config IS NULL THEN 'config' WHEN dry_run IS NULL THEN 'dry_run'
                                  WHEN prune IS NULL THEN 'prune' END;
    would_do jsonb;
BEGIN
    IF missing IS NOT NULL THEN
        PERFORM lotty.refuse_null('lotty_apply', missing);
    END IF;
    PERFORM lotty.check_document(config, 'configuration', '$');
    -- Whoever applies a configuration waits for the one before.
    PERFORM pg_advisory_xact_lock('lotty.flag'::regclass::oid::integer, hashtext('lotty_apply'));
    IF NOT dry_run THEN
        RETURN QUERY SELECT * FROM lotty.apply_document(config, prune);
        RETURN;
    END IF;
    -- Done, and taken back: so it says what would be done, and is refused where that would be.
    BEGIN
        SELECT jsonb_agg(to_jsonb(d) ORDER BY d.ordinality) INTO would_do
          FROM lotty.apply_document(config, prune) WITH ORDINALITY AS d;
        RAISE EXCEPTION USING ERRCODE = 'LT001', MESSAGE = 'taken back';
    EXCEPTION WHEN SQLSTATE 'LT001' THEN
        NULL;
    END;
    RETURN QUERY SELECT d.action, d.object, d.key
                   FROM jsonb_to_recordset(would_do) AS d (action text, object text, key text, ordinality bigint)
                  ORDER BY d.ordinality;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_apply(jsonb, boolean, boolean) IS
    'brings the configuration to what a document of lotty_export says, all or nothing, and says what it changed: nothing the second time. What the document does not have stays as it is, unless prune: then experiments are archived, variants retired, flags disabled, and conflict domains and unused audiences deleted. dry_run: says what it would do';
REVOKE ALL ON FUNCTION @extschema@.lotty_apply(jsonb, boolean, boolean) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
