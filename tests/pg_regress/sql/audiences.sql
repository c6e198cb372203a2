-- Named audiences.
SELECT wipe();
INSERT INTO lotty.audience (name, targeting) VALUES
    ('adults', 'age >= 18'),
    ('dach', 'country IN ("DE", "AT", "CH")'),
    ('adults in dach', 'audience("adults") AND audience("dach")');
SELECT lotty_targeting_matches('audience("adults in dach")', '{"age": 18, "country": "CH"}') AS t,
       lotty_targeting_matches('audience("adults in dach")', '{"age": 17, "country": "CH"}') AS f,
       lotty_targeting_matches('audience("adults in dach")', '{"age": 18}') IS NULL AS u,
       lotty_targeting_matches('audience("ADULTS")', '{"age": 18}') IS NULL AS unknown_audience;

-- A change is seen by the next statement.
UPDATE lotty.audience SET targeting = 'age >= 21' WHERE name = 'adults';
SELECT lotty_targeting_matches('audience("adults in dach")', '{"age": 18, "country": "CH"}');

-- Refused: an invalid rule, cycles of any length.
SELECT * FROM try($$INSERT INTO lotty.audience (name, targeting) VALUES ('bad', 'age >=')$$);
SELECT * FROM try($$INSERT INTO lotty.audience (name, targeting) VALUES ('self', 'audience("self")')$$);
SELECT * FROM try($$UPDATE lotty.audience SET targeting = 'NOT audience("adults in dach")' WHERE name = 'adults'$$);
BEGIN;
SET LOCAL client_min_messages = error;
INSERT INTO lotty.audience (name, targeting) VALUES ('a', 'audience("b")'), ('b', 'audience("c")');
SELECT * FROM try($$INSERT INTO lotty.audience (name, targeting) VALUES ('c', 'x = 1 OR audience("a")')$$);
ROLLBACK;

-- An audience that does not exist (yet): a warning, and unknown for everyone.
INSERT INTO lotty.audience (name, targeting) VALUES ('later', 'audience("not yet")');
SELECT lotty_targeting_matches('audience("later") OR TRUE', '{}') AS t,
       lotty_targeting_matches('NOT audience("later")', '{}') IS NULL AS u;

-- In use: neither deleted nor renamed.
SELECT make_experiment('e', 'draft', 'audience("dach")');
SELECT * FROM try($$DELETE FROM lotty.audience WHERE name = 'dach'$$);
SELECT * FROM try($$UPDATE lotty.audience SET name = 'alps' WHERE name = 'dach'$$);
DELETE FROM lotty.audience WHERE name = 'adults in dach';
UPDATE lotty.experiment SET targeting = '';
DELETE FROM lotty.audience WHERE name = 'dach';

-- Timestamps are the database's.
UPDATE lotty.audience SET created_at = 'epoch', updated_at = 'epoch' WHERE name = 'adults';
SELECT created_at > 'epoch' AS created, updated_at > 'epoch' AS updated FROM lotty.audience WHERE name = 'adults';

-- Names form a chain of doublings: each is evaluated once, so this ends at once.
BEGIN;
SET LOCAL client_min_messages = error;
INSERT INTO lotty.audience (name, targeting) VALUES ('x0', 'a = 1');
INSERT INTO lotty.audience (name, targeting)
SELECT 'x' || i, format('audience("x%s") AND audience("x%s") AND audience("x%s")', i - 1, i - 1, i - 1)
  FROM generate_series(1, 15) i;
SELECT lotty_targeting_matches('audience("x15")', '{"a": 1}');
ROLLBACK;
