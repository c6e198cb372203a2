-- The table of rules that the tests of the core go through as well, here by way of jsonb.

-- {"truth": …}, or the error: all rules of the table are valid.
CREATE FUNCTION vectors.truth_of(targeting_case text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    recorded jsonb := targeting_case;
BEGIN
    RETURN jsonb_build_object(
        'truth', lotty_targeting_matches(recorded->>'rule', recorded->'attributes'));
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('error', SQLERRM);
END
$$;

INSERT INTO vectors.comparison
SELECT 'targeting cases', format('line %s: %s', number, data),
       jsonb_build_object('truth', data::json->'truth'), vectors.truth_of(data)
  FROM vectors.targeting;
