-- What the extension says of an experiment, as rows that carry the names of the recorded numbers.
-- All numbers are computed by functions of the schema lotty; here they are only named.
CREATE SCHEMA vectors;

CREATE TYPE vectors.answer AS (
    way text, section text, metric text, variant text, dimension text, day integer, stat text, value float8);

-- The columns of lotty.comparison, by the names that the recorded numbers have.
CREATE TABLE vectors.name (stat text, column_name text);
INSERT INTO vectors.name
SELECT n.stat, n.stat FROM unnest(ARRAY[
    'diff', 'lift', 't_stat', 'dof', 'p_value', 'ci_lower', 'ci_upper', 'p_value_z', 'ci_lower_z', 'ci_upper_z',
    'seq_ci_lower', 'seq_ci_upper', 'seq_p_value', 'lift_p_value', 'seq_lift_ci_lower', 'seq_lift_ci_upper', 'seq_lift_p_value',
    'mde_abs', 'mde_lift', 'fisher_p_value', 'newcombe_ci_lower', 'newcombe_ci_upper', 'variance_reduction', 'theta']) AS n (stat)
UNION ALL
VALUES ('se_diff', 'std_err'), ('se_lift', 'lift_std_err'),
       ('lift_ci_lower', 'lift_delta_ci_lower'), ('lift_ci_upper', 'lift_delta_ci_upper'),
       ('lift_fieller_lower', 'lift_ci_lower'), ('lift_fieller_upper', 'lift_ci_upper');

-- %s is flat or prior.
CREATE TABLE vectors.posterior_name (stat text, column_name text);
INSERT INTO vectors.posterior_name VALUES
    ('bayes_%s_mean', 'lift_posterior_mean'), ('bayes_%s_stddev', 'lift_posterior_stddev'),
    ('bayes_%s_ci_lower', 'lift_posterior_lower'), ('bayes_%s_ci_upper', 'lift_posterior_upper'),
    ('bayes_%s_chance_to_beat_control', 'chance_to_beat_control'),
    ('bayes_%s_risk_ship', 'risk_ship'), ('bayes_%s_risk_keep', 'risk_keep');

CREATE FUNCTION vectors.named(effect lotty.comparison) RETURNS TABLE (stat text, value float8)
LANGUAGE sql IMMUTABLE AS $$
    SELECT n.stat, (to_jsonb(effect) ->> n.column_name)::float8 FROM vectors.name n
$$;

CREATE FUNCTION vectors.named_posterior(effect lotty.comparison, prior text) RETURNS TABLE (stat text, value float8)
LANGUAGE sql IMMUTABLE AS $$
    SELECT format(n.stat, prior), (to_jsonb(effect) ->> n.column_name)::float8 FROM vectors.posterior_name n
$$;

CREATE FUNCTION vectors.metric(experiment text) RETURNS TABLE (metric_id uuid, key text, role text, direction text, cuped_days integer)
LANGUAGE sql STABLE AS $$
    SELECT m.metric_id, m.key, a.role, m.direction, m.cuped_days
      FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
     WHERE a.experiment_id = lotty.experiment_of(experiment)
$$;

-- The statistics of each variant. One without a subject has no row in lotty.metric_stats.
CREATE FUNCTION vectors.arm(experiment text, metric text, until timestamptz, dimension text)
RETURNS TABLE (dimension_value text, variant text, is_control boolean, stats lotty.stats, upper_cap float8, capped bigint)
LANGUAGE sql VOLATILE AS $$
    WITH stat AS MATERIALIZED (
        SELECT * FROM lotty.metric_stats(experiment, metric, until => until, dimension => dimension)
    )
    SELECT d.dimension_value, v.name, v.is_control, s.stats, s.upper_cap, s.capped
      FROM (SELECT DISTINCT s.dimension_value FROM stat s) AS d
     CROSS JOIN lotty.variant v
      LEFT JOIN stat s ON s.dimension_value IS NOT DISTINCT FROM d.dimension_value AND s.variant_id = v.variant_id
     WHERE v.experiment_id = lotty.experiment_of(experiment)
$$;

-- Of a variant without a subject the sums are those of no rows.
CREATE FUNCTION vectors.arm_stat(stats lotty.stats) RETURNS TABLE (stat text, value float8)
LANGUAGE sql IMMUTABLE AS $$
    SELECT x.stat, x.value FROM (VALUES
        ('n', coalesce(lotty.n(stats), 0)::float8),
        ('sum', CASE WHEN stats IS NULL THEN 0 ELSE lotty.sum(stats) END),
        ('sum_squares', CASE WHEN stats IS NULL THEN 0 ELSE lotty.sum_products(stats) END),
        ('numerator_sum', lotty.sum(stats, 1)), ('numerator_sum_squares', lotty.sum_products(stats, 1, 1)),
        ('denominator_sum', lotty.sum(stats, 2)), ('denominator_sum_squares', lotty.sum_products(stats, 2, 2)),
        ('sum_product', lotty.sum_products(stats, 1, 2)),
        ('mean', lotty.mean(stats)), ('quantile', lotty.mean(stats)),
        ('variance', lotty.variance(stats)), ('std_err', lotty.std_err(stats))) AS x (stat, value)
    UNION ALL
    SELECT x.stat, x.value FROM lotty.wilson(CASE lotty.kind(stats) WHEN 'proportion' THEN stats END) w
     CROSS JOIN LATERAL (VALUES ('wilson_lower', w.lower), ('wilson_upper', w.upper)) AS x (stat, value)
$$;

-- Of each metric: its variants, and each of them compared with the control, by a flat prior and by the set's.
CREATE FUNCTION vectors.metrics(experiment text, settings jsonb, dimension text DEFAULT NULL) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    WITH arm AS MATERIALIZED (
        SELECT m.key, m.direction, a.* FROM vectors.metric(experiment) m
         CROSS JOIN LATERAL vectors.arm(experiment, m.key, NULL, dimension) a
    ), effect AS MATERIALIZED (
        SELECT t.key, t.variant, t.dimension_value,
               lotty.compare(c.stats, t.stats, (settings ->> 'alpha')::float8, (settings ->> 'planned_subjects')::float8,
                             t.direction, power => (settings ->> 'power')::float8) AS flat,
               lotty.compare(c.stats, t.stats, (settings ->> 'alpha')::float8, (settings ->> 'planned_subjects')::float8,
                             t.direction, (settings ->> 'prior_mean')::float8, (settings ->> 'prior_stddev')::float8,
                             (settings ->> 'power')::float8) AS prior
          FROM arm t JOIN arm c ON c.key = t.key AND c.is_control AND c.dimension_value IS NOT DISTINCT FROM t.dimension_value
         WHERE NOT t.is_control
    )
    SELECT 'metric_stats', 'metric', a.key, a.variant, a.dimension_value, NULL::integer, s.stat, s.value
      FROM arm a CROSS JOIN LATERAL vectors.arm_stat(a.stats) s
    UNION ALL
    -- The cap is that of all variants.
    SELECT 'metric_stats', 'metric', a.key, NULL, a.dimension_value, NULL, s.stat, s.value
      FROM arm a CROSS JOIN LATERAL (VALUES ('winsor_upper', a.upper_cap)) AS s (stat, value)
    UNION ALL
    SELECT 'metric_stats', 'metric', a.key, NULL, a.dimension_value, NULL, 'winsor_capped_units', sum(a.capped)::float8
      FROM arm a GROUP BY a.key, a.dimension_value
    UNION ALL
    SELECT 'compare', 'effect', e.key, e.variant, e.dimension_value, NULL, s.stat, s.value
      FROM effect e
     CROSS JOIN LATERAL (SELECT * FROM vectors.named(e.flat)
                         UNION ALL SELECT * FROM vectors.named_posterior(e.flat, 'flat')
                         UNION ALL SELECT * FROM vectors.named_posterior(e.prior, 'prior')) AS s
$$;

-- The family of a report: goal metrics by treatments.
CREATE FUNCTION vectors.family(experiment text) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    WITH arm AS MATERIALIZED (
        SELECT m.key, a.* FROM vectors.metric(experiment) m CROSS JOIN LATERAL vectors.arm(experiment, m.key, NULL, NULL) a
         WHERE m.role = 'goal'
    ), member AS (
        SELECT t.key, t.variant, (lotty.compare(c.stats, t.stats)).p_value,
               row_number() OVER (ORDER BY t.key, t.variant) AS number
          FROM arm t JOIN arm c ON c.key = t.key AND c.is_control WHERE NOT t.is_control
    ), family AS (
        SELECT array_agg(m.p_value ORDER BY m.number) AS p_values FROM member m
    )
    SELECT 'holm', 'effect', m.key, m.variant, NULL, NULL::integer, 'p_value_holm', (lotty.holm(f.p_values))[m.number]
      FROM member m CROSS JOIN family f
    UNION ALL
    SELECT 'benjamini_hochberg', 'effect', m.key, m.variant, NULL, NULL, 'p_value_bh', (lotty.benjamini_hochberg(f.p_values))[m.number]
      FROM member m CROSS JOIN family f
$$;

-- What the statistics of a quantile are made of: the query that lotty.explain_report shows, but for its last step.
CREATE FUNCTION vectors.quantiles(experiment text, cached boolean) RETURNS SETOF vectors.answer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    scope CONSTANT jsonb := lotty.report_scope(lotty.experiment_of(experiment), NULL, NULL, cached);
    metric lotty.metric;
    whole text;
    parts text;
BEGIN
    FOR metric IN SELECT m.* FROM vectors.metric(experiment) x JOIN lotty.metric m ON m.metric_id = x.metric_id WHERE m.quantile IS NOT NULL LOOP
        whole := lotty.metric_sql(scope, metric);
        parts := regexp_replace(whole, 'lotty\.quantile_stats\([^\n]*\) AS stats', CASE metric.type
            WHEN 'quantile' THEN 'v.n, v.at, NULL::lotty.stats AS clusters' ELSE 'q.n, q.at, c.stats AS clusters' END);
        ASSERT parts <> whole;
        RETURN QUERY EXECUTE format($sql$
            SELECT 'metric_sql', 'metric', %L, v.name, NULL, NULL::integer, x.stat, x.value
              FROM (%s) AS p JOIN lotty.variant v ON v.variant_id = p.variant_id
             CROSS JOIN LATERAL (VALUES
                   ('quantile', p.at[2]), ('quantile_lower', p.at[1]), ('quantile_upper', p.at[3]),
                   ('n_clusters', lotty.n(p.clusters)::float8),
                   ('cluster_variance_factor', lotty.variance(p.clusters) / lotty.n(p.clusters) / (%3$s * (1 - %3$s) / p.n)),
                   ('naive_event_std_err', lotty.std_err(lotty.quantile_stats(p.n, %3$s, p.at[2], p.at[1], p.at[3])))) AS x (stat, value)$sql$,
            metric.key, parts, metric.quantile::text || '::float8');
    END LOOP;
END
$$;

-- What a ratio's standard error would be if each event were a subject of its own.
CREATE FUNCTION vectors.naive_ratios(experiment text, cached boolean) RETURNS SETOF vectors.answer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    scope CONSTANT jsonb := lotty.report_scope(lotty.experiment_of(experiment), NULL, NULL, cached);
    metric lotty.metric;
BEGIN
    FOR metric IN SELECT m.* FROM vectors.metric(experiment) x JOIN lotty.metric m ON m.metric_id = x.metric_id WHERE m.type = 'ratio' LOOP
        RETURN QUERY EXECUTE format($sql$
            WITH subject AS (%s), event AS (SELECT u.subject_id, u.variant_id, e.value %s)
            SELECT 'events as subjects', 'metric', %L, v.name, NULL, NULL::integer, 'naive_event_std_err',
                   CASE WHEN %L THEN sqrt(lotty.mean(a.stats) * (1 - lotty.mean(a.stats)) / lotty.sum(a.stats, 2))
                        ELSE (SELECT lotty.std_err(lotty.stats(e.value::float8)) FROM event e WHERE e.variant_id = v.variant_id
                                 AND NOT EXISTS (SELECT FROM subject s WHERE s.subject_id = e.subject_id AND s.crossed_at IS NOT NULL)) END
              FROM vectors.arm(%5$L, %3$L, NULL, NULL) a
              JOIN lotty.variant v ON v.name = a.variant AND v.experiment_id = lotty.experiment_of(%5$L)$sql$,
            lotty.subjects_sql(scope), lotty.attributed_sql(scope, metric.event_type, metric.attribution, metric.attribution_window, NULL),
            metric.key, metric.numerator = 'count', experiment);
    END LOOP;
END
$$;

CREATE FUNCTION vectors.cuped(experiment text, settings jsonb) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    WITH arm AS MATERIALIZED (
        SELECT m.key, m.direction, a.* FROM vectors.metric(experiment) m
         CROSS JOIN LATERAL vectors.arm(experiment, m.key, NULL, NULL) a
         WHERE m.cuped_days IS NOT NULL
    ), pooled AS MATERIALIZED (
        SELECT a.key, lotty.rollup(a.stats) AS stats FROM arm a GROUP BY a.key
    ), effect AS MATERIALIZED (
        SELECT t.key, t.variant,
               lotty.compare_cuped(c.stats, t.stats, p.stats, (settings ->> 'alpha')::float8, (settings ->> 'planned_subjects')::float8,
                                   t.direction, power => (settings ->> 'power')::float8) AS flat,
               lotty.compare_cuped(c.stats, t.stats, p.stats, (settings ->> 'alpha')::float8, (settings ->> 'planned_subjects')::float8,
                                   t.direction, (settings ->> 'prior_mean')::float8, (settings ->> 'prior_stddev')::float8,
                                   (settings ->> 'power')::float8) AS prior
          FROM arm t JOIN arm c ON c.key = t.key AND c.is_control JOIN pooled p ON p.key = t.key
         WHERE NOT t.is_control
    )
    SELECT 'compare_cuped', 'cuped', e.key, e.variant, NULL, NULL::integer, s.stat, s.value
      FROM effect e
     CROSS JOIN LATERAL (SELECT * FROM vectors.named(e.flat)
                         UNION ALL SELECT * FROM vectors.named_posterior(e.flat, 'flat')
                         UNION ALL SELECT * FROM vectors.named_posterior(e.prior, 'prior')
                         UNION ALL VALUES ('mean', (e.flat).treatment_mean)) AS s
    UNION ALL
    SELECT 'compare_cuped', 'cuped', e.key, a.variant, NULL, NULL, 'mean', (e.flat).control_mean
      FROM effect e JOIN arm a ON a.key = e.key AND a.is_control
    UNION ALL
    -- Of a metric that is not a ratio there is one theta.
    SELECT 'compare_cuped', 'cuped', e.key, NULL, NULL, NULL, 'theta', (e.flat).theta FROM effect e
    UNION ALL
    -- The variance of what is left after the adjustment, from the sums of squares and products.
    SELECT 'metric_stats', 'cuped', a.key, a.variant, NULL, NULL, x.stat, x.value
      FROM arm a JOIN (SELECT DISTINCT ON (e.key) e.key, (e.flat).theta FROM effect e) AS e ON e.key = a.key
     CROSS JOIN LATERAL (
           SELECT (m.yy + e.theta * e.theta * m.xx - 2 * e.theta * m.xy) / (m.n - 1) AS variance, m.n
             FROM (SELECT lotty.n(a.stats) AS n,
                          lotty.sum_products(a.stats, 1, 1) - lotty.sum(a.stats, 1) * lotty.sum(a.stats, 1) / lotty.n(a.stats) AS yy,
                          lotty.sum_products(a.stats, 2, 2) - lotty.sum(a.stats, 2) * lotty.sum(a.stats, 2) / lotty.n(a.stats) AS xx,
                          lotty.sum_products(a.stats, 1, 2) - lotty.sum(a.stats, 1) * lotty.sum(a.stats, 2) / lotty.n(a.stats) AS xy) AS m) AS v
     CROSS JOIN LATERAL (VALUES
           ('pre_sum', lotty.sum(a.stats, 2)), ('pre_mean', lotty.sum(a.stats, 2) / lotty.n(a.stats)),
           ('pre_sum_squares', lotty.sum_products(a.stats, 2, 2)), ('post_pre_sum_product', lotty.sum_products(a.stats, 1, 2)),
           ('variance', v.variance), ('std_err', sqrt(v.variance / v.n))) AS x (stat, value)
     WHERE lotty.kind(a.stats) <> 'ratio'
$$;

CREATE FUNCTION vectors.counts(experiment text, settings jsonb, types text[], attribution_window interval) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    SELECT 'traffic', 'traffic', NULL, t.variant, NULL, NULL::integer, t.counter, t.value::float8
      FROM lotty.traffic(experiment, event_types => types, attribution_window => counts.attribution_window) t
    UNION ALL
    SELECT 'srm', CASE s.counted WHEN 'exposed' THEN 'srm_first_exposure' ELSE 'srm' END, NULL, NULL, NULL, NULL, x.stat, x.value
      FROM lotty.srm(experiment) s
     CROSS JOIN LATERAL (VALUES
           ('chi2', s.chi_squared), ('df', s.degrees_of_freedom::float8), ('p_value', s.p_value),
           ('seq_log_bayes_factor', s.log_bayes_factor), ('seq_p_value', s.seq_p_value)) AS x (stat, value)
    UNION ALL
    SELECT 'srm', 'srm_dimension', NULL, NULL, s.dimension_value, NULL, x.stat, x.value
      FROM lotty.dimension d CROSS JOIN LATERAL lotty.srm(experiment, dimension => d.name) s
     CROSS JOIN LATERAL (VALUES ('chi2', s.chi_squared), ('df', s.degrees_of_freedom::float8), ('p_value', s.p_value)) AS x (stat, value)
     WHERE s.counted = 'included'
$$;

-- The same numbers where a report has them. What a report corrects is the p-value that it shows, which is Fisher's for
-- small counts; then its correction is not the recorded one.
CREATE FUNCTION vectors.reported(way text, prior text, correction text, report jsonb, dimension text, is_fisher boolean)
RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    SELECT way, x.section, report ->> 'metric', report ->> 'variant', dimension, NULL::integer, x.stat, (report ->> x.column_name)::float8
      FROM (VALUES
           ('metric', 'n', 'n'), ('metric', 'mean', 'mean'), ('metric', 'quantile', 'mean'), ('metric', 'std_err', 'std_err'),
           ('effect', 'diff', 'diff'), ('effect', 'ci_lower', 'diff_ci_lower'), ('effect', 'ci_upper', 'diff_ci_upper'),
           ('effect', 'lift', 'lift'), ('effect', 'lift_fieller_lower', 'lift_ci_lower'), ('effect', 'lift_fieller_upper', 'lift_ci_upper'),
           ('effect', CASE WHEN report ->> 'note' LIKE '%Fisher%' THEN 'fisher_p_value' ELSE 'p_value' END, 'p_value'),
           ('effect', CASE WHEN NOT is_fisher THEN 'p_value_' || correction END, 'p_value_adjusted'),
           ('effect', 'seq_p_value', 'seq_p_value'),
           ('effect', 'seq_lift_ci_lower', 'seq_lift_ci_lower'), ('effect', 'seq_lift_ci_upper', 'seq_lift_ci_upper'),
           ('effect', format('bayes_%s_chance_to_beat_control', prior), 'chance_to_beat_control'), ('effect', 'mde_lift', 'mde_lift'),
           ('cuped', 'variance_reduction', 'variance_reduction'), ('cuped', 'lift', 'cuped_lift'),
           ('cuped', 'p_value', 'cuped_p_value'), ('cuped', 'seq_p_value', 'cuped_seq_p_value')) AS x (section, stat, column_name)
     WHERE x.stat IS NOT NULL
       AND (x.section <> 'cuped' OR (report ->> 'cuped')::boolean)
       AND (x.section <> 'effect' OR NOT (report ->> 'is_control')::boolean)
$$;

CREATE FUNCTION vectors.report(experiment text, prior text, correction text, with_cuped boolean) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    WITH report AS MATERIALIZED (
        SELECT r.*, with_cuped AND m.cuped_days IS NOT NULL AND NOT r.is_control AS cuped
          FROM lotty.report(experiment, cuped => with_cuped) r JOIN lotty.metric m ON m.key = r.metric
    ), fisher AS (
        -- With CUPED the p-values that are corrected are the adjusted ones.
        SELECT with_cuped OR coalesce(bool_or(r.note LIKE '%Fisher%') FILTER (WHERE r.role = 'goal'), false) AS is_used FROM report r
    )
    SELECT a.* FROM report r CROSS JOIN fisher f
     CROSS JOIN LATERAL vectors.reported(CASE WHEN with_cuped THEN 'report with CUPED' ELSE 'report' END, prior, correction,
                                         to_jsonb(r), NULL, f.is_used OR r.role <> 'goal') a
$$;

CREATE FUNCTION vectors.report_by(experiment text, prior text, dimension text) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    SELECT a.* FROM vectors.metric(experiment) m
     CROSS JOIN LATERAL lotty.report_by(experiment, m.key, dimension, cuped => false) r
     CROSS JOIN LATERAL vectors.reported('report_by', prior, '', to_jsonb(r) || jsonb_build_object('metric', m.key), r.dimension_value, true) a
$$;

CREATE FUNCTION vectors.days(experiment text, settings jsonb, days integer) RETURNS SETOF vectors.answer
LANGUAGE sql VOLATILE AS $$
    WITH arm AS MATERIALIZED (
        SELECT m.key, m.direction, d.day, a.* FROM vectors.metric(experiment) m
         CROSS JOIN generate_series(1, days) AS d (day)
         CROSS JOIN LATERAL vectors.arm(experiment, m.key, (settings ->> 'starts_at')::timestamptz + make_interval(hours => 24 * d.day), NULL) a
    ), daily AS MATERIALIZED (
        SELECT m.key, m.direction, r.* FROM vectors.metric(experiment) m
         CROSS JOIN LATERAL lotty.report_daily(experiment, m.key, cuped => false) r
    )
    SELECT 'metric_stats', 'timeseries', a.key, a.variant, NULL, a.day, s.stat, s.value
      FROM arm a CROSS JOIN LATERAL vectors.arm_stat(a.stats) s
    UNION ALL
    SELECT 'compare', 'timeseries', t.key, t.variant, NULL, t.day, s.stat, s.value
      FROM arm t JOIN arm c ON c.key = t.key AND c.day = t.day AND c.is_control
     CROSS JOIN LATERAL vectors.named(lotty.compare(
                   c.stats, t.stats, (settings ->> 'alpha')::float8, (settings ->> 'planned_subjects')::float8, t.direction)) s
     WHERE NOT t.is_control
    UNION ALL
    SELECT 'report_daily', 'timeseries', d.key, d.variant, NULL, d.day, x.stat, x.value
      FROM daily d
     CROSS JOIN LATERAL (VALUES
           ('n', d.n::float8), ('diff', d.diff), ('ci_lower', d.diff_ci_lower), ('ci_upper', d.diff_ci_upper), ('lift', d.lift),
           ('p_value', d.p_value), ('seq_p_value', d.seq_p_value),
           ('seq_ci_lower', d.seq_diff_ci_lower), ('seq_ci_upper', d.seq_diff_ci_upper)) AS x (stat, value)
    UNION ALL
    SELECT 'report_daily', 'timeseries', NULL, NULL, NULL, d.day, 'srm_p_value', d.srm_p_value FROM daily d
    UNION ALL
    SELECT 'report_daily', 'guardrail', d.key, d.variant, NULL, NULL, 'first_trip_day',
           min(d.day) FILTER (WHERE CASE d.direction WHEN 'decrease' THEN d.seq_diff_ci_lower > 0 ELSE d.seq_diff_ci_upper < 0 END)
      FROM daily d WHERE NOT d.is_control GROUP BY d.key, d.variant
$$;

-- Per subject that is included: variant, time of the first exposure, and of each event type how many and their sum.
CREATE FUNCTION vectors.units(experiment text, types text[], attribution_window interval, cached boolean)
RETURNS TABLE (subject_id text, variant text, exposed_at text, totals text[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    scope CONSTANT jsonb := lotty.report_scope(lotty.experiment_of(experiment), NULL, NULL, cached);
    parts text := '';
    joins text := '';
    columns text[] := '{}';
    kept text;
BEGIN
    FOR i IN 1 .. cardinality(types) LOOP
        kept := lotty.totals_sql(scope, types[i], 'subject_id', attribution_window, NULL);
        ASSERT NOT cached OR (position('lotty.report_total' IN kept) > 0), 'totals are kept';
        parts := parts || format(E', t%s AS (%s)', i, kept);
        joins := joins || format(' LEFT JOIN t%1$s ON t%1$s.subject_id = s.subject_id', i);
        columns := columns || format('coalesce(t%1$s.events, 0)::text, coalesce(t%1$s.total, 0)::text', i);
    END LOOP;
    RETURN QUERY EXECUTE format(
        'WITH subject AS (%s)%s SELECT s.subject_id, (SELECT v.name FROM lotty.variant v WHERE v.variant_id = s.variant_id), to_char(s.exposed_at AT TIME ZONE ''UTC'', %L), ARRAY[%s] '
        'FROM subject s %s WHERE %s',
        lotty.subjects_sql(scope), parts, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', array_to_string(columns, ', '), joins,
        CASE scope ->> 'crossovers' WHEN 'exclude' THEN 's.crossed_at IS NULL' ELSE 'true' END);
END
$$;
