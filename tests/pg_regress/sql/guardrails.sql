-- Guardrails: when they act, when they do not, and what is written down.
SELECT wipe();
SET timezone = 'UTC';
CREATE FUNCTION expose(experiment text, variant text, subjects integer) RETURNS bigint
LANGUAGE sql AS $$
    WITH exposed AS (
        INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
        SELECT md5(concat_ws(' ', experiment, variant, n))::uuid, experiment, concat_ws(' ', experiment, variant, n), md5('experiment ' || experiment)::uuid,
               md5(variant || ' ' || experiment)::uuid, '"V"', 'experiment_assigned', '2025-01-01Z'
          FROM generate_series(1, subjects) AS n
        ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*) FROM exposed
$$;
-- So many of a variant's subjects do something, with so much in all.
CREATE FUNCTION happen(experiment text, variant text, subjects integer, event_type text, value numeric DEFAULT 1) RETURNS bigint
LANGUAGE sql AS $$
    WITH happened AS (
        INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at, received_at)
        SELECT concat_ws(' ', experiment, variant, n, event_type), concat_ws(' ', experiment, variant, n), event_type, value, '2025-01-01 12:00Z', '2025-01-01 12:00Z'
          FROM generate_series(1, subjects) AS n
        ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*) FROM happened
$$;
CREATE FUNCTION logged() RETURNS TABLE (experiment text, metric text, variant text, action text, n_control bigint, n_treatment bigint, control_mean numeric, mean numeric,
                                        diff numeric, lift numeric, bound numeric, tolerance float8, alpha float8, srm numeric)
LANGUAGE sql AS $$
    SELECT e.key, m.key, v.name, l.action, l.n_control, l.n_treatment, round(l.control_mean::numeric, 4), round(l.mean::numeric, 4),
           round(l.diff::numeric, 4), round(l.lift::numeric, 4), round(l.bound::numeric, 4), l.tolerance, l.alpha, round(l.srm_p_value::numeric, 4)
      FROM lotty.guardrail_log l JOIN lotty.experiment e USING (experiment_id) JOIN lotty.metric m USING (metric_id) LEFT JOIN lotty.variant v USING (variant_id)
     ORDER BY l.log_id
$$;
CREATE FUNCTION status_of(experiment text) RETURNS text LANGUAGE sql AS $$SELECT e.status::text FROM lotty.experiment e WHERE e.key = $1$$;

-- Of 500 each, 250 of the control buy and 150 of the others: the lift is -0.4. More refunds are worse too.
SELECT make_experiment('x');
INSERT INTO lotty.metric (key, type, event_type, direction) VALUES ('bought', 'conversion', 'purchase', 'increase'), ('refunds', 'conversion', 'refund', 'decrease'), ('spent', 'sum', 'purchase', 'increase');
SELECT expose('x', 'a', 500), expose('x', 'b', 500), happen('x', 'a', 250, 'purchase'), happen('x', 'b', 150, 'purchase');
-- Nothing is guarded; a goal is no guardrail; action none does nothing.
SELECT * FROM lotty_check_guardrails();
SELECT lotty.attach_metric('x', 'bought');
SELECT * FROM lotty_check_guardrails();
SELECT lotty.attach_metric('x', 'bought', 'guardrail');
SELECT verdict FROM lotty.report('x') WHERE NOT is_control;
SELECT * FROM lotty_check_guardrails('x');
SELECT * FROM logged();
-- Too few: each of the two variants needs so many.
SELECT lotty.attach_metric('x', 'bought', 'guardrail', 'pause', minimum_subjects => 501);
SELECT * FROM lotty_check_guardrails('x');
-- It trips, and pauses, once.
SELECT lotty.attach_metric('x', 'bought', 'guardrail', 'pause', minimum_subjects => 500);
SELECT * FROM lotty_check_guardrails();
SELECT * FROM logged();
SELECT detail, logged_at > now() - interval '1 hour' AS recent FROM lotty.guardrail_log;
SELECT l.bound = c.seq_upper AS bound, l.diff = c.diff AS diff, l.lift = c.lift AS lift FROM lotty.guardrail_log l
 CROSS JOIN LATERAL (SELECT (lotty.compare(a.stats, b.stats)).* FROM lotty.metric_stats('x', 'bought') a, lotty.metric_stats('x', 'bought') b WHERE a.variant = 'a' AND b.variant = 'b') AS c;
SELECT status_of('x');
SELECT operation, changed FROM (SELECT operation, new_row ->> 'status' AS changed, old_row ->> 'status' AS old FROM lotty.change WHERE table_name = 'experiment' ORDER BY change_id DESC LIMIT 1) AS c WHERE old = 'running';
-- Paused, it is left alone; resumed, it is not paused again for the same.
SELECT * FROM lotty_check_guardrails();
SELECT lotty_resume('x');
SELECT * FROM lotty_check_guardrails();
SELECT happen('x', 'a', 400, 'purchase');
SELECT verdict FROM lotty.report('x') WHERE NOT is_control;
SELECT * FROM lotty_check_guardrails('x');
SELECT status_of('x');
-- But for another one it is. Fewer refunds are better: more are worse.
SELECT lotty.attach_metric('x', 'refunds', 'guardrail', 'pause');
SELECT happen('x', 'a', 150, 'refund');
SELECT metric, verdict FROM lotty.report('x') WHERE NOT is_control;
SELECT * FROM lotty_check_guardrails('x');
SELECT happen('x', 'b', 400, 'refund');
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('x');
SELECT * FROM logged() WHERE metric = 'refunds';
SELECT detail FROM lotty.guardrail_log ORDER BY log_id DESC LIMIT 1;
SELECT status_of('x');

-- The tolerance is of the lift: what trips at 0.2 does not at 0.6. The alpha is the plan's.
SELECT make_experiment('y');
SELECT expose('y', 'a', 500), expose('y', 'b', 500), happen('y', 'a', 250, 'purchase'), happen('y', 'b', 100, 'purchase');
SELECT lotty.attach_metric('y', 'bought', 'guardrail', 'notify', tolerance => 0.6);
SELECT * FROM lotty_check_guardrails('y');
SELECT lotty.attach_metric('y', 'bought', 'guardrail', 'notify', tolerance => 0.2);
INSERT INTO lotty.analysis_plan (experiment_id, alpha) VALUES (md5('experiment y')::uuid, 0.01);
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('y');
SELECT * FROM logged() WHERE experiment = 'y';
SELECT detail FROM lotty.guardrail_log ORDER BY log_id DESC LIMIT 1;
-- Told, not paused; and told once.
SELECT status_of('y');
SELECT * FROM lotty_check_guardrails('y');
-- A margin is what is proved not to be lost.
SELECT lotty.attach_metric('y', 'spent', 'guardrail', 'notify', margin => 0.99), lotty.attach_metric('y', 'refunds', 'guardrail', 'notify', margin => 0.5);
SELECT metric, verdict FROM lotty.report('y') WHERE NOT is_control;
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('y');

-- While subjects are missing on one side nothing is done, and that is written down once; when they are there, it is done.
SELECT make_experiment('z');
SELECT expose('z', 'a', 2000), expose('z', 'b', 1000), happen('z', 'a', 1000, 'purchase'), happen('z', 'b', 100, 'purchase');
SELECT lotty.attach_metric('z', 'bought', 'guardrail', 'pause');
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('z');
SELECT verdict FROM lotty.report('z') WHERE NOT is_control;
SELECT experiment, metric, variant, action, n_control, n_treatment, srm < 0.001 AS alarm FROM logged() WHERE experiment = 'z';
SELECT detail FROM lotty.guardrail_log ORDER BY log_id DESC LIMIT 1;
SELECT * FROM lotty_check_guardrails('z');
SELECT status_of('z');
SELECT expose('z', 'b', 2000);
SELECT action FROM lotty_refresh_reports('z', true);
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('z');
SELECT experiment, action, n_control, n_treatment, srm FROM logged() WHERE experiment = 'z';
SELECT status_of('z');

-- Two variants that are worse: a row for each. Two guardrails of one experiment: both are written down.
SELECT make_experiment('w', 'draft');
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, weight) VALUES (md5('c w')::uuid, md5('experiment w')::uuid, 'c', '"C"', 50);
SELECT lotty_start('w');
SELECT expose('w', v, 500) FROM unnest(ARRAY['a', 'b', 'c']) AS v;
SELECT happen('w', 'a', 400, 'purchase', 10), happen('w', 'b', 100, 'purchase', 10), happen('w', 'c', 120, 'purchase', 10);
SELECT lotty.attach_metric('w', 'bought', 'guardrail', 'pause'), lotty.attach_metric('w', 'spent', 'guardrail', 'notify');
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails();
SELECT experiment, metric, variant, action, n_treatment, mean FROM logged() WHERE experiment = 'w';
SELECT status_of('w');

-- What has ended, or has not begun, is left alone; so is one of which nothing is known.
SELECT make_experiment('done'), make_experiment('draft', 'draft'), make_experiment('empty');
SELECT expose('done', v, 500) FROM unnest(ARRAY['a', 'b']) AS v;
SELECT happen('done', 'a', 400, 'purchase'), lotty.attach_metric('done', 'bought', 'guardrail', 'pause'), lotty.attach_metric('draft', 'bought', 'guardrail', 'pause'), lotty.attach_metric('empty', 'bought', 'guardrail', 'pause', minimum_subjects => 2);
SELECT lotty_complete('done');
SELECT * FROM lotty_check_guardrails();
SELECT status_of('done'), status_of('draft'), status_of('empty');
SELECT * FROM try($$SELECT * FROM lotty_check_guardrails('unknown')$$);
BEGIN READ ONLY;
SELECT * FROM try($$SELECT * FROM lotty_check_guardrails('x')$$);
SELECT * FROM try($$SELECT * FROM lotty_check_guardrails('empty')$$) WHERE item IN ('ok', 'error');
ROLLBACK;
-- With a snapshot of the transaction it acts on that.
SELECT expose('empty', v, 500) FROM unnest(ARRAY['a', 'b']) AS v;
SELECT happen('empty', 'a', 400, 'purchase');
SELECT action FROM lotty_refresh_reports('empty', true);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('empty');
ROLLBACK;
SELECT status_of('empty');
SELECT count(*) FROM logged() WHERE experiment = 'empty';
SELECT experiment_key, metric, variant, action FROM lotty_check_guardrails('empty');

-- It is the owner's, or whose it is given to.
CREATE ROLE lotty_test_guard;
SET ROLE lotty_test_guard;
SELECT * FROM try($$SELECT * FROM lotty_check_guardrails()$$);
RESET ROLE;
DROP ROLE lotty_test_guard;
-- The row stays when the metric is taken away from the experiment.
SELECT lotty.detach_metric('x', 'bought');
SELECT count(*) FROM logged() WHERE experiment = 'x';
DROP FUNCTION expose, happen, logged, status_of;
SELECT wipe();
RESET timezone;
