-- The life cycle of experiments and rollout rules as functions. They do what an UPDATE of the
-- status does, with the rights of the caller, but name the experiment by its key, refuse a
-- status that is there already, and complete an experiment together with what follows from it.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.change_status(
    function text, experiment text, done text, from_statuses text[], new_status text,
    winner text DEFAULT NULL, seen integer DEFAULT NULL)
RETURNS lotty.experiment
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target lotty.experiment;
    won lotty.variant;
BEGIN
    IF experiment IS NULL THEN
        PERFORM lotty.refuse_null(function, 'experiment');
    END IF;
    -- Of two who change the status at once, the second sees what the first has made of it.
    SELECT e.* INTO target FROM lotty.experiment e WHERE e.key = experiment FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = 'experiment',
            MESSAGE = format('experiment "%s" does not exist', experiment),
            DETAIL = format('%s takes the key of an experiment or a rollout rule.', function),
            HINT = 'The column key of lotty.experiment has the keys.';
    ELSIF target.status <> ALL (from_statuses) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment',
            COLUMN = 'status',
            MESSAGE = format('experiment "%s" cannot be %s', experiment, done),
            DETAIL = format('It is %s.', target.status),
            HINT = lotty.status_change_hint(target.status);
    ELSIF seen <> target.version THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment',
            COLUMN = 'version',
            MESSAGE = format('version %s of experiment "%s" cannot be %s', seen, experiment, done),
            DETAIL = format('It has become version %s.', target.version),
            HINT = 'Look at it again.';
    ELSIF target.source IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('experiment "%s" belongs to %s', experiment, target.source),
            DETAIL = 'The next import gives it the status that it has there.',
            HINT = 'Change it there too, or detach it: its source becomes NULL.';
    END IF;
    IF winner IS NOT NULL THEN
        SELECT v.* INTO won
          FROM lotty.variant v WHERE v.experiment_id = target.experiment_id AND v.name = winner;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = 'variant',
                MESSAGE = format('experiment "%s" has no variant "%s"', experiment, winner),
                DETAIL = (SELECT coalesce('Its variants are ' || string_agg(format('"%s"', v.name), ', '
                                                                            ORDER BY v.rank, v.name) || '.',
                                          'It has no variants.')
                            FROM lotty.variant v
                           WHERE v.experiment_id = target.experiment_id AND NOT v.is_retired),
                HINT = 'Name one of them.';
        -- Only here: a winner may be retired later, and restored so.
        ELSIF won.is_retired THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'variant',
                COLUMN = 'is_retired',
                MESSAGE = format('variant "%s" cannot be the winner of experiment "%s"', winner, experiment),
                DETAIL = 'The variant is retired: it is given to nobody any more.',
                HINT = 'Name one that is not retired.';
        END IF;
    END IF;
    UPDATE lotty.experiment e SET status = new_status, winner_id = coalesce(won.variant_id, e.winner_id)
     WHERE e.experiment_id = target.experiment_id RETURNING e.* INTO target;
    RETURN target;
END
$$;
COMMENT ON FUNCTION lotty.change_status(text, text, text, text[], text, text, integer) IS
    'leads an experiment, by its key, from one of some statuses to another, or says why not';
REVOKE ALL ON FUNCTION lotty.change_status(text, text, text, text[], text, text, integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_submit(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_submit', experiment, 'submitted for review', '{draft}', 'in_review')
$$;
COMMENT ON FUNCTION @extschema@.lotty_submit(text) IS
    'submits a draft experiment or rollout rule for review; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_submit(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_approve(experiment text, version integer DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_approve', experiment, 'approved', '{in_review}', 'approved', NULL, lotty_approve.version)
$$;
COMMENT ON FUNCTION @extschema@.lotty_approve(text, integer) IS
    'approves an experiment or rollout rule that is in review, so that it can start; version: the one that was looked at, if no other one may be approved. The new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_approve(text, integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_reject(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_reject', experiment, 'rejected', '{in_review}', 'rejected')
$$;
COMMENT ON FUNCTION @extschema@.lotty_reject(text) IS
    'rejects an experiment or rollout rule that is in review; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_reject(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_draft(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_draft', experiment, 'made a draft', '{in_review,approved,rejected}', 'draft')
$$;
COMMENT ON FUNCTION @extschema@.lotty_draft(text) IS
    'takes an experiment or rollout rule back from review, or its approval; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_draft(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_start(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_start', experiment, 'started', '{draft,approved}', 'running')
$$;
COMMENT ON FUNCTION @extschema@.lotty_start(text) IS
    'starts a draft (unless lotty.require_review is on) or approved experiment or rollout rule; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_start(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_pause(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_pause', experiment, 'paused', '{running}', 'paused')
$$;
COMMENT ON FUNCTION @extschema@.lotty_pause(text) IS
    'pauses a running experiment or rollout rule: it assigns nobody, but its subjects count as being in it; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_pause(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_resume(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_resume', experiment, 'resumed', '{paused}', 'running')
$$;
COMMENT ON FUNCTION @extschema@.lotty_resume(text) IS
    'lets a paused experiment or rollout rule go on; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_resume(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_complete(
    experiment text, winner text DEFAULT NULL, make_default boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    completed lotty.experiment;
    of_import text;
BEGIN
    IF coalesce(make_default, false) AND winner IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'winner must not be NULL',
            DETAIL = format('Experiment "%s" has no winner whose value could become the default.', experiment),
            HINT = 'Name the variant that won, or leave make_default out.';
    END IF;
    completed := lotty.change_status(
        'lotty_complete', experiment, 'completed', '{running,paused}', 'completed', winner);
    IF NOT coalesce(make_default, false) THEN
        RETURN completed.status;
    END IF;

    -- Also of the further flags, each of which has a value of its own for the variant.
    SELECT min(f.key) INTO of_import
      FROM lotty.flag f
     WHERE f.source IS NOT NULL
       AND (f.flag_id = completed.flag_id
            OR f.flag_id IN (SELECT x.flag_id FROM lotty.experiment_flag x
                              WHERE x.experiment_id = completed.experiment_id));
    IF of_import IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'flag',
            COLUMN = 'default_value',
            MESSAGE = format('default value of flag "%s" cannot become that of variant "%s"', of_import, winner),
            DETAIL = 'The flag belongs to an import, which would set it back.',
            HINT = 'Change it where it comes from, or detach it: its source becomes NULL.';
    END IF;
    UPDATE lotty.flag f
       SET default_value = coalesce(x.value, v.value)
      FROM lotty.variant v
      JOIN (SELECT completed.flag_id
            UNION
            SELECT l.flag_id FROM lotty.experiment_flag l
             WHERE l.experiment_id = completed.experiment_id) AS of (flag_id) ON true
      LEFT JOIN lotty.variant_value x ON (x.variant_id, x.flag_id) = (v.variant_id, of.flag_id)
     WHERE v.variant_id = completed.winner_id AND f.flag_id = of.flag_id
       -- Without a value of its own, a flag of another type answers its default value already.
       AND (x.value IS NOT NULL OR f.value_type IN ('json', jsonb_typeof(v.value)));
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment',
            COLUMN = 'flag_id',
            MESSAGE = format('experiment "%s" has no flag whose default value could change', experiment),
            DETAIL = 'It can only be asked for by itself.',
            HINT = 'Leave make_default out.';
    END IF;
    RETURN completed.status;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_complete(text, text, boolean) IS
    'completes a running or paused experiment or rollout rule; winner: name of the variant that won; make_default: its value becomes the default value of the flag, and of further flags. The new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_complete(text, text, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.lotty_archive(experiment text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT status FROM lotty.change_status(
        'lotty_archive', experiment, 'archived', '{draft,completed}', 'archived')
$$;
COMMENT ON FUNCTION @extschema@.lotty_archive(text) IS
    'archives a draft or completed experiment or rollout rule; the new status';
REVOKE ALL ON FUNCTION @extschema@.lotty_archive(text) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
