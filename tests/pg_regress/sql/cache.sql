-- The cache of compiled flags: what is built, what is found, what makes it anew.
SELECT wipe();
SELECT make_experiment('f'), make_experiment('g');
\c
CREATE FUNCTION pg_temp.since(OUT hits bigint, OUT builds bigint) LANGUAGE plpgsql AS $$
DECLARE
    now record;
BEGIN
    SELECT * INTO now FROM lotty.session_cache();
    hits := now.hits - coalesce(nullif(current_setting('test.hits', true), '')::bigint, 0);
    builds := now.builds - coalesce(nullif(current_setting('test.builds', true), '')::bigint, 0);
    PERFORM set_config('test.hits', now.hits::text, false), set_config('test.builds', now.builds::text, false);
END
$$;
SELECT * FROM lotty.session_cache();
SELECT value FROM lotty_evaluate('f', 'u1');
SELECT count(*) FROM generate_series(1, 100) i, lotty_evaluate('f', 'u' || i);
SELECT * FROM pg_temp.since();
SELECT entries FROM lotty.session_cache();
-- What does not exist is not kept.
SELECT count(*) FROM generate_series(1, 100) i, lotty_evaluate('none' || i, 'u');
SELECT entries FROM lotty.session_cache();
SELECT * FROM pg_temp.since();
-- Decisions and assignments leave it alone, and so do other tables.
SELECT count(*) FROM generate_series(1, 10) i, lotty_decide('f', 'u' || i);
CREATE TEMP TABLE other AS SELECT 1 AS a;
ANALYZE other;
SELECT value FROM lotty_evaluate('f', 'u1');
SELECT * FROM pg_temp.since();

-- A change is seen at once, by each of the tables.
UPDATE lotty.flag SET default_value = '"new"' WHERE key = 'f';
SELECT value FROM lotty_evaluate('f', 'u1');
UPDATE lotty.experiment SET traffic_allocation = 0 WHERE key = 'f';
SELECT value FROM lotty_evaluate('f', 'u1');
UPDATE lotty.experiment SET traffic_allocation = 100 WHERE key = 'f';
UPDATE lotty.variant SET value = '"changed"' WHERE experiment_id = md5('experiment f')::uuid;
SELECT value FROM lotty_evaluate('f', 'u1');
SELECT * FROM pg_temp.since();

-- An own change is seen inside the transaction, and gone after a rollback, also of a savepoint.
BEGIN;
UPDATE lotty.flag SET enabled = false WHERE key = 'f';
SELECT value, reason FROM lotty_evaluate('f', 'u1');
SAVEPOINT s;
UPDATE lotty.flag SET default_value = '"later"' WHERE key = 'f';
SELECT value, reason FROM lotty_evaluate('f', 'u1');
ROLLBACK TO s;
SELECT value, reason FROM lotty_evaluate('f', 'u1');
ROLLBACK;
SELECT value, reason FROM lotty_evaluate('f', 'u1');
-- REPEATABLE READ sees the newest configuration, as PostgreSQL's catalogs do.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT value FROM lotty_evaluate('g', 'u1');
UPDATE lotty.variant SET value = '"mine"' WHERE experiment_id = md5('experiment g')::uuid;
SELECT value FROM lotty_evaluate('g', 'u1');
ROLLBACK;
SELECT value FROM lotty_evaluate('g', 'u1');

-- Without ordinary triggers, too.
SET session_replication_role = replica;
UPDATE lotty.flag SET enabled = false WHERE key = 'f';
SELECT reason FROM lotty_evaluate('f', 'u1');
RESET session_replication_role;
-- Emptied, and dropped with everything.
TRUNCATE lotty.variant CASCADE;
SELECT reason FROM lotty_evaluate('g', 'u1');
TRUNCATE lotty.flag CASCADE;
SELECT reason FROM lotty_evaluate('g', 'u1');
BEGIN;
DROP EXTENSION lotty;
CREATE EXTENSION lotty;
SELECT reason FROM lotty_evaluate('g', 'u1');
SELECT make_experiment('g');
SELECT value, reason FROM lotty_decide('g', 'u1');
ROLLBACK;
SELECT reason FROM lotty_decide('g', 'u1');
-- A change in the middle of a decision: a trigger on the log switches the flag off.
SELECT wipe();
SELECT make_experiment('f');
CREATE FUNCTION switch_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lotty.flag SET enabled = false WHERE key = NEW.flag_key;
    -- Qualified, since lotty_decide pins search_path where it runs SQL.
    PERFORM public.lotty_evaluate(NEW.flag_key, 'u0');
    RETURN NEW;
END
$$;
CREATE TRIGGER switch_off BEFORE INSERT ON lotty.decision FOR EACH ROW EXECUTE FUNCTION switch_off();
SELECT i, value, reason FROM generate_series(1, 3) i, lotty_decide('f', 'u' || i);
DROP FUNCTION switch_off() CASCADE;

-- What a session keeps is bounded in bytes, whatever the rules and the values are.
SELECT wipe();
SELECT count(make_experiment('f' || i)::text) FROM generate_series(1, 400) i;
UPDATE lotty.variant SET value = to_jsonb(repeat('v', 500));
SET lotty.flag_cache_size = '256kB';
CREATE FUNCTION cached() RETURNS TABLE (is_filled boolean, is_within boolean, has_all boolean) LANGUAGE sql AS $$
    SELECT entries > 0, bytes::bigint <= pg_size_bytes(current_setting('lotty.flag_cache_size')), entries::bigint = 400
      FROM (SELECT max(value) FILTER (WHERE name = 'lotty_flag_cache_entries') AS entries,
                   max(value) FILTER (WHERE name = 'lotty_flag_cache_bytes') AS bytes FROM lotty.metrics) AS m
$$;
SELECT reason, count(*) FROM generate_series(1, 400) i, lotty_evaluate('f' || i, 'u1') GROUP BY 1;
SELECT * FROM cached();
-- What is larger than the whole cache is compiled for each call, and puts nothing out.
UPDATE lotty.variant v SET value = to_jsonb(repeat('v', 300000)) FROM lotty.experiment e
 WHERE e.experiment_id = v.experiment_id AND e.key = 'f1';
SELECT reason FROM lotty_evaluate('f2', 'u1');
SELECT length(value #>> '{}') FROM generate_series(1, 2), lotty_evaluate('f1', 'u1');
SELECT entries FROM lotty.session_cache();
RESET lotty.flag_cache_size;
SELECT reason, count(*) FROM generate_series(1, 400) i, lotty_evaluate('f' || i, 'u1') GROUP BY 1;
SELECT * FROM cached();
SELECT item, left(content, 10) AS content FROM try($$SET lotty.flag_cache_size = '1kB'$$);
DROP FUNCTION cached();
