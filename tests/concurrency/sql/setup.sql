-- Ten flags, each with an experiment that is replaced by another one again and again.

-- Ended experiments would keep their subjects out of all others for days.
SELECT format('ALTER DATABASE %I SET lotty.cooldown_days = 0', current_database()) \gexec

INSERT INTO lotty.flag (key, value_type, default_value)
SELECT 'flag ' || number, 'string', '"default"' FROM generate_series(1, 10) AS number;

CREATE FUNCTION start_experiment(flag text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    id uuid;
BEGIN
    INSERT INTO lotty.experiment (flag_id, key)
    SELECT flag_id, flag || ' ' || (SELECT 1 + count(*) FROM lotty.experiment WHERE flag_id = f.flag_id)
      FROM lotty.flag f WHERE f.key = flag
    RETURNING experiment_id INTO id;
    INSERT INTO lotty.variant (experiment_id, name, value) VALUES (id, 'a', '"A"'), (id, 'b', '"B"');
    UPDATE lotty.experiment SET status = 'running' WHERE experiment_id = id;
    RETURN id;
END
$$;

CREATE FUNCTION change_status(flag text, old_status text, new_status text) RETURNS void LANGUAGE sql AS $$
    UPDATE lotty.experiment e SET status = new_status
      FROM lotty.flag f
     WHERE f.flag_id = e.flag_id AND f.key = flag AND e.status = ANY (string_to_array(old_status, ' '))
$$;

SELECT count(start_experiment(key)) FROM lotty.flag;
