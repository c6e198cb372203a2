-- What the configuration tables refuse, with SQLSTATE, DETAIL and HINT.
SELECT wipe();

-- flag
SELECT * FROM try($$INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'string', '5')$$);
SELECT * FROM try($$INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'boolean', 'null')$$);
SELECT * FROM try($$INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('', 'string', '"x"')$$) WHERE item = 'error';
SELECT * FROM try($$INSERT INTO lotty.flag (key, value_type, default_value) VALUES (repeat('x', 513), 'json', 'null')$$) WHERE item = 'error';
SELECT * FROM try($$INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'text', '"x"')$$) WHERE item = 'error';
INSERT INTO lotty.flag (key, value_type, default_value) VALUES ('f', 'string', '"x"'), ('j', 'json', 'null');
SELECT * FROM try($$UPDATE lotty.flag SET flag_id = gen_random_uuid() WHERE key = 'f'$$);
SELECT * FROM try($$UPDATE lotty.flag SET value_type = 'number' WHERE key = 'f'$$);

-- experiment
INSERT INTO lotty.experiment (flag_id, key) SELECT flag_id, 'e' FROM lotty.flag WHERE key = 'f';
SELECT * FROM try($$UPDATE lotty.experiment SET targeting = 'country IN ("DE", AND age > 18'$$);
SELECT * FROM try($$INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, 'broken', 'a = ' FROM lotty.flag WHERE key = 'f'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET traffic_allocation = -1$$);
SELECT * FROM try($$UPDATE lotty.experiment SET traffic_allocation = 100.01$$);
SELECT * FROM try($$UPDATE lotty.experiment SET traffic_allocation = 'NaN'$$);
SELECT * FROM try($$UPDATE lotty.experiment SET traffic_allocation = 0.00000000001$$);
SELECT * FROM try($$UPDATE lotty.experiment SET status = 'started'$$) WHERE item = 'error';
SELECT * FROM try($$UPDATE lotty.experiment SET experiment_id = gen_random_uuid()$$);
SELECT * FROM try($$INSERT INTO lotty.experiment (flag_id, key) VALUES (gen_random_uuid(), 'nowhere')$$) WHERE item = 'error';

-- variant
INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, 'a', '"A"' FROM lotty.experiment;
SELECT * FROM try($$INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, 'b', 'true' FROM lotty.experiment$$);
SELECT * FROM try($$UPDATE lotty.variant SET value = '{"a": 1}'$$);
SELECT * FROM try($$UPDATE lotty.variant SET weight = -1$$);
SELECT * FROM try($$UPDATE lotty.variant SET weight = 'NaN'$$);
SELECT * FROM try($$UPDATE lotty.variant SET weight = 'Infinity'$$);
SELECT * FROM try($$UPDATE lotty.variant SET weight = 1e12$$);
SELECT * FROM try($$UPDATE lotty.variant SET weight = 0.000000001$$);
SELECT * FROM try($$UPDATE lotty.variant SET variant_id = gen_random_uuid()$$);
SELECT * FROM try($$INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, 'a', '"B"' FROM lotty.experiment$$) WHERE item = 'error';
INSERT INTO lotty.variant (experiment_id, name, value, is_control) SELECT experiment_id, 'c', '"C"', true FROM lotty.experiment;
SELECT * FROM try($$UPDATE lotty.variant SET is_control = true$$) WHERE item = 'error';

-- The flag's type cannot change under its variants, except to json, which takes everything.
SELECT * FROM try($$UPDATE lotty.flag SET value_type = 'boolean', default_value = 'true' WHERE key = 'f'$$);
SELECT * FROM try($$UPDATE lotty.flag SET value_type = 'json' WHERE key = 'f'$$);
SELECT * FROM try($$UPDATE lotty.flag SET value_type = 'string' WHERE key = 'f'$$);

-- Variants are numbered in the order of insertion, also by one statement.
INSERT INTO lotty.variant (experiment_id, name, value)
SELECT experiment_id, n, '"x"' FROM lotty.experiment, unnest(ARRAY['z', 'y', 'x']) AS n;
SELECT name, rank FROM lotty.variant ORDER BY rank;

-- What the database keeps is not the caller's to write.
UPDATE lotty.experiment SET version = 77, created_at = 'epoch', updated_at = 'epoch', started_at = 'epoch', description = 'x';
SELECT version, created_at > 'epoch' AS created, updated_at > 'epoch' AS updated, started_at FROM lotty.experiment;
UPDATE lotty.experiment SET version = 99, description = 'x';
SELECT version FROM lotty.experiment;
UPDATE lotty.flag SET created_at = 'epoch', updated_at = 'epoch' WHERE key = 'f';
SELECT created_at > 'epoch' AS created, updated_at > 'epoch' AS updated FROM lotty.flag WHERE key = 'f';

-- A dump restores what it holds.
INSERT INTO lotty.experiment (flag_id, key, status, version, created_at, updated_at, started_at, completed_at)
SELECT flag_id, 'restored', 'completed', 12, '2020-01-01', '2020-01-05', '2020-01-02', '2020-01-04' FROM lotty.flag WHERE key = 'f'
RETURNING version, created_at, updated_at, started_at, completed_at;

-- Deleting what has never run takes its variants along; the flag of something that ran stays.
DELETE FROM lotty.experiment WHERE key = 'e';
SELECT count(*) FROM lotty.variant;
SELECT * FROM try($$DELETE FROM lotty.flag WHERE key = 'f'$$);
SELECT * FROM try($$DELETE FROM lotty.flag WHERE key = 'j'$$);
