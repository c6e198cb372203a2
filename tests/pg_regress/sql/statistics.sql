-- Statistics of metrics: the type, its aggregates, comparisons. Numbers are rounded, so that the last
-- digits of a platform do not matter.
CREATE FUNCTION digits(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT trim_scale(round($1, 9))';
CREATE FUNCTION digits(lotty.comparison) RETURNS TABLE (name text, value text) LANGUAGE sql AS $$
    SELECT key, CASE WHEN value ~ '^-?[0-9.e-]+$' THEN digits(value::numeric)::text ELSE value END
      FROM json_each_text(row_to_json($1)) WITH ORDINALITY AS e (key, value, place)
     WHERE value IS NOT NULL ORDER BY place
$$;

-- Of made-up subjects: two variants, three days.
CREATE TABLE metric AS
SELECT i, (ARRAY['control', 'treatment'])[1 + i % 2] AS variant, i % 3 AS day,
       (i % 7) + (i % 2) * 0.3 AS amount, (i * 3) % 7 AS before, i % 5 < 2 + i % 2 AS bought,
       (i % 4)::float8 AS orders
  FROM generate_series(1, 2000) i;
ANALYZE metric;

-- Every aggregate, and what they say.
SELECT variant, lotty.stats(amount) AS of_amount, lotty.stats(bought) AS of_bought FROM metric WHERE i < 9 GROUP BY 1 ORDER BY 1;
SELECT lotty.stats(amount, before) AS mean, lotty.stats(bought, before) AS proportion FROM metric WHERE i < 5;
SELECT lotty.ratio_stats(amount, orders) AS ratio, lotty.ratio_stats(amount, orders, before, 1) AS with_covariates FROM metric WHERE i < 5;
WITH s AS (
    SELECT unnest(ARRAY[lotty.stats(amount, before), lotty.stats(bought), lotty.ratio_stats(amount, orders)]) AS s FROM metric
)
SELECT lotty.kind(s), lotty.n(s), digits(lotty.mean(s)::numeric) AS mean, digits(lotty.variance(s)::numeric) AS variance,
       digits(lotty.std_err(s)::numeric) AS std_err, lotty.has_covariate(s), digits(lotty.sum(s)::numeric) AS sum,
       digits(lotty.sum(s, 2)::numeric) AS sum_2, lotty.sum(s, 3) AS sum_3, digits(lotty.sum_products(s)::numeric) AS squares,
       digits(lotty.sum_products(s, 2, 1)::numeric) AS products,
       digits((lotty.wilson(s)).lower::numeric) AS wilson_lower, digits((lotty.wilson(s, 0.2)).upper::numeric) AS wilson_upper
  FROM s;
-- As PostgreSQL computes them.
SELECT digits(lotty.mean(lotty.stats(amount))::numeric - avg(amount)) AS mean,
       digits(lotty.variance(lotty.stats(amount))::numeric - var_samp(amount)) AS variance,
       digits((lotty.sum_products(lotty.stats(amount, before), 1, 2) - sum(amount * before))::numeric) AS products
  FROM metric;

-- A row without a value is left out, one without a covariate has 0; nothing at all is NULL.
SELECT lotty.stats(y) AS one, lotty.stats(y, x) AS two, lotty.stats(y > 1) AS boolean, lotty.stats(y > 1, x) AS boolean_two,
       lotty.ratio_stats(y, x) AS ratio, lotty.ratio_stats(y, y, x, NULL) AS ratio_four
  FROM (VALUES (1::float8, 5::float8), (NULL, 6), (3, NULL)) AS v (y, x);
SELECT lotty.stats(NULL::float8) IS NULL AS one, lotty.stats(NULL, 1::float8) IS NULL AS two, lotty.ratio_stats(1, NULL) IS NULL AS ratio,
       lotty.rollup(NULL) IS NULL AS rollup;
SELECT lotty.n(NULL), lotty.mean(NULL), lotty.wilson(NULL), lotty.sum(NULL);

-- Stored by day, rolled up, in a column and through a dump's text: the same.
CREATE TABLE daily AS
SELECT variant, day, lotty.stats(amount, before) AS amount, lotty.stats(bought) AS bought, lotty.ratio_stats(amount, orders) AS ratio
  FROM metric GROUP BY 1, 2;
SELECT m.variant, lotty.rollup(d.bought)::text = min(m.bought::text) AS same_proportion,
       digits(lotty.variance(lotty.rollup(d.amount))::numeric) = digits(min(lotty.variance(m.amount))::numeric) AS same_variance,
       digits(lotty.std_err(lotty.rollup(d.ratio))::numeric) = digits(min(lotty.std_err(m.ratio))::numeric) AS same_ratio
  FROM daily d
  JOIN (SELECT variant, lotty.stats(amount, before) AS amount, lotty.stats(bought) AS bought, lotty.ratio_stats(amount, orders) AS ratio
          FROM metric GROUP BY 1) m USING (variant)
 GROUP BY 1 ORDER BY 1;
CREATE TABLE restored (amount lotty.stats, bytes bytea);
INSERT INTO restored SELECT amount::text::lotty.stats, lotty.stats_send(amount) FROM daily;
SELECT count(*) AS rows, count(*) FILTER (WHERE lotty.stats_send(amount) = bytes) AS same FROM restored;
SELECT encode(lotty.stats_send('mean n=2 means=1 products=0.5'), 'hex') AS bytes;
SELECT pg_column_size('mean n=2 means=1 products=0.5'::lotty.stats) AS bytes;
SELECT '  ratio   n=3 means=2.5,1e20 products=4.5,-1,1e-7 '::lotty.stats AS read;
-- Bytes that no value has, as after damage of the storage.
CREATE CAST (bytea AS lotty.stats) WITHOUT FUNCTION;
SELECT lotty.stats_send('mean n=2 means=1 products=0.5')::lotty.stats;
SELECT * FROM try($$SELECT lotty.n('\x01'::bytea::lotty.stats)$$);
SELECT * FROM try($$SELECT lotty.n(('\x02' || substr(bytes, 2))::lotty.stats) FROM restored LIMIT 1$$);
SELECT * FROM try($$SELECT lotty.rollup((bytes || '\x00')::lotty.stats) FROM restored$$);
DROP CAST (bytea AS lotty.stats);
-- In a window, where a state goes on after it was read.
SELECT i, lotty.stats(amount) OVER (ORDER BY i) FROM metric WHERE i < 4;

-- In parallel the same.
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT lotty.stats(bought) FROM metric;
SELECT lotty.stats(bought) AS bought, lotty.n(lotty.stats(amount)) AS n, digits(lotty.variance(lotty.stats(amount))::numeric) AS variance,
       lotty.stats(amount) FILTER (WHERE i < 0) AS none
  FROM metric;
SELECT lotty.n(lotty.rollup(amount)) AS n, digits(lotty.variance(lotty.rollup(amount))::numeric) AS variance FROM daily;
SELECT * FROM try($$SELECT lotty.stats(CASE WHEN i = 77 THEN 'NaN' ELSE amount END) FROM metric$$);
RESET ALL;
SET client_min_messages = warning;

-- What is no value, and what is too large.
SELECT * FROM try($$SELECT lotty.stats('NaN'::float8)$$);
SELECT * FROM try($$SELECT lotty.stats(1, '-Infinity'::float8)$$);
SELECT * FROM try($$SELECT lotty.ratio_stats(1, 'Infinity')$$);
SELECT * FROM try($$SELECT lotty.stats(x) FROM (VALUES (1e200::float8), (-1e200)) v (x)$$);
SELECT lotty.stats(x) FROM (VALUES (1e150::float8), (-1e150)) v (x);
SELECT * FROM try($$SELECT 'mean n=3'::lotty.stats$$);
SELECT * FROM try($$SELECT 'mean n=3 means=NaN products=1'::lotty.stats$$);
SELECT * FROM try($$SELECT 'proportion n=3 means=2 products=1'::lotty.stats$$);
SELECT * FROM try($$SELECT lotty.rollup(s) FROM (VALUES ('mean n=2 means=1 products=1'::lotty.stats), ('proportion n=2 means=1 products=0')) v (s)$$);
SELECT * FROM try($$SELECT lotty.rollup(s) FROM (VALUES ('mean n=2 means=1 products=1'::lotty.stats), ('mean n=2 means=1,1 products=1,0,1')) v (s)$$);
SELECT * FROM try($$SELECT lotty.rollup(s) FROM (VALUES ('estimate n=2 value=1 variance=1'::lotty.stats), ('estimate n=2 value=1 variance=1')) v (s)$$);
SELECT lotty.rollup('estimate n=2 value=1 variance=1'::lotty.stats);
SELECT * FROM try($$SELECT lotty.sum('mean n=2 means=1 products=1', 0)$$);
SELECT * FROM try($$SELECT lotty.wilson('mean n=2 means=1 products=1', 1)$$);

-- From numbers that were computed elsewhere.
SELECT lotty.stats_from_moments('ratio', 3, '{2, 1}', '{4, 1, 2}'), lotty.stats_from_moments('mean', 0, '{0}', '{0}'),
       lotty.stats_from_moments('proportion', 3, '{0.33333333333}', '{0.6666}'), lotty.stats_from_moments(NULL, 3, '{0}', '{0}');
SELECT * FROM try($$SELECT lotty.stats_from_moments('median', 3, '{2}', '{4}')$$);
SELECT * FROM try($$SELECT lotty.stats_from_moments('estimate', 3, '{2}', '{4}')$$);
SELECT * FROM try($$SELECT lotty.stats_from_moments('mean', -1, '{2}', '{4}')$$);
SELECT * FROM try($$SELECT lotty.stats_from_moments('mean', 3, '{2}', '{-4}')$$);
SELECT * FROM try($$SELECT lotty.stats_from_moments('mean', 3, '{2, 1}', '{4, 9, 4}')$$);
SELECT * FROM try($$SELECT lotty.stats_from_moments('mean', 3, '{2, NULL}', '{4, 1, 4}')$$);
SELECT * FROM try($$SELECT lotty.stats_from_moments('mean', 3, '{2, NaN}', '{4, 1, 4}')$$);

-- Quantiles: the bounds, their values, and the variance by them.
WITH bounds AS (
    SELECT lotty.quantile_bounds(count(*), 0.9) AS b, count(*) AS n FROM metric
), quantiles AS (
    SELECT n, percentile_cont(b) WITHIN GROUP (ORDER BY i * amount) AS q FROM metric, bounds GROUP BY n, b
), clusters AS (
    SELECT lotty.ratio_stats(below, count) AS c
      FROM (SELECT i % 700 AS subject, count(*), count(*) FILTER (WHERE i * amount <= q[2]) AS below FROM metric, quantiles GROUP BY 1) s
)
SELECT digits(lotty.mean(lotty.quantile_stats(n, 0.9, q[2], q[1], q[3]))::numeric) AS quantile,
       digits(lotty.std_err(lotty.quantile_stats(n, 0.9, q[2], q[1], q[3]))::numeric) AS independent,
       digits(lotty.std_err(lotty.quantile_stats(n, 0.9, q[2], q[1], q[3], c))::numeric) AS clustered
  FROM quantiles, clusters;
SELECT lotty.quantile_bounds(34, 0.9), lotty.quantile_bounds(0, 0.5), lotty.quantile_stats(34, 0.9, 5, NULL, NULL), lotty.quantile_stats(34, 0.9, NULL, 1, 2);
SELECT * FROM try($$SELECT lotty.quantile_bounds(100, 1)$$);
SELECT * FROM try($$SELECT lotty.quantile_bounds(-1, 0.5)$$);
SELECT * FROM try($$SELECT lotty.quantile_stats(100, 0.5, 1, 2, 3)$$);
SELECT * FROM try($$SELECT lotty.quantile_stats(100, 0.5, 'NaN', 2, 3)$$);
SELECT * FROM try($$SELECT lotty.quantile_stats(100, 0.5, 2, 1, 3, 'mean n=2 means=1 products=1')$$);

-- Comparisons: of means, proportions, ratios and quantiles.
CREATE VIEW pair AS
SELECT min(s) FILTER (WHERE variant = 'control')::lotty.stats AS c, min(s) FILTER (WHERE variant = 'treatment')::lotty.stats AS t, name
  FROM (SELECT variant, name, s FROM (SELECT variant, lotty.stats(amount, before)::text AS mean, lotty.stats(bought, before)::text AS proportion,
               lotty.ratio_stats(amount, orders, before, 1)::text AS ratio FROM metric GROUP BY 1) m
         CROSS JOIN LATERAL (VALUES ('mean', mean), ('proportion', proportion), ('ratio', ratio)) v (name, s)) x
 GROUP BY name;
SELECT d.* FROM pair CROSS JOIN LATERAL digits(lotty.compare(c, t)) d WHERE pair.name = 'proportion';
SELECT pair.name AS kind, (p).diff > 0 AS better, digits((p).p_value::numeric) AS p_value, digits((p).lift_ci_lower::numeric) AS lower,
       digits((p).chance_to_beat_control::numeric) AS chance, digits((d).chance_to_beat_control::numeric) AS chance_of_decrease,
       digits((n).lift_posterior_mean::numeric) AS with_prior, digits((p).seq_ci_lower::numeric) AS seq_lower, digits((n).seq_ci_lower::numeric) AS planned
  FROM pair CROSS JOIN LATERAL (SELECT lotty.compare(c, t) AS p, lotty.compare(c, t, direction => 'decrease') AS d,
                                       lotty.compare(c, t, planned_subjects => 2000, prior_stddev => 0.05) AS n) x
 ORDER BY 1;
SELECT pair.name AS kind, digits((p).theta::numeric) AS theta, digits((p).variance_reduction::numeric) AS reduction, digits((p).diff::numeric) AS diff,
       digits((p).std_err::numeric) AS std_err, digits((a).diff::numeric) AS with_pooled, (p).note
  FROM pair CROSS JOIN LATERAL (SELECT lotty.compare_cuped(c, t) AS p, lotty.compare_cuped(c, t, c) AS a) x
 ORDER BY 1;
SELECT digits((s).diff::numeric) AS diff, digits((s).std_err::numeric) AS std_err, (s).n_control, (s).note
  FROM (SELECT lotty.compare_stratified(array_agg(c ORDER BY day), array_agg(t ORDER BY day)) AS s
          FROM (SELECT day, lotty.stats(amount) FILTER (WHERE variant = 'control') AS c,
                       lotty.stats(amount) FILTER (WHERE variant = 'treatment' AND day > 0) AS t FROM metric GROUP BY 1) d) x;
SELECT (lotty.compare('estimate n=100 value=5 variance=4', 'estimate n=100 value=6 variance=4')).t_stat;
-- Nothing is made up.
SELECT d.* FROM digits(lotty.compare('proportion n=218 means=0 products=0', 'proportion n=182 means=0 products=0')) d;
SELECT (lotty.compare(NULL, 'mean n=2 means=1 products=1')).note, (lotty.compare('mean n=2 means=1 products=1', NULL)).note,
       (lotty.compare(NULL, NULL)).note, (lotty.compare_cuped(NULL, NULL)).note, (lotty.compare_stratified(NULL, NULL)).note,
       (lotty.compare_stratified(ARRAY[NULL]::lotty.stats[], ARRAY['mean n=2 means=1 products=1'::lotty.stats])).note;
SELECT * FROM try($$SELECT lotty.compare('mean n=2 means=1 products=1', 'proportion n=2 means=1 products=0')$$);
SELECT * FROM try($$SELECT lotty.compare_cuped('mean n=2 means=1 products=1', 'mean n=2 means=1 products=1', 'ratio n=2 means=1,1 products=0,0,0')$$);
SELECT * FROM try($$SELECT lotty.compare_stratified(ARRAY['mean n=2 means=1 products=1'::lotty.stats], ARRAY[]::lotty.stats[])$$);
SELECT * FROM try($$SELECT lotty.compare_stratified(ARRAY['mean n=2 means=1 products=1'::lotty.stats], ARRAY['proportion n=2 means=1 products=0'::lotty.stats])$$);
SELECT * FROM try($$SELECT lotty.compare(NULL, NULL, alpha => 0)$$);
SELECT * FROM try($$SELECT lotty.compare(NULL, NULL, alpha => NULL)$$);
SELECT * FROM try($$SELECT lotty.compare(NULL, NULL, planned_subjects => 'NaN')$$);
SELECT * FROM try($$SELECT lotty.compare(NULL, NULL, direction => 'up')$$);
SELECT * FROM try($$SELECT lotty.compare(NULL, NULL, prior_stddev => 0)$$);
SELECT * FROM try($$SELECT lotty.compare(NULL, NULL, power => 1)$$);

-- The split, by one weighting and by two.
SELECT name, digits(value::numeric) AS value FROM json_each_text(row_to_json(lotty.srm(ARRAY[821, 1000], ARRAY[0.5, 0.5]))) AS r (name, value);
SELECT digits((lotty.srm(ARRAY[900, 100, 500, 500], ARRAY[9, 1, 1, 1], 2)).p_value::numeric) AS by_period,
       digits((lotty.srm(ARRAY[1400, 600], ARRAY[1, 1])).p_value::numeric) AS by_the_last_weights;
SELECT lotty.srm(ARRAY[10, 0, 1], ARRAY[0.5, 0.5, 0]) AS impossible, lotty.srm(ARRAY[0, 0], ARRAY[0.5, 0.5]) AS nobody,
       lotty.srm('{}'::bigint[], '{}'::float8[]) AS nothing, lotty.srm(NULL::bigint[], '{}') IS NULL AS null;
SELECT * FROM try($$SELECT lotty.srm(ARRAY[1, 2], ARRAY[1.0])$$);
SELECT * FROM try($$SELECT lotty.srm(ARRAY[1, 2, 3], ARRAY[1, 1, 1.0], 2)$$);
SELECT * FROM try($$SELECT lotty.srm(ARRAY[1, -2], ARRAY[1, 1.0])$$);
SELECT * FROM try($$SELECT lotty.srm(ARRAY[1, NULL], ARRAY[1, 1.0])$$);
SELECT * FROM try($$SELECT lotty.srm(ARRAY[1, 2], ARRAY[1, 'NaN'::float8])$$);
SELECT * FROM try($$SELECT lotty.srm(ARRAY[1, 2], ARRAY[1, 1.0], 0)$$);

-- Families and planning.
SELECT lotty.holm('{0.01, NULL, 0.04, 0.03}') AS holm, lotty.benjamini_hochberg('{0.01, NULL, 0.04, 0.03}') AS benjamini_hochberg, lotty.holm('{}') AS none;
SELECT * FROM try($$SELECT lotty.holm('{0.01, 1.5}')$$);
SELECT * FROM try($$SELECT lotty.benjamini_hochberg('{NaN}')$$);
SELECT lotty.sample_size(0.1, 0.1) AS proportion, lotty.sample_size(20, 0.05, stddev => 60) AS mean, lotty.sample_size(0.1, 0.1, sequential => true) AS sequential,
       lotty.sample_size(0.1, 0.1, allocation => 0.1) AS uneven, lotty.sample_size(0.1, NULL) AS null;
SELECT digits(lotty.power(0.1, 0.1, 29498)::numeric) AS proportion, digits(lotty.power(20, 0.05, 10000, stddev => 60)::numeric) AS mean;
SELECT * FROM try($$SELECT lotty.sample_size(0, 0.1)$$);
SELECT * FROM try($$SELECT lotty.sample_size(0.5, 2)$$);
SELECT * FROM try($$SELECT lotty.sample_size(0.5, 0)$$);
SELECT * FROM try($$SELECT lotty.sample_size(5, 0.1, stddev => -1)$$);
SELECT * FROM try($$SELECT lotty.sample_size(0.5, 0.1, allocation => 1)$$);
SELECT * FROM try($$SELECT lotty.power(0.5, 0.1, 0)$$);

-- For those who report.
CREATE ROLE analyst;
SELECT count(*) > 0 AS granted FROM lotty_grant('analyst', 'report');
GRANT SELECT ON metric TO analyst;
SET ROLE analyst;
SELECT lotty.n(lotty.rollup(s)) AS n, (lotty.compare(min(s::text)::lotty.stats, max(s::text)::lotty.stats)).note
  FROM (SELECT lotty.stats(bought) AS s FROM metric GROUP BY variant) d;
CREATE TEMP TABLE kept (s lotty.stats);
SELECT * FROM try($$SELECT lotty.stats_send('mean n=2 means=1 products=1')$$);
RESET ROLE;
DROP TABLE kept;
SELECT count(*) > 0 AS revoked FROM lotty_revoke('analyst', 'report');
REVOKE SELECT ON metric FROM analyst;
DROP VIEW pair;
DROP TABLE metric, daily, restored;
DROP FUNCTION digits(numeric), digits(lotty.comparison);
DROP OWNED BY analyst;
DROP ROLE analyst;
