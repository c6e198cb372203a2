-- Schema and types. Runs first ("bootstrap"): everything else refers to these.
--
-- Each file of this folder runs with a search_path in which only PostgreSQL's own operators and functions
-- are found, and gives back the one that the functions of the library are created with. (That one has the
-- schema of the extension, where others may have made an operator that fits better.)
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Hashes, rules and attributes are UTF-8; in another encoding the same subject would fall
-- into another bucket. So such a database is refused now rather than wrong later.
DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = pg_catalog.format('lotty needs a database with encoding UTF8, not %s',
                                        pg_catalog.getdatabaseencoding()),
            DETAIL = 'Subjects are hashed as UTF-8, so that every client computes the same bucket.',
            HINT = 'Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

CREATE SCHEMA lotty;
COMMENT ON SCHEMA lotty IS 'feature flags and experiments: configuration, ledger, decision log, reports';

CREATE TYPE lotty.reason AS ENUM (
    'flag_not_found',
    'experiment_not_found',
    'flag_disabled',
    'no_active_experiment',
    'targeting_mismatch',
    'participation_limit',
    'domain_conflict',
    'outside_traffic_allocation',
    'no_variants',
    'experiment_assigned',
    'forced',
    'whitelisted',
    'sticky',
    'rollout'
);
COMMENT ON TYPE lotty.reason IS 'why a decision came out as it did, in the order in which the steps are taken';

CREATE TYPE lotty.decision_result AS (
    flag          text,
    value         jsonb,
    decision_id   uuid,
    experiment_id uuid,
    variant_id    uuid,
    reason        lotty.reason
);
COMMENT ON TYPE lotty.decision_result IS 'the answer of lotty_decide and lotty_evaluate';
COMMENT ON COLUMN lotty.decision_result.flag IS 'key of the flag that was asked for, or that the experiment belongs to';
COMMENT ON COLUMN lotty.decision_result.value IS 'the variant''s value, else the flag''s default value; NULL if there is no such flag, or the experiment has none';
COMMENT ON COLUMN lotty.decision_result.decision_id IS 'id of the row in lotty.decision; NULL if nothing was recorded';
COMMENT ON COLUMN lotty.decision_result.experiment_id IS 'experiment that assigned the subject, or turned it away last';
COMMENT ON COLUMN lotty.decision_result.variant_id IS 'variant, if one was given';
COMMENT ON COLUMN lotty.decision_result.reason IS 'why';

CREATE TYPE lotty.targeting_check AS (
    valid     boolean,
    canonical text,
    "position" integer,
    message   text,
    detail    text,
    hint      text
);
COMMENT ON TYPE lotty.targeting_check IS 'the answer of lotty_targeting_check';
COMMENT ON COLUMN lotty.targeting_check.valid IS 'whether the rule can be stored';
COMMENT ON COLUMN lotty.targeting_check.canonical IS 'the rule in normal form, if it is valid';
COMMENT ON COLUMN lotty.targeting_check."position" IS 'character, from 1, at which the rule is wrong';
COMMENT ON COLUMN lotty.targeting_check.message IS 'what is wrong, or what a valid rule still lacks (an audience that does not exist)';
COMMENT ON COLUMN lotty.targeting_check.detail IS 'the line of the rule, with a caret under the position';
COMMENT ON COLUMN lotty.targeting_check.hint IS 'what to do';

SET LOCAL search_path TO @extschema@, pg_temp;
