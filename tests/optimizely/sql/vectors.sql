-- Tables of the recorded vectors, and of what is compared.

-- Imports warn of what has no effect in a datafile; the recorded ones are full of it.
SET client_min_messages = error;

-- One row for each thing compared. Kinds are listed in `vectors`, with how many there must be.
-- Both sides are JSON objects: as jsonb, 1 equals 1.0 and is not true.
CREATE TABLE proof.comparison (
    kind     text  NOT NULL,
    what     text  NOT NULL,
    expected jsonb NOT NULL,
    got      jsonb
);

CREATE VIEW proof.verdict AS
    SELECT kind, what, expected, got, expected IS NOT DISTINCT FROM got AS passed
      FROM proof.comparison;

-- The members in which two objects differ, to be read by people.
CREATE FUNCTION proof.difference(expected jsonb, got jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN got IS NULL THEN 'there is no answer'
                ELSE string_agg(format('%s: expected %s, got %s', key,
                                       coalesce(e.value::text, 'nothing'),
                                       coalesce(g.value::text, 'nothing')),
                                '; ' ORDER BY key) END
      FROM jsonb_each(expected) AS e FULL JOIN jsonb_each(got) AS g USING (key)
     WHERE e.value IS DISTINCT FROM g.value
$$;

-- The recorded files, a row for each line (of the CSV: for each row, as an object). Lines
-- of conditions stay text: what jsonb cannot hold is a failure of its own.
CREATE TABLE proof.bucketing (data jsonb NOT NULL);
CREATE TABLE proof.conditions (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data   jsonb NOT NULL
);
CREATE TABLE proof.datafiles (data jsonb NOT NULL);
CREATE TABLE proof.decisions (data jsonb NOT NULL);
CREATE TABLE proof.public_datafiles (data jsonb NOT NULL);
CREATE TABLE proof.public_decisions (data jsonb NOT NULL);
CREATE TABLE proof.cases (data jsonb NOT NULL);
CREATE TABLE proof.disputed (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data   jsonb NOT NULL
);
CREATE TABLE proof.forced_variations (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data   jsonb NOT NULL
);
CREATE TABLE proof.user_profiles (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data   jsonb NOT NULL
);

-- --- configuration ------------------------------------------------------------------------

CREATE TABLE proof.datafile (name text PRIMARY KEY, data jsonb NOT NULL);

-- Makes a datafile the only one, and imports it a second time, which must find nothing to do.
CREATE PROCEDURE proof.load(wanted text, sticky boolean DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    datafile jsonb := (SELECT data FROM proof.datafile WHERE name = wanted);
    actions  text[];
    repeated bigint;
BEGIN
    PERFORM proof.wipe();
    COMMIT;
    actions := ARRAY(SELECT DISTINCT action FROM lotty_import_optimizely(datafile, load.sticky));
    COMMIT;
    repeated := (SELECT count(*) FROM lotty_import_optimizely(datafile, load.sticky));
    COMMIT;
    INSERT INTO proof.comparison
    VALUES ('repeated imports', wanted,
            jsonb_build_object('at first', '{created}'::text[], 'again', 0),
            jsonb_build_object('at first', actions, 'again', repeated));
END
$$;
