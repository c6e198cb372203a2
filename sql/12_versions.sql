-- Versions of the library and of the extension, which upgrade scripts compare.
SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON FUNCTION lotty.library_version() IS
    'version of the library that this session runs; that of the extension is in pg_extension';
COMMENT ON FUNCTION lotty.begin_update() IS
    'the first statement of every upgrade script: refuses a session whose library is too old for it, and makes all sessions compare the versions when the update is committed';

SET LOCAL search_path TO @extschema@, pg_temp;
