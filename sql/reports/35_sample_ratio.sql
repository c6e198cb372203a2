-- Whether each variant got its share of the subjects.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- What has been kept or read already, or the query.
CREATE FUNCTION lotty.known_counts_sql(scope jsonb, dimension_query text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN scope ? 'counts' AND dimension_query IS NULL
                THEN format('SELECT * FROM jsonb_to_recordset(%L) AS c (dimension text, period integer, variant_id uuid, exposed bigint, crossed bigint)',
                            scope -> 'counts')
                WHEN (scope -> 'cached')::boolean AND dimension_query IS NULL
                THEN format('SELECT NULL::text AS dimension, r.period, r.variant_id, r.exposed, r.crossed FROM lotty.report_count r '
                            'WHERE r.experiment_id = %L', scope ->> 'experiment_id')
                ELSE lotty.counts_sql(scope, dimension_query) END
$$;
COMMENT ON FUNCTION lotty.known_counts_sql(jsonb, text) IS
    'the query of how many subjects were exposed: of the counts that are kept, else of the log';

-- Subjects are counted by the variant of their first exposure. What counts is those exposed, crossovers
-- included: where shares are uneven, leaving crossovers out takes more from the small ones. Each period of
-- constant weights is held against its own weights.
CREATE FUNCTION lotty.sample_ratio(scope jsonb, dimension_query text)
RETURNS TABLE (counted text, dimension_value text, chi_squared float8, degrees_of_freedom integer, p_value float8,
               log_bayes_factor float8, seq_p_value float8, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH expected AS MATERIALIZED (
            SELECT w.* FROM lotty.weight_periods(%2$L) w
        ), counted AS MATERIALIZED (
            -- A change of weights holds from the start of its transaction here, and for decisions from its commit. Who was given a
            -- variant that had no weight at the time is of the period before, or after.
            SELECT w.what, c.dimension,
                   CASE WHEN e.weight = 0
                        THEN coalesce((SELECT max(x.period) FROM expected x WHERE x.variant_id = c.variant_id AND x.weight > 0 AND x.period < c.period),
                                      (SELECT min(x.period) FROM expected x WHERE x.variant_id = c.variant_id AND x.weight > 0), c.period)
                        ELSE c.period END AS period,
                   c.variant_id, sum(c.exposed - CASE WHEN w.what = 'included' AND %3$L THEN c.crossed ELSE 0 END)::bigint AS subjects
              FROM (%1$s) AS c
              LEFT JOIN expected e ON e.period = c.period AND e.variant_id = c.variant_id
             CROSS JOIN (VALUES ('exposed'), ('included')) AS w (what)
             GROUP BY 1, 2, 3, 4
        ), cell AS (
            SELECT g.what, g.dimension, e.period, array_agg(coalesce(c.subjects, 0) ORDER BY e.variant_id) AS observed,
                   array_agg(e.weight ORDER BY e.variant_id) AS weights
              FROM (SELECT DISTINCT c.what, c.dimension, c.period FROM counted c) AS g
              JOIN expected e ON e.period = g.period
              LEFT JOIN counted c ON c.what = g.what AND c.dimension IS NOT DISTINCT FROM g.dimension
                                 AND c.period = e.period AND c.variant_id = e.variant_id
             GROUP BY g.what, g.dimension, e.period
        ), flat AS (
            SELECT c.what, c.dimension, count(DISTINCT c.period)::integer AS periods,
                   array_agg(x.observed ORDER BY c.period, x.number) AS observed, array_agg(x.weight ORDER BY c.period, x.number) AS weights
              FROM cell c CROSS JOIN LATERAL unnest(c.observed, c.weights) WITH ORDINALITY AS x (observed, weight, number)
             GROUP BY c.what, c.dimension
        )
        SELECT f.what, f.dimension, s.chi_squared, s.degrees_of_freedom, s.p_value, s.log_bayes_factor, s.seq_p_value, s.note
          FROM flat f CROSS JOIN LATERAL lotty.srm(f.observed, f.weights, f.periods) s
         ORDER BY f.what, f.dimension$sql$,
        lotty.known_counts_sql(scope, dimension_query), scope ->> 'experiment_id', scope ->> 'crossovers' = 'exclude');
END
$$;
COMMENT ON FUNCTION lotty.sample_ratio(jsonb, text) IS
    'the test of the sample ratio of an experiment: of all who were exposed, and of those who are included in reports';

CREATE FUNCTION lotty.srm(experiment text, dimension text DEFAULT NULL, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (counted text, dimension_value text, chi_squared float8, degrees_of_freedom integer, p_value float8,
               log_bayes_factor float8, seq_p_value float8, note text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_experiment CONSTANT uuid := lotty.experiment_of(experiment);
BEGIN
    RETURN QUERY SELECT s.* FROM lotty.sample_ratio(
        lotty.report_scope(of_experiment, as_of, NULL, lotty.is_refreshed(of_experiment, as_of)), lotty.dimension_query(dimension)) s;
END
$$;
COMMENT ON FUNCTION lotty.srm(text, text, timestamptz) IS
    'the test for a sample ratio mismatch: whether the subjects of the variants fit the weights that they had at the time. seq_p_value may be looked at as often as one likes. counted: exposed (all first exposures) or included (without those that were left out as crossovers). By a dimension, to find where subjects are lost';

SET LOCAL search_path TO @extschema@, pg_temp;
