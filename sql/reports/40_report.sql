-- The report of an experiment.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- The plan of an experiment, with the defaults where it has none, and the variant that others are compared with.
CREATE FUNCTION lotty.plan_of(experiment_id uuid)
RETURNS TABLE (alpha float8, power float8, planned_subjects bigint, correction text,
               prior_mean float8, prior_stddev float8, control_id uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(p.alpha, 0.05), coalesce(p.power, 0.8), coalesce(p.planned_subjects, 5000),
           coalesce(p.correction, 'holm'), coalesce(p.prior_mean, 0), p.prior_stddev,
           (SELECT v.variant_id FROM lotty.variant v WHERE v.experiment_id = e.experiment_id
             ORDER BY v.is_control DESC, v.rank, v.name LIMIT 1)
      FROM lotty.experiment e LEFT JOIN lotty.analysis_plan p ON p.experiment_id = e.experiment_id
     WHERE e.experiment_id = plan_of.experiment_id
$$;
COMMENT ON FUNCTION lotty.plan_of(uuid) IS
    'how an experiment is analysed: lotty.analysis_plan or the defaults; control_id is the control or, if none is marked, the first variant';

-- Whether what is kept can be used: it is brought up to date first.
CREATE FUNCTION lotty.is_refreshed(experiment_id uuid, as_of timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN as_of IS NULL
                THEN (SELECT r.action NOT IN ('impossible', 'busy') FROM lotty.refresh_report(experiment_id) r)
                ELSE false END
$$;
COMMENT ON FUNCTION lotty.is_refreshed(uuid, timestamptz) IS
    'brings what is kept for a report up to date and says whether that could be done; not for the past';

CREATE FUNCTION lotty.dimension_query(dimension text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_query CONSTANT text := (SELECT d.query FROM lotty.dimension d WHERE d.name = dimension);
BEGIN
    IF dimension IS NOT NULL AND found_query IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = 'dimension',
            MESSAGE = format('dimension "%s" does not exist', dimension),
            DETAIL = format('The dimensions are %s.',
                            (SELECT coalesce(string_agg(format('"%s"', d.name), ', ' ORDER BY d.name), 'none') FROM lotty.dimension d)),
            HINT = 'lotty.add_dimension adds one.';
    END IF;
    RETURN found_query;
END
$$;
COMMENT ON FUNCTION lotty.dimension_query(text) IS
    'the query of a dimension; NULL for no dimension; raises undefined_object';

-- Whether the statistics of a metric are kept, without a dimension.
CREATE FUNCTION lotty.has_cached_stats(scope jsonb, metric_id uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (scope -> 'cached')::boolean IS TRUE
       AND EXISTS (SELECT FROM lotty.own_metrics((scope ->> 'experiment_id')::uuid) m WHERE m.metric_id = has_cached_stats.metric_id)
$$;
COMMENT ON FUNCTION lotty.has_cached_stats(jsonb, uuid) IS
    'whether the statistics of a metric are kept';

-- What has been kept or read already, or the query: of one metric.
CREATE FUNCTION lotty.stats_sql(scope jsonb, metric lotty.metric, dimension_query text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN dimension_query IS NULL AND scope -> 'stats' ? metric.metric_id::text
        THEN format('SELECT * FROM jsonb_to_recordset(%L) AS r (dimension text, period integer, variant_id uuid, stats lotty.stats, '
                    'lower_cap float8, upper_cap float8, capped bigint)', scope -> 'stats' -> metric.metric_id::text)
        WHEN dimension_query IS NOT NULL OR NOT lotty.has_cached_stats(scope, metric.metric_id)
        THEN lotty.metric_sql(scope, metric, dimension_query)
        WHEN NOT lotty.is_additive(metric)
        THEN format('SELECT NULL::text AS dimension, r.period, r.variant_id, r.stats, r.lower_cap, r.upper_cap, r.capped '
                    'FROM lotty.report_state r WHERE r.experiment_id = %L AND r.metric_id = %L',
                    scope ->> 'experiment_id', metric.metric_id)
        ELSE format('SELECT NULL::text AS dimension, s.*, NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped FROM (%s) AS s',
                    lotty.stats_of_sums_sql(metric,
                        format('(SELECT * FROM lotty.report_sum WHERE experiment_id = %L AND metric_id = %L)',
                               scope ->> 'experiment_id', metric.metric_id), 'period, variant_id'))
    END
$$;
COMMENT ON FUNCTION lotty.stats_sql(jsonb, lotty.metric, text) IS
    'the query of a metric''s statistics: of those that are kept or read already, else of the log and the events';

-- The log and the events are read once for all metrics and the sample ratio, and not for each: 6.5 s instead of 14.3 (1 million
-- decisions, 2 million events, four metrics, in a read-only transaction, two cores beside other work).
CREATE FUNCTION lotty.read_together(scope jsonb, metric_ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off SET enable_indexscan = off AS $$
DECLARE
    unread CONSTANT uuid[] := ARRAY(SELECT m.metric_id FROM unnest(metric_ids) AS m (metric_id) WHERE NOT lotty.has_cached_stats(scope, m.metric_id));
    metrics lotty.metric[];
    metric lotty.metric;
    read record;
    -- Of a metric that has no rows that is known, too.
    stats jsonb := (SELECT jsonb_object_agg(u.metric_id, jsonb '[]') FROM unnest(unread) AS u (metric_id));
    counts jsonb;
BEGIN
    FOR metrics IN SELECT g.* FROM lotty.metric_groups(unread) AS g (metrics) LOOP
        BEGIN
            EXECUTE (
                SELECT format(E'%s\nSELECT (SELECT jsonb_object_agg(s.metric_id, s.rows) FROM ('
                              'SELECT s.metric_id, jsonb_agg(to_jsonb(s) - ''metric_id'') AS rows FROM (%s) AS s GROUP BY s.metric_id) AS s) AS stats, '
                              '%s AS counts',
                              q.with_query, q.query,
                              CASE WHEN q.with_query = '' OR counts IS NOT NULL OR (scope -> 'cached')::boolean THEN 'NULL::jsonb'
                                   ELSE format('(SELECT jsonb_agg(to_jsonb(c)) FROM (%s) AS c)', lotty.counts_sql(scope, NULL, 'subject')) END)
                  FROM lotty.metrics_sql(scope, metrics) q) INTO read;
        EXCEPTION WHEN numeric_value_out_of_range THEN
            -- Which metric it is shows when they are read one by one.
            FOREACH metric IN ARRAY metrics LOOP
                BEGIN
                    EXECUTE lotty.metric_sql(scope, metric);
                EXCEPTION WHEN numeric_value_out_of_range THEN
                    PERFORM lotty.refuse_values(metric.metric_id, SQLERRM);
                END;
            END LOOP;
            RAISE;
        END;
        stats := stats || coalesce(read.stats, '{}');
        counts := coalesce(counts, read.counts);
    END LOOP;
    RETURN scope || jsonb_strip_nulls(jsonb_build_object('counts', counts)) || jsonb_build_object('stats', coalesce(stats, '{}'));
END
$$;
COMMENT ON FUNCTION lotty.read_together(jsonb, uuid[]) IS
    'a scope with what is not kept of metrics: their statistics, and the counts of subjects';

CREATE FUNCTION lotty.metric_stats(
    experiment text, metric text, as_of timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, dimension text DEFAULT NULL)
RETURNS TABLE (dimension_value text, period integer, variant_id uuid, variant text, is_control boolean,
               stats lotty.stats, lower_cap float8, upper_cap float8, capped bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off SET enable_indexscan = off AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    of_metric lotty.metric;
    dimension_query CONSTANT text := lotty.dimension_query(dimension);
    scope CONSTANT jsonb := lotty.report_scope(of_experiment, as_of, until,
                                               until IS NULL AND lotty.is_refreshed(of_experiment, as_of));
BEGIN
    SELECT m.* INTO of_metric FROM lotty.metric m WHERE m.metric_id = lotty.metric_of(metric);
    RETURN QUERY EXECUTE format(
        'SELECT s.dimension, s.period, v.variant_id, v.name, v.variant_id = %L, s.stats, s.lower_cap, s.upper_cap, s.capped '
        'FROM lotty.variant v JOIN (%s) AS s ON s.variant_id = v.variant_id WHERE v.experiment_id = %L '
        'ORDER BY s.dimension, s.period, v.rank, v.name',
        (lotty.plan_of(of_experiment)).control_id, lotty.stats_sql(scope, of_metric, dimension_query), of_experiment);
END
$$;
COMMENT ON FUNCTION lotty.metric_stats(text, text, timestamptz, timestamptz, text) IS
    'the statistics of a metric in each variant, period of constant weights and, if asked, value of a dimension: for own comparisons by lotty.compare. as_of: as it was known then; until: with what had happened by then';

-- effects -----------------------------------------------------------------------------------

-- The planner cannot know how many subjects a common table expression answers, takes it for few, and joins them
-- with all events one by one. So it is told to hash (enable_nestloop).
--
-- Everything that a report says of one metric, before p-values are adjusted. The variants are all there, also
-- those without a subject. Where weights have changed, variants are compared within each period and the differences
-- combined (lotty.compare_stratified): else a change of weights at a time when subjects behave differently
-- would look like an effect.
CREATE FUNCTION lotty.effects(scope jsonb, metric lotty.metric, dimension_query text, cuped boolean)
RETURNS TABLE (dimension_value text, variant_id uuid, variant text, is_control boolean, rank integer, periods integer,
               stats lotty.stats, upper_cap float8, capped bigint, effect lotty.comparison, adjusted lotty.comparison, best lotty.comparison)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off SET enable_indexscan = off AS $$
DECLARE
    experiment CONSTANT uuid := scope ->> 'experiment_id';
    plan record;
    options text;
BEGIN
    SELECT p.* INTO plan FROM lotty.plan_of(experiment) p;
    options := format('%L, %L, %L, %L, %L, %L', plan.alpha, plan.planned_subjects, metric.direction,
                      plan.prior_mean, plan.prior_stddev, plan.power);
    RETURN QUERY EXECUTE format($sql$
        WITH stat AS MATERIALIZED (
%1$s
        ), whole AS (
            SELECT s.dimension, s.variant_id, min(s.upper_cap) AS upper_cap, sum(s.capped)::bigint AS capped,
                   lotty.rollup(s.stats) AS stats
              FROM stat s GROUP BY s.dimension, s.variant_id
        ), pooled AS (
            SELECT w.dimension, lotty.rollup(w.stats) AS stats FROM whole w WHERE %4$L GROUP BY w.dimension
        ), stratum AS (
            -- The periods that either of the two has.
            SELECT w.dimension, w.variant_id, array_agg(c.stats ORDER BY p.period) AS controls, array_agg(t.stats ORDER BY p.period) AS treatments
              FROM whole w
              JOIN (SELECT DISTINCT s.dimension, s.variant_id, s.period FROM stat s) AS p
                ON p.dimension IS NOT DISTINCT FROM w.dimension AND p.variant_id = w.variant_id
                OR p.dimension IS NOT DISTINCT FROM w.dimension AND p.variant_id = %2$L
                   AND NOT EXISTS (SELECT FROM stat s WHERE s.variant_id = w.variant_id AND s.period = p.period
                                                        AND s.dimension IS NOT DISTINCT FROM p.dimension)
              LEFT JOIN stat t ON t.variant_id = w.variant_id AND t.period = p.period AND t.dimension IS NOT DISTINCT FROM w.dimension
              LEFT JOIN stat c ON c.variant_id = %2$L AND c.period = p.period AND c.dimension IS NOT DISTINCT FROM w.dimension
             WHERE w.variant_id <> %2$L
             GROUP BY w.dimension, w.variant_id
        )
        SELECT e.*, CASE WHEN (e.adjusted).std_err IS NOT NULL THEN e.adjusted ELSE e.effect END
          FROM (SELECT g.dimension, v.variant_id, v.name, v.variant_id = %2$L AS is_control, v.rank, coalesce(cardinality(s.treatments), 1),
                       t.stats, t.upper_cap, t.capped,
                       CASE WHEN v.variant_id = %2$L THEN NULL
                            WHEN cardinality(s.treatments) > 1 THEN lotty.compare_stratified(s.controls, s.treatments, %5$s)
                            ELSE lotty.compare(c.stats, t.stats, %5$s) END AS effect,
                       CASE WHEN v.variant_id <> %2$L AND %4$L AND coalesce(cardinality(s.treatments), 1) = 1
                            THEN lotty.compare_cuped(c.stats, t.stats, p.stats, %5$s) END AS adjusted
                  FROM (SELECT DISTINCT w.dimension FROM whole w UNION SELECT NULL WHERE %6$L) AS g
                 CROSS JOIN lotty.variant v
                  LEFT JOIN whole t ON t.variant_id = v.variant_id AND t.dimension IS NOT DISTINCT FROM g.dimension
                  LEFT JOIN whole c ON c.variant_id = %2$L AND c.dimension IS NOT DISTINCT FROM g.dimension
                  LEFT JOIN pooled p ON p.dimension IS NOT DISTINCT FROM g.dimension
                  LEFT JOIN stratum s ON s.variant_id = v.variant_id AND s.dimension IS NOT DISTINCT FROM g.dimension
                 WHERE v.experiment_id = %3$L AND (NOT v.is_retired OR t.stats IS NOT NULL)
                 -- Compared once, however often the columns are used.
                 OFFSET 0) AS e$sql$,
        lotty.stats_sql(scope, metric, dimension_query), plan.control_id, experiment,
        cuped AND metric.cuped_days IS NOT NULL, options, dimension_query IS NULL);
END
$$;
COMMENT ON FUNCTION lotty.effects(jsonb, lotty.metric, text, boolean) IS
    'each variant of an experiment compared with the control, for one metric: as it is (effect), with CUPED (adjusted), and with CUPED where that is defined (best)';

-- The lift may be undefined where the difference is not.
CREATE FUNCTION lotty.guardrail_bound(direction text, effect lotty.comparison, tolerance float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN tolerance = 0 THEN CASE direction WHEN 'decrease' THEN (effect).seq_lower ELSE (effect).seq_upper END
                ELSE CASE direction WHEN 'decrease' THEN (effect).seq_lift_lower ELSE (effect).seq_lift_upper END END
$$;
COMMENT ON FUNCTION lotty.guardrail_bound(text, lotty.comparison, float8) IS
    'the one-sided always-valid bound that a guardrail compares with its tolerance: of the lift or, with a tolerance of 0, of the difference';

-- The word for a row of a report. A guardrail's tests are one-sided and about its tolerance and margin; those of the
-- others two-sided, about 0.
CREATE FUNCTION lotty.verdict(
    role text, direction text, effect lotty.comparison, p_value float8, alpha float8, tolerance float8, margin float8)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN role = 'guardrail' THEN CASE
            WHEN CASE direction WHEN 'decrease' THEN lotty.guardrail_bound(direction, effect, tolerance) > tolerance
                                ELSE lotty.guardrail_bound(direction, effect, tolerance) < -tolerance END THEN 'tripped'
            WHEN CASE direction WHEN 'decrease' THEN (effect).seq_lift_upper < margin ELSE (effect).seq_lift_lower > -margin END THEN 'passed'
            WHEN (effect).std_err IS NULL THEN 'undefined'
            ELSE 'inconclusive' END
        WHEN p_value IS NULL THEN 'undefined'
        WHEN p_value >= alpha THEN 'inconclusive'
        WHEN ((effect).diff > 0) = (direction = 'increase') THEN 'better'
        ELSE 'worse' END
$$;
COMMENT ON FUNCTION lotty.verdict(text, text, lotty.comparison, float8, float8, float8, float8) IS
    'better, worse, inconclusive or undefined; of a guardrail tripped, passed, inconclusive or undefined';

CREATE FUNCTION lotty.adjust_p_values(p_values float8[], correction text) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE correction WHEN 'holm' THEN lotty.holm(p_values)
                           WHEN 'benjamini_hochberg' THEN lotty.benjamini_hochberg(p_values)
                           ELSE p_values END
$$;
COMMENT ON FUNCTION lotty.adjust_p_values(float8[], text) IS
    'p-values adjusted for their number by holm or benjamini_hochberg, or as they are by none';

-- The rows of a report, of some metrics and perhaps by a dimension.
CREATE FUNCTION lotty.report_rows(
    experiment_id uuid, scope jsonb, metric_ids uuid[], dimension text, sequential boolean, cuped boolean)
RETURNS TABLE (
    metric text, role text, dimension_value text, variant text, variant_id uuid, is_control boolean,
    n bigint, mean float8, std_err float8, diff float8, diff_ci_lower float8, diff_ci_upper float8,
    lift float8, lift_ci_lower float8, lift_ci_upper float8, p_value float8, p_value_adjusted float8,
    seq_p_value float8, seq_p_value_adjusted float8, seq_lift_ci_lower float8, seq_lift_ci_upper float8,
    chance_to_beat_control float8, mde_lift float8, variance_reduction float8, cuped_lift float8,
    cuped_lift_ci_lower float8, cuped_lift_ci_upper float8, cuped_p_value float8, cuped_seq_p_value float8,
    verdict text, note text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH plan AS (
        SELECT p.* FROM lotty.plan_of(experiment_id) p
    ), known AS MATERIALIZED (
        SELECT CASE WHEN dimension IS NULL THEN lotty.read_together(scope, metric_ids) ELSE scope END AS scope
    ), mismatch AS (
        -- Where subjects are missing on one side, what the others do says nothing.
        SELECT s.seq_p_value < 0.001 AS is_certain
          FROM known k CROSS JOIN LATERAL lotty.sample_ratio(k.scope, NULL) s WHERE s.counted = 'exposed'
    ), row AS (
        SELECT a.role, a.tolerance, a.margin, m.key, m.direction, m.type, m.cuped_days, e.*,
               coalesce((e.adjusted).p_value, CASE WHEN c.are_small THEN (e.effect).fisher_p_value END, (e.effect).p_value) AS best_p,
               c.are_small,
               coalesce((e.adjusted).seq_p_value, (e.effect).seq_p_value) AS best_seq_p,
               CASE a.role WHEN 'goal' THEN 1 WHEN 'secondary' THEN 2 ELSE 3 END AS place
          FROM lotty.metric m
          LEFT JOIN lotty.experiment_metric a ON a.metric_id = m.metric_id AND a.experiment_id = report_rows.experiment_id
         CROSS JOIN known k
         CROSS JOIN LATERAL lotty.effects(k.scope, m, lotty.dimension_query(dimension), cuped) e
         -- Where one of the four counts is below 5, the test that is right for small counts is told instead.
         CROSS JOIN LATERAL (SELECT (e.effect).fisher_p_value IS NOT NULL
                                    AND least((e.effect).n_control * (e.effect).control_mean, (e.effect).n_control * (1 - (e.effect).control_mean),
                                              (e.effect).n_treatment * (e.effect).treatment_mean,
                                              (e.effect).n_treatment * (1 - (e.effect).treatment_mean)) < 4.5 AS are_small) AS c
         WHERE m.metric_id = ANY (metric_ids)
    ), numbered AS (
        -- The family: treatments by goal metrics, or by values of the dimension.
        SELECT r.*, coalesce(r.role = 'goal', true) OR dimension IS NOT NULL AS is_of_family,
               row_number() OVER (PARTITION BY coalesce(r.role = 'goal', true) OR dimension IS NOT NULL
                                      ORDER BY r.place, r.key, r.dimension_value, r.rank, r.variant) AS number
          FROM row r
    ), family AS (
        SELECT lotty.adjust_p_values(array_agg(u.best_p ORDER BY u.number), min(p.correction)) AS p_values,
               lotty.adjust_p_values(array_agg(u.best_seq_p ORDER BY u.number), min(p.correction)) AS seq_p_values
          FROM numbered u CROSS JOIN plan p WHERE u.is_of_family
    )
    SELECT u.key, coalesce(u.role, 'none'), u.dimension_value, u.variant, u.variant_id, u.is_control,
           coalesce(lotty.n(u.stats), 0), lotty.mean(u.stats), lotty.std_err(u.stats),
           (u.effect).diff, (u.effect).ci_lower, (u.effect).ci_upper,
           (u.effect).lift, (u.effect).lift_ci_lower, (u.effect).lift_ci_upper,
           CASE WHEN u.are_small THEN (u.effect).fisher_p_value ELSE (u.effect).p_value END,
           a.p_value, (u.effect).seq_p_value, a.seq_p_value, (u.effect).seq_lift_ci_lower, (u.effect).seq_lift_ci_upper,
           (u.effect).chance_to_beat_control, (u.effect).mde_lift,
           (u.adjusted).variance_reduction, (u.adjusted).lift, (u.adjusted).lift_ci_lower, (u.adjusted).lift_ci_upper,
           (u.adjusted).p_value, (u.adjusted).seq_p_value,
           CASE WHEN u.is_control THEN NULL
                WHEN (SELECT m.is_certain FROM mismatch m) THEN 'invalid'
                ELSE lotty.verdict(coalesce(u.role, 'secondary'), u.direction, u.best,
                                   CASE WHEN sequential THEN coalesce(a.seq_p_value, u.best_seq_p) ELSE coalesce(a.p_value, u.best_p) END,
                                   p.alpha, coalesce(u.tolerance, 0), u.margin) END,
           nullif(concat_ws('; ', CASE WHEN NOT u.is_control AND (SELECT m.is_certain FROM mismatch m)
                                       THEN 'the sample ratio does not fit the weights (lotty.health)' END,
                            CASE WHEN NOT scope ? 'periods' THEN NULL
                                 WHEN u.type IN ('quantile', 'event_quantile') THEN 'weights have changed: a quantile is of all periods together'
                                 WHEN u.periods > 1 THEN 'weights have changed: compared within each period'
                                                         || CASE WHEN cuped AND u.cuped_days IS NOT NULL THEN ', without CUPED' ELSE '' END END,
                            CASE WHEN u.are_small THEN 'small counts: p_value is Fisher''s' END,
                            CASE WHEN u.capped > 0 THEN format('%s values capped%s', u.capped, ' at ' || trim_scale(round(u.upper_cap::numeric, 4))) END,
                            (u.effect).note,
                            CASE WHEN (u.adjusted).note IS DISTINCT FROM (u.effect).note THEN (u.adjusted).note END), '')
      FROM numbered u CROSS JOIN plan p CROSS JOIN family f
     CROSS JOIN LATERAL (SELECT CASE WHEN u.is_of_family THEN f.p_values[u.number] END AS p_value,
                                CASE WHEN u.is_of_family THEN f.seq_p_values[u.number] END AS seq_p_value) AS a
     ORDER BY u.place, u.key, u.dimension_value, u.is_control DESC, u.rank, u.variant
$$;
COMMENT ON FUNCTION lotty.report_rows(uuid, jsonb, uuid[], text, boolean, boolean) IS
    'the rows of lotty.report and lotty.report_by';

CREATE FUNCTION lotty.report(
    experiment text, as_of timestamptz DEFAULT NULL, sequential boolean DEFAULT true, cuped boolean DEFAULT true)
RETURNS TABLE (
    metric text, role text, variant text, variant_id uuid, is_control boolean,
    n bigint, mean float8, std_err float8, diff float8, diff_ci_lower float8, diff_ci_upper float8,
    lift float8, lift_ci_lower float8, lift_ci_upper float8, p_value float8, p_value_adjusted float8,
    seq_p_value float8, seq_p_value_adjusted float8, seq_lift_ci_lower float8, seq_lift_ci_upper float8,
    chance_to_beat_control float8, mde_lift float8, variance_reduction float8, cuped_lift float8,
    cuped_lift_ci_lower float8, cuped_lift_ci_upper float8, cuped_p_value float8, cuped_seq_p_value float8,
    verdict text, note text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    scope CONSTANT jsonb := lotty.report_scope(of_experiment, as_of, NULL, lotty.is_refreshed(of_experiment, as_of));
BEGIN
    RETURN QUERY
    SELECT r.metric, r.role, r.variant, r.variant_id, r.is_control, r.n, r.mean, r.std_err,
           r.diff, r.diff_ci_lower, r.diff_ci_upper, r.lift, r.lift_ci_lower, r.lift_ci_upper,
           r.p_value, r.p_value_adjusted, r.seq_p_value, r.seq_p_value_adjusted, r.seq_lift_ci_lower, r.seq_lift_ci_upper,
           r.chance_to_beat_control, r.mde_lift, r.variance_reduction, r.cuped_lift,
           r.cuped_lift_ci_lower, r.cuped_lift_ci_upper, r.cuped_p_value, r.cuped_seq_p_value, r.verdict, r.note
      FROM lotty.report_rows(of_experiment, scope,
                             ARRAY(SELECT m.metric_id FROM lotty.experiment_metric m WHERE m.experiment_id = of_experiment),
                             NULL, coalesce(sequential, true), coalesce(cuped, true)) r;
END
$$;
COMMENT ON FUNCTION lotty.report(text, timestamptz, boolean, boolean) IS
    'the results of an experiment: a row for each of its metrics and variants, compared with the control. as_of: as they were known at that time; NULL is now. sequential: whether verdicts are always valid, or for one look at the planned end. cuped: whether variance is reduced where the metric says so';

CREATE FUNCTION lotty.report_by(
    experiment text, metric text, dimension text, as_of timestamptz DEFAULT NULL, sequential boolean DEFAULT true, cuped boolean DEFAULT true)
RETURNS TABLE (
    dimension_value text, variant text, variant_id uuid, is_control boolean,
    n bigint, mean float8, std_err float8, diff float8, diff_ci_lower float8, diff_ci_upper float8,
    lift float8, lift_ci_lower float8, lift_ci_upper float8, p_value float8, p_value_adjusted float8,
    seq_p_value float8, seq_p_value_adjusted float8, seq_lift_ci_lower float8, seq_lift_ci_upper float8,
    chance_to_beat_control float8, mde_lift float8, variance_reduction float8, cuped_lift float8,
    cuped_lift_ci_lower float8, cuped_lift_ci_upper float8, cuped_p_value float8, cuped_seq_p_value float8,
    verdict text, note text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    of_metric CONSTANT uuid := lotty.metric_of(metric);
    scope CONSTANT jsonb := lotty.report_scope(of_experiment, as_of, NULL, lotty.is_refreshed(of_experiment, as_of));
BEGIN
    IF dimension IS NULL THEN
        PERFORM lotty.refuse_null('lotty.report_by', 'dimension', 'lotty.report is without one.');
    END IF;
    RETURN QUERY
    SELECT r.dimension_value, r.variant, r.variant_id, r.is_control, r.n, r.mean, r.std_err,
           r.diff, r.diff_ci_lower, r.diff_ci_upper, r.lift, r.lift_ci_lower, r.lift_ci_upper,
           r.p_value, r.p_value_adjusted, r.seq_p_value, r.seq_p_value_adjusted, r.seq_lift_ci_lower, r.seq_lift_ci_upper,
           r.chance_to_beat_control, r.mde_lift, r.variance_reduction, r.cuped_lift,
           r.cuped_lift_ci_lower, r.cuped_lift_ci_upper, r.cuped_p_value, r.cuped_seq_p_value, r.verdict, r.note
      FROM lotty.report_rows(of_experiment, scope, ARRAY[of_metric], dimension,
                             coalesce(sequential, true), coalesce(cuped, true)) r;
END
$$;
COMMENT ON FUNCTION lotty.report_by(text, text, text, timestamptz, boolean, boolean) IS
    'the results of an experiment for one metric, separately for each value of a dimension; p-values are adjusted for all of them';

SET LOCAL search_path TO @extschema@, pg_temp;
