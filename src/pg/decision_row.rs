//! The composite type `lotty.decision_result` as a function's result.

use lotty_core::reason::Reason;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::impl_sql_translatable;
use uuid::Uuid;

use super::composite;
use super::jsonb::JsonbResult;
use super::parameter::Parameter;

/// A row of type `lotty.decision_result`.
pub struct DecisionRow {
    /// The flag's key, as asked for, or that of the experiment's flag.
    pub flag: Option<String>,
    /// The answer.
    pub value: Option<JsonbResult>,
    /// The row in the log.
    pub decision_id: Option<Uuid>,
    /// The experiment.
    pub experiment_id: Option<Uuid>,
    /// The variant.
    pub variant_id: Option<Uuid>,
    /// Why.
    pub reason: Reason,
}

impl_sql_translatable!(DecisionRow, "lotty.decision_result");

// SAFETY: functions that return this are declared to return lotty.decision_result, whose
// columns are these.
unsafe impl BoxRet for DecisionRow {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let columns = [
            Parameter::OptionalText(self.flag.as_deref()),
            Parameter::JsonbResult(self.value.as_ref()),
            Parameter::Uuid(self.decision_id),
            Parameter::Uuid(self.experiment_id),
            Parameter::Uuid(self.variant_id),
            Parameter::Label(self.reason.as_str()),
        ];
        // SAFETY: as above.
        unsafe { composite::return_row(fcinfo, &columns) }
    }
}
