-- What reports keep, so that only what is new has to be worked on: the first exposure of each subject, its totals
-- by event type, and the statistics that follow.
--
-- It is derived from the log and from lotty.event, can be dropped at any time and is not dumped. What is new is found by the
-- time at which it was stored, which is the start of its transaction; so a time is settled only when all
-- transactions that began before it have ended. A subject of which there is something new is computed anew from its
-- rows, by index: doing so twice does no harm, and it does not matter in which order events come.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TABLE lotty.report_progress (
    experiment_id uuid        NOT NULL,
    settled_until timestamptz NOT NULL,
    refreshed_at  timestamptz NOT NULL,
    plan          jsonb       NOT NULL,
    metrics       jsonb       NOT NULL,
    CONSTRAINT report_progress_pkey PRIMARY KEY (experiment_id)
);
COMMENT ON TABLE lotty.report_progress IS 'how far the kept part of a report has come; derived, not dumped';
COMMENT ON COLUMN lotty.report_progress.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_progress.settled_until IS 'all that was stored before is in it';
COMMENT ON COLUMN lotty.report_progress.refreshed_at IS 'when it was last brought up to date';
COMMENT ON COLUMN lotty.report_progress.plan IS 'the times and the policy for which it holds';
COMMENT ON COLUMN lotty.report_progress.metrics IS 'the metrics and weights for which lotty.report_state holds';

-- The subject has the collation of the log's and of lotty.event's: they are joined.
CREATE TABLE lotty.report_subject (
    experiment_id uuid        NOT NULL,
    subject_id    text        NOT NULL,
    variant_id    uuid        NOT NULL,
    exposed_at    timestamptz NOT NULL,
    crossed_at    timestamptz,
    CONSTRAINT report_subject_pkey PRIMARY KEY (experiment_id, subject_id)
);
COMMENT ON TABLE lotty.report_subject IS 'the first exposure of each subject of an experiment; derived from the log, not dumped';
COMMENT ON COLUMN lotty.report_subject.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_subject.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.report_subject.variant_id IS 'the variant of the first exposure';
COMMENT ON COLUMN lotty.report_subject.exposed_at IS 'its time';
COMMENT ON COLUMN lotty.report_subject.crossed_at IS 'time of the first exposure to another variant; NULL if there is none';

CREATE TABLE lotty.report_measure (
    measure_id         integer NOT NULL GENERATED ALWAYS AS IDENTITY,
    experiment_id      uuid    NOT NULL,
    event_type         text    NOT NULL,
    attribution_window interval,
    look_back          interval,
    is_filled          boolean NOT NULL DEFAULT false,
    CONSTRAINT report_measure_pkey PRIMARY KEY (measure_id)
);
COMMENT ON TABLE lotty.report_measure IS 'what is totalled for the subjects of an experiment; several metrics can be made of one; derived, not dumped';
COMMENT ON COLUMN lotty.report_measure.measure_id IS 'identifier';
COMMENT ON COLUMN lotty.report_measure.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_measure.event_type IS 'the events, those of lotty.event';
COMMENT ON COLUMN lotty.report_measure.attribution_window IS 'how long after the exposure they count; NULL means until the end of the experiment';
COMMENT ON COLUMN lotty.report_measure.look_back IS 'how long before the exposure they make the prior totals; NULL means there are none';
COMMENT ON COLUMN lotty.report_measure.is_filled IS 'whether lotty.report_total has it';
COMMENT ON SEQUENCE lotty.report_measure_measure_id_seq IS 'numbers the rows of lotty.report_measure';
CREATE INDEX report_measure_experiment_id_idx ON lotty.report_measure (experiment_id);

CREATE TABLE lotty.report_total (
    measure_id   integer NOT NULL,
    subject_id   text    NOT NULL,
    events       bigint  NOT NULL,
    total        numeric NOT NULL,
    prior_events bigint  NOT NULL,
    prior_total  numeric NOT NULL,
    CONSTRAINT report_total_pkey PRIMARY KEY (measure_id, subject_id)
);
COMMENT ON TABLE lotty.report_total IS 'what a subject has of a measure; no row if it has nothing; derived from lotty.event, not dumped';
COMMENT ON COLUMN lotty.report_total.measure_id IS 'the measure';
COMMENT ON COLUMN lotty.report_total.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.report_total.events IS 'events since the exposure';
COMMENT ON COLUMN lotty.report_total.total IS 'sum of their values';
COMMENT ON COLUMN lotty.report_total.prior_events IS 'events before the exposure, within the look-back';
COMMENT ON COLUMN lotty.report_total.prior_total IS 'sum of their values';

CREATE TABLE lotty.report_state (
    experiment_id uuid    NOT NULL,
    metric_id     uuid    NOT NULL,
    period        integer NOT NULL,
    variant_id    uuid    NOT NULL,
    stats         lotty.stats,
    lower_cap     float8,
    upper_cap     float8,
    capped        bigint,
    CONSTRAINT report_state_pkey PRIMARY KEY (experiment_id, metric_id, period, variant_id)
);
COMMENT ON TABLE lotty.report_state IS 'the statistics of a metric as of the last refresh; derived, not dumped';
COMMENT ON COLUMN lotty.report_state.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_state.metric_id IS 'the metric';
COMMENT ON COLUMN lotty.report_state.period IS 'the period of constant weights (lotty.weight_periods)';
COMMENT ON COLUMN lotty.report_state.variant_id IS 'the variant';
COMMENT ON COLUMN lotty.report_state.stats IS 'statistics of its subjects that were exposed in the period';
COMMENT ON COLUMN lotty.report_state.lower_cap IS 'the lower cap of winsorising, if there is one';
COMMENT ON COLUMN lotty.report_state.upper_cap IS 'the upper cap of winsorising, if there is one';
COMMENT ON COLUMN lotty.report_state.capped IS 'how many values the caps changed';

CREATE TABLE lotty.report_count (
    experiment_id uuid    NOT NULL,
    period        integer NOT NULL,
    variant_id    uuid    NOT NULL,
    exposed       bigint  NOT NULL,
    crossed       bigint  NOT NULL,
    CONSTRAINT report_count_pkey PRIMARY KEY (experiment_id, period, variant_id)
);
COMMENT ON TABLE lotty.report_count IS 'how many subjects were exposed, as of the last refresh; derived, not dumped';
COMMENT ON COLUMN lotty.report_count.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_count.period IS 'the period of constant weights (lotty.weight_periods)';
COMMENT ON COLUMN lotty.report_count.variant_id IS 'the variant of the first exposure';
COMMENT ON COLUMN lotty.report_count.exposed IS 'subjects that were first exposed to it in the period';
COMMENT ON COLUMN lotty.report_count.crossed IS 'those of them that were given another variant later';

-- Without a key: whoever adds a subject waits for nobody who is just working on it.
CREATE TABLE lotty.report_stale (
    experiment_id uuid    NOT NULL,
    subject_id    text    NOT NULL,
    is_taken      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE lotty.report_stale IS 'subjects that are to be computed anew; derived, not dumped';
COMMENT ON COLUMN lotty.report_stale.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_stale.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.report_stale.is_taken IS 'whether the transaction that is refreshing works on it';
CREATE INDEX report_stale_experiment_id_idx ON lotty.report_stale (experiment_id);
-- Reports read the newest events.
CREATE INDEX event_received_at_idx ON lotty.event USING brin (received_at);

-- what changes old rows ---------------------------------------------------------------------

CREATE FUNCTION lotty.mark_stale() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM lotty.report_progress;
        RETURN NULL;
    END IF;
    INSERT INTO lotty.report_stale (experiment_id, subject_id)
    SELECT p.experiment_id, o.subject_id
      FROM (SELECT DISTINCT o.subject_id FROM old_rows o) AS o
      CROSS JOIN lotty.report_progress p
     WHERE EXISTS (SELECT FROM lotty.report_subject r
                    WHERE r.experiment_id = p.experiment_id AND r.subject_id = o.subject_id);
    IF TG_OP = 'UPDATE' THEN
        -- Whom the rows are given to may be new to the experiment.
        INSERT INTO lotty.report_stale (experiment_id, subject_id)
        SELECT p.experiment_id, n.subject_id
          FROM (SELECT DISTINCT n.subject_id FROM new_rows n) AS n CROSS JOIN lotty.report_progress p;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.note_old_event() IS
    'trigger: has the subject of an event that was received earlier computed anew by the next refresh';
COMMENT ON FUNCTION lotty.mark_stale() IS
    'trigger: has the subjects of changed or deleted rows computed anew by the next refresh';

CREATE TRIGGER mark_stale_update AFTER UPDATE ON lotty.event
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION lotty.mark_stale();
CREATE TRIGGER mark_stale_delete AFTER DELETE ON lotty.event
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION lotty.mark_stale();
CREATE TRIGGER mark_stale_truncate AFTER TRUNCATE ON lotty.event
    FOR EACH STATEMENT EXECUTE FUNCTION lotty.mark_stale();
-- An event that comes with an old received_at: loaded from elsewhere, or replicated.
CREATE TRIGGER note_old_event BEFORE INSERT ON lotty.event FOR EACH ROW EXECUTE FUNCTION lotty.note_old_event();
ALTER TABLE lotty.event ENABLE ALWAYS TRIGGER note_old_event;
CREATE TRIGGER mark_stale_update AFTER UPDATE ON lotty.decision
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION lotty.mark_stale();
CREATE TRIGGER mark_stale_delete AFTER DELETE ON lotty.decision
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION lotty.mark_stale();

-- refreshing --------------------------------------------------------------------------------

-- A transaction makes itself known a moment after the instant that its now() answers, hence the seconds in between.
CREATE FUNCTION lotty.settled_until() RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- The list of sessions is otherwise the one that this transaction has seen first.
    SELECT pg_stat_clear_snapshot();
    SELECT CASE WHEN EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = current_database())
                     OR bool_or(a.state = 'disabled') THEN '-infinity'
                ELSE least(now(), min(a.xact_start)) - interval '5 seconds' END
      FROM pg_stat_activity a
     WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND a.backend_type NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
$$;
COMMENT ON FUNCTION lotty.settled_until() IS
    'whatever has an earlier now() and is not committed yet will never be; -infinity if that cannot be known';

CREATE FUNCTION lotty.own_metrics(experiment_id uuid) RETURNS SETOF lotty.metric
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.* FROM lotty.experiment_metric a JOIN lotty.metric m ON m.metric_id = a.metric_id
      LEFT JOIN lotty.metric c ON c.metric_id = m.covariate_id
     WHERE a.experiment_id = own_metrics.experiment_id
       AND NOT EXISTS (SELECT FROM lotty.event_source s
                        WHERE s.event_type IN (m.event_type, m.denominator_event_type, c.event_type, c.denominator_event_type))
     ORDER BY m.metric_id
$$;
COMMENT ON FUNCTION lotty.own_metrics(uuid) IS
    'the metrics of an experiment that are made of lotty.event alone, so that their statistics can be kept';

-- What the metrics are made of, as rows of lotty.report_measure.
CREATE FUNCTION lotty.set_measures(experiment_id uuid) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH needed AS (
        SELECT DISTINCT n.event_type, n.attribution_window, n.look_back
          FROM lotty.own_metrics(experiment_id) m
          LEFT JOIN lotty.metric c ON c.metric_id = m.covariate_id
         CROSS JOIN LATERAL (VALUES
               (m.event_type, m.attribution_window,
                CASE WHEN m.covariate_id IS NULL THEN make_interval(days => m.cuped_days) END, m.attribution),
               (m.denominator_event_type, m.attribution_window,
                CASE WHEN m.covariate_id IS NULL THEN make_interval(days => m.cuped_days) END, m.attribution),
               (c.event_type, NULL, make_interval(days => m.cuped_days), 'subject_id'),
               (c.denominator_event_type, NULL, make_interval(days => m.cuped_days), 'subject_id'))
               AS n (event_type, attribution_window, look_back, attribution)
         WHERE n.event_type IS NOT NULL AND n.attribution = 'subject_id' AND m.type <> 'event_quantile'
    ), unneeded AS (
        DELETE FROM lotty.report_measure r
         WHERE r.experiment_id = set_measures.experiment_id
           AND NOT EXISTS (SELECT FROM needed n
                            WHERE (n.event_type, n.attribution_window, n.look_back)
                                  IS NOT DISTINCT FROM (r.event_type, r.attribution_window, r.look_back))
        RETURNING r.measure_id
    ), emptied AS (
        DELETE FROM lotty.report_total t WHERE t.measure_id IN (SELECT u.measure_id FROM unneeded u)
    )
    INSERT INTO lotty.report_measure (experiment_id, event_type, attribution_window, look_back)
    SELECT set_measures.experiment_id, n.event_type, n.attribution_window, n.look_back FROM needed n
     WHERE NOT EXISTS (SELECT FROM lotty.report_measure r
                        WHERE r.experiment_id = set_measures.experiment_id
                          AND (n.event_type, n.attribution_window, n.look_back)
                              IS NOT DISTINCT FROM (r.event_type, r.attribution_window, r.look_back))
$$;
COMMENT ON FUNCTION lotty.set_measures(uuid) IS
    'keeps of an experiment the measures that its metrics need, and no others';

CREATE FUNCTION lotty.forget_report(experiment_id uuid) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM lotty.report_progress r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_state r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_count r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_subject r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_stale r WHERE r.experiment_id = forget_report.experiment_id;
    WITH measure AS (DELETE FROM lotty.report_measure m WHERE m.experiment_id = forget_report.experiment_id RETURNING m.measure_id)
    DELETE FROM lotty.report_total t USING measure m WHERE t.measure_id = m.measure_id;
$$;
COMMENT ON FUNCTION lotty.forget_report(uuid) IS
    'deletes what is kept for the report of an experiment';

-- Brings what is kept up to date, if it can: the answer says whether it is, and what was done. It cannot on a
-- standby and in a read-only transaction, nor with a snapshot that is as old as the transaction, nor while another session does it.
-- It runs with the owner's rights, and reads nothing but Lotty's own tables.
CREATE FUNCTION lotty.refresh_report(
    experiment_id uuid, rebuild boolean DEFAULT false, OUT action text, OUT subjects bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
    experiment CONSTANT uuid := experiment_id;
    scope jsonb;
    plan jsonb;
    metrics jsonb;
    progress lotty.report_progress;
    settled timestamptz;
    measure record;
    metric lotty.metric;
    changed bigint := 0;
    changes bigint := 0;
BEGIN
    subjects := 0;
    IF pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'
       OR current_setting('transaction_isolation') <> 'read committed' THEN
        action := 'impossible';
        RETURN;
    ELSIF NOT pg_try_advisory_xact_lock('lotty.report_progress'::regclass::oid::integer, hashtext(experiment::text)) THEN
        action := 'busy';
        RETURN;
    END IF;
    -- Before anything is read: what ends after this is looked at again next time.
    settled := lotty.settled_until();
    scope := lotty.report_scope(experiment);
    plan := scope - 'periods' - 'cached';
    SELECT jsonb_build_object('metrics', coalesce(jsonb_agg(to_jsonb(m) - 'updated_at' - 'description'
                                                            || jsonb_build_object('covariate', to_jsonb(c) - 'updated_at')), '[]'),
                              'periods', scope -> 'periods')
      INTO metrics FROM lotty.own_metrics(experiment) m LEFT JOIN lotty.metric c ON c.metric_id = m.covariate_id;
    SELECT r.* INTO progress FROM lotty.report_progress r WHERE r.experiment_id = experiment;

    -- (That the log was emptied is seen here: with a trigger on TRUNCATE decisions would not be written without SQL.)
    IF rebuild OR progress.plan IS DISTINCT FROM plan OR progress.settled_until = '-infinity'
       OR NOT EXISTS (SELECT FROM lotty.decision) THEN
        action := 'rebuilt';
        PERFORM lotty.forget_report(experiment);
        EXECUTE format('INSERT INTO lotty.report_subject (experiment_id, subject_id, variant_id, exposed_at, crossed_at) '
                       'SELECT %L, s.* FROM (%s) AS s', experiment, lotty.subjects_sql(scope));
        GET DIAGNOSTICS subjects = ROW_COUNT;
        changes := 1;
        ANALYZE lotty.report_subject;
    ELSE
        UPDATE lotty.report_stale t SET is_taken = true WHERE t.experiment_id = experiment AND NOT t.is_taken;
        INSERT INTO lotty.report_stale (experiment_id, subject_id, is_taken)
        SELECT experiment, n.subject_id, true
          FROM (SELECT d.subject_id FROM lotty.decision d
                 WHERE d.experiment_id = experiment AND d.reason IN ('experiment_assigned', 'sticky')
                   AND d.created_at >= progress.settled_until
                UNION
                SELECT e.subject_id FROM lotty.event e
                 WHERE e.received_at >= progress.settled_until
                   AND e.event_type IN (SELECT m.event_type FROM lotty.report_measure m WHERE m.experiment_id = experiment)) AS n;
        SELECT count(DISTINCT t.subject_id) INTO subjects FROM lotty.report_stale t WHERE t.experiment_id = experiment AND t.is_taken;
        action := CASE subjects WHEN 0 THEN 'unchanged' ELSE 'refreshed' END;
        IF subjects > 0 THEN
            -- Few subjects are looked up by index, one by one, and many are not: the planner must know how many they are.
            PERFORM set_config('enable_nestloop', 'on', true);
            ANALYZE lotty.report_stale;
            EXECUTE format('INSERT INTO lotty.report_subject AS r (experiment_id, subject_id, variant_id, exposed_at, crossed_at) '
                           'SELECT %L, s.* FROM (%s) AS s '
                           'ON CONFLICT ON CONSTRAINT report_subject_pkey DO UPDATE '
                           'SET variant_id = excluded.variant_id, exposed_at = excluded.exposed_at, crossed_at = excluded.crossed_at '
                           'WHERE (r.variant_id, r.exposed_at, r.crossed_at) IS DISTINCT FROM (excluded.variant_id, excluded.exposed_at, excluded.crossed_at)',
                           experiment, lotty.subjects_sql(scope || '{"stale": true}'));
            GET DIAGNOSTICS changes = ROW_COUNT;
            -- Forgotten, or merged into another subject.
            EXECUTE format('DELETE FROM lotty.report_subject r USING (SELECT DISTINCT t.subject_id FROM lotty.report_stale t '
                           'WHERE t.experiment_id = %1$L AND t.is_taken) AS t '
                           'WHERE r.experiment_id = %1$L AND r.subject_id = t.subject_id AND NOT EXISTS (%2$s AND d.subject_id = r.subject_id)',
                           experiment, lotty.exposures_sql(scope, '1'));
            GET DIAGNOSTICS changed = ROW_COUNT;
            changes := changes + changed;
        END IF;
    END IF;

    PERFORM lotty.set_measures(experiment);
    FOR measure IN SELECT m.* FROM lotty.report_measure m WHERE m.experiment_id = experiment ORDER BY m.measure_id LOOP
        IF NOT measure.is_filled THEN
            EXECUTE format(E'INSERT INTO lotty.report_total (measure_id, subject_id, events, total, prior_events, prior_total)\n'
                           'WITH subject AS (%s) SELECT %s, t.* FROM (%s) AS t',
                           lotty.subjects_sql(scope || '{"cached": true}'), measure.measure_id,
                           lotty.totals_sql(scope, measure.event_type, 'subject_id', measure.attribution_window, measure.look_back));
            ANALYZE lotty.report_total;
            UPDATE lotty.report_measure m SET is_filled = true WHERE m.measure_id = measure.measure_id;
        ELSIF subjects > 0 THEN
            EXECUTE format('INSERT INTO lotty.report_total AS r (measure_id, subject_id, events, total, prior_events, prior_total) '
                           'SELECT %s, t.* FROM (%s) AS t '
                           'ON CONFLICT ON CONSTRAINT report_total_pkey DO UPDATE '
                           'SET events = excluded.events, total = excluded.total, prior_events = excluded.prior_events, prior_total = excluded.prior_total '
                           'WHERE (r.events, r.total, r.prior_events, r.prior_total) IS DISTINCT FROM '
                           '(excluded.events, excluded.total, excluded.prior_events, excluded.prior_total)',
                           measure.measure_id,
                           lotty.totals_sql(scope || '{"stale": true}', measure.event_type, 'subject_id',
                                            measure.attribution_window, measure.look_back));
            GET DIAGNOSTICS changed = ROW_COUNT;
            changes := changes + changed;
            EXECUTE format('DELETE FROM lotty.report_total r USING (SELECT DISTINCT t.subject_id FROM lotty.report_stale t '
                           'WHERE t.experiment_id = %L AND t.is_taken) AS t '
                           'WHERE r.measure_id = %s AND r.subject_id = t.subject_id '
                           'AND NOT EXISTS (SELECT FROM (%s) AS n WHERE n.subject_id = r.subject_id)',
                           experiment, measure.measure_id,
                           lotty.totals_sql(scope || '{"stale": true}', measure.event_type, 'subject_id',
                                            measure.attribution_window, measure.look_back));
            GET DIAGNOSTICS changed = ROW_COUNT;
            changes := changes + changed;
        END IF;
    END LOOP;
    DELETE FROM lotty.report_stale t WHERE t.experiment_id = experiment AND t.is_taken;
    PERFORM set_config('enable_nestloop', 'off', true);

    IF changes > 0 OR progress.metrics IS DISTINCT FROM metrics THEN
        DELETE FROM lotty.report_state r WHERE r.experiment_id = experiment;
        DELETE FROM lotty.report_count r WHERE r.experiment_id = experiment;
        EXECUTE format('INSERT INTO lotty.report_count (experiment_id, period, variant_id, exposed, crossed) '
                       'SELECT %L, c.period, c.variant_id, c.exposed, c.crossed FROM (%s) AS c',
                       experiment, lotty.counts_sql(scope || '{"cached": true}'));
        FOR metric IN SELECT m.* FROM lotty.own_metrics(experiment) m LOOP
            EXECUTE format('INSERT INTO lotty.report_state (experiment_id, metric_id, period, variant_id, stats, lower_cap, upper_cap, capped) '
                           'SELECT %L, %L, s.period, s.variant_id, s.stats, s.lower_cap, s.upper_cap, s.capped FROM (%s) AS s',
                           experiment, metric.metric_id, lotty.metric_sql(scope || '{"cached": true}', metric));
        END LOOP;
    END IF;
    INSERT INTO lotty.report_progress AS p (experiment_id, settled_until, refreshed_at, plan, metrics)
    VALUES (experiment, settled, now(), plan, metrics)
        ON CONFLICT ON CONSTRAINT report_progress_pkey
        DO UPDATE SET settled_until = greatest(p.settled_until, excluded.settled_until), refreshed_at = excluded.refreshed_at,
                      plan = excluded.plan, metrics = excluded.metrics;
END
$$;
COMMENT ON FUNCTION lotty.refresh_report(uuid, boolean) IS
    'brings what is kept for the report of an experiment up to date; action is rebuilt, refreshed or unchanged, or impossible (read-only, or a snapshot of the transaction) or busy (another session does it); subjects is how many were computed anew';

CREATE FUNCTION @extschema@.lotty_refresh_reports(experiment text DEFAULT NULL, rebuild boolean DEFAULT false)
RETURNS TABLE (experiment_key text, action text, subjects bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF experiment IS NOT NULL THEN
        PERFORM lotty.experiment_of(experiment);
    END IF;
    FOR experiment_key, action, subjects IN
        SELECT e.key, r.action, r.subjects
          FROM (SELECT e.* FROM lotty.experiment e
                 WHERE CASE WHEN experiment IS NULL
                            THEN e.status IN ('running', 'paused', 'completed')
                                 AND EXISTS (SELECT FROM lotty.experiment_metric m WHERE m.experiment_id = e.experiment_id)
                            ELSE e.key = experiment END
                 ORDER BY e.key OFFSET 0) AS e
         CROSS JOIN LATERAL lotty.refresh_report(e.experiment_id, rebuild) r
    LOOP
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_refresh_reports(text, boolean) IS
    'works on what is new since the last report, so that the next one need not: of one experiment, or of all that have metrics and are not archived. rebuild: everything anew. For cron, or after loading old rows into the log by hand';
REVOKE ALL ON FUNCTION @extschema@.lotty_refresh_reports(text, boolean) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
