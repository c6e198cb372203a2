-- Triggers of lotty.experiment: its life cycle, its bucketing, what refers to it.
SET LOCAL search_path TO pg_catalog, pg_temp;

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
        DETAIL = format('%s is not a number from 0 to 100 with at most 10 decimals.',
                        left(traffic_allocation::text, 200)),
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

SET LOCAL search_path TO @extschema@, pg_temp;
