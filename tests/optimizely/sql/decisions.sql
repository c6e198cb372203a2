-- Decisions that leave no trace: each with the datafile that it was recorded with, all calls
-- of a datafile in one statement.

CREATE TABLE proof.call (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text  NOT NULL,
    datafile   text  NOT NULL,
    op         text  NOT NULL,
    key        text  NOT NULL,
    user_id    text  NOT NULL,
    attributes jsonb NOT NULL,
    expected   jsonb NOT NULL
);

INSERT INTO proof.datafile
SELECT data->>'datafile_id', data->'datafile' FROM proof.datafiles
UNION ALL
SELECT data->>'datafile_id', data->'datafile' FROM proof.public_datafiles
UNION ALL
SELECT data->>'case', data->'datafile' FROM proof.cases
UNION ALL
SELECT data->>'datafile_id', data->'datafile' FROM proof.disputed WHERE data ? 'datafile';

CREATE VIEW proof.recorded AS
    SELECT '' AS origin, data FROM proof.decisions
    UNION ALL
    SELECT 'public ', data FROM proof.public_decisions;

INSERT INTO proof.call (kind, datafile, op, key, user_id, attributes, expected)
SELECT origin || 'flag decisions', data->>'datafile_id', 'decide', decision->>'flag',
       data->>'user_id', proof.attributes(data->>'attributes'), decision
  FROM proof.recorded CROSS JOIN jsonb_array_elements(data->'decisions') AS decision;

INSERT INTO proof.call (kind, datafile, op, key, user_id, attributes, expected)
SELECT origin || 'experiment answers', data->>'datafile_id', 'get_variation', experiment.key,
       data->>'user_id', proof.attributes(data->>'attributes'),
       jsonb_build_object('variation', experiment.value)
  FROM proof.recorded CROSS JOIN jsonb_each(data->'experiments') AS experiment;

INSERT INTO proof.call (kind, datafile, op, key, user_id, attributes, expected)
SELECT 'cases', data->>'case', call->>'op', coalesce(call->>'flag', call->>'experiment'),
       call->>'user_id', proof.attributes(call->>'attributes'),
       CASE call->>'op' WHEN 'decide' THEN call->'result'
                        ELSE jsonb_build_object('variation', call->'result') END
  FROM proof.cases
 CROSS JOIN jsonb_array_elements(data->'calls') WITH ORDINALITY AS c (call, nth)
 ORDER BY data->>'case', nth;

INSERT INTO proof.call (kind, datafile, op, key, user_id, attributes, expected)
SELECT 'disputed decisions', data->>'datafile_id', 'decide', decision->>'flag',
       data->>'user_id', proof.attributes(data->>'attributes'), decision
  FROM proof.disputed CROSS JOIN jsonb_array_elements(data#>'{lotty,decisions}') AS decision
 WHERE data->>'kind' = 'decision';

INSERT INTO proof.call (kind, datafile, op, key, user_id, attributes, expected)
SELECT 'disputed experiment answers', data->>'datafile_id', 'get_variation', experiment.key,
       data->>'user_id', proof.attributes(data->>'attributes'),
       jsonb_build_object('variation', experiment.value)
  FROM proof.disputed CROSS JOIN jsonb_each(data#>'{lotty,experiments}') AS experiment
 WHERE data->>'kind' = 'decision';

CREATE INDEX ON proof.call (datafile, op);
ANALYZE proof.call;

-- What is answered without being recorded, and for a sample what is answered and recorded.
CREATE TABLE proof.answer (number bigint PRIMARY KEY, answer jsonb NOT NULL);
CREATE TABLE proof.recorded_answer (
    number bigint PRIMARY KEY,
    answer jsonb NOT NULL,
    row_is jsonb,
    row_of jsonb NOT NULL
);

CREATE PROCEDURE proof.evaluate(wanted text)
LANGUAGE sql AS $$
    INSERT INTO proof.answer
    SELECT number, proof.decision(lotty_evaluate(key, user_id, attributes))
      FROM proof.call WHERE datafile = wanted AND op = 'decide';
    INSERT INTO proof.answer
    SELECT number, jsonb_build_object(
               'variation', proof.variation(lotty_evaluate_experiment(key, user_id, attributes)))
      FROM proof.call WHERE datafile = wanted AND op = 'get_variation';
$$;

-- The part of an answer that the log repeats.
CREATE FUNCTION proof.log_row(subject text, decided lotty.decision_result) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('flag', decided.flag, 'subject', subject, 'value', decided.value,
                              'experiment', decided.experiment_id, 'variant', decided.variant_id,
                              'reason', decided.reason)
$$;

CREATE PROCEDURE proof.record(wanted text)
LANGUAGE plpgsql AS $$
DECLARE
    call    proof.call;
    decided lotty.decision_result;
BEGIN
    FOR call IN SELECT * FROM proof.call
                 WHERE datafile = wanted AND op = 'decide' AND number % 25 = 0
    LOOP
        decided := lotty_decide(call.key, call.user_id, call.attributes);
        INSERT INTO proof.recorded_answer
        SELECT call.number, proof.decision(decided),
               (SELECT jsonb_build_object('flag', d.flag_key, 'subject', d.subject_id,
                                          'value', d.value, 'experiment', d.experiment_id,
                                          'variant', d.variant_id, 'reason', d.reason)
                  FROM lotty.decision AS d WHERE d.decision_id = decided.decision_id),
               proof.log_row(call.user_id, decided);
    END LOOP;
    COMMIT;
    -- Not sticky, and neither limited nor counted: no reason to be in the ledger.
    INSERT INTO proof.comparison
    SELECT 'ledgers', wanted, '{"assignments": 0, "problems": 0}',
           jsonb_build_object('assignments', (SELECT count(*) FROM lotty.assignment),
                              'problems', (SELECT count(*) FROM lotty_check_ledger()));
END
$$;

-- After an error the next datafile goes on: the calls of the failed one have no answer.
\set ON_ERROR_STOP off
SELECT format('CALL proof.load(%L)', name),
       format('CALL proof.evaluate(%L)', name),
       format('CALL proof.record(%L)', name)
  FROM proof.datafile ORDER BY name
\gexec
\set ON_ERROR_STOP on

INSERT INTO proof.comparison
SELECT kind, format('%s: %s %s for %L with %s', datafile, op, key, left(user_id, 80), attributes),
       expected, answer
  FROM proof.call LEFT JOIN proof.answer USING (number);

INSERT INTO proof.comparison
SELECT 'recorded decisions',
       format('%s: %s for %L with %s', datafile, key, left(user_id, 80), attributes),
       expected || jsonb_build_object('row', row_of), answer || jsonb_build_object('row', row_is)
  FROM proof.call LEFT JOIN proof.recorded_answer USING (number)
 WHERE op = 'decide' AND number % 25 = 0;

-- Disputed conditions of a single audience.
INSERT INTO proof.comparison
SELECT 'disputed conditions',
       format('%s with %s', data->>'conditions', data->>'attributes'),
       jsonb_build_object('truth', data#>'{lotty,result}'),
       proof.truth_of(data->>'conditions', data->>'attributes')
  FROM proof.disputed WHERE data->>'kind' = 'condition';
