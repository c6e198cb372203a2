//! The composite type `lotty.bounds` as a function's result.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::impl_sql_translatable;

use super::composite;
use super::parameter::Parameter;

/// A row of type `lotty.bounds`: lower and upper.
pub struct BoundsRow(pub Option<(f64, f64)>);

impl_sql_translatable!(BoundsRow, "lotty.bounds");

// SAFETY: functions that return this are declared to return lotty.bounds, whose
// columns are these.
unsafe impl BoxRet for BoundsRow {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let (lower, upper) = self.0.unzip();
        let columns = [Parameter::Double(lower), Parameter::Double(upper)];
        // SAFETY: as above.
        unsafe { composite::return_row(fcinfo, &columns) }
    }
}
