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

-- Of each metric the value or the numerator (place 1), of a ratio the denominator; then the same of the covariate. What is of the
-- same events has the same measure, and what is made of it in the same way is the same value: both are numbered as they come.
CREATE FUNCTION lotty.needed_values(metrics lotty.metric[])
RETURNS TABLE (metric_id uuid, place integer, measure bigint, value bigint, event_type text, attribution text,
               attribution_window interval, look_back interval, kind text, before_exposure boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH needed AS (
        SELECT m.metric_id, n.*, row_number() OVER (ORDER BY m.ordinality, n.place) AS number
          FROM unnest(metrics) WITH ORDINALITY AS m
          JOIN lotty.metric c ON c.metric_id = coalesce(m.covariate_id, m.metric_id)
         CROSS JOIN LATERAL (SELECT make_interval(days => m.cuped_days) AS look_back, m.covariate_id IS NULL AS is_own, m.type = 'ratio' AS is_ratio) AS x
         CROSS JOIN LATERAL (SELECT CASE WHEN x.is_own THEN x.look_back END AS look_back,
                                    CASE WHEN x.is_own THEN m.attribution_window END AS attribution_window,
                                    CASE WHEN x.is_own THEN m.attribution ELSE 'subject_id' END AS attribution) AS o
         CROSS JOIN LATERAL (VALUES
            (1, m.event_type, m.attribution, m.attribution_window, o.look_back,
             CASE m.type WHEN 'ratio' THEN m.numerator WHEN 'quantile' THEN 'sum' ELSE m.type END, false),
            (2, coalesce(m.denominator_event_type, m.event_type), m.attribution, m.attribution_window, o.look_back, m.denominator, false),
            (3, c.event_type, o.attribution, o.attribution_window, x.look_back, CASE WHEN x.is_ratio THEN c.numerator ELSE c.type END, true),
            (4, coalesce(c.denominator_event_type, c.event_type), o.attribution, o.attribution_window, x.look_back, c.denominator, true))
            AS n (place, event_type, attribution, attribution_window, look_back, kind, before_exposure)
         WHERE m.type <> 'event_quantile'
           AND (x.is_ratio OR n.place IN (1, 3)) AND (m.cuped_days IS NOT NULL OR NOT n.before_exposure)
    ), measure AS (
        SELECT n.*, min(n.number) OVER (PARTITION BY n.event_type, n.attribution, lotty.in_seconds(n.attribution_window),
                                                     lotty.in_seconds(n.look_back)) AS measure FROM needed n
    ), first AS (
        SELECT m.*, min(m.number) OVER (PARTITION BY m.measure, m.kind, m.before_exposure) AS value FROM measure m
    )
    SELECT f.metric_id, f.place, dense_rank() OVER (ORDER BY f.measure), dense_rank() OVER (ORDER BY f.value),
           f.event_type, f.attribution, f.attribution_window, f.look_back, f.kind, f.before_exposure
      FROM first f ORDER BY f.number
$$;
COMMENT ON FUNCTION lotty.needed_values(lotty.metric[]) IS
    'the values of subjects that metrics are made of (but for quantiles of events): of which events, attributed how, and what is made of them';

-- t1, t2 and so on are the totals of the measures, v1, v2 and so on the values.
CREATE FUNCTION lotty.values_sql(scope jsonb, metrics lotty.metric[], dimension_query text, exact boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH needed AS MATERIALIZED (
        SELECT n.* FROM lotty.needed_values(metrics) n
    ), measure AS (
        SELECT DISTINCT ON (n.measure) n.measure AS number,
               lotty.totals_sql(scope, n.event_type, n.attribution, n.attribution_window, n.look_back) AS text
          FROM needed n
    ), value AS (
        SELECT DISTINCT n.value AS number, lotty.value_sql(n.kind, 't' || n.measure, n.before_exposure, exact) AS text FROM needed n
    )
    SELECT lotty.included_sql(scope, dimension_query)
           || string_agg(format(E', t%s AS (\n%s\n)', m.number, m.text), '' ORDER BY m.number)
           || format(E', value AS (\nSELECT i.dimension, i.period, i.variant_id, %s\n  FROM included i%s\n)',
                     (SELECT string_agg(format('%s AS v%s', v.text, v.number), ', ' ORDER BY v.number) FROM value v),
                     string_agg(format(E'\n  LEFT JOIN t%1$s ON t%1$s.subject_id = i.subject_id', m.number), '' ORDER BY m.number))
      FROM measure m
$$;
COMMENT ON FUNCTION lotty.values_sql(jsonb, lotty.metric[], text, boolean) IS
    'the common table expression value, with the values of metrics for each subject, as numbered by lotty.needed_values; NULL if they need none';

-- Several metrics are read together, but not so many that a query has hundreds of joins, each with memory of its own.
CREATE FUNCTION lotty.metric_groups(metric_ids uuid[]) RETURNS SETOF lotty.metric[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(g.metric ORDER BY g.number)
      FROM (SELECT m AS metric, row_number() OVER (ORDER BY m.key) AS number FROM lotty.metric m WHERE m.metric_id = ANY (metric_ids)) AS g
     GROUP BY (g.number - 1) / 8 ORDER BY min(g.number)
$$;
COMMENT ON FUNCTION lotty.metric_groups(uuid[]) IS
    'metrics by their keys, in groups that one query computes';

CREATE FUNCTION lotty.quantile_sql(metric lotty.metric, variable integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format($sql$
SELECT v.dimension, 1 AS period, v.variant_id,
       lotty.quantile_stats(v.n, %1$L::float8, v.at[2], v.at[1], v.at[3]) AS stats,
       NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped
  FROM (SELECT v.dimension, v.variant_id, v.n, percentile_cont(lotty.quantile_bounds(v.n, %1$L::float8)) WITHIN GROUP (ORDER BY v.v%3$s)%2$s AS at
          FROM (SELECT v.*, count(*)%2$s OVER (PARTITION BY v.dimension, v.variant_id) AS n FROM value v) AS v
         GROUP BY v.dimension, v.variant_id, v.n) AS v$sql$,
        metric.quantile, CASE WHEN metric.ignore_zeros THEN format(' FILTER (WHERE v.v%s <> 0)', variable) ELSE '' END, variable)
$$;
COMMENT ON FUNCTION lotty.quantile_sql(lotty.metric, integer) IS
    'the query that computes a quantile of the subjects'' sums, of the common table expression value';

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
CREATE FUNCTION lotty.moments_sql(metric lotty.metric, variables integer[], cap text, OUT with_query text, OUT query text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_winsorized CONSTANT boolean := num_nonnulls(metric.winsorize_lower, metric.winsorize_upper) > 0;
    capped CONSTANT integer[] := variables[1:CASE metric.type WHEN 'ratio' THEN 2 ELSE 1 END];
    arguments text;
    caps text;
BEGIN
    with_query := '';
    -- Values that the percentiles are not of stay as they are.
    SELECT string_agg(CASE WHEN is_winsorized AND v.place <= cardinality(capped)
                           THEN format(CASE WHEN metric.ignore_zeros THEN 'CASE WHEN v.v%1$s = 0 THEN 0 ELSE ' ELSE '' END
                                       || 'greatest(least(v.v%1$s, (SELECT c.upper%1$s FROM %2$s c)), (SELECT c.lower%1$s FROM %2$s c))'
                                       || CASE WHEN metric.ignore_zeros THEN ' END' ELSE '' END, v.number, cap)
                           ELSE format('v.v%s', v.number) END, ', ' ORDER BY v.place)
      INTO arguments FROM unnest(variables) WITH ORDINALITY AS v (number, place);
    IF is_winsorized THEN
        SELECT string_agg(CASE WHEN c.percentile IS NULL THEN format('NULL::float8 AS %s%s', c.name, v.number)
                               ELSE format('percentile_cont(%L) WITHIN GROUP (ORDER BY v.v%s)%s AS %s%2$s', c.percentile, v.number,
                                           CASE WHEN metric.ignore_zeros THEN format(' FILTER (WHERE v.v%s <> 0)', v.number) END, c.name) END,
                          E',\n       ' ORDER BY v.number, c.name)
          INTO caps
          FROM (SELECT DISTINCT unnest(capped)) AS v (number)
         CROSS JOIN (VALUES ('lower', metric.winsorize_lower), ('upper', metric.winsorize_upper)) AS c (name, percentile);
        with_query := format(E', %s AS (\nSELECT %s\n  FROM value v\n)', cap, caps);
    END IF;
    query := format(E'\nSELECT v.dimension, v.period, v.variant_id, lotty.%s(%s) AS stats,\n       %s\n  FROM value v\n'
                    ' GROUP BY v.dimension, v.period, v.variant_id',
                    CASE WHEN metric.type = 'ratio' THEN 'ratio_stats' ELSE 'stats' END, arguments,
                    CASE WHEN is_winsorized
                         THEN format('(SELECT c.lower%1$s FROM %2$s c) AS lower_cap, (SELECT c.upper%1$s FROM %2$s c) AS upper_cap, '
                                     'count(*) FILTER (WHERE %3$s(v.v%1$s < (SELECT c.lower%1$s FROM %2$s c) OR v.v%1$s > (SELECT c.upper%1$s FROM %2$s c))) AS capped',
                                     variables[1], cap, CASE WHEN metric.ignore_zeros THEN format('v.v%s <> 0 AND ', variables[1]) END)
                         ELSE 'NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped' END);
END
$$;
COMMENT ON FUNCTION lotty.moments_sql(lotty.metric, integer[], text) IS
    'the query that computes a conversion, a count, a sum or a ratio, of the common table expression value; with_query is what it has before it, under the name cap';

-- The statistics of metrics: of each a query that answers a row for each variant and, if asked, each value of the
-- dimension and each period of constant weights. Quantiles are of all periods together. Those of events are made of
-- other rows than the rest, each in a query with common table expressions of its own.
CREATE FUNCTION lotty.metric_queries(
    scope jsonb, metrics lotty.metric[], dimension_query text, OUT with_query text, OUT queries text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_moments record;
    metric lotty.metric;
    variables integer[];
BEGIN
    with_query := coalesce(lotty.values_sql(scope, metrics, dimension_query, false), '');
    FOREACH metric IN ARRAY metrics LOOP
        variables := ARRAY(SELECT n.value FROM lotty.needed_values(metrics) n WHERE n.metric_id = metric.metric_id ORDER BY n.place);
        CASE metric.type
            WHEN 'event_quantile' THEN
                queries := queries || lotty.event_quantile_sql(scope, metric, dimension_query);
            WHEN 'quantile' THEN
                queries := queries || lotty.quantile_sql(metric, variables[1]);
            ELSE
                SELECT m.* INTO of_moments FROM lotty.moments_sql(metric, variables, 'cap' || 1 + coalesce(cardinality(queries), 0)) m;
                with_query := with_query || of_moments.with_query;
                queries := queries || of_moments.query;
        END CASE;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.metric_queries(jsonb, lotty.metric[], text) IS
    'the queries that compute metrics, as lotty.metric_sql: what is read for all of them (with_query), and one for each';

CREATE FUNCTION lotty.metric_sql(scope jsonb, metric lotty.metric, dimension_query text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT q.with_query || q.queries[1] FROM lotty.metric_queries(scope, ARRAY[metric], dimension_query) q
$$;
COMMENT ON FUNCTION lotty.metric_sql(jsonb, lotty.metric, text) IS
    'the query that computes a metric: dimension, period of constant weights, variant_id, stats, the caps of winsorising and how many values they changed';

CREATE FUNCTION lotty.metrics_sql(scope jsonb, metrics lotty.metric[], OUT with_query text, OUT query text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT q.with_query, string_agg(format('SELECT %L::uuid AS metric_id, s.* FROM (%s) AS s', m.metric_id, q.queries[m.ordinality]),
                                    E'\nUNION ALL\n' ORDER BY m.ordinality)
      FROM lotty.metric_queries(scope, metrics, NULL) q CROSS JOIN unnest(metrics) WITH ORDINALITY AS m
     GROUP BY q.with_query
$$;
COMMENT ON FUNCTION lotty.metrics_sql(jsonb, lotty.metric[]) IS
    'the query that computes metrics: metric_id, and the columns of lotty.metric_sql; with_query is what it has before it';

-- The same as sums, which can be added to and subtracted from, being exact: of the number of subjects (variable 0), of
-- each variable, and of their products.
CREATE FUNCTION lotty.summands(metrics lotty.metric[])
RETURNS TABLE (metric_id uuid, variable integer, other integer, summand text, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH needed AS MATERIALIZED (
        SELECT n.metric_id, n.place, n.value, row_number() OVER (PARTITION BY n.metric_id ORDER BY n.place)::integer AS variable
          FROM lotty.needed_values(metrics) n
    )
    SELECT DISTINCT a.metric_id, 0, 0, '1', 'n' FROM needed a
    UNION ALL
    SELECT a.metric_id, a.variable, 0, format('v.v%s', a.value), format('s%s', a.value) FROM needed a
    UNION ALL
    SELECT a.metric_id, a.variable, b.variable, format('v.v%s * v.v%s', x.one, x.two), format('s%s_%s', x.one, x.two)
      FROM needed a JOIN needed b ON b.metric_id = a.metric_id AND b.variable >= a.variable
     CROSS JOIN LATERAL (SELECT least(a.value, b.value) AS one, greatest(a.value, b.value) AS two) AS x
$$;
COMMENT ON FUNCTION lotty.summands(lotty.metric[]) IS
    'what is summed up over the subjects for metrics, of the common table expression value; what has the same name is the same';

-- value has the columns that are grouped by, and a sign: -1 takes a subject out.
CREATE FUNCTION lotty.sum_up_sql(metrics lotty.metric[], columns text[], sign text DEFAULT '1') RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH summand AS MATERIALIZED (
        SELECT u.* FROM lotty.summands(metrics) u
    )
    SELECT format(E'SELECT %1$s, x.metric_id, x.variable, x.other, x.total\n'
                  '  FROM (SELECT %2$s, %3$s FROM value v GROUP BY %2$s) AS s\n'
                  ' CROSS JOIN LATERAL (VALUES %4$s) AS x (metric_id, variable, other, total)',
                  (SELECT string_agg('s.' || c.name, ', ') FROM unnest(columns) AS c (name)),
                  (SELECT string_agg('v.' || c.name, ', ') FROM unnest(columns) AS c (name)),
                  (SELECT string_agg(format('sum((%s * (%s))::numeric) AS %s', sign, s.summand, s.name), ', ' ORDER BY s.name)
                     FROM (SELECT DISTINCT u.summand, u.name FROM summand u) AS s),
                  (SELECT string_agg(format('(%L::uuid, %s, %s, s.%s)', u.metric_id, u.variable, u.other, u.name), ', '
                                     ORDER BY u.metric_id, u.variable, u.other) FROM summand u))
$$;
COMMENT ON FUNCTION lotty.sum_up_sql(lotty.metric[], text[], text) IS
    'the query of exact sums of metrics'' variables and of their products, of the common table expression value';

CREATE FUNCTION lotty.sums_sql(scope jsonb, metrics lotty.metric[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n', lotty.values_sql(scope, metrics, NULL, true), lotty.sum_up_sql(metrics, ARRAY['period', 'variant_id']))
$$;
COMMENT ON FUNCTION lotty.sums_sql(jsonb, lotty.metric[]) IS
    'the query of the exact sums of metrics, by period and variant';

-- (lotty_track refuses such values; sources of events and rows that were written by hand may have them.)
CREATE FUNCTION lotty.refuse_values(metric_id uuid, reason text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    metric lotty.metric;
    types text;
BEGIN
    SELECT m.* INTO metric FROM lotty.metric m WHERE m.metric_id = refuse_values.metric_id;
    SELECT string_agg(DISTINCT format('"%s"', n.event_type), ' or ') INTO types FROM lotty.needed_values(ARRAY[metric]) n;
    RAISE EXCEPTION USING
        ERRCODE = 'numeric_value_out_of_range',
        MESSAGE = format('metric "%s" has a value that cannot be added', metric.key),
        DETAIL = format('The value of an event of type %s is not a number, or too large: %s.', types, reason),
        HINT = 'Look for it by: SELECT * FROM lotty.event WHERE abs(value) >= 1e100, or in the event source.';
END
$$;
COMMENT ON FUNCTION lotty.refuse_values(uuid, text) IS
    'raises numeric_value_out_of_range for a metric';

CREATE FUNCTION lotty.addable(total numeric, metric_id uuid) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF total > -1e300 AND total < 1e300 THEN
        RETURN total;
    END IF;
    PERFORM lotty.refuse_values(metric_id, format('the sum of values or of their products is %s',
                                                  CASE WHEN total = 'NaN' OR abs(total) = 'Infinity' THEN total::text
                                                       ELSE btrim(to_char(total, '9.9EEEE')) END));
END
$$;
COMMENT ON FUNCTION lotty.addable(numeric, uuid) IS
    'a sum of a metric''s values; raises numeric_value_out_of_range if it is none';

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

CREATE FUNCTION lotty.stats_of_sums_sql(metric lotty.metric, sums text, columns text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %1$s, lotty.stats_from_sums(%2$L, s.n, s.sums, s.products) AS stats '
                  'FROM (SELECT %1$s, (max(r.total) FILTER (WHERE r.variable = 0))::bigint AS n, '
                  'array_agg(r.total ORDER BY r.variable) FILTER (WHERE r.variable > 0 AND r.other = 0) AS sums, '
                  'array_agg(r.total ORDER BY r.variable, r.other) FILTER (WHERE r.other > 0) AS products '
                  'FROM %3$s AS r GROUP BY %1$s) AS s WHERE s.n > 0',
                  columns, CASE metric.type WHEN 'conversion' THEN 'proportion' WHEN 'ratio' THEN 'ratio' ELSE 'mean' END, sums)
$$;
COMMENT ON FUNCTION lotty.stats_of_sums_sql(lotty.metric, text, text) IS
    'the query of a metric''s statistics from exact sums, by some columns';

SET LOCAL search_path TO @extschema@, pg_temp;
