-- Reports where they are easily wrong.
SELECT wipe();
CREATE FUNCTION expose(experiment text, variant text, subject text, at timestamptz DEFAULT now()) RETURNS void LANGUAGE sql AS $$
    INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
    SELECT gen_random_uuid(), 'f', subject, v.experiment_id, v.variant_id, v.value, 'experiment_assigned', at
      FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id) WHERE e.key = experiment AND v.name = variant
$$;
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'string', '"x"');
INSERT INTO lotty.experiment (flag_id, key, status, started_at)
SELECT flag_id, e, 'running', now() - interval '3 days' FROM lotty.flag, unnest(ARRAY['x', 'y']) AS e;
INSERT INTO lotty.variant (experiment_id, name, value, weight, is_control)
SELECT e.experiment_id, v, to_jsonb(v), 1, v = 'a' FROM lotty.experiment e, unnest(ARRAY['a', 'b']) AS v;
-- As if it had been so from the beginning.
UPDATE lotty.change SET changed_at = now() - interval '4 days';
INSERT INTO lotty.metric (key, type, event_type, quantile, cuped_days) VALUES
    ('conversion', 'conversion', 'buy', NULL, NULL), ('visits', 'count', 'visit', NULL, 7), ('median', 'quantile', 'buy', 0.5, NULL);
SELECT lotty.attach_metric('x', key) FROM lotty.metric \g /dev/null

-- Half and half, and nobody knows better; then everybody is given b, on a day on which everybody buys.
SELECT count(expose('x', CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, 's' || n, now() - interval '2 days')) FROM generate_series(1, 400) AS n;
SELECT count(lotty_track('s' || n, 'buy', n % 9 + 1, occurred_at => now() - interval '1 day')) FROM generate_series(1, 400) AS n WHERE n / 2 % 5 < 3;
INSERT INTO lotty.change (changed_at, changed_by, as_role, table_name, operation, key, old_row, new_row) OVERRIDING SYSTEM VALUE
SELECT now() - interval '12 hours', 'test', 'test', 'variant', 'UPDATE', 'x: a', to_jsonb(v), to_jsonb(v) || '{"weight": 0}'
  FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id) WHERE e.key = 'x' AND v.name = 'a';
SELECT count(expose('x', 'b', 't' || n, now() - interval '6 hours')) FROM generate_series(1, 300) AS n;
SELECT count(lotty_track('t' || n, 'buy', n % 9 + 1)) FROM generate_series(1, 300) AS n;
SELECT w.period, v.name, w.weight FROM lotty.experiment e, lotty.weight_periods(e.experiment_id) w JOIN lotty.variant v USING (variant_id)
 WHERE e.key = 'x' ORDER BY 1, 2;
SELECT metric, variant, n, round(mean::numeric, 4) AS mean, round(diff::numeric, 4) AS diff, verdict, note FROM lotty.report('x') WHERE NOT is_control;
SELECT counted, round(p_value::numeric, 4) AS p FROM lotty.srm('x');
-- The same without what is kept.
BEGIN READ ONLY;
SELECT metric, variant, n, round(mean::numeric, 4) AS mean, round(diff::numeric, 4) AS diff, verdict, note FROM lotty.report('x') WHERE NOT is_control;
COMMIT;
-- Without the beginning of the trail: what the first change has replaced.
DELETE FROM lotty.change WHERE operation = 'INSERT';
SELECT w.period, v.name, w.weight FROM lotty.experiment e, lotty.weight_periods(e.experiment_id) w JOIN lotty.variant v USING (variant_id)
 WHERE e.key = 'x' ORDER BY 1, 2;

-- Caps of those who have something are for those who have something.
SELECT count(expose('y', CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, 'u' || n)) FROM generate_series(1, 200) AS n;
INSERT INTO lotty.metric (key, type, event_type, ignore_zeros, winsorize_lower, winsorize_upper) VALUES ('capped', 'sum', 'pay', true, 0.05, 0.95);
SELECT count(lotty_track('u' || n, 'pay', n)) FROM generate_series(1, 20) AS n;
SELECT variant, lotty.n(stats), round(lotty.mean(stats)::numeric, 4) AS mean, round(lower_cap::numeric, 2) AS lower, round(upper_cap::numeric, 2) AS upper, capped
  FROM lotty.metric_stats('y', 'capped');

-- A dimension with several rows for a subject.
SELECT lotty.add_dimension('twice', 'SELECT ''u'' || n AS subject_id, m AS value FROM pg_catalog.generate_series(1, 200) AS n, pg_catalog.generate_series(1, 2) AS m');
SELECT dimension_value, variant, n FROM lotty.report_by('y', 'capped', 'twice');

-- A year equals 360 days, and is longer.
INSERT INTO lotty.metric (key, type, event_type, attribution_window) VALUES ('year', 'count', 'late', '1 year'), ('days', 'count', 'late', '360 days');
SELECT lotty.attach_metric('y', 'year'), lotty.attach_metric('y', 'days');
SELECT lotty_track('u1', 'late', occurred_at => now() + interval '362 days');
SELECT metric, n, mean FROM lotty.report('y') WHERE NOT is_control ORDER BY 1;

-- A value that would spoil every report.
SELECT lotty_track('u1', 'pay', 1e100);
INSERT INTO lotty.event (event_id, subject_id, event_type, value) VALUES ('huge', 'u1', 'late', 'Infinity');
UPDATE lotty.metric SET type = 'sum' WHERE key = 'year';
SELECT count(*) FROM lotty.report('y');
\set SHOW_CONTEXT never
SELECT count(*) FROM lotty.report_daily('y', 'year');
SELECT count(*) FROM lotty.report('y', '9999-01-01Z');
\set SHOW_CONTEXT errors
-- The others' reports are refreshed.
SELECT experiment_key, action FROM lotty_refresh_reports() WHERE experiment_key = 'y';
DELETE FROM lotty.event WHERE event_id = 'huge';
SELECT action FROM lotty_refresh_reports('y');

-- Of a subject that is forgotten nothing is kept.
SELECT count(*) FROM lotty.report_subject r JOIN lotty.report_progress p USING (experiment_id) WHERE r.subject_id = 'u1';
SELECT sum(rows) > 0 AS forgotten FROM lotty_forget('u1');
SELECT (SELECT count(*) FROM lotty.report_subject WHERE subject_id = 'u1') + (SELECT count(*) FROM lotty.report_total WHERE subject_id = 'u1') AS left_over;
SELECT sum(n) FROM lotty.report('y') WHERE metric = 'days';
-- Nor of an experiment that is archived.
SELECT lotty_complete('y'), lotty_archive('y');
SELECT count(*) FROM lotty.report_subject r JOIN lotty.experiment e USING (experiment_id) WHERE e.key = 'y';
SELECT sum(n) FROM lotty.report('y') WHERE metric = 'days';

-- Guardrails: a query of a role with less is not run, one that fails keeps the others from nothing.
CREATE ROLE lotty_test_source;
SELECT count(*) FROM lotty_grant('lotty_test_source', 'manage');
CREATE FUNCTION public.spy() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'run as %', current_user; RETURN 't1'; END $$;
CREATE TABLE public.gone AS SELECT 's1' AS subject_id, now() AS occurred_at;
SELECT lotty.add_event_source('lost', 'SELECT subject_id, occurred_at FROM public.gone');
DROP TABLE public.gone;
SET ROLE lotty_test_source;
SELECT lotty.add_event_source('spied', 'SELECT public.spy() AS subject_id, pg_catalog.now() AS occurred_at');
RESET ROLE;
INSERT INTO lotty.metric (key, type, event_type, direction) VALUES
    ('g1 spied', 'count', 'spied', 'decrease'), ('g2 lost', 'count', 'lost', 'decrease'), ('g3 harm', 'count', 'harm', 'decrease');
SELECT lotty.attach_metric('x', key, 'guardrail', 'pause') FROM lotty.metric WHERE key LIKE 'g%' \g /dev/null
SELECT count(lotty_track('s' || n, 'harm')) FROM generate_series(1, 400) AS n WHERE n % 2 = 1 OR n % 20 = 0;
SELECT metric, variant, action FROM lotty_check_guardrails();
SELECT status FROM lotty.experiment WHERE key = 'x';

DROP FUNCTION expose, public.spy;
SELECT wipe();
DROP OWNED BY lotty_test_source;
DROP ROLE lotty_test_source;
