-- The SQL of which reports consist. One text serves all: what lotty.explain_report shows is what runs.
--
-- A scope says of what a report is, as an object: experiment_id, starts_at and ends_at (of exposures),
-- as_of and until (what was known, what had happened by then), crossovers, periods (times from which other
-- weights held), cached (whether lotty.report_subject and lotty.report_total are up to date) and stale
-- (whether only the subjects in lotty.report_stale are meant).
--
-- Durations are written in seconds: a day that is added to a timestamptz has 23 to 25 hours, as the session's time
-- zone has it, and a report must not depend on that.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.report_scope(
    experiment_id uuid, as_of timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, cached boolean DEFAULT false)
RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'experiment_id', e.experiment_id,
               'starts_at', p.starts_at,
               'ends_at', coalesce(p.ends_at, e.completed_at),
               'as_of', as_of,
               'until', until,
               'crossovers', coalesce(p.crossovers, 'exclude'),
               'periods', (SELECT jsonb_agg(w.starts_at ORDER BY w.period)
                             FROM (SELECT DISTINCT w.period, w.starts_at
                                     FROM lotty.weight_periods(e.experiment_id) w WHERE w.period > 1) AS w),
               'cached', cached AND as_of IS NULL AND until IS NULL))
      FROM lotty.experiment e LEFT JOIN lotty.analysis_plan p ON p.experiment_id = e.experiment_id
     WHERE e.experiment_id = report_scope.experiment_id
$$;
COMMENT ON FUNCTION lotty.report_scope(uuid, timestamptz, timestamptz, boolean) IS
    'of what a report of an experiment is: its times, what was known by as_of, what had happened until then';

CREATE FUNCTION lotty.seconds_sql(duration interval) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('interval ''%s seconds''', extract(epoch FROM duration))
$$;
COMMENT ON FUNCTION lotty.seconds_sql(interval) IS
    'a duration as SQL, in seconds: a day has 86400 and a month 30 days';

CREATE FUNCTION lotty.time_conditions(scope jsonb, happened text, known text, in_period boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat(
        CASE WHEN in_period AND scope ? 'starts_at' THEN format(E'\n   AND %s >= timestamptz %L', happened, scope ->> 'starts_at') END,
        CASE WHEN in_period AND scope ? 'ends_at' THEN format(E'\n   AND %s < timestamptz %L', happened, scope ->> 'ends_at') END,
        CASE WHEN scope ? 'until' THEN format(E'\n   AND %s < timestamptz %L', happened, scope ->> 'until') END,
        CASE WHEN scope ? 'as_of' THEN format(E'\n   AND %s < timestamptz %L', known, scope ->> 'as_of') END)
$$;
COMMENT ON FUNCTION lotty.time_conditions(jsonb, text, text, boolean) IS
    'conditions on when something happened and became known, as SQL';

-- The decisions that are exposures of the experiment.
CREATE FUNCTION lotty.exposures_sql(scope jsonb, columns text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'SELECT %s\n  FROM %slotty.decision d\n'
                  ' WHERE d.experiment_id = %L\n   AND d.reason IN (''experiment_assigned'', ''sticky'')\n'
                  '   AND d.variant_id IS NOT NULL%s',
                  columns,
                  CASE WHEN scope ? 'stale'
                       THEN format('(SELECT DISTINCT t.subject_id FROM lotty.report_stale t WHERE t.experiment_id = %L AND t.is_taken) AS stale '
                                   'CROSS JOIN ', scope ->> 'experiment_id')
                       ELSE '' END,
                  scope ->> 'experiment_id',
                  lotty.time_conditions(scope, 'd.created_at', 'd.created_at', true)
                  || CASE WHEN scope ? 'stale' THEN E'\n   AND d.subject_id = stale.subject_id' ELSE '' END)
$$;
COMMENT ON FUNCTION lotty.exposures_sql(jsonb, text) IS
    'a query over the decisions that are exposures of an experiment';

-- Subjects with their first exposure. Whether all exposures of a subject are of one variant is seen from the
-- least and the greatest number of a variant; only of the few with several is the first looked up, ties
-- by decision_id, and when the second came. (Grouping by min() and max() took 41 s for 5 million decisions, numbering the
-- rows of each subject by row_number() 53 s, on two cores.)
CREATE FUNCTION lotty.subjects_sql(scope jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    variants CONSTANT text := (SELECT format('%L::uuid[]', array_agg(v.variant_id ORDER BY v.variant_id)) FROM lotty.variant v
                                WHERE v.experiment_id = (scope ->> 'experiment_id')::uuid);
    of_subject CONSTANT text := lotty.exposures_sql(scope - 'stale', 'd.%s') || E'\n   AND d.subject_id = s.subject_id';
BEGIN
    IF (scope -> 'cached')::boolean THEN
        RETURN format(E'SELECT r.subject_id, r.variant_id, r.exposed_at, r.crossed_at\n'
                      '  FROM lotty.report_subject r WHERE r.experiment_id = %L', scope ->> 'experiment_id');
    END IF;
    RETURN format($sql$SELECT s.subject_id, s.variant_id, s.exposed_at,
       CASE WHEN s.several THEN (%4$s
           AND d.variant_id <> s.variant_id ORDER BY d.created_at LIMIT 1) END AS crossed_at
  FROM (SELECT s.subject_id, s.exposed_at, s.least <> s.greatest AS several,
               CASE WHEN s.least = s.greatest AND s.least > 0 THEN (%1$s)[s.least]
                    ELSE (%3$s
                    AND d.created_at = s.exposed_at ORDER BY d.decision_id LIMIT 1) END AS variant_id
          FROM (%2$s
                 GROUP BY d.subject_id) AS s) AS s$sql$,
        variants,
        lotty.exposures_sql(scope, format('d.subject_id, min(d.created_at) AS exposed_at, '
                                          'min(coalesce(array_position(%1$s, d.variant_id), 0)) AS least, '
                                          'max(coalesce(array_position(%1$s, d.variant_id), 0)) AS greatest', variants)),
        format(of_subject, 'variant_id'), format(of_subject, 'created_at'));
END
$$;
COMMENT ON FUNCTION lotty.subjects_sql(jsonb) IS
    'a query of the subjects of an experiment: subject_id, variant_id and exposed_at of the first exposure, crossed_at of the first one with another variant';

-- In which period of constant weights, and in which group of a dimension, a subject (u) is.
CREATE FUNCTION lotty.period_sql(scope jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN scope ? 'periods'
                THEN format('1 + width_bucket(u.exposed_at, %L::timestamptz[])',
                            (SELECT array_agg(p.at ORDER BY p.number)
                               FROM jsonb_array_elements_text(scope -> 'periods') WITH ORDINALITY AS p (at, number)))
                ELSE '1' END
$$;
COMMENT ON FUNCTION lotty.period_sql(jsonb) IS
    'the period of constant weights in which a subject was exposed, as SQL';

CREATE FUNCTION lotty.dimension_sql(dimension_query text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN dimension_query IS NULL THEN ''
                ELSE format(E'\n  LEFT JOIN (%s\n) AS d ON d.subject_id::text = u.subject_id', dimension_query) END
$$;
COMMENT ON FUNCTION lotty.dimension_sql(text) IS
    'the join of subjects with the query of a dimension, as SQL';

CREATE FUNCTION lotty.counts_sql(scope jsonb, dimension_query text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'SELECT %s AS dimension, %s AS period, u.variant_id, count(*) AS exposed, count(u.crossed_at) AS crossed\n'
                  '  FROM (%s) AS u%s\n GROUP BY 1, 2, 3',
                  CASE WHEN dimension_query IS NULL THEN 'NULL::text' ELSE 'd.value::text' END,
                  lotty.period_sql(scope), lotty.subjects_sql(scope), lotty.dimension_sql(dimension_query))
$$;
COMMENT ON FUNCTION lotty.counts_sql(jsonb, text) IS
    'a query of how many subjects were exposed to a variant, and how many of them to another one later';

-- All rows of an event type with all columns that events can have. A query has no place for the order in which rows came
-- but the order in which it answers them.
CREATE FUNCTION lotty.event_rows_sql(event_type text, OUT sql text, OUT has_repeats boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source lotty.event_source;
BEGIN
    SELECT s.* INTO source FROM lotty.event_source s WHERE s.event_type = event_rows_sql.event_type;
    IF NOT FOUND THEN
        has_repeats := false;
        sql := format(E'SELECT e.event_id, e.subject_id, e.decision_id, e.value, e.occurred_at, e.received_at, 0::bigint AS arrival\n'
                      '  FROM lotty.event e WHERE e.event_type = %L', event_type);
        RETURN;
    END IF;
    has_repeats := 'event_id' = ANY (source.columns);
    SELECT format(E'SELECT %s, row_number() OVER () AS arrival\n  FROM (%s\n) AS s',
                  string_agg(CASE WHEN c.name = ANY (source.columns) THEN format('s.%I::%s AS %1$I', c.name, c.type)
                                  WHEN c.name = 'received_at' THEN 's.occurred_at AS received_at'
                                  ELSE format('NULL::%s AS %I', c.type, c.name) END, ', ' ORDER BY c.number), source.query)
      INTO sql
      FROM (VALUES (1, 'event_id', 'text'), (2, 'subject_id', 'text'), (3, 'decision_id', 'uuid'), (4, 'value', 'numeric'),
                   (5, 'occurred_at', 'timestamptz'), (6, 'received_at', 'timestamptz')) AS c (number, name, type);
END
$$;
COMMENT ON FUNCTION lotty.event_rows_sql(text) IS
    'a query of all rows of an event type, repeats included; has_repeats says whether there can be any';

-- Of the copies of an event the one that was received first counts. Rows without an event_id are events each.
CREATE FUNCTION lotty.first_copies_sql(rows_sql text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'SELECT DISTINCT ON (r.event_id COLLATE "C", CASE WHEN r.event_id IS NULL THEN r.arrival END) r.*\n'
                  '  FROM (%s) AS r\n'
                  ' ORDER BY r.event_id COLLATE "C", CASE WHEN r.event_id IS NULL THEN r.arrival END, r.received_at, r.arrival', rows_sql)
$$;
COMMENT ON FUNCTION lotty.first_copies_sql(text) IS
    'a query of events without the repeats among its rows';

CREATE FUNCTION lotty.events_sql(scope jsonb, event_type text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM lotty.event_source s WHERE s.event_type = events_sql.event_type)
                THEN format(E'SELECT e.subject_id, e.decision_id, e.value, e.occurred_at\n  FROM (%s) AS e WHERE true%s',
                            CASE WHEN r.has_repeats THEN lotty.first_copies_sql(r.sql) ELSE r.sql END, t.conditions)
                ELSE format(E'SELECT e.subject_id, e.decision_id, e.value, e.occurred_at\n'
                            '  FROM lotty.event e WHERE e.event_type = %L%s', event_type, t.conditions) END
      FROM lotty.event_rows_sql(event_type) r
     CROSS JOIN (VALUES (lotty.time_conditions(scope, 'e.occurred_at', 'e.received_at', false))) AS t (conditions)
$$;
COMMENT ON FUNCTION lotty.events_sql(jsonb, text) IS
    'a query of the events of a type, each once: subject_id, decision_id, value, occurred_at';

-- Which events are a subject's: FROM and WHERE of a query over subjects (u) and their events (e).
CREATE FUNCTION lotty.attributed_sql(
    scope jsonb, event_type text, attribution text, attribution_window interval, look_back interval)
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH exposed (at) AS (VALUES (CASE attribution WHEN 'decision_id' THEN 'x.created_at' ELSE 'u.exposed_at' END))
    SELECT concat(
        format(E'  FROM %s u\n  JOIN ', CASE WHEN scope ? 'stale' THEN format(
                   '(SELECT r.* FROM lotty.report_subject r WHERE r.experiment_id = %1$L AND r.subject_id IN '
                   '(SELECT t.subject_id FROM lotty.report_stale t WHERE t.experiment_id = %1$L AND t.is_taken)) AS',
                   scope ->> 'experiment_id') ELSE 'subject' END),
        CASE attribution WHEN 'decision_id' THEN
            format(E'(%s) AS x\n    ON x.subject_id = u.subject_id AND x.variant_id = u.variant_id\n  JOIN ',
                   lotty.exposures_sql(scope, 'd.decision_id, d.subject_id, d.variant_id, d.created_at')) END,
        format(E'(%s) AS e\n    ON ', lotty.events_sql(scope, event_type)),
        CASE attribution WHEN 'decision_id'
             THEN 'e.decision_id = x.decision_id AND coalesce(e.subject_id, u.subject_id) = u.subject_id'
             ELSE 'e.subject_id = u.subject_id' END,
        format(E'\n WHERE e.occurred_at >= %s', exposed.at
               || CASE WHEN look_back IS NULL THEN '' ELSE ' - ' || lotty.seconds_sql(look_back) END),
        CASE WHEN attribution_window IS NOT NULL
             THEN format(E'\n   AND e.occurred_at < %s + %s', exposed.at, lotty.seconds_sql(attribution_window))
             WHEN scope ? 'ends_at' THEN format(E'\n   AND e.occurred_at < timestamptz %L', scope ->> 'ends_at') END)
      FROM exposed
$$;
COMMENT ON FUNCTION lotty.attributed_sql(jsonb, text, text, interval, interval) IS
    'FROM and WHERE of a query over subjects and the events that count for them';

-- What a subject has of an event type: only those that have something.
CREATE FUNCTION lotty.totals_sql(
    scope jsonb, event_type text, attribution text, attribution_window interval, look_back interval)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after_it CONSTANT text := CASE WHEN look_back IS NULL THEN '' ELSE ' FILTER (WHERE e.occurred_at >= u.exposed_at)' END;
    before_it CONSTANT text := ' FILTER (WHERE e.occurred_at < u.exposed_at)';
    measure integer;
BEGIN
    IF (scope -> 'cached')::boolean THEN
        SELECT m.measure_id INTO measure FROM lotty.report_measure m
         WHERE m.experiment_id = (scope ->> 'experiment_id')::uuid AND m.event_type = totals_sql.event_type
           AND attribution = 'subject_id' AND m.is_filled
           AND m.attribution_window IS NOT DISTINCT FROM totals_sql.attribution_window
           AND m.look_back IS NOT DISTINCT FROM totals_sql.look_back;
        IF FOUND THEN
            RETURN format(E'SELECT t.subject_id, t.events, t.total, t.prior_events, t.prior_total\n'
                          '  FROM lotty.report_total t WHERE t.measure_id = %s', measure);
        END IF;
    END IF;
    RETURN format(E'SELECT u.subject_id, count(*)%1$s AS events, coalesce(sum(e.value)%1$s, 0) AS total,\n'
                  '       %2$s AS prior_events, %3$s AS prior_total\n%4$s\n GROUP BY u.subject_id',
                  after_it,
                  CASE WHEN look_back IS NULL THEN '0' ELSE 'count(*)' || before_it END,
                  CASE WHEN look_back IS NULL THEN '0' ELSE 'coalesce(sum(e.value)' || before_it || ', 0)' END,
                  lotty.attributed_sql(scope, event_type, attribution, attribution_window, look_back));
END
$$;
COMMENT ON FUNCTION lotty.totals_sql(jsonb, text, text, interval, interval) IS
    'a query of what subjects have of an event type: events and total since the exposure, prior_events and prior_total before';

-- A subject's value as SQL, of the row of its totals.
CREATE FUNCTION lotty.value_sql(kind text, totals text, before_exposure boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind WHEN 'conversion' THEN format(CASE WHEN before_exposure THEN 'coalesce(%s.prior_events > 0, false)::integer::float8'
                                                        ELSE 'coalesce(%s.events > 0, false)' END, totals)
                     WHEN 'count' THEN format('coalesce(%s.%sevents, 0)::float8', totals, prefix)
                     ELSE format('coalesce(%s.%stotal, 0)::float8', totals, prefix) END
      FROM (VALUES (CASE WHEN before_exposure THEN 'prior_' ELSE '' END)) AS p (prefix)
$$;
COMMENT ON FUNCTION lotty.value_sql(text, text, boolean) IS
    'the value of a subject for a conversion, a count or a sum, as SQL';

-- A metric's statistics: a row for each variant and, if asked, each value of the dimension and each period of
-- constant weights.
CREATE FUNCTION lotty.metric_sql(scope jsonb, metric lotty.metric, dimension_query text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_ratio CONSTANT boolean := metric.type = 'ratio';
    look_back CONSTANT interval := make_interval(days => metric.cuped_days);
    is_own CONSTANT boolean := metric.covariate_id IS NULL;
    own_look_back CONSTANT interval := CASE WHEN is_own THEN look_back END;
    needed record;
    part text;
    covariate lotty.metric;
    with_query text;
    parts text[] := '{}';
    joins text := '';
    vals text[] := '{}';
    caps text[] := '{}';
    capped text;
    arguments text;
    groups CONSTANT text := 'dimension, period, variant_id';
BEGIN
    with_query := format(E'WITH subject AS (\n%s\n), included AS (\n'
        'SELECT u.subject_id, u.variant_id, u.exposed_at, %s AS dimension, %s AS period\n  FROM subject u%s%s\n)',
        lotty.subjects_sql(scope),
        CASE WHEN dimension_query IS NULL THEN 'NULL::text' ELSE 'd.value::text' END,
        lotty.period_sql(scope), lotty.dimension_sql(dimension_query),
        CASE WHEN scope ->> 'crossovers' = 'exclude' THEN E'\n WHERE u.crossed_at IS NULL' END);

    IF metric.type = 'event_quantile' THEN
        RETURN with_query || format($sql$, item AS (
SELECT i.dimension, i.variant_id, u.subject_id, e.value::float8 AS value
%s
   AND e.value IS NOT NULL
), quantile AS (
SELECT t.dimension, t.variant_id, t.n, percentile_cont(lotty.quantile_bounds(t.n, %L::float8)) WITHIN GROUP (ORDER BY t.value) AS at
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
            metric.quantile);
    END IF;

    SELECT m.* INTO covariate FROM lotty.metric m WHERE m.metric_id = coalesce(metric.covariate_id, metric.metric_id);
    -- The value or the numerator, the denominator, and the same of the covariate. What is of the same events is read once.
    FOR needed IN
        SELECT n.* FROM (VALUES
            (1, metric.event_type, metric.attribution, metric.attribution_window, own_look_back,
             CASE metric.type WHEN 'ratio' THEN metric.numerator WHEN 'quantile' THEN 'sum' ELSE metric.type END, false),
            (2, coalesce(metric.denominator_event_type, metric.event_type), metric.attribution, metric.attribution_window,
             own_look_back, metric.denominator, false),
            (3, covariate.event_type, CASE WHEN is_own THEN metric.attribution ELSE 'subject_id' END,
             CASE WHEN is_own THEN metric.attribution_window END, look_back,
             CASE WHEN is_ratio THEN covariate.numerator ELSE covariate.type END, true),
            (4, coalesce(covariate.denominator_event_type, covariate.event_type),
             CASE WHEN is_own THEN metric.attribution ELSE 'subject_id' END,
             CASE WHEN is_own THEN metric.attribution_window END, look_back, covariate.denominator, true))
            AS n (number, event_type, attribution, attribution_window, look_back, kind, before_exposure)
         WHERE (is_ratio OR n.number IN (1, 3)) AND (metric.cuped_days IS NOT NULL OR NOT n.before_exposure)
         ORDER BY n.number
    LOOP
        part := lotty.totals_sql(scope, needed.event_type, needed.attribution, needed.attribution_window, needed.look_back);
        IF array_position(parts, part) IS NULL THEN
            parts := parts || part;
        END IF;
        vals := vals || lotty.value_sql(needed.kind, 't' || array_position(parts, part), needed.before_exposure);
    END LOOP;
    FOR i IN 1 .. array_length(parts, 1) LOOP
        with_query := with_query || format(E', t%s AS (\n%s\n)', i, parts[i]);
        joins := joins || format(E'\n  LEFT JOIN t%1$s ON t%1$s.subject_id = i.subject_id', i);
    END LOOP;
    with_query := with_query || format(E', value AS (\nSELECT i.dimension, i.period, i.variant_id, %s\n  FROM included i%s\n)',
        (SELECT string_agg(format('%s AS v%s', v.text, v.number), ', ' ORDER BY v.number) FROM unnest(vals) WITH ORDINALITY AS v (text, number)),
        joins);

    IF metric.type = 'quantile' THEN
        RETURN with_query || format($sql$
SELECT v.dimension, 1 AS period, v.variant_id,
       lotty.quantile_stats(v.n, %1$L::float8, v.at[2], v.at[1], v.at[3]) AS stats,
       NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped
  FROM (SELECT v.dimension, v.variant_id, v.n, percentile_cont(lotty.quantile_bounds(v.n, %1$L::float8)) WITHIN GROUP (ORDER BY v.v1)%2$s AS at
          FROM (SELECT v.*, count(*)%2$s OVER (PARTITION BY v.dimension, v.variant_id) AS n FROM value v) AS v
         GROUP BY v.dimension, v.variant_id, v.n) AS v$sql$,
            metric.quantile, CASE WHEN metric.ignore_zeros THEN ' FILTER (WHERE v.v1 <> 0)' ELSE '' END);
    END IF;

    arguments := (SELECT string_agg('v.v' || i, ', ' ORDER BY i) FROM generate_series(1, cardinality(vals)) AS i);
    IF num_nonnulls(metric.winsorize_lower, metric.winsorize_upper) > 0 THEN
        FOR i IN 1 .. CASE WHEN is_ratio THEN 2 ELSE 1 END LOOP
            arguments := replace(arguments, 'v.v' || i, format('greatest(least(v.v%1$s, (SELECT c.upper%1$s FROM cap c)), (SELECT c.lower%1$s FROM cap c))', i));
            caps := caps || ARRAY[
                CASE WHEN metric.winsorize_lower IS NULL THEN format('NULL::float8 AS lower%s', i) ELSE
                     format('percentile_cont(%L) WITHIN GROUP (ORDER BY v.v%s)%s AS lower%2$s', metric.winsorize_lower, i,
                            CASE WHEN metric.ignore_zeros THEN format(' FILTER (WHERE v.v%s <> 0)', i) END) END,
                CASE WHEN metric.winsorize_upper IS NULL THEN format('NULL::float8 AS upper%s', i) ELSE
                     format('percentile_cont(%L) WITHIN GROUP (ORDER BY v.v%s)%s AS upper%2$s', metric.winsorize_upper, i,
                            CASE WHEN metric.ignore_zeros THEN format(' FILTER (WHERE v.v%s <> 0)', i) END) END];
        END LOOP;
        with_query := with_query || format(E', cap AS (\nSELECT %s\n  FROM value v\n)', array_to_string(caps, E',\n       '));
        capped := '(SELECT c.lower1 FROM cap c) AS lower_cap, (SELECT c.upper1 FROM cap c) AS upper_cap, '
                  'count(*) FILTER (WHERE v.v1 < (SELECT c.lower1 FROM cap c) OR v.v1 > (SELECT c.upper1 FROM cap c)) AS capped';
    ELSE
        capped := 'NULL::float8 AS lower_cap, NULL::float8 AS upper_cap, NULL::bigint AS capped';
    END IF;
    RETURN with_query || format(E'\nSELECT v.dimension, v.period, v.variant_id, lotty.%s(%s) AS stats, %s\n  FROM value v\n'
                                ' GROUP BY v.dimension, v.period, v.variant_id',
                                CASE WHEN is_ratio THEN 'ratio_stats' ELSE 'stats' END, arguments, capped);
END
$$;
COMMENT ON FUNCTION lotty.metric_sql(jsonb, lotty.metric, text) IS
    'the query that computes a metric: dimension, period of constant weights, variant_id, stats, the caps of winsorising and how many values they changed';

SET LOCAL search_path TO @extschema@, pg_temp;
