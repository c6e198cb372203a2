-- Telling all sessions of a change.
--
-- Row triggers, since the apply worker of logical replication fires no statement triggers,
-- and ENABLE ALWAYS, since it (and session_replication_role = replica) skips ordinary ones.
-- TRUNCATE needs none: it gives the table new storage, of which PostgreSQL itself tells
-- every session.
SET LOCAL search_path TO pg_catalog, pg_temp;

DO $$
DECLARE
    of_table text;
BEGIN
    FOREACH of_table IN ARRAY ARRAY['flag', 'experiment', 'experiment_flag', 'variant', 'variant_value',
                                    'audience', 'conflict_domain', 'experiment_conflict_domain'] LOOP
        EXECUTE format('CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.%I '
                       'FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache()', of_table);
        EXECUTE format('ALTER TABLE lotty.%I ENABLE ALWAYS TRIGGER zz_invalidate_cache', of_table);
    END LOOP;
END
$$;

SET LOCAL search_path TO @extschema@, pg_temp;
