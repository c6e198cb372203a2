-- What the configuration tables refuse, and what they keep by themselves.
--
-- Restoring a dump goes through these triggers too, in any order of tables that the foreign
-- keys allow. So an INSERT takes the timestamps and the version that it is given, accepts
-- any status, and never needs a row that may come later; the life cycle governs updates.
-- All functions pin search_path: they run with whatever the writing session has set.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- shared ----------------------------------------------------------------------------------

CREATE FUNCTION lotty.check_weight(of_table text, owner text, weight numeric)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- NULL is left to the column's own constraint.
    IF coalesce(weight >= 0 AND weight < 1000000000000 AND scale(weight) <= 8, true) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = of_table, COLUMN = 'weight',
        CONSTRAINT = of_table || '_weight_check',
        MESSAGE = format('weight of %s is out of bounds', owner),
        DETAIL = format('%s is not a number from 0 to below 1000000000000 with at most 8 decimals.', weight),
        HINT = 'Weights are relative: 1 and 2 give one third and two thirds.';
END
$$;
COMMENT ON FUNCTION lotty.check_weight(text, text, numeric) IS
    'raises check_violation unless the weight is within its bounds';

CREATE FUNCTION lotty.check_traffic_ranges(of_table text, owner text, entity text, ranges jsonb)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong jsonb;
    place bigint;
    fault text;
BEGIN
    IF ranges IS NULL THEN
        RETURN;
    ELSIF jsonb_typeof(ranges) <> 'array' THEN
        fault := format('It is of type %s, not an array.', jsonb_typeof(ranges));
    ELSIF jsonb_array_length(ranges) > 10000 THEN
        fault := format('It has %s ranges, more than the 10000 buckets.', jsonb_array_length(ranges));
    ELSE
        SELECT r.value, r.ordinality INTO wrong, place
          FROM jsonb_array_elements(ranges) WITH ORDINALITY AS r
         WHERE (jsonb_typeof(r.value) = 'object'
                AND r.value ?& ARRAY['end_of_range', entity]
                AND r.value - 'end_of_range' - entity = '{}'
                AND jsonb_typeof(r.value -> 'end_of_range') = 'number'
                AND r.value ->> 'end_of_range' ~ '^([0-9]{1,4}|10000)$'
                AND (r.value -> entity = 'null'
                     OR r.value ->> entity ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')) IS NOT TRUE
         ORDER BY r.ordinality LIMIT 1;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        fault := format('Range %s is %s.', place, left(wrong::text, 200));
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = of_table, COLUMN = 'traffic_ranges',
        MESSAGE = format('traffic_ranges of %s are not ranges', owner),
        DETAIL = fault,
        HINT = format('Give an array of {"end_of_range": a whole number from 0 to 10000, "%s": an id or null}.', entity);
END
$$;
COMMENT ON FUNCTION lotty.check_traffic_ranges(text, text, text, jsonb) IS
    'raises check_violation unless the ranges are an array of ends and entities';

CREATE FUNCTION lotty.refuse_new_source() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = TG_TABLE_NAME, COLUMN = 'source',
        MESSAGE = format('source of %s "%s" cannot be changed to "%s"', replace(TG_TABLE_NAME, '_', ' '),
                         coalesce(to_jsonb(OLD) ->> 'key', to_jsonb(OLD) ->> 'name'), NEW.source),
        DETAIL = 'The source is the import that made the row and keeps it up to date.',
        HINT = 'NULL detaches the row from its import.';
END
$$;
COMMENT ON FUNCTION lotty.refuse_new_source() IS
    'trigger: refuses to hand an existing row to an import';

CREATE FUNCTION lotty.keep_timestamps() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.created_at := OLD.created_at;
    NEW.updated_at := OLD.updated_at;
    IF NEW IS DISTINCT FROM OLD THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.keep_timestamps() IS
    'trigger: keeps created_at and updated_at, whatever the caller writes';

-- flag ------------------------------------------------------------------------------------

CREATE FUNCTION lotty.flag_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.value_type NOT IN ('boolean', 'string', 'number', 'json') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'flag', COLUMN = 'value_type',
            CONSTRAINT = 'flag_value_type_check',
            MESSAGE = format('flag "%s" cannot have the value_type "%s"', NEW.key, NEW.value_type),
            DETAIL = 'There is no such type of values.',
            HINT = 'Use boolean, string, number or json.';
    ELSIF NEW.value_type <> 'json' AND jsonb_typeof(NEW.default_value) <> NEW.value_type THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'flag',
            COLUMN = 'default_value', CONSTRAINT = 'flag_default_value_check',
            MESSAGE = format('default value of flag "%s" is not of its type', NEW.key),
            DETAIL = format('The flag''s value_type is %s, the default value %s is of type %s.',
                            NEW.value_type, left(NEW.default_value::text, 200),
                            jsonb_typeof(NEW.default_value)),
            HINT = 'Give a value of the flag''s type, or make the flag''s value_type "json".';
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    IF NEW.flag_id <> OLD.flag_id THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = 'flag', COLUMN = 'flag_id',
            MESSAGE = format('flag_id of flag "%s" cannot be changed', OLD.key),
            DETAIL = 'Decisions and reports refer to it.',
            HINT = 'Insert another flag.';
    END IF;
    IF NEW.value_type NOT IN (OLD.value_type, 'json') THEN
        PERFORM lotty.check_variants_fit(OLD.key, OLD.flag_id, NEW.value_type);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.flag_before_write() IS 'trigger: checks a flag';

CREATE TRIGGER flag_before_write BEFORE INSERT OR UPDATE ON lotty.flag
    FOR EACH ROW EXECUTE FUNCTION lotty.flag_before_write();
CREATE TRIGGER keep_timestamps BEFORE UPDATE ON lotty.flag
    FOR EACH ROW EXECUTE FUNCTION lotty.keep_timestamps();
CREATE TRIGGER refuse_new_source BEFORE UPDATE ON lotty.flag
    FOR EACH ROW WHEN (NEW.source <> OLD.source OR (NEW.source IS NOT NULL AND OLD.source IS NULL))
    EXECUTE FUNCTION lotty.refuse_new_source();

-- experiment --------------------------------------------------------------------------------

CREATE FUNCTION lotty.status_change_allowed(old_status text, new_status text, review_required boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT old_status || ' ' || new_status IN (
               'draft in_review', 'in_review approved', 'in_review rejected', 'in_review draft',
               'rejected draft', 'approved draft', 'approved running', 'draft archived',
               'running paused', 'paused running', 'running completed', 'paused completed',
               'completed archived')
        OR (old_status || ' ' || new_status = 'draft running' AND NOT review_required)
$$;
COMMENT ON FUNCTION lotty.status_change_allowed(text, text, boolean) IS
    'whether the life cycle of experiments leads from one status to another';

CREATE FUNCTION lotty.check_traffic_allocation(experiment_key text, traffic_allocation numeric)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- NULL is left to the column's own constraint.
    IF coalesce(traffic_allocation BETWEEN 0 AND 100 AND scale(traffic_allocation) <= 10, true) THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment',
        COLUMN = 'traffic_allocation', CONSTRAINT = 'experiment_traffic_allocation_check',
        MESSAGE = format('traffic allocation of experiment "%s" is not a percentage', experiment_key),
        DETAIL = format('%s is not a number from 0 to 100 with at most 10 decimals.', traffic_allocation),
        HINT = 'Half of the subjects are 50, not 0.5.';
END
$$;
COMMENT ON FUNCTION lotty.check_traffic_allocation(text, numeric) IS
    'raises check_violation unless the percentage is between 0 and 100';

CREATE FUNCTION lotty.check_bucketing(experiment_key text, bucketing text, traffic_ranges jsonb)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_traffic_ranges('experiment', format('experiment "%s"', experiment_key),
                                       'variant_id', traffic_ranges);
    IF coalesce(bucketing NOT IN ('lotty_sha256', 'optimizely_murmur3'), true)
       OR (bucketing = 'optimizely_murmur3') = (traffic_ranges IS NOT NULL) THEN
        -- What is no bucketing at all is left to the column's own constraint.
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment',
        COLUMN = 'traffic_ranges', CONSTRAINT = 'experiment_traffic_ranges_check',
        MESSAGE = format('bucketing and traffic_ranges of experiment "%s" do not fit', experiment_key),
        DETAIL = format('The bucketing is %s, and traffic_ranges are %s.', bucketing,
                        CASE WHEN traffic_ranges IS NULL THEN 'NULL' ELSE 'given' END),
        HINT = 'optimizely_murmur3 goes by traffic_ranges, lotty_sha256 by traffic_allocation and weights.';
END
$$;
COMMENT ON FUNCTION lotty.check_bucketing(text, text, jsonb) IS
    'raises check_violation unless the traffic ranges are well formed and given for the bucketing that needs them';

-- review: what lotty.require_review asks for ------------------------------------------------
-- What is reviewed is the experiment's rule: whom it is for, in which shares, with which values.
-- Whoever submits it is its author, and somebody else approves it. From the submission on the
-- rule stays as it is, until the experiment is a draft again or has ended.

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

CREATE FUNCTION lotty.experiment_before_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_targeting(format('experiment "%s"', NEW.key), NEW.targeting);
    PERFORM lotty.check_traffic_allocation(NEW.key, NEW.traffic_allocation);
    PERFORM lotty.check_bucketing(NEW.key, NEW.bucketing, NEW.traffic_ranges);
    IF NOT lotty.owns_tables() THEN
        IF NEW.status IN ('approved', 'running', 'paused') AND lotty.is_bound_by_review(NEW.source) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment', COLUMN = 'status',
                MESSAGE = format('experiment "%s" cannot be inserted as %s', NEW.key, NEW.status),
                DETAIL = 'lotty.require_review is on: it has to be approved first.',
                HINT = 'Insert a draft, and submit it: lotty_submit(key).';
        END IF;
        NEW.submitted_by := NULL;
        NEW.approved_by := NULL;
    END IF;
    -- A restored row brings these along; a row inserted in the middle of its life gets them.
    IF NEW.status IN ('running', 'paused', 'completed') AND NEW.started_at IS NULL THEN
        NEW.started_at := now();
    END IF;
    CASE NEW.status
        WHEN 'in_review' THEN
            NEW.submitted_at := coalesce(NEW.submitted_at, now());
            NEW.submitted_by := coalesce(NEW.submitted_by, session_user);
        WHEN 'approved' THEN
            NEW.approved_at := coalesce(NEW.approved_at, now());
            NEW.approved_by := coalesce(NEW.approved_by, session_user);
        WHEN 'rejected' THEN NEW.rejected_at := coalesce(NEW.rejected_at, now());
        WHEN 'paused' THEN NEW.paused_at := coalesce(NEW.paused_at, now());
        WHEN 'completed' THEN NEW.completed_at := coalesce(NEW.completed_at, now());
        WHEN 'archived' THEN NEW.archived_at := coalesce(NEW.archived_at, now());
        ELSE NULL;
    END CASE;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.experiment_before_insert() IS
    'trigger: checks a new experiment and completes the timestamps of its status';

CREATE TRIGGER experiment_before_insert BEFORE INSERT ON lotty.experiment
    FOR EACH ROW EXECUTE FUNCTION lotty.experiment_before_insert();

CREATE FUNCTION lotty.experiment_before_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fixed text;
BEGIN
    IF NEW.targeting IS DISTINCT FROM OLD.targeting THEN
        PERFORM lotty.check_targeting(format('experiment "%s"', NEW.key), NEW.targeting);
    END IF;
    PERFORM lotty.check_traffic_allocation(NEW.key, NEW.traffic_allocation);
    PERFORM lotty.check_bucketing(NEW.key, NEW.bucketing, NEW.traffic_ranges);
    fixed := CASE
        WHEN NEW.experiment_id <> OLD.experiment_id THEN 'experiment_id'
        WHEN NEW.kind <> OLD.kind THEN 'kind'
        -- An import moves its experiments between its own flags.
        WHEN NEW.flag_id IS DISTINCT FROM OLD.flag_id AND NOT (
                 OLD.source IS NOT NULL
                 AND (NEW.flag_id IS NULL
                      OR EXISTS (SELECT FROM lotty.flag f
                                  WHERE f.flag_id = NEW.flag_id AND f.source = OLD.source)))
            THEN 'flag_id'
    END;
    IF NEW.exempt_from_limits AND NOT OLD.exempt_from_limits THEN
        PERFORM lotty.check_can_be_exempt(NEW.key, NEW.experiment_id);
    END IF;
    IF NEW.winner_id IS DISTINCT FROM OLD.winner_id THEN
        PERFORM lotty.check_winner(NEW.key, NEW.experiment_id, NEW.status, NEW.winner_id);
    ELSIF NEW.status NOT IN ('completed', 'archived') THEN
        -- An import has called it back.
        NEW.winner_id := NULL;
    END IF;
    IF fixed IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = 'experiment', COLUMN = fixed,
            MESSAGE = format('%s of experiment "%s" cannot be changed', fixed, OLD.key),
            DETAIL = 'Decisions, assignments and reports refer to it.',
            HINT = 'Insert another experiment.';
    END IF;
    -- Kept by the database, whatever the caller writes.
    NEW.created_at := OLD.created_at;
    NEW.updated_at := OLD.updated_at;
    NEW.version := OLD.version;
    NEW.submitted_at := OLD.submitted_at;
    NEW.approved_at := OLD.approved_at;
    NEW.rejected_at := OLD.rejected_at;
    NEW.started_at := OLD.started_at;
    NEW.paused_at := OLD.paused_at;
    NEW.completed_at := OLD.completed_at;
    NEW.archived_at := OLD.archived_at;
    NEW.submitted_by := OLD.submitted_by;
    NEW.approved_by := OLD.approved_by;
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    NEW.updated_at := now();
    NEW.version := OLD.version + 1;
    IF OLD.status IN ('in_review', 'approved', 'running', 'paused')
       AND (NEW.flag_id, NEW.rank, NEW.targeting, NEW.traffic_allocation, NEW.bucketing, NEW.hash_key,
            NEW.traffic_ranges, NEW.sticky, NEW.exempt_from_limits)
           IS DISTINCT FROM
           (OLD.flag_id, OLD.rank, OLD.targeting, OLD.traffic_allocation, OLD.bucketing, OLD.hash_key,
            OLD.traffic_ranges, OLD.sticky, OLD.exempt_from_limits) THEN
        PERFORM lotty.check_unreviewed(OLD.key, NEW.status, NEW.source, 'the rule');
    END IF;
    IF NEW.status <> OLD.status THEN
        -- Those that an import owns live by the life cycle of where they come from.
        IF (NEW.source IS NULL OR lotty.is_bound_by_review(NEW.source)) AND NOT lotty.status_change_allowed(OLD.status, NEW.status, lotty.review_required()) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment',
                COLUMN = 'status',
                MESSAGE = format('experiment "%s" cannot become %s', OLD.key, NEW.status),
                DETAIL = format('It is %s.%s', OLD.status,
                                CASE WHEN OLD.status = 'draft' AND NEW.status = 'running'
                                     THEN ' lotty.require_review is on.' ELSE '' END),
                HINT = lotty.status_change_hint(OLD.status);
        END IF;
        IF NEW.status = 'running' AND NEW.source IS NULL THEN
            PERFORM lotty.check_can_start(NEW.key, NEW.experiment_id);
        END IF;
        IF NEW.status = 'approved' AND OLD.submitted_by = session_user AND lotty.is_bound_by_review(NEW.source) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'insufficient_privilege', SCHEMA = 'lotty', TABLE = 'experiment', COLUMN = 'status',
                MESSAGE = format('experiment "%s" cannot be approved by "%s"', OLD.key, session_user),
                DETAIL = 'The same role submitted it, and lotty.require_review is on.',
                HINT = 'Another role has to approve it. The role that logged in counts, not one that was set.';
        END IF;
        CASE NEW.status
            WHEN 'in_review' THEN
                NEW.submitted_at := now();
                NEW.submitted_by := session_user;
            WHEN 'approved' THEN
                NEW.approved_at := now();
                NEW.approved_by := session_user;
            WHEN 'rejected' THEN NEW.rejected_at := now();
            WHEN 'running' THEN NEW.started_at := coalesce(OLD.started_at, now());
            WHEN 'paused' THEN NEW.paused_at := now();
            WHEN 'completed' THEN NEW.completed_at := now();
            WHEN 'archived' THEN NEW.archived_at := now();
            ELSE NULL;
        END CASE;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.experiment_before_update() IS
    'trigger: checks a change of an experiment against its life cycle, keeps its timestamps and version';

CREATE FUNCTION lotty.check_winner(experiment_key text, of_experiment uuid, status text, winner uuid)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    won record;
    fault text;
BEGIN
    IF winner IS NULL THEN
        RETURN;
    END IF;
    SELECT v.name, v.experiment_id INTO won
      FROM lotty.variant v WHERE v.variant_id = winner;
    fault := CASE
        WHEN won.experiment_id IS DISTINCT FROM of_experiment THEN 'The experiment has no such variant.'
        WHEN status NOT IN ('completed', 'archived') THEN format('The experiment is %s.', status)
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN won.experiment_id = of_experiment THEN 'object_not_in_prerequisite_state'
                           ELSE 'foreign_key_violation' END,
            SCHEMA = 'lotty', TABLE = 'experiment', COLUMN = 'winner_id',
            MESSAGE = format('variant "%s" cannot be the winner of experiment "%s"',
                             coalesce(won.name, winner::text), experiment_key),
            DETAIL = fault,
            HINT = 'A winner is one of the experiment''s variants, once the experiment is completed.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_winner(text, uuid, text, uuid) IS
    'raises foreign_key_violation or object_not_in_prerequisite_state if the variant cannot be the winner of the experiment';

CREATE FUNCTION lotty.check_can_be_exempt(experiment_key text, of_experiment uuid)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    domain text;
BEGIN
    SELECT d.key INTO domain
      FROM lotty.experiment_conflict_domain m JOIN lotty.conflict_domain d USING (domain_id)
     WHERE m.experiment_id = of_experiment AND d.policy <> 'optimizely_group'
     ORDER BY d.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment', COLUMN = 'exempt_from_limits',
            MESSAGE = format('experiment "%s" cannot be exempt from limits', experiment_key),
            DETAIL = format('It is in conflict domain "%s", which goes by the slots of the ledger.', domain),
            HINT = 'Take it out of the domain first.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_can_be_exempt(text, uuid) IS
    'raises check_violation if the experiment is in a conflict domain that goes by the ledger';

CREATE FUNCTION lotty.status_change_hint(old_status text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce('From ' || old_status || ' it can become '
                    || string_agg(s, ' or ' ORDER BY ordinality) || '.',
                    'An experiment that is ' || old_status || ' stays so.')
      FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running',
                        'paused', 'completed', 'archived']) WITH ORDINALITY AS t (s, ordinality)
     WHERE lotty.status_change_allowed(old_status, s, lotty.review_required())
$$;
COMMENT ON FUNCTION lotty.status_change_hint(text) IS 'says which statuses can follow a status';

CREATE TRIGGER experiment_before_update BEFORE UPDATE ON lotty.experiment
    FOR EACH ROW EXECUTE FUNCTION lotty.experiment_before_update();
CREATE TRIGGER refuse_new_source BEFORE UPDATE ON lotty.experiment
    FOR EACH ROW WHEN (NEW.source <> OLD.source OR (NEW.source IS NOT NULL AND OLD.source IS NULL))
    EXECUTE FUNCTION lotty.refuse_new_source();

CREATE FUNCTION lotty.experiment_before_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.started_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = 'experiment',
            MESSAGE = format('experiment "%s" cannot be deleted because it has run', OLD.key),
            DETAIL = format('It started at %s; decisions and assignments refer to it.', OLD.started_at),
            HINT = 'Set its status to completed, then to archived.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION lotty.experiment_before_delete() IS
    'trigger: refuses to delete an experiment that has ever run';

CREATE TRIGGER experiment_before_delete BEFORE DELETE ON lotty.experiment
    FOR EACH ROW EXECUTE FUNCTION lotty.experiment_before_delete();

-- variant ------------------------------------------------------------------------------------

CREATE FUNCTION lotty.check_value(of_table text, variant_name text, experiment_key text, flag_id uuid, value jsonb)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    flag record;
BEGIN
    -- A shared lock: between this check and the commit the flag must not change its type.
    SELECT f.key, f.value_type INTO flag
      FROM lotty.flag f WHERE f.flag_id = check_value.flag_id FOR SHARE;
    IF FOUND AND flag.value_type <> 'json' AND jsonb_typeof(value) <> flag.value_type THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = of_table, COLUMN = 'value',
            MESSAGE = format('value of variant "%s" of experiment "%s" is not of the flag''s type',
                             variant_name, experiment_key),
            DETAIL = format('Flag "%s" has the value_type %s, the value %s is of type %s.',
                            flag.key, flag.value_type, left(value::text, 200), jsonb_typeof(value)),
            HINT = 'Give a value of the flag''s type, or make the flag''s value_type "json".';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_value(text, text, text, uuid, jsonb) IS
    'raises check_violation unless the value is of the flag''s type; keeps that from changing';

CREATE FUNCTION lotty.variant_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner record;
BEGIN
    -- A shared lock: the experiment must not start on the strength of a weight that is being
    -- taken away.
    SELECT e.key, e.flag_id INTO owner
      FROM lotty.experiment e WHERE e.experiment_id = NEW.experiment_id FOR SHARE;
    PERFORM lotty.check_value('variant', NEW.name, owner.key, owner.flag_id, NEW.value);
    PERFORM lotty.check_weight('variant', format('variant "%s" of experiment "%s"', NEW.name, owner.key),
                               NEW.weight);
    IF TG_OP = 'INSERT' THEN
        IF NEW.rank IS NULL THEN
            SELECT coalesce(max(v.rank), 0) + 1 INTO NEW.rank
              FROM lotty.variant v WHERE v.experiment_id = NEW.experiment_id;
        END IF;
    ELSIF NEW.variant_id <> OLD.variant_id OR NEW.experiment_id <> OLD.experiment_id THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = 'variant',
            MESSAGE = format('%s of variant "%s" cannot be changed',
                             CASE WHEN NEW.variant_id <> OLD.variant_id
                                  THEN 'variant_id' ELSE 'experiment_id' END,
                             OLD.name),
            DETAIL = 'Decisions, assignments and reports refer to it.',
            HINT = 'Insert another variant.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.variant_before_write() IS
    'trigger: checks a variant against its flag and numbers it';

CREATE TRIGGER variant_before_write BEFORE INSERT OR UPDATE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.variant_before_write();

CREATE FUNCTION lotty.variant_before_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner record;
BEGIN
    -- Not found while the experiment itself is being deleted, which has its own check. The
    -- lock keeps it from starting meanwhile on the strength of this variant.
    SELECT e.key, e.started_at INTO owner
      FROM lotty.experiment e WHERE e.experiment_id = OLD.experiment_id FOR SHARE;
    IF FOUND AND owner.started_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = 'variant',
            MESSAGE = format('variant "%s" of experiment "%s" cannot be deleted because the experiment has run',
                             OLD.name, owner.key),
            DETAIL = format('It started at %s; decisions and assignments refer to the variant.',
                            owner.started_at),
            HINT = 'Set its weight to 0, or is_retired to take it from those who have it too.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION lotty.variant_before_delete() IS
    'trigger: refuses to delete a variant of an experiment that has ever run';

CREATE TRIGGER variant_before_delete BEFORE DELETE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.variant_before_delete();
CREATE TRIGGER check_reviewed_part BEFORE INSERT OR DELETE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.check_reviewed_part();
CREATE TRIGGER check_reviewed_change BEFORE UPDATE ON lotty.variant
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION lotty.check_reviewed_part();

CREATE FUNCTION lotty.variant_value_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner record;
BEGIN
    SELECT v.name, e.key INTO owner
      FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id)
     WHERE v.variant_id = NEW.variant_id;
    PERFORM lotty.check_value('variant_value', owner.name, owner.key, NEW.flag_id, NEW.value);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.variant_value_before_write() IS
    'trigger: checks a variant''s value for a further flag against that flag';

CREATE TRIGGER variant_value_before_write BEFORE INSERT OR UPDATE ON lotty.variant_value
    FOR EACH ROW EXECUTE FUNCTION lotty.variant_value_before_write();
CREATE TRIGGER check_reviewed_part BEFORE INSERT OR DELETE ON lotty.variant_value
    FOR EACH ROW EXECUTE FUNCTION lotty.check_reviewed_part();
CREATE TRIGGER check_reviewed_change BEFORE UPDATE ON lotty.variant_value
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION lotty.check_reviewed_part();

-- further flags ------------------------------------------------------------------------------

CREATE TRIGGER check_reviewed_part BEFORE INSERT OR DELETE ON lotty.experiment_flag
    FOR EACH ROW EXECUTE FUNCTION lotty.check_reviewed_part();
CREATE TRIGGER check_reviewed_change BEFORE UPDATE ON lotty.experiment_flag
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION lotty.check_reviewed_part();

-- override -----------------------------------------------------------------------------------

CREATE FUNCTION lotty.override_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    experiment record;
    variant record;
BEGIN
    -- What does not exist is left to the foreign keys.
    SELECT e.key, e.kind INTO experiment
      FROM lotty.experiment e WHERE e.experiment_id = NEW.experiment_id;
    IF experiment.kind = 'rollout' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'override', COLUMN = 'experiment_id',
            MESSAGE = format('rollout rule "%s" cannot be overridden', experiment.key),
            DETAIL = 'Overrides are for experiments; a rollout rule is for those whom no experiment has.',
            HINT = 'Override an experiment of the flag.';
    END IF;
    SELECT v.name, v.experiment_id INTO variant
      FROM lotty.variant v WHERE v.variant_id = NEW.variant_id;
    IF variant.experiment_id <> NEW.experiment_id AND experiment.key IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = 'lotty', TABLE = 'override', COLUMN = 'variant_id',
            MESSAGE = format('variant "%s" is not one of experiment "%s"', variant.name, experiment.key),
            DETAIL = format('Variant %s belongs to experiment %s.', NEW.variant_id, variant.experiment_id),
            HINT = 'lotty_force(experiment, subject, variant) takes keys and names.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.override_before_write() IS
    'trigger: checks that an override names an experiment and a variant of it';

CREATE TRIGGER override_before_write BEFORE INSERT OR UPDATE ON lotty.override
    FOR EACH ROW EXECUTE FUNCTION lotty.override_before_write();

-- A compiled experiment knows only whether it has overrides at all; the rows are looked up.
-- So all but the first row of an experiment leave every cache as it is, which keeps forcing
-- variants cheap. It is not enough to see another row, which might be deleted by the time
-- that this one is committed: it must be held until then. (With the owner's rights, since
-- holding takes the right to update.)
CREATE FUNCTION lotty.is_first_override(of_experiment uuid, but_for text, of_kind text)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM lotty.override o
      WHERE o.experiment_id = of_experiment AND (o.subject_id, o.kind) <> (but_for, of_kind)
      LIMIT 1 FOR KEY SHARE SKIP LOCKED;
    RETURN NOT FOUND;
END
$$;
COMMENT ON FUNCTION lotty.is_first_override(uuid, text, text) IS
    'whether an experiment has no other override; if it has one, holds that until the end of the transaction';

-- By the statement: a search for each of very many rows would go through all those that the
-- transaction has deleted before. Where there are several, the caches can as well be told.
CREATE FUNCTION lotty.announce_overrides() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added record;
    more boolean := false;
BEGIN
    FOR added IN SELECT n.experiment_id, n.subject_id, n.kind FROM new_rows n LIMIT 2 LOOP
        IF more OR lotty.is_first_override(added.experiment_id, added.subject_id, added.kind) THEN
            PERFORM lotty.announce_change(TG_RELID);
            EXIT;
        END IF;
        more := true;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.announce_overrides() IS
    'trigger: makes all sessions compile anew, if an experiment may have got its first override';

CREATE TRIGGER zz_announce_overrides AFTER INSERT ON lotty.override
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION lotty.announce_overrides();
-- The apply worker of logical replication fires row triggers only.
CREATE TRIGGER zz_invalidate_cache_of_replica AFTER INSERT ON lotty.override
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.override ENABLE REPLICA TRIGGER zz_invalidate_cache_of_replica;
-- Moving a row to another experiment may make it the first one there.
CREATE TRIGGER zz_invalidate_cache_on_move AFTER UPDATE OF experiment_id ON lotty.override
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.override ENABLE ALWAYS TRIGGER zz_invalidate_cache_on_move;

-- audience -----------------------------------------------------------------------------------

CREATE FUNCTION lotty.audience_used_by(audience_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(used.by, ', ' ORDER BY used.by)
      FROM (SELECT format('experiment "%s"', e.key) AS by FROM lotty.experiment e
             WHERE e.targeting <> '' AND audience_name = ANY (lotty.targeting_audiences(e.targeting))
            UNION ALL
            SELECT format('audience "%s"', a.name) FROM lotty.audience a
             WHERE a.targeting <> '' AND a.name <> audience_name
               AND audience_name = ANY (lotty.targeting_audiences(a.targeting))) AS used
$$;
COMMENT ON FUNCTION lotty.audience_used_by(text) IS
    'the experiments and audiences whose rules name an audience, as text; NULL if there are none';

CREATE FUNCTION lotty.audience_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Writers of audiences take turns: two transactions could otherwise each write one half
    -- of a cycle. The number is that of the table, so it clashes with nobody's own locks.
    PERFORM pg_advisory_xact_lock('lotty.audience'::regclass::oid::integer, 0);
    PERFORM lotty.check_audience_cycle(NEW.name, NEW.targeting);
    PERFORM lotty.check_targeting(format('audience "%s"', NEW.name), NEW.targeting);
    IF TG_OP = 'UPDATE' AND NEW.name <> OLD.name THEN
        PERFORM lotty.check_audience_unused(OLD.name, 'renamed');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.audience_before_write() IS
    'trigger: checks an audience''s rule and refuses cycles';

CREATE TRIGGER audience_before_write BEFORE INSERT OR UPDATE ON lotty.audience
    FOR EACH ROW EXECUTE FUNCTION lotty.audience_before_write();
CREATE TRIGGER keep_timestamps BEFORE UPDATE ON lotty.audience
    FOR EACH ROW EXECUTE FUNCTION lotty.keep_timestamps();
CREATE TRIGGER refuse_new_source BEFORE UPDATE ON lotty.audience
    FOR EACH ROW WHEN (NEW.source <> OLD.source OR (NEW.source IS NOT NULL AND OLD.source IS NULL))
    EXECUTE FUNCTION lotty.refuse_new_source();

CREATE FUNCTION lotty.audience_before_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_audience_unused(OLD.name, 'deleted');
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION lotty.audience_before_delete() IS
    'trigger: refuses to delete an audience that a rule names';

CREATE TRIGGER audience_before_delete BEFORE DELETE ON lotty.audience
    FOR EACH ROW EXECUTE FUNCTION lotty.audience_before_delete();

-- conflict domain ----------------------------------------------------------------------------

CREATE TRIGGER keep_timestamps BEFORE UPDATE ON lotty.conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.keep_timestamps();
CREATE TRIGGER refuse_new_source BEFORE UPDATE ON lotty.conflict_domain
    FOR EACH ROW WHEN (NEW.source <> OLD.source OR (NEW.source IS NOT NULL AND OLD.source IS NULL))
    EXECUTE FUNCTION lotty.refuse_new_source();

CREATE FUNCTION lotty.conflict_domain_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_traffic_ranges('conflict_domain', format('conflict domain "%s"', NEW.key),
                                       'experiment_id', NEW.traffic_ranges);
    IF TG_OP = 'UPDATE' AND NEW.policy <> OLD.policy THEN
        PERFORM lotty.check_domain_member(NEW.key, NEW.policy, m.experiment_id)
           FROM lotty.experiment_conflict_domain m WHERE m.domain_id = NEW.domain_id;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.conflict_domain_before_write() IS
    'trigger: checks the ranges of a conflict domain, and its members against its policy';

CREATE FUNCTION lotty.check_domain_member(domain_key text, policy text, of_experiment uuid)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    experiment record;
BEGIN
    -- A shared lock: neither may change before this is committed.
    SELECT e.key, e.kind, e.exempt_from_limits INTO experiment
      FROM lotty.experiment e WHERE e.experiment_id = of_experiment FOR SHARE;
    IF experiment.kind = 'rollout' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment_conflict_domain',
            MESSAGE = format('rollout rule "%s" cannot be in conflict domain "%s"', experiment.key, domain_key),
            DETAIL = 'Conflict domains are for experiments; rollout rules are outside all limits.',
            HINT = 'Add the experiments of the flag.';
    ELSIF experiment.exempt_from_limits AND policy <> 'optimizely_group' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment_conflict_domain',
            MESSAGE = format('experiment "%s" is exempt from limits and cannot be in conflict domain "%s"',
                             experiment.key, domain_key),
            DETAIL = format('The policy %s goes by the slots of the ledger, which an exempt experiment does not take.', policy),
            HINT = 'Set exempt_from_limits to false, or use the policy optimizely_group.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_domain_member(text, text, uuid) IS
    'raises check_violation if the experiment cannot be in a conflict domain of that policy';

CREATE TRIGGER conflict_domain_before_write BEFORE INSERT OR UPDATE ON lotty.conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.conflict_domain_before_write();

CREATE FUNCTION lotty.experiment_conflict_domain_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    domain record;
BEGIN
    SELECT d.key, d.policy INTO domain
      FROM lotty.conflict_domain d WHERE d.domain_id = NEW.domain_id FOR SHARE;
    PERFORM lotty.check_domain_member(domain.key, domain.policy, NEW.experiment_id);
    PERFORM lotty.check_weight('experiment_conflict_domain',
                               format('an experiment in conflict domain "%s"', domain.key), NEW.weight);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.experiment_conflict_domain_before_write() IS
    'trigger: checks whether an experiment can be in a conflict domain, and its weight there';

CREATE TRIGGER experiment_conflict_domain_before_write
    BEFORE INSERT OR UPDATE ON lotty.experiment_conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.experiment_conflict_domain_before_write();

-- cache -------------------------------------------------------------------------------------
-- Row triggers, since the apply worker of logical replication fires no statement triggers,
-- and ENABLE ALWAYS, since it (and session_replication_role = replica) skips ordinary ones.
-- TRUNCATE needs none: it gives the table new storage, of which PostgreSQL itself tells
-- every session.

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.flag
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.flag ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.experiment
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.experiment ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.variant ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.audience
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.audience ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.conflict_domain ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.experiment_conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.experiment_conflict_domain ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.experiment_flag
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.experiment_flag ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.variant_value
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.variant_value ENABLE ALWAYS TRIGGER zz_invalidate_cache;

SET LOCAL search_path TO @extschema@, pg_temp;
