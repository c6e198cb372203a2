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

-- Once for each metric and variant: who resumes the experiment has seen the row and has decided. The test
-- may be made as often as one likes; it is the always-valid one. Of two that check at once the second waits
-- for the first, and finds its rows.
CREATE FUNCTION @extschema@.lotty_check_guardrails(experiment text DEFAULT NULL)
RETURNS TABLE (experiment_key text, metric text, variant text, action text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record;
    guarded record;
    locked lotty.experiment;
    scope jsonb;
    srm_p float8;
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
        SELECT e.* INTO locked FROM lotty.experiment e WHERE e.experiment_id = checked.experiment_id FOR UPDATE;
        CONTINUE WHEN locked.status IS DISTINCT FROM 'running';
        scope := lotty.report_scope(checked.experiment_id, NULL, NULL, lotty.is_refreshed(checked.experiment_id, NULL));
        srm_p := NULL;
        SELECT s.seq_p_value INTO srm_p FROM lotty.sample_ratio(scope, NULL) s WHERE s.counted = 'exposed';
        FOR guarded IN
            SELECT a.metric_id, a.action, a.tolerance, m.key, m.direction, p.alpha, e.variant_id, e.variant, e.effect, (e.effect).*,
                   CASE WHEN a.tolerance = 0 THEN CASE m.direction WHEN 'decrease' THEN (e.effect).seq_lower ELSE (e.effect).seq_upper END
                        ELSE CASE m.direction WHEN 'decrease' THEN (e.effect).seq_lift_lower ELSE (e.effect).seq_lift_upper END END AS bound
              FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
             CROSS JOIN lotty.plan_of(checked.experiment_id) p
             CROSS JOIN LATERAL lotty.effects(scope, m, NULL, false) e
             WHERE a.experiment_id = checked.experiment_id AND a.role = 'guardrail' AND a.action <> 'none' AND NOT e.is_control
               AND lotty.verdict('guardrail', m.direction, e.effect, NULL, p.alpha, a.tolerance, NULL) = 'tripped'
               AND least((e.effect).n_control, (e.effect).n_treatment) >= a.minimum_subjects
               AND NOT EXISTS (SELECT FROM lotty.guardrail_log l
                                WHERE l.experiment_id = a.experiment_id AND l.metric_id = a.metric_id AND l.variant_id = e.variant_id
                                  AND (l.action <> 'withheld' OR srm_p < 0.001))
             ORDER BY m.key, e.rank, e.variant
        LOOP
            experiment_key := checked.key;
            metric := guarded.key;
            variant := guarded.variant;
            action := CASE WHEN srm_p < 0.001 THEN 'withheld' ELSE guarded.action END;
            detail := format('%s of "%s" is %s, of the control %s: the %s is %s by at least %s at level %s%s',
                             guarded.key, guarded.variant, round(guarded.treatment_mean::numeric, 6), round(guarded.control_mean::numeric, 6),
                             CASE WHEN guarded.tolerance = 0 THEN 'mean' ELSE 'lift' END,
                             CASE guarded.direction WHEN 'decrease' THEN 'higher' ELSE 'lower' END,
                             round(abs(guarded.bound)::numeric, 6), guarded.alpha,
                             CASE WHEN srm_p < 0.001 THEN format('; but the sample ratio does not fit the weights (p %s), so nothing was done',
                                                                 btrim(to_char(srm_p, '9.99EEEE'))) END);
            INSERT INTO lotty.guardrail_log AS l (experiment_id, metric_id, variant_id, action, n_control, n_treatment, control_mean, mean,
                                                  diff, lift, bound, tolerance, alpha, srm_p_value, detail)
            VALUES (checked.experiment_id, guarded.metric_id, guarded.variant_id, lotty_check_guardrails.action, guarded.n_control,
                    guarded.n_treatment, guarded.control_mean, guarded.treatment_mean, guarded.diff, guarded.lift, guarded.bound,
                    guarded.tolerance, guarded.alpha, srm_p, lotty_check_guardrails.detail)
            RETURNING l.* INTO log;
            PERFORM pg_notify('lotty_guardrail', jsonb_build_object(
                'log_id', log.log_id, 'experiment', left(checked.key, 512), 'metric', left(guarded.key, 512),
                'variant', left(guarded.variant, 512), 'action', log.action)::text);
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
