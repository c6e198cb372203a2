-- Rows of a database to be updated, in every table: `make freeze` keeps a copy with each version, for the
-- updates from it. So it asks nothing of the library that a later one refuses: the decisions are written
-- by hand, as lotty_decide would have made them.
INSERT INTO lotty.audience (name, targeting) VALUES ('everybody', '');
INSERT INTO lotty.flag (flag_id, key, value_type, default_value) VALUES
    ('00000000-0000-4000-8000-0000000000f1', 'button', 'string', '"grey"'),
    ('00000000-0000-4000-8000-0000000000f2', 'dark', 'boolean', 'false');
INSERT INTO lotty.experiment (experiment_id, flag_id, key, targeting, sticky) VALUES
    ('00000000-0000-4000-8000-0000000000e1', '00000000-0000-4000-8000-0000000000f1', 'colour', 'country IS NULL', true),
    ('00000000-0000-4000-8000-0000000000e2', '00000000-0000-4000-8000-0000000000f2', 'later', '', false);
INSERT INTO lotty.experiment_flag (experiment_id, flag_id, rank) VALUES
    ('00000000-0000-4000-8000-0000000000e2', '00000000-0000-4000-8000-0000000000f1', 1);
INSERT INTO lotty.variant (variant_id, experiment_id, name, value, weight) VALUES
    ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000e1', 'blue', '"blue"', 1),
    ('00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000e1', 'red', '"red"', 1),
    ('00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000e2', 'on', 'true', 1);
INSERT INTO lotty.variant_value (variant_id, flag_id, value) VALUES
    ('00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000f1', '"black"');
UPDATE lotty.experiment SET status = 'running' WHERE key = 'colour';
INSERT INTO lotty.override (experiment_id, subject_id, kind, variant_id) VALUES
    ('00000000-0000-4000-8000-0000000000e1', 'somebody', 'forced', '00000000-0000-4000-8000-0000000000a1');
INSERT INTO lotty.conflict_domain (domain_id, key, policy) VALUES
    ('00000000-0000-4000-8000-0000000000d1', 'checkout', 'priority');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, priority) VALUES
    ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-0000000000e1', 1);
-- Half of them by hash; the others keep what they were given, since the experiment is sticky.
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason)
SELECT gen_random_uuid(), 'button', 'subject-' || i, v.experiment_id, v.variant_id, v.value, 'experiment_assigned'
  FROM generate_series(1, 500) AS i
  JOIN lotty.variant v ON v.experiment_id = '00000000-0000-4000-8000-0000000000e1'
   AND v.name = CASE WHEN CASE WHEN i % 2 = 0 THEN i % 4 = 0
                               ELSE lotty_bucket('subject-' || i, v.experiment_id::text, 'variant') < 5000 END
                     THEN 'blue' ELSE 'red' END;
INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id, slot, assigned_at)
SELECT subject_id, experiment_id, variant_id, 1, created_at FROM lotty.decision;
SELECT count(*) FROM generate_series(1, 10) AS i, lotty_track('subject-' || i, 'bought', i);
INSERT INTO lotty.log_policy (period, ahead, keep_unarchived) VALUES ('month', 3, true);
INSERT INTO lotty.event_source (event_type, query, columns) VALUES
    ('paid', 'SELECT ''subject-1'' AS subject_id, now() AS occurred_at', '{}');
INSERT INTO lotty.dimension (name, query) VALUES ('side', 'SELECT ''subject-1'' AS subject_id, 1 AS value');
INSERT INTO lotty.metric (metric_id, key, type, event_type) VALUES
    ('00000000-0000-4000-8000-0000000000c1', 'bought', 'sum', 'bought');
INSERT INTO lotty.experiment_metric (experiment_id, metric_id, role, action) VALUES
    ('00000000-0000-4000-8000-0000000000e1', '00000000-0000-4000-8000-0000000000c1', 'guardrail', 'pause');
INSERT INTO lotty.analysis_plan (experiment_id) VALUES ('00000000-0000-4000-8000-0000000000e1');
INSERT INTO lotty.guardrail_log (experiment_id, metric_id, variant_id, action, tolerance, alpha, detail) VALUES
    ('00000000-0000-4000-8000-0000000000e1', '00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000a2',
     'notify', 0, 0.05, 'it was less');
