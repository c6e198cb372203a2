//! The composite type `lotty.decision_result` as a function's result.

use lotty_core::reason::Reason;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::impl_sql_translatable;
use pgrx::prelude::*;
use uuid::Uuid;

use super::composite;
use super::jsonb::JsonbResult;

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
        let uuid = |id: Option<Uuid>| id.and_then(super::uuid::to_datum);
        // SAFETY: as above.
        unsafe {
            composite::return_row(fcinfo, |[.., reason_type]: [pg_sys::Oid; 6]| {
                [
                    self.flag.into_datum(),
                    self.value.and_then(IntoDatum::into_datum),
                    uuid(self.decision_id),
                    uuid(self.experiment_id),
                    uuid(self.variant_id),
                    Some(reason_datum(reason_type, self.reason)),
                ]
            })
        }
    }
}

/// The label's object id, by PostgreSQL's own cache of enum labels.
///
/// # Safety
/// `reason_type` is the type lotty.reason.
unsafe fn reason_datum(reason_type: pg_sys::Oid, reason: Reason) -> pg_sys::Datum {
    let mut label = [0_u8; pg_sys::NAMEDATALEN as usize];
    for (to, from) in label.iter_mut().zip(reason.as_str().bytes()) {
        *to = from;
    }
    // SAFETY: a cache look-up by type and label; the label is NUL-terminated, since labels are
    // shorter than NAMEDATALEN.
    let oid = unsafe {
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as i32,
            pg_sys::Anum_pg_enum_oid as i16,
            pg_sys::Datum::from(reason_type),
            pg_sys::Datum::from(label.as_ptr()),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
        )
    };
    if oid == pg_sys::InvalidOid {
        error!("lotty.reason has no label {reason}");
    }
    pg_sys::Datum::from(oid)
}
