-- A literal port of how the system that Lotty's rules come from checks its limits: count the
-- subject's experiments in the log, then insert the decision. Nothing keeps two transactions
-- from counting at the same time. The load under which Lotty's limit must hold has to break
-- this one, else it would prove nothing.

CREATE SCHEMA seed_port;

CREATE TABLE seed_port.decision (
    decision_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    flag_key      text NOT NULL,
    subject_id    text NOT NULL,
    experiment_id uuid,
    variant_id    uuid,
    value         text NOT NULL,
    reason        text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON seed_port.decision (subject_id, reason);

-- _check_participation_limits, with MAX_CONCURRENT_EXPERIMENTS = 3. The cool-down is off, as
-- it is for Lotty under this load.
CREATE FUNCTION seed_port.check_participation_limits(subject text, experiment uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    cooldown_days constant integer := 0;
    active_count integer;
BEGIN
    SELECT count(DISTINCT d.experiment_id) INTO active_count
      FROM seed_port.decision d
     WHERE d.subject_id = subject AND d.reason = 'experiment_assigned' AND d.experiment_id IS NOT NULL
       AND d.experiment_id IN (SELECT e.experiment_id FROM lotty.experiment e
                                WHERE e.status IN ('running', 'paused'))
       AND d.experiment_id <> experiment;
    IF active_count >= 3 THEN
        RETURN false;
    END IF;
    RETURN cooldown_days = 0 OR NOT EXISTS (
        SELECT FROM seed_port.decision d
         WHERE d.subject_id = subject AND d.reason = 'experiment_assigned' AND d.experiment_id IS NOT NULL
           AND d.created_at >= now() - make_interval(days => cooldown_days)
           AND d.experiment_id IN (SELECT e.experiment_id FROM lotty.experiment e
                                    WHERE e.status IN ('completed', 'archived'))
           AND d.experiment_id <> experiment);
END
$$;

-- decide_for_flag: without targeting rules and conflict domains, which the load does not use,
-- and without caches.
CREATE FUNCTION seed_port.decide(flag_key text, subject text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    flag lotty.flag;
    experiment lotty.experiment;
    variant lotty.variant;
    total_weight numeric;
    normalized_hash numeric;
    result text;
BEGIN
    SELECT * INTO flag FROM lotty.flag f WHERE f.key = flag_key;
    SELECT * INTO experiment FROM lotty.experiment e
     WHERE e.flag_id = flag.flag_id AND e.status IN ('running', 'paused') LIMIT 1;
    IF flag.flag_id IS NULL THEN
        result := 'flag_not_found';
    ELSIF experiment.status IS DISTINCT FROM 'running' THEN
        result := 'no_active_experiment';
    ELSIF NOT seed_port.check_participation_limits(subject, experiment.experiment_id) THEN
        result := 'participation_limit';
    ELSIF lotty_bucket(subject, experiment.experiment_id::text, 'allocation') / 100.0
          >= experiment.traffic_allocation THEN
        result := 'outside_traffic_allocation';
    ELSE
        SELECT sum(v.weight) INTO total_weight FROM lotty.variant v
         WHERE v.experiment_id = experiment.experiment_id;
        normalized_hash := lotty_bucket(subject, experiment.experiment_id::text, 'variant') / 100.0
                           * total_weight / 100;
        SELECT v.* INTO variant
          FROM (SELECT v.variant_id, sum(v.weight) OVER (ORDER BY v.name) AS cumulative
                  FROM lotty.variant v WHERE v.experiment_id = experiment.experiment_id) AS s
          JOIN lotty.variant v USING (variant_id)
         WHERE normalized_hash < s.cumulative ORDER BY s.cumulative LIMIT 1;
        result := 'experiment_assigned';
    END IF;
    INSERT INTO seed_port.decision (flag_key, subject_id, experiment_id, variant_id, value, reason)
    VALUES (flag_key, subject, experiment.experiment_id, variant.variant_id,
            coalesce(variant.value, flag.default_value)::text, result);
    RETURN result;
END
$$;
