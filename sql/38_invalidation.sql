-- Telling all sessions of a change.
--
-- Row triggers, since the apply worker of logical replication fires no statement triggers,
-- and ENABLE ALWAYS, since it (and session_replication_role = replica) skips ordinary ones.
-- TRUNCATE needs none: it gives the table new storage, of which PostgreSQL itself tells
-- every session.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.flag
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.flag ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.experiment
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.experiment ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.variant
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.variant ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.audience
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.audience ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.conflict_domain ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.experiment_conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.experiment_conflict_domain ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.experiment_flag
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.experiment_flag ENABLE ALWAYS TRIGGER zz_invalidate_cache;

CREATE TRIGGER zz_invalidate_cache AFTER INSERT OR UPDATE OR DELETE ON lotty.variant_value
    FOR EACH ROW EXECUTE FUNCTION lotty.invalidate_cache();
ALTER TABLE lotty.variant_value ENABLE ALWAYS TRIGGER zz_invalidate_cache;

SET LOCAL search_path TO @extschema@, pg_temp;
