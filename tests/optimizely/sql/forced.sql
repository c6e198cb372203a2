-- Sequences of forced variations, each from a state without any.

CREATE TABLE proof.step_answer (
    sequence integer,
    nth      bigint,
    answer   jsonb,
    PRIMARY KEY (sequence, nth)
);

CREATE FUNCTION proof.decide_all(flags jsonb, user_id text, attributes text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_agg(proof.decision(lotty_evaluate(flag->>'flag', user_id,
                                                   proof.attributes(attributes))) ORDER BY nth)
      FROM jsonb_array_elements(flags) WITH ORDINALITY AS f (flag, nth)
$$;

-- One step of a sequence; decide_all goes through the flags of the recorded result.
CREATE FUNCTION proof.make_step(step jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT CASE step->>'op'
           WHEN 'set_forced_variation' THEN
               to_jsonb(lotty_force(step->>'experiment', step->>'user_id', step->>'variation'))
           WHEN 'get_forced_variation' THEN
               to_jsonb(lotty_forced(step->>'experiment', step->>'user_id'))
           WHEN 'get_variation' THEN
               proof.variation(lotty_evaluate_experiment(step->>'experiment', step->>'user_id',
                                                         proof.attributes(step->>'attributes')))
           WHEN 'decide_all' THEN
               proof.decide_all(step->'result', step->>'user_id', step->>'attributes') END
$$;

CREATE PROCEDURE proof.force(wanted text)
LANGUAGE plpgsql AS $$
DECLARE
    sequence record;
    step     record;
BEGIN
    FOR sequence IN SELECT number, data->'steps' AS steps FROM proof.forced_variations
                     WHERE data->>'datafile_id' = wanted ORDER BY number
    LOOP
        DELETE FROM lotty.override WHERE kind = 'forced';
        COMMIT;
        FOR step IN SELECT s.data, s.nth
                      FROM jsonb_array_elements(sequence.steps) WITH ORDINALITY AS s (data, nth)
                     ORDER BY s.nth
        LOOP
            INSERT INTO proof.step_answer
            VALUES (sequence.number, step.nth, coalesce(proof.make_step(step.data), 'null'));
        END LOOP;
        COMMIT;
    END LOOP;
END
$$;

\set ON_ERROR_STOP off
SELECT format('CALL proof.load(%L)', datafile), format('CALL proof.force(%L)', datafile)
  FROM (SELECT DISTINCT data->>'datafile_id' FROM proof.forced_variations) AS f (datafile)
 ORDER BY datafile
\gexec
\set ON_ERROR_STOP on

INSERT INTO proof.comparison
SELECT 'forced variations',
       format('%s, sequence %s, step %s: %s', f.data->>'datafile_id', f.number, s.nth,
              s.data - 'result'),
       jsonb_build_object('result', s.data->'result'), jsonb_build_object('result', a.answer)
  FROM proof.forced_variations AS f
 CROSS JOIN jsonb_array_elements(f.data->'steps') WITH ORDINALITY AS s (data, nth)
  LEFT JOIN proof.step_answer AS a ON a.sequence = f.number AND a.nth = s.nth;
