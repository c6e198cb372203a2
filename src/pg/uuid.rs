//! Identifiers: the type of the `uuid` crate as a datum, and out of pgrx's own.

use uuid::Uuid;

/// What pgrx takes for a `uuid`.
pub fn to_pgrx(uuid: Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(*uuid.as_bytes())
}

/// What pgrx hands out for a `uuid`.
pub fn from_pgrx(uuid: pgrx::Uuid) -> Uuid {
    Uuid::from_bytes(*uuid.as_bytes())
}
