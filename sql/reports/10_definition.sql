-- What a report is to say: where events come from, the metrics, and how an experiment is analysed.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Events that stay in the user's own tables. The query runs with the rights of whoever asks for a
-- report, so nobody sees through it what he may not see.
CREATE TABLE lotty.event_source (
    event_type  text        NOT NULL,
    query       text        NOT NULL,
    columns     text[]      NOT NULL,
    written_by  text        NOT NULL DEFAULT current_user,
    description text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT event_source_pkey PRIMARY KEY (event_type),
    CONSTRAINT event_source_event_type_check CHECK (pg_catalog.octet_length(event_type) BETWEEN 1 AND 512),
    CONSTRAINT event_source_query_check CHECK (pg_catalog.octet_length(query) <= 65536)
);
COMMENT ON TABLE lotty.event_source IS 'events that are rows of the user''s own tables: a query for each event type. Metrics of that type count its rows instead of those of lotty.event';
COMMENT ON COLUMN lotty.event_source.event_type IS 'the type of its events, such as purchase';
COMMENT ON COLUMN lotty.event_source.query IS 'a SELECT with the columns subject_id and occurred_at and, if there are such, value, event_id (a repeat counts once), decision_id and received_at; run with the rights of whoever asks for the report';
COMMENT ON COLUMN lotty.event_source.columns IS 'which of those columns the query has; kept by a trigger';
COMMENT ON COLUMN lotty.event_source.written_by IS 'the role that wrote the query: lotty_check_guardrails, which runs by itself, runs it for that role or one that has less; kept by a trigger';
COMMENT ON COLUMN lotty.event_source.description IS 'for people';
COMMENT ON COLUMN lotty.event_source.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.event_source.updated_at IS 'time of the last change; kept by a trigger';
SELECT pg_catalog.pg_extension_config_dump('lotty.event_source', '');

CREATE TABLE lotty.dimension (
    name        text        NOT NULL,
    query       text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT dimension_pkey PRIMARY KEY (name),
    CONSTRAINT dimension_name_check CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 512),
    CONSTRAINT dimension_query_check CHECK (pg_catalog.octet_length(query) <= 65536)
);
COMMENT ON TABLE lotty.dimension IS 'something by which subjects are told apart in reports, such as the country: a query over the user''s own tables';
COMMENT ON COLUMN lotty.dimension.name IS 'the name, 1 to 512 bytes';
COMMENT ON COLUMN lotty.dimension.query IS 'a SELECT with the columns subject_id and value, at most one row for each subject; run with the rights of whoever asks for the report';
COMMENT ON COLUMN lotty.dimension.description IS 'for people';
COMMENT ON COLUMN lotty.dimension.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.dimension.updated_at IS 'time of the last change; kept by a trigger';
SELECT pg_catalog.pg_extension_config_dump('lotty.dimension', '');

CREATE TABLE lotty.metric (
    metric_id              uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    key                    text        NOT NULL,
    type                   text        NOT NULL,
    event_type             text        NOT NULL,
    numerator              text        NOT NULL DEFAULT 'sum',
    denominator_event_type text,
    denominator            text        NOT NULL DEFAULT 'count',
    quantile               float8,
    ignore_zeros           boolean     NOT NULL DEFAULT false,
    winsorize_lower        float8,
    winsorize_upper        float8,
    attribution            text        NOT NULL DEFAULT 'subject_id',
    attribution_window     interval,
    direction              text        NOT NULL DEFAULT 'increase',
    cuped_days             integer,
    covariate_id           uuid,
    description            text        NOT NULL DEFAULT '',
    created_at             timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at             timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT metric_pkey PRIMARY KEY (metric_id),
    CONSTRAINT metric_key_key UNIQUE (key),
    CONSTRAINT metric_key_check CHECK (pg_catalog.octet_length(key) BETWEEN 1 AND 512),
    CONSTRAINT metric_type_check
        CHECK (type IN ('conversion', 'count', 'sum', 'ratio', 'quantile', 'event_quantile')),
    CONSTRAINT metric_event_type_check CHECK (pg_catalog.octet_length(event_type) BETWEEN 1 AND 512),
    CONSTRAINT metric_numerator_check CHECK (numerator IN ('count', 'sum')),
    CONSTRAINT metric_denominator_check CHECK (denominator IN ('count', 'sum')),
    CONSTRAINT metric_denominator_event_type_check
        CHECK (denominator_event_type IS NULL OR type = 'ratio'),
    CONSTRAINT metric_quantile_check
        CHECK ((type IN ('quantile', 'event_quantile')) = (quantile IS NOT NULL) AND quantile > 0 AND quantile < 1),
    CONSTRAINT metric_winsorize_check
        CHECK (coalesce(winsorize_lower, 0) >= 0 AND coalesce(winsorize_upper, 1) <= 1
               AND coalesce(winsorize_lower, 0) < coalesce(winsorize_upper, 1)
               AND (pg_catalog.num_nulls(winsorize_lower, winsorize_upper) = 2 OR type IN ('count', 'sum', 'ratio'))),
    CONSTRAINT metric_attribution_check CHECK (attribution IN ('subject_id', 'decision_id')),
    CONSTRAINT metric_attribution_window_check CHECK (attribution_window > '0' AND attribution_window <= '3650 days'),
    CONSTRAINT metric_direction_check CHECK (direction IN ('increase', 'decrease')),
    CONSTRAINT metric_cuped_days_check
        CHECK (cuped_days BETWEEN 1 AND 3650 AND (cuped_days IS NULL OR type IN ('conversion', 'count', 'sum', 'ratio'))),
    CONSTRAINT metric_covariate_id_check CHECK (covariate_id IS NULL OR cuped_days IS NOT NULL)
);
COMMENT ON TABLE lotty.metric IS 'a number that each subject has after its exposure, made of events; reports compare it between variants. (What monitoring systems read is the view lotty.metrics)';
COMMENT ON COLUMN lotty.metric.metric_id IS 'identifier';
COMMENT ON COLUMN lotty.metric.key IS 'the name that people use, 1 to 512 bytes';
COMMENT ON COLUMN lotty.metric.type IS 'conversion (whether there was an event), count (events), sum (of their values), ratio (numerator by denominator, over all subjects), quantile (of the subjects'' sums) or event_quantile (of the values of the events)';
COMMENT ON COLUMN lotty.metric.event_type IS 'the events that count: of an event source of that name, else those of lotty.event';
COMMENT ON COLUMN lotty.metric.numerator IS 'of a ratio: whether its events are counted (count) or their values added (sum)';
COMMENT ON COLUMN lotty.metric.denominator_event_type IS 'of a ratio: the events of the denominator; NULL means event_type';
COMMENT ON COLUMN lotty.metric.denominator IS 'of a ratio: whether the events of the denominator are counted (count) or their values added (sum)';
COMMENT ON COLUMN lotty.metric.quantile IS 'which quantile, such as 0.9; of quantile and event_quantile';
COMMENT ON COLUMN lotty.metric.ignore_zeros IS 'the quantile, or the percentiles of winsorize_lower and winsorize_upper, are of the values other than 0';
COMMENT ON COLUMN lotty.metric.winsorize_lower IS 'values below this percentile (0 to 1) of all subjects count as the percentile; NULL for no lower cap';
COMMENT ON COLUMN lotty.metric.winsorize_upper IS 'values above this percentile (0 to 1) of all subjects count as the percentile; NULL for no upper cap';
COMMENT ON COLUMN lotty.metric.attribution IS 'which events are a subject''s: subject_id (all of it since the first exposure) or decision_id (those that name a decision that exposed it, since that)';
COMMENT ON COLUMN lotty.metric.attribution_window IS 'how long after the exposure events count, also after the end of the experiment; NULL means until its end';
COMMENT ON COLUMN lotty.metric.direction IS 'increase if more is better, decrease if less is';
COMMENT ON COLUMN lotty.metric.cuped_days IS 'CUPED: the value in so many days before each subject''s exposure reduces the variance; NULL for no CUPED';
COMMENT ON COLUMN lotty.metric.covariate_id IS 'the metric whose value before the exposure is taken for CUPED; NULL means the metric itself. Kept by triggers: of a foreign key to the own table pg_dump warns';
COMMENT ON COLUMN lotty.metric.description IS 'for people';
COMMENT ON COLUMN lotty.metric.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.metric.updated_at IS 'time of the last change; kept by a trigger';
-- Found when a metric is deleted.
CREATE INDEX metric_covariate_id_idx ON lotty.metric (covariate_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.metric', '');

CREATE TABLE lotty.experiment_metric (
    experiment_id    uuid    NOT NULL,
    metric_id        uuid    NOT NULL,
    role             text    NOT NULL DEFAULT 'goal',
    tolerance        float8  NOT NULL DEFAULT 0,
    margin           float8,
    action           text    NOT NULL DEFAULT 'none',
    minimum_subjects integer NOT NULL DEFAULT 100,
    CONSTRAINT experiment_metric_pkey PRIMARY KEY (experiment_id, metric_id),
    CONSTRAINT experiment_metric_experiment_id_fkey
        FOREIGN KEY (experiment_id) REFERENCES lotty.experiment (experiment_id) ON DELETE CASCADE,
    CONSTRAINT experiment_metric_metric_id_fkey
        FOREIGN KEY (metric_id) REFERENCES lotty.metric (metric_id),
    CONSTRAINT experiment_metric_role_check CHECK (role IN ('goal', 'secondary', 'guardrail')),
    CONSTRAINT experiment_metric_tolerance_check CHECK (tolerance >= 0 AND tolerance < 'Infinity'),
    CONSTRAINT experiment_metric_margin_check CHECK (margin > 0 AND margin < 'Infinity'),
    CONSTRAINT experiment_metric_action_check
        CHECK (action IN ('none', 'notify', 'pause') AND (action = 'none' OR role = 'guardrail')),
    CONSTRAINT experiment_metric_minimum_subjects_check CHECK (minimum_subjects >= 2)
);
COMMENT ON TABLE lotty.experiment_metric IS 'a metric that the report of an experiment has';
COMMENT ON COLUMN lotty.experiment_metric.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.experiment_metric.metric_id IS 'the metric';
COMMENT ON COLUMN lotty.experiment_metric.role IS 'goal (what the experiment is for), secondary, or guardrail (what must not get worse)';
COMMENT ON COLUMN lotty.experiment_metric.tolerance IS 'of a guardrail: the lift for the worse that is put up with, such as 0.02; it trips beyond that';
COMMENT ON COLUMN lotty.experiment_metric.margin IS 'of a guardrail: it has passed when the lift for the worse is proved to be less than this, such as 0.05; NULL if that is not asked';
COMMENT ON COLUMN lotty.experiment_metric.action IS 'what lotty_check_guardrails does when it trips: none, notify (a row in lotty.guardrail_log and NOTIFY lotty_guardrail) or pause (the experiment too)';
COMMENT ON COLUMN lotty.experiment_metric.minimum_subjects IS 'subjects that each of the two variants must have before it can trip';
-- Found when a metric is deleted.
CREATE INDEX experiment_metric_metric_id_idx ON lotty.experiment_metric (metric_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.experiment_metric', '');

CREATE TABLE lotty.analysis_plan (
    experiment_id    uuid        NOT NULL,
    starts_at        timestamptz,
    ends_at          timestamptz,
    crossovers       text        NOT NULL DEFAULT 'exclude',
    alpha            float8      NOT NULL DEFAULT 0.05,
    power            float8      NOT NULL DEFAULT 0.8,
    planned_subjects bigint      NOT NULL DEFAULT 5000,
    correction       text        NOT NULL DEFAULT 'holm',
    prior_mean       float8      NOT NULL DEFAULT 0,
    prior_stddev     float8,
    CONSTRAINT analysis_plan_pkey PRIMARY KEY (experiment_id),
    CONSTRAINT analysis_plan_experiment_id_fkey
        FOREIGN KEY (experiment_id) REFERENCES lotty.experiment (experiment_id) ON DELETE CASCADE,
    CONSTRAINT analysis_plan_ends_at_check CHECK (ends_at > starts_at),
    CONSTRAINT analysis_plan_crossovers_check CHECK (crossovers IN ('exclude', 'first')),
    CONSTRAINT analysis_plan_alpha_check CHECK (alpha BETWEEN 0.000001 AND 0.5),
    CONSTRAINT analysis_plan_power_check CHECK (power BETWEEN 0.01 AND 0.9999),
    CONSTRAINT analysis_plan_planned_subjects_check CHECK (planned_subjects >= 2),
    CONSTRAINT analysis_plan_correction_check CHECK (correction IN ('holm', 'benjamini_hochberg', 'none')),
    CONSTRAINT analysis_plan_prior_mean_check CHECK (prior_mean > '-Infinity' AND prior_mean < 'Infinity'),
    CONSTRAINT analysis_plan_prior_stddev_check CHECK (prior_stddev > 0 AND prior_stddev < 'Infinity')
);
COMMENT ON TABLE lotty.analysis_plan IS 'how an experiment is analysed, where that differs from the defaults, which hold for experiments without a row; best written before the start';
COMMENT ON COLUMN lotty.analysis_plan.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.analysis_plan.starts_at IS 'exposures before do not count; NULL means all';
COMMENT ON COLUMN lotty.analysis_plan.ends_at IS 'exposures from then on do not count, nor events of metrics without an attribution window; NULL means the experiment''s completed_at, if it is completed';
COMMENT ON COLUMN lotty.analysis_plan.crossovers IS 'subjects that were given more than one variant: exclude, or first (they stay with the first one)';
COMMENT ON COLUMN lotty.analysis_plan.alpha IS 'two-sided level of all tests and intervals';
COMMENT ON COLUMN lotty.analysis_plan.power IS 'power at which detectable effects are told';
COMMENT ON COLUMN lotty.analysis_plan.planned_subjects IS 'subjects of both variants at which one usually decides; the always-valid tests are sharpest there. Not to be changed while the experiment runs';
COMMENT ON COLUMN lotty.analysis_plan.correction IS 'how the p-values of goal metrics are adjusted for their number: holm, benjamini_hochberg or none';
COMMENT ON COLUMN lotty.analysis_plan.prior_mean IS 'mean of the prior of the lift, for chance_to_beat_control';
COMMENT ON COLUMN lotty.analysis_plan.prior_stddev IS 'standard deviation of that prior; NULL for a flat one';
SELECT pg_catalog.pg_extension_config_dump('lotty.analysis_plan', '');

-- checks ------------------------------------------------------------------------------------

-- The names in a query are found as the reports will look for them: with no search_path.
CREATE FUNCTION lotty.check_query(of_table text, named text, query text, required jsonb, optional jsonb)
RETURNS text[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_columns text[] := '{}';
    wanted record;
BEGIN
    FOR wanted IN
        SELECT w.key AS name, w.value AS types, w.is_required, c.type_id::regtype AS type, count(*) OVER (PARTITION BY w.key) AS times
          FROM (SELECT key, value, true AS is_required FROM jsonb_each(required)
                UNION ALL SELECT key, value, false FROM jsonb_each(optional)) AS w
          LEFT JOIN lotty.query_columns(query) c ON c.name = w.key
         ORDER BY w.is_required DESC, w.key
    LOOP
        IF wanted.type IS NULL AND wanted.is_required THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_column', SCHEMA = 'lotty', TABLE = of_table, COLUMN = 'query',
                MESSAGE = format('the query of %s "%s" has no column "%s"', replace(of_table, '_', ' '), named, wanted.name),
                DETAIL = format('Its columns are %s.',
                                (SELECT coalesce(string_agg(format('"%s"', c.name), ', '), 'none') FROM lotty.query_columns(query) c)),
                HINT = format('Name one so: SELECT ... AS %s.', wanted.name);
        ELSIF wanted.times > 1 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'ambiguous_column', SCHEMA = 'lotty', TABLE = of_table, COLUMN = 'query',
                MESSAGE = format('the query of %s "%s" has %s columns "%s"', replace(of_table, '_', ' '), named, wanted.times, wanted.name),
                DETAIL = 'Reports would not know which one is meant.',
                HINT = 'Give the others another name, or leave them out.';
        ELSIF NOT wanted.types ? wanted.type::text AND wanted.types <> '[]' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'datatype_mismatch', SCHEMA = 'lotty', TABLE = of_table, COLUMN = 'query',
                MESSAGE = format('column "%s" of the query of %s "%s" is of type %s', wanted.name,
                                 replace(of_table, '_', ' '), named, wanted.type),
                DETAIL = format('It must be of type %s.', (SELECT string_agg(t, ' or ') FROM jsonb_array_elements_text(wanted.types) AS t)),
                HINT = CASE wanted.name WHEN 'occurred_at' THEN 'AT TIME ZONE makes a timestamp with time zone of one without.'
                                        ELSE 'Cast it in the query.' END;
        END IF;
        found_columns := found_columns || CASE WHEN wanted.type IS NOT NULL THEN ARRAY[wanted.name] ELSE '{}' END;
    END LOOP;
    RETURN found_columns;
END
$$;
COMMENT ON FUNCTION lotty.check_query(text, text, text, jsonb, jsonb) IS
    'raises undefined_column, ambiguous_column or datatype_mismatch unless a query has the columns that are required, each once and of its type; answers which of them it has';

CREATE FUNCTION lotty.check_event_source() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_columns CONSTANT text[] := lotty.check_query('event_source', NEW.event_type, NEW.query,
        '{"subject_id": [], "occurred_at": ["timestamp with time zone"]}',
        '{"value": ["numeric", "integer", "bigint", "smallint", "double precision", "real"], "event_id": [],
          "decision_id": ["uuid"], "received_at": ["timestamp with time zone"]}');
BEGIN
    RETURN jsonb_populate_record(NEW, jsonb_build_object('columns', found_columns, 'written_by', current_user));
END
$$;
COMMENT ON FUNCTION lotty.check_event_source() IS
    'trigger: raises undefined_column or datatype_mismatch unless the query has the columns of events, and keeps which it has and who wrote it';

CREATE FUNCTION lotty.check_dimension() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_query('dimension', NEW.name, NEW.query, '{"subject_id": [], "value": []}', '{}');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.check_dimension() IS
    'trigger: raises undefined_column unless the query has subject_id and value';

-- A covariate is of the same shape: a ratio's is a ratio.
CREATE FUNCTION lotty.check_metric() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pair record;
BEGIN
    -- Nobody deletes it until this is committed.
    PERFORM FROM lotty.metric m WHERE m.metric_id = NEW.covariate_id FOR KEY SHARE;
    IF NEW.covariate_id IS NOT NULL AND NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = 'lotty', TABLE = 'metric', COLUMN = 'covariate_id',
            MESSAGE = format('the covariate of metric "%s" does not exist', NEW.key),
            DETAIL = format('There is no metric with metric_id %s.', NEW.covariate_id),
            HINT = 'NULL stands for the metric itself.';
    END IF;
    SELECT p.* INTO pair
      FROM (SELECT m.key AS covariate, m.type AS covariate_type, NEW.key AS metric, NEW.type AS metric_type
              FROM lotty.metric m WHERE m.metric_id = NEW.covariate_id AND m.metric_id <> NEW.metric_id
            UNION ALL
            SELECT NEW.key, NEW.type, m.key, m.type
              FROM lotty.metric m WHERE m.covariate_id = NEW.metric_id AND m.metric_id <> NEW.metric_id) AS p
     WHERE (p.covariate_type = 'ratio') <> (p.metric_type = 'ratio') OR p.covariate_type IN ('quantile', 'event_quantile')
     ORDER BY p.metric LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'metric', COLUMN = 'covariate_id',
            MESSAGE = format('metric "%s" cannot be the covariate of metric "%s"', pair.covariate, pair.metric),
            DETAIL = format('It is a %s, and the metric is a %s.', pair.covariate_type, pair.metric_type),
            HINT = 'The covariate of a ratio is a ratio, that of a conversion, a count or a sum is one of these.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.check_metric() IS
    'trigger: raises foreign_key_violation if there is no such covariate, check_violation if it is of another kind than the metric';

CREATE FUNCTION lotty.check_metric_unused() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    user_key CONSTANT text := (SELECT min(m.key) FROM lotty.metric m
                                WHERE m.covariate_id = OLD.metric_id AND m.metric_id <> OLD.metric_id);
BEGIN
    IF user_key IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = 'lotty', TABLE = 'metric', COLUMN = 'covariate_id',
            MESSAGE = format('metric "%s" is used', OLD.key),
            DETAIL = format('It is the covariate of metric "%s".', user_key),
            HINT = 'Give that one another covariate first.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION lotty.check_metric_unused() IS
    'trigger: raises foreign_key_violation if the metric is the covariate of another one';
CREATE TRIGGER check_unused BEFORE DELETE ON lotty.metric
    FOR EACH ROW EXECUTE FUNCTION lotty.check_metric_unused();

-- Not while a dump is restored: what the queries and the covariate refer to may come later.
DO $$
DECLARE
    checked text;
BEGIN
    FOREACH checked IN ARRAY ARRAY['event_source', 'dimension', 'metric'] LOOP
        EXECUTE format('CREATE TRIGGER check_row BEFORE INSERT ON lotty.%1$I FOR EACH ROW '
                       'WHEN (NOT (%2$s)) EXECUTE FUNCTION lotty.check_%1$s()', checked, lotty.restoring_condition());
        EXECUTE format('CREATE TRIGGER check_change BEFORE UPDATE ON lotty.%1$I FOR EACH ROW '
                       'EXECUTE FUNCTION lotty.check_%1$s()', checked);
        EXECUTE format('CREATE TRIGGER keep_timestamps BEFORE UPDATE ON lotty.%I FOR EACH ROW '
                       'EXECUTE FUNCTION lotty.keep_timestamps()', checked);
    END LOOP;
END
$$;

-- functions ---------------------------------------------------------------------------------

CREATE FUNCTION lotty.add_event_source(event_type text, query text, description text DEFAULT '')
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing CONSTANT text := CASE WHEN event_type IS NULL THEN 'event_type' WHEN query IS NULL THEN 'query' END;
BEGIN
    IF missing IS NOT NULL THEN
        PERFORM lotty.refuse_null('lotty.add_event_source', missing, 'Pass a value.');
    END IF;
    INSERT INTO lotty.event_source AS s (event_type, query, columns, description)
    VALUES (add_event_source.event_type, add_event_source.query, '{}', coalesce(add_event_source.description, ''))
        ON CONFLICT ON CONSTRAINT event_source_pkey
        DO UPDATE SET query = excluded.query, description = excluded.description;
END
$$;
COMMENT ON FUNCTION lotty.add_event_source(text, text, text) IS
    'makes the rows of a query the events of a type, in place of those of lotty.event; names in the query need their schemas';

CREATE FUNCTION lotty.add_dimension(name text, query text, description text DEFAULT '')
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing CONSTANT text := CASE WHEN name IS NULL THEN 'name' WHEN query IS NULL THEN 'query' END;
BEGIN
    IF missing IS NOT NULL THEN
        PERFORM lotty.refuse_null('lotty.add_dimension', missing, 'Pass a value.');
    END IF;
    INSERT INTO lotty.dimension AS d (name, query, description)
    VALUES (add_dimension.name, add_dimension.query, coalesce(add_dimension.description, ''))
        ON CONFLICT ON CONSTRAINT dimension_pkey
        DO UPDATE SET query = excluded.query, description = excluded.description;
END
$$;
COMMENT ON FUNCTION lotty.add_dimension(text, text, text) IS
    'makes the value of a query something by which lotty.report_by can tell subjects apart; names in the query need their schemas';

CREATE FUNCTION lotty.attach_metric(
    experiment text, metric text, role text DEFAULT 'goal', action text DEFAULT 'none',
    tolerance float8 DEFAULT 0, margin float8 DEFAULT NULL, minimum_subjects integer DEFAULT 100)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO lotty.experiment_metric AS m
           (experiment_id, metric_id, role, action, tolerance, margin, minimum_subjects)
    VALUES (lotty.experiment_of(experiment), lotty.metric_of(metric), attach_metric.role, attach_metric.action,
            attach_metric.tolerance, attach_metric.margin, attach_metric.minimum_subjects)
        ON CONFLICT ON CONSTRAINT experiment_metric_pkey
        DO UPDATE SET role = excluded.role, action = excluded.action, tolerance = excluded.tolerance,
                      margin = excluded.margin, minimum_subjects = excluded.minimum_subjects;
END
$$;
COMMENT ON FUNCTION lotty.attach_metric(text, text, text, text, float8, float8, integer) IS
    'gives the report of an experiment a metric; of one that it has already, the role and the rest are changed';

CREATE FUNCTION lotty.detach_metric(experiment text, metric text)
RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lotty.experiment_metric m
     WHERE m.experiment_id = lotty.experiment_of(experiment) AND m.metric_id = lotty.metric_of(metric);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION lotty.detach_metric(text, text) IS
    'takes a metric out of the report of an experiment; false if it was not in it';

CREATE FUNCTION lotty.experiment_of(key text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id CONSTANT uuid := (SELECT e.experiment_id FROM lotty.experiment e WHERE e.key = experiment_of.key);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = 'experiment',
            MESSAGE = CASE WHEN key IS NULL THEN 'experiment must not be NULL'
                           ELSE format('experiment "%s" does not exist', key) END,
            DETAIL = 'Reports take the key of an experiment.',
            HINT = 'The column key of lotty.experiment has the keys.';
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION lotty.experiment_of(text) IS
    'experiment_id of an experiment by its key; raises undefined_object';

CREATE FUNCTION lotty.metric_of(key text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id CONSTANT uuid := (SELECT m.metric_id FROM lotty.metric m WHERE m.key = metric_of.key);
BEGIN
    IF found_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object', SCHEMA = 'lotty', TABLE = 'metric',
            MESSAGE = CASE WHEN key IS NULL THEN 'metric must not be NULL'
                           ELSE format('metric "%s" does not exist', key) END,
            DETAIL = format('The metrics are %s.',
                            (SELECT coalesce(string_agg(format('"%s"', m.key), ', ' ORDER BY m.key), 'none')
                               FROM (SELECT m.key FROM lotty.metric m ORDER BY m.key LIMIT 20) AS m)),
            HINT = 'Insert it into lotty.metric.';
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION lotty.metric_of(text) IS
    'metric_id of a metric by its key; raises undefined_object';

REVOKE ALL ON TABLE lotty.event_source, lotty.dimension, lotty.metric, lotty.experiment_metric, lotty.analysis_plan
    FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
