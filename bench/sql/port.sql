-- What one would write in PL/pgSQL: the Lotty seed's decide_for_flag, step by step, with its queries. As in
-- the seed, a rule is text that is read and evaluated at each decision (`evaluate`). Who gives up the rule
-- language can have PostgreSQL evaluate a jsonpath instead; port.decide does so on demand. The log has the
-- columns and the indexes of lotty.decision_default.
CREATE SCHEMA port;
CREATE TABLE port.flag (flag_id uuid PRIMARY KEY, key text UNIQUE, default_value jsonb);
CREATE TABLE port.experiment (experiment_id uuid PRIMARY KEY, flag_id uuid, status text, targeting text, path jsonpath, traffic_allocation numeric);
CREATE INDEX ON port.experiment (flag_id);
CREATE TABLE port.variant (variant_id uuid PRIMARY KEY, experiment_id uuid, name text, value jsonb, weight numeric);
CREATE INDEX ON port.variant (experiment_id);
CREATE TABLE port.experiment_conflict_domain (domain_id uuid, experiment_id uuid, weight numeric, PRIMARY KEY (experiment_id, domain_id));
CREATE TABLE port.decision (LIKE lotty.decision_default INCLUDING ALL);

INSERT INTO port.flag SELECT flag_id, key, default_value FROM lotty.flag;
INSERT INTO port.experiment
SELECT experiment_id, flag_id, status, targeting, '$.country == "DE" && $.age >= 18', traffic_allocation
  FROM lotty.experiment WHERE kind = 'experiment';
INSERT INTO port.variant SELECT variant_id, experiment_id, name, value, weight FROM lotty.variant;

-- libs.dsl: comparisons of an attribute with a literal, AND, OR, NOT and parentheses.
CREATE FUNCTION port.tokens(rule text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(t.token[1])
      FROM regexp_matches(rule, $re$("[^"]*"|[0-9]+(?:\.[0-9]+)?|==|!=|<=|>=|[<>()]|[A-Za-z_][A-Za-z0-9_]*)$re$, 'g') AS t (token)
$$;

CREATE FUNCTION port.comparison(tokens text[], attrs jsonb, INOUT place int, OUT truth boolean) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    have jsonb := attrs -> tokens[place];
    want jsonb := tokens[place + 2]::jsonb;
BEGIN
    truth := CASE
        WHEN have IS NULL OR jsonb_typeof(have) <> jsonb_typeof(want) THEN false
        WHEN tokens[place + 1] = '==' THEN have = want
        WHEN tokens[place + 1] = '!=' THEN have <> want
        WHEN tokens[place + 1] = '<' THEN have < want
        WHEN tokens[place + 1] = '<=' THEN have <= want
        WHEN tokens[place + 1] = '>' THEN have > want
        WHEN tokens[place + 1] = '>=' THEN have >= want
    END;
    place := place + 3;
END
$$;

CREATE FUNCTION port.disjunction(tokens text[], attrs jsonb, INOUT place int, OUT truth boolean) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    conjunction boolean;
    negated boolean;
    term boolean;
BEGIN
    truth := false;
    LOOP
        conjunction := true;
        LOOP
            negated := upper(tokens[place]) = 'NOT';
            IF negated THEN
                place := place + 1;
            END IF;
            IF tokens[place] = '(' THEN
                SELECT d.place + 1, d.truth INTO place, term FROM port.disjunction(tokens, attrs, place + 1) AS d;
            ELSE
                SELECT c.place, c.truth INTO place, term FROM port.comparison(tokens, attrs, place) AS c;
            END IF;
            conjunction := conjunction AND term <> negated;
            EXIT WHEN upper(tokens[place]) IS DISTINCT FROM 'AND';
            place := place + 1;
        END LOOP;
        truth := truth OR conjunction;
        EXIT WHEN upper(tokens[place]) IS DISTINCT FROM 'OR';
        place := place + 1;
    END LOOP;
END
$$;

CREATE FUNCTION port.evaluate(rule text, attrs jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    tokens text[] := port.tokens(rule);
BEGIN
    RETURN tokens IS NULL OR (SELECT d.truth FROM port.disjunction(tokens, attrs, 1) AS d);
END
$$;

-- _hash_subject
CREATE FUNCTION port.hash_subject(subject text, experiment uuid, salt text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    digest bytea := sha256(convert_to(subject || ':' || experiment || ':' || salt, 'UTF8'));
    number numeric := 0;
BEGIN
    FOR i IN 0..7 LOOP
        number := number * 256 + get_byte(digest, i);
    END LOOP;
    RETURN (number % 10000) / 100.0;
END
$$;

-- _check_participation_limits
CREATE FUNCTION port.may_participate(subject text, experiment uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    active_count bigint;
BEGIN
    SELECT count(DISTINCT d.experiment_id) INTO active_count
      FROM port.decision d
     WHERE d.subject_id = subject AND d.reason = 'experiment_assigned' AND d.experiment_id IS NOT NULL
       AND d.experiment_id IN (SELECT e.experiment_id FROM port.experiment e WHERE e.status IN ('running', 'paused'))
       AND d.experiment_id <> experiment;
    IF active_count >= 3 THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (
        SELECT FROM port.decision d
         WHERE d.subject_id = subject AND d.reason = 'experiment_assigned' AND d.experiment_id IS NOT NULL
           AND d.created_at >= now() - interval '7 days'
           AND d.experiment_id IN (SELECT e.experiment_id FROM port.experiment e WHERE e.status IN ('completed', 'archived'))
           AND d.experiment_id <> experiment);
END
$$;

-- decide_for_flag
CREATE FUNCTION port.decide(flag_key text, subject text, attrs jsonb, by_path boolean DEFAULT false) RETURNS lotty.decision_result LANGUAGE plpgsql AS $$
DECLARE
    flag port.flag;
    experiment port.experiment;
    variant port.variant;
    total_weight numeric;
    chosen numeric;
    cumulative numeric := 0;
    result lotty.decision_result;
BEGIN
    SELECT * INTO flag FROM port.flag f WHERE f.key = flag_key;
    SELECT * INTO experiment FROM port.experiment e
     WHERE e.flag_id = flag.flag_id AND e.status IN ('running', 'paused') LIMIT 1;
    result := ROW(flag_key, flag.default_value, uuidv7(), experiment.experiment_id, NULL, 'experiment_assigned');
    IF flag.flag_id IS NULL THEN
        result.reason := 'flag_not_found';
    ELSIF experiment.status IS DISTINCT FROM 'running' THEN
        result.reason := 'no_active_experiment';
    ELSIF NOT (CASE WHEN by_path THEN (attrs @@ experiment.path) IS TRUE
                   ELSE port.evaluate(experiment.targeting, attrs) END) THEN
        result.reason := 'targeting_mismatch';
    ELSIF NOT port.may_participate(subject, experiment.experiment_id) THEN
        result.reason := 'participation_limit';
    ELSIF EXISTS (SELECT FROM port.experiment_conflict_domain m WHERE m.experiment_id = experiment.experiment_id) THEN
        result.reason := 'domain_conflict';
    ELSIF port.hash_subject(subject, experiment.experiment_id, 'allocation') >= experiment.traffic_allocation THEN
        result.reason := 'outside_traffic_allocation';
    ELSE
        SELECT sum(v.weight) INTO total_weight FROM port.variant v WHERE v.experiment_id = experiment.experiment_id;
        chosen := port.hash_subject(subject, experiment.experiment_id, 'variant') * total_weight / 100;
        FOR variant IN SELECT * FROM port.variant v WHERE v.experiment_id = experiment.experiment_id ORDER BY v.name LOOP
            cumulative := cumulative + variant.weight;
            EXIT WHEN chosen < cumulative;
        END LOOP;
        result.value := variant.value;
        result.variant_id := variant.variant_id;
    END IF;
    INSERT INTO port.decision (decision_id, flag_key, subject_id, experiment_id, variant_id, value, reason)
    VALUES (result.decision_id, flag_key, subject, result.experiment_id, result.variant_id, result.value, result.reason);
    RETURN result;
END
$$;
