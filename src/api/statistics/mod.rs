//! Statistics of metrics: the type `lotty.stats`, what makes values of it, and what is asked of them.
//!
//! All of these are immutable, parallel safe, and of the caller's rights; they read no table.

pub mod accessors;
pub mod aggregates;
mod arguments;
pub mod compare;
pub mod construction;
pub mod multiple;
pub mod planning;
pub mod sample_ratio;
pub mod stats_type;
