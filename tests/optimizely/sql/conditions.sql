-- Conditions of a single audience, as the rule that an import makes of them.

-- {"truth": …}, or the error. Conditions and attributes are JSON in a text.
CREATE FUNCTION proof.truth_of(conditions text, attributes text) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_object('truth', lotty_targeting_matches(
        lotty.optimizely_rule(conditions::jsonb), proof.attributes(attributes)));
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('error', SQLERRM);
END
$$;

INSERT INTO proof.comparison
SELECT 'conditions',
       format('line %s: %s with %s', number, data->>'conditions', data->>'attributes'),
       jsonb_build_object('truth', data->'result'),
       proof.truth_of(data->>'conditions', data->>'attributes')
  FROM proof.conditions;

CREATE FUNCTION proof.is_jsonb(given text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN given::jsonb IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END
$$;

-- JSON that jsonb cannot hold cannot be given to Lotty. None was recorded.
INSERT INTO proof.comparison
SELECT 'texts that jsonb holds', format('line %s', number), '{"jsonb": true}',
       jsonb_build_object('jsonb', proof.is_jsonb(data->>'conditions')
                                   AND proof.is_jsonb(data->>'attributes'))
  FROM proof.conditions;
