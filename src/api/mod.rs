//! The SQL functions. They check arguments, call and convert; nothing is decided here.

pub mod arguments;
pub mod bucket;
pub mod config_checks;
pub mod decide;
pub mod decide_many;
pub mod events;
pub mod explain;
pub mod extension_version;
pub mod getters;
pub mod metrics;
pub mod optimizely;
pub mod picture;
pub mod queries;
mod question;
pub mod session;
pub mod settings;
pub mod statistics;
pub mod subjects;
pub mod targeting;

/// Tells pgrx of the schema that `sql/10_schema.sql` has created by then: without it,
/// `#[pg_extern(schema = "lotty")]` is refused.
#[pgrx::pg_schema]
mod lotty {}
