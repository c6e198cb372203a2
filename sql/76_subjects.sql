-- Forgetting a subject, and merging one into another.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE FUNCTION lotty.check_subject(function text, argument text, subject text)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF subject IS NULL THEN
        PERFORM lotty.refuse_null(function, argument);
    ELSIF octet_length(subject) > 512 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s is too long', argument),
            DETAIL = format('Argument "%s" of %s has %s bytes, at most 512 are allowed.',
                            argument, function, octet_length(subject)),
            HINT = 'Pass the subject as it was decided for.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_subject(text, text, text) IS
    'raises null_value_not_allowed or invalid_parameter_value unless the argument is a subject';
REVOKE ALL ON FUNCTION lotty.check_subject(text, text, text) FROM PUBLIC;

-- Transactions that enter a subject in experiments meet on its first slot (see the trait Ledger
-- in src/core/ledger.rs). This does what they do: it takes hold of the row that occupies the
-- slot or, if none does, enters there, with a row that is taken back at once. Whoever claims the
-- slot meanwhile waits all the same, since a unique index waits for the transaction that
-- inserted a row, be that deleted or not (HeapTupleSatisfiesDirty). An older snapshot that does
-- not show the row of the slot ends in a serialisation failure, as it does for a decision.
CREATE FUNCTION lotty.hold_subject(subject text)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOOP
        UPDATE lotty.assignment a SET slot = a.slot WHERE a.subject_id = subject AND a.slot = 1;
        EXIT WHEN FOUND;
        INSERT INTO lotty.assignment (subject_id, experiment_id, slot)
        VALUES (subject, gen_random_uuid(), 1) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            DELETE FROM lotty.assignment a WHERE a.subject_id = subject AND a.slot = 1;
            EXIT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lotty.hold_subject(text) IS
    'waits for transactions that are entering the subject in an experiment, and makes others wait until the end of this one';
REVOKE ALL ON FUNCTION lotty.hold_subject(text) FROM PUBLIC;

-- All of it in one statement, so by one snapshot: of a decision that is committed meanwhile
-- either the membership and the row of the log are deleted, or neither. The log is searched by
-- the two indexes that share it.
CREATE FUNCTION @extschema@.lotty_forget(subject text)
RETURNS TABLE (object text, rows bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lotty.check_subject('lotty_forget', 'subject', subject);
    PERFORM lotty.hold_subject(subject);
    PERFORM lotty.settle_log(subject);
    RETURN QUERY
    WITH assignment AS (DELETE FROM lotty.assignment t WHERE t.subject_id = subject RETURNING 1),
         assigned AS (DELETE FROM lotty.decision t
                       WHERE t.subject_id = subject AND t.reason IN ('experiment_assigned', 'sticky') RETURNING 1),
         other AS (DELETE FROM lotty.decision t
                    WHERE t.subject_id = subject AND t.reason NOT IN ('experiment_assigned', 'sticky') RETURNING 1),
         event AS (DELETE FROM lotty.event t WHERE t.subject_id = subject RETURNING 1),
         override AS (DELETE FROM lotty.override t WHERE t.subject_id = subject RETURNING 1)
    SELECT * FROM (VALUES
        ('assignment', (SELECT count(*) FROM assignment)),
        ('decision', (SELECT count(*) FROM assigned) + (SELECT count(*) FROM other)),
        ('event', (SELECT count(*) FROM event)),
        ('override', (SELECT count(*) FROM override))) AS deleted (object, rows);
    -- With a snapshot as old as the transaction, what was waited for is not among them.
    PERFORM lotty.check_all_seen(subject);
    PERFORM lotty.forget_in_reports(subject);
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_forget(text) IS
    'deletes all that is stored of a subject: memberships, decisions, events and overrides; says how many rows of each table';
REVOKE ALL ON FUNCTION @extschema@.lotty_forget(text) FROM PUBLIC;

-- What becomes of the memberships:
--
-- - In an experiment that both are in, into_subject's counts: its variant, its slot. The time of
--   entry is the earlier one.
-- - What only from_subject is in becomes into_subject's, with its variant and time of entry. If it
--   occupies a slot it takes one of into_subject's that are free within the limit; those of
--   sticky experiments come first, then those that were entered first.
-- - For whatever finds no slot, or is of a conflict domain that has into_subject in another
--   experiment, the membership is displaced: it is kept, so that ledger and log agree, but
--   without a slot, and counts for nothing. The subject is out of the experiment, until it is
--   decided for it again and there is room; if the experiment is sticky, with the same variant.
--
-- So into_subject is never in more experiments than the limit, or than it was before.
--
-- Both subjects are held first, in order of their ids, so that merges cannot wait for each other
-- in a circle. Then all is moved by one statement, so by one snapshot (see lotty_forget). What
-- nothing waits for is a decision for from_subject that needs no entry, since it is in the
-- experiment already: if it is committed after the merge has looked, it stays with from_subject,
-- and merging again moves it. (What is entered for into_subject meanwhile without a slot, and so
-- without waiting for it to be held, counts where both are in, though it is not told as dropped.)
CREATE FUNCTION @extschema@.lotty_merge_subjects(from_subject text, into_subject text)
RETURNS TABLE (object text, moved bigint, dropped bigint, displaced bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    places CONSTANT integer := lotty.participation_limit();
BEGIN
    PERFORM lotty.check_subject('lotty_merge_subjects', 'from_subject', from_subject);
    PERFORM lotty.check_subject('lotty_merge_subjects', 'into_subject', into_subject);
    IF from_subject = into_subject COLLATE "C" THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a subject cannot be merged into itself',
            DETAIL = 'Arguments "from_subject" and "into_subject" of lotty_merge_subjects are equal.',
            HINT = 'Pass the subject that is given up first, and the one that stays second.';
    END IF;
    PERFORM lotty.hold_subject(least(from_subject COLLATE "C", into_subject));
    PERFORM lotty.hold_subject(greatest(from_subject COLLATE "C", into_subject));
    PERFORM lotty.settle_log(from_subject);

    -- Whoever enters a subject releases its slots of experiments that have ended.
    UPDATE lotty.assignment a SET slot = NULL
     WHERE a.subject_id = into_subject AND a.slot IS NOT NULL
       AND NOT EXISTS (SELECT FROM lotty.experiment e
                        WHERE e.experiment_id = a.experiment_id
                          AND e.status IN ('running', 'paused') AND NOT e.exempt_from_limits)
       AND EXISTS (SELECT FROM lotty.assignment g WHERE g.subject_id = from_subject);

    RETURN QUERY
    WITH gone AS (
        DELETE FROM lotty.assignment a WHERE a.subject_id = from_subject RETURNING a.*
    ), own AS (
        -- One that was displaced counts for nothing: a membership that counts takes its place.
        SELECT a.experiment_id, a.slot FROM lotty.assignment a
         WHERE a.subject_id = into_subject AND a.displaced_at IS NULL
    ), counted AS (
        -- Memberships that occupy a slot by right and that into_subject does not have.
        SELECT g.experiment_id, g.assigned_at, e.sticky
          FROM gone g JOIN lotty.experiment e USING (experiment_id)
         WHERE g.slot IS NOT NULL AND e.status IN ('running', 'paused') AND NOT e.exempt_from_limits
           AND NOT EXISTS (SELECT FROM own o WHERE o.experiment_id = g.experiment_id)
    ), admitted AS (
        SELECT c.experiment_id,
               row_number() OVER (ORDER BY c.sticky DESC, c.assigned_at, c.experiment_id) AS nth
          FROM counted c
         WHERE NOT EXISTS (
                   SELECT FROM lotty.experiment_conflict_domain m
                     JOIN lotty.conflict_domain d ON d.domain_id = m.domain_id AND d.policy <> 'optimizely_group'
                     JOIN lotty.experiment_conflict_domain n ON n.domain_id = m.domain_id
                     JOIN own o ON o.experiment_id = n.experiment_id AND o.slot IS NOT NULL
                    WHERE m.experiment_id = c.experiment_id)
    ), free AS (
        -- Slots above the limit each take one away below it.
        SELECT s.slot, row_number() OVER (ORDER BY s.slot) AS nth
          FROM generate_series(1, places) AS s (slot)
         WHERE NOT EXISTS (SELECT FROM own o WHERE o.slot = s.slot)
         ORDER BY s.slot
         LIMIT greatest(places - (SELECT count(*) FROM own o WHERE o.slot IS NOT NULL), 0)
    ), merged AS (
        SELECT g.experiment_id, g.variant_id, f.slot::smallint AS slot, g.assigned_at,
               CASE WHEN c.experiment_id IS NULL THEN g.displaced_at
                    WHEN f.slot IS NULL THEN now() END AS displaced_at,
               EXISTS (SELECT FROM own o WHERE o.experiment_id = g.experiment_id) AS is_known,
               c.experiment_id IS NOT NULL AND f.slot IS NULL AS is_displaced
          FROM gone g
          LEFT JOIN counted c ON c.experiment_id = g.experiment_id
          LEFT JOIN admitted a ON a.experiment_id = g.experiment_id
          LEFT JOIN free f ON f.nth = a.nth
    ), entered AS (
        INSERT INTO lotty.assignment AS a
               (subject_id, experiment_id, variant_id, slot, assigned_at, displaced_at)
        SELECT into_subject, m.experiment_id, m.variant_id, m.slot, m.assigned_at, m.displaced_at FROM merged m
            ON CONFLICT ON CONSTRAINT assignment_pkey DO UPDATE
           SET assigned_at = least(a.assigned_at, excluded.assigned_at),
               variant_id = CASE WHEN a.displaced_at IS NOT NULL AND excluded.displaced_at IS NULL
                                 THEN excluded.variant_id ELSE a.variant_id END,
               slot = CASE WHEN a.displaced_at IS NOT NULL THEN excluded.slot ELSE a.slot END,
               displaced_at = CASE WHEN excluded.displaced_at IS NOT NULL THEN a.displaced_at END
         WHERE a.displaced_at IS NOT NULL OR excluded.assigned_at < a.assigned_at
    ), assigned AS (
        UPDATE lotty.decision t SET subject_id = into_subject
         WHERE t.subject_id = from_subject AND t.reason IN ('experiment_assigned', 'sticky') RETURNING 1
    ), other AS (
        UPDATE lotty.decision t SET subject_id = into_subject
         WHERE t.subject_id = from_subject AND t.reason NOT IN ('experiment_assigned', 'sticky') RETURNING 1
    ), event AS (
        UPDATE lotty.event t SET subject_id = into_subject WHERE t.subject_id = from_subject RETURNING 1
    ), overridden AS (
        DELETE FROM lotty.override t WHERE t.subject_id = from_subject RETURNING t.*
    ), override AS (
        INSERT INTO lotty.override (subject_id, experiment_id, kind, variant_id, created_at)
        SELECT into_subject, o.experiment_id, o.kind, o.variant_id, o.created_at FROM overridden o
            ON CONFLICT ON CONSTRAINT override_pkey DO NOTHING
        RETURNING 1
    )
    SELECT * FROM (VALUES
        ('assignment', (SELECT count(*) FROM merged m WHERE NOT m.is_known),
                       (SELECT count(*) FROM merged m WHERE m.is_known),
                       (SELECT count(*) FROM merged m WHERE m.is_displaced)),
        ('decision', (SELECT count(*) FROM assigned) + (SELECT count(*) FROM other), 0, 0),
        ('event', (SELECT count(*) FROM event), 0, 0),
        ('override', (SELECT count(*) FROM override),
                     (SELECT count(*) FROM overridden) - (SELECT count(*) FROM override), 0))
        AS rows (object, moved, dropped, displaced);
    PERFORM lotty.check_all_seen(from_subject);
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_merge_subjects(text, text) IS
    'makes one subject of two: memberships, decisions, events and overrides of the first become the second''s, whose own memberships and overrides count where both have one. Says how many rows of each table were moved, were dropped, and of those moved found no place among the concurrent experiments';
REVOKE ALL ON FUNCTION @extschema@.lotty_merge_subjects(text, text) FROM PUBLIC;

COMMENT ON FUNCTION lotty.participation_limit() IS 'the setting lotty.max_concurrent_experiments';
REVOKE ALL ON FUNCTION lotty.participation_limit() FROM PUBLIC;
COMMENT ON FUNCTION lotty.settle_log(text) IS
    'waits until no decision for the subject is on its way to the log any more; writes those of this transaction at once';
REVOKE ALL ON FUNCTION lotty.settle_log(text) FROM PUBLIC;
COMMENT ON FUNCTION lotty.check_all_seen(text) IS
    'raises serialization_failure if the log has rows of the subject that the transaction''s snapshot does not show';
REVOKE ALL ON FUNCTION lotty.check_all_seen(text) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
