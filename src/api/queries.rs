//! What `sql/reports/10_definition.sql` asks of a user's query.

use pgrx::prelude::*;

use crate::errors;
use crate::pg::query_columns::columns_of;

/// Names and types of the columns of a query, which is not run.
///
/// Stable, parallel unsafe, runs with the caller's rights and a `search_path` of `pg_catalog, pg_temp`.
/// Errors: 42601 if the text is not one query, and whatever PostgreSQL finds wrong with it.
#[pg_extern(schema = "lotty", stable, parallel_unsafe, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn query_columns(
    query: &str,
) -> TableIterator<'static, (name!(name, String), name!(type_id, pg_sys::Oid))> {
    match columns_of(query) {
        Ok(columns) => TableIterator::new(columns),
        Err(unfit) => errors::not_a_query(query, unfit),
    }
}
