//! A row that was read.

use pgrx::prelude::*;
use uuid::Uuid;

use super::clock::Timestamp;
use super::jsonb::Jsonb;

/// A row that is lent to a closure, which copies out what it wants. Columns are counted from 1.
pub struct Row<'a>(Source<'a>);

enum Source<'a> {
    Tuple(pg_sys::HeapTuple, pg_sys::TupleDesc),
    Columns(&'a [Option<pg_sys::Datum>]),
}

impl<'a> Row<'a> {
    /// A row of a result of SPI.
    ///
    /// # Safety
    /// Both stay valid for `'a`.
    pub unsafe fn of_tuple(tuple: pg_sys::HeapTuple, description: pg_sys::TupleDesc) -> Self {
        Self(Source::Tuple(tuple, description))
    }

    /// A row in pieces; `None` is NULL.
    ///
    /// # Safety
    /// What the datums point to stays valid for `'a`.
    pub unsafe fn of_columns(values: &'a [Option<pg_sys::Datum>]) -> Self {
        Self(Source::Columns(values))
    }

    /// A column as a type of pgrx; it must be the column's type.
    pub fn get<T: FromDatum>(&self, number: usize) -> Option<T> {
        let datum = self.datum(number)?;
        // SAFETY: the caller names the column's type; the statements stand beside the calls.
        unsafe { T::from_datum(datum, false) }
    }

    /// A `uuid`.
    pub fn uuid(&self, number: usize) -> Option<Uuid> {
        self.get::<pgrx::Uuid>(number).map(super::uuid::from_pgrx)
    }

    /// A `timestamptz`.
    pub fn timestamp(&self, number: usize) -> Option<Timestamp> {
        self.get::<i64>(number)
    }

    /// A `jsonb`; copied.
    pub fn jsonb(&self, number: usize) -> Option<Jsonb> {
        // SAFETY: a datum of type jsonb, by the statement beside the call.
        self.datum(number)
            .map(|datum| unsafe { Jsonb::copy_from(datum) })
    }

    /// `None`: NULL, or no such column.
    fn datum(&self, number: usize) -> Option<pg_sys::Datum> {
        match &self.0 {
            Source::Tuple(tuple, description) => {
                let number = i32::try_from(number).ok()?;
                let mut is_null = true;
                // SAFETY: valid for the life of the row; a column that does not exist is answered
                // with NULL.
                let datum =
                    unsafe { pg_sys::SPI_getbinval(*tuple, *description, number, &mut is_null) };
                (!is_null).then_some(datum)
            }
            Source::Columns(values) => *values.get(number.checked_sub(1)?)?,
        }
    }
}
