-- What a monitoring system reads.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE VIEW lotty.metrics AS
    SELECT m.name, m.kind AS type, m.label, m.label_value, m.value, m.help FROM lotty.metric_values() AS m;
COMMENT ON VIEW lotty.metrics IS
    'counters and gauges: of all sessions of this database if the library is preloaded, else of this session';
COMMENT ON COLUMN lotty.metrics.name IS 'name, as in Prometheus';
COMMENT ON COLUMN lotty.metrics.type IS 'counter or gauge';
COMMENT ON COLUMN lotty.metrics.label IS 'name of its label; NULL if it has none';
COMMENT ON COLUMN lotty.metrics.label_value IS 'value of the label';
COMMENT ON COLUMN lotty.metrics.value IS 'the value; counters begin at 0 when the server starts';
COMMENT ON COLUMN lotty.metrics.help IS 'what it says';
COMMENT ON FUNCTION lotty.metric_values() IS 'the rows of lotty.metrics';
COMMENT ON FUNCTION @extschema@.lotty_prometheus_metrics() IS
    'lotty.metrics in the text format of Prometheus';
REVOKE ALL ON FUNCTION @extschema@.lotty_prometheus_metrics() FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
