//! Identifiers: the type of the `uuid` crate as a datum, and out of pgrx's own.

use pgrx::prelude::*;
use uuid::Uuid;

/// A datum of type `uuid`, in the current memory context.
pub fn to_datum(uuid: Uuid) -> Option<pg_sys::Datum> {
    to_pgrx(uuid).into_datum()
}

/// What pgrx takes for a `uuid`.
pub fn to_pgrx(uuid: Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(*uuid.as_bytes())
}

/// What pgrx hands out for a `uuid`.
pub fn from_pgrx(uuid: pgrx::Uuid) -> Uuid {
    Uuid::from_bytes(*uuid.as_bytes())
}
