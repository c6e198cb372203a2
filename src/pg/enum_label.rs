//! Labels of enums.

use pgrx::pg_sys;

use super::direct::raw;

/// The datum of a label, by PostgreSQL's own cache of enum labels; `None` if the type has no such
/// label.
///
/// # Safety
/// `kind` is the object id of a type. To be called under a guard, see [`super::direct::raw`].
pub unsafe fn of(kind: pg_sys::Oid, text: &str) -> Option<pg_sys::Datum> {
    let mut label = [0_u8; pg_sys::NAMEDATALEN as usize];
    for (to, from) in label.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    // SAFETY: a cache look-up by type and label; the label is NUL-terminated, since labels are
    // shorter than NAMEDATALEN.
    let oid = unsafe {
        raw::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as i32,
            pg_sys::Anum_pg_enum_oid as i16,
            pg_sys::Datum::from(kind),
            pg_sys::Datum::from(label.as_ptr()),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
        )
    };
    (oid != pg_sys::InvalidOid).then(|| pg_sys::Datum::from(oid))
}
