//! Whether a table is as the extension made it, and hearing that it no longer is.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use pgrx::prelude::*;

use super::raw;
use crate::pg::{compat, transaction};

/// Relations whose layout is kept: the two tables with their indexes, and some that users add.
const MAX_WATCHED: usize = 32;

static GENERATION: AtomicU64 = AtomicU64::new(1);
static WATCHED: [AtomicU32; MAX_WATCHED] = [const { AtomicU32::new(0) }; MAX_WATCHED];

thread_local! {
    static ORPHANS: RefCell<Vec<pg_sys::MemoryContext>> = const { RefCell::new(Vec::new()) };
}

/// Changes with the layout of any relation that is watched.
pub fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// Watches a relation. `false` if there are too many: then none is watched any more, so that what is built
/// next finds room. (A session that lives for long comes by many partitions.)
pub fn watch(relation: pg_sys::Oid) -> bool {
    let relation = relation.to_u32();
    let found = WATCHED.iter().any(|slot| {
        let free = slot.compare_exchange(0, relation, Relaxed, Relaxed);
        free.is_ok() || free == Err(relation)
    });
    if !found {
        on_relcache(0);
    }
    found
}

/// PostgreSQL says so whenever something about a relation changes (0: of any), before whoever
/// changed it lets go of the lock. As in [`crate::pg::invalidation`], nothing is looked up here.
pub fn on_relcache(relation: u32) {
    if relation == 0 || WATCHED.iter().any(|slot| slot.load(Relaxed) == relation) {
        GENERATION.fetch_add(1, Relaxed);
        for slot in &WATCHED {
            slot.store(0, Relaxed);
        }
    }
}

/// A column: its name and type.
pub type Column = (&'static CStr, Type);

/// The type of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// One of PostgreSQL's own.
    Plain(pg_sys::Oid),
    /// An enum, for [`crate::pg::parameter::Parameter::Label`].
    Enum,
}

impl Type {
    /// `jsonb`
    pub const JSONB: Self = Self::Plain(pg_sys::JSONBOID);
    /// `smallint`
    pub const SMALLINT: Self = Self::Plain(pg_sys::INT2OID);
    /// `text`
    pub const TEXT: Self = Self::Plain(pg_sys::TEXTOID);
    /// `timestamptz`
    pub const TIMESTAMPTZ: Self = Self::Plain(pg_sys::TIMESTAMPTZOID);
    /// `uuid`
    pub const UUID: Self = Self::Plain(pg_sys::UUIDOID);
}

/// Runs `build` with a table of the schema `lotty` open, and watches it from then on; `None` if there is
/// no such table.
pub fn with_table<T>(
    name: &CStr,
    lock: u32,
    build: impl FnOnce(pg_sys::Relation) -> Option<T>,
) -> Option<T> {
    // SAFETY: look-ups in the system caches with NUL-terminated names.
    let table = unsafe {
        let schema = pg_sys::get_namespace_oid(c"lotty".as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), schema)
    };
    with_relation(table, lock, build)
}

/// The same for a table by its object id.
///
/// The lock stays until the end of the transaction, as that of every table that is read or written does.
pub fn with_relation<T>(
    table: pg_sys::Oid,
    lock: u32,
    build: impl FnOnce(pg_sys::Relation) -> Option<T>,
) -> Option<T> {
    if table == pg_sys::InvalidOid || !watch(table) {
        return None;
    }
    // SAFETY: the relation is null if it has just been dropped; it is closed again, by the resource owner
    // if an error is raised meanwhile.
    unsafe {
        let relation = pg_sys::try_relation_open(table, lock as pg_sys::LOCKMODE);
        if relation.is_null() {
            return None;
        }
        let built = build(relation);
        pg_sys::table_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
        built
    }
}

/// What a table is to another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing: all rows are its own.
    Alone,
    /// Its partitions have the rows.
    Partitioned,
    /// It has some of the rows of a partitioned table.
    Partition,
}

/// Whether a table is partitioned.
///
/// # Safety
/// `table` is open.
pub unsafe fn is_partitioned(table: pg_sys::Relation) -> bool {
    // SAFETY: an open relation has its catalog row.
    unsafe { (*(*table).rd_rel).relkind == pg_sys::RELKIND_PARTITIONED_TABLE as std::ffi::c_char }
}

/// Whether the rows of a table are where `place` says, in these columns, for whoever may read it:
/// it is not a view, inherited from or of another server, and has no row security.
///
/// A trigger on TRUNCATE is what Citus gives a table whose rows it has moved elsewhere.
///
/// # Safety
/// `table` is open.
pub unsafe fn is_plain(table: pg_sys::Relation, columns: &[Column], place: Place) -> bool {
    // SAFETY: the relation is open, so its catalog row, description and triggers are there.
    unsafe {
        let class = (*table).rd_rel;
        let description = (*table).rd_att;
        let partitioned = place == Place::Partitioned;
        is_partitioned(table) == partitioned
            && (partitioned || (*class).relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char)
            && !(*class).relrowsecurity
            && (*class).relispartition == (place == Place::Partition)
            && (*class).relhassubclass <= partitioned
            // Which keeps the rows of its tables in others, and that to itself.
            && pg_sys::get_extension_oid(c"timescaledb".as_ptr(), true) == pg_sys::InvalidOid
            && (*table).rd_rules.is_null()
            && usize::try_from((*description).natts) == Ok(columns.len())
            && columns
                .iter()
                .enumerate()
                .all(|(index, column)| is_column(description, index, column))
            && triggers(table).is_none_or(|triggers| {
                !triggers.trig_truncate_before_statement && !triggers.trig_truncate_after_statement
            })
    }
}

unsafe fn is_column(description: pg_sys::TupleDesc, index: usize, column: &Column) -> bool {
    // SAFETY: the caller has seen that the description has that column.
    unsafe {
        let attribute = compat::attribute(description, index);
        let kind = (*attribute).atttypid;
        !(*attribute).attisdropped
            && CStr::from_ptr((*attribute).attname.data.as_ptr()) == column.0
            && match column.1 {
                Type::Plain(expected) => kind == expected,
                Type::Enum => pg_sys::get_typtype(kind) == pg_sys::TYPTYPE_ENUM as std::ffi::c_char,
            }
    }
}

unsafe fn triggers<'a>(table: pg_sys::Relation) -> Option<&'a pg_sys::TriggerDesc> {
    // SAFETY: of an open relation; null if it has none.
    unsafe { (*table).trigdesc.as_ref() }
}

/// Whether inserting a row does nothing but that: no triggers, no generated columns, and no
/// expressions but those in the constraints named, with functions of PostgreSQL's own.
/// (Functions of users are to run under the pinned `search_path`; see [`crate::pg::spi`].)
///
/// # Safety
/// `table` is open and [`is_plain`].
pub unsafe fn takes_rows_as_they_are(table: pg_sys::Relation, known: &[&CStr]) -> bool {
    // SAFETY: as in `is_plain`.
    unsafe {
        let fires = triggers(table).is_some_and(|triggers| {
            triggers.trig_insert_before_row
                || triggers.trig_insert_after_row
                || triggers.trig_insert_instead_row
                || triggers.trig_insert_before_statement
                || triggers.trig_insert_after_statement
                || triggers.trig_insert_new_table
        });
        let Some(constraints) = (*(*table).rd_att).constr.as_ref() else {
            return !fires;
        };
        let checks = match constraints.num_check {
            0 => &[],
            count => slice::from_raw_parts(constraints.check, count.into()),
        };
        !fires
            && !compat::has_generated_columns(constraints)
            && checks.iter().all(|check| {
                known.contains(&CStr::from_ptr(check.ccname)) && is_built_in(check.ccbin)
            })
    }
}

/// Whether an index has no expressions, no predicate unless its name has one of these endings, and refuses
/// a row at once rather than at the end of the transaction.
///
/// # Safety
/// `index` is open.
pub unsafe fn is_plain_index(index: pg_sys::Relation, known: &[&CStr]) -> bool {
    // SAFETY: an open index has its tuple of pg_index, and a name.
    unsafe {
        let immediate = (*(*index).rd_index).indimmediate;
        let name = CStr::from_ptr((*(*index).rd_rel).relname.data.as_ptr());
        let predicate = pg_sys::RelationGetIndexPredicate(index);
        immediate
            && pg_sys::RelationGetIndexExpressions(index).is_null()
            && (predicate.is_null()
                || known
                    .iter()
                    .any(|known| name.to_bytes().ends_with(known.to_bytes()))
                    && is_built_in(pg_sys::nodeToString(predicate.cast())))
    }
}

/// Whether an expression, in the text form in which PostgreSQL stores it, uses operators and functions
/// of PostgreSQL only, which have the first object ids.
///
/// # Safety
/// `text` is a C string.
unsafe fn is_built_in(text: *const std::ffi::c_char) -> bool {
    // SAFETY: the caller's.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // `:opno`, `:funcid`, `:opfuncid` and their like.
    let is_own = |rest: &str| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        let id = digits.and_then(|digits| digits.parse::<u32>().ok());
        id.is_some_and(|id| id < pg_sys::FirstNormalObjectId)
    };
    ["funcid ", "opno "]
        .iter()
        .all(|field| text.split(field).skip(1).all(is_own))
}

/// The right to use a table and the locks on it, which are asked for once a transaction: 0.8 us less of
/// the 10.5 us of a decision in bulk (release build, PostgreSQL 18).
pub struct Admission {
    right: pg_sys::AclMode,
    lock: pg_sys::LOCKMODE,
    given: Cell<Option<(u64, pg_sys::Oid)>>,
}

impl Admission {
    /// To be asked for.
    pub fn new(right: u32, lock: u32) -> Self {
        Self {
            right: pg_sys::AclMode::from(right),
            lock: lock as pg_sys::LOCKMODE,
            given: Cell::new(None),
        }
    }

    /// The lock to open the relations with, none if the transaction has it already; `None` if the
    /// role may not use the table. The lock stays until the end of the transaction.
    ///
    /// # Safety
    /// Called under [`raw::guarded`], and all relations are opened next.
    pub unsafe fn ask(&self, table: pg_sys::Oid) -> Option<pg_sys::LOCKMODE> {
        // SAFETY: the caller's.
        unsafe {
            let now = Some((transaction::epoch(), raw::GetUserId()));
            if self.given.get() == now {
                return Some(pg_sys::NoLock as pg_sys::LOCKMODE);
            }
            let answer = raw::pg_class_aclcheck(table, raw::GetUserId(), self.right);
            if answer != pg_sys::AclResult::ACLCHECK_OK {
                return None;
            }
            self.given.set(now);
            Some(self.lock)
        }
    }
}

/// What was built for one layout, in memory of its own.
pub struct Kept<T> {
    generation: u64,
    context: pg_sys::MemoryContext,
    /// `None`: the layout is not one that is taken.
    pub state: Option<T>,
}

/// Keeps a [`Kept`] for the session. It is taken out while it is used: an error, or a use in the
/// middle of another one, finds none and builds anew.
pub struct Keeper<T>(Cell<Option<Kept<T>>>);

// SAFETY: a backend has one thread.
unsafe impl<T> Sync for Keeper<T> {}

impl<T> Keeper<T> {
    /// Nothing is kept yet.
    pub const fn new() -> Self {
        Self(Cell::new(None))
    }

    /// What is kept if it serves, or else what `build` makes, in a memory context that is current for it
    /// and lives as long.
    pub fn take(
        &self,
        serves: impl FnOnce(&T) -> bool,
        build: impl FnOnce() -> Option<T>,
    ) -> Kept<T> {
        if let Some(kept) = self.0.take()
            && kept.is_current()
            && kept.state.as_ref().is_none_or(serves)
        {
            return kept;
        }
        delete_orphans();
        let generation = generation();
        // SAFETY: the context belongs to the caller's until `build` has succeeded, and goes with
        // that if it raises an error.
        unsafe {
            let context = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"lotty table".as_ptr(),
                0,
                1024,
                8 * 1024,
            );
            let before = pg_sys::MemoryContextSwitchTo(context);
            let state = build();
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextSetParent(context, pg_sys::CacheMemoryContext);
            Kept {
                generation,
                context,
                state,
            }
        }
    }

    /// Puts it back for the next use.
    pub fn put(&self, kept: Kept<T>) {
        self.0.set(Some(kept));
    }
}

impl<T> Kept<T> {
    /// Whether nothing has changed since it was built.
    pub fn is_current(&self) -> bool {
        self.generation == generation()
    }
}

impl<T> Drop for Kept<T> {
    /// In an error the context, or one in it, may be the current one until the transaction has been
    /// rolled back; it is deleted by whoever comes next.
    fn drop(&mut self) {
        if std::thread::panicking() {
            ORPHANS.with_borrow_mut(|orphans| orphans.push(self.context));
        } else {
            // SAFETY: nothing outside of `state` points into it, and that is not used any more.
            unsafe { pg_sys::MemoryContextDelete(self.context) };
        }
    }
}

fn delete_orphans() {
    for context in ORPHANS.take() {
        // SAFETY: as above; what was current in the error is not any more.
        unsafe { pg_sys::MemoryContextDelete(context) };
    }
}
