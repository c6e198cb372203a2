-- The configuration as a document: exported, applied, changed, pruned, refused.
SELECT wipe();
SELECT lotty_export();
SELECT count(*) FROM lotty_apply('{}');
SELECT count(*) FROM lotty_apply(lotty_export(), prune => true);

-- A configuration with something of everything.
INSERT INTO lotty.audience (name, targeting, description)
VALUES ('vip', 'plan = "gold" OR audience("staff")', ''), ('staff', 'email ENDS_WITH "@example.com"', E'those\n"inside"');
INSERT INTO lotty.flag (key, value_type, default_value, enabled, description)
VALUES ('a', 'boolean', 'false', true, ''), ('b', 'number', '1.50', true, 'ü'), ('c', 'json', 'null', true, ''),
       ('d', 'string', '"x"', false, ''), ('e', 'string', '"none"', true, ''), ('f', 'string', '"none"', true, '');
INSERT INTO lotty.experiment (flag_id, key, kind, rank, targeting, traffic_allocation, hash_key, sticky, exempt_from_limits, description, bucketing, traffic_ranges)
SELECT flag_id, x.key, x.kind, x.rank, x.targeting, x.traffic, x.hash_key, x.sticky, x.exempt, '', 'lotty_sha256', NULL
  FROM (VALUES ('b', 'first', 'experiment', 1, 'audience("vip")', 90.5, NULL, true, false),
               ('b', 'second', 'experiment', 2, '', 50, 'hashed', false, false),
               ('b', 'rule', 'rollout', 0, 'country = "DE"', 20, NULL, false, false),
               ('c', 'third', 'experiment', 0, '', 100, NULL, false, true),
               ('e', 'fourth', 'experiment', 0, '', 100, NULL, false, false),
               ('a', 'drafted', 'experiment', 0, '', 100, NULL, false, false),
               ('a', 'ended', 'experiment', 0, '', 100, NULL, false, false)) AS x (flag, key, kind, rank, targeting, traffic, hash_key, sticky, exempt)
  JOIN lotty.flag f ON f.key = x.flag;
INSERT INTO lotty.variant (experiment_id, name, value, weight, is_control, is_retired)
SELECT experiment_id, x.name, x.value::jsonb, x.weight, x.control, x.retired
  FROM (VALUES ('first', 'ten', '10', 33.333, true, false), ('first', 'two', '2', 66.667, false, false), ('first', 'old', '0', 0, false, true),
               ('second', 'ten', '10', 1, false, false), ('second', 'zehn', '10.0', 3, false, false),
               ('rule', 'on', '99', 1, false, false), ('third', 'x', '{"a": [1]}', 1, false, false),
               ('fourth', 'x', '"X"', 1, false, false), ('fourth', 'y', '"Y"', 1, true, false), ('drafted', 'on', 'true', 1, false, false),
               ('ended', 'on', 'true', 1, false, false)) AS x (key, name, value, weight, control, retired)
  JOIN lotty.experiment e ON e.key = x.key;
INSERT INTO lotty.experiment_flag (flag_id, experiment_id, rank) SELECT flag_id, experiment_id, 7 FROM lotty.flag f, lotty.experiment e WHERE f.key IN ('f', 'd') AND e.key = 'fourth';
INSERT INTO lotty.variant_value (variant_id, flag_id, value)
SELECT variant_id, flag_id, '"f of x"'::jsonb FROM lotty.variant JOIN lotty.experiment e USING (experiment_id), lotty.flag f WHERE e.key = 'fourth' AND name = 'x' AND f.key = 'f';
-- One with Optimizely's buckets, two ranges of which lead nowhere.
WITH v AS (SELECT gen_random_uuid() AS experiment, gen_random_uuid() AS one, gen_random_uuid() AS two),
     e AS (INSERT INTO lotty.experiment (experiment_id, flag_id, key, rank, bucketing, traffic_ranges, exempt_from_limits)
           SELECT experiment, flag_id, 'murmur', 1, 'optimizely_murmur3', jsonb_build_array(
                  jsonb_build_object('end_of_range', 3000, 'variant_id', one), '{"end_of_range": 4000, "variant_id": null}'::jsonb,
                  jsonb_build_object('end_of_range', 8000, 'variant_id', two), jsonb_build_object('end_of_range', 9000, 'variant_id', gen_random_uuid())), true
             FROM v, lotty.flag WHERE key = 'e' RETURNING experiment_id)
INSERT INTO lotty.variant (variant_id, experiment_id, name, value)
SELECT one, experiment, 'one', '"1"'::jsonb FROM v, e UNION ALL SELECT two, experiment, 'two', '"2"' FROM v, e;
INSERT INTO lotty.conflict_domain (key, policy, description) VALUES ('exclusive', 'mutual_exclusion', ''), ('ranked', 'priority', 'by rank');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, priority, weight)
SELECT domain_id, experiment_id, length(e.key), 2.5 FROM lotty.conflict_domain d, lotty.experiment e WHERE e.key IN ('first', 'second') OR (e.key = 'fourth' AND d.key = 'ranked');
INSERT INTO lotty.conflict_domain (key, policy, traffic_ranges)
SELECT 'group', 'optimizely_group', jsonb_build_array(jsonb_build_object('end_of_range', 5000, 'experiment_id', experiment_id), '{"end_of_range": 10000, "experiment_id": null}'::jsonb)
  FROM lotty.experiment WHERE key = 'murmur';
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) SELECT domain_id, experiment_id FROM lotty.conflict_domain d, lotty.experiment e WHERE d.key = 'group' AND e.key = 'murmur';
UPDATE lotty.experiment SET status = 'running' WHERE key <> 'drafted';
SELECT lotty_complete('ended', 'on');
SELECT lotty_pause('third');
-- Not exported: what an import has made, and overrides.
INSERT INTO lotty.flag (key, value_type, default_value, source) VALUES ('imported', 'json', '1', 'optimizely:1');
INSERT INTO lotty.audience (name, targeting, source) VALUES ('imported', '', 'optimizely:1');
INSERT INTO lotty.experiment (key, source, status) VALUES ('imported', 'optimizely:1', 'running');
INSERT INTO lotty.conflict_domain (key, source) VALUES ('imported', 'optimizely:1');
SELECT lotty_force('second', 'person-1', 'ten');

SELECT regexp_replace(jsonb_pretty(lotty_export()), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<id>', 'g') AS export;
CREATE TABLE document AS SELECT lotty_export() AS content;

-- Applying it here changes nothing, in any order of its lists.
SELECT count(*) FROM lotty_apply((SELECT content FROM document));
SELECT count(*) FROM lotty_apply((SELECT content FROM document), prune => true);
CREATE FUNCTION reversed(list jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT coalesce(jsonb_agg(value ORDER BY ordinality DESC), '[]') FROM jsonb_array_elements(list) WITH ORDINALITY $$;
SELECT count(*) FROM document, lotty_apply((SELECT jsonb_object_agg(k, CASE WHEN jsonb_typeof(v) = 'array' THEN reversed(v) ELSE v END) FROM jsonb_each(content) AS x (k, v)));
SELECT count(*) FROM document, lotty_apply(jsonb_build_object('experiments', (SELECT jsonb_agg(e || jsonb_build_object('variants', reversed(e -> 'variants'), 'further_flags', reversed(e -> 'further_flags'))) FROM jsonb_array_elements(content -> 'experiments') AS e),
    'conflict_domains', (SELECT jsonb_agg(d || jsonb_build_object('members', reversed(d -> 'members'))) FROM jsonb_array_elements(content -> 'conflict_domains') AS d)));

-- Into empty tables: the same document, and the same decisions.
CREATE TABLE asked AS
SELECT 'u' || n AS subject, f.key AS flag, jsonb_build_object('plan', CASE n % 3 WHEN 0 THEN 'gold' ELSE 'none' END, 'country', CASE n % 2 WHEN 0 THEN 'DE' ELSE 'FR' END) AS attrs
  FROM generate_series(1, 500) AS n, lotty.flag f WHERE f.source IS NULL;
CREATE FUNCTION answers() RETURNS TABLE (subject text, flag text, value jsonb, reason lotty.reason, experiment text, variant text) LANGUAGE sql AS $$
    SELECT a.subject, a.flag, d.value, d.reason, e.key, v.name
      FROM asked a CROSS JOIN LATERAL lotty_evaluate(a.flag, a.subject, a.attrs) AS d
      LEFT JOIN lotty.experiment e ON e.experiment_id = d.experiment_id LEFT JOIN lotty.variant v ON v.variant_id = d.variant_id
$$;
CREATE TABLE answered AS SELECT * FROM answers();
SELECT reason, count(*) > 0 AS some, count(DISTINCT variant) AS variants FROM answered GROUP BY 1 ORDER BY 1;
SELECT wipe();
SELECT a.* FROM document, lotty_apply(content) AS a;
SELECT lotty_export() = content AS same_document FROM document;
SELECT count(*) AS differ FROM (TABLE answered EXCEPT ALL SELECT * FROM answers()) AS x;
SELECT count(*) FROM document, lotty_apply(content, prune => true);
SELECT count(*) FROM lotty.change WHERE operation <> 'INSERT';

-- A document changed: what it says is changed in place; ids, ledger and overrides stay.
SELECT lotty_force('second', 'person-1', 'ten');
SELECT count(lotty_decide(flag, subject, attrs)) FROM asked WHERE flag = 'b';
CREATE TABLE before AS SELECT experiment_id, variant_id, e.key, v.name FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id);
CREATE TABLE ledger AS TABLE lotty.assignment;
SELECT count(*) > 0 AS members FROM ledger;
SELECT * FROM lotty_apply($${
  "audiences": [{"name": "staff", "targeting": "email ENDS_WITH \"@example.org\""}],
  "flags": [{"key": "b", "default_value": 2.5}, {"key": "d", "enabled": true}],
  "experiments": [
    {"key": "second", "traffic_allocation": 60, "variants": [{"name": "zehn", "weight": 9}, {"name": "elf", "value": 11, "is_control": true}]},
    {"key": "fourth", "further_flags": [{"flag": "f"}], "variants": [{"name": "x", "values": []}]},
    {"key": "murmur", "traffic_ranges": [{"end_of_range": 10000, "variant": "three"}], "variants": [{"name": "three", "value": "3"}]},
    {"key": "third", "status": "running"}],
  "conflict_domains": [{"key": "ranked", "policy": "weighted", "members": [{"experiment": "second", "weight": 0.5}]}]}$$);
SELECT count(*) AS ids_changed FROM before b WHERE NOT EXISTS (SELECT FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id) WHERE (e.experiment_id, v.variant_id, e.key, v.name) = (b.experiment_id, b.variant_id, b.key, b.name));
SELECT count(*) AS ledger_changed FROM (TABLE ledger EXCEPT TABLE lotty.assignment) AS x;
SELECT lotty_forced('second', 'person-1');
SELECT e ->> 'key' AS key, e ->> 'traffic_allocation' AS traffic, e -> 'further_flags' AS further_flags, jsonb_path_query_array(e, '$.variants[*].name') AS variants, jsonb_path_query_array(e, '$.variants[*].weight') AS weights, e -> 'status' AS status
  FROM jsonb_array_elements(lotty_export() -> 'experiments') AS e WHERE e ->> 'key' IN ('second', 'fourth', 'murmur', 'third');
SELECT d FROM jsonb_array_elements(lotty_export() -> 'conflict_domains') AS d WHERE d ->> 'key' = 'ranked';

-- The control moves; a type changes with all its values.
SELECT * FROM lotty_apply('{"experiments": [{"key": "second", "variants": [{"name": "ten", "is_control": true}, {"name": "elf", "is_control": false}]}]}');
SELECT * FROM lotty_apply('{"flags": [{"key": "a", "value_type": "string", "default_value": "off"}], "experiments": [
    {"key": "drafted", "variants": [{"name": "on", "value": "on"}]}, {"key": "ended", "variants": [{"name": "on", "value": "on"}]}]}');
SELECT value_type, default_value FROM lotty.flag WHERE key = 'a';
SELECT * FROM try($$SELECT * FROM lotty_apply('{"flags": [{"key": "a", "value_type": "boolean", "default_value": true}]}')$$);

-- Dry: what would be done, and nothing done.
CREATE TABLE content_before AS SELECT lotty_export() AS content, (SELECT count(*) FROM lotty.change) AS changes;
SELECT a.* FROM document, lotty_apply(content, dry_run => true) AS a;
SELECT a.* FROM lotty_apply('{"flags": []}', dry_run => true, prune => true) AS a;
SELECT lotty_export() = content AS unchanged, (SELECT count(*) FROM lotty.change) = changes AS unrecorded FROM content_before;
SELECT * FROM try($$SELECT * FROM lotty_apply('{"flags": [{"key": "d", "default_value": 1}]}', dry_run => true)$$);

-- Pruned: only lists that are there, nothing that decisions refer to, and nothing of an import.
INSERT INTO lotty.flag (key, value_type, default_value, source) VALUES ('imported', 'json', '1', 'optimizely:1');
INSERT INTO lotty.audience (name, targeting, source) VALUES ('imported', '', 'optimizely:1');
INSERT INTO lotty.experiment (key, source, status) VALUES ('imported', 'optimizely:1', 'running');
INSERT INTO lotty.conflict_domain (key, source) VALUES ('imported', 'optimizely:1');
SELECT * FROM lotty_apply('{"experiments": [{"key": "second", "variants": [{"name": "ten"}, {"name": "zehn", "is_control": true}]}, {"key": "first"}]}', prune => true);
SELECT * FROM lotty_apply('{"audiences": [], "flags": [{"key": "b"}], "conflict_domains": [{"key": "exclusive"}]}', prune => true);
SELECT * FROM lotty_apply('{"audiences": [], "flags": [{"key": "b"}], "conflict_domains": [{"key": "exclusive"}]}', prune => true);
SELECT * FROM lotty_apply('{"experiments": [{"key": "first", "targeting": ""}], "audiences": []}', prune => true);
SELECT key, status FROM lotty.experiment ORDER BY key;
SELECT key, enabled FROM lotty.flag ORDER BY key;
-- What comes back is given again.
SELECT * FROM lotty_apply('{"experiments": [{"key": "second", "variants": [{"name": "elf", "weight": 1}]}]}');

-- Statuses: step by step, or refused.
SELECT wipe();
SELECT make_experiment('x', 'draft');
CREATE TEMP TABLE status AS
SELECT s, n FROM unnest(ARRAY['draft', 'in_review', 'approved', 'rejected', 'running',
                              'paused', 'completed', 'archived']) WITH ORDINALITY AS t (s, n);
CREATE FUNCTION pg_temp.lead(old text, new text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    done text;
BEGIN
    SET LOCAL session_replication_role = replica;
    UPDATE lotty.experiment SET status = old;
    SET LOCAL session_replication_role = origin;
    TRUNCATE lotty.change;
    PERFORM lotty_apply(jsonb_build_object('experiments', jsonb_build_array(jsonb_build_object('key', 'x', 'status', new))));
    SELECT string_agg(new_row ->> 'status', ' ' ORDER BY change_id) INTO done FROM lotty.change;
    RETURN coalesce(done, '=');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN '';
END
$$;
SELECT f.s AS "from", t.s AS "to", pg_temp.lead(f.s, t.s) AS by FROM status f, status t WHERE f.s <> t.s AND pg_temp.lead(f.s, t.s) <> '' ORDER BY f.n, t.n;
SELECT pg_temp.lead('archived', 'archived') AS same;
SELECT wipe();
SELECT make_experiment('x');
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "x", "status": "draft"}]}')$$);
SELECT * FROM lotty_apply('{"experiments": [{"key": "x", "status": "completed", "winner": "b"}]}');
SELECT * FROM lotty_apply('{"experiments": [{"key": "x", "winner": "a"}]}');
SELECT e.status, v.name FROM lotty.experiment e JOIN lotty.variant v ON v.variant_id = e.winner_id;
SELECT * FROM lotty_apply('{"experiments": [{"key": "x", "winner": null}]}');
SELECT winner_id FROM lotty.experiment;
-- A new one starts only with variants; with review required it does not start at all.
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "new", "status": "running"}]}')$$);
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "new", "status": "running", "variants": [{"name": "v", "value": 1, "weight": 0}]}]}')$$);
SELECT * FROM lotty_apply('{"experiments": [{"key": "new", "status": "running", "variants": [{"name": "v", "value": 1}]}, {"key": "later"}]}');
SET lotty.require_review = on;
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "later", "status": "running", "variants": [{"name": "v", "value": 1}]}]}')$$);
RESET lotty.require_review;

-- Refused, with the place; all or nothing.
SELECT wipe();
CREATE FUNCTION refused(config text) RETURNS TABLE (content text) LANGUAGE sql AS
$$ SELECT t.content FROM try(format('SELECT * FROM lotty_apply(%L)', config)) AS t $$;
SELECT * FROM try($$SELECT * FROM lotty_apply(NULL)$$);
SELECT * FROM try($$SELECT * FROM lotty_apply('{}', prune => NULL)$$);
SELECT * FROM refused('[]');
SELECT * FROM refused('"x"');
SELECT * FROM refused('{"lotty": 2}');
SELECT * FROM refused('{"flag": []}');
SELECT * FROM refused('{"flags": {}}');
SELECT * FROM refused('{"flags": null}');
SELECT * FROM refused('{"flags": [7]}');
SELECT * FROM refused('{"flags": [{}]}');
SELECT * FROM refused('{"flags": [{"key": 7}]}');
SELECT * FROM refused('{"flags": [{"key": null}]}');
SELECT * FROM refused('{"flags": [{"key": "f", "value_type": "text"}]}');
SELECT * FROM refused('{"flags": [{"key": "f", "value_type": "string"}]}');
SELECT * FROM refused('{"flags": [{"key": "f", "enabled": "yes"}]}');
SELECT * FROM refused('{"flags": [{"key": "f", "déscription": ""}]}');
SELECT * FROM refused('{"flags": [{"key": "f"}, {"key": "g"}, {"key": "f"}]}');
SELECT * FROM refused('{"flags": [{"key": "", "value_type": "json", "default_value": null}]}');
SELECT * FROM refused('{"flags": [{"key": "f", "value_type": "string", "default_value": null}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "rank": 1.5}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "rank": 12345678901}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "kind": "test"}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "flag": "no such"}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "targeting": "country = "}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "traffic_allocation": 101}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "bucketing": "optimizely_murmur3"}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "bucketing": "optimizely_murmur3", "traffic_ranges": [{"end_of_range": 10001, "variant": null}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "traffic_ranges": [{"end_of_range": 1}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "traffic_ranges": [{"end_of_range": 1, "variant": "v"}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "winner": "v"}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "winner": "v", "variants": [{"name": "v", "value": 1}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "variants": [{"name": "v", "value": 1}, {"name": "v"}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "variants": [{"name": "v"}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "variants": [{"name": "v", "value": 1, "weight": -1}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "variants": [{"name": "v", "value": 1, "is_control": true}, {"name": "w", "value": 1, "is_control": true}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "variants": [{"name": "v", "value": 1, "values": [{"flag": "no such", "value": 1}]}]}]}');
SELECT * FROM refused('{"experiments": [{"key": "e", "variants": [{"name": "v", "value": 1, "values": [{"flag": "f"}]}]}]}');
SELECT * FROM refused('{"audiences": [{"name": "a", "targeting": "audience(\"b\")"}, {"name": "b", "targeting": "audience(\"a\")"}]}');
SELECT * FROM refused('{"audiences": [{"name": "a"}]}');
SELECT * FROM refused('{"conflict_domains": [{"key": "d", "members": [{"experiment": "no such"}]}]}');
SELECT * FROM refused('{"conflict_domains": [{"key": "d", "policy": "optimizely_group"}]}') WHERE content !~ '^Failing';
SELECT * FROM refused('{"flags": [{"key": "good", "value_type": "json", "default_value": 1}], "conflict_domains": [{"key": "d", "policy": "none"}]}');
SELECT * FROM refused('{"flags": [{"key": "good", "value_type": "json", "default_value": 1}], "conflict_domains": [{"key": "d", "members": [{"experiment": "no such"}]}]}');
SELECT count(*) AS applied FROM lotty.flag;
-- What cannot change, and what is not ours.
SELECT make_experiment('x');
SELECT make_experiment('y');
SELECT * FROM refused('{"experiments": [{"key": "x", "flag": "y"}]}');
SELECT * FROM refused('{"experiments": [{"key": "x", "kind": "rollout"}]}');
SELECT * FROM refused('{"experiments": [{"key": "x", "variants": [{"name": "a", "value": 1}]}]}');
INSERT INTO lotty.flag (key, value_type, default_value, source) VALUES ('imported', 'json', '1', 'optimizely:1');
INSERT INTO lotty.audience (name, targeting, source) VALUES ('imported', '', 'optimizely:1');
INSERT INTO lotty.experiment (key, source, status) VALUES ('imported', 'optimizely:1', 'running');
INSERT INTO lotty.conflict_domain (key, source) VALUES ('imported', 'optimizely:1');
SELECT * FROM refused('{"flags": [{"key": "imported"}]}');
SELECT * FROM refused('{"audiences": [{"name": "imported"}]}');
SELECT * FROM refused('{"experiments": [{"key": "imported", "status": "paused"}]}');
SELECT * FROM refused('{"conflict_domains": [{"key": "imported"}]}');
-- But it can be referred to.
SELECT * FROM lotty_apply('{"experiments": [{"key": "of imported", "flag": "imported"}], "conflict_domains": [{"key": "d", "members": [{"experiment": "of imported"}, {"experiment": "imported"}]}]}');

-- Audiences are written in the order in which they need each other: no warning here, one there.
SELECT * FROM lotty_apply('{"audiences": [{"name": "a", "targeting": "audience(\"b\")"}, {"name": "b", "targeting": "audience(\"c\")"}, {"name": "c", "targeting": "x = 1"}]}');
SELECT * FROM lotty_apply('{"audiences": [{"name": "c", "targeting": "audience(\"a\")"}, {"name": "b", "targeting": ""}, {"name": "a", "targeting": ""}]}');
SELECT * FROM lotty_apply('{"audiences": [{"name": "e", "targeting": "audience(\"elsewhere\")"}]}');

-- Rights: those on the tables.
SET client_min_messages = error;
DROP ROLE IF EXISTS lotty_test_manager;
RESET client_min_messages;
CREATE ROLE lotty_test_manager;
GRANT USAGE ON SCHEMA lotty TO lotty_test_manager;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lotty TO lotty_test_manager;
SET ROLE lotty_test_manager;
SELECT * FROM try($$SELECT lotty_export()$$);
SELECT * FROM try($$SELECT * FROM lotty_apply('{}')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION lotty_export(), lotty_apply(jsonb, boolean, boolean) TO lotty_test_manager;
GRANT SELECT, INSERT, UPDATE, DELETE ON lotty.flag, lotty.audience TO lotty_test_manager;
SET ROLE lotty_test_manager;
SELECT * FROM lotty_apply('{"flags": [{"key": "g", "value_type": "json", "default_value": 1}]}');
SELECT * FROM try($$SELECT * FROM lotty_apply('{"experiments": [{"key": "g"}]}')$$);
RESET ROLE;
DROP OWNED BY lotty_test_manager;
DROP ROLE lotty_test_manager;
DROP TABLE document, asked, answered, before, ledger, content_before;
DROP FUNCTION answers(), refused(text), reversed(jsonb);
