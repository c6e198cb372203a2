-- What the configuration tables refuse, and what they keep by themselves.
--
-- Restoring a dump goes through these triggers too, in any order of tables that the foreign
-- keys allow. So an INSERT takes the timestamps and the version that it is given, accepts
-- any status, and never needs a row that may come later; the life cycle governs updates.
-- All functions pin search_path: they run with whatever the writing session has set.
SET LOCAL search_path TO pg_catalog, pg_temp;

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
        DETAIL = format('%s is not a number from 0 to below 1000000000000 with at most 8 decimals.', left(weight::text, 200)),
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

-- What pg_dump and pg_restore set in every session, and nobody else does. A superuser only: of
-- anyone else the settings do not count. A text, since a trigger that called a function would take a right to it.
CREATE FUNCTION lotty.restoring_condition() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'pg_catalog.current_setting(''is_superuser'') = ''on'' '
           'AND pg_catalog.current_setting(''check_function_bodies'') = ''off'' '
           'AND pg_catalog.current_setting(''search_path'') = '''''
$$;
COMMENT ON FUNCTION lotty.restoring_condition() IS
    'condition for triggers: a superuser restores a dump';
REVOKE ALL ON FUNCTION lotty.restoring_condition() FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
