-- Comments and privileges of the functions; runs last. Nothing is granted to PUBLIC.
SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON FUNCTION @extschema@.lotty_decide(text, text, jsonb) IS
    'decides a flag for a subject and records the decision in the caller''s transaction';
COMMENT ON FUNCTION @extschema@.lotty_evaluate(text, text, jsonb) IS
    'the answer of lotty_decide with nothing written; works on standbys and in read-only transactions';
COMMENT ON FUNCTION @extschema@.lotty_decide_experiment(text, text, jsonb) IS
    'decides one experiment for a subject, by the experiment''s key, and records the decision';
COMMENT ON FUNCTION @extschema@.lotty_evaluate_experiment(text, text, jsonb) IS
    'the answer of lotty_decide_experiment with nothing written; works on standbys and in read-only transactions';
COMMENT ON FUNCTION @extschema@.lotty_explain(text, text, jsonb) IS
    'every step of the decision that lotty_evaluate would make: what was checked, the outcome, the numbers; writes nothing';
COMMENT ON FUNCTION @extschema@.lotty_bucket(text, text, text) IS
    'bucket (0 to 9999) of a subject for a hash key and a salt: anyone can recompute a decision';
COMMENT ON FUNCTION @extschema@.lotty_murmur3_bucket(text, text) IS
    'bucket (0 to 9999) of a bucketing id for the id of an experiment, rule or group, as Optimizely computes it';
COMMENT ON FUNCTION @extschema@.lotty_force(text, text, text) IS
    'gives a subject a variant of an experiment by hand, in place of one it was given so before; NULL takes it back. False, and nothing stored, if there is no such experiment or variant';
COMMENT ON FUNCTION @extschema@.lotty_unforce(text, text) IS
    'takes back what lotty_force gave, if anything; false if there is no such experiment';
COMMENT ON FUNCTION @extschema@.lotty_forced(text, text) IS
    'name of the variant that lotty_force gave a subject; NULL if none';
COMMENT ON FUNCTION @extschema@.lotty_import_optimizely(jsonb, boolean) IS
    'writes an Optimizely datafile (version 2 to 4) to the tables, all or nothing, and says what it changed: nothing the second time. sticky: whether the experiments keep who is in (NULL: new ones do not, others stay as they are)';
COMMENT ON FUNCTION @extschema@.lotty_import_optimizely_profile(text, jsonb) IS
    'enters what a user profile of Optimizely''s SDKs says into the ledger, for the experiments of an imported project; says how many memberships were new';
COMMENT ON FUNCTION lotty.optimizely_configuration(jsonb) IS
    'what lotty_import_optimizely writes for a datafile: rows by table, and warnings';
COMMENT ON FUNCTION lotty.optimizely_rule(jsonb) IS
    'the targeting rule that says what the conditions of an Optimizely audience say';
COMMENT ON FUNCTION lotty.optimizely_variant_id(text, text, text) IS
    'variant_id of a variation, by the ids of project, experiment and variation';
COMMENT ON FUNCTION lotty.apply_configuration(jsonb, boolean) IS
    'writes the configuration of a source to the tables, and says what it changed';
COMMENT ON FUNCTION @extschema@.lotty_targeting_check(text) IS
    'says whether a targeting rule is valid, and where not';
COMMENT ON FUNCTION @extschema@.lotty_targeting_matches(text, jsonb) IS
    'what a targeting rule says of attributes: true, false, or NULL for unknown';
COMMENT ON FUNCTION @extschema@.lotty_rebuild_ledger() IS
    'derives the ledger from the log: adds memberships, corrects variants and times of entry, gives slots to active memberships that have none; says how many rows of each. Memberships that the log no longer shows are kept';
COMMENT ON FUNCTION @extschema@.lotty_check_ledger() IS
    'where ledger and log disagree: a row for each problem';
COMMENT ON FUNCTION lotty.session_cache() IS
    'the cache of compiled flags of this session: entries, hits, builds';
COMMENT ON FUNCTION lotty.check_targeting(text, text) IS
    'raises invalid_parameter_value unless the rule is valid; warns of audiences that do not exist';
COMMENT ON FUNCTION lotty.check_audience_cycle(text, text) IS
    'raises invalid_recursion if the audience would refer to itself';
COMMENT ON FUNCTION lotty.check_can_start(text, uuid) IS
    'raises object_not_in_prerequisite_state if the experiment has no variants or no weight';
COMMENT ON FUNCTION lotty.check_variants_fit(text, uuid, text) IS
    'raises check_violation if a variant of the flag is not of the type';
COMMENT ON FUNCTION lotty.check_audience_unused(text, text) IS
    'raises restrict_violation if a rule names the audience';
COMMENT ON FUNCTION lotty.targeting_audiences(text) IS
    'names of the audiences that a rule refers to';
COMMENT ON FUNCTION lotty.review_required() IS 'the setting lotty.require_review';
COMMENT ON FUNCTION lotty.announce_change(oid) IS
    'makes all sessions compile anew what comes from a table';
COMMENT ON FUNCTION lotty.invalidate_cache() IS
    'trigger: makes all sessions compile the changed configuration anew';
COMMENT ON FUNCTION lotty.refuse_null(text, text, text) IS
    'raises null_value_not_allowed for an argument of a function';

REVOKE ALL ON FUNCTION
    @extschema@.lotty_decide(text, text, jsonb),
    @extschema@.lotty_evaluate(text, text, jsonb),
    @extschema@.lotty_decide_experiment(text, text, jsonb),
    @extschema@.lotty_evaluate_experiment(text, text, jsonb),
    @extschema@.lotty_explain(text, text, jsonb),
    @extschema@.lotty_bucket(text, text, text),
    @extschema@.lotty_murmur3_bucket(text, text),
    @extschema@.lotty_force(text, text, text),
    @extschema@.lotty_unforce(text, text),
    @extschema@.lotty_forced(text, text),
    @extschema@.lotty_import_optimizely(jsonb, boolean),
    @extschema@.lotty_import_optimizely_profile(text, jsonb),
    @extschema@.lotty_targeting_check(text),
    @extschema@.lotty_targeting_matches(text, jsonb),
    @extschema@.lotty_rebuild_ledger(),
    @extschema@.lotty_check_ledger()
    FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lotty FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA lotty FROM PUBLIC;
REVOKE ALL ON TYPE lotty.reason, lotty.decision_result, lotty.targeting_check FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
