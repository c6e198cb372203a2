//! Errors about arguments, for functions in SQL.

use pgrx::prelude::*;

use crate::errors;

/// Raises 22004: the argument of the function is NULL. `hint` may be empty.
#[pg_extern(schema = "lotty", volatile, parallel_safe, requires = ["schema"])]
fn refuse_null(function: &str, argument: &str, hint: default!(&str, "''")) {
    errors::null_argument(function, argument, hint);
}
