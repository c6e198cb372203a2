-- What roles are given. The functions that decide run with their owner's rights, so the right to
-- decide is no right on any table.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Three rights, each a list of privileges. What none of them has is for the owner: importing (which
-- no review binds), forgetting and merging subjects, retention, rebuilding the ledger, granting.
CREATE FUNCTION lotty.privileges_of(rights text, OUT privilege text, OUT object text)
RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH listed (rights, privileges, kind, names) AS (VALUES
        -- An application. The types, so that it can keep answers in a table of its own.
        ('decide', 'EXECUTE', 'FUNCTION', ARRAY[
            'lotty_decide', 'lotty_decide_all', 'lotty_decide_many', 'lotty_decide_experiment',
            'lotty_evaluate', 'lotty_evaluate_all', 'lotty_evaluate_many', 'lotty_evaluate_experiment',
            'lotty_boolean', 'lotty_string', 'lotty_number', 'lotty_json', 'lotty_track']),
        ('decide', 'USAGE', 'TYPE', ARRAY['decision_result', 'reason']),
        -- Analysts and monitoring.
        ('report', 'USAGE', 'SCHEMA', ARRAY['lotty']),
        ('report', 'USAGE', 'TYPE', ARRAY[
            'decision_result', 'reason', 'stats', 'bounds', 'comparison', 'srm_result']),
        ('report', 'SELECT', 'TABLE', ARRAY[
            'flag', 'experiment', 'experiment_flag', 'variant', 'variant_value', 'audience',
            'conflict_domain', 'experiment_conflict_domain',
            'assignment', 'decision', 'event', 'exposure', 'metrics',
            'event_source', 'dimension', 'metric', 'experiment_metric', 'analysis_plan', 'guardrail_log',
            'report_progress', 'report_subject', 'report_measure', 'report_total', 'report_sum', 'report_state', 'report_count']),
        ('report', 'EXECUTE', 'FUNCTION', ARRAY[
            'lotty_bucket', 'lotty_murmur3_bucket', 'lotty_evaluate', 'lotty_explain',
            'lotty_prometheus_metrics', 'metric_values',
            'report', 'report_by', 'report_daily', 'metric_stats', 'health', 'traffic', 'explain_report',
            'lotty_report_svg', 'lotty_refresh_reports']),
        -- What these call, which run with the caller's rights.
        ('report', 'EXECUTE', 'FUNCTION', ARRAY[
            'adjust_p_values', 'attributed_sql', 'counts_sql', 'daily_effects', 'dimension_query', 'dimension_sql', 'draw_report',
            'effects', 'event_rows_sql', 'event_types_of', 'events_sql', 'experiment_of', 'exposures_sql', 'first_copies_sql',
            'is_refreshed', 'metric_of', 'metric_sql', 'own_metrics', 'period_sql', 'plan_of', 'refresh_report', 'refuse_null',
            'report_rows', 'report_scope', 'sample_ratio', 'seconds_sql', 'stats_sql', 'subjects_sql', 'time_conditions',
            'totals_sql', 'value_sql', 'verdict', 'weight_periods', 'stale_sql', 'included_sql', 'values_sql', 'quantile_sql',
            'event_quantile_sql', 'moments_sql', 'sums_sql', 'is_additive', 'stats_from_sums',
            'in_seconds', 'known_counts_sql', 'guardrail_bound', 'has_cached_stats', 'metric_groups', 'metric_queries', 'metrics_sql',
            'read_together', 'needed_values', 'summands', 'sum_up_sql', 'stats_of_sums_sql', 'day_sql', 'daily_values_sql', 'daily_scopes',
            'addable', 'refuse_values']),
        -- The statistics, without the functions of which the aggregates and the type are made: those are
        -- not the caller's to call.
        ('report', 'EXECUTE', 'FUNCTION', ARRAY[
            'stats', 'ratio_stats', 'rollup', 'stats_from_moments', 'quantile_bounds', 'quantile_stats',
            'kind', 'n', 'mean', 'variance', 'std_err', 'has_covariate', 'covariate', 'sum', 'sum_products', 'wilson',
            'compare', 'compare_cuped', 'compare_stratified', 'srm', 'holm', 'benjamini_hochberg',
            'sample_size', 'power']),
        -- Whoever makes flags and experiments.
        ('manage', 'USAGE', 'SCHEMA', ARRAY['lotty']),
        ('manage', 'USAGE', 'TYPE', ARRAY['decision_result', 'reason', 'targeting_check']),
        ('manage', 'SELECT INSERT UPDATE DELETE', 'TABLE', ARRAY[
            'flag', 'experiment', 'experiment_flag', 'variant', 'variant_value', 'override', 'audience',
            'conflict_domain', 'experiment_conflict_domain',
            'event_source', 'dimension', 'metric', 'experiment_metric', 'analysis_plan']),
        ('manage', 'SELECT', 'TABLE', ARRAY['change', 'guardrail_log']),
        ('manage', 'EXECUTE', 'FUNCTION', ARRAY[
            'lotty_bucket', 'lotty_murmur3_bucket', 'lotty_explain',
            'lotty_evaluate', 'lotty_evaluate_all', 'lotty_evaluate_many', 'lotty_evaluate_experiment',
            'lotty_targeting_check', 'lotty_targeting_matches',
            'lotty_force', 'lotty_unforce', 'lotty_forced',
            'lotty_submit', 'lotty_approve', 'lotty_reject', 'lotty_draft', 'lotty_start', 'lotty_pause',
            'lotty_resume', 'lotty_complete', 'lotty_archive',
            'lotty_export', 'lotty_apply',
            'add_event_source', 'add_dimension', 'attach_metric', 'detach_metric']),
        -- What the triggers of those tables and those functions call, which run with the caller's rights.
        ('manage', 'EXECUTE', 'FUNCTION', ARRAY[
            'announce_change', 'audience_used_by', 'check_audience_cycle', 'check_audience_unused',
            'check_bucketing', 'check_can_be_exempt', 'check_can_start', 'check_domain_member',
            'check_targeting', 'check_traffic_allocation', 'check_traffic_ranges', 'check_unreviewed',
            'check_value', 'check_variants_fit', 'check_weight', 'check_winner', 'is_bound_by_review',
            'is_first_override', 'may_import', 'owns_tables', 'refuse_null', 'review_required',
            'status_change_allowed', 'status_change_hint', 'targeting_audiences',
            'change_status',
            'audience_document', 'domain_document', 'experiment_document', 'flag_document', 'variant_document',
            'apply_audience', 'apply_document', 'apply_domain', 'apply_experiment', 'apply_flag',
            'check_query', 'experiment_of', 'metric_of', 'query_columns',
            'check_applicable', 'check_complete', 'check_document', 'document_fields', 'lead_to_status',
            'prune_configuration', 'referred', 'refuse_document', 'status_path'])
    ), wanted AS (
        SELECT p.privilege, l.kind, o.name
          FROM listed l
         CROSS JOIN LATERAL string_to_table(l.privileges, ' ') AS p (privilege)
         CROSS JOIN LATERAL unnest(l.names) AS o (name)
         WHERE l.rights = privileges_of.rights
    )
    SELECT w.privilege,
           CASE w.kind WHEN 'SCHEMA' THEN format('SCHEMA %I', w.name)
                       ELSE format('%s lotty.%I', w.kind, w.name) END
      FROM wanted w WHERE w.kind <> 'FUNCTION'
    UNION ALL
    -- The extension's own: somebody may have added a function of that name.
    SELECT w.privilege, 'FUNCTION ' || p.oid::regprocedure
      FROM wanted w
      JOIN pg_proc p ON p.proname = w.name
      JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
                         AND e.extname = 'lotty'
     WHERE w.kind = 'FUNCTION'
$$;
COMMENT ON FUNCTION lotty.privileges_of(text) IS
    'the privileges of which the right decide, report or manage consists, as GRANT names them; no rows for another right';

-- Checks the arguments of lotty_grant and lotty_revoke, and whether the caller may grant: GRANT by
-- somebody else only warns.
CREATE FUNCTION lotty.check_grant(function text, role text, rights text)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NULL THEN
        PERFORM lotty.refuse_null(function, 'role');
    ELSIF rights IS NULL OR NOT EXISTS (SELECT FROM lotty.privileges_of(rights)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown right %s', coalesce(quote_literal(rights), 'NULL')),
            DETAIL = 'The rights are decide, report and manage.',
            HINT = 'Other functions are granted one by one: GRANT EXECUTE ON FUNCTION ....';
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('role "%s" does not exist', role),
            DETAIL = CASE WHEN lower(role) = 'public' THEN 'Nothing of Lotty is granted to everybody.'
                          ELSE 'The name is taken as it is, also its capitals.' END,
            HINT = 'Pass the name of a role, as pg_roles has it.';
    ELSIF NOT lotty.owns_tables() THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied to give or take rights of Lotty by %s', function),
            DETAIL = format('Role "%s" does not own the extension.', current_user),
            HINT = 'Call it as the owner, or as a superuser.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_grant(text, text, text) IS
    'raises invalid_parameter_value, undefined_object or insufficient_privilege unless the caller can give and take that right';

-- One of them will do, since it may have been granted by a version that had fewer, or been taken back in part.
CREATE FUNCTION lotty.has_rights(role text, rights text, beside text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What was granted to the role itself, and not what it has as a superuser or a member of another.
    SELECT coalesce(bool_or(p.privilege IN (
               SELECT a.privilege_type
                 FROM aclexplode(CASE k.kind
                          WHEN 'FUNCTION' THEN (SELECT proacl FROM pg_proc WHERE oid = k.name::regprocedure)
                          WHEN 'TABLE' THEN (SELECT relacl FROM pg_class WHERE oid = k.name::regclass)
                          WHEN 'TYPE' THEN (SELECT typacl FROM pg_type WHERE oid = k.name::regtype)
                          WHEN 'SCHEMA' THEN (SELECT nspacl FROM pg_namespace WHERE oid = k.name::regnamespace)
                      END) a
                WHERE a.grantee = (SELECT r.oid FROM pg_roles r WHERE r.rolname = role))), false)
      FROM (SELECT * FROM lotty.privileges_of(rights) EXCEPT SELECT * FROM lotty.privileges_of(beside)) p
     CROSS JOIN LATERAL (SELECT split_part(p.object, ' ', 1), regexp_replace(p.object, '^\w+ ', '')) AS k (kind, name)
$$;
COMMENT ON FUNCTION lotty.has_rights(text, text, text) IS
    'whether a role was granted a privilege of the right decide, report or manage that another one does not have';

CREATE FUNCTION @extschema@.lotty_grant(role text, rights text)
RETURNS SETOF text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
BEGIN
    PERFORM lotty.check_grant('lotty_grant', role, rights);
    -- In a schema of its own an application would not find the functions. (lotty_revoke leaves it: it may have
    -- been granted for what else is there.)
    IF NOT has_schema_privilege(role, '@extschema@', 'USAGE') THEN
        statement := format('GRANT USAGE ON SCHEMA %I TO %I', '@extschema@', role);
        EXECUTE statement;
        RETURN NEXT statement;
    END IF;
    FOR statement IN
        SELECT format('GRANT %s ON %s TO %I', string_agg(p.privilege, ', '), p.object, role)
          FROM lotty.privileges_of(rights) p GROUP BY p.object ORDER BY p.object COLLATE "C"
    LOOP
        EXECUTE statement;
        RETURN NEXT statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_grant(text, text) IS
    'gives a role the right to decide (an application), to report (analysts, monitoring) or to manage (whoever makes experiments); says the statements by which it did';

CREATE FUNCTION @extschema@.lotty_revoke(role text, rights text)
RETURNS SETOF text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
BEGIN
    PERFORM lotty.check_grant('lotty_revoke', role, rights);
    FOR statement IN
        WITH others AS MATERIALIZED (
            SELECT other FROM unnest(ARRAY['decide', 'report', 'manage']) AS other
             WHERE other <> rights AND lotty.has_rights(role, other, rights)
        ), needed AS (
            SELECT p.* FROM others CROSS JOIN LATERAL lotty.privileges_of(other) p
        )
        SELECT format('REVOKE %s ON %s FROM %I', string_agg(p.privilege, ', '), p.object, role)
          FROM (SELECT * FROM lotty.privileges_of(rights) EXCEPT TABLE needed) AS p
         GROUP BY p.object ORDER BY p.object COLLATE "C"
    LOOP
        EXECUTE statement;
        RETURN NEXT statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_revoke(text, text) IS
    'takes back what lotty_grant gave, but for what another right of the role needs; says the statements by which it did';

REVOKE ALL ON FUNCTION
    @extschema@.lotty_grant(text, text),
    @extschema@.lotty_revoke(text, text)
    FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
