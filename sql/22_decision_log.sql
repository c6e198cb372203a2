-- The decision log: append-only and on the hot path, hence no foreign keys, and few indexes.
--
-- It is partitioned by time, so that what is old is dropped and not deleted (77_retention.sql). The
-- default partition takes every row that no other one takes: no decision can fail for want of a
-- partition, and a log that nobody has divided is one table.
--
-- The indexes are those of the partitions, not of lotty.decision. pg_dump creates a partition,
-- attaches it, and then creates its indexes; but lotty.decision comes out of CREATE EXTENSION with
-- its own, so attaching would have created them already, and the dump could not be restored.
--
-- The subject keeps the database's collation, so that joins with the user's own text columns can
-- use their indexes.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TABLE lotty.decision (
    decision_id   uuid         NOT NULL,
    flag_key      text,
    subject_id    text         NOT NULL,
    experiment_id uuid,
    variant_id    uuid,
    value         jsonb,
    reason        lotty.reason NOT NULL,
    created_at    timestamptz  NOT NULL DEFAULT pg_catalog.now()
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE lotty.decision IS 'the log: one row for each answer of lotty_decide, written in the caller''s transaction';
COMMENT ON COLUMN lotty.decision.decision_id IS 'identifier (UUID version 7, so ordered by time); unique within a partition';
COMMENT ON COLUMN lotty.decision.flag_key IS 'key of the flag that was asked for, also of one that does not exist, or of the flag of the experiment that was asked for; NULL if that has none';
COMMENT ON COLUMN lotty.decision.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.decision.experiment_id IS 'experiment that assigned the subject, or turned it away last';
COMMENT ON COLUMN lotty.decision.variant_id IS 'variant, if one was given';
COMMENT ON COLUMN lotty.decision.value IS 'the value answered; NULL if there is none';
COMMENT ON COLUMN lotty.decision.reason IS 'why';
COMMENT ON COLUMN lotty.decision.created_at IS 'start of the caller''s transaction: the same instant as now() in the rows written beside it';

CREATE TABLE lotty.decision_default PARTITION OF lotty.decision (
    CONSTRAINT decision_default_pkey PRIMARY KEY (decision_id)
) DEFAULT;
COMMENT ON TABLE lotty.decision_default IS 'the part of the log that no other partition takes; its indexes are those that the others are given';
DO $$
DECLARE
    of_log record;
BEGIN
    FOR of_log IN
        SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum) AS comment
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = 'lotty.decision'::pg_catalog.regclass AND a.attnum > 0
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON COLUMN lotty.decision_default.%I IS %L', of_log.attname, of_log.comment);
    END LOOP;
END
$$;
-- The cool-down of a subject, exposures of an experiment's subjects, rebuilding the ledger.
CREATE INDEX decision_default_assigned_idx ON lotty.decision_default (subject_id, experiment_id, created_at)
    WHERE reason IN ('experiment_assigned', 'sticky');
-- All the rest of a subject, when it is forgotten or, at every sign-in, merged. Assignments, which
-- have their own index, do not pay for it. The others do, 5 to 9 us of some 30 for a decision (log
-- of 3 million rows, 300,000 subjects); without it a merge would read the whole log, 0.3 s there.
CREATE INDEX decision_default_other_idx ON lotty.decision_default (subject_id)
    WHERE reason NOT IN ('experiment_assigned', 'sticky');
-- Ranges of time in reports; a few pages for millions of rows, since the log grows in order of time.
CREATE INDEX decision_default_created_at_idx ON lotty.decision_default USING brin (created_at);
SELECT pg_catalog.pg_extension_config_dump('lotty.decision_default', '');

SET LOCAL search_path TO @extschema@, pg_temp;
