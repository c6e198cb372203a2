-- The ledger and the log: deriving one from the other, and comparing them.

CREATE VIEW lotty.assigned AS
    SELECT DISTINCT ON (d.subject_id, d.experiment_id)
           d.subject_id COLLATE pg_catalog."C" AS subject_id,
           d.experiment_id,
           d.variant_id,
           pg_catalog.min(d.created_at)
               OVER (PARTITION BY d.subject_id, d.experiment_id) AS assigned_at
      FROM lotty.decision d
      JOIN lotty.experiment e ON e.experiment_id = d.experiment_id
     WHERE d.reason IN ('experiment_assigned', 'sticky')
     ORDER BY d.subject_id, d.experiment_id, d.created_at DESC, d.decision_id DESC;
COMMENT ON VIEW lotty.assigned IS
    'what the log says that the ledger should hold: each subject''s experiments, with the variant given last and the time of entry';
COMMENT ON COLUMN lotty.assigned.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.assigned.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.assigned.variant_id IS 'the variant given last';
COMMENT ON COLUMN lotty.assigned.assigned_at IS 'time of the first decision that assigned the subject';

CREATE FUNCTION @extschema@.lotty_rebuild_ledger(
    OUT added bigint, OUT corrected bigint, OUT placed bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Nobody may be assigned meanwhile. The mode also waits for those who have locked rows
    -- in order to be assigned next.
    LOCK TABLE lotty.assignment IN EXCLUSIVE MODE;

    -- Slots of experiments that have ended stay: whoever enters the subject next releases them
    -- and takes the lowest, which is what makes concurrent entries meet.
    UPDATE lotty.assignment a
       SET variant_id = l.variant_id, assigned_at = least(a.assigned_at, l.assigned_at)
      FROM lotty.assigned l
     WHERE (l.subject_id, l.experiment_id) = (a.subject_id, a.experiment_id)
       AND (l.variant_id IS DISTINCT FROM a.variant_id OR l.assigned_at < a.assigned_at);
    GET DIAGNOSTICS corrected = ROW_COUNT;

    INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id, assigned_at)
    SELECT l.subject_id, l.experiment_id, l.variant_id, l.assigned_at FROM lotty.assigned l
        ON CONFLICT (subject_id, experiment_id) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;

    -- Memberships of active experiments that have no slot take the lowest free ones, in
    -- order of entry, above the limit if it must be: they exist, and count.
    WITH membership AS (
        SELECT a.subject_id, a.experiment_id, a.assigned_at,
               a.slot IS NULL AND e.status IN ('running', 'paused') AS waiting,
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
    SELECT 'missing', l.subject_id, l.experiment_id,
           'the log has an assignment that the ledger does not know'
      FROM lotty.assigned l
     WHERE NOT EXISTS (SELECT FROM lotty.assignment a
                        WHERE (a.subject_id, a.experiment_id) = (l.subject_id, l.experiment_id))
    UNION ALL
    SELECT 'variant', a.subject_id, a.experiment_id,
           format('the ledger has variant %s, the last decision %s', a.variant_id, l.variant_id)
      FROM lotty.assigned l
      JOIN lotty.assignment a
        ON (a.subject_id, a.experiment_id) = (l.subject_id, l.experiment_id)
     WHERE a.variant_id IS DISTINCT FROM l.variant_id
    UNION ALL
    SELECT 'entry', a.subject_id, a.experiment_id,
           format('the ledger has %s as time of entry, the log %s', a.assigned_at, l.assigned_at)
      FROM lotty.assigned l
      JOIN lotty.assignment a
        ON (a.subject_id, a.experiment_id) = (l.subject_id, l.experiment_id)
     WHERE l.assigned_at < a.assigned_at
    UNION ALL
    SELECT 'slot', a.subject_id, a.experiment_id, 'an active membership has no slot'
      FROM lotty.assignment a
      JOIN lotty.experiment e ON e.experiment_id = a.experiment_id
     WHERE a.slot IS NULL AND e.status IN ('running', 'paused')
$$;
