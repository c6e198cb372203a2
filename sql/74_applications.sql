-- Several flags at once, and values in types of SQL: what applications call beside lotty_decide.
SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON FUNCTION @extschema@.lotty_decide_all(text, jsonb) IS
    'decides all flags for a subject, in the order of their keys, each as lotty_decide does, and records the decisions';
REVOKE ALL ON FUNCTION @extschema@.lotty_decide_all(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_decide_many(text[], text, jsonb) IS
    'decides the given flags for a subject, in the given order, each once and as lotty_decide does, and records the decisions';
REVOKE ALL ON FUNCTION @extschema@.lotty_decide_many(text[], text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_evaluate_all(text, jsonb) IS
    'the answer of lotty_decide_all with nothing written; works on standbys and in read-only transactions';
REVOKE ALL ON FUNCTION @extschema@.lotty_evaluate_all(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_evaluate_many(text[], text, jsonb) IS
    'the answer of lotty_decide_many with nothing written; works on standbys and in read-only transactions';
REVOKE ALL ON FUNCTION @extschema@.lotty_evaluate_many(text[], text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_boolean(text, text, jsonb, boolean) IS
    'decides a flag for a subject, records the decision, and gives the value as a boolean; the fallback if there is no such flag or the value is none';
REVOKE ALL ON FUNCTION @extschema@.lotty_boolean(text, text, jsonb, boolean) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_string(text, text, jsonb, text) IS
    'decides a flag for a subject, records the decision, and gives the value as text; the fallback if there is no such flag or the value is no string';
REVOKE ALL ON FUNCTION @extschema@.lotty_string(text, text, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_number(text, text, jsonb, numeric) IS
    'decides a flag for a subject, records the decision, and gives the value as an exact number; the fallback if there is no such flag or the value is none';
REVOKE ALL ON FUNCTION @extschema@.lotty_number(text, text, jsonb, numeric) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.lotty_json(text, text, jsonb, jsonb) IS
    'decides a flag for a subject, records the decision, and gives the value; the fallback if there is no such flag';
REVOKE ALL ON FUNCTION @extschema@.lotty_json(text, text, jsonb, jsonb) FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
