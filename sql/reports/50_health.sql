-- What was counted, and whether the numbers can be trusted.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.event_types_of(experiment_id uuid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT t.event_type), '{}')
      FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
     CROSS JOIN LATERAL (VALUES (m.event_type), (m.denominator_event_type)) AS t (event_type)
     WHERE a.experiment_id = event_types_of.experiment_id AND t.event_type IS NOT NULL
$$;
COMMENT ON FUNCTION lotty.event_types_of(uuid) IS
    'the event types of the metrics of an experiment';

CREATE FUNCTION lotty.traffic(
    experiment text, as_of timestamptz DEFAULT NULL, event_types text[] DEFAULT NULL,
    attribution text DEFAULT 'subject_id', attribution_window interval DEFAULT NULL)
RETURNS TABLE (counter text, variant text, value bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off SET enable_indexscan = off AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    scope CONSTANT jsonb := lotty.report_scope(of_experiment, as_of);
    types CONSTANT text[] := coalesce(event_types, lotty.event_types_of(of_experiment));
    exposures CONSTANT text := lotty.exposures_sql(scope, 'd.decision_id, d.subject_id, d.variant_id, d.created_at');
BEGIN
    IF attribution IS NULL OR attribution NOT IN ('subject_id', 'decision_id') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown attribution %s', coalesce(quote_literal(attribution), 'NULL')),
            DETAIL = 'Argument "attribution" of lotty.traffic says which events are a subject''s.',
            HINT = 'Pass subject_id or decision_id.';
    END IF;
    RETURN QUERY EXECUTE format($sql$
        WITH decision AS MATERIALIZED (
            SELECT d.experiment_id = %1$L AND d.variant_id IS NOT NULL AND d.reason IN ('experiment_assigned', 'sticky') AS is_exposure,
                   %2$s AS is_in_period, %3$s AS is_known
              FROM lotty.decision d
             WHERE d.experiment_id = %1$L
                OR d.flag_key IN (SELECT f.key FROM lotty.flag f
                                   WHERE f.flag_id IN (SELECT e.flag_id FROM lotty.experiment e WHERE e.experiment_id = %1$L
                                                       UNION ALL
                                                       SELECT x.flag_id FROM lotty.experiment_flag x WHERE x.experiment_id = %1$L))
        ), subject AS MATERIALIZED (
            %4$s
        ), row AS MATERIALIZED (
            %5$s
        ), event AS (
            %6$s
        ), judged AS (
            SELECT CASE %7$s
                        WHEN u.subject_id IS NULL THEN 'events_unexposed_subject'
                        WHEN %8$L AND u.crossed_at IS NOT NULL %9$s THEN 'events_multi_variant_subject'
                        WHEN e.occurred_at < %10$s THEN 'events_before_exposure'
                        WHEN e.occurred_at >= %10$s + %11$s THEN 'events_after_window'
                        WHEN %12$L AND e.occurred_at >= timestamptz %13$L THEN 'events_after_end'
                        ELSE 'events_attributed' END AS fate
              FROM event e
              %14$s
        )
        SELECT c.counter, c.variant, c.value FROM (
            SELECT x.number, x.counter, NULL::text AS variant, x.value, NULL::integer AS rank
              FROM (SELECT count(*) AS all_rows, count(*) FILTER (WHERE NOT d.is_known) AS after_as_of,
                           count(*) FILTER (WHERE d.is_known AND NOT coalesce(d.is_exposure, false)) AS no_exposures,
                           count(*) FILTER (WHERE d.is_known AND d.is_exposure AND NOT d.is_in_period) AS out_of_range,
                           count(*) FILTER (WHERE d.is_known AND d.is_exposure AND d.is_in_period) AS exposures FROM decision d) AS d
             CROSS JOIN (SELECT count(*) AS subjects, count(u.crossed_at) AS crossed FROM subject u) AS u
             CROSS JOIN (SELECT count(*) AS all_rows, count(*) FILTER (WHERE NOT r.is_known) AS after_as_of FROM row r) AS r
             CROSS JOIN (SELECT count(*) AS events FROM event) AS e
             CROSS JOIN LATERAL (VALUES
                   (1, 'decision_rows', d.all_rows), (2, 'decisions_after_as_of', d.after_as_of),
                   (3, 'decisions_not_in_experiment', d.no_exposures), (4, 'exposures_out_of_range', d.out_of_range),
                   (5, 'exposure_rows', d.exposures), (6, 'exposed_subjects', u.subjects), (7, 'multi_variant_subjects', u.crossed),
                   (8, 'included_subjects', u.subjects - CASE WHEN %8$L THEN u.crossed ELSE 0 END),
                   (10, 'event_rows', r.all_rows), (11, 'events_after_as_of', r.after_as_of),
                   (12, 'duplicate_event_rows', r.all_rows - r.after_as_of - e.events), (13, 'distinct_events', e.events))
                   AS x (number, counter, value)
            UNION ALL
            SELECT 9, 'subjects', v.name, (SELECT count(*) FROM subject u WHERE u.variant_id = v.variant_id AND NOT (%8$L AND u.crossed_at IS NOT NULL)), v.rank
              FROM lotty.variant v WHERE v.experiment_id = %1$L
            UNION ALL
            SELECT 13 + f.number::integer, f.fate, NULL, (SELECT count(*) FROM judged j WHERE j.fate = f.fate), NULL
              FROM unnest(ARRAY['events_without_decision', 'events_unknown_decision', 'events_subject_mismatch', 'events_unexposed_subject',
                                'events_multi_variant_subject', 'events_before_exposure', 'events_after_window', 'events_after_end',
                                'events_attributed']) WITH ORDINALITY AS f (fate, number)) AS c
         ORDER BY c.number, c.rank, c.variant$sql$,
        of_experiment,
        'true' || lotty.time_conditions(scope - 'as_of', 'd.created_at', 'd.created_at', true),
        'true' || lotty.time_conditions(jsonb_build_object('as_of', scope -> 'as_of') - CASE WHEN scope ? 'as_of' THEN '' ELSE 'as_of' END,
                                        'd.created_at', 'd.created_at', false),
        lotty.subjects_sql(scope),
        coalesce((SELECT string_agg(format('SELECT r.*, %s AS is_known FROM (%s) AS r',
                                           CASE WHEN as_of IS NULL THEN 'true' ELSE format('r.received_at < timestamptz %L', scope ->> 'as_of') END,
                                           (lotty.event_rows_sql(t.type)).sql), E'\nUNION ALL\n' ORDER BY t.type)
                    FROM (SELECT DISTINCT unnest(types) AS type) AS t),
                 'SELECT NULL::text AS event_id, NULL::text AS subject_id, NULL::uuid AS decision_id, NULL::numeric AS value, '
                 'NULL::timestamptz AS occurred_at, NULL::timestamptz AS received_at, NULL::bigint AS arrival, true AS is_known WHERE false'),
        lotty.first_copies_sql('SELECT * FROM row WHERE is_known'),
        CASE attribution WHEN 'decision_id' THEN
            'WHEN e.decision_id IS NULL THEN ''events_without_decision'' WHEN x.decision_id IS NULL THEN ''events_unknown_decision'' '
            'WHEN e.subject_id <> x.subject_id THEN ''events_subject_mismatch''' END,
        scope ->> 'crossovers' = 'exclude',
        CASE attribution WHEN 'decision_id' THEN 'OR u.variant_id <> x.variant_id' END,
        CASE attribution WHEN 'decision_id' THEN 'x.created_at' ELSE 'u.exposed_at' END,
        CASE WHEN attribution_window IS NULL THEN 'interval ''1000000 days''' ELSE lotty.seconds_sql(attribution_window) END,
        attribution_window IS NULL AND scope ? 'ends_at', coalesce(scope ->> 'ends_at', 'infinity'),
        CASE attribution WHEN 'decision_id'
             THEN format('LEFT JOIN (%s) AS x ON x.decision_id = e.decision_id LEFT JOIN subject u ON u.subject_id = x.subject_id', exposures)
             ELSE 'LEFT JOIN subject u ON u.subject_id = e.subject_id' END);
END
$$;
COMMENT ON FUNCTION lotty.traffic(text, timestamptz, text[], text, interval) IS
    'what a report has counted and what it has left out: decisions, subjects, events. event_types: those of the metrics unless given; attribution and attribution_window as in lotty.metric';

CREATE FUNCTION lotty.health(experiment text, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (check_name text, status text, value float8, threshold float8, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    scope CONSTANT jsonb := lotty.read_together(
        lotty.report_scope(of_experiment, as_of, NULL, lotty.is_refreshed(of_experiment, as_of)),
        ARRAY(SELECT m.metric_id FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
               WHERE a.experiment_id = of_experiment AND m.cuped_days IS NOT NULL));
    types CONSTANT text[] := lotty.event_types_of(of_experiment);
    traffic jsonb;
    subjects jsonb;
    ratio record;
    metric lotty.metric;
    tests bigint;
BEGIN
    SELECT jsonb_object_agg(t.counter, t.value) FILTER (WHERE t.variant IS NULL),
           coalesce(jsonb_object_agg(t.variant, t.value) FILTER (WHERE t.variant IS NOT NULL), '{}')
      INTO traffic, subjects FROM lotty.traffic(experiment, as_of) t;
    SELECT s.* INTO ratio FROM lotty.sample_ratio(scope, NULL) s WHERE s.counted = 'exposed';
    RETURN QUERY SELECT 'srm',
        CASE WHEN ratio.p_value IS NULL THEN 'warn' WHEN ratio.seq_p_value < 0.001 THEN 'fail' WHEN ratio.p_value < 0.001 THEN 'warn' ELSE 'ok' END,
        ratio.seq_p_value, 0.001::float8,
        CASE WHEN ratio.p_value IS NULL THEN coalesce(ratio.note, 'nobody was exposed')
             ELSE format('chi-squared %s with %s degrees of freedom, p %s; always valid p %s', ratio.chi_squared::numeric(20, 3),
                         ratio.degrees_of_freedom, btrim(to_char(ratio.p_value, '9.99EEEE')), btrim(to_char(ratio.seq_p_value, '9.99EEEE'))) END;
    RETURN QUERY SELECT 'weights_changed', CASE WHEN scope ? 'periods' THEN 'warn' ELSE 'ok' END,
        (1 + coalesce(jsonb_array_length(scope -> 'periods'), 0))::float8, 1::float8,
        CASE WHEN scope ? 'periods' THEN 'each period is held against its own weights, and variants are compared within it'
             ELSE 'the weights have not changed' END;
    RETURN QUERY SELECT 'no_data', CASE WHEN count(*) FILTER (WHERE coalesce(c.subjects, 0) = 0) > 0 THEN 'fail' ELSE 'ok' END,
        count(*) FILTER (WHERE coalesce(c.subjects, 0) = 0)::float8, 0::float8,
        coalesce('variants without a subject: ' || string_agg(c.name, ', ' ORDER BY c.name) FILTER (WHERE coalesce(c.subjects, 0) = 0),
                 'each variant has subjects')
        FROM (SELECT v.name, (subjects ->> v.name)::bigint AS subjects FROM lotty.variant v
               WHERE v.experiment_id = of_experiment AND NOT v.is_retired AND v.weight > 0) AS c;
    RETURN QUERY SELECT 'control', CASE WHEN c.marked THEN 'ok' ELSE 'warn' END, c.marked::integer::float8, 1::float8,
        CASE WHEN c.marked THEN 'a variant is marked as the control' ELSE 'no variant is marked as the control: the first one is taken' END
        FROM (SELECT EXISTS (SELECT FROM lotty.variant v WHERE v.experiment_id = of_experiment AND v.is_control) AS marked) AS c;
    RETURN QUERY SELECT 'crossover', CASE WHEN s.share >= 0.1 THEN 'fail' WHEN s.share >= 0.01 THEN 'warn' ELSE 'ok' END, s.share, 0.01::float8,
        format('%s of %s subjects were given more than one variant; the policy is %s%s', traffic ->> 'multi_variant_subjects',
               traffic ->> 'exposed_subjects', scope ->> 'crossovers',
               CASE WHEN s.share >= 0.01 AND scope ->> 'crossovers' = 'exclude'
                    THEN ', which takes more from small variants where shares are uneven' END)
        FROM (SELECT coalesce((traffic ->> 'multi_variant_subjects')::float8 / nullif((traffic ->> 'exposed_subjects')::float8, 0), 0) AS share) AS s;
    RETURN QUERY EXECUTE format(
        'SELECT ''unknown_variant'', CASE WHEN c.n > 0 THEN ''fail'' ELSE ''ok'' END, c.n::float8, 0::float8, '
        'format(''%%s subjects have a variant that the experiment does not have'', c.n) '
        'FROM (SELECT coalesce(sum(s.exposed), 0) AS n FROM (%s) AS s WHERE NOT EXISTS '
        '(SELECT FROM lotty.variant v WHERE v.variant_id = s.variant_id AND v.experiment_id = %L)) AS c',
        lotty.known_counts_sql(scope), of_experiment);
    RETURN QUERY SELECT 'duplicate_events', CASE WHEN s.share >= 0.05 THEN 'warn' ELSE 'ok' END, s.share, 0.05::float8,
        format('%s of %s rows are repeats of an event_id; the first copy counts', traffic ->> 'duplicate_event_rows', traffic ->> 'event_rows')
        FROM (SELECT coalesce((traffic ->> 'duplicate_event_rows')::float8 / nullif((traffic ->> 'event_rows')::float8, 0), 0) AS share) AS s;
    -- Those in tables of the user's own have come when they happened, unless the source has received_at.
    RETURN QUERY SELECT 'late_events', CASE WHEN s.late::float8 / nullif(s.events, 0) >= 0.05 THEN 'warn' ELSE 'ok' END,
        coalesce(s.late::float8 / nullif(s.events, 0), 0), 0.05::float8,
        format('%s of %s events came more than a day after they happened; a report of an earlier day (as_of) does not have them', s.late, s.events)
        FROM (SELECT count(*) AS events, count(*) FILTER (WHERE e.received_at >= e.occurred_at + interval '86400 seconds') AS late
                FROM lotty.event e
               WHERE e.event_type = ANY (types) AND (as_of IS NULL OR e.received_at < as_of)
                 AND e.occurred_at >= coalesce((scope ->> 'starts_at')::timestamptz,
                                               (SELECT x.started_at FROM lotty.experiment x WHERE x.experiment_id = of_experiment), '-infinity')) AS s;
    -- Before the exposure the variants cannot differ but by chance.
    SELECT count(*) INTO tests FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
     WHERE a.experiment_id = of_experiment AND m.cuped_days IS NOT NULL;
    FOR metric IN SELECT m.* FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
                   WHERE a.experiment_id = of_experiment AND m.cuped_days IS NOT NULL ORDER BY m.key LOOP
        RETURN QUERY
        WITH before_it AS (
            SELECT e.is_control, e.variant,
                   lotty.covariate(e.stats) AS stats
              FROM lotty.effects(scope, metric, NULL, false) e
        )
        SELECT 'pre_period_balance', CASE WHEN min(c.p) < t.threshold THEN 'fail' WHEN min(c.p) IS NULL THEN 'warn' ELSE 'ok' END, min(c.p), t.threshold,
               CASE WHEN min(c.p) < t.threshold THEN format('metric "%s" differed between the variants before the exposure', metric.key)
                    WHEN min(c.p) IS NULL THEN format('metric "%s" has no values before the exposure', metric.key)
                    ELSE format('metric "%s" did not differ before the exposure', metric.key) END
          FROM (SELECT (0.001 / (tests * greatest(count(*), 1)))::float8 AS threshold FROM before_it b WHERE NOT b.is_control) AS t
          LEFT JOIN LATERAL (SELECT (lotty.compare(c.stats, b.stats)).p_value AS p FROM before_it b CROSS JOIN before_it c
                              WHERE c.is_control AND NOT b.is_control) AS c ON true
         GROUP BY t.threshold;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.health(text, timestamptz) IS
    'whether the report of an experiment can be trusted: a row for each check, ok, warn or fail';

SET LOCAL search_path TO @extschema@, pg_temp;
