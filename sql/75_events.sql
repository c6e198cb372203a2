-- What subjects do: the table that reports join with the log, and lotty_track.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Append-only and hot, hence no foreign keys, three indexes, and no CHECK constraints either:
-- PostgreSQL reads those from their text at each INSERT, and the six that say what
-- lotty.check_event says made it 41 us instead of 17. The subject has the collation
-- of the log's and comes with the time, since that is how reports join the two. event_id is
-- text, because it is the application's: an order's number serves as well as a UUID; and
-- unique over all times, because that is what a retry relies on. Partitions by time, should the
-- table ever need them, can have it unique in each only: then it is a repeat in the same
-- partition that is not counted twice, so occurred_at must be given with the event_id.
CREATE TABLE lotty.event (
    event_id    text        NOT NULL COLLATE pg_catalog."C",
    subject_id  text        NOT NULL,
    decision_id uuid,
    event_type  text        NOT NULL,
    value       numeric,
    properties  jsonb       NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    -- A repeat finds its event. Those that are generated ascend, so they land at the right end.
    CONSTRAINT event_pkey PRIMARY KEY (event_id)
);
COMMENT ON TABLE lotty.event IS 'something that a subject did, written by lotty_track in the caller''s transaction';
COMMENT ON COLUMN lotty.event.event_id IS 'identifier given by the application, or generated; an event with the id of another one is that one again and not counted twice';
COMMENT ON COLUMN lotty.event.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.event.decision_id IS 'the decision that led to it, if the application knows';
COMMENT ON COLUMN lotty.event.event_type IS 'what happened, such as purchase';
COMMENT ON COLUMN lotty.event.value IS 'how much, if that can be said';
COMMENT ON COLUMN lotty.event.properties IS 'anything else, an object';
COMMENT ON COLUMN lotty.event.occurred_at IS 'when it happened: given, or start of the caller''s transaction';
COMMENT ON COLUMN lotty.event.received_at IS 'when it was stored: start of the caller''s transaction';
-- What a subject did since its exposure; and all that there is of a subject that is forgotten or
-- merged.
CREATE INDEX event_subject_id_idx ON lotty.event (subject_id, occurred_at);
-- Ranges of time, in reports and when old events are deleted; a few pages for millions of rows.
CREATE INDEX event_occurred_at_idx ON lotty.event USING brin (occurred_at);
SELECT pg_catalog.pg_extension_config_dump('lotty.event', '');

CREATE FUNCTION lotty.check_event(
    subject text, event_type text, value numeric, properties jsonb, event_id text, occurred_at timestamptz)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    argument text;
    bytes integer;
BEGIN
    argument := CASE WHEN subject IS NULL THEN 'subject' WHEN event_type IS NULL THEN 'event_type'
                     WHEN properties IS NULL THEN 'properties' WHEN occurred_at IS NULL THEN 'occurred_at' END;
    IF argument IS NOT NULL THEN
        PERFORM lotty.refuse_null(
            'lotty_track', argument,
            CASE argument WHEN 'properties' THEN 'Leave it out, or pass ''{}'' for no properties.'
                          WHEN 'occurred_at' THEN 'Leave it out for the start of the transaction.'
                          ELSE 'Pass a value.' END);
    END IF;
    SELECT a.name, octet_length(a.content) INTO argument, bytes
      FROM (VALUES (1, 'subject', subject), (2, 'event_type', event_type), (3, 'event_id', event_id))
               AS a (number, name, content)
     WHERE octet_length(a.content) > 512 OR (a.content = '' AND a.name <> 'subject')
     ORDER BY a.number LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s is %s', argument, CASE bytes WHEN 0 THEN 'empty' ELSE 'too long' END),
            DETAIL = format('Argument "%s" of lotty_track has %s bytes, %s.', argument, bytes,
                            CASE argument WHEN 'subject' THEN 'at most 512 are allowed' ELSE '1 to 512 are allowed' END),
            HINT = CASE argument WHEN 'event_id' THEN 'Leave it out to have one generated, or pass one that a retry passes again.'
                                 WHEN 'event_type' THEN 'Use a name such as purchase; what else there is to say goes into properties.'
                                 ELSE 'Use the key of a row, not its content; a long identifier can be hashed first.' END;
    ELSIF abs(value) >= 1e100 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN format('value must be a number, not %s', value)
                           ELSE 'value must be below 1e100' END,
            DETAIL = 'Argument "value" of lotty_track would become the sum and the average of every report.',
            HINT = 'Pass NULL for an event without a value.';
    ELSIF jsonb_typeof(properties) <> 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'properties must be a JSON object',
            DETAIL = format('Argument "properties" of lotty_track is a JSON %s.', jsonb_typeof(properties)),
            HINT = 'Pass an object of names and values, or ''{}'' for no properties.';
    ELSIF NOT isfinite(occurred_at) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('occurred_at must be a point in time, not %s', occurred_at),
            DETAIL = 'Argument "occurred_at" of lotty_track is compared with the time of the exposure.',
            HINT = 'Leave it out for the start of the transaction.';
    END IF;
END
$$;
COMMENT ON FUNCTION lotty.check_event(text, text, numeric, jsonb, text, timestamptz) IS
    'raises null_value_not_allowed or invalid_parameter_value unless the arguments make an event';

-- Whether it was new is all that the caller does not know: with an id of its own it has that
-- already, and without one a retry cannot be told from another event, so a generated id would
-- be of no use to it.
CREATE FUNCTION @extschema@.lotty_track(
    subject text, event_type text, value numeric DEFAULT NULL, properties jsonb DEFAULT '{}',
    event_id text DEFAULT NULL, decision_id uuid DEFAULT NULL, occurred_at timestamptz DEFAULT pg_catalog.now())
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The short way for what is right; NULL is not.
    IF (octet_length(subject) <= 512 AND octet_length(event_type) BETWEEN 1 AND 512
        AND (event_id IS NULL OR octet_length(event_id) BETWEEN 1 AND 512)
        AND (value IS NULL OR abs(value) < 1e100)
        AND jsonb_typeof(properties) = 'object' AND isfinite(occurred_at)) IS NOT TRUE THEN
        PERFORM lotty.check_event(subject, event_type, value, properties, event_id, occurred_at);
    END IF;
    -- Of two transactions with the same id the second waits for the first, and then has a repeat.
    INSERT INTO lotty.event AS e (event_id, subject_id, decision_id, event_type, value, properties, occurred_at)
    VALUES (coalesce(lotty_track.event_id, lotty.new_event_id()), lotty_track.subject, lotty_track.decision_id,
            lotty_track.event_type, lotty_track.value, lotty_track.properties, lotty_track.occurred_at)
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;
    -- Not a repeat but a lost event. (The subject may differ: it may have been merged since.)
    IF EXISTS (SELECT FROM lotty.event e
                WHERE e.event_id = lotty_track.event_id AND e.event_type <> lotty_track.event_type) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'unique_violation', SCHEMA = 'lotty', TABLE = 'event', CONSTRAINT = 'event_pkey',
            MESSAGE = format('event_id "%s" is that of another event', event_id),
            DETAIL = format('It was tracked before, with another event_type than "%s".', event_type),
            HINT = 'Give each event an id of its own, for example by adding the event_type to it.';
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION @extschema@.lotty_track(text, text, numeric, jsonb, text, uuid, timestamptz) IS
    'records something that a subject did in the caller''s transaction. True if it was new; false, and nothing written, if an event with that event_id was recorded before. Without an event_id one is generated';
REVOKE ALL ON FUNCTION @extschema@.lotty_track(text, text, numeric, jsonb, text, uuid, timestamptz) FROM PUBLIC;

COMMENT ON FUNCTION lotty.new_event_id() IS
    'an identifier for an event that comes without one: a UUID version 7, as text';
REVOKE ALL ON FUNCTION lotty.new_event_id() FROM PUBLIC;
REVOKE ALL ON FUNCTION lotty.check_event(text, text, numeric, jsonb, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON TABLE lotty.event FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
