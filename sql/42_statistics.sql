-- Statistics of metrics: what is kept of a group of subjects, and what is asked of it.
SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON TYPE lotty.stats IS
    'what is kept of a metric for a group of subjects: count, means and variances, to be rolled up and compared. Written like: mean n=3 means=2.5 products=4.5';

-- Two-step: store the stats of a day and a variant, roll them up and compare them later. States are
-- merged in the order in which workers finish, so the last digits of a sum of fractions may differ
-- between parallel plans; counts and proportions are exact.
CREATE AGGREGATE lotty.stats(y double precision) (
    SFUNC = lotty.mean_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.stats(double precision) IS
    'stats of a number per subject. A subject whose number is NULL is left out; NULL if there is none';
CREATE AGGREGATE lotty.stats(y double precision, x double precision) (
    SFUNC = lotty.mean_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.stats(double precision, double precision) IS
    'stats of a number per subject and of a covariate from before its exposure, for lotty.compare_cuped. A subject without a covariate has 0';
CREATE AGGREGATE lotty.stats(y boolean) (
    SFUNC = lotty.proportion_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.stats(boolean) IS
    'stats of the share of subjects for which something is true. A subject for which it is NULL is left out; NULL if there is none';
CREATE AGGREGATE lotty.stats(y boolean, x double precision) (
    SFUNC = lotty.proportion_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.stats(boolean, double precision) IS
    'stats of the share of subjects for which something is true, and of a covariate from before their exposure, for lotty.compare_cuped. A subject without a covariate has 0';
CREATE AGGREGATE lotty.ratio_stats(numerator double precision, denominator double precision) (
    SFUNC = lotty.ratio_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.ratio_stats(double precision, double precision) IS
    'stats of the sum of one number per subject over the sum of another, such as revenue over orders. A subject for which one is NULL is left out; NULL if there is none';
CREATE AGGREGATE lotty.ratio_stats(
    numerator double precision, denominator double precision,
    numerator_x double precision, denominator_x double precision) (
    SFUNC = lotty.ratio_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.ratio_stats(double precision, double precision, double precision, double precision) IS
    'stats of a ratio, and of the same two numbers from before the subject''s exposure, for lotty.compare_cuped. A subject without these has 0';
CREATE AGGREGATE lotty.rollup(lotty.stats) (
    SFUNC = lotty.rollup_add, STYPE = internal, SSPACE = 192, FINALFUNC = lotty.stats_finish,
    COMBINEFUNC = lotty.stats_combine, SERIALFUNC = lotty.stats_serialize,
    DESERIALFUNC = lotty.stats_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lotty.rollup(lotty.stats) IS
    'stats of all subjects from the stats of their groups; NULL if there is none. Stats of different kinds, and of quantiles, cannot be rolled up';

COMMENT ON FUNCTION lotty.stats_from_moments(text, bigint, double precision[], double precision[]) IS
    'stats from a count, means, and the upper triangle, row by row, of the centred sums of products. kind: mean, proportion or ratio';
COMMENT ON FUNCTION lotty.quantile_bounds(bigint, double precision) IS
    'for a quantile of n values: the probabilities of the three quantiles that lotty.quantile_stats wants, in an array; NULL if there are too few values';
COMMENT ON FUNCTION lotty.quantile_stats(bigint, double precision, double precision, double precision, double precision, lotty.stats) IS
    'stats of a quantile: how many values, the probability, and the quantiles at, below and above it by lotty.quantile_bounds. clusters, if the values are events of subjects: lotty.ratio_stats of how many of a subject''s are at most the quantile, and how many it has';
COMMENT ON FUNCTION lotty.kind(lotty.stats) IS 'mean, proportion, ratio or estimate (of a quantile)';
COMMENT ON FUNCTION lotty.n(lotty.stats) IS 'how many subjects; of a quantile, how many values';
COMMENT ON FUNCTION lotty.mean(lotty.stats) IS
    'the metric''s value: mean, share, ratio or quantile; NULL where there is none, as for a ratio whose denominators add up to 0';
COMMENT ON FUNCTION lotty.variance(lotty.stats) IS
    'variance of one subject: the square of the standard error is this over n. NULL for fewer than two subjects';
COMMENT ON FUNCTION lotty.std_err(lotty.stats) IS
    'standard error of the metric''s value; NULL for fewer than two subjects';
COMMENT ON FUNCTION lotty.has_covariate(lotty.stats) IS
    'whether lotty.compare_cuped can adjust it';
COMMENT ON FUNCTION lotty.covariate(lotty.stats) IS
    'stats of the covariates by themselves, as to see whether the variants differed before the exposure; NULL if there are none';
COMMENT ON FUNCTION lotty.sum(lotty.stats, integer) IS
    'sum of a variable over the subjects: 1 is the number or numerator, then the denominator, then covariates; NULL if there is no such variable';
COMMENT ON FUNCTION lotty.sum_products(lotty.stats, integer, integer) IS
    'sum over the subjects of the product of two variables, or of the square of one; NULL if there is no such variable';
COMMENT ON FUNCTION lotty.wilson(lotty.stats, double precision) IS
    'interval of a proportion by Wilson''s method, right for small counts; NULLs for other kinds';

COMMENT ON FUNCTION lotty.compare(lotty.stats, lotty.stats, double precision, double precision, text, double precision, double precision, double precision) IS
    'compares the stats of a treatment with those of a control: difference and lift, tests for one look and for any number of looks, what is believed. planned_subjects: subjects of both at which decisions will be taken, fixed for the life of the experiment. direction: increase or decrease is better. prior_mean, prior_stddev: what was believed of the lift, NULL nothing';
COMMENT ON FUNCTION lotty.compare_cuped(lotty.stats, lotty.stats, lotty.stats, double precision, double precision, text, double precision, double precision, double precision) IS
    'lotty.compare of means that are adjusted by their covariates, which makes the interval narrower. pooled: lotty.rollup of the stats of all variants; NULL stands for the two';
COMMENT ON FUNCTION lotty.compare_stratified(lotty.stats[], lotty.stats[], double precision, double precision, text, double precision, double precision, double precision) IS
    'lotty.compare period by period, where the shares of the variants were changed in between: an element for each period, NULL if a variant had no subjects in it';
COMMENT ON FUNCTION lotty.srm(bigint[], double precision[], integer) IS
    'sample ratio mismatch: whether the variants have as many subjects as their weights say. If the weights were changed: the arrays of the periods one after the other, and how many periods there are';
COMMENT ON FUNCTION lotty.holm(double precision[]) IS
    'p-values of one family adjusted by Holm''s method, in the given order: below alpha, one stays significant among all of them. NULLs stay';
COMMENT ON FUNCTION lotty.benjamini_hochberg(double precision[]) IS
    'p-values of one family adjusted by the method of Benjamini and Hochberg, in the given order: of those below alpha, that share is expected to be false. NULLs stay';
COMMENT ON FUNCTION lotty.sample_size(double precision, double precision, double precision, double precision, double precision, double precision, boolean) IS
    'subjects of both variants together for which a lift on a baseline is found significant with the given power. stddev NULL: the baseline is a proportion. allocation: the treatment''s share of the subjects. sequential: for the test that holds however often one looks';
COMMENT ON FUNCTION lotty.power(double precision, double precision, bigint, double precision, double precision, double precision, boolean) IS
    'probability with which a lift on a baseline is found significant with so many subjects of both variants together; arguments as of lotty.sample_size';

COMMENT ON FUNCTION lotty.stats_in(cstring) IS 'reads the text form of lotty.stats';
COMMENT ON FUNCTION lotty.stats_out(lotty.stats) IS 'writes the text form of lotty.stats';
COMMENT ON FUNCTION lotty.stats_recv(internal) IS 'reads the bytes of lotty.stats';
COMMENT ON FUNCTION lotty.stats_send(lotty.stats) IS 'writes the bytes of lotty.stats';
COMMENT ON FUNCTION lotty.mean_add(internal, double precision) IS 'a row of the aggregate lotty.stats';
COMMENT ON FUNCTION lotty.mean_add(internal, double precision, double precision) IS 'a row of the aggregate lotty.stats';
COMMENT ON FUNCTION lotty.proportion_add(internal, boolean) IS 'a row of the aggregate lotty.stats';
COMMENT ON FUNCTION lotty.proportion_add(internal, boolean, double precision) IS 'a row of the aggregate lotty.stats';
COMMENT ON FUNCTION lotty.ratio_add(internal, double precision, double precision) IS 'a row of the aggregate lotty.ratio_stats';
COMMENT ON FUNCTION lotty.ratio_add(internal, double precision, double precision, double precision, double precision) IS 'a row of the aggregate lotty.ratio_stats';
COMMENT ON FUNCTION lotty.rollup_add(internal, lotty.stats) IS 'a row of the aggregate lotty.rollup';
COMMENT ON FUNCTION lotty.stats_combine(internal, internal) IS 'merges the states of two processes';
COMMENT ON FUNCTION lotty.stats_serialize(internal) IS 'a state as bytes';
COMMENT ON FUNCTION lotty.stats_deserialize(bytea, internal) IS 'a state from its bytes';
COMMENT ON FUNCTION lotty.stats_finish(internal) IS 'what the aggregate gives for its state';

REVOKE ALL ON TYPE lotty.stats, lotty.bounds, lotty.comparison, lotty.srm_result FROM PUBLIC;

SET LOCAL search_path TO @extschema@, pg_temp;
