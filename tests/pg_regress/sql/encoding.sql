-- Only databases in UTF8: hashes are over UTF-8.
CREATE DATABASE lotty_latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE lotty_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
\set regress :DBNAME
\c lotty_latin1
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE EXTENSION lotty;
SELECT count(*) FROM pg_namespace WHERE nspname = 'lotty';
\c lotty_ascii
CREATE EXTENSION lotty;
\c :regress
DROP DATABASE lotty_latin1;
DROP DATABASE lotty_ascii;

-- Into a schema of one's own, and not over somebody else's "lotty".
CREATE DATABASE lotty_schemas;
\c lotty_schemas
CREATE SCHEMA lotty;
CREATE EXTENSION lotty;
DROP SCHEMA lotty;
CREATE SCHEMA tools;
CREATE EXTENSION lotty SCHEMA tools;
SELECT reason FROM tools.lotty_decide('f', 'u');
DROP EXTENSION lotty;
SELECT count(*) FROM pg_namespace WHERE nspname = 'lotty';
\c :regress
DROP DATABASE lotty_schemas;
