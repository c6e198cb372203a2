-- Review: what lotty.require_review asks for.
--
-- What is reviewed is the experiment's rule: whom it is for, in which shares, with which values.
-- Whoever submits it is its author, and somebody else approves it. From the submission on the
-- rule stays as it is, until the experiment is a draft again or has ended.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.owns_tables() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(current_user, c.relowner, 'USAGE')
      FROM pg_class c WHERE c.oid = 'lotty.experiment'::regclass
$$;
COMMENT ON FUNCTION lotty.owns_tables() IS
    'whether the current role has the rights of the owner of the tables, as superusers have: whoever restores a dump';

CREATE FUNCTION lotty.may_import() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT has_function_privilege(current_user, '@extschema@.lotty_import_optimizely(jsonb, boolean)', 'EXECUTE')
$$;
COMMENT ON FUNCTION lotty.may_import() IS 'whether the current role may import';

CREATE FUNCTION lotty.is_bound_by_review(source text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lotty.review_required() AND (source IS NULL OR NOT lotty.may_import())
$$;
COMMENT ON FUNCTION lotty.is_bound_by_review(text) IS
    'whether lotty.require_review binds the current role in what it does with an experiment of that source: an import is not bound, nor is by hand what an import could do';

CREATE FUNCTION lotty.check_unreviewed(experiment_key text, status text, source text, what text)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF status IN ('in_review', 'approved', 'running', 'paused') AND lotty.is_bound_by_review(source) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment',
            MESSAGE = format('%s cannot change while experiment "%s" is %s', what, experiment_key, status),
            DETAIL = 'lotty.require_review is on, and this is what is reviewed.',
            HINT = CASE WHEN status IN ('in_review', 'approved')
                        THEN format('lotty_draft(%L) takes the experiment back; then it is submitted anew.', experiment_key)
                        ELSE 'Complete it and submit another one; with the same hash_key its subjects keep their buckets.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_unreviewed(text, text, text, text) IS
    'raises object_not_in_prerequisite_state if what is to change has been submitted for review, and lotty.require_review is on';

-- The same for a row that belongs to an experiment. An INSERT by the owner is taken as it is:
-- a restore inserts the rows of experiments that run.
CREATE FUNCTION lotty.check_unreviewed(of_experiment uuid, operation text, what text)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    experiment record;
BEGIN
    IF NOT lotty.review_required() OR operation = 'INSERT' AND lotty.owns_tables() THEN
        RETURN;
    END IF;
    -- A shared lock: it must not be submitted before this is committed. Not found while the
    -- experiment itself is being deleted.
    SELECT e.key, e.status, e.source INTO experiment
      FROM lotty.experiment e WHERE e.experiment_id = of_experiment FOR SHARE;
    PERFORM lotty.check_unreviewed(experiment.key, experiment.status, experiment.source, what);
END
$$;
COMMENT ON FUNCTION lotty.check_unreviewed(uuid, text, text) IS
    'raises object_not_in_prerequisite_state if the experiment has been submitted for review, and lotty.require_review is on';

CREATE FUNCTION lotty.check_reviewed_part() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    what CONSTANT text := CASE TG_TABLE_NAME WHEN 'variant' THEN 'a variant' WHEN 'variant_value' THEN 'the value of a variant'
                                             ELSE 'the further flags' END;
    part jsonb;
BEGIN
    FOREACH part IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[to_jsonb(NEW)] WHEN 'DELETE' THEN ARRAY[to_jsonb(OLD)]
                                     ELSE ARRAY[to_jsonb(OLD), to_jsonb(NEW)] END LOOP
        PERFORM lotty.check_unreviewed(
            coalesce((part ->> 'experiment_id')::uuid,
                     (SELECT v.experiment_id FROM lotty.variant v WHERE v.variant_id = (part ->> 'variant_id')::uuid)),
            TG_OP, what);
    END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION lotty.check_reviewed_part() IS
    'trigger: refuses to change what belongs to an experiment that has been submitted for review, while lotty.require_review is on';

SET LOCAL search_path TO @extschema@, pg_temp;
