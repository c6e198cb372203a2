//! The checks of the engine's own tests, for the fuzz targets.

#[path = "../../src/core/tests/support/mod.rs"]
pub mod support;
