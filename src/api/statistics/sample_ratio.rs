//! Whether the variants got the shares of subjects that their weights say.

use lotty_statistics::sample_ratio::{Period, test};
use pgrx::prelude::*;

use crate::errors;
use crate::pg::sample_ratio_row::SampleRatioRow;

/// Compares how many subjects each variant has with the variants' weights. If the weights were changed,
/// `periods` says how many times they were constant; the arrays then have the variants of the first
/// period, those of the second, and so on.
///
/// NULL if an argument is NULL. Errors: 22023 for arrays that do not fit each other, for weights and
/// counts below 0; 22004 for a NULL among them.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["statistics_shell"])]
fn srm(
    observed: Vec<Option<i64>>,
    weights: Vec<Option<f64>>,
    periods: default!(i32, 1),
) -> SampleRatioRow {
    const FUNCTION: &str = "lotty.srm";
    let observed: Vec<u64> = observed
        .into_iter()
        .enumerate()
        .map(|(index, count)| {
            let count =
                count.unwrap_or_else(|| errors::null_element(FUNCTION, "observed", index + 1));
            u64::try_from(count).unwrap_or_else(|_| {
                errors::argument_out_of_range(
                    FUNCTION,
                    "observed",
                    "have no numbers below 0",
                    &count.to_string(),
                )
            })
        })
        .collect();
    let weights: Vec<f64> = weights
        .into_iter()
        .enumerate()
        .map(|(index, weight)| {
            let weight =
                weight.unwrap_or_else(|| errors::null_element(FUNCTION, "weights", index + 1));
            if !(weight >= 0.0 && weight.is_finite()) {
                errors::argument_out_of_range(
                    FUNCTION,
                    "weights",
                    "have finite numbers of 0 or more",
                    &errors::number(weight),
                );
            }
            weight
        })
        .collect();
    let variants = usize::try_from(periods)
        .ok()
        .filter(|periods| *periods > 0)
        .unwrap_or_else(|| {
            errors::argument_out_of_range(FUNCTION, "periods", "be 1 or more", &periods.to_string())
        });
    if observed.len() != weights.len() || !observed.len().is_multiple_of(variants) {
        errors::arguments_do_not_fit(
            FUNCTION,
            "arrays",
            format!(
                "There are {} counts and {} weights, for {periods} periods.",
                observed.len(),
                weights.len()
            ),
            "Pass a count and a weight for each variant in each period.",
        );
    }
    let variants = observed.len() / variants;
    if variants == 0 {
        return SampleRatioRow(None);
    }
    let periods: Vec<Period<'_>> = observed
        .chunks_exact(variants)
        .zip(weights.chunks_exact(variants))
        .map(|(observed, weights)| Period { observed, weights })
        .collect();
    SampleRatioRow(test(&periods))
}
