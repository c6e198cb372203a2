//! Every difference between the supported versions of PostgreSQL.

use std::ptr;

use pgrx::pg_sys;

/// Column `index` (from 0). `TupleDescAttr` is a macro before version 18 and a function over another
/// layout from then on.
///
/// # Safety
/// `description` is valid and has more than `index` columns.
pub unsafe fn attribute(
    description: pg_sys::TupleDesc,
    index: usize,
) -> *const pg_sys::FormData_pg_attribute {
    #[cfg(not(feature = "pg18"))]
    // SAFETY: the caller's.
    unsafe {
        (*description).attrs.as_ptr().add(index)
    }
    #[cfg(feature = "pg18")]
    // SAFETY: the caller's.
    unsafe {
        TupleDescAttr(description, index as i32)
    }
}

/// Whether a table has generated columns, which are stored or, from version 18 on, virtual.
pub fn has_generated_columns(constraints: &pg_sys::TupleConstr) -> bool {
    #[cfg(feature = "pg18")]
    let is_virtual = constraints.has_generated_virtual;
    #[cfg(not(feature = "pg18"))]
    let is_virtual = false;
    constraints.has_generated_stored || is_virtual
}

// Without a guard of their own: see `direct::raw`.
unsafe extern "C-unwind" {
    // Raises no error.
    #[cfg(feature = "pg18")]
    #[link_name = "TupleDescAttr__pgrx_cshim"]
    fn TupleDescAttr(
        description: pg_sys::TupleDesc,
        index: i32,
    ) -> *mut pg_sys::FormData_pg_attribute;
    fn ExecCheckIndexConstraints(
        table: *mut pg_sys::ResultRelInfo,
        slot: *mut pg_sys::TupleTableSlot,
        executor: *mut pg_sys::EState,
        met: pg_sys::ItemPointer,
        #[cfg(feature = "pg18")] own: pg_sys::ItemPointer,
        arbiters: *mut pg_sys::List,
    ) -> bool;
    fn ExecInsertIndexTuples(
        table: *mut pg_sys::ResultRelInfo,
        slot: *mut pg_sys::TupleTableSlot,
        executor: *mut pg_sys::EState,
        update: bool,
        no_error: bool,
        met: *mut bool,
        arbiters: *mut pg_sys::List,
        #[cfg(not(feature = "pg15"))] only_summarizing: bool,
    ) -> *mut pg_sys::List;
    fn index_beginscan(
        table: pg_sys::Relation,
        index: pg_sys::Relation,
        snapshot: pg_sys::Snapshot,
        #[cfg(feature = "pg18")] statistics: *mut pg_sys::IndexScanInstrumentation,
        keys: i32,
        orders: i32,
    ) -> pg_sys::IndexScanDesc;
    #[cfg(feature = "pg18")]
    fn index_insert_cleanup(index: pg_sys::Relation, info: *mut pg_sys::IndexInfo);
}

/// Enters a row that has just been inserted in the indexes of its table; if `met` is given, a
/// unique index that has such a row already raises no error, but sets it.
///
/// # Safety
/// As `ExecInsertIndexTuples`, which has one argument more from version 16 on.
pub unsafe fn insert_into_indexes(
    table: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    executor: *mut pg_sys::EState,
    met: Option<&mut bool>,
) {
    let speculative = met.is_some();
    let met = met.map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the caller's. Indexes are immediate, so nothing is to be checked later.
    unsafe {
        ExecInsertIndexTuples(
            table,
            slot,
            executor,
            false,
            speculative,
            met,
            ptr::null_mut(),
            #[cfg(not(feature = "pg15"))]
            false,
        );
    }
}

/// Whether a unique index has a row that `slot` would meet, once other transactions have ended that
/// insert or delete one.
///
/// # Safety
/// As `ExecCheckIndexConstraints`, which has one argument more from version 18 on.
pub unsafe fn meets_another(
    table: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    executor: *mut pg_sys::EState,
) -> bool {
    let none = pg_sys::ItemPointerData {
        ip_blkid: pg_sys::BlockIdData {
            bi_hi: u16::MAX,
            bi_lo: u16::MAX,
        },
        ip_posid: 0,
    };
    let mut met = none;
    #[cfg(feature = "pg18")]
    let mut own = none;
    // SAFETY: the caller's.
    unsafe {
        !ExecCheckIndexConstraints(
            table,
            slot,
            executor,
            &mut met,
            #[cfg(feature = "pg18")]
            &mut own,
            ptr::null_mut(),
        )
    }
}

/// Lets go of what an index keeps between insertions, such as pages (from version 17 on).
///
/// # Safety
/// `index` is open and `info` is of it.
pub unsafe fn end_index_insertion(index: pg_sys::Relation, info: *mut pg_sys::IndexInfo) {
    #[cfg(feature = "pg18")]
    // SAFETY: the caller's.
    unsafe {
        if !(*info).ii_AmCache.is_null() {
            index_insert_cleanup(index, info);
        }
    }
    #[cfg(not(feature = "pg18"))]
    let _ = (index, info);
}

/// Begins a scan of an index; from version 18 on that can be given a place for statistics.
///
/// # Safety
/// As `index_beginscan`.
pub unsafe fn begin_index_scan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: the caller's.
    unsafe {
        index_beginscan(
            table,
            index,
            snapshot,
            #[cfg(feature = "pg18")]
            ptr::null_mut(),
            keys,
            0,
        )
    }
}
