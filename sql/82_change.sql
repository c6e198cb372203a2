-- The audit trail: who changed what of the configuration, with the row before and after.
--
-- It is written by triggers that run with the rights of the tables' owner, so whoever writes
-- the configuration needs no right on lotty.change, and has none: nobody but the owner can
-- insert, and nobody but a superuser can change or delete what is there.
--
-- Three things decide about when the triggers fire:
-- - ENABLE ALWAYS: what logical replication applies is recorded where it arrives, as is what
--   is written with session_replication_role = replica.
-- - A restore brings its own lotty.change, which must come out as it was. pg_dump and
--   pg_restore let themselves be known by their settings (below); a superuser's INSERT under
--   these is not recorded. Nobody gets around the trail by setting them: a superuser could
--   switch the triggers off anyway, and no one else's settings count.
-- - An UPDATE that changes nothing is not recorded.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TABLE lotty.change (
    change_id  bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text        NOT NULL,
    as_role    text        NOT NULL,
    xid        xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    replicated boolean     NOT NULL DEFAULT false,
    table_name text        NOT NULL,
    operation  text        NOT NULL,
    key        text,
    old_row    jsonb,
    new_row    jsonb,
    CONSTRAINT change_pkey PRIMARY KEY (change_id),
    CONSTRAINT change_operation_check CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'))
);
COMMENT ON TABLE lotty.change IS 'the audit trail: one row for each change of a row of the configuration tables, kept by triggers; only a superuser can change or delete it';
COMMENT ON COLUMN lotty.change.change_id IS 'order of the changes; of transactions that overlap, not the order of their commits';
COMMENT ON COLUMN lotty.change.changed_at IS 'start of the transaction: the same instant as updated_at in the changed row';
COMMENT ON COLUMN lotty.change.changed_by IS 'the role that logged in (session_user); a SET ROLE does not change it';
COMMENT ON COLUMN lotty.change.as_role IS 'the role that was set by SET ROLE; changed_by if there was none';
COMMENT ON COLUMN lotty.change.xid IS 'the transaction (pg_current_xact_id), of the cluster in which the change was made';
COMMENT ON COLUMN lotty.change.replicated IS 'written with session_replication_role = replica, as logical replication does: who made the change is known where it comes from';
COMMENT ON COLUMN lotty.change.table_name IS 'the changed table of the schema lotty';
COMMENT ON COLUMN lotty.change.operation IS 'INSERT, UPDATE, DELETE or TRUNCATE';
COMMENT ON COLUMN lotty.change.key IS 'what people call the row: the key or the name, after those of what it belongs to; NULL for TRUNCATE';
COMMENT ON COLUMN lotty.change.old_row IS 'the row before; NULL for INSERT and TRUNCATE';
COMMENT ON COLUMN lotty.change.new_row IS 'the row after; NULL for DELETE and TRUNCATE';
COMMENT ON SEQUENCE lotty.change_change_id_seq IS 'numbers the rows of lotty.change';
-- The history of one experiment, flag or audience.
CREATE INDEX change_key_idx ON lotty.change (key, change_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.change', '');
SELECT pg_catalog.pg_extension_config_dump('lotty.change_change_id_seq', '');

-- recording ---------------------------------------------------------------------------------

-- Whoever may execute functions of the schema could put this trigger on a table of his own and
-- make entries up; so it is the table's schema that counts, in which only the owner can create.
CREATE FUNCTION lotty.check_recorded(schema_name text, table_name text)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF schema_name <> 'lotty' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('table "%s.%s" cannot have an entry in lotty.change', schema_name, table_name),
            DETAIL = 'Only changes of the configuration tables are recorded.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_recorded(text, text) IS
    'raises insufficient_privilege for a table outside the schema lotty';
REVOKE ALL ON FUNCTION lotty.check_recorded(text, text) FROM PUBLIC;

CREATE FUNCTION lotty.active_role() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Not current_user, which inside a function that runs with its owner's rights is the owner.
    SELECT coalesce(nullif(current_setting('role'), 'none'), session_user)
$$;
COMMENT ON FUNCTION lotty.active_role() IS
    'the role set by SET ROLE, else the one that logged in';
REVOKE ALL ON FUNCTION lotty.active_role() FROM PUBLIC;

-- What a row refers to may be gone already, when it goes together with that: then its id stands.
CREATE FUNCTION lotty.change_key(table_name text, changed jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_experiment uuid := changed ->> 'experiment_id';
    variant text := changed ->> 'variant_id';
BEGIN
    IF changed ? 'key' THEN
        RETURN changed ->> 'key';
    ELSIF table_name IN ('audience', 'dimension') THEN
        RETURN changed ->> 'name';
    ELSIF table_name = 'event_source' THEN
        RETURN changed ->> 'event_type';
    ELSIF table_name = 'variant_value' THEN
        SELECT v.name, v.experiment_id INTO variant, of_experiment
          FROM (VALUES (variant)) AS x (id) LEFT JOIN lotty.variant v ON v.variant_id = x.id::uuid;
        variant := coalesce(variant, changed ->> 'variant_id');
    END IF;
    RETURN concat_ws(': ',
        CASE WHEN changed ? 'domain_id'
             THEN coalesce((SELECT d.key FROM lotty.conflict_domain d
                             WHERE d.domain_id = (changed ->> 'domain_id')::uuid),
                           changed ->> 'domain_id') END,
        coalesce((SELECT e.key FROM lotty.experiment e WHERE e.experiment_id = of_experiment),
                 of_experiment::text),
        CASE table_name WHEN 'variant' THEN changed ->> 'name'
                        WHEN 'variant_value' THEN variant
                        WHEN 'override' THEN changed ->> 'kind'
                        WHEN 'experiment_metric' THEN
                            coalesce((SELECT m.key FROM lotty.metric m WHERE m.metric_id = (changed ->> 'metric_id')::uuid),
                                     changed ->> 'metric_id') END,
        CASE WHEN changed ? 'flag_id'
             THEN coalesce((SELECT f.key FROM lotty.flag f WHERE f.flag_id = (changed ->> 'flag_id')::uuid),
                           changed ->> 'flag_id') END);
END
$$;
COMMENT ON FUNCTION lotty.change_key(text, jsonb) IS
    'what people call a row of a configuration table, as in lotty.change.key';
REVOKE ALL ON FUNCTION lotty.change_key(text, jsonb) FROM PUBLIC;

CREATE FUNCTION lotty.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before_it jsonb;
    after_it jsonb;
BEGIN
    PERFORM lotty.check_recorded(TG_TABLE_SCHEMA, TG_TABLE_NAME);
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        before_it := to_jsonb(OLD);
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        after_it := to_jsonb(NEW);
    END IF;
    INSERT INTO lotty.change (changed_by, as_role, replicated, table_name, operation, key, old_row, new_row)
    VALUES (session_user, lotty.active_role(), current_setting('session_replication_role') = 'replica',
            TG_TABLE_NAME, TG_OP,
            CASE WHEN TG_OP <> 'TRUNCATE'
                 THEN lotty.change_key(TG_TABLE_NAME, coalesce(after_it, before_it)) END,
            before_it, after_it);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.record_change() IS
    'trigger: records a change of a row, or a TRUNCATE, in lotty.change';
REVOKE ALL ON FUNCTION lotty.record_change() FROM PUBLIC;

-- Overrides are recorded without the subject, of whom nothing must be left once it is
-- forgotten. There may be very many of them in one statement, so they are counted: an entry for
-- each experiment, kind and variant. That takes transition tables; the apply worker of logical
-- replication fires no statement triggers, and has a row trigger instead.
CREATE FUNCTION lotty.record_overrides() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted jsonb;
BEGIN
    PERFORM lotty.check_recorded(TG_TABLE_SCHEMA, TG_TABLE_NAME);
    IF TG_LEVEL = 'ROW' AND current_setting('session_replication_role') <> 'replica' THEN
        -- DISABLE and ENABLE TRIGGER ALL have made this an ordinary trigger.
        RETURN NULL;
    ELSIF TG_LEVEL = 'ROW' THEN
        counted := CASE
            WHEN TG_OP = 'INSERT' THEN
                jsonb_build_array(jsonb_build_object('experiment_id', NEW.experiment_id, 'kind', NEW.kind,
                                                     'new_id', NEW.variant_id, 'subjects', 1))
            WHEN TG_OP = 'DELETE' THEN
                jsonb_build_array(jsonb_build_object('experiment_id', OLD.experiment_id, 'kind', OLD.kind,
                                                     'old_id', OLD.variant_id, 'subjects', 1))
            WHEN (NEW.subject_id, NEW.experiment_id, NEW.kind) <> (OLD.subject_id, OLD.experiment_id, OLD.kind) THEN
                jsonb_build_array(jsonb_build_object('experiment_id', OLD.experiment_id, 'kind', OLD.kind,
                                                     'old_id', OLD.variant_id, 'subjects', 1),
                                  jsonb_build_object('experiment_id', NEW.experiment_id, 'kind', NEW.kind,
                                                     'new_id', NEW.variant_id, 'subjects', 1))
            WHEN NEW.variant_id <> OLD.variant_id THEN
                jsonb_build_array(jsonb_build_object('experiment_id', OLD.experiment_id, 'kind', OLD.kind,
                                                     'old_id', OLD.variant_id, 'new_id', NEW.variant_id,
                                                     'subjects', 1))
        END;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT jsonb_agg(to_jsonb(c)) INTO counted
          FROM (SELECT n.experiment_id, n.kind, n.variant_id AS new_id, count(*) AS subjects
                  FROM new_rows n GROUP BY 1, 2, 3) AS c;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT jsonb_agg(to_jsonb(c)) INTO counted
          FROM (SELECT o.experiment_id, o.kind, o.variant_id AS old_id, count(*) AS subjects
                  FROM old_rows o GROUP BY 1, 2, 3) AS c;
    ELSE
        -- A row that was given to another subject or experiment is one that went and one that came.
        SELECT jsonb_agg(to_jsonb(c)) INTO counted
          FROM (SELECT experiment_id, kind, o.variant_id AS old_id, n.variant_id AS new_id, count(*) AS subjects
                  FROM old_rows o FULL JOIN new_rows n USING (subject_id, experiment_id, kind)
                 WHERE o.variant_id IS DISTINCT FROM n.variant_id
                 GROUP BY 1, 2, 3, 4) AS c;
    END IF;
    INSERT INTO lotty.change (changed_by, as_role, replicated, table_name, operation, key, old_row, new_row)
    SELECT session_user, lotty.active_role(), current_setting('session_replication_role') = 'replica',
           TG_TABLE_NAME,
           CASE WHEN c.old_id IS NULL THEN 'INSERT' WHEN c.new_id IS NULL THEN 'DELETE' ELSE 'UPDATE' END,
           lotty.change_key(TG_TABLE_NAME, to_jsonb(c)),
           CASE WHEN c.old_id IS NOT NULL
                THEN jsonb_build_object('experiment_id', c.experiment_id, 'kind', c.kind,
                                        'variant_id', c.old_id, 'subjects', c.subjects) END,
           CASE WHEN c.new_id IS NOT NULL
                THEN jsonb_build_object('experiment_id', c.experiment_id, 'kind', c.kind,
                                        'variant_id', c.new_id, 'subjects', c.subjects) END
      FROM jsonb_to_recordset(counted)
           AS c (experiment_id uuid, kind text, old_id uuid, new_id uuid, subjects bigint)
     ORDER BY c.experiment_id, c.kind, c.old_id, c.new_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.record_overrides() IS
    'trigger: records changes of overrides in lotty.change, counted and without the subjects';
REVOKE ALL ON FUNCTION lotty.record_overrides() FROM PUBLIC;

DO $$
DECLARE
    restoring CONSTANT text := lotty.restoring_condition();
    of_table text;
BEGIN
    FOREACH of_table IN ARRAY ARRAY['flag', 'experiment', 'experiment_flag', 'variant', 'variant_value',
                                    'audience', 'conflict_domain', 'experiment_conflict_domain',
                                    'event_source', 'dimension', 'metric', 'experiment_metric', 'analysis_plan'] LOOP
        EXECUTE format('CREATE TRIGGER record_insert AFTER INSERT ON lotty.%I FOR EACH ROW '
                       'WHEN (NOT (%s)) EXECUTE FUNCTION lotty.record_change()', of_table, restoring);
        EXECUTE format('CREATE TRIGGER record_update AFTER UPDATE ON lotty.%I FOR EACH ROW '
                       'WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION lotty.record_change()', of_table);
        EXECUTE format('CREATE TRIGGER record_delete AFTER DELETE ON lotty.%I FOR EACH ROW '
                       'EXECUTE FUNCTION lotty.record_change()', of_table);
        EXECUTE format('ALTER TABLE lotty.%I ENABLE ALWAYS TRIGGER record_insert, '
                       'ENABLE ALWAYS TRIGGER record_update, ENABLE ALWAYS TRIGGER record_delete', of_table);
    END LOOP;

    EXECUTE format('CREATE TRIGGER record_insert AFTER INSERT ON lotty.override '
                   'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT '
                   'WHEN (NOT (%s)) EXECUTE FUNCTION lotty.record_overrides()', restoring);
    CREATE TRIGGER record_update AFTER UPDATE ON lotty.override
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION lotty.record_overrides();
    CREATE TRIGGER record_delete AFTER DELETE ON lotty.override
        REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION lotty.record_overrides();
    EXECUTE format('CREATE TRIGGER record_replicated_insert AFTER INSERT ON lotty.override FOR EACH ROW '
                   'WHEN (NOT (%s)) EXECUTE FUNCTION lotty.record_overrides()', restoring);
    CREATE TRIGGER record_replicated_change AFTER UPDATE OR DELETE ON lotty.override
        FOR EACH ROW EXECUTE FUNCTION lotty.record_overrides();
    ALTER TABLE lotty.override
        ENABLE REPLICA TRIGGER record_replicated_insert,
        ENABLE REPLICA TRIGGER record_replicated_change;

    FOREACH of_table IN ARRAY ARRAY['flag', 'experiment', 'experiment_flag', 'variant', 'variant_value',
                                    'audience', 'conflict_domain', 'experiment_conflict_domain', 'override',
                                    'event_source', 'dimension', 'metric', 'experiment_metric', 'analysis_plan'] LOOP
        EXECUTE format('CREATE TRIGGER record_truncate AFTER TRUNCATE ON lotty.%I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION lotty.record_change()', of_table);
        EXECUTE format('ALTER TABLE lotty.%I ENABLE ALWAYS TRIGGER record_truncate', of_table);
    END LOOP;
END
$$;

-- keeping -----------------------------------------------------------------------------------

CREATE FUNCTION lotty.refuse_change_of_trail() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The triggers insert as the owner, whoever makes them fire.
    IF TG_OP = 'INSERT'
       AND pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege', SCHEMA = 'lotty', TABLE = 'change',
        MESSAGE = format('%s on lotty.change is refused', TG_OP),
        DETAIL = 'It is the audit trail: its triggers write it, and what is there stays as it is.',
        HINT = 'Only a superuser can remove old entries.';
END
$$;
COMMENT ON FUNCTION lotty.refuse_change_of_trail() IS
    'trigger: refuses to write to lotty.change by hand, whatever rights were granted, unless by a superuser';
REVOKE ALL ON FUNCTION lotty.refuse_change_of_trail() FROM PUBLIC;

CREATE TRIGGER refuse_insert BEFORE INSERT ON lotty.change
    FOR EACH STATEMENT EXECUTE FUNCTION lotty.refuse_change_of_trail();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON lotty.change
    FOR EACH STATEMENT WHEN (pg_catalog.current_setting('is_superuser') <> 'on')
    EXECUTE FUNCTION lotty.refuse_change_of_trail();
ALTER TABLE lotty.change ENABLE ALWAYS TRIGGER refuse_insert, ENABLE ALWAYS TRIGGER refuse_change;

SET LOCAL search_path TO @extschema@, pg_temp;
