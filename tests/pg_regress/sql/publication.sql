-- The publication of the configuration, for nodes that decide by it.
SELECT wipe();
-- About wal_level, which this server does not have at logical.
SET client_min_messages = error;

-- Each table is configuration, or of the node that writes it: one that is neither was forgotten.
SELECT relation, condition FROM lotty.configuration_tables();
SELECT c.oid::regclass AS neither FROM pg_class c
 WHERE c.relnamespace = 'lotty'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND c.oid NOT IN (SELECT relation FROM lotty.configuration_tables())
   AND c.relname NOT IN ('assignment', 'decision', 'decision_default', 'log_policy', 'event', 'change')
   -- Reports are made where the log and the events are, with definitions of that node.
   AND c.relname NOT IN ('event_source', 'dimension', 'metric', 'experiment_metric', 'analysis_plan', 'guardrail_log')
   AND c.relname NOT LIKE 'report\_%'
 ORDER BY 1;
-- Whose rows replication finds by their primary keys, which the conditions look at only.
SELECT t.relation AS without_identity FROM lotty.configuration_tables() t JOIN pg_class c ON c.oid = t.relation
 WHERE c.relreplident <> 'd' OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary);

SELECT * FROM lotty_publish();
SELECT * FROM lotty_publish();
SELECT tablename, rowfilter FROM pg_publication_tables WHERE pubname = 'lotty' ORDER BY 1;
-- Every column, of which there is not one that the publisher alone computes.
SELECT t.relation, a.attname AS not_published FROM lotty.configuration_tables() t JOIN pg_attribute a ON a.attrelid = t.relation
 WHERE a.attnum > 0 AND NOT a.attisdropped
   AND NOT EXISTS (SELECT FROM pg_publication_tables p WHERE p.pubname = 'lotty' AND p.schemaname = 'lotty'
                      AND format('%I.%I', p.schemaname, p.tablename)::regclass = t.relation AND a.attname = ANY (p.attnames));

-- What differs is brought back: a table that is missing, as after a restore or an upgrade, one too
-- many, other rows or columns, changes that are not published.
ALTER PUBLICATION lotty DROP TABLE lotty.audience;
ALTER PUBLICATION lotty ADD TABLE lotty.decision;
ALTER PUBLICATION lotty DROP TABLE lotty.override, lotty.flag, lotty.variant;
ALTER PUBLICATION lotty ADD TABLE lotty.override, lotty.flag WHERE (key <> 'f'), lotty.variant (variant_id, name);
ALTER PUBLICATION lotty SET (publish = 'insert');
SELECT * FROM lotty_publish('lotty');
SELECT tablename, rowfilter FROM pg_publication_tables WHERE pubname = 'lotty' ORDER BY 1;
SELECT pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication WHERE pubname = 'lotty';
SELECT * FROM lotty_publish();

-- Another name; the same tables can be in several.
SELECT count(*) FROM lotty_publish('Of "lotty"');
SELECT count(*) FROM pg_publication_tables WHERE pubname = 'Of "lotty"';
SELECT * FROM lotty_publish('Of "lotty"');

-- A publication of more than that is somebody else's.
CREATE TABLE shop (id int PRIMARY KEY);
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA lotty;
CREATE PUBLICATION of_shop FOR TABLE shop, lotty.flag;
SELECT * FROM try($$SELECT lotty_publish('everything')$$);
SELECT * FROM try($$SELECT lotty_publish('of_schema')$$);
SELECT * FROM try($$SELECT lotty_publish('of_shop')$$);
SELECT * FROM try($$SELECT lotty_publish(NULL)$$);
DROP PUBLICATION everything, of_schema, of_shop;
DROP TABLE shop;

-- It takes the rights that CREATE PUBLICATION takes.
DROP ROLE IF EXISTS lotty_test_app;
CREATE ROLE lotty_test_app;
SET ROLE lotty_test_app;
SELECT * FROM try($$SELECT lotty_publish('mine')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION lotty_publish(name), lotty.configuration_tables() TO lotty_test_app;
GRANT USAGE ON SCHEMA lotty TO lotty_test_app;
SELECT format('GRANT CREATE ON DATABASE %I TO lotty_test_app', current_database()) \gexec
SET ROLE lotty_test_app;
SELECT * FROM try($$SELECT lotty_publish('mine')$$);
SELECT * FROM try($$SELECT lotty_publish('lotty')$$);
RESET ROLE;
SELECT pubname FROM pg_publication ORDER BY pubname COLLATE "C";
DROP OWNED BY lotty_test_app;
DROP ROLE lotty_test_app;

-- Without a subscription, everything can be written.
SELECT make_experiment('f');
INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id)
VALUES ('u1', md5('experiment f')::uuid, 'whitelist', md5('a f')::uuid), ('u1', md5('experiment f')::uuid, 'forced', md5('b f')::uuid);
SELECT value FROM lotty_evaluate('f', 'u1');
-- What a subscription deletes takes the overrides along that only this node has.
SET session_replication_role = replica;
DELETE FROM lotty.variant WHERE variant_id = md5('b f')::uuid;
RESET session_replication_role;
SELECT subject_id, kind FROM lotty.override;
DROP PUBLICATION lotty, "Of ""lotty""";
