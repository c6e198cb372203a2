-- Triggers of lotty.flag.
SET LOCAL search_path TO pg_catalog, pg_temp;

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

SET LOCAL search_path TO @extschema@, pg_temp;
