-- The SQL of which reports consist. One text serves all: what lotty.explain_report shows is what runs.
--
-- A scope says of what a report is, as an object: experiment_id, starts_at and ends_at (of exposures),
-- as_of and until (what was known, what had happened by then), crossovers, periods (times from which other
-- weights held), cached (whether lotty.report_subject and lotty.report_total are up to date) and stale
-- (whether only the subjects in lotty.report_work are meant), own_events (whether event sources are not looked at),
-- counts and stats (what has been read for several metrics at once, by lotty.read_together).
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

CREATE FUNCTION lotty.in_seconds(duration interval) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A year equals 360 days, but has more seconds.
    SELECT make_interval(secs => extract(epoch FROM duration)::float8)
$$;
COMMENT ON FUNCTION lotty.in_seconds(interval) IS
    'a duration without years, months and days, so that what is equal is as long';

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

CREATE FUNCTION lotty.stale_sql(scope jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT w.subject_id FROM lotty.report_work w WHERE w.experiment_id = %L', scope ->> 'experiment_id')
$$;
COMMENT ON FUNCTION lotty.stale_sql(jsonb) IS
    'a query of the subjects that a refresh works on';

-- The decisions that are exposures of the experiment.
CREATE FUNCTION lotty.exposures_sql(scope jsonb, columns text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'SELECT %s\n  FROM %slotty.decision d\n'
                  ' WHERE d.experiment_id = %L\n   AND d.reason IN (''experiment_assigned'', ''sticky'')\n'
                  '   AND d.variant_id IS NOT NULL%s',
                  columns,
                  CASE WHEN scope ? 'stale' THEN format('(%s) AS stale CROSS JOIN ', lotty.stale_sql(scope)) ELSE '' END,
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
                      '  FROM lotty.report_subject r WHERE r.experiment_id = %L%s', scope ->> 'experiment_id',
                      CASE WHEN scope ? 'stale' THEN format(' AND r.subject_id IN (%s)', lotty.stale_sql(scope)) END);
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
                ELSE format(E'\n  LEFT JOIN (SELECT DISTINCT ON (d.subject_id::text COLLATE "C") d.subject_id::text AS subject_id, d.value::text AS value\n'
                            '               FROM (%s\n) AS d ORDER BY d.subject_id::text COLLATE "C", d.value::text COLLATE "C") AS d\n'
                            '    ON d.subject_id = u.subject_id', dimension_query) END
$$;
COMMENT ON FUNCTION lotty.dimension_sql(text) IS
    'the join of subjects with the query of a dimension, as SQL: with one row for each subject, whatever the query answers';

CREATE FUNCTION lotty.counts_sql(scope jsonb, dimension_query text DEFAULT NULL, subjects text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'SELECT %s AS dimension, %s AS period, u.variant_id, count(*) AS exposed, count(u.crossed_at) AS crossed\n'
                  '  FROM %s AS u%s\n GROUP BY 1, 2, 3',
                  CASE WHEN dimension_query IS NULL THEN 'NULL::text' ELSE 'd.value' END,
                  lotty.period_sql(scope), coalesce(subjects, format('(%s)', lotty.subjects_sql(scope))), lotty.dimension_sql(dimension_query))
$$;
COMMENT ON FUNCTION lotty.counts_sql(jsonb, text, text) IS
    'a query of how many subjects were exposed to a variant, and how many of them to another one later; subjects is a relation that has them already';

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
    SELECT CASE WHEN NOT scope ? 'own_events' AND EXISTS (SELECT FROM lotty.event_source s WHERE s.event_type = events_sql.event_type)
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
        format(E'  FROM %s u\n  JOIN ', CASE WHEN scope ? 'stale' THEN format('(%s) AS', lotty.subjects_sql(scope || '{"cached": true}'))
                                             ELSE 'subject' END),
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
    -- With a look-back the rows begin before the exposure.
    after_it CONSTANT text := CASE WHEN look_back IS NULL THEN '' ELSE format(' FILTER (WHERE e.occurred_at >= %s)',
                                   CASE attribution WHEN 'decision_id' THEN 'x.created_at' ELSE 'u.exposed_at' END) END;
    before_it CONSTANT text := ' FILTER (WHERE e.occurred_at < u.exposed_at)';
    measure integer;
BEGIN
    IF (scope -> 'cached')::boolean THEN
        SELECT m.measure_id INTO measure FROM lotty.report_measure m
         WHERE m.experiment_id = (scope ->> 'experiment_id')::uuid AND m.event_type = totals_sql.event_type
           AND attribution = 'subject_id' AND m.is_filled
           AND m.attribution_window IS NOT DISTINCT FROM lotty.in_seconds(totals_sql.attribution_window)
           AND m.look_back IS NOT DISTINCT FROM lotty.in_seconds(totals_sql.look_back);
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

SET LOCAL search_path TO @extschema@, pg_temp;
