-- Keeping the decision log in partitions by time, and dropping what is old.
--
-- Nothing here is needed for a decision to be written: lotty.decision_default takes whatever no
-- other partition takes. So a job that did not run costs disk space, not decisions.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TABLE lotty.log_policy (
    only_one        boolean     NOT NULL DEFAULT true,
    period          text        NOT NULL,
    keep            interval,
    ahead           integer     NOT NULL,
    keep_unarchived boolean     NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT log_policy_pkey PRIMARY KEY (only_one),
    CONSTRAINT log_policy_only_one_check CHECK (only_one),
    CONSTRAINT log_policy_period_check CHECK (period IN ('day', 'week', 'month', 'year')),
    CONSTRAINT log_policy_ahead_check CHECK (ahead BETWEEN 1 AND 366)
);
COMMENT ON TABLE lotty.log_policy IS 'how lotty_maintain keeps the decision log: one row, written by lotty_partition_log; none while the log is one table';
COMMENT ON COLUMN lotty.log_policy.only_one IS 'true: there is one policy';
COMMENT ON COLUMN lotty.log_policy.period IS 'length of a partition: day, week, month or year, which begin in UTC';
COMMENT ON COLUMN lotty.log_policy.keep IS 'age at which a partition is dropped, counted from its last moment; NULL keeps all';
COMMENT ON COLUMN lotty.log_policy.ahead IS 'number of partitions made ahead, beside that of the running period';
COMMENT ON COLUMN lotty.log_policy.keep_unarchived IS 'whether decisions from the time of an experiment that is not archived stay whatever their age, since its report needs them';
COMMENT ON COLUMN lotty.log_policy.updated_at IS 'time of the last change';
SELECT pg_catalog.pg_extension_config_dump('lotty.log_policy', '');

CREATE FUNCTION lotty.log_period_start(period text, moment timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT date_trunc(period, moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION lotty.log_period_start(text, timestamptz) IS
    'the beginning, in UTC, of the day, week, month or year of a moment';

CREATE FUNCTION lotty.next_log_period(period text, moment timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (date_trunc(period, moment AT TIME ZONE 'UTC') + ('1 ' || period)::interval) AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION lotty.next_log_period(text, timestamptz) IS
    'the beginning, in UTC, of the day, week, month or year after that of a moment';

-- PostgreSQL prints bounds in the session's DateStyle and TimeZone, so these are given.
CREATE FUNCTION lotty.log_partitions(
    OUT partition regclass, OUT is_default boolean, OUT from_time timestamptz, OUT until_time timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
    SELECT c.oid::regclass, b.bounds IS NULL,
           CASE b.bounds[1] WHEN 'MINVALUE' THEN '-infinity' ELSE btrim(b.bounds[1], '''') END::timestamptz,
           CASE b.bounds[2] WHEN 'MAXVALUE' THEN 'infinity' ELSE btrim(b.bounds[2], '''') END::timestamptz
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
     CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                     '^FOR VALUES FROM \((.*)\) TO \((.*)\)$') AS b (bounds)
     WHERE i.inhparent = 'lotty.decision'::regclass AND c.relpartbound IS NOT NULL
     ORDER BY 2 DESC, 3
$$;
COMMENT ON FUNCTION lotty.log_partitions() IS
    'the partitions of the decision log, the default partition first, then in order of time, with the times of their rows (until_time is the first moment after); NULL for the default partition';

-- decision_default is the pattern: what indexes it has, whoever made them, the others get.
CREATE FUNCTION lotty.missing_log_indexes(partition regclass)
RETURNS SETOF text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Names and tables aside, the definitions are to be the same.
    WITH defined AS (
        SELECT i.indrelid, i.indisprimary, i.indisunique, c.relname,
               substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*$') AS definition
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid IN (partition, 'lotty.decision_default'::regclass) AND NOT i.indisexclusion
    ), wanted AS (
        SELECT d.*, (SELECT c.relname FROM pg_class c WHERE c.oid = partition)
                    || regexp_replace(d.relname, '^(decision_default)?_?', '_') AS name
          FROM defined d
         WHERE d.indrelid = 'lotty.decision_default'::regclass
           AND NOT EXISTS (SELECT FROM defined p
                            WHERE p.indrelid = partition
                              AND (p.indisunique, p.definition) = (d.indisunique, d.definition))
    )
    SELECT CASE WHEN w.indisprimary AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = partition AND i.indisprimary)
                THEN format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY (decision_id)', partition, w.name)
                ELSE concat('CREATE', CASE WHEN w.indisunique THEN ' UNIQUE' END,
                            format(' INDEX %I ON %s', w.name, partition), w.definition) END
      FROM wanted w ORDER BY w.indisprimary DESC, w.relname
$$;
COMMENT ON FUNCTION lotty.missing_log_indexes(regclass) IS
    'statements that give a partition of the decision log the indexes of lotty.decision_default that it lacks';

CREATE FUNCTION lotty.create_log_partition(from_time timestamptz, until_time timestamptz)
RETURNS text LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name CONSTANT text := to_char(from_time AT TIME ZONE 'UTC', '"decision_p"YYYYMMDD');
    statement text;
BEGIN
    -- Not CREATE TABLE ... PARTITION OF, which would lock everyone out of the whole log.
    EXECUTE format('CREATE TABLE lotty.%I (LIKE lotty.decision_default INCLUDING ALL EXCLUDING INDEXES)', name);
    EXECUTE format('COMMENT ON TABLE lotty.%I IS %L', name,
                   format('a part of the log, from %s', to_char(from_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI UTC')));
    FOR statement IN SELECT m FROM lotty.missing_log_indexes(format('lotty.%I', name)::regclass) AS m LOOP
        EXECUTE statement;
    END LOOP;
    -- The locks that attaching takes, in the order in which everybody else takes them.
    LOCK TABLE ONLY lotty.decision IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE lotty.decision_default IN ACCESS EXCLUSIVE MODE;
    -- Rows of clocks that are fast, and of those who write the log themselves.
    EXECUTE format('WITH moved AS (DELETE FROM lotty.decision_default d '
                   'WHERE d.created_at >= %L AND d.created_at < %L RETURNING d.*) '
                   'INSERT INTO lotty.%I SELECT * FROM moved', from_time, until_time, name);
    EXECUTE format('ALTER TABLE lotty.decision ATTACH PARTITION lotty.%I FOR VALUES FROM (%L) TO (%L)',
                   name, from_time, until_time);
    RETURN 'lotty.' || name;
END
$$;
COMMENT ON FUNCTION lotty.create_log_partition(timestamptz, timestamptz) IS
    'makes a partition of the decision log, with the rows of that time that the default partition has; says its name';

CREATE FUNCTION lotty.log_needed_by(from_time timestamptz, until_time timestamptz)
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(e.key) FROM lotty.experiment e
     WHERE e.kind = 'experiment' AND e.status IN ('running', 'paused', 'completed')
       AND coalesce(e.started_at, e.created_at) < until_time AND coalesce(e.completed_at, 'infinity') >= from_time
$$;
COMMENT ON FUNCTION lotty.log_needed_by(timestamptz, timestamptz) IS
    'key of an experiment that ran then and is not archived; NULL if there is none';

-- Partitions whose rows are all older than the policy keeps, as arrays of name, whether it is the default
-- partition, and the times of the rows. The cool-down looks at the log too.
CREATE FUNCTION lotty.old_log_partitions(keep interval)
RETURNS SETOF jsonb LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH old (than) AS (SELECT least(now() - keep, now() - make_interval(days => lotty.cooldown_days())) WHERE keep IS NOT NULL)
    SELECT jsonb_build_array(p.partition, p.is_default, p.from_time, p.until_time)
      FROM lotty.log_partitions() p JOIN old ON p.until_time <= old.than
     UNION ALL
    SELECT jsonb_build_array('lotty.decision_default', true, d.oldest, d.youngest)
      FROM (SELECT min(t.created_at), max(t.created_at) FROM lotty.decision_default t, old) AS d (oldest, youngest)
      JOIN old ON d.youngest < old.than
$$;
COMMENT ON FUNCTION lotty.old_log_partitions(interval) IS
    'the partitions of the decision log of which everything is older than that';

-- Everybody locks the log before its partitions. So does this: what takes locks on several partitions is done
-- with the log locked exclusively, which is asked for once, first, and in vain for no longer than
-- lock_timeout. What remains, making partitions, locks the default partition alone. Then nobody can wait
-- for this in a circle. What is done under these locks is short: rows are neither copied nor indexed.
CREATE FUNCTION @extschema@.lotty_maintain(lock_timeout interval DEFAULT '2 seconds')
RETURNS TABLE (action text, object text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
DECLARE
    policy lotty.log_policy;
    waits CONSTANT bigint := ceil(extract(epoch FROM lock_timeout) * 1000);
    before_it CONSTANT text := current_setting('lock_timeout');
    to_drop jsonb[] := '{}';
    to_index text[] := '{}';
    part jsonb;
    statement text;
    existing record;
    is_empty boolean;
    needed_by text;
    begins timestamptz;
    ends timestamptz;
BEGIN
    IF waits IS NULL OR waits NOT BETWEEN 1 AND 3600000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('lock_timeout must be above 0 and at most an hour, not %s', coalesce(lock_timeout::text, 'NULL')),
            DETAIL = 'While lotty_maintain waits for a lock, decisions wait behind it.',
            HINT = 'Pass for how long decisions may wait, for example interval ''2 seconds''.';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the log cannot be maintained at isolation level %s', current_setting('transaction_isolation')),
            DETAIL = 'It must see what was written while it waited for a lock.',
            HINT = 'Call it in a transaction with READ COMMITTED.';
    END IF;
    PERFORM set_config('lock_timeout', waits::text, true);
    -- One at a time.
    LOCK TABLE lotty.log_policy IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT * INTO policy FROM lotty.log_policy;

    -- What is to be done, found out before anybody is kept waiting.
    FOREACH part IN ARRAY ARRAY(SELECT lotty.old_log_partitions(policy.keep)) LOOP
        object := part ->> 0;
        needed_by := CASE WHEN policy.keep_unarchived
                          THEN lotty.log_needed_by((part ->> 2)::timestamptz, (part ->> 3)::timestamptz) END;
        IF needed_by IS NULL THEN
            to_drop := to_drop || part;
        ELSE
            RETURN QUERY SELECT 'kept', object,
                format('the report of experiment "%s" needs it; lotty_archive(%L) lets go of it', needed_by, needed_by);
        END IF;
    END LOOP;
    -- Partitions that others have made, pg_partman for example, may lack indexes, and so do all when the pattern
    -- gets a new one. Where there are rows, building it would keep everybody waiting: that is left to whoever
    -- can do it CONCURRENTLY.
    FOREACH object IN ARRAY ARRAY(
        SELECT p.partition::text FROM lotty.log_partitions() p JOIN pg_class c ON c.oid = p.partition
         WHERE NOT p.is_default AND c.relkind = 'r' AND EXISTS (SELECT FROM lotty.missing_log_indexes(p.partition)))
    LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', object) INTO is_empty;
        IF is_empty THEN
            to_index := to_index || object;
        ELSE
            RETURN QUERY SELECT 'unindexed', object, string_agg(replace(m, ' INDEX ', ' INDEX CONCURRENTLY '), '; ')
                           FROM lotty.missing_log_indexes(object::regclass) AS m;
        END IF;
    END LOOP;

    IF to_drop <> '{}' OR to_index <> '{}' THEN
        BEGIN
            LOCK TABLE ONLY lotty.decision IN ACCESS EXCLUSIVE MODE;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN QUERY SELECT 'postponed', 'lotty.decision',
                'partitions are to be dropped or indexed, and a transaction that uses the log is still running';
            to_drop := '{}';
            to_index := '{}';
        END;
    END IF;
    FOREACH part IN ARRAY to_drop LOOP
        object := part ->> 0;
        BEGIN
            IF NOT (part -> 1)::boolean THEN
                EXECUTE format('DROP TABLE %s', object);
                RETURN QUERY SELECT 'dropped', object, format('from %s until %s', (part ->> 2)::timestamptz, (part ->> 3)::timestamptz);
                CONTINUE;
            END IF;
            -- Against those who write to it by its own name; and then it is looked at once more.
            LOCK TABLE lotty.decision_default IN ACCESS EXCLUSIVE MODE;
            IF part IN (SELECT lotty.old_log_partitions(policy.keep)) THEN
                TRUNCATE lotty.decision_default;
                RETURN QUERY SELECT 'emptied', object, format('its rows were older than %s', policy.keep);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            RETURN QUERY SELECT 'failed', object, SQLERRM;
        END;
    END LOOP;
    FOREACH object IN ARRAY to_index LOOP
        BEGIN
            FOR statement IN SELECT m FROM lotty.missing_log_indexes(object::regclass) AS m LOOP
                EXECUTE statement;
            END LOOP;
            RETURN QUERY SELECT 'indexed', object, 'it lacked indexes of lotty.decision_default';
        EXCEPTION WHEN OTHERS THEN
            RETURN QUERY SELECT 'failed', object, SQLERRM;
        END;
    END LOOP;

    -- From the end of the partition of this moment on or, if there is none, after the running period, whose
    -- rows are in the default partition and stay there; earlier if there are partitions already. Those that are
    -- there are left as they are.
    IF policy.period IS NOT NULL THEN
        SELECT least(lotty.next_log_period(policy.period, now()),
                     min(CASE WHEN p.from_time > now() THEN p.from_time ELSE p.until_time END)) INTO begins
          FROM lotty.log_partitions() p WHERE p.until_time > now();
        WHILE begins <= lotty.log_period_start(policy.period, now()) + policy.ahead * ('1 ' || policy.period)::interval LOOP
            SELECT p.from_time, p.until_time INTO existing FROM lotty.log_partitions() p
             WHERE p.until_time > begins ORDER BY p.from_time LIMIT 1;
            IF existing.from_time <= begins THEN
                begins := existing.until_time;
                CONTINUE;
            END IF;
            ends := least(lotty.next_log_period(policy.period, begins), existing.from_time);
            BEGIN
                object := lotty.create_log_partition(begins, ends);
                RETURN QUERY SELECT 'created', object, format('from %s until %s', begins, ends);
            EXCEPTION
                WHEN lock_not_available OR deadlock_detected THEN
                    RETURN QUERY SELECT 'postponed', 'lotty.decision_default', format(
                        'no partition was made for %s: a transaction that has decided is still running', begins);
                    EXIT;
                WHEN OTHERS THEN
                    RETURN QUERY SELECT 'failed', 'lotty.decision_default',
                                        format('no partition was made for %s: %s', begins, SQLERRM);
                    EXIT;
            END;
            begins := ends;
        END LOOP;
    END IF;
    PERFORM set_config('lock_timeout', before_it, true);
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_maintain(interval) IS
    'makes partitions of the decision log ahead and drops those that are too old, as lotty_partition_log has set; gives partitions of others the indexes they lack. For cron, at least once a period. Says what was done';

CREATE FUNCTION @extschema@.lotty_partition_log(
    period text DEFAULT 'month',
    keep interval DEFAULT NULL,
    ahead integer DEFAULT 3,
    keep_unarchived boolean DEFAULT true)
RETURNS TABLE (action text, object text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF lotty_partition_log.period IS NULL
       OR lotty_partition_log.period NOT IN ('day', 'week', 'month', 'year') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown period %s', coalesce(quote_literal(lotty_partition_log.period), 'NULL')),
            DETAIL = 'A partition of the log is a day, a week, a month or a year.',
            HINT = 'Choose one such that the log has some tens of partitions.';
    ELSIF lotty_partition_log.ahead IS NULL OR lotty_partition_log.ahead NOT BETWEEN 1 AND 366 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('ahead must be from 1 to 366, not %s', coalesce(lotty_partition_log.ahead::text, 'NULL')),
            DETAIL = 'It is the number of partitions that are there before they are needed.',
            HINT = 'Pass as many as lotty_maintain may fail to run for.';
    ELSIF lotty_partition_log.keep_unarchived IS NULL THEN
        PERFORM lotty.refuse_null('lotty_partition_log', 'keep_unarchived');
    ELSIF now() - lotty_partition_log.keep > now() - make_interval(days => lotty.cooldown_days()) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('decisions cannot be kept for %s only', lotty_partition_log.keep),
            DETAIL = format('The cool-down between experiments (lotty.cooldown_days) looks back for %s.', make_interval(days => lotty.cooldown_days())),
            HINT = 'Keep them for longer than that.';
    END IF;
    INSERT INTO lotty.log_policy AS p (period, keep, ahead, keep_unarchived)
    VALUES (lotty_partition_log.period, lotty_partition_log.keep, lotty_partition_log.ahead,
            lotty_partition_log.keep_unarchived)
        ON CONFLICT ON CONSTRAINT log_policy_pkey DO UPDATE
       SET period = excluded.period, keep = excluded.keep, ahead = excluded.ahead,
           keep_unarchived = excluded.keep_unarchived, updated_at = now()
     WHERE (p.period, p.keep, p.ahead, p.keep_unarchived)
           IS DISTINCT FROM (excluded.period, excluded.keep, excluded.ahead, excluded.keep_unarchived);
    RETURN QUERY SELECT m.action, m.object, m.detail FROM @extschema@.lotty_maintain() m;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_partition_log(text, interval, integer, boolean) IS
    'divides the decision log into partitions by time from the next period on, and sets for how long they are kept; then does what lotty_maintain does';

COMMENT ON FUNCTION lotty.cooldown_days() IS 'the setting lotty.cooldown_days';
REVOKE ALL ON FUNCTION @extschema@.lotty_maintain(interval),
    @extschema@.lotty_partition_log(text, interval, integer, boolean) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
