//! Inserting rows.

use std::ffi::CStr;
use std::ops::Range;
use std::ptr;

use pgrx::prelude::*;

use super::layout::{self, Admission, Column, Keeper, Place};
use super::{partition, raw};
use crate::pg::clock::Timestamp;
use crate::pg::parameter::Parameter;
use crate::pg::{compat, snapshot};

/// A table that rows are inserted into.
///
/// In between two rows nothing is open: the relations are opened for each row, which is a look-up
/// among the locks that the transaction holds. What is kept from one row to the next is what the
/// executor builds for each statement: descriptions of the indexes with their compiled predicates,
/// and a slot for the row.
///
/// In one statement over 300,000 subjects (release build, PostgreSQL 18): a row of the log takes 4.7 us,
/// by a prepared statement through SPI 10.3 us; the whole decision for a new subject, with its row of the
/// ledger, 14.4 us instead of 31.9 us.
pub struct Writer {
    table: &'static CStr,
    columns: &'static [Column],
    /// Checks, and what indexes with a predicate end in, as the extension made them.
    known: &'static [&'static CStr],
    /// The column, from 0, by whose times the table may be partitioned.
    time: Option<usize>,
    kept: Keeper<State>,
}

/// What is built once for a layout.
struct State {
    table: pg_sys::Oid,
    /// The partitioned table of which this is a partition, and the times of the rows that it takes.
    part_of: Option<(pg_sys::Oid, Range<Timestamp>)>,
    /// Of the columns.
    types: Vec<pg_sys::Oid>,
    indexes: Vec<pg_sys::Oid>,
    result: *mut pg_sys::ResultRelInfo,
    executor: *mut pg_sys::EState,
    /// The memory of one row.
    row: *mut pg_sys::ExprContext,
    slot: *mut pg_sys::TupleTableSlot,
    checks: bool,
    admission: Admission,
}

impl Writer {
    /// A table in the schema `lotty`, with all its columns; `known` names the checks that the extension
    /// itself has made, and the endings of its partial indexes. By ranges of the column `time`, counted from 0, it may be
    /// partitioned.
    pub const fn new(
        table: &'static CStr,
        columns: &'static [Column],
        known: &'static [&'static CStr],
        time: Option<usize>,
    ) -> Self {
        Self {
            table,
            columns,
            known,
            time,
            kept: Keeper::new(),
        }
    }

    /// Inserts a row, a value for each column; an error if it cannot be. `None`, and nothing is
    /// done, if the table is not to be written in this way.
    pub fn insert(&self, row: &[Parameter<'_>]) -> Option<()> {
        self.with(row, |state| {
            // SAFETY: everything is open, the slot holds a row of the table's columns.
            unsafe {
                raw::simple_table_tuple_insert((*state.result).ri_RelationDesc, state.slot);
                compat::insert_into_indexes(state.result, state.slot, state.executor, None);
            }
        })
    }

    /// Inserts a row unless a unique index has one that it would meet: `INSERT ... ON CONFLICT DO
    /// NOTHING`, which this repeats (`ExecInsert` in `nodeModifyTable.c`). `false` if it has not.
    /// `None` if the table is not to be written in this way, or at isolation levels above READ
    /// COMMITTED, where SQL finds out whether a row is met that the transaction must not see.
    ///
    /// PostgreSQL looks whether it would meet one before it inserts; that only saves what a row that
    /// is taken back leaves behind, so here the first attempt is made without looking.
    pub fn insert_unless_met(&self, row: &[Parameter<'_>]) -> Option<bool> {
        if snapshot::is_of_transaction() {
            return None;
        }
        let attempt = |state: &State| {
            // SAFETY: as in `insert`. A speculative insertion is completed or taken back before
            // anything else happens; in an error it goes with the (sub)transaction.
            unsafe {
                let table = (*state.result).ri_RelationDesc;
                let methods = (*table).rd_tableam;
                let (Some(insert), Some(complete)) = (
                    (*methods).tuple_insert_speculative,
                    (*methods).tuple_complete_speculative,
                ) else {
                    return None;
                };
                let transaction = raw::GetCurrentTransactionId();
                let token = raw::SpeculativeInsertionLockAcquire(transaction);
                let command = raw::GetCurrentCommandId(true);
                insert(table, state.slot, command, 0, ptr::null_mut(), token);
                let mut met = false;
                compat::insert_into_indexes(
                    state.result,
                    state.slot,
                    state.executor,
                    Some(&mut met),
                );
                complete(table, state.slot, token, !met);
                raw::SpeculativeInsertionLockRelease(transaction);
                Some(!met)
            }
        };
        let mut inserted = self.with(row, attempt)??;
        while !inserted {
            // Another transaction's row: looking waits for its end.
            let met = self.with(row, |state| {
                // SAFETY: as in `insert`.
                unsafe { compat::meets_another(state.result, state.slot, state.executor) }
            })?;
            if met {
                break;
            }
            pgrx::check_for_interrupts!();
            inserted = self.with(row, attempt)??;
        }
        Some(inserted)
    }

    fn with<R>(&self, row: &[Parameter<'_>], body: impl FnOnce(&State) -> R) -> Option<R> {
        let moment = self.time.and_then(|time| match row.get(time) {
            Some(Parameter::Timestamp(moment)) => *moment,
            _ => None,
        });
        let kept = self
            .kept
            .take(|state| state.takes(moment), || self.build(moment));
        let done = match &kept.state {
            Some(state) if row.len() == self.columns.len() => {
                // SAFETY: under the guard nothing is owned and nothing panics. The row has a value
                // for each column.
                unsafe { raw::guarded(|| state.with_row(row, || kept.is_current(), body)) }
            }
            _ => None,
        };
        self.kept.put(kept);
        done
    }

    fn build(&self, moment: Option<Timestamp>) -> Option<State> {
        layout::with_table(self.table, pg_sys::RowExclusiveLock, |table| {
            // SAFETY: the table is open, as is the partition where it is built for. What is allocated belongs to
            // the context of the layout.
            unsafe {
                if !layout::is_partitioned(table) {
                    return self.build_for(table, None);
                }
                if !layout::is_plain(table, self.columns, Place::Partitioned)
                    || !layout::takes_rows_as_they_are(table, self.known)
                {
                    return None;
                }
                let column = i16::try_from(self.time? + 1).ok()?;
                let partition = partition::find(table, column, moment?)?;
                let part_of = Some(((*table).rd_id, partition.times));
                layout::with_relation(partition.table, pg_sys::RowExclusiveLock, |relation| {
                    self.build_for(relation, part_of)
                })
            }
        })
    }

    unsafe fn build_for(
        &self,
        relation: pg_sys::Relation,
        part_of: Option<(pg_sys::Oid, Range<Timestamp>)>,
    ) -> Option<State> {
        // SAFETY: the relation is open.
        unsafe {
            let place = match part_of {
                Some(_) => Place::Partition,
                None => Place::Alone,
            };
            if !layout::is_plain(relation, self.columns, place)
                || !layout::takes_rows_as_they_are(relation, self.known)
            {
                return None;
            }
            let result =
                pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast::<pg_sys::ResultRelInfo>();
            // Range table index 0: there is no query.
            pg_sys::InitResultRelInfo(result, relation, 0, ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(result, true);
            let count = usize::try_from((*result).ri_NumIndices).unwrap_or(0);
            let mut indexes = Vec::with_capacity(count);
            let mut plain = true;
            for number in 0..count {
                let index = *(*result).ri_IndexRelationDescs.add(number);
                plain = plain
                    && layout::is_plain_index(index, self.known)
                    && layout::watch((*index).rd_id);
                indexes.push((*index).rd_id);
                pg_sys::index_close(index, pg_sys::NoLock as i32);
            }
            if !plain {
                return None;
            }
            // A description of its own: the relation's goes with the relation.
            let description = pg_sys::CreateTupleDescCopyConstr((*relation).rd_att);
            let executor = pg_sys::CreateExecutorState();
            let kind = |index| (*compat::attribute(description, index)).atttypid;
            Some(State {
                table: (*relation).rd_id,
                part_of,
                types: (0..self.columns.len()).map(kind).collect(),
                indexes,
                result,
                executor,
                row: pg_sys::MakePerTupleExprContext(executor),
                slot: pg_sys::MakeSingleTupleTableSlot(description, &pg_sys::TTSOpsVirtual),
                checks: !(*description).constr.is_null(),
                admission: Admission::new(pg_sys::ACL_INSERT, pg_sys::RowExclusiveLock),
            })
        }
    }
}

impl State {
    /// Whether the rows of a moment are this table's.
    fn takes(&self, moment: Option<Timestamp>) -> bool {
        match &self.part_of {
            Some((_, times)) => moment.is_some_and(|moment| times.contains(&moment)),
            None => true,
        }
    }

    /// Runs `body` with the table and its indexes open, and the row in the slot; `None` if the role
    /// may not insert, or if the layout changes in this very moment: SQL will see how.
    ///
    /// # Safety
    /// Called under [`raw::guarded`]; `row` has a value of the right type for each column.
    unsafe fn with_row<R>(
        &self,
        row: &[Parameter<'_>],
        is_current: impl Fn() -> bool,
        body: impl FnOnce(&Self) -> R,
    ) -> Option<R> {
        // SAFETY: while they are open the relations exist. An error closes them (resource owners). What
        // is allocated for the row lives in its context.
        unsafe {
            // Of a partitioned table the rights to that count.
            let named = self
                .part_of
                .as_ref()
                .map_or(self.table, |(table, _)| *table);
            if !self.open(self.admission.ask(named)?, is_current) {
                return None;
            }
            let memory = (*self.row).ecxt_per_tuple_memory;
            let before = pg_sys::MemoryContextSwitchTo(memory);
            let done = if self.fill(row) {
                if self.checks {
                    raw::ExecConstraints(self.result, self.slot, self.executor);
                }
                Some(body(self))
            } else {
                None
            };
            raw::clear_slot(self.slot);
            self.close();
            pg_sys::MemoryContextSwitchTo(before);
            raw::MemoryContextReset(memory);
            done
        }
    }

    /// `false`, with nothing open, if the layout is no longer what it was. Taking the lock takes in what
    /// others have changed, and from then on the indexes stay.
    unsafe fn open(&self, lock: pg_sys::LOCKMODE, is_current: impl Fn() -> bool) -> bool {
        // SAFETY: as in `with_row`; there are as many places as indexes.
        unsafe {
            // SQL takes the lock on the partitioned table first, and so does whoever changes it.
            if let Some((partitioned, _)) = &self.part_of
                && lock != pg_sys::NoLock as pg_sys::LOCKMODE
            {
                let partitioned = raw::try_relation_open(*partitioned, lock);
                if partitioned.is_null() {
                    return false;
                }
                raw::table_close(partitioned, pg_sys::NoLock as i32);
            }
            let table = raw::try_relation_open(self.table, lock);
            if table.is_null() {
                return false;
            }
            if !is_current() {
                raw::table_close(table, pg_sys::NoLock as i32);
                return false;
            }
            (*self.result).ri_RelationDesc = table;
            for (number, index) in self.indexes.iter().enumerate() {
                *(*self.result).ri_IndexRelationDescs.add(number) = raw::index_open(*index, lock);
                // What an index keeps between insertions (BRIN, GIN) points into its relation, which
                // is closed after each row; so it is made in the row's memory and forgotten with it.
                let info = *(*self.result).ri_IndexRelationInfo.add(number);
                (*info).ii_Context = (*self.row).ecxt_per_tuple_memory;
            }
            true
        }
    }

    /// Locks stay until the end of the transaction.
    unsafe fn close(&self) {
        // SAFETY: opened by `open`.
        unsafe {
            for number in 0..self.indexes.len() {
                let index = *(*self.result).ri_IndexRelationDescs.add(number);
                let info = *(*self.result).ri_IndexRelationInfo.add(number);
                compat::end_index_insertion(index, info);
                (*info).ii_AmCache = ptr::null_mut();
                raw::index_close(index, pg_sys::NoLock as i32);
            }
            raw::table_close((*self.result).ri_RelationDesc, pg_sys::NoLock as i32);
        }
    }

    /// Puts the row into the slot; `false` if it has a label that its enum does not have.
    unsafe fn fill(&self, row: &[Parameter<'_>]) -> bool {
        // SAFETY: as in `with_row`.
        unsafe {
            let slot = self.slot;
            for (index, (value, kind)) in row.iter().zip(&self.types).enumerate() {
                let datum = &mut *(*slot).tts_values.add(index);
                if !value.lend(*kind, datum, &mut *(*slot).tts_isnull.add(index)) {
                    return false;
                }
            }
            raw::ExecStoreVirtualTuple(slot);
            (*slot).tts_tableOid = self.table;
            true
        }
    }
}
