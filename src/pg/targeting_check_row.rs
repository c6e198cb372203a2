//! The composite type `lotty.targeting_check` as a function's result.

use lotty_core::targeting::TargetingError;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::impl_sql_translatable;

use super::composite;
use super::parameter::Parameter;

/// A row of type `lotty.targeting_check`.
pub struct TargetingCheckRow {
    canonical: Option<String>,
    position: Option<i32>,
    message: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
}

impl TargetingCheckRow {
    /// A rule that can be stored; `unresolved` are audiences that it names and that do not
    /// exist.
    pub fn valid(canonical: String, unresolved: &[String]) -> Self {
        let first = unresolved.first();
        Self {
            canonical: Some(canonical),
            position: None,
            message: first.map(|name| format!("audience \"{name}\" does not exist")),
            detail: None,
            hint: first.map(|_| "Insert it into lotty.audience.".to_owned()),
        }
    }

    /// A rule that is refused.
    pub fn invalid(error: &TargetingError) -> Self {
        Self {
            canonical: None,
            position: i32::try_from(error.position()).ok(),
            message: Some(error.to_string()),
            detail: Some(error.caret().to_owned()),
            hint: error.hint().map(ToOwned::to_owned),
        }
    }
}

impl_sql_translatable!(TargetingCheckRow, "lotty.targeting_check");

// SAFETY: functions that return this are declared to return lotty.targeting_check, whose
// columns are these.
unsafe impl BoxRet for TargetingCheckRow {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let columns = [
            Parameter::Boolean(self.canonical.is_some()),
            Parameter::OptionalText(self.canonical.as_deref()),
            Parameter::Integer(self.position),
            Parameter::OptionalText(self.message.as_deref()),
            Parameter::OptionalText(self.detail.as_deref()),
            Parameter::OptionalText(self.hint.as_deref()),
        ];
        // SAFETY: as above.
        unsafe { composite::return_row(fcinfo, &columns) }
    }
}
