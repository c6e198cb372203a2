-- Triggers of lotty.audience.
SET LOCAL search_path TO pg_catalog, pg_temp;

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

SET LOCAL search_path TO @extschema@, pg_temp;
