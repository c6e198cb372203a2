-- The log and the ledger are written without SQL while they are as the extension made them. What users
-- add to them has its effect all the same, at once, also in the middle of a transaction.
SELECT wipe();
SELECT make_experiment('f');

-- How many decisions an SQL statement has written since the last question.
CREATE TABLE seen AS SELECT 0::bigint AS writes;
CREATE FUNCTION by_sql() RETURNS bigint LANGUAGE sql AS $$
    WITH now AS (SELECT value::bigint AS writes FROM lotty.metrics WHERE name = 'lotty_sql_writes_total'),
         before AS (SELECT writes FROM seen)
    UPDATE seen SET writes = now.writes FROM now, before RETURNING now.writes - before.writes
$$;
SELECT by_sql() >= 0 AS counted;

SELECT reason FROM lotty_decide('f', 'plain');
SELECT by_sql();
SELECT flag_key, subject_id, experiment_id = md5('experiment f')::uuid AS experiment, variant_id IS NOT NULL AS variant,
       value IN ('"A"', '"B"') AS value, reason, created_at <= now() AS created
  FROM lotty.decision;
SELECT subject_id, slot, assigned_at <= now() AS assigned, displaced_at FROM lotty.assignment;

-- Every index is kept, the ones of the extension and others.
CREATE INDEX added ON lotty.decision (flag_key);
CREATE UNIQUE INDEX added_to_ledger ON lotty.assignment (variant_id, subject_id);
SELECT reason FROM lotty_decide('f', 'indexed'), pg_stat_clear_snapshot();
SELECT by_sql();
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT subject_id FROM lotty.decision WHERE flag_key = 'f' ORDER BY flag_key;
SELECT subject_id FROM lotty.decision WHERE flag_key = 'f' ORDER BY subject_id;
SELECT subject_id FROM lotty.assignment WHERE subject_id = 'indexed' ORDER BY experiment_id;
SELECT subject_id FROM lotty.assignment WHERE (subject_id, slot) = ('indexed', 1);
SELECT count(*) FROM lotty.decision WHERE subject_id = 'indexed' AND reason IN ('experiment_assigned', 'sticky');
SELECT count(*) FROM lotty.assignment a JOIN lotty.variant v USING (variant_id) WHERE a.subject_id = 'indexed';
RESET enable_seqscan;
RESET enable_bitmapscan;

-- An index with a predicate or an expression may call anything: SQL maintains it.
CREATE INDEX partial ON lotty.decision (flag_key) WHERE length(subject_id) > 3;
SELECT reason FROM lotty_decide('f', 'partial index');
SELECT by_sql();
DROP INDEX lotty.partial;
CREATE INDEX expression ON lotty.decision (lower(subject_id));
SELECT reason FROM lotty_decide('f', 'EXPRESSION');
SELECT by_sql();
SET enable_seqscan = off;
SELECT subject_id FROM lotty.decision WHERE lower(subject_id) = 'expression';
RESET enable_seqscan;
DROP INDEX lotty.expression;
SELECT reason FROM lotty_decide('f', 'plain again');
SELECT by_sql();

-- Triggers, of rows and of statements, before and after.
CREATE TABLE fired (trigger text, subject text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired VALUES (TG_NAME, CASE TG_LEVEL WHEN 'ROW' THEN NEW.subject_id END);
    RETURN NEW;
END
$$;
CREATE TRIGGER before_row BEFORE INSERT ON lotty.decision FOR EACH ROW EXECUTE FUNCTION note();
SELECT reason FROM lotty_decide('f', 'before row');
DROP TRIGGER before_row ON lotty.decision;
CREATE TRIGGER after_row AFTER INSERT ON lotty.decision FOR EACH ROW EXECUTE FUNCTION note();
SELECT reason FROM lotty_decide('f', 'after row');
DROP TRIGGER after_row ON lotty.decision;
CREATE TRIGGER after_statement AFTER INSERT ON lotty.decision EXECUTE FUNCTION note();
SELECT reason FROM lotty_decide('f', 'after statement');
DROP TRIGGER after_statement ON lotty.decision;
CREATE TRIGGER of_ledger AFTER INSERT ON lotty.assignment FOR EACH ROW EXECUTE FUNCTION note();
SELECT reason FROM lotty_decide('f', 'of ledger');
DROP TRIGGER of_ledger ON lotty.assignment;
SELECT * FROM fired;
SELECT by_sql();

-- Constraints.
ALTER TABLE lotty.decision ADD CONSTRAINT no_bots CHECK (subject_id !~ '^bot');
SELECT * FROM try($$SELECT lotty_decide('f', 'bot 1')$$) WHERE item = 'error';
SELECT reason FROM lotty_decide('f', 'no bot');
ALTER TABLE lotty.decision DROP CONSTRAINT no_bots;
ALTER TABLE lotty.decision ALTER variant_id SET NOT NULL;
SELECT * FROM try($$SELECT lotty_decide('unknown flag', 'not null')$$) WHERE item = 'error';
SELECT reason FROM lotty_decide('f', 'with variant');
ALTER TABLE lotty.decision ALTER variant_id DROP NOT NULL;
SELECT by_sql();
SELECT subject_id FROM lotty.decision WHERE subject_id ~ 'bot|not null|variant' ORDER BY 1;
SELECT subject_id FROM lotty.assignment WHERE subject_id ~ 'bot|not null|variant' ORDER BY 1;

-- Columns with defaults, and generated ones; a column that is dropped stays in the rows.
BEGIN;
ALTER TABLE lotty.decision ADD COLUMN region text DEFAULT 'eu';
ALTER TABLE lotty.decision ADD COLUMN day date GENERATED ALWAYS AS ((created_at AT TIME ZONE 'UTC')::date) STORED;
SELECT reason FROM lotty_decide('f', 'more columns');
SELECT region, day IS NOT NULL AS has_day FROM lotty.decision WHERE subject_id = 'more columns';
ALTER TABLE lotty.decision DROP COLUMN day, DROP COLUMN region;
SELECT reason FROM lotty_decide('f', 'dropped columns');
SELECT by_sql();
ROLLBACK;
SELECT by_sql() AS rolled_back_with_the_question;
SELECT reason FROM lotty_decide('f', 'as before');
SELECT by_sql();

-- Rules.
CREATE RULE also AS ON INSERT TO lotty.decision DO ALSO INSERT INTO public.fired VALUES ('rule', NEW.subject_id);
SELECT reason FROM lotty_decide('f', 'rule');
DROP RULE also ON lotty.decision;
SELECT * FROM fired WHERE trigger = 'rule';
SELECT by_sql();

-- A log in partitions, all in one transaction; a table of the same columns is as good as the first.
BEGIN;
ALTER TABLE lotty.decision RENAME TO first_decision;
CREATE TABLE lotty.decision (
    decision_id uuid NOT NULL, flag_key text, subject_id text NOT NULL, experiment_id uuid, variant_id uuid,
    value jsonb, reason lotty.reason NOT NULL, created_at timestamptz NOT NULL
) PARTITION BY RANGE (created_at);
CREATE TABLE lotty.decision_now PARTITION OF lotty.decision FOR VALUES FROM ('2020-01-01') TO ('2200-01-01');
SELECT reason FROM lotty_decide('f', 'partitioned');
SELECT by_sql(), subject_id FROM lotty.decision_now;
DROP TABLE lotty.decision;
CREATE TABLE lotty.decision (
    decision_id uuid NOT NULL, flag_key text, subject_id text NOT NULL, experiment_id uuid, variant_id uuid,
    value jsonb, reason lotty.reason NOT NULL, created_at timestamptz NOT NULL
);
SELECT reason FROM lotty_decide('f', 'second log');
SELECT by_sql(), subject_id FROM lotty.decision;
ROLLBACK;
SELECT reason FROM lotty_decide('f', 'after the rollback');
SELECT count(*) FROM lotty.decision WHERE subject_id IN ('partitioned', 'second log', 'after the rollback');

-- The layout changes between two decisions of a transaction, and of a cursor: nothing is kept open.
BEGIN;
SELECT reason FROM lotty_decide('f', 'before');
CREATE INDEX in_transaction ON lotty.decision (variant_id, subject_id);
SELECT reason FROM lotty_decide('f', 'after');
SET LOCAL enable_seqscan = off;
SELECT subject_id FROM lotty.decision WHERE variant_id IS NOT NULL AND subject_id IN ('before', 'after') ORDER BY variant_id, 1;
DROP INDEX lotty.in_transaction;
DECLARE many CURSOR FOR SELECT reason FROM generate_series(1, 3) i, lotty_decide('f', 'cursor ' || i);
FETCH many;
ALTER TABLE lotty.decision ALTER flag_key SET STATISTICS 10;
TRUNCATE lotty.assignment;
FETCH ALL many;
REINDEX TABLE lotty.decision_default;
SELECT reason FROM lotty_decide('f', 'reindexed');
COMMIT;
SELECT count(*) FROM lotty.decision WHERE subject_id ~ 'before|after$|cursor|reindexed';
VACUUM FULL lotty.assignment;
VACUUM (ANALYZE) lotty.assignment;
-- From the index alone, and from the table.
SELECT reason FROM lotty_evaluate('f', 'reindexed');
ALTER TABLE lotty.assignment DROP CONSTRAINT assignment_pkey, ADD CONSTRAINT assignment_pkey PRIMARY KEY (subject_id, experiment_id);
SELECT reason FROM lotty_decide('f', 'reindexed');
ALTER TABLE lotty.assignment DROP CONSTRAINT assignment_pkey, ADD CONSTRAINT assignment_pkey PRIMARY KEY (subject_id, experiment_id)
    INCLUDE (variant_id, slot, assigned_at, displaced_at);
SELECT count(*) FROM lotty.decision WHERE subject_id = 'reindexed';
SELECT count(*) FROM lotty.assignment WHERE subject_id = 'reindexed';
SELECT count(*) FROM lotty_check_ledger() WHERE problem <> 'missing';

-- A value that is too large for its page goes where such values go.
UPDATE lotty.variant SET value = to_jsonb(repeat(md5(name), 5000)) WHERE experiment_id = md5('experiment f')::uuid;
SELECT length(value #>> '{}') FROM lotty_decide('f', 'large value');
SELECT length(d.value #>> '{}'), d.value = v.value AS same
  FROM lotty.decision d JOIN lotty.variant v USING (variant_id) WHERE d.subject_id = 'large value';

-- More memberships than are read at a time.
SET lotty.max_concurrent_experiments = 20;
SELECT count(make_experiment('m' || i)::text) FROM generate_series(1, 20) i;
SELECT reason, count(*) FROM generate_series(1, 20) i, lotty_decide('m' || i, 'member') GROUP BY 1;
SELECT reason FROM lotty_decide('f', 'member');
SELECT array_agg(slot ORDER BY slot) FROM lotty.assignment WHERE subject_id = 'member';
RESET lotty.max_concurrent_experiments;

DROP FUNCTION by_sql(), note();
DROP TABLE seen, fired;
DROP INDEX lotty.added, lotty.added_to_ledger;

-- A child of the ledger has rows that only SQL sees: the memberships count all the same.
BEGIN;
SELECT wipe();
SELECT count(make_experiment('c' || i)::text) FROM generate_series(1, 4) i;
SELECT reason, count(*) FROM generate_series(1, 3) i, lotty_decide('c' || i, 'moved') GROUP BY 1;
CREATE TABLE old_assignment () INHERITS (lotty.assignment);
WITH moved AS (DELETE FROM ONLY lotty.assignment RETURNING *) INSERT INTO old_assignment SELECT * FROM moved;
SELECT reason FROM lotty_evaluate('c4', 'moved');
ROLLBACK;

-- A check or an index of ours whose expression has been replaced by one with a function of the user's.
BEGIN;
CREATE FUNCTION is_slot(smallint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 >= 1';
ALTER TABLE lotty.assignment DROP CONSTRAINT assignment_slot_check, ADD CONSTRAINT assignment_slot_check CHECK (public.is_slot(slot));
DROP INDEX lotty.decision_default_other_idx;
CREATE FUNCTION is_other(lotty.reason) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN $1 NOT IN ('experiment_assigned', 'sticky'); END$$;
CREATE INDEX decision_default_other_idx ON lotty.decision_default (subject_id) WHERE public.is_other(reason);
SELECT value::bigint AS before FROM lotty.metrics WHERE name = 'lotty_sql_writes_total' \gset
SELECT reason FROM lotty_decide('f', 'replaced');
SELECT value::bigint - :before AS by_sql FROM lotty.metrics WHERE name = 'lotty_sql_writes_total';
ROLLBACK;

-- Nothing is left behind by a million rows: what indexes keep between insertions goes with each row.
CREATE INDEX by_value ON lotty.decision USING gin (value);
SELECT count(lotty_decide('m1', 'row ' || i)) FROM generate_series(1, 100) i;
SELECT sum(total_bytes) AS before FROM pg_backend_memory_contexts \gset
SELECT count(lotty_decide('m1', 'row ' || i)) FROM generate_series(1, 20000) i;
SELECT sum(total_bytes) - :before < 1000000 AS stays FROM pg_backend_memory_contexts;
DROP INDEX lotty.by_value;
