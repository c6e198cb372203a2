-- What reports are made of: event sources, dimensions, metrics, plans. What is accepted, and what is refused where it is written.
SELECT wipe();
SELECT make_experiment('x');
CREATE TABLE shop_order (id bigint, customer text, placed_at timestamptz, at_local timestamp, amount money, total numeric, country text, decision uuid);
TRUNCATE lotty.change RESTART IDENTITY;

-- A query with what events have, and the columns that were found. Other columns are left alone.
SELECT lotty.add_event_source('purchase', 'SELECT customer AS subject_id, placed_at AS occurred_at FROM public.shop_order');
SELECT event_type, columns, description, created_at = updated_at AS new FROM lotty.event_source;
-- Again it is changed, not added.
SELECT lotty.add_event_source('purchase', 'SELECT id AS event_id, customer AS subject_id, placed_at AS occurred_at, placed_at AS received_at, total AS value, decision AS decision_id, country FROM public.shop_order', 'orders');
SELECT event_type, columns, description, updated_at > created_at AS changed FROM lotty.event_source;
SELECT lotty.add_event_source('any', q) FROM (VALUES
    ('WITH o AS (SELECT * FROM public.shop_order) SELECT customer AS subject_id, placed_at AS occurred_at, 1::smallint AS value FROM o'),
    ('VALUES (1, now())'), ('SELECT 1 AS subject_id, now() AS occurred_at, 1.5::real AS value -- a comment at the end'),
    ('SELECT ''it''''s; fine'' AS subject_id, now() AS occurred_at /* ; */'), ('TABLE public.shop_order')) AS t (q) WHERE q !~ '^(VALUES|TABLE)';
SELECT columns FROM lotty.event_source WHERE event_type = 'any';
DELETE FROM lotty.event_source WHERE event_type = 'any';

-- What is no query, no one query, or not of those columns.
SELECT s.query, t.* FROM unnest(ARRAY[
    'SELECT customer AS subject_id FROM public.shop_order',
    'SELECT placed_at AS occurred_at FROM public.shop_order',
    'VALUES (1, now())',
    'SELECT customer AS subject_id, at_local AS occurred_at FROM public.shop_order',
    'SELECT customer AS subject_id, placed_at AS occurred_at, amount AS value FROM public.shop_order',
    'SELECT customer AS subject_id, placed_at AS occurred_at, ''1'' AS decision_id FROM public.shop_order',
    'SELECT customer AS subject_id, placed_at AS occurred_at, ''now'' AS received_at FROM public.shop_order',
    'SELECT customer AS subject_id, placed_at AS occurred_at FROM shop_order',
    'SELECT customer AS subject_id, placed_at AS occurred_at FROM public.no_such_table',
    'SELECT no_such_column AS subject_id, placed_at AS occurred_at FROM public.shop_order',
    'SELECT customer AS subject_id, customer AS subject_id, placed_at AS occurred_at FROM public.shop_order',
    'SELECT customer AS subject_id, placed_at AS occurred_at FROM public.shop_order;',
    'SELECT 1 AS subject_id, now() AS occurred_at; SELECT 2',
    'SELECT 1 AS subject_id, now() AS occurred_at) AS x; DROP TABLE public.shop_order; --',
    'SELECT 1 AS subject_id, now() AS occurred_at) AS x CROSS JOIN (SELECT 1',
    'INSERT INTO public.shop_order (customer) VALUES (''x'') RETURNING customer AS subject_id, placed_at AS occurred_at',
    'WITH d AS (DELETE FROM public.shop_order RETURNING *) SELECT customer AS subject_id, placed_at AS occurred_at FROM d',
    'SELECT 1 AS subject_id, now() AS occurred_at INTO public.stolen',
    'SELECT customer AS subject_id, placed_at AS occurred_at FROM public.shop_order WHERE id = $1',
    'DROP TABLE public.shop_order', 'EXPLAIN SELECT 1', 'not a query', '-- nothing', ' ', '', NULL]) AS s (query)
 CROSS JOIN LATERAL try(format('SELECT lotty.add_event_source(''refused'', %L)', s.query)) AS t;
SELECT * FROM try($$SELECT lotty.add_event_source('refused', repeat(' ', 65537) || 'SELECT 1 AS subject_id, now() AS occurred_at')$$) WHERE item = 'error' AND content !~ 'Failing';
SELECT * FROM try($$SELECT lotty.add_event_source(NULL, 'SELECT 1')$$);
SELECT * FROM try($$SELECT lotty.add_event_source('', 'SELECT 1 AS subject_id, now() AS occurred_at')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT lotty.add_event_source(repeat('ü', 257), 'SELECT 1 AS subject_id, now() AS occurred_at')$$) WHERE item = 'error';
SELECT * FROM try($$INSERT INTO lotty.event_source (event_type, query, columns) VALUES ('refused', 'SELECT 1', '{subject_id,occurred_at}')$$);
SELECT * FROM try($$UPDATE lotty.event_source SET query = 'SELECT 1'$$) WHERE item = 'error';
SELECT count(*), to_regclass('public.shop_order') IS NOT NULL AS still_there, to_regclass('public.stolen') AS stolen FROM lotty.event_source;

-- Dimensions alike.
SELECT lotty.add_dimension('country', 'SELECT customer AS subject_id, country AS value FROM public.shop_order');
SELECT lotty.add_dimension('country', 'SELECT customer AS subject_id, id AS value FROM public.shop_order -- a number', 'by order');
SELECT name, description, updated_at > created_at AS changed FROM lotty.dimension;
SELECT s.query, t.* FROM unnest(ARRAY['SELECT customer AS subject_id FROM public.shop_order', 'SELECT country AS value FROM public.shop_order', 'SELECT 1; SELECT 2',
    'SELECT 1 AS subject_id, 2 AS value) AS d ON true; DROP TABLE public.shop_order; --', 'SELECT customer AS subject_id, country AS value FROM shop_order', NULL]) AS s (query)
 CROSS JOIN LATERAL try(format('SELECT lotty.add_dimension(''refused'', %L)', s.query)) AS t;
SELECT * FROM try($$SELECT lotty.add_dimension(NULL, 'SELECT 1')$$);
SELECT count(*) FROM lotty.dimension;

-- Metrics: each constraint.
INSERT INTO lotty.metric (key, type, event_type) VALUES ('sum', 'sum', 'purchase'), ('count', 'count', 'visit');
INSERT INTO lotty.metric (key, type, event_type, denominator_event_type) VALUES ('ratio', 'ratio', 'purchase', 'visit');
INSERT INTO lotty.metric (key, type, event_type, quantile) VALUES ('median', 'quantile', 'purchase', 0.5);
SELECT s.columns, s.content, t.content AS answer FROM (VALUES
    ('type', '''average'''), ('type', 'NULL'), ('key', ''''''), ('key', '''sum'''), ('event_type', ''''''), ('numerator', '''max'''), ('denominator', '''max'''),
    ('denominator_event_type', '''visit'''), ('quantile', '0.5'), ('type, quantile', '''quantile'', NULL'), ('type, quantile', '''quantile'', 0'), ('type, quantile', '''quantile'', 1'),
    ('type, quantile', '''event_quantile'', ''NaN'''), ('type, quantile', '''event_quantile'', 0.999'), ('winsorize_upper', '1.01'), ('winsorize_upper', '''NaN'''), ('winsorize_lower', '-0.01'), ('winsorize_lower', '''NaN'''),
    ('winsorize_lower, winsorize_upper', '0.5, 0.5'), ('winsorize_lower, winsorize_upper', '0, 1'), ('type, winsorize_upper', '''conversion'', 0.9'), ('type, quantile, winsorize_upper', '''quantile'', 0.5, 0.9'),
    ('attribution', '''session'''), ('attribution_window', '''0'''), ('attribution_window', '''-1 day'''), ('attribution_window', '''3650 days'''), ('attribution_window', '''3651 days'''), ('direction', '''up'''),
    ('cuped_days', '0'), ('cuped_days', '3651'), ('type, quantile, cuped_days', '''quantile'', 0.5, 7'), ('covariate_id', '(SELECT metric_id FROM lotty.metric WHERE key = ''count'')'),
    ('cuped_days, covariate_id', '7, gen_random_uuid()'), ('cuped_days, covariate_id', '7, (SELECT metric_id FROM lotty.metric WHERE key = ''count'')'),
    ('cuped_days, covariate_id', '7, (SELECT metric_id FROM lotty.metric WHERE key = ''ratio'')'), ('cuped_days, covariate_id', '7, (SELECT metric_id FROM lotty.metric WHERE key = ''median'')'),
    ('type, cuped_days, covariate_id', '''ratio'', 7, (SELECT metric_id FROM lotty.metric WHERE key = ''count'')')) AS s (columns, content)
 CROSS JOIN LATERAL try(format('INSERT INTO lotty.metric (%s) SELECT %s FROM (SELECT %s) AS s (%s)',
     concat_ws(', ', s.columns, CASE WHEN s.columns !~ 'key' THEN 'key' END, CASE WHEN s.columns !~ '^type' THEN 'type' END, CASE WHEN s.columns !~ '^event_type' THEN 'event_type' END),
     concat_ws(', ', s.content, CASE WHEN s.columns !~ 'key' THEN quote_literal(left('m ' || s.columns || s.content, 100)) END, CASE WHEN s.columns !~ '^type' THEN '''sum''' END, CASE WHEN s.columns !~ '^event_type' THEN '''purchase''' END), '1', 'one')) AS t
 WHERE t.item IN ('ok', 'error');
-- A metric that is a covariate stays of a kind that can be one.
INSERT INTO lotty.metric (key, type, event_type, cuped_days, covariate_id) SELECT 'adjusted', 'sum', 'purchase', 7, metric_id FROM lotty.metric WHERE key = 'count';
UPDATE lotty.metric SET type = 'sum' WHERE key = 'count';
SELECT * FROM try($$UPDATE lotty.metric SET type = 'ratio' WHERE key = 'count'$$);
SELECT * FROM try($$UPDATE lotty.metric SET type = 'quantile', quantile = 0.5 WHERE key = 'count'$$);
SELECT * FROM try($$UPDATE lotty.metric SET type = 'ratio' WHERE key = 'adjusted'$$);
SELECT * FROM try($$DELETE FROM lotty.metric WHERE key = 'count'$$) WHERE item = 'error';

-- Attached, changed, detached.
SELECT lotty.attach_metric('x', 'sum');
SELECT lotty.attach_metric('x', 'count', 'guardrail', 'pause', 0.02, 0.05, 500);
SELECT m.key, a.role, a.action, a.tolerance, a.margin, a.minimum_subjects FROM lotty.experiment_metric a JOIN lotty.metric m USING (metric_id) ORDER BY 1;
SELECT lotty.attach_metric('x', 'count', 'secondary');
SELECT m.key, a.role, a.action, a.tolerance, a.margin, a.minimum_subjects FROM lotty.experiment_metric a JOIN lotty.metric m USING (metric_id) ORDER BY 1;
SELECT s.arguments, t.content FROM unnest(ARRAY['''unknown'', ''sum''', '''x'', ''unknown''', 'NULL, ''sum''', '''x'', NULL', '''x'', ''sum'', ''main''', '''x'', ''sum'', NULL', '''x'', ''sum'', ''goal'', ''pause''',
    '''x'', ''sum'', ''guardrail'', ''rollback''', '''x'', ''sum'', ''guardrail'', ''pause'', -0.1', '''x'', ''sum'', ''guardrail'', ''pause'', ''NaN''', '''x'', ''sum'', ''guardrail'', ''pause'', 0, 0',
    '''x'', ''sum'', ''guardrail'', ''pause'', 0, ''Infinity''', '''x'', ''sum'', ''guardrail'', ''pause'', 0, 0.1, 1']) AS s (arguments)
 CROSS JOIN LATERAL try(format('SELECT lotty.attach_metric(%s)', s.arguments)) AS t WHERE t.item IN ('ok', 'error');
SELECT lotty.detach_metric('x', 'count'), lotty.detach_metric('x', 'count');
SELECT * FROM try($$SELECT lotty.detach_metric('x', 'unknown')$$) WHERE item <> 'detail';
SELECT * FROM try($$SELECT lotty.detach_metric(NULL, 'sum')$$);
SELECT * FROM try($$DELETE FROM lotty.metric WHERE key = 'sum'$$) WHERE item = 'error';

-- Plans.
INSERT INTO lotty.analysis_plan (experiment_id, starts_at, ends_at, alpha) VALUES (md5('experiment x')::uuid, '2025-01-01Z', '2025-02-01Z', 0.1);
SELECT s.set, t.content FROM unnest(ARRAY['ends_at = starts_at', 'crossovers = ''last''', 'alpha = 0', 'alpha = 0.51', 'alpha = ''NaN''', 'power = 1', 'power = ''NaN''', 'planned_subjects = 1', 'correction = ''bonferroni''',
    'prior_mean = ''NaN''', 'prior_mean = ''-Infinity''', 'prior_stddev = 0', 'prior_stddev = ''NaN''', 'ends_at = NULL', 'starts_at = ''-infinity''']) AS s (set)
 CROSS JOIN LATERAL try('UPDATE lotty.analysis_plan SET ' || s.set) AS t WHERE t.item IN ('ok', 'error');

-- All of it is in the trail, with who and what; nothing for what was refused or changed nothing.
UPDATE lotty.metric SET description = description;
SELECT c.table_name, c.operation, count(*), array_agg(DISTINCT CASE WHEN c.table_name NOT IN ('experiment_metric', 'analysis_plan') AND c.key !~ '-' THEN c.key END) AS keys
  FROM lotty.change c GROUP BY 1, 2 ORDER BY 1, 2;
SELECT c.operation, c.old_row ->> 'description' AS old, c.new_row ->> 'description' AS new, c.new_row ->> 'query' ~ 'event_id' AS has_event_id FROM lotty.change c WHERE c.table_name = 'event_source' AND c.key = 'purchase' ORDER BY change_id;

-- Who manages makes them, also of what he may not see; they run with the rights of whoever reports.
CREATE ROLE lotty_test_manager;
CREATE ROLE lotty_test_analyst;
SELECT count(*) > 40 AS granted FROM lotty_grant('lotty_test_manager', 'manage');
SELECT count(*) > 40 AS granted FROM lotty_grant('lotty_test_analyst', 'report');
GRANT SELECT ON shop_order TO lotty_test_manager;
CREATE FUNCTION whoami() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT current_user::text$$;
INSERT INTO shop_order (id, customer, placed_at, total, country) VALUES (1, 'u1', '2025-01-02Z', 5, 'DE');
UPDATE lotty.analysis_plan SET starts_at = NULL;
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, reason, created_at) VALUES (md5('d')::uuid, 'x', 'u1', md5('experiment x')::uuid, md5('a x')::uuid, 'experiment_assigned', '2025-01-01Z');
SET ROLE lotty_test_manager;
SELECT lotty.add_event_source('purchase', 'SELECT customer AS subject_id, placed_at AS occurred_at, total AS value FROM public.shop_order');
SELECT lotty.add_dimension('country', 'SELECT customer AS subject_id, country || '' '' || public.whoami() AS value FROM public.shop_order');
INSERT INTO lotty.metric (key, type, event_type) VALUES ('managed', 'count', 'purchase');
UPDATE lotty.metric SET direction = 'decrease' WHERE key = 'managed';
SELECT lotty.attach_metric('x', 'managed', 'secondary'), lotty.detach_metric('x', 'managed');
UPDATE lotty.analysis_plan SET alpha = 0.05;
SELECT * FROM try($$TABLE lotty.report_subject$$);
RESET ROLE;
REVOKE SELECT ON shop_order FROM lotty_test_manager;
SET ROLE lotty_test_manager;
SELECT * FROM try($$SELECT lotty.add_event_source('secret', 'SELECT customer AS subject_id, placed_at AS occurred_at, total AS value FROM public.shop_order')$$);
SET ROLE lotty_test_analyst;
SELECT * FROM try($$SELECT lotty.add_event_source('mine', 'SELECT 1 AS subject_id, now() AS occurred_at')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.report('x')$$) WHERE item = 'error';
RESET ROLE;
GRANT SELECT ON shop_order TO lotty_test_analyst;
SET ROLE lotty_test_analyst;
SELECT metric, variant, n, mean FROM lotty.report('x');
SELECT dimension_value, variant, n, mean FROM lotty.report_by('x', 'sum', 'country');
RESET ROLE;
-- A query whose table is gone says so when it is asked.
DROP TABLE shop_order;
SELECT * FROM try($$SELECT * FROM lotty.report('x')$$) WHERE item = 'error';
SELECT * FROM try($$SELECT * FROM lotty.report_by('x', 'sum', 'country')$$) WHERE item = 'error';
DROP FUNCTION whoami();
DROP OWNED BY lotty_test_manager, lotty_test_analyst;
DROP ROLE lotty_test_manager, lotty_test_analyst;
SELECT wipe();
