-- An experiment with two variants: :decisions decisions in 28 days, which end an hour ago, and twice as many
-- events. Half of the subjects have several decisions, one in 170 of both variants.
-- Subjects are drawn by hash, so that each run has the same ones. Rows lie in the order in which they came.
CREATE EXTENSION lotty;
CREATE EXTENSION pg_prewarm;
CREATE SCHEMA bench;
SET synchronous_commit = off;

WITH f AS (INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('checkout', 'string', '"blue"') RETURNING flag_id),
     e AS (INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, 'checkout' FROM f RETURNING experiment_id)
INSERT INTO lotty.variant (experiment_id, name, value, is_control)
SELECT experiment_id, v, to_jsonb(v), v = 'blue' FROM e, unnest(ARRAY['blue', 'green']) AS v;
UPDATE lotty.experiment SET status = 'running';
INSERT INTO lotty.metric (key, type, event_type, numerator, denominator_event_type, denominator) VALUES
    ('buyers', 'conversion', 'purchase', 'sum', NULL, 'count'),
    ('revenue', 'sum', 'purchase', 'sum', NULL, 'count'),
    ('views', 'count', 'view', 'sum', NULL, 'count'),
    ('revenue per view', 'ratio', 'purchase', 'sum', 'view', 'count');
SELECT lotty.attach_metric('checkout', key) FROM lotty.metric;

-- A number from 0 to bound - 1, which looks as if it were drawn.
CREATE FUNCTION bench.draw(number bigint, seed bigint, bound bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(number, seed) & 9223372036854775807) % bound;

CREATE FUNCTION bench.subject(number bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (10000000000 + number)::text;

CREATE TABLE bench.moment AS
SELECT now() - interval '28 days 1 hour' AS begins, interval '28 days' / :decisions AS step, :decisions * 4 / 5 AS subjects;

INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason, created_at)
SELECT uuidv7(d.at - clock_timestamp()), 'checkout', bench.subject(d.subject), v.experiment_id, v.variant_id, v.value,
       'experiment_assigned', d.at
  FROM (SELECT i, m.begins + i * m.step AS at, bench.draw(i, 1, m.subjects) AS subject
          FROM bench.moment m, generate_series(1, :decisions) AS i) AS d
  JOIN lotty.variant v
    ON v.name = CASE WHEN bench.draw(d.subject + CASE WHEN d.subject % 50 = 0 THEN d.i ELSE 0 END, 2, 2) = 0 THEN 'blue' ELSE 'green' END;

-- What comes with an old received_at has its subjects noted down; there is nothing yet for which they would be.
ALTER TABLE lotty.event DISABLE TRIGGER note_old_event;
-- One in fifty is up to three days late.
INSERT INTO lotty.event (event_id, subject_id, event_type, value, occurred_at, received_at)
SELECT uuidv7(e.at - clock_timestamp())::text, bench.subject(bench.draw(e.i, 3, e.subjects)),
       CASE WHEN e.is_purchase THEN 'purchase' ELSE 'view' END,
       CASE WHEN e.is_purchase THEN 5 + bench.draw(e.i, 5, 19500)::numeric / 100 END,
       e.at - CASE WHEN e.i % 50 = 0 THEN bench.draw(e.i, 6, 259200) ELSE 0 END * interval '1 second', e.at
  FROM (SELECT i, m.subjects, m.begins + i * m.step / 2 AS at, bench.draw(i, 4, 10) < 4 AS is_purchase
          FROM bench.moment m, generate_series(1, 2 * :decisions) AS i) AS e;
ALTER TABLE lotty.event ENABLE ALWAYS TRIGGER note_old_event;

VACUUM ANALYZE lotty.decision, lotty.event;
CHECKPOINT;
