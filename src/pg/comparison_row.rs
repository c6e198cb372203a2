//! The composite type `lotty.comparison` as a function's result.

use lotty_statistics::comparison::{Comparison, Interval};
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::impl_sql_translatable;

use super::composite;
use super::parameter::Parameter;

/// A row of type `lotty.comparison`.
pub struct ComparisonRow(pub Comparison);

impl_sql_translatable!(ComparisonRow, "lotty.comparison");

// SAFETY: functions that return this are declared to return lotty.comparison, whose
// columns are these.
unsafe impl BoxRet for ComparisonRow {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let row = self.0;
        let count = |count: Option<u64>| {
            Parameter::BigInt(count.map(|count| i64::try_from(count).unwrap_or(i64::MAX)))
        };
        let number = |number: Option<f64>| Parameter::Double(number.filter(|n| n.is_finite()));
        let lower = |interval: Interval| number(interval.lower);
        let upper = |interval: Interval| number(interval.upper);
        let belief = row.posterior;
        let columns = [
            count(row.control_count),
            count(row.treatment_count),
            number(row.control_mean),
            number(row.treatment_mean),
            number(row.diff),
            number(row.std_err),
            number(row.t_stat),
            number(row.dof),
            number(row.p_value),
            lower(row.ci),
            upper(row.ci),
            number(row.p_value_z),
            lower(row.ci_z),
            upper(row.ci_z),
            number(row.seq_p_value),
            lower(row.seq_ci),
            upper(row.seq_ci),
            number(row.lift),
            number(row.lift_std_err),
            lower(row.lift_ci),
            upper(row.lift_ci),
            lower(row.lift_delta_ci),
            upper(row.lift_delta_ci),
            number(row.lift_p_value),
            number(row.seq_lift_p_value),
            lower(row.seq_lift_ci),
            upper(row.seq_lift_ci),
            lower(row.seq),
            upper(row.seq),
            lower(row.seq_lift),
            upper(row.seq_lift),
            number(row.seq_less_p_value),
            number(row.seq_greater_p_value),
            number(belief.map(|belief| belief.mean)),
            number(belief.map(|belief| belief.stddev)),
            number(belief.map(|belief| belief.ci_lower)),
            number(belief.map(|belief| belief.ci_upper)),
            number(belief.map(|belief| belief.chance_to_beat_control)),
            number(belief.map(|belief| belief.risk_ship)),
            number(belief.map(|belief| belief.risk_keep)),
            number(row.mde_abs),
            number(row.mde_lift),
            number(row.fisher_p_value),
            lower(row.newcombe_ci),
            upper(row.newcombe_ci),
            number(row.theta),
            number(row.variance_reduction),
            Parameter::OptionalText(row.note),
        ];
        // SAFETY: as above.
        unsafe { composite::return_row(fcinfo, &columns) }
    }
}
