-- Sequences of calls, each from an empty store: what is answered, and what is stored.

-- A rule that does not parse makes lotty_decide warn; scenarios with such a rule are marked.
SET client_min_messages = error;

-- What lotty_decide answered, and what it left in the log. `preview` is what lotty_evaluate
-- says afterwards: having been assigned changes nothing for the subject itself.
CREATE TABLE vectors.answer (
    scenario   integer,
    call       bigint,
    answer     jsonb,
    preview    jsonb,
    rows_added bigint,
    write      text,
    decision_id uuid,
    stored     jsonb,
    PRIMARY KEY (scenario, call)
);

CREATE TABLE vectors.ledger (scenario integer PRIMARY KEY, problems jsonb NOT NULL);

-- --- the store ---------------------------------------------------------------------------

-- As a replica: what has run cannot be deleted otherwise. The cache is told all the same.
CREATE FUNCTION vectors.empty_store() RETURNS void
LANGUAGE sql SET session_replication_role = replica AS $$
    DELETE FROM lotty.decision;
    DELETE FROM lotty.assignment;
    DELETE FROM lotty.variant;
    DELETE FROM lotty.experiment;
    DELETE FROM lotty.flag;
$$;

-- The common type of a flag's values, if it is one that Lotty checks.
CREATE FUNCTION vectors.value_type(flag jsonb, experiments jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN count(DISTINCT type) = 1 AND min(type) IN ('boolean', 'string', 'number')
                THEN min(type) ELSE 'json' END
      FROM (SELECT jsonb_typeof(flag->'default_value')
            UNION ALL
            SELECT jsonb_typeof(variant->'value')
              FROM jsonb_array_elements(experiments) AS experiment
             CROSS JOIN jsonb_array_elements(experiment->'variants') AS variant
             WHERE experiment->>'flag' = flag->>'key') AS value (type)
$$;

CREATE FUNCTION vectors.load_flags(scenario jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.flag (key, value_type, default_value)
    SELECT flag->>'key', vectors.value_type(flag, scenario->'experiments'), flag->'default_value'
      FROM jsonb_array_elements(scenario->'flags') AS flag
$$;

CREATE FUNCTION vectors.load_experiments(scenario jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.experiment (experiment_id, flag_id, key, status, targeting, traffic_allocation)
    SELECT (experiment->>'id')::uuid,
           (SELECT flag_id FROM lotty.flag WHERE key = experiment->>'flag'),
           experiment->>'id', experiment->>'status', experiment->>'targeting',
           (experiment->>'traffic_allocation')::numeric
      FROM jsonb_array_elements(scenario->'experiments') AS experiment
$$;

-- A rule that does not parse reaches the table past the triggers only (by replication, say).
CREATE FUNCTION vectors.load_experiments_unchecked(scenario jsonb) RETURNS void
LANGUAGE sql SET session_replication_role = replica AS $$
    SELECT vectors.load_experiments(scenario)
$$;

-- In storage order: the trigger numbers them.
CREATE FUNCTION vectors.load_variants(scenario jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.variant (variant_id, experiment_id, name, weight, value)
    SELECT (variant->>'id')::uuid, (experiment->>'id')::uuid, variant->>'name',
           (variant->>'weight')::numeric, variant->'value'
      FROM jsonb_array_elements(scenario->'experiments') AS experiment
     CROSS JOIN jsonb_array_elements(experiment->'variants') WITH ORDINALITY AS v (variant, nth)
     ORDER BY experiment->>'id', nth
$$;

CREATE FUNCTION vectors.is_reason(label text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT label = ANY (enum_range(NULL::lotty.reason)::text[])
$$;

-- Rows with a reason that Lotty cannot store are left out; they are compared below.
CREATE FUNCTION vectors.load_decisions(scenario jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, reason, created_at)
    SELECT gen_random_uuid(), 'earlier', decision->>'subject_id',
           (decision->>'experiment_id')::uuid, (decision->>'reason')::lotty.reason,
           now() - make_interval(secs => (decision->>'age_seconds')::double precision)
      FROM jsonb_array_elements(scenario->'decisions') AS decision
     WHERE vectors.is_reason(decision->>'reason');
    SELECT lotty_rebuild_ledger();
$$;

-- --- the calls ---------------------------------------------------------------------------

-- `answered`: NULL is the value of an unknown flag only, any other null is JSON's.
CREATE FUNCTION vectors.as_object(decision lotty.decision_result) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'flag', decision.flag, 'answered', decision.value IS NOT NULL, 'value', decision.value,
        'reason', decision.reason, 'experiment_id', decision.experiment_id,
        'variant_id', decision.variant_id)
$$;

CREATE FUNCTION vectors.expected_answer(call jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'flag', call->'flag', 'answered', call#>>'{expect,reason}' <> 'flag_not_found',
        'value', call#>'{expect,value}', 'reason', call#>'{expect,reason}',
        'experiment_id', call#>'{expect,experiment_id}', 'variant_id', call#>'{expect,variant_id}')
$$;

-- The text that the seed keeps for a value: Python's str(), with nothing for None.
CREATE FUNCTION vectors.stored_text(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(value)
           WHEN 'boolean' THEN initcap(value::text)
           WHEN 'null' THEN ''
           ELSE coalesce(value #>> '{}', '') END
$$;

CREATE FUNCTION vectors.stored_row(decision_id uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'flag', d.flag_key, 'subject_id', d.subject_id, 'reason', d.reason,
               'experiment_id', d.experiment_id, 'variant_id', d.variant_id,
               'value', vectors.stored_text(d.value), 'created_at_now', d.created_at = now())
      FROM lotty.decision d WHERE d.decision_id = stored_row.decision_id
$$;

CREATE FUNCTION vectors.expected_row(call jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'flag', call->'flag', 'subject_id', call->'subject_id',
        'reason', call#>'{expect,reason}', 'experiment_id', call#>'{expect,experiment_id}',
        'variant_id', call#>'{expect,variant_id}', 'value', call#>'{expect,stored_value}',
        'created_at_now', true)
$$;

-- An unknown write mode is sync in the seed; Lotty refuses to set it.
CREATE FUNCTION vectors.write_mode(scenario jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN lower(mode) IN ('sync', 'async', 'disabled') THEN mode ELSE 'sync' END
      FROM (SELECT scenario#>>'{settings,write_mode}') AS configured (mode)
$$;

-- How many decisions were written in which way so far.
CREATE FUNCTION vectors.writes() RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
    SELECT jsonb_object_agg(label_value, value)
      FROM lotty.metrics WHERE name = 'lotty_decisions_written_total'
$$;

CREATE PROCEDURE vectors.make_call(scenario integer, nth bigint, call jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    rows_before bigint := (SELECT count(*) FROM lotty.decision);
    rows_after bigint;
    writes_before jsonb := vectors.writes();
    writes_after jsonb;
    answer lotty.decision_result;
    preview lotty.decision_result;
BEGIN
    SELECT * INTO answer
      FROM lotty_decide(call->>'flag', call->>'subject_id', call->'attributes');
    rows_after := (SELECT count(*) FROM lotty.decision);
    writes_after := vectors.writes();
    SELECT * INTO preview
      FROM lotty_evaluate(call->>'flag', call->>'subject_id', call->'attributes');
    INSERT INTO vectors.answer
    VALUES (scenario, nth, vectors.as_object(answer), vectors.as_object(preview),
            rows_after - rows_before,
            (SELECT string_agg(key, ' ') FROM jsonb_each(writes_after)
              WHERE value <> writes_before -> key),
            answer.decision_id, vectors.stored_row(answer.decision_id));
END
$$;

CREATE PROCEDURE vectors.run_scenario(wanted integer)
LANGUAGE plpgsql AS $$
DECLARE
    recorded jsonb := (SELECT data FROM vectors.scenario WHERE number = wanted);
    call record;
BEGIN
    PERFORM vectors.empty_store();
    PERFORM vectors.load_flags(recorded);
    IF recorded->'tags' ? 'broken' THEN
        PERFORM vectors.load_experiments_unchecked(recorded);
    ELSE
        PERFORM vectors.load_experiments(recorded);
    END IF;
    PERFORM vectors.load_variants(recorded);
    PERFORM vectors.load_decisions(recorded);
    PERFORM set_config('lotty.decision_write_mode', vectors.write_mode(recorded), false);
    FOR call IN
        SELECT c.data, c.nth
          FROM jsonb_array_elements(recorded->'calls') WITH ORDINALITY AS c (data, nth)
         ORDER BY c.nth
    LOOP
        CALL vectors.make_call(wanted, call.nth, call.data);
    END LOOP;
    INSERT INTO vectors.ledger
    SELECT wanted, coalesce(jsonb_agg(to_jsonb(problem)), '[]')
      FROM lotty_check_ledger() AS problem;
END
$$;

-- After the commit: waits for what the background writer has been given.
CREATE PROCEDURE vectors.await_rows(wanted integer)
LANGUAGE plpgsql AS $$
BEGIN
    FOR turn IN 1..2000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM vectors.answer a
                               WHERE a.scenario = wanted AND a.write = 'async'
                                 AND NOT EXISTS (SELECT FROM lotty.decision d
                                                  WHERE d.decision_id = a.decision_id));
        PERFORM pg_sleep(0.005);
    END LOOP;
    UPDATE vectors.answer a SET stored = vectors.stored_row(a.decision_id) || '{"created_at_now": true}'
     WHERE a.scenario = wanted AND a.write = 'async';
END
$$;

-- Each scenario in a transaction of its own, so that now() is one instant for all its calls.
-- After an error the next one goes on: the calls of the failed one have no answer.
\set ON_ERROR_STOP off
SELECT format('CALL vectors.run_scenario(%s)', number), format('CALL vectors.await_rows(%s)', number)
  FROM vectors.scenario ORDER BY number
\gexec
\set ON_ERROR_STOP on

-- --- comparing ---------------------------------------------------------------------------

CREATE TABLE vectors.scenario_call AS
    SELECT s.number AS scenario, c.nth AS call, c.data,
           format('%s, call %s: flag %s, subject %s, attributes %s', s.data->>'id', c.nth,
                  c.data->>'flag', c.data->>'subject_id', c.data->>'attributes') AS what
      FROM vectors.scenario s
     CROSS JOIN jsonb_array_elements(s.data->'calls') WITH ORDINALITY AS c (data, nth);

INSERT INTO vectors.comparison
SELECT 'scenario calls', what, vectors.expected_answer(data), answer
  FROM vectors.scenario_call LEFT JOIN vectors.answer USING (scenario, call);

INSERT INTO vectors.comparison
SELECT 'scenario previews', what, vectors.expected_answer(data), preview
  FROM vectors.scenario_call LEFT JOIN vectors.answer USING (scenario, call);

-- Who writes the decision: the call itself, the background writer, or nobody.
INSERT INTO vectors.comparison
SELECT 'scenario writes', what, jsonb_build_object('write', data#>'{expect,write}'),
       jsonb_build_object('write', write)
  FROM vectors.scenario_call LEFT JOIN vectors.answer USING (scenario, call);

-- What is stored: at once, or after the commit.
INSERT INTO vectors.comparison
SELECT 'stored decisions', what,
       vectors.expected_row(data)
           || jsonb_build_object('rows_added', CASE WHEN data#>>'{expect,write}' = 'sync' THEN 1 ELSE 0 END),
       stored || jsonb_build_object('rows_added', rows_added)
  FROM vectors.scenario_call LEFT JOIN vectors.answer USING (scenario, call)
 WHERE data#>>'{expect,write}' IN ('sync', 'async');

-- And what is not.
INSERT INTO vectors.comparison
SELECT 'unstored decisions', what, '{"rows_added": 0, "recorded": false}',
       jsonb_build_object('rows_added', rows_added, 'recorded', decision_id IS NOT NULL OR stored IS NOT NULL)
  FROM vectors.scenario_call LEFT JOIN vectors.answer USING (scenario, call)
 WHERE data#>>'{expect,write}' = 'none';

-- After its calls, the ledger is still what the log says.
INSERT INTO vectors.comparison
SELECT 'scenario ledgers', data->>'id', '{"problems": []}',
       CASE WHEN problems IS NOT NULL THEN jsonb_build_object('problems', problems) END
  FROM vectors.scenario LEFT JOIN vectors.ledger ON scenario = number;

-- --- what Lotty refuses, where the seed stored it -----------------------------------------

SELECT vectors.empty_store() \g /dev/null

-- A rule that does not parse.
INSERT INTO vectors.comparison
SELECT 'refused rules', format('%s: %s', data->>'id', experiment->>'targeting'),
       '{"sqlstate": "22023"}',
       jsonb_build_object('sqlstate', vectors.sqlstate_of(format(
           'WITH owner AS (INSERT INTO lotty.flag (key, value_type, default_value)
                           VALUES (''flag'', ''json'', ''null'') RETURNING flag_id)
            INSERT INTO lotty.experiment (flag_id, key, targeting)
            SELECT flag_id, ''experiment'', %L FROM owner', experiment->>'targeting')))
  FROM vectors.scenario CROSS JOIN jsonb_array_elements(data->'experiments') AS experiment
 WHERE data->'tags' ? 'broken';

-- A reason that is none, such as one with a blank behind it.
INSERT INTO vectors.comparison
SELECT 'refused reasons', format('%s: "%s"', data->>'id', decision->>'reason'),
       '{"sqlstate": "22P02"}',
       jsonb_build_object('sqlstate', vectors.sqlstate_of(format(
           'INSERT INTO lotty.decision (decision_id, flag_key, subject_id, reason)
            VALUES (gen_random_uuid(), ''flag'', ''subject'', %L)', decision->>'reason')))
  FROM vectors.scenario CROSS JOIN jsonb_array_elements(data->'decisions') AS decision
 WHERE NOT vectors.is_reason(decision->>'reason');
