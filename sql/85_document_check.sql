-- Whether something is a document of lotty_export (84_export.sql): its keys and the types of its values.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.refuse_document(fault text, path text, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = 'configuration cannot be applied: ' || fault,
        DETAIL = format('At %s of the configuration.', path),
        HINT = hint;
END
$$;
COMMENT ON FUNCTION lotty.refuse_document(text, text, text) IS
    'raises invalid_parameter_value for a place in a document';
REVOKE ALL ON FUNCTION lotty.refuse_document(text, text, text) FROM PUBLIC;

-- The fields of each kind of object: "!" if it must be there; a type, with "?" if null is
-- allowed; for a list the kind of its objects in brackets; or the texts that are allowed. The
-- first field is what names the object.
CREATE FUNCTION lotty.document_fields(kind text)
RETURNS TABLE (field text, required boolean, type text, nullable boolean, place bigint)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rtrim(split_part(f, ' ', 1), '!'), split_part(f, ' ', 1) LIKE '%!',
           rtrim(split_part(f, ' ', 2), '?'), f LIKE '%?', ordinality
      FROM unnest(CASE kind
        WHEN 'configuration' THEN ARRAY[
            'lotty 1', 'audiences [audience]', 'flags [flag]', 'experiments [experiment]',
            'conflict_domains [conflict_domain]']
        WHEN 'audience' THEN ARRAY['name! string', 'targeting string', 'description string']
        WHEN 'flag' THEN ARRAY[
            'key! string', 'value_type boolean|string|number|json', 'default_value any', 'enabled boolean',
            'description string']
        WHEN 'experiment' THEN ARRAY[
            'key! string', 'kind experiment|rollout', 'flag string?', 'rank integer',
            'status draft|in_review|approved|rejected|running|paused|completed|archived', 'targeting string',
            'traffic_allocation number', 'bucketing lotty_sha256|optimizely_murmur3', 'hash_key string?',
            'traffic_ranges [variant_range]?', 'sticky boolean', 'exempt_from_limits boolean',
            'description string', 'winner string?', 'further_flags [further_flag]', 'variants [variant]']
        WHEN 'variant' THEN ARRAY[
            'name! string', 'value any', 'weight number', 'is_control boolean', 'is_retired boolean', 'rank integer',
            'values [value]']
        WHEN 'value' THEN ARRAY['flag! string', 'value! any']
        WHEN 'further_flag' THEN ARRAY['flag! string', 'rank integer']
        WHEN 'variant_range' THEN ARRAY['end_of_range! integer', 'variant! string?']
        WHEN 'conflict_domain' THEN ARRAY[
            'key! string', 'policy mutual_exclusion|weighted|priority|optimizely_group', 'hash_key string?',
            'traffic_ranges [experiment_range]?', 'description string', 'members [member]']
        WHEN 'experiment_range' THEN ARRAY['end_of_range! integer', 'experiment! string?']
        WHEN 'member' THEN ARRAY['experiment! string', 'priority integer', 'weight number']
      END) WITH ORDINALITY AS t (f, ordinality)
$$;
COMMENT ON FUNCTION lotty.document_fields(text) IS
    'the fields that an object of a kind may have in a document, and their types';
REVOKE ALL ON FUNCTION lotty.document_fields(text) FROM PUBLIC;

CREATE FUNCTION lotty.check_document(node jsonb, kind text, path text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    what CONSTANT text := replace(kind, '_', ' ');
    entry record;
    element record;
    of_kind text;
    named_by text;
    fault text;
    remedy text;
BEGIN
    IF jsonb_typeof(node) <> 'object' THEN
        PERFORM lotty.refuse_document(format('%s is not an object', left(node::text, 100)), path,
                                      format('An object describes each %s.', what));
    END IF;
    SELECT f.field INTO fault FROM lotty.document_fields(kind) AS f
     WHERE f.required AND NOT node ? f.field ORDER BY f.place LIMIT 1;
    IF FOUND THEN
        PERFORM lotty.refuse_document(format('"%s" is missing', fault), path,
                                      format('Each %s has it.', what));
    END IF;

    FOR entry IN
        SELECT k.field, f.type, f.nullable, f.place, node -> k.field AS value, jsonb_typeof(node -> k.field) AS is_of,
               path || '.' || CASE WHEN k.field ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN k.field
                                   ELSE to_jsonb(k.field)::text END AS at
          FROM jsonb_object_keys(node) AS k (field) LEFT JOIN lotty.document_fields(kind) AS f USING (field)
         ORDER BY f.place NULLS FIRST, k.field COLLATE "C"
    LOOP
        IF entry.type IS NULL THEN
            PERFORM lotty.refuse_document(
                format('unknown key "%s"', left(entry.field, 100)), entry.at,
                (SELECT format('The keys of each %s: %s.', what, string_agg(f.field, ', ' ORDER BY f.place))
                   FROM lotty.document_fields(kind) AS f));
        ELSIF entry.nullable AND entry.is_of = 'null' THEN
            CONTINUE;
        END IF;
        of_kind := CASE WHEN entry.type LIKE '[%' THEN btrim(entry.type, '[]') END;
        remedy := CASE
            WHEN entry.type = 'any' THEN NULL
            WHEN entry.type = '1' THEN
                CASE WHEN entry.value <> '1' THEN 'the number 1, the version of this format' END
            WHEN entry.type = 'integer' THEN
                CASE WHEN entry.is_of <> 'number' OR entry.value::text !~ '^-?[0-9]{1,10}$'
                          OR (entry.value #>> '{}')::numeric NOT BETWEEN -2147483648 AND 2147483647
                     THEN 'a whole number from -2147483648 to 2147483647' END
            WHEN entry.type = 'string' AND entry.place = 1 THEN
                CASE WHEN entry.is_of <> 'string' OR octet_length(entry.value #>> '{}') NOT BETWEEN 1 AND 512
                     THEN 'a string of 1 to 512 bytes' END
            WHEN entry.type IN ('string', 'number', 'boolean') THEN
                CASE WHEN entry.is_of <> entry.type THEN 'a ' || entry.type END
            WHEN of_kind IS NOT NULL THEN
                CASE WHEN entry.is_of <> 'array' THEN 'an array' END
            WHEN entry.is_of <> 'string' OR entry.value #>> '{}' <> ALL (string_to_array(entry.type, '|')) THEN
                'one of ' || replace(entry.type, '|', ', ')
        END;
        IF remedy IS NOT NULL THEN
            PERFORM lotty.refuse_document(
                format('%s cannot be %s', entry.field, left(entry.value::text, 100)), entry.at,
                format('It is %s%s.', remedy, CASE WHEN entry.nullable THEN ', or null' ELSE '' END));
        END IF;
        CONTINUE WHEN of_kind IS NULL;

        FOR element IN SELECT i.value, i.ordinality - 1 AS place
                         FROM jsonb_array_elements(entry.value) WITH ORDINALITY AS i ORDER BY i.ordinality LOOP
            PERFORM lotty.check_document(element.value, of_kind, format('%s[%s]', entry.at, element.place));
        END LOOP;
        SELECT f.field INTO named_by FROM lotty.document_fields(of_kind) AS f WHERE f.place = 1;
        -- Ranges have no names; their order tells them apart.
        CONTINUE WHEN named_by = 'end_of_range';
        SELECT i.value ->> named_by AS name, max(i.ordinality) - 1 AS place INTO element
          FROM jsonb_array_elements(entry.value) WITH ORDINALITY AS i
         GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 LIMIT 1;
        IF FOUND THEN
            PERFORM lotty.refuse_document(
                format('%s "%s" is there twice', replace(of_kind, '_', ' '), left(element.name, 100)),
                format('%s[%s].%s', entry.at, element.place, named_by), 'Take one of them out.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.check_document(jsonb, text, text) IS
    'raises invalid_parameter_value, with the JSON path, unless a document has only known keys and values of the right types';
REVOKE ALL ON FUNCTION lotty.check_document(jsonb, text, text) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
