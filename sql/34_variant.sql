-- Triggers of lotty.variant, lotty.variant_value and lotty.experiment_flag.
SET LOCAL search_path TO pg_catalog, pg_temp;

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

CREATE TRIGGER check_reviewed_part BEFORE INSERT OR DELETE ON lotty.experiment_flag
    FOR EACH ROW EXECUTE FUNCTION lotty.check_reviewed_part();
CREATE TRIGGER check_reviewed_change BEFORE UPDATE ON lotty.experiment_flag
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION lotty.check_reviewed_part();

SET LOCAL search_path TO @extschema@, pg_temp;
