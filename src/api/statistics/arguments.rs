//! Checks of numbers that functions of the statistics are called with.

use crate::errors;

/// Above 0 and below 1.
pub fn share(function: &str, argument: &str, value: Option<f64>) -> f64 {
    let value = given(function, argument, value);
    if !(value > 0.0 && value < 1.0) {
        refuse(function, argument, "be between 0 and 1", value);
    }
    value
}

/// Above 0.
pub fn positive(function: &str, argument: &str, value: Option<f64>) -> f64 {
    let value = finite(function, argument, value);
    if value <= 0.0 {
        refuse(function, argument, "be above 0", value);
    }
    value
}

/// No infinity, and not NaN.
pub fn finite(function: &str, argument: &str, value: Option<f64>) -> f64 {
    let value = given(function, argument, value);
    if !value.is_finite() {
        refuse(function, argument, "be a finite number", value);
    }
    value
}

fn given(function: &str, argument: &str, value: Option<f64>) -> f64 {
    value.unwrap_or_else(|| errors::null_argument(function, argument, ""))
}

/// Raises 22023.
pub fn refuse(function: &str, argument: &str, must: &str, value: f64) -> ! {
    errors::argument_out_of_range(function, argument, must, &errors::number(value))
}
