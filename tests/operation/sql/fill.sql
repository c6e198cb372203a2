-- A database in which the extension has been in use: whatever a dump can meet.

CREATE EXTENSION lotty;
SET lotty.cooldown_days = 0;
SET client_min_messages = error;

-- Flags of all types, and texts that a dump has to quote.
INSERT INTO lotty.flag (key, value_type, default_value, enabled, description)
VALUES ('boolean', 'boolean', 'false', true, ''),
       ('string', 'string', '"plain"', true, E'tab\there, line\nend, back\\slash, "quotes", ''single'''),
       ('number', 'number', '12345678901234567890.123456789', true, E'\\N'),
       ('json', 'json', '{"a": [1, null, "ü"], "b": 1e400}', true, E'\\.'),
       ('null', 'json', 'null', true, 'a default value that is a JSON null'),
       ('off', 'boolean', 'true', false, 'switched off'),
       (E'clé 🚩\t\\', 'string', '"☃"', true, '');
INSERT INTO lotty.flag (key, value_type, default_value)
SELECT 'flag ' || number, 'string', '"default"' FROM generate_series(1, 12) AS number;

-- Audiences whose rules name each other, in the order of the alphabet and against it. In the
-- table, "a" lies before "z", which it needs.
INSERT INTO lotty.audience (name, targeting) VALUES ('a', 'audience("z") OR vip');
INSERT INTO lotty.audience (name, targeting) VALUES ('z', 'country IN ("DE", "AT")');
INSERT INTO lotty.audience (name, targeting) VALUES ('m', 'audience("a") AND NOT audience("b")');
INSERT INTO lotty.audience (name, targeting) VALUES ('b', 'age < 18');
INSERT INTO lotty.audience (name, targeting, description) VALUES ('with "quotes" and \', 'audience("m")', E'\t');
-- These move behind what refers to them.
UPDATE lotty.audience SET targeting = 'country IN ("DE", "AT", "CH")' WHERE name = 'z';
UPDATE lotty.audience SET description = 'children' WHERE name = 'b';

-- Experiments inserted in every status.
CREATE TEMP TABLE status AS
SELECT s, number FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running', 'paused',
                                   'completed', 'archived']) WITH ORDINALITY AS t (s, number);
INSERT INTO lotty.experiment (flag_id, key, rank, status, targeting, traffic_allocation, hash_key)
SELECT flag_id, 'inserted ' || s, number, s, CASE WHEN number % 2 = 0 THEN 'audience("m")' ELSE '' END,
       99.9 - number, CASE WHEN number % 3 = 0 THEN 'hash ' || s END
  FROM status JOIN lotty.flag ON key = 'flag ' || number;

-- And led to every status, on every way, each step in a transaction of its own.
CREATE TEMP TABLE way AS
SELECT way, number FROM unnest(ARRAY[
    'in_review', 'in_review approved', 'in_review rejected', 'in_review rejected draft',
    'in_review draft', 'in_review approved draft', 'in_review approved running', 'running',
    'running paused', 'running paused running', 'running completed', 'running paused completed',
    'running completed archived', 'archived']) WITH ORDINALITY AS t (way, number);
INSERT INTO lotty.experiment (flag_id, key, rank, targeting, traffic_allocation)
SELECT flag_id, 'led ' || way, 100 - number, CASE WHEN number % 3 = 0 THEN 'age BETWEEN 18 AND 60' ELSE '' END, 90.0000000001
  FROM way JOIN lotty.flag ON key = 'flag ' || (1 + number % 12);
INSERT INTO lotty.experiment (flag_id, key, targeting)
SELECT flag_id, 'of ' || key, 'audience("a")' FROM lotty.flag WHERE key !~ '^flag ';
INSERT INTO lotty.variant (experiment_id, name, value, weight, is_control)
SELECT experiment_id, name,
       CASE value_type WHEN 'boolean' THEN 'true' WHEN 'number' THEN '1.50' WHEN 'json' THEN 'null'
                       ELSE to_jsonb(name) END,
       weight, name = 'control'
  FROM lotty.experiment JOIN lotty.flag USING (flag_id),
       (VALUES ('control', 33.33333333), ('variant10', 50), ('variant2', 500), ('Z', 0), ('gone', 1)) AS v (name, weight);
DELETE FROM lotty.variant v USING lotty.experiment e
 WHERE e.experiment_id = v.experiment_id AND e.started_at IS NULL AND v.name = 'gone';
INSERT INTO lotty.variant (experiment_id, name, value, weight)
SELECT experiment_id, 'later', 'null', 12.5 FROM lotty.experiment WHERE key IN ('of json', 'of null');
UPDATE lotty.experiment SET status = 'running' WHERE key LIKE 'of %';
SELECT format('UPDATE lotty.experiment SET status = %L WHERE key = %L', s, 'led ' || way)
  FROM way, unnest(string_to_array(way, ' ')) WITH ORDINALITY AS step (s, number)
 WHERE s IN ('in_review', 'approved', 'rejected', 'draft', 'archived', 'running')
   AND way !~ 'paused|completed'
 ORDER BY way.number, step.number \gexec
-- Those that end go on after they have had subjects.
UPDATE lotty.experiment SET status = 'running' WHERE key ~ '^led running (paused|completed)';

-- Conflict domains of every policy; an experiment may be in several.
INSERT INTO lotty.conflict_domain (key, policy, description)
VALUES ('exclusive', 'mutual_exclusion', E'\t'), ('weighted', 'weighted', ''), ('priority', 'priority', '');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, priority, weight)
SELECT domain_id, experiment_id, row_number() OVER (ORDER BY e.key COLLATE "C"), 0.25
  FROM lotty.conflict_domain d, lotty.experiment e
 WHERE e.key IN ('of string', 'of number', 'inserted running', 'led running')
    OR (d.key = 'exclusive' AND e.key IN ('of json', 'led running completed'));

-- Rollout rules, sticky and exempt experiments, one of several flags and one of none, retired
-- variants, overrides, and a project of Optimizely.
INSERT INTO lotty.experiment (flag_id, key, kind, rank, status, targeting)
SELECT flag_id, 'rule ' || key, 'rollout', 1, 'running', 'age >= 60' FROM lotty.flag WHERE key IN ('string', 'flag 1');
INSERT INTO lotty.experiment (key, status, sticky, exempt_from_limits) VALUES (E'alone \\ "', 'running', true, true);
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT experiment_id, 'on', '"on"' FROM lotty.experiment WHERE kind = 'rollout' OR flag_id IS NULL;
UPDATE lotty.experiment SET sticky = true WHERE key IN ('of json', 'of boolean');
INSERT INTO lotty.experiment_flag (flag_id, experiment_id, rank)
SELECT f.flag_id, e.experiment_id, 5 FROM lotty.flag f, lotty.experiment e WHERE f.key = 'number' AND e.key = 'of string';
INSERT INTO lotty.variant_value (variant_id, flag_id, value)
SELECT v.variant_id, x.flag_id, to_jsonb(1e3 + v.rank) FROM lotty.experiment_flag x JOIN lotty.variant v USING (experiment_id);
UPDATE lotty.variant SET is_retired = true WHERE name = 'gone' AND rank % 2 = 1;
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
SELECT subject, e.experiment_id, of_kind, v.variant_id
  FROM unnest(ARRAY['subject-1', 'subject-2', E'tab\t', '', 'ü🚩']) AS subject, unnest(ARRAY['forced', 'whitelist']) AS of_kind,
       lotty.experiment e JOIN lotty.variant v USING (experiment_id)
 WHERE e.key IN ('of string', 'of json') AND v.name = CASE of_kind WHEN 'forced' THEN 'Z' ELSE 'control' END;
SELECT count(*) FROM lotty_import_optimizely($${
  "version": "4", "projectId": "77", "revision": "1",
  "typedAudiences": [{"id": "a2", "name": "Adults \"ü\"", "conditions": ["or", {"name": "age", "type": "custom_attribute", "match": "ge", "value": 18}]}],
  "featureFlags": [{"id": "f1", "key": "imported", "rolloutId": "r1", "experimentIds": ["e1"], "variables": [{"id": "v1", "key": "color", "type": "string", "defaultValue": "grey"}]}],
  "rollouts": [{"id": "r1", "experiments": [{"id": "r1a", "key": "imported rule", "status": "Running", "audienceIds": [], "variations": [{"id": "1", "key": "on", "featureEnabled": true}], "trafficAllocation": [{"entityId": "1", "endOfRange": 5000}]}]}],
  "groups": [{"id": "g1", "policy": "random", "trafficAllocation": [{"entityId": "e1", "endOfRange": 8000}], "experiments": [
    {"id": "e1", "key": "imported experiment", "status": "Running", "audienceIds": ["a2"], "forcedVariations": {"subject-1": "red", "subject-2": "blue"},
     "variations": [{"id": "10", "key": "red", "featureEnabled": true}, {"id": "11", "key": "blue"}], "trafficAllocation": [{"entityId": "10", "endOfRange": 3000}, {"entityId": "", "endOfRange": 5000}, {"entityId": "11", "endOfRange": 9000}]}]}]
}$$, sticky => true);

CREATE FUNCTION attributes(number integer) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object('country', (ARRAY['DE', 'AT', 'FR', 'ü'])[1 + number % 4],
                              'age', 10 + number % 60, 'vip', number % 7 = 0)
$$;

SELECT count(*) FROM (SELECT number, key FROM generate_series(1, 1200) AS number, lotty.flag
                       WHERE (number + length(key)) % 3 = 0 ORDER BY number, key) AS asked,
                     lotty_decide(key, 'subject-' || number, attributes(number));
SELECT count(*) FROM unnest(ARRAY['', E'\\N', E'\\.', E'tab\t', E'line\nend', 'NULL', '''', E'\\', 'ü🚩', ' ']) AS subject,
                     lotty.flag, lotty_decide(key, subject, '{"vip": true, "country": "DE"}');
SELECT reason FROM lotty_decide('no such flag', 'subject-1');
SELECT count(*) FROM generate_series(1, 100) AS number, lotty_decide_experiment(E'alone \\ "', 'subject-' || number);

-- Old decisions of another system, beyond the limit.
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
SELECT gen_random_uuid(), f.key, 'backfilled', e.experiment_id, NULL, NULL, 'experiment_assigned', now() - interval '30 days'
  FROM lotty.experiment e JOIN lotty.flag f USING (flag_id) WHERE e.status IN ('running', 'completed');
SELECT count(*) FROM lotty_rebuild_ledger();

SELECT format('UPDATE lotty.experiment SET status = %L WHERE key = %L', s, 'led ' || way)
  FROM way, unnest(string_to_array(way, ' ')) WITH ORDINALITY AS step (s, number)
 WHERE way ~ '^running (paused|completed)' AND step.number > 1
 ORDER BY way.number, step.number \gexec
UPDATE lotty.experiment e SET winner_id = v.variant_id FROM lotty.variant v
 WHERE v.experiment_id = e.experiment_id AND v.name = 'variant2' AND e.key = 'led running completed';
UPDATE lotty.variant v SET weight = 7 FROM lotty.experiment e
 WHERE e.experiment_id = v.experiment_id AND e.key = 'of string' AND v.name = 'control';

-- Half of the subjects come again and leave their slots; the others keep them for the moment.
SELECT count(*) FROM (SELECT number, key FROM generate_series(1, 600) AS number, lotty.flag ORDER BY number, key) AS asked,
                     lotty_decide(key, 'subject-' || number, attributes(number));

-- Events, with and without everything that they may have.
SELECT count(*) FROM generate_series(1, 300) AS number, lotty_track('subject-' || number, 'view', occurred_at => now() - number * interval '1 minute');
SELECT count(*) FROM unnest(ARRAY['', E'\\N', E'tab\t', 'ü🚩']) AS subject, lotty_track(subject, E'line\nend', 0.10, '{"a": [1.0, null]}', 'id ' || subject);
SELECT lotty_track('subject-700', 'purchase', 19.90, '{}', 'order', d.decision_id) FROM lotty_decide('string', 'subject-700') AS d;

-- Subjects that became one; not all of their memberships found room.
SELECT object, sum(moved), sum(dropped), sum(displaced)
  FROM generate_series(1, 60) AS number, lotty_merge_subjects('subject-' || number, 'subject-' || number + 600) GROUP BY 1;

-- Partitions ahead, with rows of clocks that are fast, and the policy.
SELECT DISTINCT action FROM lotty_partition_log('month', keep => '13 months');
INSERT INTO lotty.decision (decision_id, subject_id, reason, created_at)
SELECT gen_random_uuid(), 'fast clock', 'forced', from_time FROM lotty.log_partitions() WHERE NOT is_default;

-- Reports: metrics of each kind, what they keep, and a guardrail that has tripped.
CREATE TABLE fill_orders (id bigint PRIMARY KEY, buyer text, amount numeric, at timestamptz);
INSERT INTO fill_orders SELECT n, 'subject-' || n, n * 0.01, now() FROM generate_series(1, 50) AS n;
SELECT lotty.add_event_source('order', 'SELECT id AS event_id, buyer AS subject_id, amount AS value, at AS occurred_at FROM public.fill_orders');
SELECT lotty.add_dimension('parity', 'SELECT buyer AS subject_id, id % 2 AS value FROM public.fill_orders');
INSERT INTO lotty.metric (key, type, event_type, direction, quantile, attribution_window, cuped_days) VALUES
    (E'views \\ "', 'count', 'view', 'increase', NULL, '1 day', 7), ('viewed', 'conversion', 'view', 'decrease', NULL, NULL, NULL),
    ('orders', 'sum', 'order', 'increase', NULL, NULL, NULL), ('view p90', 'event_quantile', 'view', 'increase', 0.9, NULL, NULL);
UPDATE lotty.metric SET covariate_id = (SELECT metric_id FROM lotty.metric WHERE key = 'viewed') WHERE key LIKE 'views%';
SELECT lotty.attach_metric('of string', key, CASE key WHEN 'viewed' THEN 'guardrail' ELSE 'goal' END, CASE key WHEN 'viewed' THEN 'pause' ELSE 'none' END)
  FROM lotty.metric;
INSERT INTO lotty.analysis_plan (experiment_id, planned_subjects) SELECT experiment_id, 800 FROM lotty.experiment WHERE key = 'of string';
INSERT INTO lotty.guardrail_log (experiment_id, metric_id, variant_id, action, tolerance, alpha, detail)
SELECT v.experiment_id, m.metric_id, v.variant_id, 'notify', 0, 0.05, E'tab\t'
  FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id) CROSS JOIN lotty.metric m WHERE e.key = 'of string' AND m.key = 'viewed';
SELECT action FROM lotty_refresh_reports('of string');

-- Roles that use it: rights of every kind of object, to a column, to PUBLIC, to be handed on, to a setting.
SELECT format('CREATE ROLE %I', r) FROM unnest(ARRAY['dump application', 'dump_reporter', 'dump_manager']) AS r
 WHERE r <> ALL (SELECT rolname FROM pg_roles) \gexec
GRANT EXECUTE ON FUNCTION lotty_decide, lotty_evaluate, lotty_track TO "dump application";
GRANT EXECUTE ON FUNCTION lotty_bucket TO PUBLIC;
GRANT USAGE ON SCHEMA lotty TO dump_reporter, dump_manager;
GRANT SELECT ON lotty.decision, lotty.exposure TO dump_reporter;
GRANT SELECT (experiment_id, key, status) ON lotty.experiment TO dump_reporter;
GRANT USAGE ON TYPE lotty.reason TO dump_reporter WITH GRANT OPTION;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA lotty TO dump_manager WITH GRANT OPTION;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO dump_manager;
GRANT USAGE ON SEQUENCE lotty.change_change_id_seq TO dump_manager;
GRANT SET ON PARAMETER lotty.cooldown_days TO dump_manager;
