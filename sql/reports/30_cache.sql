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
    snapshot      pg_snapshot NOT NULL,
    log           jsonb       NOT NULL,
    plan          jsonb       NOT NULL,
    metrics       jsonb       NOT NULL,
    CONSTRAINT report_progress_pkey PRIMARY KEY (experiment_id)
);
COMMENT ON TABLE lotty.report_progress IS 'how far the kept part of a report has come; derived, not dumped';
COMMENT ON COLUMN lotty.report_progress.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_progress.settled_until IS 'all that was stored before is in it';
COMMENT ON COLUMN lotty.report_progress.refreshed_at IS 'when it was last brought up to date';
COMMENT ON COLUMN lotty.report_progress.snapshot IS 'the transactions whose rows in lotty.report_stale are in it';
COMMENT ON COLUMN lotty.report_progress.log IS 'the partitions of the log, with the files that they were in';
COMMENT ON COLUMN lotty.report_progress.plan IS 'the times and the policy for which it holds';
COMMENT ON COLUMN lotty.report_progress.metrics IS 'the metrics and weights for which the sums and statistics hold';

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

-- Exact, so that what changes can be taken out and put in anew.
CREATE TABLE lotty.report_sum (
    experiment_id uuid     NOT NULL,
    metric_id     uuid     NOT NULL,
    period        integer  NOT NULL,
    variant_id    uuid     NOT NULL,
    variable      smallint NOT NULL,
    other         smallint NOT NULL,
    total         numeric  NOT NULL,
    CONSTRAINT report_sum_pkey PRIMARY KEY (experiment_id, metric_id, period, variant_id, variable, other)
);
COMMENT ON TABLE lotty.report_sum IS 'sums over the subjects of a variant, of which the statistics of conversions, counts, sums and ratios follow; derived, not dumped';
COMMENT ON COLUMN lotty.report_sum.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_sum.metric_id IS 'the metric';
COMMENT ON COLUMN lotty.report_sum.period IS 'the period of constant weights (lotty.weight_periods)';
COMMENT ON COLUMN lotty.report_sum.variant_id IS 'the variant';
COMMENT ON COLUMN lotty.report_sum.variable IS '0: how many subjects; else the variable: the value or numerator, the denominator, the covariates';
COMMENT ON COLUMN lotty.report_sum.other IS '0: the sum of the variable; else of its products with this one';
COMMENT ON COLUMN lotty.report_sum.total IS 'the sum';

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
COMMENT ON TABLE lotty.report_state IS 'the statistics of quantiles and of winsorised metrics, which depend on all subjects at once, as of the last refresh; derived, not dumped';
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

CREATE TABLE lotty.report_stale (
    subject_id text NOT NULL,
    xid        xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
);
COMMENT ON TABLE lotty.report_stale IS 'subjects of whom rows were changed or deleted, or were added with old times: each report computes them anew once; derived, not dumped';
COMMENT ON COLUMN lotty.report_stale.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.report_stale.xid IS 'the transaction; reports that have seen it know of the change';

CREATE TABLE lotty.report_work (
    experiment_id uuid NOT NULL,
    subject_id    text NOT NULL,
    CONSTRAINT report_work_pkey PRIMARY KEY (experiment_id, subject_id)
);
COMMENT ON TABLE lotty.report_work IS 'the subjects that a refresh works on; empty but in its transaction';
COMMENT ON COLUMN lotty.report_work.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.report_work.subject_id IS 'the subject';
-- Reports read the newest events.
CREATE INDEX event_received_at_idx ON lotty.event USING brin (received_at);

-- what changes old rows ---------------------------------------------------------------------

-- While nothing is kept for any report, nothing has to be noted. That is so until the end of this transaction, since
-- the first refresh needs the lock for itself (lotty.refresh_report); without the lock there is one, which may not see this
-- transaction's rows. The lock comes first: what is there when it is had is seen by the next statement, but not with a
-- snapshot that is as old as the transaction.
CREATE FUNCTION lotty.is_kept() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed'
       OR NOT pg_try_advisory_xact_lock_shared('lotty.report_progress'::regclass::oid::integer, 0) THEN
        RETURN true;
    END IF;
    RETURN EXISTS (SELECT FROM lotty.report_progress);
END
$$;
COMMENT ON FUNCTION lotty.is_kept() IS
    'whether something is kept for reports, so that changes of old rows must be noted';

CREATE FUNCTION lotty.mark_stale() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM lotty.report_progress;
    ELSIF lotty.is_kept() THEN
        INSERT INTO lotty.report_stale (subject_id) SELECT DISTINCT o.subject_id FROM old_rows o;
        IF TG_OP = 'UPDATE' THEN
            INSERT INTO lotty.report_stale (subject_id) SELECT DISTINCT n.subject_id FROM new_rows n;
        END IF;
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

-- A snapshot does not list its own transaction, so that counts as ended once a later one has; but it may change more rows after this.
CREATE FUNCTION lotty.ended_transactions() RETURNS pg_snapshot
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN pg_visible_in_snapshot(own, s)
                THEN format('%s:%s:%s', least(own, pg_snapshot_xmin(s)), pg_snapshot_xmax(s),
                            (SELECT string_agg(x.xid::text, ',' ORDER BY x.xid)
                               FROM (SELECT pg_snapshot_xip(s) AS xid UNION ALL SELECT own) AS x))::pg_snapshot
                ELSE s END
      FROM pg_current_snapshot() AS s CROSS JOIN pg_current_xact_id_if_assigned() AS own
$$;
COMMENT ON FUNCTION lotty.ended_transactions() IS
    'the current snapshot, in which the own transaction has not ended';

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
        SELECT DISTINCT n.event_type, lotty.in_seconds(n.attribution_window) AS attribution_window, lotty.in_seconds(n.look_back) AS look_back
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

-- A partition that is dropped or emptied by TRUNCATE is seen by this. (With a trigger on TRUNCATE decisions would not be
-- written without SQL.)
CREATE FUNCTION lotty.log_files() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(t.relid::oid::text, pg_relation_filenode(t.relid))
      FROM pg_partition_tree('lotty.decision') t WHERE t.isleaf
$$;
COMMENT ON FUNCTION lotty.log_files() IS
    'the partitions of the log and the files that they are in';

CREATE FUNCTION lotty.event_types_kept(experiment_id uuid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT t.event_type) FILTER (WHERE t.event_type IS NOT NULL), '{}')
      FROM lotty.own_metrics(event_types_kept.experiment_id) m
      LEFT JOIN lotty.metric c ON c.metric_id = m.covariate_id
     CROSS JOIN LATERAL (VALUES (m.event_type), (m.denominator_event_type), (c.event_type), (c.denominator_event_type)) AS t (event_type)
$$;
COMMENT ON FUNCTION lotty.event_types_kept(uuid) IS
    'the event types of which something is kept for the report of an experiment';

CREATE FUNCTION lotty.forget_report(experiment_id uuid) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM lotty.report_progress r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_state r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_sum r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_count r WHERE r.experiment_id = forget_report.experiment_id;
    DELETE FROM lotty.report_subject r WHERE r.experiment_id = forget_report.experiment_id;
    WITH measure AS (DELETE FROM lotty.report_measure m WHERE m.experiment_id = forget_report.experiment_id RETURNING m.measure_id)
    DELETE FROM lotty.report_total t USING measure m WHERE t.measure_id = m.measure_id;
$$;
COMMENT ON FUNCTION lotty.forget_report(uuid) IS
    'deletes what is kept for the report of an experiment';

-- A sum can be kept by adding what is new to it; a percentile cannot.
CREATE FUNCTION lotty.is_additive(metric lotty.metric) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT metric.type IN ('conversion', 'count', 'sum', 'ratio')
       AND num_nonnulls(metric.winsorize_lower, metric.winsorize_upper) = 0
       -- Of what is attributed by decision no totals are kept.
       AND metric.attribution = 'subject_id'
$$;
COMMENT ON FUNCTION lotty.is_additive(lotty.metric) IS
    'whether the statistics of a metric follow from sums over its subjects';

-- Metrics together: 0.43 s for 20,000 changed subjects, taken out and put in, instead of 1.08 one by one (four metrics, 570,000 subjects).
CREATE FUNCTION lotty.add_sums(scope jsonb, sign integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    experiment CONSTANT uuid := scope ->> 'experiment_id';
    metrics lotty.metric[];
BEGIN
    EXECUTE format('INSERT INTO lotty.report_count AS r (experiment_id, period, variant_id, exposed, crossed) '
                   'SELECT %1$L, c.period, c.variant_id, %2$s * c.exposed, %2$s * c.crossed FROM (%3$s) AS c '
                   'ON CONFLICT ON CONSTRAINT report_count_pkey DO UPDATE '
                   'SET exposed = r.exposed + excluded.exposed, crossed = r.crossed + excluded.crossed',
                   experiment, sign, lotty.counts_sql(scope));
    FOR metrics IN SELECT g.* FROM lotty.metric_groups(ARRAY(
            SELECT m.metric_id FROM lotty.own_metrics(experiment) m WHERE lotty.is_additive(m))) AS g (metrics) LOOP
        EXECUTE format('INSERT INTO lotty.report_sum AS r (experiment_id, metric_id, period, variant_id, variable, other, total) '
                       'SELECT %L, s.metric_id, s.period, s.variant_id, s.variable, s.other, %s * s.total FROM (%s) AS s '
                       'ON CONFLICT ON CONSTRAINT report_sum_pkey DO UPDATE SET total = r.total + excluded.total',
                       experiment, sign, lotty.sums_sql(scope, metrics));
    END LOOP;
    -- It could not be taken out again. Of several metrics the first by its key is told.
    PERFORM lotty.addable(r.total, r.metric_id)
       FROM (SELECT r.total, r.metric_id FROM lotty.report_sum r JOIN lotty.metric m ON m.metric_id = r.metric_id
              WHERE r.experiment_id = experiment ORDER BY m.key, r.variable, r.other OFFSET 0) AS r;
END
$$;
COMMENT ON FUNCTION lotty.add_sums(jsonb, integer) IS
    'adds the subjects of a scope to the counts and sums that are kept, or takes them out (sign -1)';

-- The subjects of whom there is something new, changed or gone. Those of the last seconds before settled_until may have been
-- worked on already.
CREATE FUNCTION lotty.changed_subjects(experiment_id uuid, since timestamptz, seen pg_snapshot) RETURNS SETOF text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.subject_id FROM lotty.decision d
     WHERE d.experiment_id = changed_subjects.experiment_id AND d.reason IN ('experiment_assigned', 'sticky')
       AND d.created_at >= since
    UNION
    SELECT e.subject_id FROM lotty.event e
     WHERE e.received_at >= since
       -- In parentheses: asked once, not for each event.
       AND e.event_type = ANY ((SELECT lotty.event_types_kept(changed_subjects.experiment_id))::text[])
    UNION
    SELECT s.subject_id FROM lotty.report_stale s WHERE NOT pg_visible_in_snapshot(s.xid, seen)
$$;
COMMENT ON FUNCTION lotty.changed_subjects(uuid, timestamptz, pg_snapshot) IS
    'the subjects of whom there is something that what is kept does not have yet';

CREATE FUNCTION lotty.collect_work(experiment_id uuid, since timestamptz, seen pg_snapshot) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subjects bigint;
BEGIN
    INSERT INTO lotty.report_work (experiment_id, subject_id)
    SELECT collect_work.experiment_id, c.subject FROM lotty.changed_subjects(collect_work.experiment_id, since, seen) AS c (subject)
     -- In the order in which the kept rows lie.
     ORDER BY c.subject;
    GET DIAGNOSTICS subjects = ROW_COUNT;
    RETURN subjects;
END
$$;
COMMENT ON FUNCTION lotty.collect_work(uuid, timestamptz, pg_snapshot) IS
    'collects the subjects that a refresh has to work on in lotty.report_work, and says how many they are';

-- What all reports know is forgotten: unless one is being made for the first time, of which nothing is seen yet. (One that begins
-- after this look has a newer snapshot than the rows that are deleted.) What another session is just forgetting is left to it.
CREATE FUNCTION lotty.forget_stale() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM lotty.report_stale s WHERE s.ctid = ANY (ARRAY(
        SELECT t.ctid FROM lotty.report_stale t
         WHERE NOT EXISTS (SELECT FROM lotty.report_progress p WHERE NOT pg_visible_in_snapshot(t.xid, p.snapshot))
           AND NOT EXISTS (SELECT FROM pg_locks l
                            WHERE l.locktype = 'advisory' AND l.classid = 'lotty.report_progress'::regclass
                              AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                              AND l.pid <> pg_backend_pid())
           FOR UPDATE SKIP LOCKED))
$$;
COMMENT ON FUNCTION lotty.forget_stale() IS
    'deletes from lotty.report_stale what every report that is kept has seen';

CREATE FUNCTION lotty.fill_measure(scope jsonb, measure lotty.report_measure) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(E'INSERT INTO lotty.report_total (measure_id, subject_id, events, total, prior_events, prior_total)\n'
                   'WITH subject AS (%s) SELECT %s, t.* FROM (%s OFFSET 0) AS t ORDER BY t.subject_id',
                   lotty.subjects_sql(scope || '{"cached": true}'), measure.measure_id,
                   lotty.totals_sql(scope, measure.event_type, 'subject_id', measure.attribution_window, measure.look_back));
    UPDATE lotty.report_measure m SET is_filled = true WHERE m.measure_id = measure.measure_id;
END
$$;
COMMENT ON FUNCTION lotty.fill_measure(jsonb, lotty.report_measure) IS
    'computes the totals of a measure for the subjects of a scope';

-- Nobody asks for it any more, or nobody can.
CREATE FUNCTION lotty.drop_kept_report() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.forget_report(OLD.experiment_id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lotty.drop_kept_report() IS
    'trigger: deletes what is kept for the report of an experiment that is deleted or archived';
CREATE TRIGGER drop_kept_report AFTER DELETE ON lotty.experiment
    FOR EACH ROW EXECUTE FUNCTION lotty.drop_kept_report();
CREATE TRIGGER drop_kept_report_of_archived AFTER UPDATE ON lotty.experiment
    FOR EACH ROW WHEN (NEW.status = 'archived' AND OLD.status <> 'archived') EXECUTE FUNCTION lotty.drop_kept_report();

-- Of a subject that is forgotten nothing stays in what is kept. If that cannot be brought up to date now, it is given up.
CREATE FUNCTION lotty.forget_in_reports(subject text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept uuid;
BEGIN
    FOR kept IN SELECT r.experiment_id FROM lotty.report_progress p
                  JOIN lotty.report_subject r ON r.experiment_id = p.experiment_id AND r.subject_id = subject ORDER BY 1
    LOOP
        IF (SELECT r.action NOT IN ('refreshed', 'rebuilt') FROM lotty.refresh_report(kept) r) THEN
            PERFORM lotty.forget_report(kept);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.forget_in_reports(text) IS
    'takes a subject, whose rows have been deleted, out of what is kept for reports';

-- Brings what is kept up to date, if it can: the answer says whether it is, and what was done. It cannot on a
-- standby and in a read-only transaction, nor with a snapshot that is as old as the transaction, nor while another session does it.
-- It runs with the owner's rights, and reads nothing but Lotty's own tables.
--
-- All subjects are joined by hashing, of which the planner, which takes them for few, must be told; and the log is read as it
-- lies, not in the order of an index (first exposures of 5 million decisions: 4.8 s of CPU instead of 14.1). Of a few subjects
-- each is looked up by index.
CREATE FUNCTION lotty.refresh_report(
    experiment_id uuid, rebuild boolean DEFAULT false, OUT action text, OUT subjects bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_nestloop = off SET enable_indexscan = off SET enable_hashjoin = on SET enable_mergejoin = on
SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
DECLARE
    experiment CONSTANT uuid := experiment_id;
    scope jsonb;
    stale jsonb;
    plan jsonb;
    metrics jsonb;
    progress lotty.report_progress;
    settled timestamptz;
    log jsonb;
    seen pg_snapshot;
    are_same boolean;
    measure lotty.report_measure;
    metric_group lotty.metric[];
BEGIN
    subjects := 0;
    IF pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'
       OR current_setting('transaction_isolation') <> 'read committed'
       -- Nobody refreshes it again.
       OR NOT EXISTS (SELECT FROM lotty.experiment e WHERE e.experiment_id = experiment AND e.status <> 'archived')
       -- What replication brings is as old as it was where it comes from, and no trigger tells of it.
       OR EXISTS (SELECT FROM pg_subscription_rel r
                   WHERE r.srrelid = 'lotty.event'::regclass
                      OR r.srrelid IN (SELECT t.relid FROM pg_partition_tree('lotty.decision') t)) THEN
        action := 'impossible';
        RETURN;
    END IF;
    -- Which events are those of lotty.event is decided once: a source that somebody adds meanwhile must not be run with the owner's rights.
    scope := lotty.report_scope(experiment) || '{"own_events": true}';
    stale := scope || '{"stale": true}';
    plan := scope - 'periods' - 'cached' - 'own_events';
    SELECT jsonb_build_object('metrics', coalesce(jsonb_agg(to_jsonb(m) - ARRAY['created_at', 'updated_at', 'description']
                                                            || jsonb_build_object('covariate', to_jsonb(c) - ARRAY['created_at', 'updated_at', 'description']) ORDER BY m.metric_id), '[]'),
                              'periods', scope -> 'periods')
      INTO metrics FROM lotty.own_metrics(experiment) m LEFT JOIN lotty.metric c ON c.metric_id = m.covariate_id;
    -- If nothing is new nobody is kept from working on it, however long this transaction goes on.
    SELECT r.* INTO progress FROM lotty.report_progress r WHERE r.experiment_id = experiment;
    IF NOT rebuild AND progress.plan = plan AND progress.metrics = metrics AND lotty.log_files() @> progress.log
       AND NOT EXISTS (SELECT FROM lotty.changed_subjects(experiment, progress.settled_until, progress.snapshot)) THEN
        action := 'unchanged';
        RETURN;
    ELSIF NOT pg_try_advisory_xact_lock('lotty.report_progress'::regclass::oid::integer, hashtext(experiment::text))
          -- Somebody who has changed old rows has found that nothing is kept, and has not noted it (lotty.is_kept).
          OR NOT EXISTS (SELECT FROM lotty.report_progress)
             AND NOT pg_try_advisory_xact_lock('lotty.report_progress'::regclass::oid::integer, 0) THEN
        action := 'busy';
        RETURN;
    END IF;
    -- Before anything is read: what ends after this is looked at again next time.
    settled := lotty.settled_until();
    seen := lotty.ended_transactions();
    log := lotty.log_files();
    SELECT r.* INTO progress FROM lotty.report_progress r WHERE r.experiment_id = experiment;
    are_same := progress.metrics = metrics;

    -- New partitions are no change.
    action := CASE WHEN rebuild OR progress.plan IS DISTINCT FROM plan OR progress.settled_until = '-infinity'
                        OR NOT log @> progress.log
                        -- The clock has been set back, by more than the seconds that are looked at twice.
                        OR settled > '-infinity' AND settled < progress.settled_until - interval '5 seconds' THEN 'rebuilt' END;
    IF action IS NULL THEN
        subjects := lotty.collect_work(experiment, progress.settled_until, progress.snapshot);
        action := CASE WHEN subjects = 0 THEN 'unchanged'
                       -- Not one by one any more. (2.85 million subjects: a quarter of them takes as long as all.)
                       WHEN subjects > 10000 AND subjects > (SELECT sum(r.exposed) FROM lotty.report_count r WHERE r.experiment_id = experiment) / 4
                       THEN 'rebuilt' ELSE 'refreshed' END;
    END IF;
    IF action = 'rebuilt' THEN
        are_same := false;
        PERFORM lotty.forget_report(experiment);
        -- In the order of the key: that halves the time of the INSERT. OFFSET 0 has the subjects sorted, not all that they are made of.
        EXECUTE format('INSERT INTO lotty.report_subject (experiment_id, subject_id, variant_id, exposed_at, crossed_at) '
                       'SELECT %L, s.* FROM (%s OFFSET 0) AS s ORDER BY s.subject_id', experiment, lotty.subjects_sql(scope));
        GET DIAGNOSTICS subjects = ROW_COUNT;
    ELSIF action = 'refreshed' THEN
        PERFORM set_config('enable_nestloop', 'on', true), set_config('enable_indexscan', 'on', true),
                set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);
        IF are_same THEN
            PERFORM lotty.add_sums(stale || '{"cached": true}', -1);
        END IF;
        EXECUTE format('DELETE FROM lotty.report_subject r WHERE r.experiment_id = %L AND r.subject_id IN (%s)', experiment, lotty.stale_sql(scope));
        EXECUTE format('INSERT INTO lotty.report_subject (experiment_id, subject_id, variant_id, exposed_at, crossed_at) '
                       'SELECT %L, s.* FROM (%s) AS s', experiment, lotty.subjects_sql(stale));
        FOR measure IN SELECT m.* FROM lotty.report_measure m WHERE m.experiment_id = experiment AND m.is_filled LOOP
            EXECUTE format('DELETE FROM lotty.report_total r WHERE r.measure_id = %s AND r.subject_id IN (%s)',
                           measure.measure_id, lotty.stale_sql(scope));
            PERFORM lotty.fill_measure(stale, measure);
        END LOOP;
        IF are_same THEN
            PERFORM lotty.add_sums(stale || '{"cached": true}', 1);
        END IF;
        PERFORM set_config('enable_nestloop', 'off', true), set_config('enable_indexscan', 'off', true),
                set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true);
    END IF;

    IF NOT coalesce(are_same, false) THEN
        PERFORM lotty.set_measures(experiment);
        FOR measure IN SELECT m.* FROM lotty.report_measure m WHERE m.experiment_id = experiment AND NOT m.is_filled LOOP
            PERFORM lotty.fill_measure(scope, measure);
        END LOOP;
        DELETE FROM lotty.report_count r WHERE r.experiment_id = experiment;
        DELETE FROM lotty.report_sum r WHERE r.experiment_id = experiment;
        PERFORM lotty.add_sums(scope || '{"cached": true}', 1);
        -- A refresh of 20,000 subjects after this takes 1.3 s instead of 3.7 (200,000 subjects, three metrics, debug build). Nobody is waited for.
        ANALYZE (SKIP_LOCKED) lotty.report_subject, lotty.report_total;
    END IF;
    IF NOT coalesce(are_same, false) OR subjects > 0 THEN
        DELETE FROM lotty.report_state r WHERE r.experiment_id = experiment;
        FOR metric_group IN SELECT g.* FROM lotty.metric_groups(ARRAY(
                SELECT m.metric_id FROM lotty.own_metrics(experiment) m WHERE NOT lotty.is_additive(m))) AS g (metrics) LOOP
            EXECUTE (SELECT format('INSERT INTO lotty.report_state (experiment_id, metric_id, period, variant_id, stats, lower_cap, upper_cap, capped) '
                                   '%s SELECT %L, s.metric_id, s.period, s.variant_id, s.stats, s.lower_cap, s.upper_cap, s.capped FROM (%s) AS s',
                                   q.with_query, experiment, q.query)
                       FROM lotty.metrics_sql(scope || '{"cached": true}', metric_group) q);
        END LOOP;
    END IF;
    DELETE FROM lotty.report_work w WHERE w.experiment_id = experiment;
    INSERT INTO lotty.report_progress AS p (experiment_id, settled_until, refreshed_at, snapshot, log, plan, metrics)
    VALUES (experiment, settled, now(), seen, log, plan, metrics)
        ON CONFLICT ON CONSTRAINT report_progress_pkey
        DO UPDATE SET settled_until = greatest(p.settled_until, excluded.settled_until), refreshed_at = excluded.refreshed_at,
                      snapshot = excluded.snapshot, log = excluded.log, plan = excluded.plan, metrics = excluded.metrics;
    IF EXISTS (SELECT FROM lotty.report_stale) THEN
        PERFORM lotty.forget_stale();
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.refresh_report(uuid, boolean) IS
    'brings what is kept for the report of an experiment up to date; action is rebuilt, refreshed or unchanged, or impossible (read-only, a snapshot of the transaction, or an archived experiment) or busy (another session does it); subjects is how many were computed anew';

CREATE FUNCTION @extschema@.lotty_refresh_reports(experiment text DEFAULT NULL, rebuild boolean DEFAULT false)
RETURNS TABLE (experiment_key text, action text, subjects bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_experiment uuid;
BEGIN
    IF experiment IS NOT NULL THEN
        experiment_key := experiment;
        SELECT r.action, r.subjects INTO action, subjects FROM lotty.refresh_report(lotty.experiment_of(experiment), coalesce(rebuild, false)) r;
        RETURN NEXT;
        RETURN;
    END IF;
    FOR of_experiment, experiment_key IN
        SELECT e.experiment_id, e.key FROM lotty.experiment e
         WHERE e.status IN ('running', 'paused', 'completed')
           AND (EXISTS (SELECT FROM lotty.experiment_metric m WHERE m.experiment_id = e.experiment_id)
                OR EXISTS (SELECT FROM lotty.report_progress p WHERE p.experiment_id = e.experiment_id))
         ORDER BY e.key
    LOOP
        -- One that fails keeps the others from nothing.
        BEGIN
            SELECT r.action, r.subjects INTO action, subjects FROM lotty.refresh_report(of_experiment, coalesce(rebuild, false)) r;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING USING MESSAGE = format('the report of experiment "%s" could not be refreshed', experiment_key), DETAIL = SQLERRM;
            action := 'failed';
            subjects := 0;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_refresh_reports(text, boolean) IS
    'works on what is new since the last report, so that the next one need not: of one experiment, or of all that have metrics and are not archived. rebuild: everything anew. For cron, or after loading old rows into the log by hand';
REVOKE ALL ON FUNCTION @extschema@.lotty_refresh_reports(text, boolean) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
