-- User profiles: sticky experiments, where the ledger stands for the profile service.

CREATE TABLE proof.profile_answer (
    number  integer PRIMARY KEY,
    result  jsonb,
    profile jsonb
);

-- Variations by their keys in the experiments of a datafile.
CREATE TABLE proof.variation_id AS
    SELECT name AS datafile, experiment->>'id' AS experiment_id, variation->>'key' AS key,
           variation->>'id' AS variation_id
      FROM proof.datafile
     CROSS JOIN LATERAL (SELECT jsonb_path_query(data, '$.experiments[*]')
                         UNION ALL
                         SELECT jsonb_path_query(data, '$.groups[*].experiments[*]')) AS e (experiment)
     CROSS JOIN jsonb_array_elements(experiment->'variations') AS variation;
CREATE INDEX ON proof.variation_id (datafile, experiment_id);

-- What a profile service would hold now: the profile that it had, overlaid with the ledger.
-- Entries that Lotty has no place for stay as they were, as do equal ones.
CREATE FUNCTION proof.profile_after(wanted text, wanted_user text, before jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH ledger AS (
        SELECT e.hash_key AS experiment_id, known.variation_id
          FROM lotty.assignment AS a
          JOIN lotty.experiment AS e USING (experiment_id)
          LEFT JOIN lotty.variant AS v USING (variant_id)
          LEFT JOIN proof.variation_id AS known
            ON known.datafile = wanted AND known.experiment_id = e.hash_key AND known.key = v.name
         WHERE a.subject_id = wanted_user
    ), entry AS (
        SELECT experiment_id, jsonb_build_object('variation_id', variation_id) AS entry
          FROM ledger
         WHERE before#>>ARRAY['experiment_bucket_map', experiment_id, 'variation_id']
               IS DISTINCT FROM variation_id
           -- A variation that is none is what came with the profile.
           AND variation_id IS NOT NULL
    )
    SELECT CASE WHEN before = 'null' AND NOT EXISTS (SELECT FROM entry) THEN before
                ELSE jsonb_build_object(
                    'user_id', wanted_user,
                    'experiment_bucket_map',
                    coalesce(before->'experiment_bucket_map', '{}')
                    || coalesce((SELECT jsonb_object_agg(experiment_id, entry) FROM entry), '{}')) END
$$;

CREATE FUNCTION proof.decide_recorded(flags jsonb, user_id text, attributes text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    flag   jsonb;
    result jsonb := '[]';
BEGIN
    FOR flag IN SELECT jsonb_array_elements(flags)
    LOOP
        result := result || proof.decision(lotty_decide(flag->>'flag', user_id,
                                                        proof.attributes(attributes)));
    END LOOP;
    RETURN result;
END
$$;

CREATE PROCEDURE proof.run_profile(wanted proof.user_profiles)
LANGUAGE plpgsql AS $$
DECLARE
    recorded jsonb := wanted.data;
    project  text := (SELECT data->>'projectId' FROM proof.datafile
                       WHERE name = wanted.data->>'datafile_id');
    answer   jsonb;
BEGIN
    DELETE FROM lotty.assignment;
    IF recorded->'profile_before' <> 'null' THEN
        PERFORM lotty_import_optimizely_profile(project, recorded->'profile_before');
    END IF;
    COMMIT;
    PERFORM set_config('lotty.ignore_sticky',
                       coalesce(recorded->>'ignore_user_profile_service', 'false'), false);
    IF recorded->>'op' = 'get_variation' THEN
        answer := proof.variation(lotty_decide_experiment(
            recorded->>'experiment', recorded->>'user_id',
            proof.attributes(recorded->>'attributes')));
    ELSE
        answer := proof.decide_recorded(recorded->'result', recorded->>'user_id',
                                        recorded->>'attributes');
    END IF;
    COMMIT;
    PERFORM set_config('lotty.ignore_sticky', 'off', false);
    INSERT INTO proof.profile_answer
    VALUES (wanted.number, answer,
            proof.profile_after(recorded->>'datafile_id', recorded->>'user_id',
                                recorded->'profile_before'));
END
$$;

CREATE PROCEDURE proof.run_profiles(wanted text)
LANGUAGE plpgsql AS $$
DECLARE
    recorded proof.user_profiles;
BEGIN
    FOR recorded IN SELECT * FROM proof.user_profiles
                     WHERE data->>'datafile_id' = wanted ORDER BY number
    LOOP
        CALL proof.run_profile(recorded);
    END LOOP;
END
$$;

\set ON_ERROR_STOP off
SELECT format('CALL proof.load(%L, true)', datafile),
       format('CALL proof.run_profiles(%L)', datafile)
  FROM (SELECT DISTINCT data->>'datafile_id' FROM proof.user_profiles) AS p (datafile)
 ORDER BY datafile
\gexec
\set ON_ERROR_STOP on

CREATE VIEW proof.profile_row AS
    SELECT format('%s, line %s: %s for %L with %s, profile %s', data->>'datafile_id', number,
                  data->>'op', left(data->>'user_id', 80), data->>'attributes',
                  data->>'profile_before') AS what, *
      FROM proof.user_profiles LEFT JOIN proof.profile_answer USING (number);

INSERT INTO proof.comparison
SELECT 'answers with profiles', what, jsonb_build_object('result', data->'result'),
       jsonb_build_object('result', result)
  FROM proof.profile_row
UNION ALL
SELECT 'stored profiles', what, jsonb_build_object('profile', data->'profile_after'),
       jsonb_build_object('profile', profile)
  FROM proof.profile_row;
