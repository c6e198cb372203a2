//! Every difference between the supported versions of PostgreSQL.

use pgrx::pg_sys;

/// Type of column `index` (from 0). `TupleDescAttr` is a macro before version 18 and a
/// function over another layout from then on.
///
/// # Safety
/// `description` is valid and has more than `index` columns.
pub unsafe fn column_type(description: pg_sys::TupleDesc, index: usize) -> pg_sys::Oid {
    #[cfg(not(feature = "pg18"))]
    // SAFETY: the caller's.
    unsafe {
        (*(*description).attrs.as_ptr().add(index)).atttypid
    }
    #[cfg(feature = "pg18")]
    // SAFETY: the caller's.
    unsafe {
        (*pg_sys::TupleDescAttr(description, index as i32)).atttypid
    }
}
