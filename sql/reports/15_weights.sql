-- The weights that an experiment has had. A report that compares the counts of subjects with today's weights
-- finds a mismatch in every experiment whose weights were ever changed; the audit trail knows them all.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- What has happened to an experiment and its variants.
CREATE INDEX change_experiment_id_idx ON lotty.change ((coalesce(new_row, old_row) ->> 'experiment_id'), change_id)
    WHERE table_name IN ('variant', 'experiment');

-- From the changes of the variants' weights (or of the experiment's traffic_ranges, which count instead if there are
-- such). The trail may lack what was before, having been cut: then what the first change has replaced held from the beginning. The times are those of the
-- transactions that changed the weights; a decision that was made between such a time and its commit still went by the
-- weights before.
CREATE FUNCTION lotty.weight_periods(experiment_id uuid)
RETURNS TABLE (period integer, starts_at timestamptz, variant_id uuid, weight float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH change AS (
        SELECT c.change_id, c.changed_at, c.table_name, c.operation, c.old_row, coalesce(c.new_row, c.old_row) AS row
          FROM lotty.change c
         WHERE c.table_name IN ('variant', 'experiment')
           AND coalesce(c.new_row, c.old_row) ->> 'experiment_id' = weight_periods.experiment_id::text
    ), experiment AS (
        SELECT e.started_at, e.traffic_ranges FROM lotty.experiment e WHERE e.experiment_id = weight_periods.experiment_id
    ), moment AS (
        -- Before an experiment runs nobody is exposed: what was changed until then held from the beginning.
        SELECT timestamptz '-infinity' AS at, e.started_at AS known_at FROM experiment e
        UNION
        SELECT c.changed_at, c.changed_at FROM change c JOIN experiment e ON c.changed_at > e.started_at
    ), variant AS (
        SELECT v.variant_id, v.weight, v.is_retired FROM lotty.variant v WHERE v.experiment_id = weight_periods.experiment_id
    ), ranges AS (
        -- What held at each moment: the last change until then, else the first one after (as it was before), else what is.
        SELECT m.at, coalesce(
                   (SELECT c.row -> 'traffic_ranges' FROM change c
                     WHERE c.table_name = 'experiment' AND c.changed_at <= m.known_at ORDER BY c.change_id DESC LIMIT 1),
                   (SELECT c.old_row -> 'traffic_ranges' FROM change c
                     WHERE c.table_name = 'experiment' AND c.old_row IS NOT NULL ORDER BY c.change_id LIMIT 1),
                   e.traffic_ranges) AS traffic_ranges
          FROM moment m CROSS JOIN experiment e
    ), share AS (
        SELECT r.at, t.variant_id, sum(t.size) AS weight
          FROM ranges r
         CROSS JOIN LATERAL (
               SELECT (x.range ->> 'variant_id')::uuid AS variant_id,
                      greatest((x.range ->> 'end_of_range')::integer
                               - coalesce(lag((x.range ->> 'end_of_range')::integer) OVER (ORDER BY x.number), 0), 0) AS size
                 FROM jsonb_array_elements(CASE jsonb_typeof(r.traffic_ranges) WHEN 'array' THEN r.traffic_ranges ELSE '[]' END)
                      WITH ORDINALITY AS x (range, number)) AS t
         WHERE t.variant_id IS NOT NULL
         GROUP BY r.at, t.variant_id
    ), held AS (
        SELECT m.at, v.variant_id,
               CASE WHEN jsonb_typeof(r.traffic_ranges) = 'array'
                    THEN coalesce((SELECT s.weight FROM share s WHERE s.at = m.at AND s.variant_id = v.variant_id), 0)
                    ELSE coalesce((SELECT CASE WHEN c.operation = 'DELETE' OR (c.row ->> 'is_retired')::boolean THEN 0
                                               ELSE (c.row ->> 'weight')::numeric END
                                     FROM change c
                                    WHERE c.table_name = 'variant' AND c.row ->> 'variant_id' = v.variant_id::text
                                      AND c.changed_at <= m.known_at
                                    ORDER BY c.change_id DESC LIMIT 1),
                                  (SELECT CASE WHEN (c.old_row ->> 'is_retired')::boolean THEN 0 ELSE (c.old_row ->> 'weight')::numeric END
                                     FROM change c
                                    WHERE c.table_name = 'variant' AND c.row ->> 'variant_id' = v.variant_id::text
                                      AND c.changed_at > m.at AND c.old_row IS NOT NULL
                                    ORDER BY c.change_id LIMIT 1),
                                  CASE WHEN EXISTS (SELECT FROM change c WHERE c.table_name = 'variant' AND c.operation = 'INSERT'
                                                       AND c.row ->> 'variant_id' = v.variant_id::text) THEN 0
                                       WHEN v.is_retired THEN 0 ELSE v.weight END) END AS weight
          FROM moment m JOIN ranges r ON r.at = m.at CROSS JOIN variant v
    ), split AS (
        SELECT h.at, array_agg(h.weight / nullif(t.total, 0) ORDER BY h.variant_id) AS weights
          FROM held h JOIN (SELECT h.at, sum(h.weight) AS total FROM held h GROUP BY h.at) AS t ON t.at = h.at
         GROUP BY h.at
    ), begun AS (
        SELECT s.at, sum(CASE WHEN s.weights IS DISTINCT FROM s.before_it OR s.at = '-infinity' THEN 1 ELSE 0 END) OVER (ORDER BY s.at) AS period,
               s.weights IS DISTINCT FROM s.before_it OR s.at = '-infinity' AS is_new
          FROM (SELECT s.*, lag(s.weights) OVER (ORDER BY s.at) AS before_it FROM split s) AS s
    )
    SELECT b.period::integer, b.at, h.variant_id, h.weight::float8
      FROM begun b JOIN held h ON h.at = b.at
     WHERE b.is_new
     ORDER BY b.period, h.variant_id
$$;
COMMENT ON FUNCTION lotty.weight_periods(uuid) IS
    'the weights of an experiment''s variants in each period in which they did not change, from lotty.change; the first period begins at -infinity';

SET LOCAL search_path TO @extschema@, pg_temp;
