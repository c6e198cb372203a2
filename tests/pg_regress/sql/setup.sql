-- What the other tests use.

-- Runs a statement and says how it ended, so that SQLSTATE, DETAIL and HINT are compared too.
CREATE FUNCTION try(statement text) RETURNS TABLE (item text, content text)
LANGUAGE plpgsql AS $$
DECLARE
    code text; message text; detail text; hint text; n bigint;
BEGIN
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS n = ROW_COUNT;
        RETURN QUERY VALUES ('ok', n || ' rows');
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                                detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        -- Times differ from run to run.
        detail := regexp_replace(detail, 'It started at [^;]+;', 'It started at <time>;');
        RETURN QUERY SELECT * FROM (VALUES ('error', code || ': ' || message),
                                           ('detail', detail), ('hint', hint)) AS t (a, b)
                      WHERE b <> '';
    END;
END
$$;

-- A flag with one experiment and two variants; ids are derived from the key, so that the
-- same subjects get the same variants in every run.
CREATE FUNCTION make_experiment(name text, status text DEFAULT 'running', targeting text DEFAULT '',
                                traffic numeric DEFAULT 100) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    flag uuid := md5('flag ' || name)::uuid;
    experiment uuid := md5('experiment ' || name)::uuid;
BEGIN
    INSERT INTO lotty.flag (flag_id, key, value_type, default_value)
    VALUES (flag, name, 'string', '"default"');
    INSERT INTO lotty.experiment (experiment_id, flag_id, key, status, targeting, traffic_allocation)
    VALUES (experiment, flag, name, make_experiment.status, make_experiment.targeting, traffic);
    INSERT INTO lotty.variant (variant_id, experiment_id, name, value, weight, is_control)
    VALUES (md5('a ' || name)::uuid, experiment, 'a', '"A"', 50, true),
           (md5('b ' || name)::uuid, experiment, 'b', '"B"', 50, false);
END
$$;

-- Empties all tables.
CREATE FUNCTION wipe() RETURNS void LANGUAGE sql AS $$
    TRUNCATE lotty.flag, lotty.experiment, lotty.experiment_flag, lotty.variant,
             lotty.variant_value, lotty.override, lotty.audience, lotty.conflict_domain,
             lotty.experiment_conflict_domain, lotty.assignment, lotty.decision, lotty.event,
             lotty.event_source, lotty.dimension, lotty.metric, lotty.experiment_metric, lotty.analysis_plan,
             lotty.guardrail_log, lotty.report_progress, lotty.report_subject, lotty.report_measure, lotty.report_total,
             lotty.report_sum, lotty.report_state, lotty.report_count, lotty.report_stale, lotty.report_work;
    -- After the others, whose emptying it records.
    TRUNCATE lotty.change RESTART IDENTITY;
$$;
