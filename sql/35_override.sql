-- Triggers of lotty.override.
SET LOCAL search_path TO pg_catalog, pg_temp;

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

SET LOCAL search_path TO @extschema@, pg_temp;
