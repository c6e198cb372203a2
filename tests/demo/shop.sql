-- A shop with 10,000 users and a year of their orders, then Lotty with a flag and an
-- experiment in it. Whatever looks random is computed from a hash, so that every run of
-- the demo shows the same.

\set QUIET on
SET client_min_messages = warning;

CREATE SCHEMA shop;

-- A number from 0 up to 1 that depends on the text only.
CREATE FUNCTION shop.noise(key text) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN ('x' || substr(md5(key), 1, 8))::bit(32)::bigint / 4294967296.0;

CREATE TABLE shop.users (
    user_id      text PRIMARY KEY,
    country      text NOT NULL,
    plan         text NOT NULL,
    age          integer NOT NULL,
    signed_up_at timestamptz NOT NULL,
    attrs        jsonb NOT NULL DEFAULT '{}'
);

INSERT INTO shop.users (user_id, country, plan, age, signed_up_at)
SELECT user_id,
       (ARRAY['DE', 'DE', 'DE', 'DE', 'AT', 'CH', 'FR', 'NL', 'PL', 'US'])
           [1 + floor(10 * shop.noise(user_id || ' country'))::integer],
       (ARRAY['free', 'free', 'free', 'plus', 'pro'])
           [1 + floor(5 * shop.noise(user_id || ' plan'))::integer],
       15 + floor(30 * shop.noise(user_id || ' age') + 30 * shop.noise(user_id || ' age too'))::integer,
       date_trunc('day', now()) - interval '1 year' * (1 + 2 * shop.noise(user_id || ' sign-up'))
FROM generate_series(1, 10000) AS number,
     LATERAL (SELECT 'user-' || number AS user_id) AS named;

-- What targeting rules may look at.
UPDATE shop.users SET attrs = jsonb_build_object('country', country, 'plan', plan, 'age', age);

CREATE TABLE shop.orders (
    order_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     text NOT NULL REFERENCES shop.users,
    amount      numeric(10, 2) NOT NULL CHECK (amount > 0),
    occurred_at timestamptz NOT NULL
);

-- Many users order once or twice a year, few order often.
INSERT INTO shop.orders (user_id, amount, occurred_at)
SELECT user_id,
       round((8 + 120 * shop.noise(key || ' amount') ^ 2)::numeric, 2),
       now() - interval '365 days' * shop.noise(key || ' time')
FROM shop.users,
     generate_series(1, floor(12 * shop.noise(user_id || ' orders') ^ 2)::integer) AS number,
     LATERAL (SELECT user_id || ' order ' || number AS key) AS named
ORDER BY 3;

CREATE INDEX ON shop.orders (user_id, occurred_at);
VACUUM ANALYZE shop.users, shop.orders;

CREATE EXTENSION lotty;

-- The identifiers are given here only to make every run of the demo alike: the hash that
-- picks a variant is taken over the experiment's. Otherwise they are generated.
INSERT INTO lotty.flag (flag_id, key, value_type, default_value, description)
VALUES ('5a0b0c00-0000-4000-8000-000000000001', 'checkout_button', 'string', '"blue"',
        'colour of the button that ends the checkout');

INSERT INTO lotty.experiment (experiment_id, flag_id, key, targeting, traffic_allocation)
VALUES ('5a0b0c00-0000-4000-8000-000000000002', '5a0b0c00-0000-4000-8000-000000000001',
        'checkout_button_colour', 'country IN ("DE", "AT", "CH") AND age >= 18', 90);

INSERT INTO lotty.variant (experiment_id, name, value, weight, is_control)
VALUES ('5a0b0c00-0000-4000-8000-000000000002', 'blue', '"blue"', 1, true),
       ('5a0b0c00-0000-4000-8000-000000000002', 'green', '"green"', 1, false);

UPDATE lotty.experiment SET status = 'running' WHERE key = 'checkout_button_colour';
