//! Composite results.

use pgrx::callconv::FcInfo;
use pgrx::datum::Datum;
use pgrx::prelude::*;

use super::compat;
use super::direct::raw;
use super::parameter::Parameter;

/// Returns a row of the composite type that the called function is declared to return.
///
/// Through the type cache: 0.5 us, a seventh of what a look-up of the type by name costs.
///
/// # Safety
/// The function's SQL declaration names a composite type with these columns.
pub unsafe fn return_row<'fcx, const N: usize>(
    fcinfo: &mut FcInfo<'fcx>,
    columns: &[Parameter<'_>; N],
) -> Datum<'fcx> {
    // SAFETY: PostgreSQL calls functions with a valid fcinfo. Under the guard nothing is owned and
    // nothing panics. The description is released again, by the resource owner if an error is raised
    // meanwhile. The tuple is built in the caller's memory context.
    unsafe {
        let function = (*(*fcinfo.as_mut_ptr()).flinfo).fn_oid;
        let Some(datum) = raw::guarded(|| row(function, columns)) else {
            error!("lotty: the result type is not of {N} columns, or lacks a label");
        };
        fcinfo.return_raw_datum(datum)
    }
}

/// # Safety
/// As [`return_row`], under [`raw::guarded`].
unsafe fn row<const N: usize>(
    function: pg_sys::Oid,
    columns: &[Parameter<'_>; N],
) -> Option<pg_sys::Datum> {
    // SAFETY: the caller's.
    unsafe {
        let description = raw::lookup_rowtype_tupdesc(raw::get_func_rettype(function), -1);
        let mut complete = usize::try_from((*description).natts) == Ok(N);
        let mut values = [pg_sys::Datum::from(0); N];
        let mut nulls = [true; N];
        if complete {
            let places = values.iter_mut().zip(nulls.iter_mut());
            for (index, (column, (value, null))) in columns.iter().zip(places).enumerate() {
                let kind = (*compat::attribute(description, index)).atttypid;
                complete &= column.lend(kind, value, null);
            }
        }
        let datum = if complete {
            let tuple = raw::heap_form_tuple(description, values.as_mut_ptr(), nulls.as_mut_ptr());
            Some(raw::HeapTupleHeaderGetDatum((*tuple).t_data))
        } else {
            None
        };
        if (*description).tdrefcount >= 0 {
            raw::DecrTupleDescRefCount(description);
        }
        datum
    }
}
