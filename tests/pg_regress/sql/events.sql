-- What subjects do: lotty_track.
SELECT wipe();
SELECT make_experiment('x');
-- A new event is true, a repeat false; the first one counts.
SELECT lotty_track('u1', 'purchase', 19.90, '{"sku": "a"}', 'order-1');
SELECT lotty_track('u1', 'purchase', 99, '{"sku": "b"}', 'order-1');
SELECT lotty_track('u2', 'purchase', event_id => 'order-1');
SELECT lotty_track('u1', 'purchase', 0.10, '{}', 'Order-1'), lotty_track('u1', 'purchase', 12345678901234567890.12345678901234567890, event_id => 'ordér 🚩');
SELECT event_id, subject_id, decision_id, event_type, value, properties, occurred_at = received_at AS at_once FROM lotty.event ORDER BY event_id;
-- Without an id each call is an event.
SELECT lotty_track('u2', 'view'), lotty_track('u2', 'view', NULL, '{}', NULL), lotty_track('', 'view');
SELECT subject_id, count(DISTINCT event_id), bool_and(event_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7') AS version_7 FROM lotty.event WHERE event_type = 'view' GROUP BY 1 ORDER BY 1;
-- With the decision and the time.
SELECT lotty_track('u3', 'purchase', 1, '{}', 'with decision', d.decision_id, '2026-01-02 03:04:05+00') FROM lotty_decide('x', 'u3') d;
SELECT d.flag_key, e.occurred_at AT TIME ZONE 'UTC' AS occurred_at, e.received_at = d.created_at AS at_once
  FROM lotty.event e JOIN lotty.decision d USING (decision_id) WHERE e.event_id = 'with decision';
-- Another kind of event with the same id is a mistake that must not lose it.
SELECT * FROM try($$SELECT lotty_track('u1', 'refund', 5, event_id => 'order-1')$$);
-- It rolls back with the transaction, and can be tracked again then.
BEGIN;
SELECT lotty_track('u4', 'purchase', event_id => 'taken back');
SELECT lotty_track('u4', 'purchase', event_id => 'taken back');
SAVEPOINT s;
SELECT lotty_track('u4', 'purchase', event_id => 'twice');
ROLLBACK TO s;
SELECT lotty_track('u4', 'purchase', event_id => 'twice');
ROLLBACK;
SELECT lotty_track('u4', 'purchase', event_id => 'taken back');
-- Many in one statement, repeats among them.
SELECT count(*) FILTER (WHERE lotty_track('u' || n, 'bulk', n, event_id => 'bulk ' || n % 100)) AS new FROM generate_series(1, 1000) n;

-- Wrong arguments; nothing is stored.
SELECT * FROM try($$SELECT lotty_track(NULL, 'a')$$);
SELECT * FROM try($$SELECT lotty_track('bad', NULL)$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', 1, NULL)$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', occurred_at => NULL)$$);
SELECT * FROM try($$SELECT lotty_track('bad', '')$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', event_id => '')$$);
SELECT * FROM try($$SELECT lotty_track(repeat('ü', 257), 'a')$$);
SELECT * FROM try($$SELECT lotty_track('bad', repeat('a', 513))$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', event_id => repeat('a', 513))$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', 'NaN')$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', '-Infinity')$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', 1, '[]')$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', 1, 'null')$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', occurred_at => 'infinity')$$);
SELECT * FROM try($$SELECT lotty_track('bad', 'a', 'ten')$$);
SELECT lotty_track(repeat('ü', 256), repeat('a', 512), event_id => repeat('a', 512));
SELECT count(*) FROM lotty.event WHERE subject_id = 'bad';
BEGIN READ ONLY;
SELECT * FROM try($$SELECT lotty_track('u1', 'a')$$);
ROLLBACK;

-- Events of a subject since its exposure are found by the index, also by its id alone; a repeat by
-- the primary key.
ANALYZE lotty.event;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT value FROM lotty.event WHERE subject_id = 'u1' AND occurred_at >= '2026-01-01';
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT wipe();
