//! p-values of several comparisons.

use lotty_statistics::multiple;
use pgrx::prelude::*;

use super::arguments;

/// The p-values adjusted by Holm's method, in the given order; NULLs stay and are not counted.
///
/// NULL if the argument is NULL. Errors: 22023 for what is no p-value.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn holm(p_values: Vec<Option<f64>>) -> Vec<Option<f64>> {
    check("lotty.holm", &p_values);
    multiple::holm(&p_values)
}

/// The p-values adjusted by the method of Benjamini and Hochberg, in the given order; NULLs stay and
/// are not counted.
///
/// NULL if the argument is NULL. Errors: 22023 for what is no p-value.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["schema"])]
fn benjamini_hochberg(p_values: Vec<Option<f64>>) -> Vec<Option<f64>> {
    check("lotty.benjamini_hochberg", &p_values);
    multiple::benjamini_hochberg(&p_values)
}

fn check(function: &str, p_values: &[Option<f64>]) {
    for p in p_values.iter().flatten() {
        if !(0.0..=1.0).contains(p) {
            arguments::refuse(function, "p_values", "have numbers from 0 to 1", *p);
        }
    }
}
