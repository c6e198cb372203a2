-- What analysts read.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE VIEW lotty.exposure AS
    SELECT first.experiment_id,
           e.key AS experiment_key,
           first.subject_id,
           first.variant_id,
           v.name AS variant,
           v.is_control,
           first.decision_id,
           first.exposed_at,
           first.crossover,
           first.decisions
      FROM (SELECT DISTINCT ON (d.experiment_id, d.subject_id)
                   d.experiment_id,
                   d.subject_id,
                   d.variant_id,
                   d.decision_id,
                   d.created_at AS exposed_at,
                   -- Whether any decision of the subject differs from the first one.
                   pg_catalog.bool_or(d.variant_id IS DISTINCT FROM d.first_variant_id)
                       OVER (PARTITION BY d.experiment_id, d.subject_id) AS crossover,
                   pg_catalog.count(*)
                       OVER (PARTITION BY d.experiment_id, d.subject_id) AS decisions
              FROM (SELECT l.*,
                           pg_catalog.first_value(l.variant_id) OVER (
                               PARTITION BY l.experiment_id, l.subject_id
                               ORDER BY l.created_at, l.decision_id) AS first_variant_id
                      FROM lotty.decision l
                     WHERE l.reason IN ('experiment_assigned', 'sticky')
                       AND l.experiment_id IS NOT NULL) AS d
             ORDER BY d.experiment_id, d.subject_id, d.created_at, d.decision_id) AS first
      LEFT JOIN lotty.experiment e ON e.experiment_id = first.experiment_id
      LEFT JOIN lotty.variant v ON v.variant_id = first.variant_id;
COMMENT ON VIEW lotty.exposure IS
    'the first decision that assigned a subject to an experiment: one row for each subject and experiment';
COMMENT ON COLUMN lotty.exposure.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.exposure.experiment_key IS 'its key';
COMMENT ON COLUMN lotty.exposure.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.exposure.variant_id IS 'the variant of the first decision';
COMMENT ON COLUMN lotty.exposure.variant IS 'its name';
COMMENT ON COLUMN lotty.exposure.is_control IS 'whether it is the control';
COMMENT ON COLUMN lotty.exposure.decision_id IS 'the first decision';
COMMENT ON COLUMN lotty.exposure.exposed_at IS 'its time';
COMMENT ON COLUMN lotty.exposure.crossover IS 'whether a later decision gave the subject another variant of the experiment';
COMMENT ON COLUMN lotty.exposure.decisions IS 'number of decisions that assigned the subject';

SET LOCAL search_path TO @extschema@, pg_temp;
