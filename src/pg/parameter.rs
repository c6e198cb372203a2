//! Values on their way to PostgreSQL: parameters of statements, columns of rows.

use pgrx::prelude::*;
use uuid::Uuid;

use super::clock::Timestamp;
use super::direct::raw;
use super::enum_label;
use super::jsonb::{Jsonb, JsonbResult};

/// A value; `None` is NULL.
#[derive(Clone, Copy)]
pub enum Parameter<'a> {
    /// `bigint`
    BigInt(Option<i64>),
    /// `boolean`
    Boolean(bool),
    /// `double precision`
    Double(Option<f64>),
    /// `integer`
    Integer(Option<i32>),
    /// `jsonb`
    Jsonb(Option<&'a Jsonb>),
    /// `jsonb` that PostgreSQL has already
    JsonbResult(Option<&'a JsonbResult>),
    /// A label of an enum; in SQL `text`, to be cast.
    Label(&'a str),
    /// `text` that may be NULL
    OptionalText(Option<&'a str>),
    /// `smallint`
    SmallInt(Option<i16>),
    /// `text`
    Text(&'a str),
    /// `timestamptz`
    Timestamp(Option<Timestamp>),
    /// `uuid`
    Uuid(Option<Uuid>),
}

impl Parameter<'_> {
    /// The type that a statement is prepared for.
    pub fn type_oid(self) -> pg_sys::Oid {
        match self {
            Self::BigInt(_) => pg_sys::INT8OID,
            Self::Double(_) => pg_sys::FLOAT8OID,
            Self::Boolean(_) => pg_sys::BOOLOID,
            Self::Integer(_) => pg_sys::INT4OID,
            Self::Jsonb(_) | Self::JsonbResult(_) => pg_sys::JSONBOID,
            Self::Label(_) | Self::OptionalText(_) | Self::Text(_) => pg_sys::TEXTOID,
            Self::SmallInt(_) => pg_sys::INT2OID,
            Self::Timestamp(_) => pg_sys::TIMESTAMPTZOID,
            Self::Uuid(_) => pg_sys::UUIDOID,
        }
    }

    /// The datum for a column or parameter of type `kind`, valid for as long as `self` and the current
    /// memory context: what need not be copied is pointed at. Answers whether there is one; there is
    /// none for a label that the enum does not have.
    ///
    /// # Safety
    /// Called under [`raw::guarded`]; `kind` is the value's type.
    pub unsafe fn lend(
        &self,
        kind: pg_sys::Oid,
        datum: &mut pg_sys::Datum,
        is_null: &mut bool,
    ) -> bool {
        // SAFETY: the caller's.
        let lent = unsafe {
            match self {
                Self::BigInt(number) => number.map(pg_sys::Datum::from),
                Self::Double(number) => number.map(|number| pg_sys::Datum::from(number.to_bits())),
                Self::Boolean(value) => Some(pg_sys::Datum::from(*value)),
                Self::Integer(number) => number.map(pg_sys::Datum::from),
                Self::Jsonb(jsonb) => jsonb.map(|jsonb| copied(jsonb.bytes())),
                Self::JsonbResult(jsonb) => jsonb.map(JsonbResult::datum),
                Self::Label(label) if kind == pg_sys::TEXTOID => Some(copied_text(label)),
                Self::Label(label) => {
                    let Some(label) = enum_label::of(kind, label) else {
                        return false;
                    };
                    Some(label)
                }
                Self::OptionalText(text) => text.map(|text| copied_text(text)),
                Self::SmallInt(number) => number.map(pg_sys::Datum::from),
                Self::Text(text) => Some(copied_text(text)),
                Self::Timestamp(timestamp) => timestamp.map(pg_sys::Datum::from),
                Self::Uuid(uuid) => uuid
                    .as_ref()
                    .map(|uuid| pg_sys::Datum::from(uuid.as_bytes().as_ptr())),
            }
        };
        *is_null = lent.is_none();
        *datum = lent.unwrap_or(pg_sys::Datum::from(0));
        true
    }
}

/// # Safety
/// As [`Parameter::lend`].
unsafe fn copied_text(text: &str) -> pg_sys::Datum {
    // SAFETY: the caller's; a text is shorter than 1 GB, as PostgreSQL handed it out.
    unsafe {
        let copy = raw::cstring_to_text_with_len(text.as_ptr().cast(), text.len() as i32);
        pg_sys::Datum::from(copy)
    }
}

/// Aligned as PostgreSQL wants it.
///
/// # Safety
/// As [`Parameter::lend`].
unsafe fn copied(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: the caller's; palloc gives memory of that size.
    unsafe {
        let copy = raw::palloc(bytes.len()).cast::<u8>();
        copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        pg_sys::Datum::from(copy)
    }
}
