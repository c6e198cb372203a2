-- The types of the statistics, before the functions that take and give them.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Filled in once its functions for text and bytes are there.
CREATE TYPE lotty.stats;

CREATE TYPE lotty.bounds AS (
    lower double precision,
    upper double precision
);
COMMENT ON TYPE lotty.bounds IS 'the answer of lotty.wilson';
COMMENT ON COLUMN lotty.bounds.lower IS 'lower bound';
COMMENT ON COLUMN lotty.bounds.upper IS 'upper bound';

CREATE TYPE lotty.comparison AS (
    n_control              bigint,
    n_treatment            bigint,
    control_mean           double precision,
    treatment_mean         double precision,
    diff                   double precision,
    std_err                double precision,
    t_stat                 double precision,
    dof                    double precision,
    p_value                double precision,
    ci_lower               double precision,
    ci_upper               double precision,
    p_value_z              double precision,
    ci_lower_z             double precision,
    ci_upper_z             double precision,
    seq_p_value            double precision,
    seq_ci_lower           double precision,
    seq_ci_upper           double precision,
    lift                   double precision,
    lift_std_err           double precision,
    lift_ci_lower          double precision,
    lift_ci_upper          double precision,
    lift_delta_ci_lower    double precision,
    lift_delta_ci_upper    double precision,
    lift_p_value           double precision,
    seq_lift_p_value       double precision,
    seq_lift_ci_lower      double precision,
    seq_lift_ci_upper      double precision,
    seq_lower              double precision,
    seq_upper              double precision,
    seq_lift_lower         double precision,
    seq_lift_upper         double precision,
    seq_less_p_value       double precision,
    seq_greater_p_value    double precision,
    lift_posterior_mean    double precision,
    lift_posterior_stddev  double precision,
    lift_posterior_lower   double precision,
    lift_posterior_upper   double precision,
    chance_to_beat_control double precision,
    risk_ship              double precision,
    risk_keep              double precision,
    mde_abs                double precision,
    mde_lift               double precision,
    fisher_p_value         double precision,
    newcombe_ci_lower      double precision,
    newcombe_ci_upper      double precision,
    theta                  double precision,
    variance_reduction     double precision,
    note                   text
);
COMMENT ON TYPE lotty.comparison IS 'the answer of lotty.compare, lotty.compare_cuped and lotty.compare_stratified. What is not defined is NULL';
COMMENT ON COLUMN lotty.comparison.n_control IS 'subjects of the control';
COMMENT ON COLUMN lotty.comparison.n_treatment IS 'subjects of the treatment';
COMMENT ON COLUMN lotty.comparison.control_mean IS 'the metric''s value for the control; adjusted in lotty.compare_cuped';
COMMENT ON COLUMN lotty.comparison.treatment_mean IS 'the metric''s value for the treatment; adjusted in lotty.compare_cuped';
COMMENT ON COLUMN lotty.comparison.diff IS 'treatment_mean less control_mean';
COMMENT ON COLUMN lotty.comparison.std_err IS 'standard error of diff';
COMMENT ON COLUMN lotty.comparison.t_stat IS 'diff in standard errors';
COMMENT ON COLUMN lotty.comparison.dof IS 'degrees of freedom of Welch''s test';
COMMENT ON COLUMN lotty.comparison.p_value IS 'two-sided p-value of diff by Welch''s test, for one look at a time fixed before';
COMMENT ON COLUMN lotty.comparison.ci_lower IS 'lower bound of diff, for one look';
COMMENT ON COLUMN lotty.comparison.ci_upper IS 'upper bound of diff, for one look';
COMMENT ON COLUMN lotty.comparison.p_value_z IS 'p_value with the normal distribution in place of Student''s';
COMMENT ON COLUMN lotty.comparison.ci_lower_z IS 'ci_lower with the normal distribution';
COMMENT ON COLUMN lotty.comparison.ci_upper_z IS 'ci_upper with the normal distribution';
COMMENT ON COLUMN lotty.comparison.seq_p_value IS 'two-sided p-value of diff that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.seq_ci_lower IS 'lower bound of diff that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.seq_ci_upper IS 'upper bound of diff that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.lift IS 'diff over the size of the control''s mean, unadjusted: 0.1 is ten per cent more';
COMMENT ON COLUMN lotty.comparison.lift_std_err IS 'standard error of lift, by the delta method';
COMMENT ON COLUMN lotty.comparison.lift_ci_lower IS 'lower bound of lift by Fieller''s theorem, for one look: the interval leaves out 0 exactly if p_value < alpha';
COMMENT ON COLUMN lotty.comparison.lift_ci_upper IS 'upper bound of lift by Fieller''s theorem';
COMMENT ON COLUMN lotty.comparison.lift_delta_ci_lower IS 'lower bound of lift by the delta method, as other tools show it; may disagree with p_value';
COMMENT ON COLUMN lotty.comparison.lift_delta_ci_upper IS 'upper bound of lift by the delta method';
COMMENT ON COLUMN lotty.comparison.lift_p_value IS 'p-value of lift by the delta method, as other tools show it';
COMMENT ON COLUMN lotty.comparison.seq_lift_p_value IS 'p-value of lift that holds however often one looks, by the delta method';
COMMENT ON COLUMN lotty.comparison.seq_lift_ci_lower IS 'lower bound of lift that holds however often one looks, by the delta method';
COMMENT ON COLUMN lotty.comparison.seq_lift_ci_upper IS 'upper bound of lift that holds however often one looks, by the delta method';
COMMENT ON COLUMN lotty.comparison.seq_lower IS 'one-sided lower bound of diff at level alpha that holds however often one looks: above 0, diff is';
COMMENT ON COLUMN lotty.comparison.seq_upper IS 'one-sided upper bound of diff at level alpha that holds however often one looks: below 0, diff is';
COMMENT ON COLUMN lotty.comparison.seq_lift_lower IS 'one-sided lower bound of lift that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.seq_lift_upper IS 'one-sided upper bound of lift that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.seq_less_p_value IS 'one-sided p-value of diff being below 0 that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.seq_greater_p_value IS 'one-sided p-value of diff being above 0 that holds however often one looks';
COMMENT ON COLUMN lotty.comparison.lift_posterior_mean IS 'mean of what is believed of lift';
COMMENT ON COLUMN lotty.comparison.lift_posterior_stddev IS 'standard deviation of what is believed of lift';
COMMENT ON COLUMN lotty.comparison.lift_posterior_lower IS 'lower bound of lift that is believed with probability 1 - alpha';
COMMENT ON COLUMN lotty.comparison.lift_posterior_upper IS 'upper bound of lift that is believed with probability 1 - alpha';
COMMENT ON COLUMN lotty.comparison.chance_to_beat_control IS 'probability that the treatment is better; with a flat prior not protected against looking often';
COMMENT ON COLUMN lotty.comparison.risk_ship IS 'lift that is lost on average if the treatment is shipped';
COMMENT ON COLUMN lotty.comparison.risk_keep IS 'lift that is lost on average if the control is kept';
COMMENT ON COLUMN lotty.comparison.mde_abs IS 'smallest diff that these subjects show as significant with the given power';
COMMENT ON COLUMN lotty.comparison.mde_lift IS 'smallest lift that these subjects show as significant with the given power';
COMMENT ON COLUMN lotty.comparison.fisher_p_value IS 'p-value of Fisher''s exact test, for proportions of few subjects or with a cell below 5';
COMMENT ON COLUMN lotty.comparison.newcombe_ci_lower IS 'lower bound of diff by Newcombe''s method, for proportions: right for small counts';
COMMENT ON COLUMN lotty.comparison.newcombe_ci_upper IS 'upper bound of diff by Newcombe''s method, for proportions';
COMMENT ON COLUMN lotty.comparison.theta IS 'coefficient of the covariate in lotty.compare_cuped';
COMMENT ON COLUMN lotty.comparison.variance_reduction IS 'share of the variance of diff that lotty.compare_cuped has taken away';
COMMENT ON COLUMN lotty.comparison.note IS 'why a number is NULL';

CREATE TYPE lotty.srm_result AS (
    chi_squared        double precision,
    degrees_of_freedom integer,
    p_value            double precision,
    log_bayes_factor   double precision,
    seq_p_value        double precision,
    note               text
);
COMMENT ON TYPE lotty.srm_result IS 'the answer of lotty.srm';
COMMENT ON COLUMN lotty.srm_result.chi_squared IS 'how far the counts are from the weights; of several periods in one';
COMMENT ON COLUMN lotty.srm_result.degrees_of_freedom IS 'of chi_squared';
COMMENT ON COLUMN lotty.srm_result.p_value IS 'p-value of chi_squared, for one look';
COMMENT ON COLUMN lotty.srm_result.log_bayes_factor IS 'logarithm of how much more probable the counts are if the weights are not right';
COMMENT ON COLUMN lotty.srm_result.seq_p_value IS 'p-value that holds however often one looks: below 0.001 the split is not as the weights say';
COMMENT ON COLUMN lotty.srm_result.note IS 'why a number is NULL';

SET LOCAL search_path TO @extschema@, pg_temp;
