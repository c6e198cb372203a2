-- The ledger and the log: deriving one from the other, and comparing them.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE VIEW lotty.assigned AS
    SELECT DISTINCT ON (d.subject_id, d.experiment_id)
           d.subject_id COLLATE pg_catalog."C" AS subject_id,
           d.experiment_id,
           d.variant_id,
           pg_catalog.min(d.created_at)
               OVER (PARTITION BY d.subject_id, d.experiment_id) AS first_at,
           d.created_at AS last_at
      FROM lotty.decision d
      JOIN lotty.experiment e ON e.experiment_id = d.experiment_id
     WHERE d.reason IN ('experiment_assigned', 'sticky')
     ORDER BY d.subject_id, d.experiment_id, d.created_at DESC, d.decision_id DESC;
COMMENT ON VIEW lotty.assigned IS
    'who is in which experiment, by the log: the variant given last, and the times of the first and the last decision';
COMMENT ON COLUMN lotty.assigned.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.assigned.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.assigned.variant_id IS 'the variant given last';
COMMENT ON COLUMN lotty.assigned.first_at IS 'time of the first decision that assigned the subject';
COMMENT ON COLUMN lotty.assigned.last_at IS 'time of the last decision that assigned the subject';

-- Where the ledger contradicts the log. Decisions of overlapping transactions are ordered by
-- the start of those, which is not the order in which they were made: so the ledger's variant
-- need not be the last one, but must be one that was given, and its time of entry need not be
-- the first one, but cannot be after the last. Either may be older than what is left of the log:
-- of a membership that was entered before that, the variant is taken as it is.
-- An experiment that is exempt from the limits needs no slots and, unless it is sticky, no
-- memberships; a membership that a merge of subjects has displaced needs no slot either.
CREATE VIEW lotty.ledger_problem AS
    SELECT 'missing' AS problem, l.subject_id, l.experiment_id, l.variant_id, l.first_at
      FROM lotty.assigned l
      JOIN lotty.experiment e ON e.experiment_id = l.experiment_id
     WHERE (e.sticky OR NOT e.exempt_from_limits)
       AND NOT EXISTS (SELECT FROM lotty.assignment a
                        WHERE (a.subject_id, a.experiment_id) = (l.subject_id, l.experiment_id))
    UNION ALL
    SELECT 'variant', l.subject_id, l.experiment_id, l.variant_id, l.first_at
      FROM lotty.assigned l
      JOIN lotty.assignment a
        ON (a.subject_id, a.experiment_id) = (l.subject_id, l.experiment_id)
     WHERE a.variant_id IS DISTINCT FROM l.variant_id
       AND a.assigned_at >= l.first_at
       AND NOT EXISTS (SELECT FROM lotty.decision d
                        WHERE (d.subject_id, d.experiment_id) = (a.subject_id, a.experiment_id)
                          AND d.reason IN ('experiment_assigned', 'sticky')
                          AND d.variant_id = a.variant_id)
    UNION ALL
    SELECT 'entry', l.subject_id, l.experiment_id, l.variant_id, l.first_at
      FROM lotty.assigned l
      JOIN lotty.assignment a
        ON (a.subject_id, a.experiment_id) = (l.subject_id, l.experiment_id)
     WHERE a.assigned_at > l.last_at
    UNION ALL
    SELECT 'slot', a.subject_id, a.experiment_id, a.variant_id, a.assigned_at
      FROM lotty.assignment a
      JOIN lotty.experiment e ON e.experiment_id = a.experiment_id
     WHERE a.slot IS NULL AND a.displaced_at IS NULL
       AND e.status IN ('running', 'paused') AND NOT e.exempt_from_limits;
COMMENT ON VIEW lotty.ledger_problem IS
    'where ledger and log disagree, with what the log says; what lotty_check_ledger shows and lotty_rebuild_ledger mends';
COMMENT ON COLUMN lotty.ledger_problem.problem IS 'missing, variant, entry or slot';
COMMENT ON COLUMN lotty.ledger_problem.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.ledger_problem.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.ledger_problem.variant_id IS 'the variant that the ledger should have';
COMMENT ON COLUMN lotty.ledger_problem.first_at IS 'the time of entry that the ledger should have';

CREATE FUNCTION @extschema@.lotty_rebuild_ledger(
    OUT added bigint, OUT corrected bigint, OUT placed bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entries bigint;
BEGIN
    -- Nobody may be assigned meanwhile. The mode also waits for those who have locked rows
    -- in order to be assigned next.
    LOCK TABLE lotty.assignment IN EXCLUSIVE MODE;

    -- Slots of experiments that have ended stay: whoever enters the subject next releases them
    -- and takes the lowest, which is what makes concurrent entries meet.
    UPDATE lotty.assignment a SET variant_id = p.variant_id
      FROM lotty.ledger_problem p
     WHERE p.problem = 'variant'
       AND (p.subject_id, p.experiment_id) = (a.subject_id, a.experiment_id);
    GET DIAGNOSTICS corrected = ROW_COUNT;
    UPDATE lotty.assignment a SET assigned_at = p.first_at
      FROM lotty.ledger_problem p
     WHERE p.problem = 'entry'
       AND (p.subject_id, p.experiment_id) = (a.subject_id, a.experiment_id);
    GET DIAGNOSTICS entries = ROW_COUNT;
    corrected := corrected + entries;

    INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id, assigned_at)
    SELECT p.subject_id, p.experiment_id, p.variant_id, p.first_at
      FROM lotty.ledger_problem p WHERE p.problem = 'missing';
    GET DIAGNOSTICS added = ROW_COUNT;

    -- Memberships of active experiments that have no slot take the lowest free ones, in
    -- order of entry, above the limit if it must be: they exist, and count.
    WITH membership AS (
        SELECT a.subject_id, a.experiment_id, a.assigned_at,
               a.slot IS NULL AND a.displaced_at IS NULL AND e.status IN ('running', 'paused')
                   AND NOT e.exempt_from_limits AS waiting,
               count(*) OVER (PARTITION BY a.subject_id) AS memberships
          FROM lotty.assignment a LEFT JOIN lotty.experiment e USING (experiment_id)
    ), waiting AS (
        SELECT m.subject_id, m.experiment_id, m.memberships,
               row_number() OVER (PARTITION BY m.subject_id
                                  ORDER BY m.assigned_at, m.experiment_id) AS nth
          FROM membership m WHERE m.waiting
    ), free AS (
        SELECT w.subject_id, g.slot,
               row_number() OVER (PARTITION BY w.subject_id ORDER BY g.slot) AS nth
          FROM (SELECT DISTINCT subject_id, memberships FROM waiting) AS w
         CROSS JOIN LATERAL generate_series(1, w.memberships) AS g (slot)
         WHERE NOT EXISTS (SELECT FROM lotty.assignment o
                            WHERE o.subject_id = w.subject_id AND o.slot = g.slot)
    )
    UPDATE lotty.assignment a SET slot = free.slot
      FROM waiting JOIN free USING (subject_id, nth)
     WHERE (a.subject_id, a.experiment_id) = (waiting.subject_id, waiting.experiment_id);
    GET DIAGNOSTICS placed = ROW_COUNT;
END
$$;

CREATE FUNCTION @extschema@.lotty_check_ledger()
RETURNS TABLE (problem text, subject_id text, experiment_id uuid, detail text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.problem, p.subject_id, p.experiment_id,
           CASE p.problem
               WHEN 'missing' THEN 'the log has an assignment that the ledger does not know'
               WHEN 'variant' THEN format('the ledger has variant %s, which the log never gave',
                                          a.variant_id)
               WHEN 'entry' THEN format('the ledger has the time of entry %s, after the last decision',
                                        a.assigned_at)
               WHEN 'slot' THEN 'an active membership has no slot'
           END
      FROM lotty.ledger_problem p
      LEFT JOIN lotty.assignment a
        ON (a.subject_id, a.experiment_id) = (p.subject_id, p.experiment_id)
$$;

SET LOCAL search_path TO @extschema@, pg_temp;
