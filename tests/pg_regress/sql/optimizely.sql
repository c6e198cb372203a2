-- Importing a datafile of Optimizely: what it becomes, the second time, the next revision,
-- what is refused.
SELECT wipe();
\pset null '(null)'
SELECT lotty_murmur3_bucket('ppid1', '1886780721'), lotty_murmur3_bucket('', ''), lotty_murmur3_bucket('ÄÖ日本', '1'), lotty_murmur3_bucket(NULL, '1');

CREATE TEMP TABLE datafile (revision integer, content jsonb);
INSERT INTO datafile VALUES (1, '{
  "version": "4", "projectId": "77", "revision": "1", "accountId": "1", "attributes": [], "events": [],
  "audiences": [
    {"id": "a1", "name": "Germans", "conditions": "[\"and\", {\"name\": \"country\", \"type\": \"custom_attribute\", \"value\": \"DE\"}]"},
    {"id": "$opt_dummy_audience", "name": "Optimizely-Generated Audience for Backwards Compatibility", "conditions": "[\"or\", {\"match\": \"exact\", \"name\": \"$opt_dummy_attribute\", \"type\": \"custom_attribute\", \"value\": \"$opt_dummy_value\"}]"}],
  "typedAudiences": [
    {"id": "a2", "name": "Adults on 2.1 or later", "conditions": ["and", ["or", {"name": "age", "type": "custom_attribute", "match": "ge", "value": 18}, ["not", {"name": "child", "type": "custom_attribute", "match": "exists"}]], {"name": "app version", "type": "custom_attribute", "match": "semver_ge", "value": "2.1"}]},
    {"id": "a3", "name": "", "conditions": ["or", {"name": "mail", "type": "custom_attribute", "match": "substring", "value": "@example."}, {"name": "x", "type": "custom_attribute", "match": "regex", "value": "^a"}, {"name": "vip", "type": "custom_attribute", "value": true}]}],
  "featureFlags": [
    {"id": "f1", "key": "checkout", "rolloutId": "r1", "experimentIds": ["e1", "e2"], "variables": [
      {"id": "v1", "key": "color", "type": "string", "defaultValue": "grey"}, {"id": "v2", "key": "steps", "type": "integer", "defaultValue": "3"},
      {"id": "v3", "key": "rate", "type": "double", "defaultValue": "0.5"}, {"id": "v4", "key": "big", "type": "boolean", "defaultValue": "false"},
      {"id": "v5", "key": "extra", "type": "string", "subType": "json", "defaultValue": "{\"a\": [1]}"}]},
    {"id": "f2", "key": "search", "rolloutId": "", "experimentIds": ["e2"], "variables": [{"id": "v6", "key": "fuzzy", "type": "boolean", "defaultValue": "false"}]}],
  "rollouts": [{"id": "r1", "experiments": [
    {"id": "r1a", "key": "rule_1", "layerId": "r1", "status": "Running", "audienceIds": ["a1"], "forcedVariations": {}, "variations": [{"id": "1", "key": "on", "featureEnabled": true, "variables": [{"id": "v1", "value": "gold"}]}], "trafficAllocation": [{"entityId": "1", "endOfRange": 2500}]},
    {"id": "r1b", "key": "everyone else", "layerId": "r1", "status": "Not started", "audienceIds": [], "forcedVariations": {}, "variations": [{"id": "2", "key": "off", "featureEnabled": false, "variables": []}], "trafficAllocation": [{"entityId": "2", "endOfRange": 10000}]}]}],
  "experiments": [
    {"id": "e1", "key": "buttons", "layerId": "l1", "status": "Running", "audienceIds": ["$opt_dummy_audience"], "audienceConditions": ["and", "a1", ["not", "a3"]], "forcedVariations": {"alice": "blue", "bob": "no such variation"},
     "variations": [{"id": "10", "key": "red", "featureEnabled": true, "variables": [{"id": "v1", "value": "red"}, {"id": "v2", "value": "not a number"}]}, {"id": "11", "key": "blue", "featureEnabled": true, "variables": [{"id": "v1", "value": "blue"}, {"id": "v4", "value": "true"}]}],
     "trafficAllocation": [{"entityId": "10", "endOfRange": 3000}, {"entityId": "", "endOfRange": 5000}, {"entityId": "11", "endOfRange": 9000}]},
    {"id": "e3", "key": "alone", "layerId": "l3", "status": "Launched", "audienceIds": [], "forcedVariations": {}, "variations": [{"id": "30", "key": "x"}], "trafficAllocation": [{"entityId": "30", "endOfRange": 10000}]}],
  "groups": [{"id": "g1", "policy": "random", "trafficAllocation": [{"entityId": "e2", "endOfRange": 8000}, {"entityId": "", "endOfRange": 10000}], "experiments": [
    {"id": "e2", "key": "of both", "layerId": "l2", "status": "Running", "audienceIds": ["a2", "missing"], "forcedVariations": {}, "variations": [{"id": "10", "key": "v", "featureEnabled": true, "variables": [{"id": "v6", "value": "true"}]}], "trafficAllocation": [{"entityId": "10", "endOfRange": 10000}]}]}]
}');

SELECT action, object, l.key FROM datafile, lotty_import_optimizely(content) l;
SELECT key, value_type, default_value, enabled, source FROM lotty.flag ORDER BY key;
SELECT name, targeting, source FROM lotty.audience ORDER BY name;
SELECT e.key, f.key AS flag, kind, rank, status, targeting, traffic_allocation AS traffic, hash_key, sticky, exempt_from_limits AS exempt
  FROM lotty.experiment e LEFT JOIN lotty.flag f USING (flag_id) ORDER BY kind, rank, e.key;
SELECT key, traffic_ranges FROM lotty.experiment WHERE key = 'buttons';
SELECT e.key, v.name, v.weight, v.value FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id) ORDER BY e.key, v.rank;
SELECT e.key, f.key AS flag, x.rank, v.value FROM lotty.experiment_flag x JOIN lotty.experiment e USING (experiment_id) JOIN lotty.flag f ON f.flag_id = x.flag_id JOIN lotty.variant_value v ON v.flag_id = x.flag_id;
SELECT d.key, policy, d.hash_key, d.traffic_ranges, e.key AS member FROM lotty.conflict_domain d JOIN lotty.experiment_conflict_domain USING (domain_id) JOIN lotty.experiment e USING (experiment_id);
SELECT o.subject_id, e.key, o.kind, v.name FROM lotty.override o JOIN lotty.experiment e USING (experiment_id) JOIN lotty.variant v USING (variant_id);

-- Decided by it.
SELECT subject, attrs, d.value, e.key AS experiment, d.reason
  FROM (VALUES (1, 'alice', '{}'), (2, 'u1', '{"country": "DE", "vip": false, "mail": "u1@other.org"}'), (3, 'u1', '{"country": "DE"}'), (4, 'u2', '{"age": 20, "app version": "2.1.7"}'),
               (5, 'u2', '{"age": 20, "app version": "2.0.9"}'), (6, 'u5', '{"country": "DE", "vip": true}'), (7, 'u1', '{"$opt_bucketing_id": "u5", "country": "DE"}')) v (n, subject, attrs),
       lotty_decide('checkout', subject, attrs::jsonb) d LEFT JOIN lotty.experiment e USING (experiment_id) ORDER BY n;
SELECT value, reason FROM lotty_decide('search', 'u2', '{"age": 20, "app version": "2.1.7"}');
SELECT value, reason FROM lotty_evaluate_experiment('of both', 'u2', '{"age": 20, "app version": "2.1.7"}');
SELECT reason FROM lotty_evaluate_experiment('alone', 'u2');
SELECT step, experiment, checked, outcome, detail FROM lotty_explain('checkout', 'u2', '{"age": 20, "app version": "2.1.7", "$opt_bucketing_id": ""}');
SELECT count(*) AS in_ledger FROM lotty.assignment;
SELECT * FROM lotty_check_ledger();

-- The second time nothing changes; made sticky, who is in stays in.
SET client_min_messages = error;
CREATE TEMP TABLE before AS SELECT experiment_id, version, updated_at FROM lotty.experiment;
SELECT action, object, key FROM datafile, lotty_import_optimizely(content);
SELECT count(*) FROM lotty.experiment e JOIN before b USING (experiment_id) WHERE (e.version, e.updated_at) <> (b.version, b.updated_at);
SELECT action, object, key FROM datafile, lotty_import_optimizely(content, sticky => true);
SELECT action, object, key FROM datafile, lotty_import_optimizely(content);
SELECT lotty_force('buttons', 'carol', 'red');
SELECT s, d.value ->> 'variation' AS variation, d.reason FROM unnest(ARRAY['u1', 'u2', 'carol']) s, lotty_decide('checkout', s, '{"country": "DE", "vip": false, "mail": "", "age": 20, "app version": "3"}') d;
SELECT lotty_import_optimizely_profile('77', '{"user_id": "dave", "experiment_bucket_map": {"e1": {"variation_id": "10"}, "e2": {"variation_id": "gone"}, "e3": {"variation_id": null}, "e9": {"variation_id": "1"}}}');
SELECT lotty_import_optimizely_profile('77', '{"user_id": "dave", "experiment_bucket_map": {"e1": {"variation_id": "11"}}}');
SELECT d.value ->> 'variation' AS variation, d.reason FROM lotty_decide('checkout', 'dave') d;
SELECT d.value ->> 'variation' AS variation, d.reason FROM lotty_decide('search', 'dave', '{"age": 20, "app version": "3"}') d;
SELECT * FROM try($$SELECT lotty_import_optimizely_profile('77', '{"user_id": 5}')$$);
SELECT * FROM try($$SELECT lotty_import_optimizely_profile('77', NULL)$$);

-- The next revision: a variation gone, another one new, keys swapped, an audience edited and
-- one renamed, an experiment that moves to another flag, a rule and a group that are gone.
INSERT INTO datafile SELECT 2, jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(content,
    '{revision}', '"2"'),
    '{experiments,0,variations}', '[{"id": "12", "key": "red", "featureEnabled": true}, {"id": "11", "key": "green", "featureEnabled": true}]'),
    '{experiments,0,trafficAllocation}', '[{"entityId": "12", "endOfRange": 10000}]'),
    '{typedAudiences,1,name}', '"Customers"'),
    '{rollouts,0,experiments}', jsonb_build_array(content #> '{rollouts,0,experiments,1}')) FROM datafile;
UPDATE datafile SET content = jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(content,
    '{featureFlags,0,experimentIds}', '["e1"]'), '{experiments,1,status}', '"Running"'),
    '{experiments,0,key}', '"alone"'), '{experiments,1,key}', '"buttons"'),
    '{groups}', '[]') #- '{experiments,0,forcedVariations,alice}' WHERE revision = 2;
UPDATE datafile SET content = jsonb_set(content, '{experiments}', (content -> 'experiments') || (SELECT content #> '{groups,0,experiments}' FROM datafile WHERE revision = 1)) WHERE revision = 2;
CREATE TEMP TABLE ids AS SELECT experiment_id, hash_key FROM lotty.experiment;
SELECT action, object, l.key FROM datafile, lotty_import_optimizely(content) l WHERE revision = 2;
SELECT e.key, f.key AS flag, kind, status, sticky, e.experiment_id = i.experiment_id AS same
  FROM lotty.experiment e JOIN ids i USING (hash_key) LEFT JOIN lotty.flag f USING (flag_id) ORDER BY kind, e.key;
SELECT e.key, v.name, v.is_retired, v.weight FROM lotty.variant v JOIN lotty.experiment e USING (experiment_id) WHERE e.hash_key = 'e1' ORDER BY v.name;
SELECT name FROM lotty.audience ORDER BY name;
SELECT lotty_forced('alone', 'carol'), (SELECT count(*) FROM lotty.override) AS overrides;
SELECT s, d.value ->> 'variation' AS variation, d.reason FROM unnest(ARRAY['u1', 'alice', 'carol', 'dave']) s, lotty_decide('checkout', s, '{"country": "DE", "vip": false, "mail": ""}') d;
-- And back: what was gone is there again, with those who had it.
SELECT action, object, l.key FROM datafile, lotty_import_optimizely(content) l WHERE revision = 1;
SELECT lotty_forced('buttons', 'carol');
SELECT action, object, l.key FROM datafile, lotty_import_optimizely(content) l WHERE revision = 1;
SELECT * FROM lotty_check_ledger();
-- A kill switch thrown here stays thrown.
UPDATE lotty.flag SET enabled = false WHERE key = 'checkout';
SELECT action, object, l.key FROM datafile, lotty_import_optimizely(content) l WHERE revision = 1;
SELECT reason FROM lotty_decide('checkout', 'u1');
UPDATE lotty.flag SET enabled = true;
RESET client_min_messages;

-- Refused, with the place, and nothing half-written.
SELECT sum(version) AS before FROM lotty.experiment \gset
CREATE FUNCTION pg_temp.refused(change jsonb) RETURNS TABLE (item text, content text) LANGUAGE sql AS $$
    SELECT t.* FROM try(format('SELECT lotty_import_optimizely(%L)', (SELECT d.content || change FROM datafile d WHERE revision = 1))) t
$$;
SELECT * FROM pg_temp.refused('{"version": "5"}');
SELECT * FROM pg_temp.refused('{"holdouts": [{"id": "1", "key": "h"}]}');
SELECT * FROM pg_temp.refused('{"featureFlags": 5}');
SELECT * FROM pg_temp.refused('{"experiments": [{"id": "e1"}]}');
SELECT item, content FROM try($$SELECT lotty_import_optimizely('[]')$$);
SELECT item, content FROM try($$SELECT lotty_import_optimizely('{}')$$);
SELECT item, content FROM try($$SELECT lotty_import_optimizely(NULL)$$);
SELECT item, left(content, 60) FROM try(format('SELECT lotty_import_optimizely(%L)', repeat('[', 1000) || repeat(']', 1000)));
SELECT sum(version) - :before AS changed FROM lotty.experiment;
-- What was made here, or comes from another project, is not taken over.
SELECT make_experiment('mine');
SELECT item, content FROM try($$SELECT lotty_import_optimizely('{"version": "4", "projectId": "78", "revision": "1", "featureFlags": [{"id": "1", "key": "mine", "rolloutId": "", "experimentIds": [], "variables": []}]}')$$);
SELECT item, content FROM try($$SELECT lotty_import_optimizely('{"version": "4", "projectId": "78", "revision": "1", "featureFlags": [{"id": "1", "key": "search", "rolloutId": "", "experimentIds": [], "variables": []}]}')$$);
SELECT * FROM try($$UPDATE lotty.flag SET source = 'optimizely:78' WHERE key = 'mine'$$);
UPDATE lotty.flag SET source = NULL WHERE key = 'search';
SELECT item, content FROM try(format('SELECT lotty_import_optimizely(%L)', (SELECT content FROM datafile WHERE revision = 1)));

-- Ranges and their bucketing, in the tables.
SELECT * FROM try($$UPDATE lotty.experiment SET bucketing = 'optimizely_murmur3' WHERE key = 'mine'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET traffic_ranges = '[]' WHERE key = 'mine'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET bucketing = 'optimizely_murmur3', traffic_ranges = '{}' WHERE key = 'mine'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET bucketing = 'optimizely_murmur3', traffic_ranges = '[{"end_of_range": 1, "variant_id": null}, {"end_of_range": 10001, "variant_id": null}]' WHERE key = 'mine'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET bucketing = 'optimizely_murmur3', traffic_ranges = '[{"end_of_range": 1, "variant_id": "a"}]' WHERE key = 'mine'$$);
SELECT * FROM try($$UPDATE lotty.conflict_domain SET traffic_ranges = '[5]'$$);
SELECT item, content FROM try($$UPDATE lotty.experiment SET bucketing = 'other' WHERE key = 'mine'$$) WHERE item = 'error';
UPDATE lotty.experiment SET bucketing = 'optimizely_murmur3', traffic_ranges = jsonb_build_array(jsonb_build_object('end_of_range', 5000, 'variant_id', md5('a mine')::uuid)) WHERE key = 'mine';
SELECT d.reason, d.value, count(*) FROM generate_series(1, 1000) i, lotty_evaluate('mine', 'u' || i) d GROUP BY 1, 2 ORDER BY 1;
