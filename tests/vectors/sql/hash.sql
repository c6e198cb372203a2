-- Anyone can recompute a bucket.

INSERT INTO vectors.comparison
SELECT 'hash vectors',
       format('salt %s, experiment %s, subject %s', left(data->>'salt', 40),
              data->>'experiment_id', left(data->>'subject_id', 80)),
       jsonb_build_object('bucket', (data->>'bucket')::integer),
       jsonb_build_object('bucket',
           lotty_bucket(data->>'subject_id', data->>'experiment_id', data->>'salt'))
  FROM vectors.hash;
