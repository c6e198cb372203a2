-- The log in partitions: made ahead, written to, searched and dropped by age.
SELECT wipe();
SELECT make_experiment('f');
SELECT make_experiment('g');

-- Until somebody divides it, the log is one table.
SELECT * FROM lotty.log_partitions();
SELECT * FROM lotty_maintain();
SELECT * FROM try($$SELECT lotty_partition_log('fortnight')$$);
SELECT * FROM try($$SELECT lotty_partition_log(NULL)$$);
SELECT * FROM try($$SELECT lotty_partition_log(ahead => 0)$$);
SELECT * FROM try($$SELECT lotty_partition_log(keep => '6 days')$$);
SELECT * FROM try($$SELECT lotty_partition_log(keep_unarchived => NULL)$$);
SELECT * FROM try($$SELECT lotty_maintain('0')$$);
SELECT * FROM try($$SELECT lotty_maintain(NULL)$$);
SELECT * FROM try($$SELECT lotty_maintain('30 days')$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM try($$SELECT lotty_maintain()$$);
COMMIT;
SELECT * FROM try($$INSERT INTO lotty.log_policy (period, ahead, keep_unarchived) VALUES ('hour', 3, true)$$) WHERE item = 'error';

-- Divided from the next period on; the rows of this one stay where they are.
SELECT reason FROM lotty_decide('f', 'before');
SELECT action, count(*), bool_and(object ~ '^lotty\.decision_p[0-9]{8}$') AS named
  FROM lotty_partition_log('day', ahead => 3) GROUP BY 1;
SELECT is_default, from_time - lotty.next_log_period('day', now()) AS starts_in, until_time - from_time AS length
  FROM lotty.log_partitions();
SELECT count(*) AS done_again FROM lotty_maintain();
SELECT count(*) AS done_again FROM lotty_partition_log('day', ahead => 3);
SELECT period, keep, ahead, keep_unarchived FROM lotty.log_policy;
-- A longer period begins where the shorter ones end, and reaches to its own end.
SELECT count(*) > 0 AS made FROM lotty_partition_log('month', ahead => 1);
SELECT count(*) AS gaps FROM (SELECT from_time, lag(until_time) OVER (ORDER BY from_time) AS after
                                FROM lotty.log_partitions() WHERE NOT is_default) AS p WHERE from_time <> after;
SELECT max(until_time) = lotty.next_log_period('month', lotty.next_log_period('month', now())) AS until_next_month
  FROM lotty.log_partitions();
-- Rows that are early, and rows of no partition.
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, reason, created_at)
VALUES (md5('early')::uuid, 'f', 'early', 'forced', lotty.next_log_period('day', now()) + interval '1 hour'),
       (md5('far')::uuid, 'f', 'far', 'forced', '2100-01-01'),
       (md5('ago')::uuid, 'f', 'ago', 'forced', '2001-01-01');
SELECT subject_id, tableoid = 'lotty.decision_default'::regclass AS in_default FROM lotty.decision ORDER BY 1;
-- Partitions and indexes are as those of the default partition.
SELECT substring(pg_get_indexdef(indexrelid) FROM ' USING .*') AS definition, indisprimary,
       count(*) = (SELECT count(*) FROM lotty.log_partitions()) AS everywhere
  FROM pg_index WHERE indrelid IN (SELECT partition FROM lotty.log_partitions()) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT DISTINCT relname ~ '^decision_p[0-9]{8}_(pkey|assigned_idx|other_idx|created_at_idx)$' AS named
  FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
 WHERE indrelid IN (SELECT partition FROM lotty.log_partitions() WHERE NOT is_default);

-- Decisions go into the partition of their time, without SQL.
SELECT lotty.create_log_partition(date_trunc('day', now(), 'UTC') - interval '1 day', lotty.next_log_period('day', now())) IS NOT NULL AS made;
SELECT count(*) AS moved FROM lotty.decision_default WHERE subject_id = 'before';
SELECT value::bigint AS writes FROM lotty.metrics WHERE name = 'lotty_sql_writes_total' \gset
SELECT reason FROM lotty_decide('f', 'now');
SELECT count(*) FROM generate_series(1, 1000) AS n, lotty_decide('f', 'many ' || n);
SELECT value::bigint - :writes AS by_sql FROM lotty.metrics WHERE name = 'lotty_sql_writes_total';
SELECT tableoid = 'lotty.decision_default'::regclass AS in_default, count(*) FROM lotty.decision
 WHERE subject_id ~ '^(now|before|many)' GROUP BY 1;
-- Made, detached and dropped in the middle of a transaction.
BEGIN;
SELECT reason FROM lotty_decide('f', 'first');
SELECT format('ALTER TABLE lotty.decision DETACH PARTITION %s', partition) AS detach, partition
  FROM lotty.log_partitions() WHERE now() >= from_time AND now() < until_time \gset
:detach;
SELECT reason FROM lotty_decide('f', 'second');
SELECT subject_id, tableoid = 'lotty.decision_default'::regclass AS in_default FROM lotty.decision WHERE subject_id IN ('first', 'second');
ROLLBACK;
SELECT reason FROM lotty_decide('f', 'third');
SELECT subject_id, tableoid = 'lotty.decision_default'::regclass AS in_default FROM lotty.decision WHERE subject_id IN ('first', 'second', 'third');
-- Triggers and columns of the log hold in partitions; a trigger of one partition too.
CREATE TABLE fired (subject text);
CREATE FUNCTION note_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.fired VALUES (coalesce(to_jsonb(NEW) ->> 'subject_id', 'statement')); RETURN NEW; END$$;
CREATE TRIGGER note AFTER INSERT ON lotty.decision EXECUTE FUNCTION note_insert();
SELECT reason FROM lotty_decide('f', 'statement trigger');
DROP TRIGGER note ON lotty.decision;
SELECT format('CREATE TRIGGER note AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION note_insert()', :'partition') AS create_trigger,
       format('DROP TRIGGER note ON %s', :'partition') AS drop_trigger \gset
:create_trigger;
SELECT reason FROM lotty_decide('f', 'row trigger');
:drop_trigger;
TABLE fired;
-- Partitions of other kinds.
BEGIN;
:detach;
SELECT format('CREATE TABLE lotty.decision_sub PARTITION OF lotty.decision FOR VALUES FROM (%L) TO (%L) PARTITION BY HASH (subject_id)',
              date_trunc('day', now(), 'UTC') - interval '1 day', lotty.next_log_period('day', now())) AS create_sub \gset
:create_sub;
CREATE TABLE lotty.decision_sub_0 PARTITION OF lotty.decision_sub FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT reason FROM lotty_decide('f', 'hashed');
SELECT tableoid::regclass, subject_id FROM lotty.decision WHERE subject_id = 'hashed';
SELECT count(*) AS done FROM lotty_maintain();
ROLLBACK;

-- What others have attached gets its indexes; an index that was added to the pattern comes to all.
CREATE TABLE lotty.by_hand (LIKE lotty.decision);
ALTER TABLE lotty.decision ATTACH PARTITION lotty.by_hand FOR VALUES FROM ('2030-01-01') TO ('2030-02-01');
CREATE INDEX decision_default_flag_idx ON lotty.decision_default (flag_key, created_at);
SELECT DISTINCT action, regexp_replace(detail, 'decision_p[0-9]{8}', 'P', 'g') AS detail FROM lotty_maintain() ORDER BY 1;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'lotty.by_hand'::regclass ORDER BY indexrelid::regclass::text;
SELECT DISTINCT action FROM lotty_maintain();
-- What is far ahead is no end, and what is in the way of one partition is in that of no other.
UPDATE lotty.log_policy SET ahead = 3;
SELECT count(*) > 0 AS made FROM lotty_maintain() WHERE action = 'created';
SELECT max(until_time) FILTER (WHERE until_time < '2030-01-01') > now() + interval '80 days' AS goes_on FROM lotty.log_partitions();
DROP INDEX lotty.decision_default_flag_idx;
DROP TABLE lotty.by_hand;

-- Dropped by age, but for what a report needs.
SELECT * FROM lotty.create_log_partition('2020-01-01 00:00+00', '2020-02-01 00:00+00');
SELECT * FROM lotty.create_log_partition('2020-02-01 00:00+00', '2020-03-01 00:00+00');
SELECT * FROM lotty.create_log_partition('2020-03-01 00:00+00', '2020-04-01 00:00+00');
SET session_replication_role = replica;
UPDATE lotty.experiment SET started_at = '2020-02-20' WHERE key = 'g';
RESET session_replication_role;
INSERT INTO lotty.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, reason, created_at)
SELECT md5(day::text)::uuid, 'g', 'old', md5('experiment g')::uuid, md5('a g')::uuid, 'experiment_assigned', day
  FROM generate_series(timestamptz '2020-01-10 UTC', '2020-03-10 UTC', '1 month') AS day;
SELECT added FROM lotty_rebuild_ledger();
SELECT tableoid::regclass, count(*) FROM lotty.decision WHERE subject_id = 'old' GROUP BY 1 ORDER BY 1;
CREATE VIEW on_old AS SELECT * FROM lotty.decision_p20200101;
SELECT action, object, detail FROM lotty_partition_log('month', keep => '1 year', ahead => 1) ORDER BY 2;
DROP VIEW on_old;
SELECT action, object, detail FROM lotty_maintain() ORDER BY 2;
SELECT decisions, exposed_at AT TIME ZONE 'UTC' AS exposed_at FROM lotty.exposure WHERE experiment_key = 'g';
SELECT lotty_complete('g');
SELECT action, object FROM lotty_maintain() ORDER BY 2;
SELECT lotty_archive('g');
SELECT action, object, detail FROM lotty_maintain() ORDER BY 2;
SELECT count(*) FROM lotty.decision WHERE subject_id = 'old';
SELECT subject_id, experiment_id = md5('experiment g')::uuid AS is_g FROM lotty.assignment WHERE subject_id = 'old';
SELECT count(*) AS problems FROM lotty_check_ledger();
-- The default partition is emptied once all of it is too old.
SELECT subject_id FROM lotty.decision_default ORDER BY 1;
SELECT action, object FROM lotty_maintain();
DELETE FROM lotty.decision WHERE subject_id = 'far';
SELECT action, object, detail FROM lotty_maintain();
SELECT count(*) FROM lotty.decision_default;
-- Strict retention, whatever reports need.
SELECT * FROM lotty.create_log_partition('2020-01-01 00:00+00', '2020-02-01 00:00+00');
SET session_replication_role = replica;
UPDATE lotty.experiment SET started_at = '2020-01-01' WHERE key = 'f';
RESET session_replication_role;
SELECT action, object, detail FROM lotty_maintain();
SELECT action, object FROM lotty_partition_log('month', keep => '1 year', ahead => 1, keep_unarchived => false);

-- The cool-down looks back for longer than the policy keeps: what it needs stays.
SELECT lotty.create_log_partition(date_trunc('day', now(), 'UTC') - interval '21 days', date_trunc('day', now(), 'UTC') - interval '20 days') IS NOT NULL AS made;
BEGIN;
SET LOCAL lotty.cooldown_days = 30;
UPDATE lotty.log_policy SET keep = '15 days';
SELECT count(*) FROM lotty_maintain();
SET LOCAL lotty.cooldown_days = 7;
SELECT action FROM lotty_maintain();
ROLLBACK;

-- Whoever does not own the log cannot maintain it.
CREATE ROLE lotty_test_cron;
GRANT USAGE ON SCHEMA lotty TO lotty_test_cron;
GRANT EXECUTE ON FUNCTION lotty_maintain(interval) TO lotty_test_cron;
SET ROLE lotty_test_cron;
SELECT * FROM try($$SELECT lotty_maintain()$$);
RESET ROLE;
DROP OWNED BY lotty_test_cron;
DROP ROLE lotty_test_cron;

-- As it was.
TRUNCATE lotty.log_policy;
DO $$
DECLARE p regclass;
BEGIN
    FOR p IN SELECT partition FROM lotty.log_partitions() WHERE NOT is_default LOOP
        EXECUTE format('DROP TABLE %s', p);
    END LOOP;
END $$;
DROP FUNCTION note_insert CASCADE;
DROP TABLE fired;
