-- What `fuzz` asks: scenarios as numbered steps, and an answer for each. See lib/scenarios.py.

CREATE SCHEMA fuzz;
CREATE TABLE fuzz.step (data jsonb NOT NULL);
CREATE TABLE fuzz.answer (number bigint PRIMARY KEY, answer jsonb NOT NULL);

-- What an import did, and how much was left to do for a second one.
CREATE FUNCTION fuzz.import(step jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    datafile jsonb   := step->>'datafile';
    sticky   boolean := step->>'sticky';
    done     jsonb   := (SELECT coalesce(jsonb_agg(jsonb_build_array(action, object, key)), '[]')
                           FROM lotty_import_optimizely(datafile, sticky));
    again    jsonb   := (SELECT coalesce(jsonb_agg(jsonb_build_array(action, object, key)), '[]')
                           FROM lotty_import_optimizely(datafile, sticky));
BEGIN
    RETURN jsonb_build_object('done', done, 'again', again);
END
$$;

-- For each user the flags and the experiments, in the order asked for.
CREATE FUNCTION fuzz.evaluate(step jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_array(flags.answers, experiments.answers) ORDER BY u.nth)
      FROM jsonb_array_elements(step->'users') WITH ORDINALITY AS u (asked, nth)
     CROSS JOIN LATERAL (SELECT asked->>0, (asked->>1)::jsonb, (asked->>2)::jsonb)
                        AS who (name, attributes, plain)
     CROSS JOIN LATERAL (
         SELECT coalesce(jsonb_agg(proof.decision(lotty_evaluate(key, name, attributes))
                                   ORDER BY f.nth), '[]')
           FROM jsonb_array_elements_text(step->'flags') WITH ORDINALITY AS f (key, nth)
     ) AS flags (answers)
     CROSS JOIN LATERAL (
         SELECT coalesce(jsonb_agg(proof.variation(lotty_evaluate_experiment(key, name, plain))
                                   ORDER BY e.nth), '[]')
           FROM jsonb_array_elements_text(step->'experiments') WITH ORDINALITY AS e (key, nth)
     ) AS experiments (answers)
$$;

-- The flags one after the other, each recorded. What is said without recording it, and what
-- the explanation ends with, must be the same: if not, the answer has a member too many.
CREATE FUNCTION fuzz.decide(step jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    given     jsonb := step->>'attributes';
    flag      text;
    explained text;
    evaluated lotty.decision_result;
    decided   lotty.decision_result;
    answers   jsonb := '[]';
BEGIN
    PERFORM set_config('lotty.ignore_sticky', step->>'ignore', true);
    FOR flag IN SELECT jsonb_array_elements_text(step->'flags')
    LOOP
        SELECT e.outcome INTO explained FROM lotty_explain(flag, step->>'user', given) AS e
         ORDER BY e.step DESC LIMIT 1;
        evaluated := lotty_evaluate(flag, step->>'user', given);
        decided := lotty_decide(flag, step->>'user', given);
        answers := answers || jsonb_build_array(
            proof.decision(decided)
            || CASE WHEN to_jsonb(evaluated) - 'decision_id'
                         IS DISTINCT FROM to_jsonb(decided) - 'decision_id'
                    THEN jsonb_build_object('evaluated', to_jsonb(evaluated)) ELSE '{}' END
            || CASE WHEN explained IS DISTINCT FROM decided.reason::text
                    THEN jsonb_build_object('explained', explained) ELSE '{}' END);
    END LOOP;
    PERFORM set_config('lotty.ignore_sticky', 'false', true);
    RETURN answers;
END
$$;

-- The ledger by user: which variant of which of Optimizely's experiments.
CREATE FUNCTION fuzz.profiles() RETURNS jsonb
LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(subject_id, entries), '{}')
      FROM (SELECT a.subject_id, jsonb_object_agg(e.hash_key, a.variant_id) AS entries
              FROM lotty.assignment AS a JOIN lotty.experiment AS e USING (experiment_id)
             GROUP BY a.subject_id) AS ledger
$$;

CREATE FUNCTION fuzz.perform(step jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    CASE step->>'op'
    WHEN 'wipe' THEN
        PERFORM proof.wipe();
        RETURN 'null';
    WHEN 'import' THEN
        RETURN fuzz.import(step);
    WHEN 'evaluate' THEN
        RETURN fuzz.evaluate(step);
    WHEN 'decide' THEN
        RETURN fuzz.decide(step);
    WHEN 'get_variation' THEN
        RETURN proof.variation(lotty_decide_experiment(
            step->>'experiment', step->>'user', (step->>'attributes')::jsonb));
    WHEN 'force' THEN
        RETURN to_jsonb(lotty_force(step->>'experiment', step->>'user', step->>'variation'));
    WHEN 'forced' THEN
        RETURN coalesce(to_jsonb(lotty_forced(step->>'experiment', step->>'user')), 'null');
    WHEN 'give_profile' THEN
        PERFORM lotty_import_optimizely_profile(step->>'project', step->'profile');
        RETURN 'null';
    WHEN 'profiles' THEN
        RETURN fuzz.profiles();
    END CASE;
END
$$;

-- Each step is a transaction of its own; an error is its answer.
CREATE PROCEDURE fuzz.run(step jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
    detail text;
BEGIN
    BEGIN
        answer := fuzz.perform(step);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        answer := jsonb_build_object('error', SQLERRM, 'sqlstate', SQLSTATE, 'detail', detail);
    END;
    INSERT INTO fuzz.answer VALUES ((step->>'number')::bigint, coalesce(answer, 'null'));
END
$$;
