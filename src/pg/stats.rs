//! The type `lotty.stats`: a varlena of the bytes of [`encode`].

use std::{ptr, slice};

use lotty_statistics::encoding::{decode, encode};
use lotty_statistics::stats::Stats;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::{Datum, Internal, UnboxDatum};
use pgrx::impl_sql_translatable;
use pgrx::nullable::Nullable;
use pgrx::prelude::*;

use crate::errors;

/// A value of type `lotty.stats`.
#[derive(Clone, Copy)]
pub struct StatsValue(pub Stats);

impl_sql_translatable!(StatsValue, "lotty.stats");

impl StatsValue {
    /// # Safety
    /// `datum` is a varlena.
    unsafe fn of_datum(datum: pg_sys::Datum) -> Self {
        // SAFETY: detoasting gives a valid varlena of the length that it states; a copy, where there
        // is one, goes with the memory context.
        let stats = unsafe {
            let varlena = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
            decode(slice::from_raw_parts(
                pgrx::vardata_any(varlena).cast::<u8>(),
                pgrx::varsize_any_exhdr(varlena),
            ))
        };
        match stats {
            Some(stats) => Self(stats),
            None => errors::broken_stats(),
        }
    }
}

impl FromDatum for StatsValue {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Self> {
        if is_null || datum.is_null() {
            return None;
        }
        // SAFETY: the caller's: a datum of the SQL type.
        Some(unsafe { Self::of_datum(datum) })
    }
}

// SAFETY: the SQL type is lotty.stats, by the impl of SqlTranslatable; nothing is borrowed.
unsafe impl UnboxDatum for StatsValue {
    type As<'src> = Self;

    unsafe fn unbox<'src>(datum: Datum<'src>) -> Self
    where
        Self: 'src,
    {
        // SAFETY: the caller's.
        unsafe { Self::of_datum(datum.sans_lifetime()) }
    }
}

// SAFETY: as above.
unsafe impl<'fcx> ArgAbi<'fcx> for StatsValue {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }
            .unwrap_or_else(|| error!("lotty: unexpected NULL"))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        // SAFETY: the caller's.
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

// SAFETY: the datum is a varlena in a context that the caller of the function has made current for
// its result.
unsafe impl BoxRet for StatsValue {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let bytes = encode(&self.0);
        let size = pg_sys::VARHDRSZ + bytes.len();
        // SAFETY: palloc gives memory of that size, aligned as a varlena must be; the size is far
        // below what the length word holds.
        unsafe {
            let varlena = pg_sys::palloc(size).cast::<pg_sys::varlena>();
            pgrx::set_varsize_4b(varlena, size as i32);
            ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                varlena.cast::<u8>().add(pg_sys::VARHDRSZ),
                bytes.len(),
            );
            fcinfo.return_raw_datum(pg_sys::Datum::from(varlena))
        }
    }
}

/// The message that a function of type `recv` reads; of SQL type `internal`.
pub struct Message(pg_sys::StringInfo);

impl_sql_translatable!(Message, arg_only = "internal");

// SAFETY: PostgreSQL passes a StringInfo as `internal` to functions that receive.
unsafe impl<'fcx> ArgAbi<'fcx> for Message {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above.
        let message = unsafe { arg.unbox_arg_using_from_datum::<Internal>() };
        let datum = message.and_then(IntoDatum::into_datum);
        Self(datum.map_or(ptr::null_mut(), |datum| datum.cast_mut_ptr()))
    }
}

impl Message {
    /// What is left of it.
    pub fn rest(self) -> Vec<u8> {
        if self.0.is_null() {
            return Vec::new();
        }
        // SAFETY: a valid StringInfo; the cursor is not behind the end. Reading moves the cursor on,
        // since PostgreSQL refuses a message that was not read to its end.
        unsafe {
            let length = (*self.0).len - (*self.0).cursor;
            let bytes = pg_sys::pq_getmsgbytes(self.0, length);
            slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(length).unwrap_or(0)).to_vec()
        }
    }
}
