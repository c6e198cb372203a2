//! What a query of a user answers, found out without running it.

use std::ffi::{CStr, CString};

use pgrx::PgTupleDesc;
use pgrx::prelude::*;

use super::spi::connect;

/// Why a text is no query that can be used within another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It has a character with code 0, or several statements, or none.
    NotOneStatement,
    /// It is a statement that answers no rows, such as INSERT.
    NoRows,
}

/// Names and types of the columns of a query, in its order.
///
/// The query is looked at by itself before it is looked at in parentheses: so a text that closes
/// the parenthesis and goes on with something else is refused. Errors that PostgreSQL finds in it
/// are raised as they are.
pub fn columns_of(query: &str) -> Result<Vec<(String, pg_sys::Oid)>, Unfit> {
    let alone = CString::new(query).map_err(|_| Unfit::NotOneStatement)?;
    // The line feed ends a comment.
    let within = CString::new(format!("SELECT * FROM ({query}\n) AS s"))
        .map_err(|_| Unfit::NotOneStatement)?;
    connect(|_| {
        // SAFETY: connected; the texts are NUL-terminated. A plan that was prepared has a list of
        // its statements, and a statement that answers rows a description of them; names in it are
        // NUL-terminated. All of it is only read, before the connection is closed.
        unsafe {
            let statements = prepared(&alone);
            // An empty list is a null pointer.
            if statements.is_null() || (*statements).length != 1 {
                return Err(Unfit::NotOneStatement);
            }
            let source: *mut pg_sys::CachedPlanSource = (*(*statements).elements).ptr_value.cast();
            if (*source).resultDesc.is_null() {
                return Err(Unfit::NoRows);
            }
            let statements = prepared(&within);
            let source: *mut pg_sys::CachedPlanSource = (*(*statements).elements).ptr_value.cast();
            let description = PgTupleDesc::from_pg_copy((*source).resultDesc);
            Ok(description
                .iter()
                .map(|column| {
                    let name = CStr::from_ptr(column.attname.data.as_ptr());
                    (name.to_string_lossy().into_owned(), column.atttypid)
                })
                .collect())
        }
    })
}

/// The statements of a text, parsed and analysed.
///
/// # Safety
/// Within an SPI connection, until whose end they live.
unsafe fn prepared(text: &CStr) -> *mut pg_sys::List {
    unsafe {
        let plan = pg_sys::SPI_prepare(text.as_ptr(), 0, std::ptr::null_mut());
        pg_sys::SPI_plan_get_plan_sources(plan)
    }
}
