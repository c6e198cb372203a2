//! The composite type `lotty.srm_result` as a function's result.

use lotty_statistics::sample_ratio::SampleRatio;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::impl_sql_translatable;

use super::composite;
use super::parameter::Parameter;

/// A row of type `lotty.srm_result`; `None` if there is nothing to test.
pub struct SampleRatioRow(pub Option<SampleRatio>);

impl_sql_translatable!(SampleRatioRow, "lotty.srm_result");

// SAFETY: functions that return this are declared to return lotty.srm_result, whose
// columns are these.
unsafe impl BoxRet for SampleRatioRow {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let row = self.0;
        let number = |number: Option<f64>| Parameter::Double(number.filter(|n| n.is_finite()));
        let note = match row {
            None => Some("there are no subjects, or no two variants with a weight"),
            Some(row) if row.impossible > 0 => Some("subjects are in a variant without weight"),
            Some(_) => None,
        };
        let columns = [
            number(row.and_then(|row| row.chi_squared)),
            Parameter::Integer(row.and_then(|row| i32::try_from(row.degrees_of_freedom).ok())),
            number(row.map(|row| row.p_value)),
            number(row.map(|row| row.log_bayes_factor)),
            number(row.map(|row| row.sequential_p_value)),
            Parameter::OptionalText(note),
        ];
        // SAFETY: as above.
        unsafe { composite::return_row(fcinfo, &columns) }
    }
}
