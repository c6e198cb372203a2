-- Loading a dump with several jobs.
--
-- The foreign keys of an ordinary table are created when all rows are there. Those of an
-- extension are there before the rows. pg_dump sorts the tables of an extension by them, but
-- does not write the order into the archive: `pg_restore -j` loads all tables at once, the
-- largest first, and a row would come before what it refers to.
--
-- So while a dump is loaded, a table does without its foreign keys if a table that they refer to
-- is still empty; and each table, once loaded, checks those foreign keys of and to it whose other
-- side is there. Each is checked, by whichever of the two tables ends last.
-- Only the COPY of pg_restore loads a table as a whole. INSERTs (--inserts) do not, and take one job.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.postpone_foreign_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    referenced regclass;
    is_empty boolean;
BEGIN
    IF current_setting('session_replication_role') = 'replica' THEN
        -- Somebody else wants nothing to be checked.
        RETURN NULL;
    END IF;
    FOR referenced IN
        SELECT DISTINCT c.confrelid FROM pg_constraint c WHERE c.conrelid = TG_RELID AND c.contype = 'f'
    LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', referenced) INTO is_empty;
        IF is_empty THEN
            -- Until the end of the statement, or of the transaction if the statement fails.
            PERFORM set_config('lotty_restore.replication_role', current_setting('session_replication_role'), true),
                    set_config('session_replication_role', 'replica', true);
            EXIT;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.postpone_foreign_keys() IS
    'trigger: while a dump is loaded, lets the rows of a table come before those that they refer to';

CREATE FUNCTION lotty.check_postponed_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role_before CONSTANT text := coalesce(current_setting('lotty_restore.replication_role', true), '');
    key record;
    found_key text;
BEGIN
    IF role_before <> '' THEN
        PERFORM set_config('session_replication_role', role_before, true),
                set_config('lotty_restore.replication_role', '', true);
    ELSIF current_setting('session_replication_role') = 'replica' THEN
        RETURN NULL;
    END IF;
    -- One after the other: of two tables that are loaded at the same time, the second one sees
    -- the rows of the first.
    PERFORM pg_advisory_xact_lock('lotty.experiment'::regclass::oid::integer, 0);
    FOR key IN
        SELECT c.conname, c.conrelid::regclass AS referring, c.confrelid::regclass AS referenced,
               string_agg(format('r.%I = t.%I', there.attname, here.attname), ' AND ') AS joined,
               string_agg(format('t.%I IS NOT NULL', here.attname), ' AND ') AS given,
               string_agg(format('t.%I', here.attname), ', ') AS columns
          FROM pg_constraint c,
               unnest(c.conkey, c.confkey) AS pair (here, there)
               JOIN pg_attribute here ON here.attnum = pair.here
               JOIN pg_attribute there ON there.attnum = pair.there
         WHERE here.attrelid = c.conrelid AND there.attrelid = c.confrelid AND c.contype = 'f'
           AND (c.confrelid = TG_RELID OR c.conrelid = TG_RELID AND role_before <> '')
         GROUP BY c.oid
    LOOP
        EXECUTE format('SELECT concat_ws('', '', %1$s) FROM %2$s t '
                       'WHERE %3$s AND NOT EXISTS (SELECT FROM %4$s r WHERE %5$s) '
                       'AND (%6$L OR EXISTS (SELECT FROM %4$s)) LIMIT 1',
                       key.columns, key.referring, key.given, key.referenced, key.joined, key.referenced = TG_RELID)
           INTO found_key;
        IF found_key IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'foreign_key_violation', SCHEMA = 'lotty', TABLE = TG_TABLE_NAME, CONSTRAINT = key.conname,
                MESSAGE = format('rows of %s refer to rows of %s that are not there', key.referring, key.referenced),
                DETAIL = format('One of them is %s.', found_key),
                HINT = 'Restore both tables from the same dump. A dump with --inserts takes one job.';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.check_postponed_keys() IS
    'trigger: while a dump is loaded, checks the foreign keys of and to a table that has been loaded';

DO $$
DECLARE
    restoring CONSTANT text := lotty.restoring_condition();
    loaded record;
BEGIN
    FOR loaded IN
        SELECT t.oid::pg_catalog.regclass AS name, pg_catalog.bool_or(c.conrelid = t.oid) AS refers
          FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid IN (c.conrelid, c.confrelid)
         WHERE c.contype = 'f' AND t.relnamespace = 'lotty'::pg_catalog.regnamespace
         GROUP BY t.oid
    LOOP
        IF loaded.refers THEN
            EXECUTE pg_catalog.format('CREATE TRIGGER postpone_foreign_keys BEFORE INSERT ON %s FOR EACH STATEMENT '
                                      'WHEN (%s) EXECUTE FUNCTION lotty.postpone_foreign_keys()', loaded.name, restoring);
            EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER postpone_foreign_keys', loaded.name);
        END IF;
        EXECUTE pg_catalog.format('CREATE TRIGGER check_postponed_keys AFTER INSERT ON %s FOR EACH STATEMENT '
                                  'WHEN (%s) EXECUTE FUNCTION lotty.check_postponed_keys()', loaded.name, restoring);
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER check_postponed_keys', loaded.name);
    END LOOP;
END
$$;

SET LOCAL search_path TO @extschema@, pg_temp;
