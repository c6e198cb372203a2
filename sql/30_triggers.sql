-- What the configuration tables refuse, and what they keep by themselves.
--
-- Restoring a dump goes through these triggers too, in any order of tables that the foreign
-- keys allow. So an INSERT takes the timestamps and the version that it is given, accepts
-- any status, and never needs a row that may come later; the life cycle governs updates.
-- All functions pin search_path: they run with whatever the writing session has set.

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

CREATE FUNCTION lotty.experiment_before_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_targeting(format('experiment "%s"', NEW.key), NEW.targeting);
    PERFORM lotty.check_traffic_allocation(NEW.key, NEW.traffic_allocation);
    -- A restored row brings these along; a row inserted in the middle of its life gets them.
    IF NEW.status IN ('running', 'paused', 'completed') AND NEW.started_at IS NULL THEN
        NEW.started_at := now();
    END IF;
    CASE NEW.status
        WHEN 'in_review' THEN NEW.submitted_at := coalesce(NEW.submitted_at, now());
        WHEN 'approved' THEN NEW.approved_at := coalesce(NEW.approved_at, now());
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
BEGIN
    IF NEW.targeting IS DISTINCT FROM OLD.targeting THEN
        PERFORM lotty.check_targeting(format('experiment "%s"', NEW.key), NEW.targeting);
    END IF;
    PERFORM lotty.check_traffic_allocation(NEW.key, NEW.traffic_allocation);
    IF NEW.experiment_id <> OLD.experiment_id OR NEW.flag_id <> OLD.flag_id THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation', SCHEMA = 'lotty', TABLE = 'experiment',
            MESSAGE = format('%s of experiment "%s" cannot be changed',
                             CASE WHEN NEW.flag_id <> OLD.flag_id THEN 'flag_id' ELSE 'experiment_id' END,
                             OLD.key),
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
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    NEW.updated_at := now();
    NEW.version := OLD.version + 1;
    IF NEW.status <> OLD.status THEN
        IF NOT lotty.status_change_allowed(OLD.status, NEW.status, lotty.review_required()) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'lotty', TABLE = 'experiment',
                COLUMN = 'status',
                MESSAGE = format('experiment "%s" cannot become %s', OLD.key, NEW.status),
                DETAIL = format('It is %s.%s', OLD.status,
                                CASE WHEN OLD.status = 'draft' AND NEW.status = 'running'
                                     THEN ' lotty.require_review is on.' ELSE '' END),
                HINT = lotty.status_change_hint(OLD.status);
        END IF;
        IF NEW.status = 'running' THEN
            PERFORM lotty.check_can_start(NEW.key, NEW.experiment_id);
        END IF;
        CASE NEW.status
            WHEN 'in_review' THEN NEW.submitted_at := now();
            WHEN 'approved' THEN NEW.approved_at := now();
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

CREATE FUNCTION lotty.variant_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner record;
BEGIN
    -- Shared locks: between this check and the commit the flag must not change its type, and
    -- the experiment must not start on the strength of a weight that is being taken away.
    SELECT e.key AS experiment_key, f.key AS flag_key, f.value_type INTO owner
      FROM lotty.experiment e JOIN lotty.flag f USING (flag_id)
     WHERE e.experiment_id = NEW.experiment_id FOR SHARE OF e, f;
    IF FOUND AND owner.value_type <> 'json' AND jsonb_typeof(NEW.value) <> owner.value_type THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'variant', COLUMN = 'value',
            MESSAGE = format('value of variant "%s" of experiment "%s" is not of the flag''s type',
                             NEW.name, owner.experiment_key),
            DETAIL = format('Flag "%s" has the value_type %s, the value %s is of type %s.',
                            owner.flag_key, owner.value_type, left(NEW.value::text, 200),
                            jsonb_typeof(NEW.value)),
            HINT = 'Give a value of the flag''s type, or make the flag''s value_type "json".';
    END IF;
    PERFORM lotty.check_weight('variant', format('variant "%s" of experiment "%s"', NEW.name, owner.experiment_key),
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
            HINT = 'Set its weight to 0.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION lotty.variant_before_delete() IS
    'trigger: refuses to delete a variant of an experiment that has ever run';

CREATE TRIGGER variant_before_delete BEFORE DELETE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.variant_before_delete();

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

CREATE FUNCTION lotty.experiment_conflict_domain_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_weight('experiment_conflict_domain',
                               format('an experiment in conflict domain "%s"',
                                      (SELECT d.key FROM lotty.conflict_domain d WHERE d.domain_id = NEW.domain_id)),
                               NEW.weight);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.experiment_conflict_domain_before_write() IS
    'trigger: checks the weight of an experiment in a conflict domain';

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
