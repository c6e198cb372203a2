-- The SQL of metrics: the values of subjects, and what is made of them.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- A subject's value, of the row of its totals. For the aggregates it is a boolean or a float8; for sums that are added to and
-- subtracted from it must be exact.
CREATE FUNCTION lotty.value_sql(kind text, totals text, before_exposure boolean, exact boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind
               WHEN 'conversion' THEN
                   format('coalesce(%s.%sevents > 0, false)', totals, p.prefix)
                   || CASE WHEN before_exposure OR exact THEN '::integer::' || t.type ELSE '' END
               WHEN 'count' THEN format('coalesce(%s.%sevents, 0)::%s', totals, p.prefix, t.type)
               ELSE format('coalesce(%s.%stotal, 0)::%s', totals, p.prefix, t.type) END
      FROM (VALUES (CASE WHEN before_exposure THEN 'prior_' ELSE '' END)) AS p (prefix)
     CROSS JOIN (VALUES (CASE WHEN exact THEN 'numeric' ELSE 'float8' END)) AS t (type)
$$;
COMMENT ON FUNCTION lotty.value_sql(text, text, boolean, boolean) IS
    'the value of a subject for a conversion, a count or a sum, as SQL';

CREATE FUNCTION lotty.included_sql(scope jsonb, dimension_query text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'WITH subject AS (\n%s\n), included AS (\n'
                  'SELECT u.subject_id, u.variant_id, u.exposed_at, %s AS dimension, %s AS period\n  FROM subject u%s%s\n)',
                  lotty.subjects_sql(scope),
                  CASE WHEN dimension_query IS NULL THEN 'NULL::text' ELSE 'd.value' END,
                  lotty.period_sql(scope), lotty.dimension_sql(dimension_query),
                  CASE WHEN scope ->> 'crossovers' = 'exclude' THEN E'\n WHERE u.crossed_at IS NULL' END)
$$;
COMMENT ON FUNCTION lotty.included_sql(jsonb, text) IS
    'the common table expressions subject and included: who was exposed, and who is in the report';

-- v1 is the value or the numerator, v2 of a ratio the denominator; the same of the covariate follows. What is of
-- the same events is read once.
CREATE FUNCTION lotty.values_sql(
    scope jsonb, metric lotty.metric, dimension_query text, exact boolean, OUT sql text, OUT variables integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_ratio CONSTANT boolean := metric.type = 'ratio';
    is_own CONSTANT boolean := metric.covariate_id IS NULL;
    look_back CONSTANT interval := make_interval(days => metric.cuped_days);
    own_look_back CONSTANT interval := CASE WHEN is_own THEN look_back END;
    own_window CONSTANT interval := CASE WHEN is_own THEN metric.attribution_window END;
    own_attribution CONSTANT text := CASE WHEN is_own THEN metric.attribution ELSE 'subject_id' END;
    covariate lotty.metric;
    needed record;
    part text;
    parts text[] := '{}';
    vals text[] := '{}';
BEGIN
    SELECT m.* INTO covariate FROM lotty.metric m WHERE m.metric_id = coalesce(metric.covariate_id, metric.metric_id);
    FOR needed IN
        SELECT n.* FROM (VALUES
            (1, metric.event_type, metric.attribution, metric.attribution_window, own_look_back,
             CASE metric.type WHEN 'ratio' THEN metric.numerator WHEN 'quantile' THEN 'sum' ELSE metric.type END, false),
            (2, coalesce(metric.denominator_event_type, metric.event_type), metric.attribution, metric.attribution_window,
             own_look_back, metric.denominator, false),
            (3, covariate.event_type, own_attribution, own_window, look_back,
             CASE WHEN is_ratio THEN covariate.numerator ELSE covariate.type END, true),
            (4, coalesce(covariate.denominator_event_type, covariate.event_type), own_attribution, own_window, look_back,
             covariate.denominator, true))
            AS n (number, event_type, attribution, attribution_window, look_back, kind, before_exposure)
         WHERE (is_ratio OR n.number IN (1, 3)) AND (metric.cuped_days IS NOT NULL OR NOT n.before_exposure)
         ORDER BY n.number
    LOOP
        part := lotty.totals_sql(scope, needed.event_type, needed.attribution, needed.attribution_window, needed.look_back);
        IF array_position(parts, part) IS NULL THEN
            parts := parts || part;
        END IF;
        vals := vals || lotty.value_sql(needed.kind, 't' || array_position(parts, part), needed.before_exposure, exact);
    END LOOP;
    variables := cardinality(vals);
    SELECT lotty.included_sql(scope, dimension_query)
           || string_agg(format(E', t%s AS (\n%s\n)', p.number, p.text), '' ORDER BY p.number)
           || format(E', value AS (\nSELECT i.dimension, i.period, i.variant_id, %s\n  FROM included i%s\n)',
                     (SELECT string_agg(format('%s AS v%s', v.text, v.number), ', ' ORDER BY v.number)
                        FROM unnest(vals) WITH ORDINALITY AS v (text, number)),
                     string_agg(format(E'\n  LEFT JOIN t%1$s ON t%1$s.subject_id = i.subject_id', p.number), '' ORDER BY p.number))
      INTO sql FROM unnest(parts) WITH ORDINALITY AS p (text, number);
END
$$;
COMMENT ON FUNCTION lotty.values_sql(jsonb, lotty.metric, text, boolean) IS
    'the common table expression value, with the variables of a metric for each subject, and how many these are';

CREATE FUNCTION lotty.quantile_sql(scope jsonb, metric lotty.metric, dimension_query text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lotty.values_sql(scope, metric, dimension_query, false)).sql || format($sql$
SELECT v.dimension, 1 AS period, v.variant_id,
       lotty.quantile_stats(v.n, %1$L::float8, v.at[2], v.at[1], v.at[3]) AS stats,
       NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped
  FROM (SELECT v.dimension, v.variant_id, v.n, percentile_cont(lotty.quantile_bounds(v.n, %1$L::float8)) WITHIN GROUP (ORDER BY v.v1)%2$s AS at
          FROM (SELECT v.*, count(*)%2$s OVER (PARTITION BY v.dimension, v.variant_id) AS n FROM value v) AS v
         GROUP BY v.dimension, v.variant_id, v.n) AS v$sql$,
        metric.quantile, CASE WHEN metric.ignore_zeros THEN ' FILTER (WHERE v.v1 <> 0)' ELSE '' END)
$$;
COMMENT ON FUNCTION lotty.quantile_sql(jsonb, lotty.metric, text) IS
    'the query that computes a quantile of the subjects'' sums, as lotty.metric_sql';

CREATE FUNCTION lotty.event_quantile_sql(scope jsonb, metric lotty.metric, dimension_query text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lotty.included_sql(scope, dimension_query) || format($sql$, item AS (
SELECT i.dimension, i.variant_id, u.subject_id, e.value::float8 AS value
%1$s
   AND e.value IS NOT NULL
), quantile AS (
SELECT t.dimension, t.variant_id, t.n, percentile_cont(lotty.quantile_bounds(t.n, %2$L::float8)) WITHIN GROUP (ORDER BY t.value) AS at
  FROM (SELECT t.*, count(*) OVER (PARTITION BY t.dimension, t.variant_id) AS n FROM item t) AS t
 GROUP BY t.dimension, t.variant_id, t.n
), cluster AS (
SELECT i.dimension, i.variant_id, lotty.ratio_stats(coalesce(c.below, 0), coalesce(c.n, 0)) AS stats
  FROM included i
  LEFT JOIN (SELECT t.subject_id, count(*) AS n, count(*) FILTER (WHERE t.value <= q.at[2]) AS below
               FROM item t JOIN quantile q ON q.variant_id = t.variant_id AND q.dimension IS NOT DISTINCT FROM t.dimension
              GROUP BY t.subject_id) AS c ON c.subject_id = i.subject_id
 GROUP BY i.dimension, i.variant_id
)
SELECT c.dimension, 1 AS period, c.variant_id,
       lotty.quantile_stats(coalesce(q.n, 0), %2$L::float8, q.at[2], q.at[1], q.at[3], c.stats) AS stats,
       NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped
  FROM cluster c LEFT JOIN quantile q ON q.variant_id = c.variant_id AND q.dimension IS NOT DISTINCT FROM c.dimension$sql$,
        regexp_replace(lotty.attributed_sql(scope, metric.event_type, metric.attribution, metric.attribution_window, NULL),
                       '^  FROM subject u', E'  FROM subject u\n  JOIN included i ON i.subject_id = u.subject_id'),
        metric.quantile)
$$;
COMMENT ON FUNCTION lotty.event_quantile_sql(jsonb, lotty.metric, text) IS
    'the query that computes a quantile of the values of events, as lotty.metric_sql';

-- Where values are capped, the caps are percentiles of all subjects, whatever their variant.
CREATE FUNCTION lotty.moments_sql(scope jsonb, metric lotty.metric, dimension_query text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_winsorized CONSTANT boolean := num_nonnulls(metric.winsorize_lower, metric.winsorize_upper) > 0;
    capped_variables CONSTANT integer := CASE metric.type WHEN 'ratio' THEN 2 ELSE 1 END;
    of_values record;
    with_query text;
    arguments text;
    caps text;
BEGIN
    SELECT v.* INTO of_values FROM lotty.values_sql(scope, metric, dimension_query, false) v;
    with_query := of_values.sql;
    -- Values that the percentiles are not of stay as they are.
    SELECT string_agg(CASE WHEN is_winsorized AND v.number <= capped_variables
                           THEN format(CASE WHEN metric.ignore_zeros THEN 'CASE WHEN v.v%1$s = 0 THEN 0 ELSE ' ELSE '' END
                                       || 'greatest(least(v.v%1$s, (SELECT c.upper%1$s FROM cap c)), (SELECT c.lower%1$s FROM cap c))'
                                       || CASE WHEN metric.ignore_zeros THEN ' END' ELSE '' END, v.number)
                           ELSE format('v.v%s', v.number) END, ', ' ORDER BY v.number)
      INTO arguments FROM generate_series(1, of_values.variables) AS v (number);
    IF is_winsorized THEN
        SELECT string_agg(CASE WHEN c.percentile IS NULL THEN format('NULL::float8 AS %s%s', c.name, v.number)
                               ELSE format('percentile_cont(%L) WITHIN GROUP (ORDER BY v.v%s)%s AS %s%2$s', c.percentile, v.number,
                                           CASE WHEN metric.ignore_zeros THEN format(' FILTER (WHERE v.v%s <> 0)', v.number) END, c.name) END,
                          E',\n       ' ORDER BY v.number, c.name)
          INTO caps
          FROM generate_series(1, capped_variables) AS v (number)
         CROSS JOIN (VALUES ('lower', metric.winsorize_lower), ('upper', metric.winsorize_upper)) AS c (name, percentile);
        with_query := with_query || format(E', cap AS (\nSELECT %s\n  FROM value v\n)', caps);
    END IF;
    RETURN with_query || format(E'\nSELECT v.dimension, v.period, v.variant_id, lotty.%s(%s) AS stats,\n       %s\n  FROM value v\n'
                           ' GROUP BY v.dimension, v.period, v.variant_id',
                           CASE WHEN metric.type = 'ratio' THEN 'ratio_stats' ELSE 'stats' END, arguments,
                           CASE WHEN is_winsorized
                                THEN '(SELECT c.lower1 FROM cap c) AS lower_cap, (SELECT c.upper1 FROM cap c) AS upper_cap, '
                                     'count(*) FILTER (WHERE '
                                     || CASE WHEN metric.ignore_zeros THEN 'v.v1 <> 0 AND ' ELSE '' END
                                     || '(v.v1 < (SELECT c.lower1 FROM cap c) OR v.v1 > (SELECT c.upper1 FROM cap c))) AS capped'
                                ELSE 'NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped' END);
END
$$;
COMMENT ON FUNCTION lotty.moments_sql(jsonb, lotty.metric, text) IS
    'the query that computes a conversion, a count, a sum or a ratio, as lotty.metric_sql';

-- A metric's statistics: a row for each variant and, if asked, each value of the dimension and each period of
-- constant weights. Quantiles are of all periods together.
CREATE FUNCTION lotty.metric_sql(scope jsonb, metric lotty.metric, dimension_query text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE metric.type WHEN 'quantile' THEN lotty.quantile_sql(scope, metric, dimension_query)
                            WHEN 'event_quantile' THEN lotty.event_quantile_sql(scope, metric, dimension_query)
                            ELSE lotty.moments_sql(scope, metric, dimension_query) END
$$;
COMMENT ON FUNCTION lotty.metric_sql(jsonb, lotty.metric, text) IS
    'the query that computes a metric: dimension, period of constant weights, variant_id, stats, the caps of winsorising and how many values they changed';

-- The same as sums, which can be added to and subtracted from, being exact: of the number of subjects (variable 0), of
-- each variable, and of their products.
CREATE FUNCTION lotty.sums_sql(scope jsonb, metric lotty.metric) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'%s\nSELECT s.period, s.variant_id, x.variable, x.other, x.total\n'
                  '  FROM (SELECT v.period, v.variant_id, count(*)::numeric AS n, %s FROM value v GROUP BY v.period, v.variant_id) AS s\n'
                  ' CROSS JOIN LATERAL (VALUES (0, 0, s.n), %s) AS x (variable, other, total)',
                  v.sql,
                  string_agg(format('sum(%s) AS s%s_%s', concat_ws(' * ', 'v.v' || i.number, 'v.v' || nullif(j.number, 0)), i.number, j.number),
                             ', ' ORDER BY i.number, j.number),
                  string_agg(format('(%1$s, %2$s, s.s%1$s_%2$s)', i.number, j.number), ', ' ORDER BY i.number, j.number))
      FROM lotty.values_sql(scope, metric, NULL, true) AS v
     CROSS JOIN LATERAL generate_series(1, v.variables) AS i (number)
     CROSS JOIN LATERAL generate_series(0, v.variables) AS j (number)
     WHERE j.number = 0 OR j.number >= i.number
     GROUP BY v.sql
$$;
COMMENT ON FUNCTION lotty.sums_sql(jsonb, lotty.metric) IS
    'the query of the exact sums of a metric''s variables and of their products, by period and variant';

-- Centred without a loss: the difference is of exact numbers.
CREATE FUNCTION lotty.stats_from_sums(kind text, n bigint, sums numeric[], products numeric[]) RETURNS lotty.stats
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lotty.stats_from_moments(kind, n,
        ARRAY(SELECT (s.total / n)::float8 FROM unnest(sums) WITH ORDINALITY AS s (total, number) ORDER BY s.number),
        ARRAY(SELECT ((n * p.total - a.total * b.total) / n)::float8
                FROM (SELECT x.total, row_number() OVER (ORDER BY x.number) AS number
                        FROM unnest(products) WITH ORDINALITY AS x (total, number)) AS p
                JOIN (SELECT i.number AS i, j.number AS j, row_number() OVER (ORDER BY i.number, j.number) AS number
                        FROM generate_subscripts(sums, 1) AS i (number), generate_subscripts(sums, 1) AS j (number)
                       WHERE j.number >= i.number) AS pair ON pair.number = p.number
                JOIN unnest(sums) WITH ORDINALITY AS a (total, number) ON a.number = pair.i
                JOIN unnest(sums) WITH ORDINALITY AS b (total, number) ON b.number = pair.j
               ORDER BY p.number))
$$;
COMMENT ON FUNCTION lotty.stats_from_sums(text, bigint, numeric[], numeric[]) IS
    'stats from exact sums: of the variables, and the upper triangle, row by row, of their products';

SET LOCAL search_path TO @extschema@, pg_temp;
