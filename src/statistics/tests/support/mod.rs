//! What several tests of the statistics share.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

pub mod reference;
pub mod table;

/// Panics unless two numbers agree to a relative difference.
#[track_caller]
pub fn assert_near(found: f64, expected: f64, relative: f64, what: &str) {
    let difference = (found - expected).abs();
    assert!(
        difference <= relative * expected.abs(),
        "{what}: found {found:e}, expected {expected:e}, relative difference {:e}",
        difference / expected.abs()
    );
}
