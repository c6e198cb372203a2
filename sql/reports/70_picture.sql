-- The report as a picture, and as the SQL that it stands for.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION @extschema@.lotty_report_svg(
    experiment text, as_of timestamptz DEFAULT NULL, daily_metric text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    scope CONSTANT jsonb := lotty.report_scope(of_experiment, as_of, NULL, lotty.is_refreshed(of_experiment, as_of));
    document jsonb;
    subjects bigint;
    of_daily text := daily_metric;
BEGIN
    EXECUTE format('SELECT coalesce(sum(c.exposed - CASE WHEN %L THEN c.crossed ELSE 0 END), 0) FROM (%s) AS c',
                   scope ->> 'crossovers' = 'exclude', lotty.known_counts_sql(scope)) INTO subjects;
    SELECT jsonb_build_object(
               'experiment', e.key, 'status', e.status,
               'as_of', to_char(coalesce(as_of, now()), 'YYYY-MM-DD HH24:MI "UTC"'),
               'alpha', (SELECT p.alpha FROM lotty.plan_of(of_experiment) p),
               'subjects', subjects,
               'health', (SELECT jsonb_agg(to_jsonb(h)) FROM lotty.health(experiment, as_of) h))
      INTO document FROM lotty.experiment e WHERE e.experiment_id = of_experiment;
    document := document || jsonb_build_object('metrics', (
        WITH row AS MATERIALIZED (
            SELECT r.*, row_number() OVER () AS number FROM lotty.report(experiment, as_of, true, false) r
        )
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'metric', r.metric, 'role', r.role, 'direction', m.direction, 'variant', r.variant, 'control', c.variant,
                   'lift', r.lift, 'lift_ci_lower', r.lift_ci_lower, 'lift_ci_upper', r.lift_ci_upper,
                   'seq_lift_ci_lower', r.seq_lift_ci_lower, 'seq_lift_ci_upper', r.seq_lift_ci_upper,
                   'p_value', r.p_value, 'seq_p_value', r.seq_p_value, 'verdict', r.verdict, 'note', r.note,
                   'control_mean', c.mean, 'mean', r.mean, 'n', r.n) ORDER BY r.number), '[]')
          FROM row r JOIN lotty.metric m ON m.key = r.metric JOIN row c ON c.metric = r.metric AND c.is_control
         WHERE NOT r.is_control));
    IF of_daily IS NULL THEN
        SELECT m.key INTO of_daily FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
         WHERE a.experiment_id = of_experiment AND a.role = 'goal' ORDER BY m.key LIMIT 1;
    END IF;
    IF of_daily IS NOT NULL THEN
        document := document || jsonb_build_object('daily', (
            SELECT jsonb_build_object('metric', of_daily, 'direction', (SELECT m.direction FROM lotty.metric m WHERE m.key = of_daily),
                                      'variants', coalesce(jsonb_agg(v.variant ORDER BY v.first), '[]'))
              FROM (SELECT jsonb_build_object('variant', d.variant, 'days', jsonb_agg(jsonb_build_object(
                               'day', to_char(d.until - interval '1 microsecond', 'YYYY-MM-DD'), 'lift', d.lift,
                               'seq_lift_ci_lower', d.seq_lift_ci_lower, 'seq_lift_ci_upper', d.seq_lift_ci_upper) ORDER BY d.day)) AS variant,
                           d.variant AS first
                      FROM lotty.report_daily(experiment, of_daily, as_of, '1 day', false) d
                     WHERE NOT d.is_control GROUP BY d.variant) AS v));
    END IF;
    RETURN lotty.draw_report(document::text);
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_report_svg(text, timestamptz, text) IS
    'the report of an experiment as a picture (SVG): the lift of each metric with its fixed-horizon and always-valid intervals, and day by day that of the first goal metric or the one that is named';
REVOKE ALL ON FUNCTION @extschema@.lotty_report_svg(text, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION lotty.draw_report(text) IS
    'the picture of a report whose numbers are given as a JSON document';

CREATE FUNCTION lotty.explain_report(experiment text, metric text, as_of timestamptz DEFAULT NULL)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
    of_metric lotty.metric;
    plan record;
BEGIN
    SELECT m.* INTO of_metric FROM lotty.metric m WHERE m.metric_id = lotty.metric_of(metric);
    SELECT p.* INTO plan FROM lotty.plan_of(of_experiment) p;
    RETURN format($sql$WITH stat AS (
%s
), whole AS (
SELECT s.variant_id, lotty.rollup(s.stats) AS stats
  FROM stat s GROUP BY s.variant_id
)
SELECT v.name AS variant, coalesce(lotty.n(t.stats), 0) AS n, lotty.mean(t.stats) AS mean, lotty.std_err(t.stats) AS std_err,
       (e).diff, (e).lift, (e).lift_ci_lower, (e).lift_ci_upper, (e).p_value, (e).seq_p_value
  FROM lotty.variant v
  LEFT JOIN whole t ON t.variant_id = v.variant_id
  LEFT JOIN whole c ON c.variant_id = %L AND v.variant_id <> c.variant_id
 CROSS JOIN LATERAL lotty.compare(c.stats, t.stats, %L, %L, %L) AS e
 WHERE v.experiment_id = %L
 ORDER BY v.rank, v.name;$sql$,
        lotty.metric_sql(lotty.report_scope(of_experiment, as_of), of_metric),
        plan.control_id, plan.alpha, plan.planned_subjects, of_metric.direction, of_experiment);
END
$$;
COMMENT ON FUNCTION lotty.explain_report(text, text, timestamptz) IS
    'the SQL that a metric of a report stands for, from the log and the events: to be read, checked and changed (without CUPED, and without the periods of changed weights)';

SET LOCAL search_path TO @extschema@, pg_temp;
