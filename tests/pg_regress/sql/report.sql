-- Reports, by numbers that can be checked by hand. What is kept is held against the same from the log.
SELECT wipe();
SET timezone = 'UTC';
CREATE FUNCTION expose(subject text, variant text, at timestamptz DEFAULT '2025-01-01Z', experiment text DEFAULT 'x') RETURNS uuid
LANGUAGE sql AS $$
    INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
    VALUES (md5(concat_ws(' ', experiment, subject, variant, extract(epoch FROM at)))::uuid, experiment, subject,
            md5('experiment ' || experiment)::uuid, md5(variant || ' ' || experiment)::uuid, '"V"', 'experiment_assigned', at)
    RETURNING decision_id
$$;
CREATE FUNCTION happen(subject text, value numeric, at timestamptz DEFAULT '2025-01-01 12:00Z', event_type text DEFAULT 'purchase',
                       received timestamptz DEFAULT NULL, decision uuid DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at, received_at, decision_id)
    VALUES (gen_random_uuid()::text, subject, event_type, value, at, coalesce(received, at), decision)
$$;
-- Of a report what can be read at a glance.
CREATE FUNCTION shown(experiment text DEFAULT 'x', as_of timestamptz DEFAULT NULL, cuped boolean DEFAULT false)
RETURNS TABLE (metric text, variant text, n bigint, mean numeric, std_err numeric, diff numeric, lift numeric, p_value numeric, verdict text, note text)
LANGUAGE sql AS $$
    SELECT r.metric, r.variant, r.n, round(r.mean::numeric, 4), round(r.std_err::numeric, 4), round(r.diff::numeric, 4),
           round(r.lift::numeric, 4), round(r.p_value::numeric, 4), r.verdict, r.note
      FROM lotty.report(experiment, as_of, cuped => cuped) r
$$;
-- Everything that is told of an experiment: from what is kept, or (far in the future) from the log and the events.
CREATE FUNCTION all_of(experiment text, as_of timestamptz) RETURNS TABLE (part text, content jsonb)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT 'report', to_jsonb(r) FROM lotty.report(experiment, as_of) r;
    RETURN QUERY SELECT 'health', to_jsonb(r) FROM lotty.health(experiment, as_of) r;
    RETURN QUERY SELECT 'srm', to_jsonb(r) FROM lotty.srm(experiment, as_of => as_of) r;
    RETURN QUERY SELECT 'stats ' || m.key, to_jsonb(r) - 'stats' || jsonb_build_object('n', lotty.n(r.stats), 'mean', lotty.mean(r.stats), 'variance', lotty.variance(r.stats))
        FROM lotty.metric m CROSS JOIN LATERAL lotty.metric_stats(experiment, m.key, as_of) r WHERE m.key ~ 'sum|median';
    RETURN QUERY SELECT 'by ' || m.key, to_jsonb(r) FROM lotty.dimension d, lotty.metric m CROSS JOIN LATERAL lotty.report_by(experiment, m.key, d.name, as_of) r
        WHERE m.key ~ 'sum|named$';
END
$$;
-- The last digits depend on the order of the rows.
CREATE FUNCTION rounded(content jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(e.key, CASE jsonb_typeof(e.value) WHEN 'number' THEN to_jsonb(round(e.value::numeric, 8)) ELSE e.value END)
      FROM jsonb_each(content) AS e
$$;
-- How many rows there are of one kind and not of the other: 0 if what is kept is right.
CREATE FUNCTION differing(experiment text DEFAULT 'x') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    kept jsonb[] := ARRAY(SELECT jsonb_build_array(a.part, rounded(a.content)) FROM all_of(experiment, NULL) a);
    raw jsonb[] := ARRAY(SELECT jsonb_build_array(a.part, rounded(a.content)) FROM all_of(experiment, '9999-01-01Z') a);
BEGIN
    IF cardinality(kept) = 0 THEN
        RAISE EXCEPTION 'nothing is compared';
    END IF;
    RETURN (SELECT count(*) FROM ((SELECT unnest(kept) EXCEPT ALL SELECT unnest(raw)) UNION ALL (SELECT unnest(raw) EXCEPT ALL SELECT unnest(kept))) AS d);
END
$$;

-- One experiment, eight subjects. a spends 30 (in two), 0, 5, 5; b spends 40, 10, 10, 20.
SELECT make_experiment('x');
SELECT count(expose(s, left(s, 1))) FROM unnest(ARRAY['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'b4']) AS s;
SELECT count(happen(s, v)) FROM (VALUES ('a1', 10), ('a1', 20), ('a3', 5), ('a4', 5), ('b1', 40), ('b2', 10), ('b3', 10), ('b4', 20)) AS t (s, v);
-- Somebody else, and something else.
SELECT happen('c1', 1000), happen('a1', 1000, event_type => 'view');
INSERT INTO lotty.metric (key, type, event_type, numerator, denominator, quantile, description)
VALUES ('conversion', 'conversion', 'purchase', 'sum', 'count', NULL, '3 of 4 and 4 of 4'),
       ('count', 'count', 'purchase', 'sum', 'count', NULL, '1 and 1 for each'),
       ('sum', 'sum', 'purchase', 'sum', 'count', NULL, '10 and 20 for each'),
       ('ratio', 'ratio', 'purchase', 'sum', 'count', NULL, '40 / 4 and 80 / 4'),
       ('inverse', 'ratio', 'purchase', 'count', 'sum', NULL, '4 / 40 and 4 / 80'),
       ('median', 'quantile', 'purchase', 'sum', 'count', 0.5, '5 of (0, 5, 5, 30) and 15 of (10, 10, 20, 40)'),
       ('event median', 'event_quantile', 'purchase', 'sum', 'count', 0.5, '7.5 of (5, 5, 10, 20) and 15 of (10, 10, 20, 40)'),
       ('p90', 'quantile', 'purchase', 'sum', 'count', 0.9, '4 values are too few for an interval'),
       ('none', 'sum', 'nothing', 'sum', 'count', NULL, 'no event');
SELECT lotty.attach_metric('x', key, CASE key WHEN 'sum' THEN 'goal' ELSE 'secondary' END) FROM lotty.metric;
SELECT * FROM shown();
-- What one gets by hand: var(30, 0, 5, 5) = 550 / 3, its root over 4 is 6.77.
SELECT round(sqrt(550.0 / 3 / 4), 4) AS a, round(sqrt(600.0 / 3 / 4), 4) AS b;
SELECT metric, role, variant, is_control, round(seq_p_value::numeric, 4) AS seq_p, p_value_adjusted IS NOT NULL AS adjusted, round(lift_ci_lower::numeric, 4) AS lower, round(chance_to_beat_control::numeric, 4) AS chance
  FROM lotty.report('x') WHERE metric IN ('sum', 'conversion', 'none');
SELECT differing();
SELECT variant, is_control, period, dimension_value, lotty.n(stats), lotty.sum(stats, 1), lotty.sum_products(stats, 1, 1) FROM lotty.metric_stats('x', 'sum');
SELECT variant, lotty.n(stats), lotty.sum(stats, 1), lotty.sum(stats, 2), lotty.sum_products(stats, 1, 2) FROM lotty.metric_stats('x', 'ratio');
-- With what had happened by then.
SELECT variant, lotty.n(stats), lotty.sum(stats, 1) FROM lotty.metric_stats('x', 'sum', until => '2025-01-01 12:00Z');

-- Events count from the exposure (included) to the end of the window (excluded).
INSERT INTO lotty.metric (key, type, event_type, attribution_window) VALUES ('edge', 'sum', 'edge', '1 day'), ('open edge', 'sum', 'edge', NULL);
SELECT lotty.attach_metric('x', key) FROM lotty.metric WHERE key ~ 'edge';
SELECT happen('a1', 1, '2024-12-31 23:59:59.999999Z', 'edge'), happen('a1', 2, '2025-01-01Z', 'edge'), happen('a1', 4, '2025-01-01 23:59:59.999999Z', 'edge'), happen('a1', 8, '2025-01-02Z', 'edge');
SELECT metric, variant, n, round((mean * n)::numeric, 3) AS total FROM lotty.report('x') WHERE metric ~ 'edge';
-- The day of a window has 24 hours, whatever the time zone of the session.
SET timezone = 'Europe/Berlin';
SELECT expose('a5', 'a', '2025-03-30 00:00+01'), happen('a5', 16, '2025-03-30 23:59:59+02', 'edge'), happen('a5', 32, '2025-03-31 00:59:59+02', 'edge'), happen('a5', 64, '2025-03-31 01:00+02', 'edge');
SELECT action FROM lotty_refresh_reports('x', true);
SELECT metric, variant, n, round((mean * n)::numeric, 3) AS total FROM lotty.report('x') WHERE metric ~ 'edge' AND variant = 'a';
SET timezone = 'UTC';
SELECT differing();
-- The plan's times: exposures from starts_at (included) to ends_at (excluded); events without a window until then.
INSERT INTO lotty.analysis_plan (experiment_id, starts_at, ends_at) VALUES (md5('experiment x')::uuid, '2025-01-01Z', '2025-01-02Z');
SELECT expose('early', 'b', '2024-12-31 23:59:59.999999Z'), expose('last', 'b', '2025-01-01 23:59:59.999999Z'), expose('late', 'b', '2025-01-02Z');
SELECT happen('last', 128, '2025-01-02 12:00Z', 'edge'), happen('early', 256, '2025-01-01 12:00Z', 'edge');
SELECT metric, variant, n, round((mean * n)::numeric, 3) AS total FROM lotty.report('x') WHERE metric ~ 'edge';
SELECT differing();
SELECT counter, variant, value FROM lotty.traffic('x', event_types => '{edge}');
SELECT counter, value FROM lotty.traffic('x', event_types => '{edge}', attribution_window => '1 day') WHERE counter ~ 'after|attributed';
DELETE FROM lotty.analysis_plan;
DELETE FROM lotty.decision WHERE subject_id IN ('a5', 'early', 'last', 'late');
SELECT differing();
SELECT lotty.detach_metric('x', key) FROM lotty.metric WHERE key ~ 'edge';

-- Winsorising: percentiles of all eight, (0, 5, 5, 10, 10, 20, 30, 40). 0.75 is 22.5; of the seven other than 0 it is 25.
INSERT INTO lotty.metric (key, type, event_type, winsorize_lower, winsorize_upper, ignore_zeros)
VALUES ('capped', 'sum', 'purchase', NULL, 0.75, false), ('capped, no zeros', 'sum', 'purchase', NULL, 0.75, true), ('both', 'sum', 'purchase', 0.25, 0.75, false);
SELECT lotty.attach_metric('x', key) FROM lotty.metric WHERE key ~ 'capped|both';
SELECT metric, variant, n, mean, note FROM shown() WHERE metric ~ 'capped|both';
SELECT m.key, s.variant, s.lower_cap, s.upper_cap, s.capped, lotty.sum(s.stats, 1) FROM lotty.metric m CROSS JOIN LATERAL lotty.metric_stats('x', m.key) s WHERE m.key ~ 'capped|both';
SELECT differing();
SELECT lotty.detach_metric('x', key) FROM lotty.metric WHERE key ~ 'capped|both';

-- CUPED: seven days before the exposure. a had 8, 0, 1, 1; b had 9, 4, 3, 6. With another metric (visits) 1 for a1 and 2 for b1.
SELECT count(happen(s, v, '2024-12-30Z')) FROM (VALUES ('a1', 8), ('a3', 1), ('a4', 1), ('b1', 9), ('b2', 4), ('b3', 3), ('b4', 6)) AS t (s, v);
SELECT happen('a1', 512, '2024-12-24 23:59:59Z'), happen('a1', NULL, '2024-12-31Z', 'visit'), happen('b1', NULL, '2024-12-31Z', 'visit'), happen('b1', NULL, '2024-12-31Z', 'visit');
INSERT INTO lotty.metric (key, type, event_type, cuped_days) VALUES ('visits', 'count', 'visit', NULL), ('own', 'sum', 'purchase', 7);
INSERT INTO lotty.metric (key, type, event_type, cuped_days, covariate_id, attribution_window) SELECT 'other', 'sum', 'purchase', 7, metric_id, '1 day' FROM lotty.metric WHERE key = 'visits';
INSERT INTO lotty.metric (key, type, event_type, cuped_days) VALUES ('own ratio', 'ratio', 'purchase', 7);
SELECT lotty.attach_metric('x', key) FROM lotty.metric WHERE key ~ 'own|other';
SELECT action FROM lotty_refresh_reports('x', true);
SELECT m.key, s.variant, lotty.sum(s.stats, 1) AS y, lotty.sum(s.stats, 2) AS x, lotty.sum(s.stats, 3) AS numerator_x, lotty.sum(s.stats, 4) AS denominator_x
  FROM lotty.metric m CROSS JOIN LATERAL lotty.metric_stats('x', m.key) s WHERE m.key ~ 'own|other';
WITH s AS (SELECT variant, lotty.stats(y::float8, x::float8) AS own, lotty.stats(y::float8, v::float8) AS other
             FROM (VALUES ('a', 30, 8, 1), ('a', 0, 0, 0), ('a', 5, 1, 0), ('a', 5, 1, 0), ('b', 40, 9, 2), ('b', 10, 4, 0), ('b', 10, 3, 0), ('b', 20, 6, 0)) AS t (variant, y, x, v) GROUP BY 1),
     c AS (SELECT (lotty.compare_cuped(a.own, b.own)) AS own, (lotty.compare_cuped(a.other, b.other)) AS other FROM s a, s b WHERE a.variant = 'a' AND b.variant = 'b')
SELECT r.metric, round(r.cuped_lift::numeric, 6) AS lift, round(h.lift::numeric, 6) AS by_hand, round(r.variance_reduction::numeric, 6) AS reduction, round(h.variance_reduction::numeric, 6) AS by_hand,
       round(r.cuped_p_value::numeric, 6) AS p_value, round(h.p_value::numeric, 6) AS by_hand
  FROM lotty.report('x') r, c CROSS JOIN LATERAL (VALUES ('own', (c.own).lift, (c.own).variance_reduction, (c.own).p_value), ('other', (c.other).lift, (c.other).variance_reduction, (c.other).p_value)) AS h (metric, lift, variance_reduction, p_value)
 WHERE h.metric = r.metric AND NOT r.is_control ORDER BY 1;
SELECT count(*) AS rows, count(cuped_lift) AS with_cuped FROM lotty.report('x', cuped => false) WHERE metric ~ 'own|other';
SELECT differing();
SELECT lotty.detach_metric('x', key) FROM lotty.metric WHERE key ~ 'own|other';

-- The SQL that a metric stands for gives the same.
CREATE TEMP TABLE explained AS SELECT m.key, row_number() OVER (ORDER BY m.key) AS number FROM lotty.metric m JOIN lotty.experiment_metric USING (metric_id);
\set ECHO none
SELECT format('CREATE TEMP TABLE explained_%s AS %s', number, lotty.explain_report('x', key)) FROM explained ORDER BY number \gexec
SELECT format('SELECT %L AS metric, count(*) AS differing FROM (SELECT rounded(to_jsonb(e) - ''p_value'') FROM explained_%s e '
              'EXCEPT SELECT rounded(jsonb_build_object(''variant'', r.variant, ''n'', r.n, ''mean'', r.mean, ''std_err'', r.std_err, ''diff'', r.diff, ''lift'', r.lift, '
              '''lift_ci_lower'', r.lift_ci_lower, ''lift_ci_upper'', r.lift_ci_upper, ''seq_p_value'', r.seq_p_value)) FROM lotty.report(''x'', ''9999-01-01'', cuped => false) r WHERE r.metric = %1$L) AS d', key, number)
  FROM explained ORDER BY number \gexec
\set ECHO all
SELECT lotty.explain_report('x', 'sum', '2025-01-01 06:00Z') AS text \gset
SELECT :'text' ~ 'report_(subject|total|state)' AS of_what_is_kept;
SELECT format('SELECT variant, n, mean FROM (%s) AS s', rtrim(:'text', ';')) AS query \gset
\set ECHO none
:query;
\set ECHO all
SELECT * FROM try($$SELECT lotty.explain_report('x', 'unknown')$$);

-- By a dimension; who has no value of it has NULL. Its query is the user's.
CREATE TABLE person (id text PRIMARY KEY, country text, born integer);
INSERT INTO person VALUES ('a1', 'DE', 1), ('a2', 'DE', 2), ('a3', 'FR', 3), ('a4', 'FR', 4), ('b1', 'DE', 5), ('b2', 'DE', 6), ('b3', 'FR', 7);
SELECT lotty.add_dimension('country', 'SELECT id AS subject_id, country AS value FROM public.person -- who');
SELECT dimension_value, variant, n, mean, diff, lift, p_value IS NOT NULL AS tested, p_value_adjusted >= p_value AS adjusted, verdict FROM lotty.report_by('x', 'sum', 'country');
SELECT counted, dimension_value, round(chi_squared::numeric, 4) AS chi_squared, degrees_of_freedom, note FROM lotty.srm('x', dimension => 'country') WHERE counted = 'exposed';
SELECT dimension_value, variant, lotty.n(stats), lotty.sum(stats, 1) FROM lotty.metric_stats('x', 'sum', dimension => 'country');
SELECT dimension_value, variant, n, mean FROM lotty.report_by('x', 'conversion', 'country');
SELECT differing();

-- Day by day.
SELECT expose('b5', 'b', '2025-01-03 12:00Z'), happen('b5', 100, '2025-01-04Z'), happen('a2', 7, '2025-01-02Z');
INSERT INTO lotty.analysis_plan (experiment_id, ends_at) VALUES (md5('experiment x')::uuid, '2025-01-04 12:00Z');
SELECT day, until, variant, n, mean, diff, seq_p_value_lowest <= seq_p_value AS lowest, round(srm_p_value::numeric, 4) AS srm FROM lotty.report_daily('x', 'sum');
SELECT day, until, variant, n, mean FROM lotty.report_daily('x', 'sum', step => '48 hours');
-- Not beyond what was known.
SELECT day, until, variant, n, mean FROM lotty.report_daily('x', 'sum', '2025-01-02 12:00Z');
SELECT * FROM try($$SELECT * FROM lotty.report_daily('x', 'sum', step => '1 second')$$);
SELECT * FROM try($$SELECT * FROM lotty.report_daily('x', 'sum', step => NULL)$$);
SELECT * FROM try($$SELECT * FROM lotty.report_daily('x', 'sum', step => '-1 day')$$);
SELECT * FROM try($$SELECT * FROM lotty.report_daily('x', 'sum', step => '1 minute')$$);
UPDATE lotty.analysis_plan SET starts_at = '-infinity', ends_at = 'infinity';
SELECT differing();
-- In a style in which a session does not read what it writes: IST is Israel's time, too.
CREATE TEMP TABLE told AS
SELECT to_jsonb(r) AS row FROM lotty.report_daily('x', 'sum', '2025-01-02 12:00Z') r
UNION ALL SELECT to_jsonb(t) FROM lotty.traffic('x', '2025-01-02 12:00Z') t;
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
SELECT count(*) AS different FROM (
    SELECT to_jsonb(r) - 'until' AS row FROM lotty.report_daily('x', 'sum', '2025-01-02T12:00Z') r
    UNION ALL SELECT to_jsonb(t) FROM lotty.traffic('x', '2025-01-02T12:00Z') t
    EXCEPT SELECT row - 'until' FROM told) AS d;
RESET timezone;
RESET datestyle;
SELECT count(*) > 0 AS some FROM lotty.report_daily('x', 'sum', '2025-01-05Z');
UPDATE lotty.analysis_plan SET starts_at = NULL;
SELECT count(*) > 0 AS some FROM lotty.report_daily('x', 'sum', 'infinity', '1 year');
SELECT count(*) AS none FROM lotty.report_daily('x', 'sum', '-infinity');
DELETE FROM lotty.analysis_plan;
SELECT counter, variant, value FROM lotty.traffic('x');
-- The style of dates is the session's.
SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Kolkata';
SELECT counter, value FROM lotty.traffic('x', '2025-01-01 12:00:01Z') WHERE counter ~ 'as_of|distinct';
RESET datestyle; SET timezone = 'UTC';
SELECT counter, value FROM lotty.traffic('x', '2025-01-01 12:00:01Z') WHERE counter ~ 'as_of|distinct';

-- As it was known: a2's event of the first day came three days later, b4's exposure on the second day.
SELECT wipe();
SELECT make_experiment('x');
INSERT INTO lotty.metric (key, type, event_type) VALUES ('sum', 'sum', 'purchase');
SELECT lotty.attach_metric('x', 'sum');
SELECT count(expose(s, left(s, 1))) FROM unnest(ARRAY['a1', 'a2', 'b1', 'b2', 'b3']) AS s;
SELECT expose('b4', 'b', '2025-01-02Z');
SELECT happen('a1', 1), happen('a2', 2, received => '2025-01-04Z'), happen('b1', 4), happen('b4', 8, '2025-01-02Z');
INSERT INTO lotty.analysis_plan (experiment_id, starts_at) VALUES (md5('experiment x')::uuid, '2025-01-01Z');
SELECT d.as_of, s.variant, s.n, round(s.mean * s.n) AS total FROM unnest(ARRAY['2025-01-01Z', '2025-01-01 00:00:01Z', '2025-01-02Z', '2025-01-04Z', '2025-01-04 00:00:01Z', NULL]::timestamptz[]) AS d (as_of) CROSS JOIN LATERAL shown('x', d.as_of) s ORDER BY 1, 2;
SELECT check_name, status, value, detail FROM lotty.health('x') WHERE check_name = 'late_events';
SELECT check_name, status, value, detail FROM lotty.health('x', '2025-01-03Z') WHERE check_name = 'late_events';

-- Who was given both variants is left out, or stays with the first.
SELECT expose('b3', 'a', '2025-01-05Z'), expose('a2', 'a', '2025-01-06Z'), happen('b3', 16, '2025-01-05 01:00Z');
SELECT action FROM lotty_refresh_reports('x', true);
SELECT variant, n, round((mean * n)::numeric, 3) AS total FROM shown();
SELECT counter, variant, value FROM lotty.traffic('x') WHERE counter ~ 'subject|exposure_rows|attributed';
SELECT counted, round(chi_squared::numeric, 4) AS chi_squared FROM lotty.srm('x');
UPDATE lotty.analysis_plan SET crossovers = 'first';
SELECT variant, n, round((mean * n)::numeric, 3) AS total FROM shown();
SELECT counter, variant, value FROM lotty.traffic('x') WHERE counter ~ 'subject|exposure_rows|attributed';
-- At the same instant the lesser decision_id is the first.
SELECT expose('tie', 'a', '2025-01-07Z') < expose('tie', 'b', '2025-01-07Z') AS a_first;
SELECT action FROM lotty_refresh_reports('x', true);
SELECT r.subject_id, r.variant_id = md5('a x')::uuid AS is_a, r.exposed_at, r.crossed_at FROM lotty.report_subject r WHERE subject_id IN ('tie', 'b3', 'a2') ORDER BY 1;
SELECT differing();

-- By decision: only events that name an exposure of the subject's variant, from that exposure on.
SELECT wipe();
SELECT make_experiment('x');
INSERT INTO lotty.metric (key, type, event_type, attribution, attribution_window) VALUES ('named', 'sum', 'purchase', 'decision_id', '1 day'), ('all', 'sum', 'purchase', 'subject_id', NULL);
SELECT lotty.attach_metric('x', 'named'), lotty.attach_metric('x', 'all');
SELECT expose('a1', 'a') AS first, expose('a1', 'a', '2025-01-05Z') AS second, expose('b1', 'b') AS of_b \gset
SELECT happen('a1', 1, decision => :'first'), happen('a1', 2, '2025-01-02Z', decision => :'first'), happen('a1', 4, '2025-01-05Z', decision => :'second'),
       happen('a1', 8, '2025-01-04Z', decision => :'second'), happen('a1', 16), happen('a1', 32, decision => gen_random_uuid()), happen('b1', 64, decision => :'first'), happen('b1', 128, decision => :'of_b');
SELECT metric, variant, n, mean FROM shown();
SELECT counter, value FROM lotty.traffic('x', attribution => 'decision_id', attribution_window => '1 day') WHERE counter ~ '^events|distinct';
SELECT differing();

-- What is asked wrongly.
SELECT * FROM try($$SELECT * FROM lotty.report('unknown')$$);
SELECT * FROM try($$SELECT * FROM lotty.report(NULL)$$);
SELECT * FROM try($$SELECT * FROM lotty.report_by('x', 'unknown', 'country')$$);
SELECT * FROM try($$SELECT * FROM lotty.report_by('x', NULL, 'country')$$);
SELECT * FROM try($$SELECT * FROM lotty.report_by('x', 'all', 'unknown')$$);
SELECT * FROM try($$SELECT * FROM lotty.report_by('x', 'all', NULL)$$);
SELECT * FROM try($$SELECT * FROM lotty.report_daily('unknown', 'all')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.report_daily('x', NULL)$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.metric_stats('x', NULL)$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.metric_stats('x', 'all', dimension => 'unknown')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.srm(NULL)$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.srm('x', dimension => 'unknown')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.health('unknown')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.traffic(NULL)$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.traffic('x', attribution => 'person')$$);
SELECT * FROM try($$SELECT * FROM lotty.traffic('x', attribution => NULL)$$);
SELECT * FROM try($$SELECT lotty_refresh_reports('unknown')$$);
SELECT * FROM try($$SELECT * FROM lotty.report('x', sequential => NULL, cuped => NULL)$$);
SELECT count(*) = 0 AS empty FROM lotty.metric_stats('x', 'all', '-infinity');
SELECT count(*) AS rows, sum(n) AS subjects FROM lotty.report('x', '-infinity');
-- A window that would lead beyond the end of time.
SELECT * FROM try($$INSERT INTO lotty.metric (key, type, event_type, attribution_window) VALUES ('long', 'sum', 'purchase', '3651 days')$$) WHERE item = 'error';

-- Little, or nothing: rows for the variants all the same, and no numbers.
SELECT wipe();
SELECT make_experiment('x');
SELECT count(*) AS without_metrics FROM lotty.report('x');
INSERT INTO lotty.metric (key, type, event_type, quantile, cuped_days) VALUES ('conversion', 'conversion', 'purchase', NULL, 7), ('ratio', 'ratio', 'purchase', NULL, 7), ('median', 'quantile', 'purchase', 0.5, NULL), ('event median', 'event_quantile', 'purchase', 0.5, NULL);
SELECT lotty.attach_metric('x', key) FROM lotty.metric;
SELECT * FROM shown(cuped => true);
SELECT count(*) AS days FROM lotty.report_daily('x', 'conversion');
SELECT * FROM lotty.srm('x');
SELECT check_name, status, value, detail FROM lotty.health('x');
SELECT counter, value FROM lotty.traffic('x') WHERE value <> 0;
-- Only the control has subjects; then one of the other; then the other too.
SELECT expose('a1', 'a'), expose('a2', 'a'), happen('a1', 1);
SELECT action FROM lotty_refresh_reports('x', true);
SELECT * FROM shown(cuped => true);
SELECT check_name, status, round(value::numeric, 6) AS value, detail FROM lotty.health('x') WHERE check_name IN ('no_data', 'srm', 'pre_period_balance');
SELECT expose('b1', 'b');
SELECT action FROM lotty_refresh_reports('x', true);
SELECT * FROM shown(cuped => true);
SELECT expose('b2', 'b');
SELECT action FROM lotty_refresh_reports('x', true);
SELECT * FROM shown(cuped => true) WHERE metric = 'conversion';
SELECT differing();
-- One variant only.
SELECT make_experiment('alone', 'draft');
DELETE FROM lotty.variant WHERE variant_id = md5('b alone')::uuid;
SELECT lotty_start('alone');
SELECT lotty.attach_metric('alone', 'ratio');
SELECT expose('a1', 'a', experiment => 'alone'), expose('a2', 'a', experiment => 'alone');
SELECT * FROM shown('alone', cuped => true);
SELECT counted, degrees_of_freedom, p_value, note FROM lotty.srm('alone');
SELECT check_name, status FROM lotty.health('alone') WHERE status <> 'ok';
SELECT differing('alone');

-- Health: each check, well and not well.
SELECT wipe();
SELECT make_experiment('x');
INSERT INTO lotty.metric (key, type, event_type, cuped_days) VALUES ('sum', 'sum', 'purchase', 7);
SELECT lotty.attach_metric('x', 'sum');
INSERT INTO lotty.analysis_plan (experiment_id, starts_at) VALUES (md5('experiment x')::uuid, '2025-01-01Z');
SELECT count(expose(v || n, v)) FROM unnest(ARRAY['a', 'b']) AS v, generate_series(1, 50) AS n;
SELECT count(happen(v || n, n, '2024-12-31Z') IS NULL), count(happen(v || n, n) IS NULL), count(happen(v || n, NULL) IS NULL) FROM unnest(ARRAY['a', 'b']) AS v, generate_series(1, 50) AS n;
SELECT action FROM lotty_refresh_reports('x', true);
SELECT check_name, status, round(value::numeric, 6) AS value, threshold, detail FROM lotty.health('x');
SELECT differing();
SELECT count(happen('a' || n, 1000, '2024-12-31Z')) FROM generate_series(1, 50) AS n;
SELECT count(expose('a' || n, 'b', '2025-01-02Z')) FROM generate_series(1, 2) AS n;
SELECT count(expose('lost' || n, 'b')) FROM generate_series(1, 2000) AS n;
SELECT count(expose('unknown' || n, 'z')) FROM generate_series(1, 3) AS n;
SELECT count(happen('b' || n, 1, received => '2025-01-03Z')) FROM generate_series(1, 20) AS n;
UPDATE lotty.variant SET is_control = false;
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, weight) VALUES (md5('c x')::uuid, md5('experiment x')::uuid, 'c', '"C"', 50);
SELECT action FROM lotty_refresh_reports('x', true);
SELECT check_name, status, round(value::numeric, 6) AS value, threshold, detail FROM lotty.health('x');
SELECT variant, verdict, note FROM shown() WHERE verdict IS NOT NULL;
SELECT differing();
SELECT count(expose('a' || n, 'b', '2025-01-02Z')) FROM generate_series(3, 50) AS n;
SELECT action FROM lotty_refresh_reports('x', true);
SELECT check_name, status, detail FROM lotty.health('x') WHERE check_name IN ('crossover', 'srm');
DELETE FROM lotty.decision WHERE subject_id ~ 'lost';
DELETE FROM lotty.event WHERE occurred_at >= '2025-01-01Z' AND subject_id ~ 'b';
SELECT check_name, status, round(value::numeric, 6) AS value, threshold, detail FROM lotty.health('x') WHERE check_name IN ('crossover', 'before_exposure');
SELECT differing();
-- Repeats are those of an event source. The first that was received counts.
CREATE TABLE purchase (id integer, customer text, at timestamptz, amount integer, stored timestamptz);
INSERT INTO purchase VALUES (1, 'b1', '2025-01-01 12:00Z', 7, '2025-01-01 12:01Z'), (1, 'b1', '2025-01-01 12:00Z', 8, '2025-01-01 12:00Z'), (2, 'b1', '2025-01-01 13:00Z', 1, '2025-01-01 13:00Z'), (NULL, 'b2', '2025-01-01 13:00Z', 2, NULL), (NULL, 'b2', '2025-01-01 13:00Z', 2, NULL);
SELECT lotty.add_event_source('purchase', 'SELECT id AS event_id, customer AS subject_id, at AS occurred_at, amount AS value, coalesce(stored, at) AS received_at FROM public.purchase');
SELECT check_name, status, value, detail FROM lotty.health('x') WHERE check_name IN ('duplicate_events', 'before_exposure');
SELECT variant, n, round((mean * n)) AS total FROM shown('x') WHERE variant = 'b';
SELECT differing();
DELETE FROM lotty.event_source;
SELECT differing();

-- What is kept follows whatever happens. (Events that are stored now are new to the next report; those that bear an
-- earlier received_at, and rows that are changed, are noted.)
SELECT wipe();
SELECT make_experiment('x');
INSERT INTO lotty.metric (key, type, event_type, denominator_event_type, quantile, winsorize_upper, attribution, attribution_window, cuped_days) VALUES
    ('conversion', 'conversion', 'purchase', NULL, NULL, NULL, 'subject_id', '7 days', NULL), ('sum', 'sum', 'purchase', NULL, NULL, NULL, 'subject_id', NULL, 7),
    ('capped', 'sum', 'purchase', NULL, NULL, 0.9, 'subject_id', NULL, NULL), ('per visit', 'ratio', 'purchase', 'visit', NULL, NULL, 'subject_id', NULL, NULL),
    ('median', 'quantile', 'purchase', NULL, 0.5, NULL, 'subject_id', NULL, NULL), ('event median', 'event_quantile', 'click', NULL, 0.5, NULL, 'subject_id', NULL, NULL),
    ('named', 'sum', 'named', NULL, NULL, NULL, 'decision_id', NULL, NULL), ('named per view', 'ratio', 'named', 'view', NULL, NULL, 'decision_id', NULL, NULL);
SELECT count(lotty.attach_metric('x', key)) FROM lotty.metric;
SELECT lotty.add_dimension('country', 'SELECT id AS subject_id, country AS value FROM public.person');
SELECT count(expose(v || n, v)) FROM unnest(ARRAY['a', 'b']) AS v, generate_series(1, 20) AS n;
SELECT count(happen(v || n, n + m, '2025-01-01 12:00Z', t) IS NULL) FROM unnest(ARRAY['a', 'b']) AS v, generate_series(1, 20) AS n, generate_series(1, 2) AS m, unnest(ARRAY['purchase', 'visit', 'click']) AS t;
SELECT count(happen(d.subject_id, 3, '2025-01-02Z', t, decision => d.decision_id) IS NULL) FROM lotty.decision d, unnest(ARRAY['named', 'view']) AS t;
SELECT action, subjects FROM lotty_refresh_reports('x');
CREATE TEMP TABLE seen AS SELECT part, rounded(content) AS content FROM all_of('x', NULL);
-- What was done, how many rows are not as they should be, and whether the change is seen at all. All is settled then,
-- as it is after some seconds: only what comes later is new.
CREATE FUNCTION follows(INOUT change text, OUT action text, OUT differing bigint, OUT is_seen boolean) LANGUAGE plpgsql AS $$
BEGIN
    SELECT r.action INTO action FROM lotty_refresh_reports('x') r;
    CREATE TEMP TABLE now_seen AS SELECT a.part, rounded(a.content) AS content FROM all_of('x', NULL) a;
    CREATE TEMP TABLE raw AS SELECT a.part, rounded(a.content) AS content FROM all_of('x', '9999-01-01Z') a;
    differing := (SELECT count(*) FROM ((TABLE pg_temp.now_seen EXCEPT ALL TABLE pg_temp.raw) UNION ALL (TABLE pg_temp.raw EXCEPT ALL TABLE pg_temp.now_seen)) AS d);
    DROP TABLE pg_temp.raw;
    is_seen := EXISTS (TABLE pg_temp.now_seen EXCEPT ALL TABLE pg_temp.seen) OR EXISTS (TABLE pg_temp.seen EXCEPT ALL TABLE pg_temp.now_seen);
    DROP TABLE pg_temp.seen;
    ALTER TABLE pg_temp.now_seen RENAME TO seen;
    UPDATE lotty.report_progress SET settled_until = clock_timestamp();
END
$$;
SELECT * FROM follows('nothing');
SELECT lotty_track('a1', 'purchase', 1000);
SELECT * FROM follows('a new event');
SELECT happen('a2', 100, '2025-01-03Z');
SELECT * FROM follows('a late event');
SELECT happen('a3', 100, '2024-12-31Z');
SELECT * FROM follows('a late event from before the exposure');
SELECT lotty_track('a2', 'visit'), happen('b2', NULL, event_type => 'visit');
SELECT * FROM follows('events of a denominator');
SELECT count(lotty_track('a' || n, 'click', 2000)) FROM generate_series(1, 20) AS n;
SELECT * FROM follows('new events of a quantile of events');
SELECT count(happen('b' || n, 2000, event_type => 'click') IS NULL) FROM generate_series(1, 20) AS n;
SELECT * FROM follows('late events of a quantile of events');
SELECT lotty_track('a1', 'named', 500, decision_id => decision_id) FROM lotty.decision WHERE subject_id = 'a1';
SELECT * FROM follows('a new event that names its decision');
SELECT happen('b1', 500, '2025-01-03Z', 'named', decision => decision_id) FROM lotty.decision WHERE subject_id = 'b1';
SELECT * FROM follows('a late event that names its decision');
SELECT lotty_track('b1', 'view', 500, decision_id => decision_id) FROM lotty.decision WHERE subject_id = 'b1';
SELECT * FROM follows('a new event of a denominator that names its decision');
SELECT lotty_track('nobody', 'purchase', 1000);
SELECT * FROM follows('an event of somebody who was not exposed');
SELECT count(reason) FROM generate_series(1, 5) AS n, lotty_decide('x', 'new ' || n);
SELECT * FROM follows('new subjects');
SELECT lotty_track('new 1', 'purchase', 1000), lotty_track('new 2', 'purchase', 1000, occurred_at => now() - interval '1 day');
SELECT * FROM follows('events of new subjects');
SELECT reason FROM lotty_decide('x', 'new 1');
SELECT * FROM follows('another decision of a subject');
UPDATE lotty.event SET value = value + 1 WHERE subject_id = 'a8' AND event_type = 'purchase';
SELECT * FROM follows('updated events');
UPDATE lotty.event SET subject_id = 'b8' WHERE subject_id = 'a9' AND event_type = 'purchase';
SELECT * FROM follows('events given to another subject');
UPDATE lotty.event SET event_type = 'visit' WHERE subject_id = 'a10' AND event_type = 'purchase';
SELECT * FROM follows('events of another type');
DELETE FROM lotty.event WHERE subject_id = 'a11' AND event_type = 'purchase';
SELECT * FROM follows('deleted events');
UPDATE lotty.event SET value = 'NaN' WHERE subject_id = 'b12' AND event_type IN ('purchase', 'named');
SELECT item, regexp_replace(content, '^22003: metric "[^"]+"', '22003: metric <one of them>') AS content FROM try($$SELECT * FROM lotty.report('x')$$);
UPDATE lotty.event SET value = 7 WHERE value = 'NaN';
SELECT * FROM follows('values that are numbers again');
SELECT expose('a12', 'b', now()) IS NOT NULL AS exposed;
SELECT * FROM follows('a second variant');
DELETE FROM lotty.decision WHERE subject_id = 'a12' AND variant_id = md5('b x')::uuid;
SELECT * FROM follows('no second variant any more');
SELECT sum(rows) > 3 AS some FROM lotty_forget('a4');
SELECT * FROM follows('a forgotten subject');
SELECT object, moved FROM lotty_merge_subjects('a5', 'a6');
SELECT * FROM follows('merged subjects');
SELECT object, moved FROM lotty_merge_subjects('b5', 'a7');
SELECT * FROM follows('merged subjects of two variants');
SELECT happen('anon', 300, '2025-01-02Z'), lotty_track('anon', 'purchase', 300);
SELECT * FROM follows('events of an anonymous subject');
SELECT object, moved FROM lotty_merge_subjects('anon', 'b6');
SELECT * FROM follows('a subject that is known now');
SELECT object, moved FROM lotty_merge_subjects('b7', 'fresh');
SELECT * FROM follows('a subject with another name');
UPDATE person SET country = 'IT' WHERE id IN ('a1', 'b1');
SELECT * FROM follows('another value of a dimension');
-- Other definitions.
UPDATE lotty.metric SET attribution_window = '1 hour' WHERE key = 'conversion';
SELECT * FROM follows('a shorter window');
UPDATE lotty.metric SET type = 'count' WHERE key = 'conversion';
SELECT * FROM follows('another type');
UPDATE lotty.metric SET event_type = 'visit' WHERE key = 'sum';
SELECT * FROM follows('other events');
UPDATE lotty.metric SET cuped_days = NULL WHERE key = 'sum';
SELECT * FROM follows('no covariate');
UPDATE lotty.metric SET event_type = 'purchase', cuped_days = 7, covariate_id = (SELECT metric_id FROM lotty.metric WHERE key = 'conversion') WHERE key = 'sum';
SELECT * FROM follows('the covariate of another metric');
UPDATE lotty.metric SET event_type = 'purchase', type = 'sum' WHERE key = 'conversion';
SELECT * FROM follows('another covariate by way of its metric');
SELECT happen('a13', 5, '2024-12-30Z');
SELECT * FROM follows('a late event of the covariate');
UPDATE lotty.metric SET quantile = 0.7, ignore_zeros = true WHERE key ~ 'median';
SELECT * FROM follows('another quantile');
UPDATE lotty.metric SET winsorize_upper = 0.5 WHERE key = 'capped';
SELECT * FROM follows('another cap');
UPDATE lotty.metric SET denominator = 'sum', numerator = 'count' WHERE key = 'per visit';
SELECT * FROM follows('another ratio');
UPDATE lotty.metric SET description = 'for people' WHERE key = 'sum';
SELECT * FROM follows('another description');
SELECT lotty.detach_metric('x', 'capped');
SELECT * FROM follows('one metric less');
SELECT lotty.attach_metric('x', 'capped', 'secondary');
SELECT * FROM follows('one metric more');
SELECT lotty.add_event_source('purchase', 'SELECT customer AS subject_id, at AS occurred_at, amount AS value FROM public.purchase');
SELECT * FROM follows('events from elsewhere');
-- What runs with the owner's rights leaves them alone.
SELECT lotty.events_sql(s, 'purchase') ~ 'public.purchase' AS elsewhere FROM lotty.report_scope(md5('experiment x')::uuid) AS s;
SELECT lotty.events_sql(s || '{"own_events": true}', 'purchase') ~ 'public.purchase' AS elsewhere FROM lotty.report_scope(md5('experiment x')::uuid) AS s;
INSERT INTO purchase VALUES (9, 'b3', '2025-01-02Z', 777, '2025-01-02Z');
SELECT * FROM follows('an event elsewhere');
DELETE FROM lotty.event_source;
SELECT * FROM follows('events of Lotty again');
INSERT INTO lotty.analysis_plan (experiment_id, starts_at) VALUES (md5('experiment x')::uuid, '2025-01-01 00:00:01Z');
SELECT * FROM follows('a later start');
UPDATE lotty.analysis_plan SET starts_at = '2024-12-31Z', ends_at = '2025-01-01 12:00Z';
SELECT * FROM follows('an earlier end');
UPDATE lotty.analysis_plan SET ends_at = NULL, crossovers = 'first';
SELECT * FROM follows('other crossovers');
UPDATE lotty.analysis_plan SET alpha = 0.2, correction = 'none';
SELECT * FROM follows('another level');
UPDATE lotty.variant SET weight = 30 WHERE name = 'b';
SELECT * FROM follows('other weights');
SELECT count(reason) FROM generate_series(1, 20) AS n, lotty_decide('x', 'newer ' || n);
SELECT count(lotty_track('newer ' || n, 'purchase', n)) FROM generate_series(1, 20) AS n;
SELECT * FROM follows('subjects of another period');
UPDATE lotty.variant SET is_control = (name = 'b');
SELECT * FROM follows('another control');
-- Another way to write times and intervals is not another plan.
SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601'; SET datestyle = 'SQL, DMY';
SELECT action, subjects FROM lotty_refresh_reports('x');
SELECT differing();
SET timezone = 'UTC'; RESET intervalstyle; RESET datestyle;
-- Where nothing can be written, and in what has not been committed.
BEGIN READ ONLY;
SELECT * FROM lotty_refresh_reports('x');
SELECT differing();
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lotty_track('b3', 'purchase', 5000);
SELECT * FROM lotty_refresh_reports('x');
SELECT max(mean) > 500 AS with_it FROM lotty.report('x') WHERE metric = 'conversion';
SELECT differing();
ROLLBACK;
BEGIN;
SELECT lotty_track('b3', 'purchase', 5000);
SELECT * FROM follows('an event of this transaction');
SAVEPOINT s;
DELETE FROM lotty.event WHERE subject_id = 'b3';
SELECT * FROM follows('what is taken back soon');
ROLLBACK TO s;
SELECT * FROM follows('what was taken back');
ROLLBACK;
SELECT * FROM follows('what was not committed');
-- What is kept is what is shown, and would not follow by itself.
ALTER TABLE lotty.event DISABLE TRIGGER mark_stale_delete;
DELETE FROM lotty.event WHERE subject_id = 'b13';
SELECT differing > 0 AS would_differ FROM follows('events that were deleted unnoticed');
ALTER TABLE lotty.event ENABLE TRIGGER mark_stale_delete;
SELECT action FROM lotty_refresh_reports('x', true);
SELECT differing();

-- Rights: an analyst sees reports, of his own tables what he may see; others see nothing.
CREATE ROLE lotty_test_analyst;
CREATE ROLE lotty_test_manager;
SELECT count(*) > 40 AS granted FROM lotty_grant('lotty_test_analyst', 'report');
SELECT count(*) > 40 AS granted FROM lotty_grant('lotty_test_manager', 'manage');
SET ROLE lotty_test_analyst;
SELECT count(*) AS rows, count(verdict) AS compared FROM lotty.report('x');
SELECT * FROM try($$SELECT * FROM lotty.report_by('x', 'sum', 'country')$$);
SELECT length(lotty.explain_report('x', 'sum')) > 100 AS explained, length(lotty_report_svg('x')) > 1000 AS drawn;
RESET ROLE;
GRANT SELECT ON person TO lotty_test_analyst;
SELECT lotty_track('b3', 'purchase', 5000);
SET ROLE lotty_test_analyst;
SELECT differing();
SELECT count(*) > 0 AS some FROM lotty.report_daily('x', 'sum', step => '365 days');
SELECT * FROM try($$SELECT lotty.attach_metric('x', 'sum')$$) WHERE item = 'error';
SELECT * FROM try($$DELETE FROM lotty.report_subject$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty_check_guardrails()$$) WHERE item = 'error';
SET ROLE lotty_test_manager;
SELECT * FROM try($$SELECT * FROM lotty.report('x')$$) WHERE item = 'error';
RESET ROLE;
SELECT count(*) > 40 AS revoked FROM lotty_revoke('lotty_test_analyst', 'report');
SET ROLE lotty_test_analyst;
SELECT * FROM try($$SELECT * FROM lotty.report('x')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty_refresh_reports()$$) WHERE item = 'error';
RESET ROLE;
DROP OWNED BY lotty_test_analyst, lotty_test_manager;
DROP ROLE lotty_test_analyst, lotty_test_manager;

-- The end: events after it count only within a window. Then all is gone.
SELECT lotty_complete('x');
SELECT lotty_track('b3', 'purchase', 9000), lotty_track('b3', 'visit', 9000);
SELECT * FROM follows('the end');
SELECT action FROM lotty_refresh_reports() ORDER BY 1;
TRUNCATE lotty.event;
SELECT * FROM follows('no events');
TRUNCATE lotty.decision;
SELECT * FROM follows('no log');
SELECT lotty_archive('x');
SELECT count(*) AS refreshed FROM lotty_refresh_reports();
SELECT * FROM follows('the archive');
SELECT sum(n) AS subjects FROM lotty.report('x');
DROP FUNCTION follows, differing, rounded, all_of, shown, happen, expose;
DROP TABLE person, purchase;
SELECT wipe();
RESET timezone;
