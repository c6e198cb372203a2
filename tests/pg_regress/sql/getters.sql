-- Values of flags in types of SQL.
SELECT wipe();
INSERT INTO lotty.flag (key, value_type, default_value) VALUES
    ('yes', 'boolean', 'true'), ('no', 'boolean', 'false'), ('text', 'string', '"grün 🚩 \"q\" \\"'), ('empty', 'string', '""'),
    ('number', 'number', '1.50'), ('big', 'number', '123456789012345678901234567890.123456789012345678901234567890'),
    ('small', 'number', '-1e-30'), ('true text', 'json', '"true"'), ('null', 'json', 'null'), ('array', 'json', '[true]'),
    ('one text', 'json', '["a"]'), ('object', 'json', '{"a": 1.0}');
SELECT key, lotty_boolean(key, 'u1') AS boolean, lotty_string(key, 'u1') AS string, lotty_number(key, 'u1') AS number,
       lotty_json(key, 'u1') AS json
  FROM lotty.flag ORDER BY key COLLATE "C";
-- Also what is no such flag, and what is of another type, is recorded: four times each.
SELECT lotty_boolean('missing', 'u1'), lotty_string('missing', 'u1'), lotty_number('missing', 'u1'), lotty_json('missing', 'u1');
SELECT flag_key, value, reason, count(*) FROM lotty.decision GROUP BY 1, 2, 3 ORDER BY flag_key COLLATE "C";

-- The fallback, in place of what is missing or of another type, not of what is there.
SELECT lotty_boolean('no', 'u1', '{}', true), lotty_boolean('text', 'u1', '{}', true), lotty_boolean('missing', 'u1', fallback => false),
       lotty_boolean('null', 'u1', '{}', true), lotty_boolean('number', 'u1', '{}', NULL);
SELECT lotty_string('empty', 'u1', '{}', 'other'), lotty_string('yes', 'u1', '{}', 'other'), lotty_string('missing', 'u1', fallback => ''),
       lotty_string('one text', 'u1', fallback => 'no text');
SELECT lotty_number('number', 'u1', '{}', 7), lotty_number('text', 'u1', '{}', 7.70), lotty_number('missing', 'u1', fallback => 1e-20),
       lotty_number('object', 'u1', fallback => 'NaN');
SELECT lotty_json('null', 'u1', '{}', '1') AS null, lotty_json('missing', 'u1', '{}', '{"a": [1, 2.50]}') AS object,
       lotty_json('missing', 'u1', fallback => 'null') AS none, lotty_json('array', 'u1', '{}', '1') AS array,
       lotty_json('missing', 'u1', fallback => (SELECT jsonb_agg(repeat('x', 9)) FROM generate_series(1, 3))) AS made;
SELECT length(lotty_json('missing', 'u1', fallback => jsonb_build_object('long', repeat('long ', 100000)))::text);
SELECT pg_typeof(lotty_boolean('yes', 'u1')), pg_typeof(lotty_string('yes', 'u1')), pg_typeof(lotty_number('yes', 'u1')), pg_typeof(lotty_json('yes', 'u1'));

-- Experiments, with attributes; the very decision of lotty_decide, limits and ledger included.
SELECT make_experiment('e' || i, targeting => 'age >= 18') FROM generate_series(1, 4) i;
DELETE FROM lotty.decision;
SELECT lotty_string('e1', 'u2', '{"age": 18}', 'other') IN ('A', 'B') AS given, lotty_string('e1', 'u2', '{"age": 17}', 'other') AS refused,
       lotty_string('e1', 'u2', '{"age": 18}') = value #>> '{}' AS same, lotty_boolean('e2', 'u2', '{"age": 18}', true) AS fallback
  FROM lotty_evaluate('e1', 'u2', '{"age": 18}');
SELECT count(*) FROM generate_series(3, 4) i, lotty_string('e' || i, 'u2', '{"age": 18}');
SELECT flag_key, reason, count(*) FROM lotty.decision WHERE subject_id = 'u2' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT e.key, a.slot FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id) WHERE subject_id = 'u2' ORDER BY 1;
SELECT * FROM lotty_check_ledger();

-- Wrong arguments.
SELECT * FROM try($$SELECT lotty_boolean(NULL, 'u3')$$);
SELECT * FROM try($$SELECT lotty_string('text', NULL)$$);
SELECT * FROM try($$SELECT lotty_number('number', 'u3', NULL, 1)$$);
SELECT * FROM try($$SELECT lotty_json('array', 'u3', '[]')$$);
SELECT * FROM try($$SELECT lotty_json(repeat('x', 513), 'u3')$$);
SELECT * FROM try($$SELECT lotty_boolean('yes', 'u3', '{}', 'maybe')$$);
BEGIN READ ONLY;
SELECT lotty_boolean('yes', 'u3');
ROLLBACK;
SELECT count(*) FROM lotty.decision WHERE subject_id = 'u3';
SELECT wipe();
