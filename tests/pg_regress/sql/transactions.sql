-- The decision belongs to the caller's transaction.
SELECT wipe();
SELECT make_experiment('f');

-- Rolled back: no decision, no assignment.
BEGIN;
SELECT reason FROM lotty_decide('f', 'u1');
SELECT (SELECT count(*) FROM lotty.decision) AS decisions, (SELECT count(*) FROM lotty.assignment) AS assignments;
ROLLBACK;
SELECT (SELECT count(*) FROM lotty.decision) AS decisions, (SELECT count(*) FROM lotty.assignment) AS assignments;

-- Rolled back to a savepoint: only what came after it is gone.
BEGIN;
SELECT reason FROM lotty_decide('f', 'u1');
SAVEPOINT s;
SELECT reason FROM lotty_decide('f', 'u2');
ROLLBACK TO s;
SELECT reason FROM lotty_decide('f', 'u3');
COMMIT;
SELECT subject_id FROM lotty.decision ORDER BY 1;
SELECT subject_id FROM lotty.assignment ORDER BY 1;

-- An error later in the statement takes the decision along; so does one caught in PL/pgSQL.
SELECT reason, 1 / 0 FROM lotty_decide('f', 'u4');
DO $$
BEGIN
    PERFORM lotty_decide('f', 'u5');
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    PERFORM lotty_decide('f', 'u6');
END
$$;
SELECT subject_id FROM lotty.decision ORDER BY 1;

-- created_at is the time of the transaction: the same as now() in the rows beside it.
BEGIN;
SELECT pg_sleep(0.01);
SELECT count(*) FROM lotty_decide('f', 'u7');
SELECT created_at = now() AS same FROM lotty.decision WHERE subject_id = 'u7';
COMMIT;

-- Read-only: an error that points to lotty_evaluate.
BEGIN READ ONLY;
SELECT * FROM try($$SELECT lotty_decide('f', 'u8')$$);
SELECT value, decision_id, reason FROM lotty_evaluate('f', 'u8');
ROLLBACK;

-- In an INSERT, an UPDATE, a trigger, a prepared statement, a cursor.
CREATE TABLE orders (id int PRIMARY KEY, buyer text, decision uuid, color text);
INSERT INTO orders SELECT i, 'b' || i, decision_id, value #>> '{}' FROM generate_series(1, 3) i, lotty_decide('f', 'b' || i);
SELECT o.id, o.color = d.value #>> '{}' AS same FROM orders o JOIN lotty.decision d ON d.decision_id = o.decision ORDER BY 1;
CREATE FUNCTION decide_for_buyer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT decision_id, value #>> '{}' INTO NEW.decision, NEW.color FROM lotty_decide('f', NEW.buyer);
    RETURN NEW;
END
$$;
CREATE TRIGGER decide BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION decide_for_buyer();
INSERT INTO orders (id, buyer) VALUES (4, 'b4');
SELECT count(*) FROM orders JOIN lotty.decision ON decision_id = decision;
PREPARE d(text) AS SELECT reason FROM lotty_decide('f', $1);
EXECUTE d('p1');
EXECUTE d('p1');
DEALLOCATE d;
BEGIN;
DECLARE c CURSOR FOR SELECT reason FROM generate_series(1, 5) i, LATERAL lotty_decide('f', 'c' || i);
FETCH 2 FROM c;
CLOSE c;
COMMIT;
SELECT count(*) AS decided_by_fetch FROM lotty.decision WHERE subject_id LIKE 'c_';
DROP TABLE orders;
DROP FUNCTION decide_for_buyer();
