CREATE TABLE orders (
    order_id    bigint PRIMARY KEY,
    customer_id text NOT NULL,
    button      jsonb,
    decision_id uuid,
    placed_at   timestamptz NOT NULL DEFAULT now()
);

CREATE ROLE shop_app LOGIN PASSWORD 'change me';
GRANT INSERT ON orders TO shop_app;
SELECT lotty_grant('shop_app', 'decide');
