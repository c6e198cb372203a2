-- Triggers of lotty.conflict_domain and lotty.experiment_conflict_domain.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TRIGGER keep_timestamps BEFORE UPDATE ON lotty.conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.keep_timestamps();
CREATE TRIGGER refuse_new_source BEFORE UPDATE ON lotty.conflict_domain
    FOR EACH ROW WHEN (NEW.source <> OLD.source OR (NEW.source IS NOT NULL AND OLD.source IS NULL))
    EXECUTE FUNCTION lotty.refuse_new_source();

CREATE FUNCTION lotty.conflict_domain_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_traffic_ranges('conflict_domain', format('conflict domain "%s"', NEW.key),
                                       'experiment_id', NEW.traffic_ranges);
    IF TG_OP = 'UPDATE' AND NEW.policy <> OLD.policy THEN
        PERFORM lotty.check_domain_member(NEW.key, NEW.policy, m.experiment_id)
           FROM lotty.experiment_conflict_domain m WHERE m.domain_id = NEW.domain_id;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.conflict_domain_before_write() IS
    'trigger: checks the ranges of a conflict domain, and its members against its policy';

CREATE FUNCTION lotty.check_domain_member(domain_key text, policy text, of_experiment uuid)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    experiment record;
BEGIN
    -- A shared lock: neither may change before this is committed.
    SELECT e.key, e.kind, e.exempt_from_limits INTO experiment
      FROM lotty.experiment e WHERE e.experiment_id = of_experiment FOR SHARE;
    IF experiment.kind = 'rollout' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment_conflict_domain',
            MESSAGE = format('rollout rule "%s" cannot be in conflict domain "%s"', experiment.key, domain_key),
            DETAIL = 'Conflict domains are for experiments; rollout rules are outside all limits.',
            HINT = 'Add the experiments of the flag.';
    ELSIF experiment.exempt_from_limits AND policy <> 'optimizely_group' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = 'lotty', TABLE = 'experiment_conflict_domain',
            MESSAGE = format('experiment "%s" is exempt from limits and cannot be in conflict domain "%s"',
                             experiment.key, domain_key),
            DETAIL = format('The policy %s goes by the slots of the ledger, which an exempt experiment does not take.', policy),
            HINT = 'Set exempt_from_limits to false, or use the policy optimizely_group.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_domain_member(text, text, uuid) IS
    'raises check_violation if the experiment cannot be in a conflict domain of that policy';

CREATE TRIGGER conflict_domain_before_write BEFORE INSERT OR UPDATE ON lotty.conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.conflict_domain_before_write();

CREATE FUNCTION lotty.experiment_conflict_domain_before_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    domain record;
BEGIN
    SELECT d.key, d.policy INTO domain
      FROM lotty.conflict_domain d WHERE d.domain_id = NEW.domain_id FOR SHARE;
    PERFORM lotty.check_domain_member(domain.key, domain.policy, NEW.experiment_id);
    PERFORM lotty.check_weight('experiment_conflict_domain',
                               format('an experiment in conflict domain "%s"', domain.key), NEW.weight);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lotty.experiment_conflict_domain_before_write() IS
    'trigger: checks whether an experiment can be in a conflict domain, and its weight there';

CREATE TRIGGER experiment_conflict_domain_before_write
    BEFORE INSERT OR UPDATE ON lotty.experiment_conflict_domain
    FOR EACH ROW EXECUTE FUNCTION lotty.experiment_conflict_domain_before_write();

SET LOCAL search_path TO @extschema@, pg_temp;
