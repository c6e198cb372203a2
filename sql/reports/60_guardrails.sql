-- Guardrails that act.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TABLE lotty.guardrail_log (
    log_id        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    logged_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    experiment_id uuid        NOT NULL,
    metric_id     uuid        NOT NULL,
    variant_id    uuid        NOT NULL,
    action        text        NOT NULL,
    n_control     bigint,
    n_treatment   bigint,
    control_mean  float8,
    mean          float8,
    diff          float8,
    lift          float8,
    bound         float8,
    tolerance     float8      NOT NULL,
    alpha         float8      NOT NULL,
    srm_p_value   float8,
    detail        text        NOT NULL,
    CONSTRAINT guardrail_log_pkey PRIMARY KEY (log_id),
    CONSTRAINT guardrail_log_action_check CHECK (action IN ('notify', 'pause', 'withheld'))
);
COMMENT ON TABLE lotty.guardrail_log IS 'guardrails that have tripped, and what was done';
COMMENT ON COLUMN lotty.guardrail_log.log_id IS 'order of the rows';
COMMENT ON COLUMN lotty.guardrail_log.logged_at IS 'start of the transaction that acted';
COMMENT ON COLUMN lotty.guardrail_log.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.guardrail_log.metric_id IS 'the guardrail';
COMMENT ON COLUMN lotty.guardrail_log.variant_id IS 'the variant that was worse than the control';
COMMENT ON COLUMN lotty.guardrail_log.action IS 'notify, pause, or withheld: the sample ratio does not fit the weights, so the numbers say nothing';
COMMENT ON COLUMN lotty.guardrail_log.n_control IS 'subjects of the control';
COMMENT ON COLUMN lotty.guardrail_log.n_treatment IS 'subjects of the variant';
COMMENT ON COLUMN lotty.guardrail_log.control_mean IS 'mean of the control';
COMMENT ON COLUMN lotty.guardrail_log.mean IS 'mean of the variant';
COMMENT ON COLUMN lotty.guardrail_log.diff IS 'difference of the means';
COMMENT ON COLUMN lotty.guardrail_log.lift IS 'the same relative to the control';
COMMENT ON COLUMN lotty.guardrail_log.bound IS 'the one-sided always-valid bound that lay beyond the tolerance: of the lift or, with a tolerance of 0, of the difference';
COMMENT ON COLUMN lotty.guardrail_log.tolerance IS 'the tolerance of the guardrail';
COMMENT ON COLUMN lotty.guardrail_log.alpha IS 'the level of the test';
COMMENT ON COLUMN lotty.guardrail_log.srm_p_value IS 'always-valid p-value of the sample ratio at that time';
COMMENT ON COLUMN lotty.guardrail_log.detail IS 'the same in words';
COMMENT ON SEQUENCE lotty.guardrail_log_log_id_seq IS 'numbers the rows of lotty.guardrail_log';
-- Whether a guardrail has acted already.
CREATE INDEX guardrail_log_experiment_id_idx ON lotty.guardrail_log (experiment_id, metric_id, variant_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.guardrail_log', '');
SELECT pg_catalog.pg_extension_config_dump('lotty.guardrail_log_log_id_seq', '');

-- Whose queries run here: nobody looks on, so those of roles that could do what the caller can anyway.
CREATE FUNCTION lotty.may_run_sources(metric lotty.metric) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM lotty.event_source s LEFT JOIN pg_roles r ON r.rolname = s.written_by
         WHERE s.event_type IN (metric.event_type, metric.denominator_event_type)
           AND (r.oid IS NULL OR NOT (r.rolsuper OR pg_has_role(r.oid, current_user, 'MEMBER'))))
$$;
COMMENT ON FUNCTION lotty.may_run_sources(lotty.metric) IS
    'whether the event sources of a metric were written by roles that have the rights of the caller';

-- The experiment may be paused by a guardrail that has tripped before: the others that have tripped at the same time are told, too.
CREATE FUNCTION lotty.may_act(experiment_id uuid, metric_id uuid, variant_id uuid, is_mismatch boolean) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM lotty.guardrail_log l
                        WHERE l.experiment_id = may_act.experiment_id AND l.metric_id = may_act.metric_id AND l.variant_id = may_act.variant_id
                          AND (l.action <> 'withheld' OR is_mismatch))
       AND EXISTS (SELECT FROM lotty.experiment e
                    WHERE e.experiment_id = may_act.experiment_id
                      AND (e.status = 'running'
                           OR EXISTS (SELECT FROM lotty.guardrail_log l
                                       WHERE l.experiment_id = e.experiment_id AND l.action = 'pause' AND l.logged_at = now())))
$$;
COMMENT ON FUNCTION lotty.may_act(uuid, uuid, uuid, boolean) IS
    'whether the experiment is running and the guardrail has not acted for the variant yet; is_mismatch: or has said that it does not act';

-- What has tripped and has not been acted upon. A test may be made as often as one likes: it is the always-valid one.
CREATE FUNCTION lotty.tripped_guardrails(experiment_id uuid)
RETURNS TABLE (metric_id uuid, metric text, action text, tolerance float8, direction text, alpha float8, variant_id uuid, variant text,
               srm_p_value float8, bound float8, effect lotty.comparison)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    scope CONSTANT jsonb := lotty.report_scope(experiment_id, NULL, NULL, lotty.is_refreshed(experiment_id, NULL));
    srm_p CONSTANT float8 := (SELECT s.seq_p_value FROM lotty.sample_ratio(scope, NULL) s WHERE s.counted = 'exposed');
    guardrail lotty.experiment_metric;
    of_metric lotty.metric;
BEGIN
    FOR guardrail IN
        SELECT a.* FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
         WHERE a.experiment_id = tripped_guardrails.experiment_id AND a.role = 'guardrail' AND a.action <> 'none' ORDER BY m.key
    LOOP
        SELECT m.* INTO of_metric FROM lotty.metric m WHERE m.metric_id = guardrail.metric_id;
        IF NOT lotty.may_run_sources(of_metric) THEN
            RAISE WARNING USING
                MESSAGE = format('guardrail "%s" was not looked at', of_metric.key),
                DETAIL = format('Its event source was written by a role that does not have the rights of "%s".', current_user),
                HINT = 'Write it again by lotty.add_event_source as the role that checks the guardrails, having read it.';
            CONTINUE;
        END IF;
        -- One that fails, because its table is gone for example, keeps the others from nothing.
        BEGIN
            RETURN QUERY
            SELECT of_metric.metric_id, of_metric.key, guardrail.action, guardrail.tolerance, of_metric.direction, p.alpha, e.variant_id, e.variant,
                   srm_p,
                   lotty.guardrail_bound(of_metric.direction, e.best, guardrail.tolerance), e.best
              FROM lotty.plan_of(tripped_guardrails.experiment_id) p
             CROSS JOIN LATERAL lotty.effects(scope, of_metric, NULL, true) e
             WHERE NOT e.is_control
               AND lotty.verdict('guardrail', of_metric.direction, e.best, NULL, p.alpha, guardrail.tolerance, NULL) = 'tripped'
               AND least((e.best).n_control, (e.best).n_treatment) >= guardrail.minimum_subjects
               AND lotty.may_act(tripped_guardrails.experiment_id, of_metric.metric_id, e.variant_id, srm_p < 0.001)
             ORDER BY e.rank, e.variant;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING USING MESSAGE = format('guardrail "%s" could not be looked at', of_metric.key), DETAIL = SQLERRM;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.tripped_guardrails(uuid) IS
    'the guardrails of an experiment that have tripped and have not been acted upon';

-- Once for each metric and variant: who resumes the experiment has seen the row and has decided. Of two that check at once the
-- second waits for the first, and finds its rows.
CREATE FUNCTION @extschema@.lotty_check_guardrails(experiment text DEFAULT NULL)
RETURNS TABLE (experiment_key text, metric text, variant text, action text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record;
    tripped record;
    log lotty.guardrail_log;
BEGIN
    IF experiment IS NOT NULL THEN
        PERFORM lotty.experiment_of(experiment);
    END IF;
    FOR checked IN
        SELECT e.experiment_id, e.key FROM lotty.experiment e
         WHERE e.status = 'running' AND (experiment IS NULL OR e.key = experiment)
           AND EXISTS (SELECT FROM lotty.experiment_metric a WHERE a.experiment_id = e.experiment_id AND a.action <> 'none')
         ORDER BY e.key
    LOOP
        FOR tripped IN SELECT t.*, (t.effect).* FROM lotty.tripped_guardrails(checked.experiment_id) t LOOP
            -- Nobody is kept waiting while the numbers are computed. Somebody may have acted meanwhile.
            PERFORM FROM lotty.experiment e WHERE e.experiment_id = checked.experiment_id FOR NO KEY UPDATE;
            CONTINUE WHEN NOT lotty.may_act(checked.experiment_id, tripped.metric_id, tripped.variant_id, tripped.srm_p_value < 0.001);
            experiment_key := checked.key;
            metric := tripped.metric;
            variant := tripped.variant;
            action := CASE WHEN tripped.srm_p_value < 0.001 THEN 'withheld' ELSE tripped.action END;
            detail := format('%s of "%s" is %s, of the control %s: the %s is %s by at least %s at level %s%s',
                             tripped.metric, tripped.variant, round(tripped.treatment_mean::numeric, 6), round(tripped.control_mean::numeric, 6),
                             CASE WHEN tripped.tolerance = 0 THEN 'mean' ELSE 'lift' END,
                             CASE tripped.direction WHEN 'decrease' THEN 'higher' ELSE 'lower' END,
                             round(abs(tripped.bound)::numeric, 6), tripped.alpha,
                             CASE WHEN tripped.srm_p_value < 0.001
                                  THEN format('; but the sample ratio does not fit the weights (p %s), so nothing was done',
                                              btrim(to_char(tripped.srm_p_value, '9.99EEEE'))) END);
            INSERT INTO lotty.guardrail_log AS l (experiment_id, metric_id, variant_id, action, n_control, n_treatment, control_mean, mean,
                                                  diff, lift, bound, tolerance, alpha, srm_p_value, detail)
            VALUES (checked.experiment_id, tripped.metric_id, tripped.variant_id, lotty_check_guardrails.action, tripped.n_control,
                    tripped.n_treatment, tripped.control_mean, tripped.treatment_mean, tripped.diff, tripped.lift, tripped.bound,
                    tripped.tolerance, tripped.alpha, tripped.srm_p_value, lotty_check_guardrails.detail)
            RETURNING l.* INTO log;
            PERFORM pg_notify('lotty_guardrail', jsonb_build_object(
                'log_id', log.log_id, 'experiment', left(checked.key, 200), 'metric', left(tripped.metric, 200),
                'variant', left(tripped.variant, 200), 'action', log.action)::text);
            IF log.action = 'pause' THEN
                UPDATE lotty.experiment e SET status = 'paused' WHERE e.experiment_id = checked.experiment_id AND e.status = 'running';
            END IF;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_check_guardrails(text) IS
    'looks at the guardrails of running experiments (or of one) and does what is asked for where one has tripped: notifies, or pauses the experiment. Once for each; not while the sample ratio does not fit the weights. To be called by cron';
REVOKE ALL ON FUNCTION @extschema@.lotty_check_guardrails(text) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
