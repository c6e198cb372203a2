-- The flags that are asked. Every experiment has two variants of equal weight.
CREATE EXTENSION lotty;
CREATE EXTENSION pg_prewarm;
CREATE SCHEMA bench;

CREATE FUNCTION bench.make(name text, targeting text DEFAULT 'country == "DE" AND age >= 18') RETURNS void
LANGUAGE sql AS $$
    WITH f AS (INSERT INTO lotty.flag (key, value_type, default_value) VALUES (name, 'string', '"blue"') RETURNING flag_id),
         e AS (INSERT INTO lotty.experiment (flag_id, key, targeting) SELECT flag_id, name, make.targeting FROM f RETURNING experiment_id)
    INSERT INTO lotty.variant (experiment_id, name, value)
    SELECT experiment_id, v, to_jsonb(v) FROM e, unnest(ARRAY['blue', 'green']) AS v
$$;

-- Known subjects are in the first three; the fourth turns them away.
SELECT bench.make(name) FROM unnest(ARRAY['first', 'second', 'third', 'fourth']) AS name;

-- The other reasons.
SELECT bench.make('sticky'), bench.make('outside'), bench.make('empty'), bench.make('conflict'),
       bench.make('forced'), bench.make('whitelisted'), bench.make('disabled'), bench.make('idle'),
       bench.make('rollout', 'country == "FR"'), bench.make('french', 'country == "FR"');
UPDATE lotty.experiment SET sticky = true WHERE key = 'sticky';
UPDATE lotty.experiment SET traffic_allocation = 0 WHERE key = 'outside';
UPDATE lotty.flag SET enabled = false WHERE key = 'disabled';
WITH d AS (INSERT INTO lotty.conflict_domain (key, policy) VALUES ('nobody', 'weighted') RETURNING domain_id)
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, weight)
SELECT domain_id, experiment_id, 0 FROM d, lotty.experiment WHERE key = 'conflict';
WITH e AS (INSERT INTO lotty.experiment (flag_id, key, kind) SELECT flag_id, 'everyone', 'rollout' FROM lotty.flag WHERE key = 'rollout'
           RETURNING experiment_id)
INSERT INTO lotty.variant (experiment_id, name, value) SELECT experiment_id, 'blue', '"blue"' FROM e;
UPDATE lotty.experiment SET status = 'running' WHERE key <> 'idle';
-- Only by a superuser's hand does a running experiment have no variants.
SET session_replication_role = replica;
DELETE FROM lotty.variant v USING lotty.experiment e WHERE v.experiment_id = e.experiment_id AND e.key = 'empty';
RESET session_replication_role;
