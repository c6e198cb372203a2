//! Reading the rows of one key.

use std::ffi::CStr;
use std::ptr;

use pgrx::prelude::*;

use super::layout::{self, Admission, Column, Keeper, Place};
use super::raw;
use crate::pg::compat;
use crate::pg::row::Row;
use crate::pg::spi::View;

/// A table whose rows are looked up by the first column of an index, a `text` with collation "C".
///
/// An index that holds all columns asked for is read alone where the visibility map says that all
/// transactions see the page (`IndexOnlyNext` in `nodeIndexonlyscan.c`), otherwise with the table
/// (`index_getnext_slot` in `indexam.c`).
///
/// A subject's one membership takes 2.4 us, by a prepared statement through SPI 5.8 us (release build,
/// PostgreSQL 18, one statement over 300,000 subjects). Of a table of ten million rows, three a subject
/// and far apart, PostgreSQL itself reads a random subject's in 5.9 us by an index and the table, in
/// 4.2 us by an index that covers them, as that of the ledger does; in 4.3 us by a hash index, in 4.5 us
/// from one row a subject with arrays, and in 3.8 us by an index that covers them with a 64-bit hash of the
/// subject for its key. With the covering index a decision for a known subject is 0.74 of the bare INSERT
/// instead of 0.69, and one for a new subject as fast as before.
pub struct Reader {
    table: &'static CStr,
    columns: &'static [Column],
    index: &'static CStr,
    /// The columns asked for, by their number in the table, from 1.
    wanted: &'static [i16],
    kept: Keeper<State>,
}

/// Chunks of an eighth of this are taken from the block.
const SCAN_BYTES: usize = 512 * 1024;

/// What is built once for a layout.
struct State {
    table: pg_sys::Oid,
    index: pg_sys::Oid,
    slot: *mut pg_sys::TupleTableSlot,
    /// What a scan allocates: 43 KB for a page's worth of rows, which is too large for the chunks of
    /// the usual kind of context and would be malloc'ed each time.
    memory: pg_sys::MemoryContext,
    key: pg_sys::ScanKeyData,
    /// Columns to be taken from a row of the table.
    columns: i32,
    wanted: Vec<Wanted>,
    admission: Admission,
    /// Where in the index the wanted columns are, from 0, if it has all of them.
    places: Option<Vec<usize>>,
}

/// A wanted column.
struct Wanted {
    /// From 0.
    place_in_table: usize,
    by_value: bool,
    length: i32,
}

impl Reader {
    /// A table in the schema `lotty`, with all its columns, and one of its indexes.
    pub const fn new(
        table: &'static CStr,
        columns: &'static [Column],
        index: &'static CStr,
        wanted: &'static [i16],
    ) -> Self {
        Self {
            table,
            columns,
            index,
            wanted,
            kept: Keeper::new(),
        }
    }

    /// Turns each row of a key, in the order of the index, into a `T`; the row has the wanted
    /// columns. `None` if the table is not to be read in this way.
    pub fn rows<T>(
        &self,
        key: &str,
        view: View,
        mut row: impl FnMut(&Row<'_>) -> T,
    ) -> Option<Vec<T>> {
        let kept = self.kept.take(|_| true, || self.build());
        let rows = kept.state.as_ref().and_then(|state| {
            let mut batch = Batch::default();
            // SAFETY: under the guard nothing is owned and nothing panics. What the batch points to
            // lives until the scan ends, or in its memory until the next one.
            unsafe {
                let mut scan = raw::guarded(|| {
                    let mut scan = state.begin(key, view, || kept.is_current())?;
                    scan.fill(state, &mut batch);
                    Some(scan)
                })?;
                let mut rows = Vec::with_capacity(batch.count);
                loop {
                    rows.extend(batch.rows().map(|found| row(&found)));
                    if scan.is_over {
                        break;
                    }
                    raw::guarded(|| scan.fill(state, &mut batch));
                }
                Some(rows)
            }
        });
        self.kept.put(kept);
        rows
    }

    fn build(&self) -> Option<State> {
        layout::with_table(self.table, pg_sys::AccessShareLock, |table| {
            // SAFETY: the table is open. What is allocated belongs to the context of the layout.
            unsafe { self.build_for(table) }
        })
    }

    unsafe fn build_for(&self, relation: pg_sys::Relation) -> Option<State> {
        // SAFETY: the relation is open; its schema is that of its indexes.
        unsafe {
            if !layout::is_plain(relation, self.columns, Place::Alone) {
                return None;
            }
            let schema = (*(*relation).rd_rel).relnamespace;
            let index = pg_sys::get_relname_relid(self.index.as_ptr(), schema);
            if index == pg_sys::InvalidOid || !layout::watch(index) {
                return None;
            }
            let opened = pg_sys::index_open(index, pg_sys::AccessShareLock as i32);
            let found = self.places_in(opened, (*relation).rd_id);
            pg_sys::index_close(opened, pg_sys::NoLock as i32);
            let places = found?;
            let mut key = pg_sys::ScanKeyData::default();
            pg_sys::ScanKeyEntryInitialize(
                &mut key,
                0,
                1,
                pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                pg_sys::TEXTOID,
                pg_sys::C_COLLATION_OID,
                pg_sys::Oid::from(pg_sys::F_TEXTEQ),
                pg_sys::Datum::from(0),
            );
            // With what old rows have in a column that was added later.
            let description = pg_sys::CreateTupleDescCopyConstr((*relation).rd_att);
            let kind = pg_sys::table_slot_callbacks(relation);
            Some(State {
                table: (*relation).rd_id,
                index,
                slot: pg_sys::MakeSingleTupleTableSlot(description, kind),
                memory: pg_sys::GenerationContextCreate(
                    pg_sys::CurrentMemoryContext,
                    c"lotty scan".as_ptr(),
                    0,
                    SCAN_BYTES,
                    SCAN_BYTES,
                ),
                key,
                columns: i32::from(self.wanted.iter().copied().max().unwrap_or(0)),
                wanted: self
                    .wanted
                    .iter()
                    .filter_map(|number| {
                        let place_in_table = usize::try_from(*number).ok()?.checked_sub(1)?;
                        let attribute = compat::attribute(description, place_in_table);
                        Some(Wanted {
                            place_in_table,
                            by_value: (*attribute).attbyval,
                            length: i32::from((*attribute).attlen),
                        })
                    })
                    .collect(),
                admission: Admission::new(pg_sys::ACL_SELECT, pg_sys::AccessShareLock),
                places,
            })
        }
    }

    /// `None` if the index is not the one that it was made as; otherwise where the wanted columns
    /// are in it, if it has them all.
    unsafe fn places_in(
        &self,
        index: pg_sys::Relation,
        table: pg_sys::Oid,
    ) -> Option<Option<Vec<usize>>> {
        // SAFETY: an open index has its tuple of pg_index, whose column numbers are as many as it
        // says.
        unsafe {
            let tuple = (*index).rd_index;
            let count = usize::try_from((*tuple).indnatts).unwrap_or(0);
            let numbers = (*tuple).indkey.values.as_slice(count);
            let is_subject = |number: &i16| {
                usize::try_from(*number - 1)
                    .ok()
                    .and_then(|number| self.columns.get(number))
                    .is_some_and(|column| column.0 == c"subject_id")
            };
            let is_usable = (*tuple).indrelid == table
                && (*tuple).indisvalid
                // Made while old snapshots could see other versions of a row.
                && !(*tuple).indcheckxmin
                && (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
                && pg_sys::RelationGetIndexPredicate(index).is_null()
                && numbers.first().is_some_and(is_subject)
                && *(*index).rd_indcollation == pg_sys::C_COLLATION_OID;
            is_usable.then(|| {
                self.wanted
                    .iter()
                    .map(|wanted| numbers.iter().position(|number| number == wanted))
                    .collect()
            })
        }
    }
}

/// Columns that can be asked for, and rows that are taken under one guard.
const MAX_WANTED: usize = 8;
const MAX_ROWS: usize = 8;

/// Some rows of a scan.
#[derive(Default)]
struct Batch {
    count: usize,
    columns: usize,
    values: [[Value; MAX_WANTED]; MAX_ROWS],
}

type Value = Option<pg_sys::Datum>;

impl Batch {
    /// # Safety
    /// What the values point to is still there.
    unsafe fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = self.values.iter().take(self.count);
        rows.map(|values| {
            let values = values.get(..self.columns).unwrap_or_default();
            // SAFETY: the caller's.
            unsafe { Row::of_columns(values) }
        })
    }
}

/// A scan that is going on.
struct Scan {
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    scan: pg_sys::IndexScanDesc,
    /// Page of the visibility map.
    map: pg_sys::Buffer,
    has_own_snapshot: bool,
    is_over: bool,
}

impl State {
    /// Begins a scan; `None` if the role may not read the table, or if the layout changes in this very
    /// moment.
    ///
    /// # Safety
    /// Called under [`raw::guarded`].
    unsafe fn begin(&self, key: &str, view: View, is_current: impl Fn() -> bool) -> Option<Scan> {
        // SAFETY: as in `super::writer`. A snapshot is active: that of the calling statement, if not
        // one of our own.
        unsafe {
            let lock = self.admission.ask(self.table)?;
            let table = raw::try_relation_open(self.table, lock);
            if table.is_null() {
                return None;
            }
            // Taking the lock takes in what others have changed, and from then on the index stays.
            if !is_current() {
                raw::table_close(table, pg_sys::NoLock as i32);
                return None;
            }
            let index = raw::index_open(self.index, lock);
            let has_own_snapshot = view == View::Fresh;
            if has_own_snapshot {
                // What the command has written so far is a command of its own then, as it is for SPI
                // (_SPI_execute_plan in spi.c).
                raw::CommandCounterIncrement();
                raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
            }
            // What the scan before has left.
            raw::MemoryContextReset(self.memory);
            let before = pg_sys::MemoryContextSwitchTo(self.memory);
            let mut scan_key = self.key;
            let text = raw::cstring_to_text_with_len(key.as_ptr().cast(), key.len() as i32);
            scan_key.sk_argument = pg_sys::Datum::from(text);
            let scan = compat::begin_index_scan(table, index, raw::GetActiveSnapshot(), 1);
            // Before the scan begins, which makes room for them then.
            (*scan).xs_want_itup = self.places.is_some();
            raw::index_rescan(scan, &mut scan_key, 1, ptr::null_mut(), 0);
            pg_sys::MemoryContextSwitchTo(before);
            Some(Scan {
                table,
                index,
                scan,
                map: pg_sys::InvalidBuffer as pg_sys::Buffer,
                has_own_snapshot,
                is_over: false,
            })
        }
    }
}

unsafe fn close(table: pg_sys::Relation, index: pg_sys::Relation) {
    // SAFETY: both are open. Locks stay until the end of the transaction.
    unsafe {
        raw::index_close(index, pg_sys::NoLock as i32);
        raw::table_close(table, pg_sys::NoLock as i32);
    }
}

impl Scan {
    /// Takes some rows, and ends the scan after the last.
    ///
    /// # Safety
    /// Called under [`raw::guarded`]; the scan is not over.
    unsafe fn fill(&mut self, state: &State, batch: &mut Batch) {
        // SAFETY: the scan and both relations are open.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(state.memory);
            batch.count = 0;
            batch.columns = state.wanted.len();
            for row in &mut batch.values {
                let found = match &state.places {
                    Some(places) => self.next_of_index(state, places, row),
                    None => self.next_of_table(state, row),
                };
                if !found {
                    self.is_over = true;
                    break;
                }
                batch.count += 1;
            }
            if self.is_over {
                self.end(state);
            }
            pg_sys::MemoryContextSwitchTo(before);
        }
    }

    unsafe fn next_of_table(&mut self, state: &State, row: &mut [Value; MAX_WANTED]) -> bool {
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        // SAFETY: as in `fill`; the slot is of the table's kind and has its columns. The row stays
        // in place only until the next one.
        unsafe {
            if !raw::index_getnext_slot(self.scan, forward, state.slot) {
                return false;
            }
            raw::slot_getsomeattrs_int(state.slot, state.columns);
            for (value, wanted) in row.iter_mut().zip(&state.wanted) {
                let index = wanted.place_in_table;
                let is_null = *(*state.slot).tts_isnull.add(index);
                *value = copied(*(*state.slot).tts_values.add(index), is_null, wanted);
            }
            true
        }
    }

    unsafe fn next_of_index(
        &mut self,
        state: &State,
        places: &[usize],
        row: &mut [Value; MAX_WANTED],
    ) -> bool {
        const MAX_COLUMNS: usize = pg_sys::INDEX_MAX_KEYS as usize;
        let mut values = [pg_sys::Datum::from(0); MAX_COLUMNS];
        let mut nulls = [false; MAX_COLUMNS];
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        // SAFETY: as in `fill`. The arrays are as long as an index can have columns.
        unsafe {
            loop {
                let row_id = raw::index_getnext_tid(self.scan, forward);
                if row_id.is_null() {
                    return false;
                }
                if self.is_visible_to_all(*row_id) || self.is_visible(state) {
                    break;
                }
            }
            let scan = self.scan;
            let (values_out, nulls_out) = (values.as_mut_ptr(), nulls.as_mut_ptr());
            raw::index_deform_tuple((*scan).xs_itup, (*scan).xs_itupdesc, values_out, nulls_out);
            for ((value, place), wanted) in row.iter_mut().zip(places).zip(&state.wanted) {
                *value = copied(*values_out.add(*place), *nulls_out.add(*place), wanted);
            }
            true
        }
    }

    /// At SERIALIZABLE the table's rows are looked at, which is what locks are taken on.
    unsafe fn is_visible_to_all(&mut self, row: pg_sys::ItemPointerData) -> bool {
        // SAFETY: as in `fill`. The page of the map is released at the end.
        unsafe {
            let page = pgrx::itemptr::item_pointer_get_block_number_no_check(row);
            pg_sys::XactIsoLevel != pg_sys::XACT_SERIALIZABLE as i32
                && u32::from(raw::visibilitymap_get_status(
                    self.table,
                    page,
                    &mut self.map,
                )) & pg_sys::VISIBILITYMAP_ALL_VISIBLE
                    != 0
        }
    }

    unsafe fn is_visible(&mut self, state: &State) -> bool {
        // SAFETY: as in `fill`.
        unsafe {
            let visible = raw::index_fetch_heap(self.scan, state.slot);
            raw::clear_slot(state.slot);
            visible
        }
    }

    unsafe fn end(&mut self, state: &State) {
        // SAFETY: ends what `State::begin` has begun.
        unsafe {
            raw::clear_slot(state.slot);
            if self.map != pg_sys::InvalidBuffer as pg_sys::Buffer {
                raw::ReleaseBuffer(self.map);
            }
            raw::index_endscan(self.scan);
            if self.has_own_snapshot {
                raw::PopActiveSnapshot();
            }
            close(self.table, self.index);
        }
    }
}

/// A value that outlives its page, in the current memory context.
unsafe fn copied(value: pg_sys::Datum, is_null: bool, wanted: &Wanted) -> Value {
    if is_null {
        None
    } else {
        // SAFETY: a value of that type.
        Some(unsafe { raw::datumCopy(value, wanted.by_value, wanted.length) })
    }
}
