-- Decides for all users of the shop in one statement, lets two weeks pass, and shows what
-- came of it.

\set QUIET on
\pset linestyle unicode
\pset border 2
\pset footer off
\pset null '–'
SET client_min_messages = warning;

\pset title 'The shop'
SELECT to_char((SELECT count(*) FROM shop.users), 'FM999,999') AS users,
       to_char(count(*), 'FM999,999') AS orders,
       to_char(sum(amount), 'FM999,999,999.00') AS revenue,
       round(avg(amount), 2) AS "per order"
FROM shop.orders;

\pset title 'The experiment'
SELECT f.key AS flag, e.key AS experiment, e.targeting, e.traffic_allocation || ' %' AS traffic,
       (SELECT string_agg(v.name, ' : ' ORDER BY v.name) FROM lotty.variant AS v
        WHERE v.experiment_id = e.experiment_id) AS variants,
       e.status
FROM lotty.experiment AS e JOIN lotty.flag AS f USING (flag_id);

\pset title
\echo 'All users are decided in one statement:'
\echo
\echo '   SELECT d.reason, count(*)'
\echo '   FROM shop.users u'
\echo '   CROSS JOIN LATERAL lotty_decide(''checkout_button'', u.user_id, u.attrs) d'
\echo '   GROUP BY d.reason;'
\echo
\pset title 'Decisions by reason'
\timing on
SELECT d.reason::text AS reason, count(*) AS users
FROM shop.users AS u
CROSS JOIN LATERAL lotty_decide('checkout_button', u.user_id, u.attrs) AS d
GROUP BY d.reason
ORDER BY users DESC, reason;
\timing off
\echo

\pset title 'Ten of them, as the log keeps them'
SELECT d.subject_id AS "user", u.country, u.age, d.value, v.name AS variant, d.reason::text AS reason
FROM lotty.decision AS d
JOIN shop.users AS u ON u.user_id = d.subject_id
LEFT JOIN lotty.variant AS v USING (variant_id)
ORDER BY length(d.subject_id), d.subject_id
LIMIT 10;

\pset title 'Who saw what'
SELECT e.variant, count(*) AS users,
       to_char(100.0 * count(*) / sum(count(*)) OVER (), 'FM990.0 %') AS share
FROM lotty.exposure AS e
WHERE e.experiment_key = 'checkout_button_colour'
GROUP BY e.variant
ORDER BY e.variant;

\pset title 'A sign-up and its decision roll back together'
BEGIN;
SELECT reason::text AS reason FROM lotty_decide('checkout_button', 'visitor-2', '{"country": "AT", "age": 44}') \gset
INSERT INTO shop.users (user_id, country, plan, age, signed_up_at) VALUES ('visitor-2', 'AT', 'free', 44, now());
ROLLBACK;
SELECT :'reason' AS "decided in a transaction",
       (SELECT count(*) FROM shop.users WHERE user_id = 'visitor-2') AS "users after its rollback",
       (SELECT count(*) FROM lotty.decision WHERE subject_id = 'visitor-2') AS "decisions after its rollback";

-- Two weeks pass, in which the users come one after the other: their decisions are moved into the past, which only
-- a superuser can do. One user in ten orders within a few days, more of them among those who see green.
UPDATE lotty.decision SET created_at = now() - interval '14 days' * shop.noise(subject_id || ' visit');
INSERT INTO shop.orders (user_id, amount, occurred_at)
SELECT u.user_id,
       round((8 + 120 * shop.noise(u.user_id || ' next amount') ^ 2)::numeric, 2),
       v.at + least(interval '3 days', now() - v.at) * shop.noise(u.user_id || ' next time')
FROM shop.users AS u
LEFT JOIN lotty.exposure AS e
    ON e.subject_id = u.user_id AND e.experiment_key = 'checkout_button_colour'
CROSS JOIN LATERAL (SELECT coalesce(e.exposed_at, now() - interval '14 days' * shop.noise(u.user_id || ' visit')) AS at) AS v
WHERE shop.noise(u.user_id || ' next order') < CASE WHEN e.variant = 'green' THEN 0.145 ELSE 0.10 END;

\pset title 'Two weeks later: a report is a join with the orders'
WITH subject AS (
    SELECT e.variant, e.subject_id, count(o.order_id) > 0 AS bought, coalesce(sum(o.amount), 0) AS revenue
    FROM lotty.exposure AS e
    LEFT JOIN shop.orders AS o
        ON o.user_id = e.subject_id
       AND o.occurred_at >= e.exposed_at AND o.occurred_at < e.exposed_at + interval '14 days'
    WHERE e.experiment_key = 'checkout_button_colour' AND NOT e.crossover
    GROUP BY e.variant, e.subject_id
), arm AS (
    SELECT variant, count(*) AS users, count(*) FILTER (WHERE bought) AS buyers,
           avg(bought::integer) AS rate, avg(revenue) AS revenue
    FROM subject
    GROUP BY variant
)
SELECT a.variant, a.users, a.buyers,
       to_char(100 * a.rate, 'FM990.0 %') AS conversion,
       to_char(a.revenue, 'FM990.00') AS "revenue per user",
       CASE WHEN a.variant <> c.variant THEN
           to_char(100 * (a.rate - c.rate), 'SG0.0') || ' ± ' ||
           to_char(196 * sqrt(a.rate * (1 - a.rate) / a.users + c.rate * (1 - c.rate) / c.users), 'FM0.0') ||
           ' points'
       END AS "against blue (95 %)"
FROM arm AS a
JOIN arm AS c ON c.variant = 'blue'
ORDER BY a.variant;

SELECT lotty.add_event_source('order', '
    SELECT order_id AS event_id, user_id AS subject_id, amount AS value, occurred_at FROM shop.orders') \g /dev/null
INSERT INTO lotty.metric (key, type, event_type, direction, cuped_days, winsorize_upper) VALUES
    ('conversion', 'conversion', 'order', 'increase', NULL, NULL),
    ('orders', 'count', 'order', 'increase', 180, NULL),
    ('revenue', 'sum', 'order', 'increase', NULL, 0.999);
INSERT INTO lotty.metric (key, type, event_type, numerator, denominator)
VALUES ('order value', 'ratio', 'order', 'sum', 'count');
SELECT lotty.attach_metric('checkout_button_colour', key, CASE key WHEN 'conversion' THEN 'goal' WHEN 'order value' THEN 'guardrail' ELSE 'secondary' END)
FROM lotty.metric \g /dev/null

\pset title 'The same, with its uncertainty: lotty.report(''checkout_button_colour'')'
SELECT metric, variant, n AS users, round(mean::numeric, 3) AS mean,
       to_char(100 * lift, 'SG990.0 %') AS lift,
       to_char(100 * lift_ci_lower, 'SG990.0') || ' to ' || to_char(100 * lift_ci_upper, 'SG990.0') AS "95 %",
       round(p_value::numeric, 4) AS p, round(seq_p_value::numeric, 4) AS "always valid p", verdict
FROM lotty.report('checkout_button_colour');

\pset title 'Can it be trusted? lotty.health(''checkout_button_colour'')'
SELECT check_name, status, left(detail, 90) AS detail FROM lotty.health('checkout_button_colour');

-- The picture of it.
\pset format unaligned
\pset tuples_only on
SELECT lotty_report_svg('checkout_button_colour') \g :picture
\pset format aligned
\pset tuples_only off
\echo A picture of the report: :picture
\echo
