//! Prepared statements through SPI, with the snapshot and the read-only flag in our hands.
//!
//! pgrx's own interface parses anew or keeps plans per call site, takes a transaction id for
//! some reads (which fails on standbys) and picks the snapshot by itself. Here a statement is
//! planned once a session, and each call says what it sees.

use std::ffi::{CStr, c_char};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use super::direct::raw;
use super::nested_settings::{PINNED_PATH, path_is_pinned, with_settings};
use super::parameter::Parameter;
use super::row::Row;
use pgrx::prelude::*;

/// What a statement sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The active snapshot: that of the calling statement, or of
    /// [`super::snapshot::with_newest`]. Nothing can be written.
    Active,
    /// A snapshot of its own, as a statement sent by a client has: under READ COMMITTED all
    /// that is committed by now, and whatever this transaction has done.
    Fresh,
}

/// A statement that is prepared at its first use and kept for the rest of the session.
///
/// All of them look up rows by key, and must do so whatever the planner knows of the tables:
/// the first decision of a session may find them empty, and a scan of a small table that then
/// grows, within one bulk statement, would make that quadratic. Hence one generic plan
/// (PostgreSQL would otherwise plan anew at each call while it finds custom plans cheaper),
/// made with sequential and bitmap scans switched off. One million calls of lotty_evaluate on
/// a ledger of a million rows: 119 s before, 7 s since (release build, PostgreSQL 18).
pub struct Statement {
    sql: &'static CStr,
    plan: AtomicPtr<pg_sys::_SPI_plan>,
}

impl Statement {
    /// Names no types; they follow from the parameters of the first call and must stay.
    pub const fn new(sql: &'static CStr) -> Self {
        Self {
            sql,
            plan: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The plan, and whether it is (still) to be made when it is executed next.
    fn plan(&self, parameters: &[Parameter<'_>]) -> (pg_sys::SPIPlanPtr, bool) {
        let kept = self.plan.load(Relaxed);
        if !kept.is_null() {
            // SAFETY: a kept plan lives until the session ends.
            return (kept, unsafe { !pg_sys::SPI_plan_is_valid(kept) });
        }
        let mut types: Vec<pg_sys::Oid> = parameters.iter().map(|p| p.type_oid()).collect();
        // SAFETY: connected (only `Connection` calls this); the text is NUL-terminated and
        // `types` has as many entries as stated. PostgreSQL copies both.
        unsafe {
            let count = i32::try_from(types.len()).unwrap_or(0);
            let options = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;
            let types = types.as_mut_ptr();
            let plan = pg_sys::SPI_prepare_cursor(self.sql.as_ptr(), count, types, options);
            if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                fail("SPI_prepare_cursor", pg_sys::SPI_result);
            }
            self.plan.store(plan, Relaxed);
            (plan, true)
        }
    }
}

/// Makes the planner use indexes.
const BY_INDEX: [(&CStr, &CStr); 2] = [(c"enable_seqscan", c"off"), (c"enable_bitmapscan", c"off")];

/// An open SPI connection.
pub struct Connection(());

/// Runs `body` with an SPI connection, and under the pinned `search_path`. What it returns must not
/// point into PostgreSQL's memory: that of the connection is gone afterwards.
///
/// Pinned here rather than by a SET clause of each function, which costs a call 0.9 us (PostgreSQL 18,
/// release build), because most decisions need no SQL ([`super::direct`]).
pub fn connect<R: 'static>(body: impl FnOnce(&Connection) -> R) -> R {
    if path_is_pinned() {
        connected(body)
    } else {
        with_settings(&[PINNED_PATH], || connected(body))
    }
}

fn connected<R: 'static>(body: impl FnOnce(&Connection) -> R) -> R {
    // SAFETY: inside a transaction. If `body` raises an error, the abort of the
    // (sub)transaction closes the connection (AtEOXact_SPI, AtEOSubXact_SPI).
    unsafe {
        let code = pg_sys::SPI_connect();
        if code != pg_sys::SPI_OK_CONNECT as i32 {
            fail("SPI_connect", code);
        }
    }
    let result = body(&Connection(()));
    // SAFETY: closes what was opened above.
    unsafe {
        let code = pg_sys::SPI_finish();
        if code != pg_sys::SPI_OK_FINISH as i32 {
            fail("SPI_finish", code);
        }
    }
    result
}

impl Connection {
    /// Runs a query and turns each row into a `T`.
    pub fn query<T>(
        &self,
        statement: &Statement,
        parameters: &[Parameter<'_>],
        view: View,
        mut row: impl FnMut(&Row<'_>) -> T,
    ) -> Vec<T> {
        self.execute(statement, parameters, view);
        // SAFETY: the query has just ended; its result stays until the next one or the end of
        // the connection, and rows are only lent to the closure.
        unsafe {
            let table = pg_sys::SPI_tuptable;
            if table.is_null() {
                return Vec::new();
            }
            let (tuples, count) = (
                (*table).vals,
                usize::try_from((*table).numvals).unwrap_or(0),
            );
            let description = (*table).tupdesc;
            let rows = (0..count)
                .map(|index| row(&Row::of_tuple(*tuples.add(index), description)))
                .collect();
            pg_sys::SPI_freetuptable(table);
            rows
        }
    }

    /// Runs a query and turns its first row, if there is one, into a `T`.
    pub fn first<T>(
        &self,
        statement: &Statement,
        parameters: &[Parameter<'_>],
        view: View,
        row: impl FnMut(&Row<'_>) -> Option<T>,
    ) -> Option<T> {
        let rows = self.query(statement, parameters, view, row);
        rows.into_iter().next().flatten()
    }

    /// Runs a statement and answers the number of rows it wrote (or read).
    pub fn execute(&self, statement: &Statement, parameters: &[Parameter<'_>], view: View) -> u64 {
        let (plan, unplanned) = statement.plan(parameters);
        let count = parameters.len();
        let mut values = vec![pg_sys::Datum::from(0); count];
        let mut nulls = vec![b' ' as c_char; count];
        // SAFETY: under the guard nothing is owned and nothing panics. The datums live in the
        // connection's memory, or as long as the parameters.
        unsafe {
            raw::guarded(|| {
                let places = values.iter_mut().zip(nulls.iter_mut());
                for (parameter, (value, null)) in parameters.iter().zip(places) {
                    let mut is_null = false;
                    parameter.lend(parameter.type_oid(), value, &mut is_null);
                    if is_null {
                        *null = b'n' as c_char;
                    }
                }
            });
        }
        // SAFETY: the plan is kept and was prepared for parameters of these types; both
        // arrays have one entry for each.
        let mut run = || unsafe {
            let read_only = view == View::Active;
            pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), read_only, 0)
        };
        let code = if unplanned {
            with_settings(&BY_INDEX, run)
        } else {
            run()
        };
        if code < 0 {
            fail("SPI_execute_plan", code);
        }
        // SAFETY: set by the execution that has just ended.
        unsafe { pg_sys::SPI_processed }
    }
}

/// SPI reports misuse by a code, everything else by an error of its own; so this is a bug.
fn fail(function: &str, code: i32) -> ! {
    error!("lotty: {function} failed with code {code}");
}
