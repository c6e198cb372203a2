-- The types of the statistics, before the functions that take and give them.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Filled in once its functions for text and bytes are there.
CREATE TYPE lotty.stats;

SET LOCAL search_path TO @extschema@, pg_temp;
