-- Who is in traffic, and which variant it is: all experiments at once, each with a flag of
-- its own. Nothing is stored, since lotty_evaluate answers.

-- These are about shares only.
SET lotty.max_concurrent_experiments = 32767;

-- The flag takes the id of its experiment, as flag_id and as key.
INSERT INTO lotty.flag (flag_id, key, value_type, default_value)
SELECT (data->>'experiment_id')::uuid, data->>'experiment_id', 'json', 'null'
  FROM vectors.variant;

INSERT INTO lotty.experiment (experiment_id, flag_id, key, status, traffic_allocation)
SELECT (data->>'experiment_id')::uuid, (data->>'experiment_id')::uuid, data->>'experiment_id',
       'running',
       -- The seed takes a share above 100 for everyone; the column ends there.
       least((data->>'traffic_allocation')::numeric, 100)
  FROM vectors.variant;

-- In storage order: the trigger numbers them.
INSERT INTO lotty.variant (experiment_id, name, weight, value)
SELECT (data->>'experiment_id')::uuid, variant->>'name', (variant->>'weight')::numeric,
       variant->'name'
  FROM vectors.variant
 CROSS JOIN jsonb_array_elements(data->'variants') WITH ORDINALITY AS v (variant, nth)
 ORDER BY data->>'experiment_id', nth;

CREATE VIEW vectors.variant_decision AS
    SELECT data->>'experiment_id' AS experiment_id,
           data->>'weight_kind' AS weight_kind,
           decision->>'subject_id' AS subject_id,
           decision AS recorded
      FROM vectors.variant CROSS JOIN jsonb_array_elements(data->'decisions') AS decision;

CREATE TABLE vectors.variant_answer AS
    SELECT d.experiment_id, d.subject_id, answer.reason, answer.value
      FROM vectors.variant_decision AS d
     CROSS JOIN LATERAL lotty_evaluate(d.experiment_id, d.subject_id) AS answer;

-- Once more with everybody in traffic: `selected` does not depend on it.
UPDATE lotty.experiment SET traffic_allocation = 100;

CREATE TABLE vectors.variant_selection AS
    SELECT d.experiment_id, d.subject_id, answer.value
      FROM vectors.variant_decision AS d
     CROSS JOIN LATERAL lotty_evaluate(d.experiment_id, d.subject_id) AS answer;

INSERT INTO vectors.comparison
SELECT 'variant vectors',
       format('weights %s, experiment %s, subject %s', weight_kind, experiment_id, subject_id),
       jsonb_build_object(
           'allocation_bucket', recorded->'allocation_bucket',
           'in_traffic', recorded->'in_traffic',
           'reason', CASE WHEN (recorded->>'in_traffic')::boolean
                          THEN 'experiment_assigned' ELSE 'outside_traffic_allocation' END,
           'variant_bucket', recorded->'variant_bucket',
           'normalised_hash', (recorded->>'normalised_hash')::numeric,
           'selected', recorded->'selected',
           'variant', recorded->'variant'),
       jsonb_build_object(
           'allocation_bucket', bucket.allocation,
           'in_traffic', bucket.allocation / 100.0 < experiment.traffic_allocation,
           'reason', answer.reason,
           'variant_bucket', bucket.variant,
           -- Exact: divided by 10000 only, and no value comes near the seed's 28 digits.
           'normalised_hash', bucket.variant * experiment.total_weight / 10000,
           'selected', selection.value,
           'variant', answer.value)
  FROM vectors.variant_decision
  LEFT JOIN vectors.variant_answer AS answer USING (experiment_id, subject_id)
  LEFT JOIN vectors.variant_selection AS selection USING (experiment_id, subject_id)
  JOIN (SELECT data->>'experiment_id' AS experiment_id,
               (data->>'traffic_allocation')::numeric AS traffic_allocation,
               (SELECT sum((variant->>'weight')::numeric)
                  FROM jsonb_array_elements(data->'variants') AS variant) AS total_weight
          FROM vectors.variant) AS experiment USING (experiment_id)
 CROSS JOIN LATERAL (SELECT lotty_bucket(subject_id, experiment_id, 'allocation') AS allocation,
                            lotty_bucket(subject_id, experiment_id, 'variant') AS variant) AS bucket;
