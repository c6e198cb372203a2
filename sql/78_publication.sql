-- One node has the configuration, others decide by it: what is published, and what a node that
-- subscribes must not do.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- The one list of what is configuration; all other tables are of the node that writes them. Of the
-- overrides, whitelists are configuration, written where that is. Variants that are forced belong
-- to the subject and are written where it is decided for, so they are not published: the same row
-- from two sides would stop the replication. kind is part of the key, so the two never meet.
-- A condition is written as pg_get_expr shows it.
CREATE FUNCTION lotty.configuration_tables()
RETURNS TABLE (relation regclass, condition text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    VALUES ('lotty.flag'::regclass, NULL),
           ('lotty.experiment', NULL),
           ('lotty.experiment_flag', NULL),
           ('lotty.variant', NULL),
           ('lotty.variant_value', NULL),
           ('lotty.audience', NULL),
           ('lotty.conflict_domain', NULL),
           ('lotty.experiment_conflict_domain', NULL),
           ('lotty.override', '(kind = ''whitelist''::text)')
$$;
COMMENT ON FUNCTION lotty.configuration_tables() IS
    'the tables that lotty_publish publishes, each with the condition on its rows, if there is one';
REVOKE ALL ON FUNCTION lotty.configuration_tables() FROM PUBLIC;

-- With the rights of the caller: who may create a publication, and of which tables, is PostgreSQL's
-- to say. pg_dump of 16 and before leaves the tables of an extension out of a publication, so this is
-- also what makes one whole again after a restore, as it is after an upgrade that brings a table.
CREATE FUNCTION @extschema@.lotty_publish(publication name DEFAULT 'lotty')
RETURNS TABLE (action text, object text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    existing pg_publication;
    beyond text;
    change record;
    is_changed boolean := false;
BEGIN
    IF publication IS NULL THEN
        PERFORM lotty.refuse_null('lotty_publish', 'publication');
    END IF;
    SELECT p.* INTO existing FROM pg_publication p WHERE p.pubname = lotty_publish.publication;
    IF existing.oid IS NULL THEN
        EXECUTE format('CREATE PUBLICATION %I', publication);
        SELECT p.* INTO existing FROM pg_publication p WHERE p.pubname = lotty_publish.publication;
        action := 'created';
        object := format('publication %I', publication);
        RETURN NEXT;
    END IF;

    -- A publication of something else, such as that of a whole shop, is not taken over.
    beyond := CASE
        WHEN existing.puballtables THEN 'all tables'
        ELSE coalesce(
            (SELECT format('all tables in the schema %I', min(s.nspname))
               FROM pg_publication_namespace n JOIN pg_namespace s ON s.oid = n.pnnspid
              WHERE n.pnpubid = existing.oid HAVING count(*) > 0),
            (SELECT format('the table %s', min(r.prrelid::regclass::text))
               FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
              WHERE r.prpubid = existing.oid AND c.relnamespace <> 'lotty'::regnamespace HAVING count(*) > 0))
        END;
    IF beyond IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('publication "%s" is not one of the configuration alone', publication),
            DETAIL = format('It publishes %s.', beyond),
            HINT = 'Give lotty_publish another name; a subscription can follow several publications.';
    END IF;

    FOR change IN
        SELECT CASE WHEN t.relation IS NULL THEN 'dropped' WHEN r.prrelid IS NULL THEN 'added' ELSE 'changed' END AS kind,
               coalesce(t.relation, r.prrelid::regclass)::text AS name
          FROM lotty.configuration_tables() AS t
          FULL JOIN (SELECT * FROM pg_publication_rel r WHERE r.prpubid = existing.oid) AS r
            ON r.prrelid = t.relation
         WHERE t.relation IS NULL OR r.prrelid IS NULL OR r.prattrs IS NOT NULL
            OR pg_get_expr(r.prqual, r.prrelid) IS DISTINCT FROM t.condition
         ORDER BY coalesce(t.relation, r.prrelid::regclass)::text COLLATE "C"
    LOOP
        is_changed := true;
        action := change.kind;
        object := change.name;
        RETURN NEXT;
    END LOOP;
    IF is_changed THEN
        EXECUTE format('ALTER PUBLICATION %I SET TABLE %s', publication,
                       (SELECT string_agg(concat('ONLY ', t.relation, ' WHERE ' || t.condition), ', ')
                          FROM lotty.configuration_tables() AS t));
    END IF;
    IF NOT (existing.pubinsert AND existing.pubupdate AND existing.pubdelete AND existing.pubtruncate) THEN
        EXECUTE format('ALTER PUBLICATION %I SET (publish = ''insert, update, delete, truncate'')', publication);
        action := 'changed';
        object := 'publish';
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_publish(name) IS
    'makes a publication of the configuration tables, no more and no less, or brings an existing one to that, and says what it changed: nothing the second time';
REVOKE ALL ON FUNCTION @extschema@.lotty_publish(name) FROM PUBLIC;

-- following ---------------------------------------------------------------------------------

-- A row that a node wrote by itself would meet the same key from the publisher one day, and stop all
-- further changes of the configuration there. So what is subscribed to is not written here. What
-- replication applies does not come this way, since its triggers are those of a replica; a superuser
-- can do what it does, with session_replication_role = replica. Once the subscription is dropped, as
-- a node that takes over does, the tables can be written again.
CREATE FUNCTION lotty.refuse_change_of_replica() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srrelid = TG_RELID) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'read_only_sql_transaction', SCHEMA = 'lotty', TABLE = TG_TABLE_NAME,
            MESSAGE = format('%s on lotty.%I is refused: the configuration comes from another node', TG_OP, TG_TABLE_NAME),
            DETAIL = 'A subscription writes the table; a row written here would stop it as soon as it brings the same one.',
            HINT = 'Change the configuration on the node that publishes it, or drop the subscription if this node takes over.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.refuse_change_of_replica() IS
    'trigger: refuses to write a configuration table by hand where a subscription writes it';
REVOKE ALL ON FUNCTION lotty.refuse_change_of_replica() FROM PUBLIC;

-- Of the overrides only what is replicated. Deleting does no harm, and forgetting a subject must do it.
DO $$
DECLARE
    published record;
BEGIN
    FOR published IN SELECT t.relation, t.condition FROM lotty.configuration_tables() AS t LOOP
        EXECUTE CASE WHEN published.condition IS NULL THEN
            format('CREATE TRIGGER refuse_change_of_replica BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION lotty.refuse_change_of_replica()', published.relation)
        ELSE
            format('CREATE TRIGGER refuse_change_of_replica BEFORE INSERT OR UPDATE ON %s FOR EACH ROW '
                   'WHEN (%s) EXECUTE FUNCTION lotty.refuse_change_of_replica()', published.relation,
                   pg_catalog.replace(published.condition, 'kind', 'NEW.kind'))
        END;
    END LOOP;
END
$$;

-- Foreign keys do not act on what replication applies. A forced variant that the publisher does not
-- know would outlive the variant, and a dump of this node could not be restored.
CREATE FUNCTION lotty.delete_overrides_of_variant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lotty.override o WHERE o.variant_id = OLD.variant_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.delete_overrides_of_variant() IS
    'trigger: deletes the overrides of a variant whose deletion is replicated';
REVOKE ALL ON FUNCTION lotty.delete_overrides_of_variant() FROM PUBLIC;

CREATE TRIGGER delete_overrides_of_variant AFTER DELETE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.delete_overrides_of_variant();
ALTER TABLE lotty.variant ENABLE REPLICA TRIGGER delete_overrides_of_variant;

SET LOCAL search_path TO @extschema@, pg_temp;
