//! States of aggregates: [`Stats`] in the memory of the aggregate, of SQL type `internal`.

use std::ptr::{self, NonNull};

use lotty_statistics::stats::Stats;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::{Datum, Internal};
use pgrx::nullable::Nullable;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;

/// The state that a function of an aggregate was called with.
pub struct State(NonNull<Stats>);

impl State {
    /// What it is.
    pub fn stats(&self) -> Stats {
        // SAFETY: made by `AggregateContext::store`, and as old as the aggregate's memory; nobody
        // else reads or writes it during the call.
        unsafe { *self.0.as_ptr() }
    }

    /// Changes it in place.
    pub fn change(self, change: impl FnOnce(&mut Stats)) -> Self {
        // SAFETY: as above.
        change(unsafe { &mut *self.0.as_ptr() });
        self
    }
}

// SAFETY: only functions of aggregates get an `internal`, and the aggregates are declared with
// states of this type.
unsafe impl SqlTranslatable for State {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(State);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("internal"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("internal")));
}

// SAFETY: as above. PostgreSQL passes 0 for the argument of a deserializing function that only
// says its type.
unsafe impl<'fcx> ArgAbi<'fcx> for State {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's.
        unsafe { Self::unbox_nullable_arg(arg) }
            .into_option()
            .unwrap_or_else(|| error!("lotty: unexpected NULL"))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        // SAFETY: an internal is a pointer.
        let state = unsafe { arg.unbox_arg_using_from_datum::<Internal>() };
        state
            .and_then(|state| NonNull::new(state.into_datum()?.cast_mut_ptr()))
            .map(Self)
            .into()
    }
}

// SAFETY: an internal is a pointer.
unsafe impl BoxRet for State {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.0.as_ptr())) }
    }
}

/// The memory of the aggregate that the function was called for: an argument that SQL does not see.
pub struct AggregateContext(pg_sys::MemoryContext);

impl AggregateContext {
    /// Keeps a state for as long as the aggregate needs it.
    pub fn store(&self, stats: Stats) -> State {
        // SAFETY: the context is valid during the call; its memory is aligned for eight bytes.
        unsafe {
            let place = pg_sys::MemoryContextAlloc(self.0, size_of::<Stats>()).cast::<Stats>();
            ptr::write(place, stats);
            State(NonNull::new_unchecked(place))
        }
    }
}

// SAFETY: no argument in SQL.
unsafe impl SqlTranslatable for AggregateContext {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(AggregateContext);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::Skip);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::Skip));
}

// SAFETY: a virtual argument, made from the call's information.
unsafe impl<'fcx> ArgAbi<'fcx> for AggregateContext {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        let mut context = ptr::null_mut();
        // SAFETY: PostgreSQL calls functions with a valid fcinfo.
        let called_for = unsafe {
            let fcinfo = <pg_sys::FunctionCallInfo as ArgAbi>::unbox_arg_unchecked(arg);
            pg_sys::AggCheckCallContext(fcinfo, &mut context)
        };
        if called_for == 0 || context.is_null() {
            error!("lotty: a function of an aggregate was called by itself");
        }
        Self(context)
    }

    fn is_virtual_arg() -> bool {
        true
    }
}
