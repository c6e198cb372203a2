-- Conflict domains: a subject is in at most one of the experiments.
SELECT wipe();
SET lotty.max_concurrent_experiments = 100;
SELECT make_experiment('e' || i) FROM generate_series(1, 4) i;
INSERT INTO lotty.conflict_domain (domain_id, key, policy) VALUES (md5('d')::uuid, 'checkout', 'mutual_exclusion');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
SELECT md5('d')::uuid, md5('experiment e' || i)::uuid FROM generate_series(1, 3) i;

CREATE FUNCTION ask(subjects int, attrs jsonb DEFAULT '{}') RETURNS TABLE (flag text, reason lotty.reason, n bigint)
LANGUAGE sql AS $$
    SELECT d.flag, d.reason, count(*) FROM generate_series(1, subjects) u, generate_series(1, 4) i,
           LATERAL lotty_decide('e' || i, 'u' || u, attrs) d GROUP BY 1, 2 ORDER BY 1, 2
$$;
-- Each subject is in exactly one of e1 to e3, in about equal shares; e4 is outside.
SELECT * FROM ask(3000);
SELECT experiments, count(*) FROM (
    SELECT subject_id, count(*) AS experiments FROM lotty.assignment JOIN lotty.experiment e USING (experiment_id)
     WHERE e.key <> 'e4' GROUP BY 1) s GROUP BY 1;
-- Asked again, in another order: who is in stays in.
CREATE TABLE before AS SELECT subject_id, experiment_id FROM lotty.assignment;
SELECT * FROM ask(3000);
-- A member more changes nothing for who is in.
SELECT make_experiment('e5');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id) VALUES (md5('d')::uuid, md5('experiment e5')::uuid);
SELECT reason, count(*) FROM generate_series(1, 3000) u, lotty_decide('e5', 'u' || u) GROUP BY 1 ORDER BY 1;
-- New subjects: the new member takes its share from all.
SELECT flag, reason, count(*) FROM generate_series(3001, 5000) u, unnest(ARRAY['e1', 'e2', 'e3', 'e5']) f, lotty_decide(f, 'u' || u)
 WHERE reason = 'experiment_assigned' GROUP BY 1, 2 ORDER BY 1;
-- A paused member keeps its subjects, and gets no new ones; an ended one loses them.
UPDATE lotty.experiment SET status = 'paused' WHERE key = 'e1';
SELECT flag, reason, count(*) FROM generate_series(1, 1000) u, unnest(ARRAY['e1', 'e2']) f, lotty_decide(f, 'u' || u) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT flag, count(*) FROM generate_series(6001, 7000) u, unnest(ARRAY['e1', 'e2', 'e3', 'e5']) f, lotty_decide(f, 'u' || u)
 WHERE reason = 'experiment_assigned' GROUP BY 1 ORDER BY 1;
SET lotty.cooldown_days = 0;
UPDATE lotty.experiment SET status = 'completed' WHERE key = 'e1';
SELECT flag, reason, count(*) FROM before b, unnest(ARRAY['e2', 'e3', 'e5']) f, lotty_decide(f, b.subject_id)
 WHERE b.experiment_id = md5('experiment e1')::uuid
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT max(n) FROM (SELECT count(*) AS n FROM lotty.assignment a JOIN lotty.experiment e USING (experiment_id)
                     WHERE e.key IN ('e2', 'e3', 'e5') GROUP BY subject_id) s;
DROP TABLE before;

-- weighted: shares follow the bids.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 4) i;
INSERT INTO lotty.conflict_domain (domain_id, key, policy) VALUES (md5('w')::uuid, 'bids', 'weighted');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, weight)
SELECT md5('w')::uuid, md5('experiment e' || i)::uuid, i - 1 FROM generate_series(1, 4) i;
SELECT flag, n FROM ask(6000) WHERE reason = 'experiment_assigned';

-- priority: the highest whose targeting admits the subject; ties are shared.
SELECT wipe();
SELECT make_experiment('e1', targeting => 'vip'), make_experiment('e2'), make_experiment('e3'), make_experiment('e4');
INSERT INTO lotty.conflict_domain (domain_id, key, policy) VALUES (md5('p')::uuid, 'ranks', 'priority');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id, priority)
SELECT md5('p')::uuid, md5('experiment e' || i)::uuid, p FROM (VALUES (1, 9), (2, 5), (3, 5), (4, 1)) AS t (i, p);
SELECT flag, n FROM ask(1000, '{"vip": true}') WHERE reason = 'experiment_assigned';
TRUNCATE lotty.assignment;
SELECT flag, n FROM ask(1000, '{"vip": false}') WHERE reason = 'experiment_assigned';

-- In two domains: the experiment must win in both.
SELECT wipe();
SELECT make_experiment('e' || i) FROM generate_series(1, 4) i;
INSERT INTO lotty.conflict_domain (domain_id, key) VALUES (md5('one')::uuid, 'one'), (md5('two')::uuid, 'two');
INSERT INTO lotty.experiment_conflict_domain (domain_id, experiment_id)
VALUES (md5('one')::uuid, md5('experiment e1')::uuid), (md5('one')::uuid, md5('experiment e2')::uuid),
       (md5('two')::uuid, md5('experiment e2')::uuid), (md5('two')::uuid, md5('experiment e3')::uuid);
SELECT * FROM ask(1000);
SELECT count(*) FROM lotty.assignment a JOIN lotty.assignment b USING (subject_id)
 WHERE (a.experiment_id, b.experiment_id) IN ((md5('experiment e1')::uuid, md5('experiment e2')::uuid), (md5('experiment e2')::uuid, md5('experiment e3')::uuid));

-- What the tables refuse; what they keep.
SELECT * FROM try($$INSERT INTO lotty.conflict_domain (key, policy) VALUES ('x', 'random')$$) WHERE item = 'error';
SELECT * FROM try($$UPDATE lotty.experiment_conflict_domain SET weight = -1$$);
SELECT * FROM try($$UPDATE lotty.experiment_conflict_domain SET weight = 'NaN'$$) WHERE item = 'error';
UPDATE lotty.conflict_domain SET created_at = 'epoch', updated_at = 'epoch';
SELECT key, created_at > 'epoch' AS created, updated_at > 'epoch' AS updated FROM lotty.conflict_domain ORDER BY 1;
DELETE FROM lotty.conflict_domain;
SELECT flag, reason, n FROM ask(10);
DROP FUNCTION ask;
RESET lotty.max_concurrent_experiments;
