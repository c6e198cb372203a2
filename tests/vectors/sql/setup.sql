-- What all kinds of vectors use.

CREATE EXTENSION lotty;
CREATE SCHEMA vectors;

-- One row for each thing compared. Kinds are listed in `run`, with how many there must be.
-- Both sides are JSON objects: as jsonb, 1 equals 1.0 and is not true.
CREATE TABLE vectors.comparison (
    kind     text  NOT NULL,
    what     text  NOT NULL,
    expected jsonb NOT NULL,
    got      jsonb
);

CREATE VIEW vectors.verdict AS
    SELECT kind, what, expected, got, expected IS NOT DISTINCT FROM got AS passed
      FROM vectors.comparison;

-- The members in which two objects differ, to be read by people.
CREATE FUNCTION vectors.difference(expected jsonb, got jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN got IS NULL THEN 'there is no answer'
                ELSE string_agg(format('%s: expected %s, got %s', key,
                                       coalesce(e.value::text, 'nothing'),
                                       coalesce(g.value::text, 'nothing')),
                                '; ' ORDER BY key) END
      FROM jsonb_each(expected) AS e FULL JOIN jsonb_each(got) AS g USING (key)
     WHERE e.value IS DISTINCT FROM g.value
$$;

-- The SQLSTATE with which a statement is refused, or '00000'. It leaves nothing behind.
CREATE FUNCTION vectors.sqlstate_of(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'LV000';
EXCEPTION
    WHEN SQLSTATE 'LV000' THEN RETURN '00000';
    WHEN OTHERS THEN RETURN SQLSTATE;
END
$$;

-- The recorded data, a row for each line (of the CSV: for each row, as an object).
CREATE TABLE vectors.hash (data jsonb NOT NULL);
CREATE TABLE vectors.variant (data jsonb NOT NULL);
CREATE TABLE vectors.scenario (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data   jsonb NOT NULL
);
-- As text, so that a line which PostgreSQL cannot read is one failure and not the end.
CREATE TABLE vectors.targeting (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data   text NOT NULL
);
