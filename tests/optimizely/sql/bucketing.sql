INSERT INTO proof.comparison
SELECT 'buckets',
       format('bucketing id %s, parent %s', left(data->>'bucketing_id', 80), data->>'parent_id'),
       jsonb_build_object('bucket', (data->>'bucket')::integer),
       jsonb_build_object('bucket', lotty_murmur3_bucket(data->>'bucketing_id', data->>'parent_id'))
  FROM proof.bucketing;
