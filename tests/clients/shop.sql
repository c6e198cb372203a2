CREATE TABLE orders (
    order_id    bigint PRIMARY KEY,
    customer_id text NOT NULL,
    button      jsonb,
    decision_id uuid,
    placed_at   timestamptz NOT NULL DEFAULT now()
);

CREATE ROLE shop_app LOGIN PASSWORD 'change me';
GRANT INSERT ON orders TO shop_app;
GRANT EXECUTE ON FUNCTION lotty_decide(text, text, jsonb), lotty_evaluate(text, text, jsonb) TO shop_app;
