//! The boundary to PostgreSQL: the only folder with `unsafe` code. Outward it shows safe
//! functions and types; each `unsafe` block states what it relies on.

pub mod aggregate;
pub mod bounds_row;
pub mod clock;
pub mod comparison_row;
mod compat;
mod composite;
pub mod decision_row;
pub mod direct;
mod enum_label;
pub mod invalidation;
pub mod jsonb;
pub mod memory;
mod nested_settings;
pub mod parameter;
pub mod preload;
pub mod query_columns;
pub mod rights;
pub mod row;
pub mod sample_ratio_row;
pub mod session;
pub mod settings;
pub mod shared;
pub mod snapshot;
pub mod spi;
pub mod stats;
pub mod targeting_check_row;
pub mod transaction;
pub mod uuid;
pub mod worker;
