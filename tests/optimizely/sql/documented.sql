-- Where SDKs disagree: what Lotty documents, in the smallest form.

CREATE TABLE proof.documented (data jsonb NOT NULL);
CREATE TABLE proof.refused (data jsonb NOT NULL);

INSERT INTO proof.documented SELECT line::jsonb
  FROM regexp_split_to_table(:'documented', E'\n') AS line WHERE line <> '';
INSERT INTO proof.refused SELECT line::jsonb
  FROM regexp_split_to_table(:'refused', E'\n') AS line WHERE line <> '';

INSERT INTO proof.comparison
SELECT 'documented conditions',
       format('%s: %s with %s', data->>'what', data->'condition', data->'attributes'),
       jsonb_build_object('truth', data->'truth'),
       proof.truth_of(data->>'condition', data->>'attributes')
  FROM proof.documented;

-- --- datafiles that are refused -----------------------------------------------------------

-- A small datafile, which is taken as it stands.
CREATE FUNCTION proof.small() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb '{
        "version": "4", "revision": "1", "projectId": "1", "accountId": "1",
        "attributes": [], "events": [], "audiences": [],
        "typedAudiences": [{"id": "a1", "name": "adults", "conditions":
            {"name": "age", "type": "custom_attribute", "match": "ge", "value": 18}}],
        "experiments": [{
            "id": "e1", "key": "exp", "layerId": "1", "status": "Running", "audienceIds": ["a1"],
            "forcedVariations": {},
            "variations": [{"id": "vA", "key": "A", "featureEnabled": true}, {"id": "vB", "key": "B"}],
            "trafficAllocation": [{"entityId": "vA", "endOfRange": 5000}, {"entityId": "vB", "endOfRange": 10000}]
        }],
        "groups": [{"id": "g1", "policy": "random",
            "trafficAllocation": [{"entityId": "e2", "endOfRange": 10000}],
            "experiments": [{
                "id": "e2", "key": "grouped", "layerId": "2", "status": "Running", "audienceIds": [],
                "forcedVariations": {}, "variations": [{"id": "vC", "key": "C"}],
                "trafficAllocation": [{"entityId": "vC", "endOfRange": 10000}]
            }]
        }],
        "rollouts": [{"id": "r", "experiments": [
            {"id": "r1", "key": "rule", "layerId": "3", "status": "Running", "audienceIds": ["a1"],
             "variations": [{"id": "vD", "key": "D", "featureEnabled": true}],
             "trafficAllocation": [{"entityId": "vD", "endOfRange": 10000}]},
            {"id": "r2", "key": "else", "layerId": "3", "status": "Running", "audienceIds": [],
             "variations": [{"id": "vE", "key": "E", "featureEnabled": true}],
             "trafficAllocation": [{"entityId": "vE", "endOfRange": 10000}]}
        ]}],
        "featureFlags": [
            {"id": "f1", "key": "flag", "experimentIds": ["e1"], "rolloutId": "r", "variables": []},
            {"id": "f2", "key": "other", "experimentIds": ["e2"], "rolloutId": "", "variables": []}
        ]
    }'
$$;

CREATE FUNCTION proof.changed(datafile jsonb, change jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    each jsonb;
    place text[];
BEGIN
    FOR each IN SELECT jsonb_array_elements(coalesce(change->'set', '[]'))
    LOOP
        place := ARRAY(SELECT jsonb_array_elements_text(each->0));
        datafile := CASE WHEN cardinality(place) = 0 THEN each->1
                         ELSE jsonb_set(datafile, place, each->1) END;
    END LOOP;
    FOR each IN SELECT jsonb_array_elements(coalesce(change->'drop', '[]'))
    LOOP
        datafile := datafile #- ARRAY(SELECT jsonb_array_elements_text(each));
    END LOOP;
    RETURN datafile;
END
$$;

-- Where an import says that the fault is, and how many rows it left behind.
CREATE FUNCTION proof.refusal(datafile jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    state  text;
    detail text;
BEGIN
    BEGIN
        PERFORM lotty_import_optimizely(datafile);
        RETURN '{"taken": true}';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    END;
    RETURN jsonb_build_object(
        'sqlstate', state, 'at', substring(detail FROM '\$[^ ]*'),
        'rows', (SELECT count(*) FROM lotty.flag) + (SELECT count(*) FROM lotty.experiment)
                + (SELECT count(*) FROM lotty.audience));
END
$$;

SELECT proof.wipe() \g /dev/null

INSERT INTO proof.comparison
SELECT 'refused datafiles', data->>'what',
       jsonb_build_object('sqlstate', '22023', 'at', data->'at', 'rows', 0),
       proof.refusal(proof.changed(proof.small(), data))
  FROM proof.refused;

-- --- profiles ---------------------------------------------------------------------------------

INSERT INTO proof.datafile VALUES ('small', proof.small());
CALL proof.load('small', true);

-- Entries that are none, with how many of them are taken.
INSERT INTO proof.comparison
SELECT 'documented profiles', entries::text, jsonb_build_object('taken', taken),
       jsonb_build_object('taken', lotty_import_optimizely_profile('1', jsonb_build_object(
           'user_id', 'user of ' || entries::text, 'experiment_bucket_map', entries)))
  FROM (VALUES (jsonb '{"e1": "vA"}', 0),
               (jsonb '{"e1": null}', 0),
               (jsonb '{"e1": ["vA"]}', 0),
               (jsonb '{"e1": {"variation_id": null}}', 0),
               (jsonb '{"e1": {"variation_id": 7}}', 0),
               (jsonb '{"e1": {}}', 0),
               (jsonb '{"no such": {"variation_id": "vA"}}', 0),
               (jsonb '{"e1": {"variation_id": "vB"}, "e2": {"variation_id": "vC"}}', 2))
       AS p (entries, taken);
