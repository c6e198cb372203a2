//! Functions of PostgreSQL without the guard that pgrx puts around each of them.
//!
//! A guard (`sigsetjmp`, two stacks saved and restored) costs 25 ns, and a decision calls fifty of these
//! functions: grouped under [`guarded`] they take 0.7 us less of the 5.0 us that reading the ledger and
//! 0.4 us less of the 8.4 us that writing the log took (release build, PostgreSQL 18).

use std::ffi::{c_char, c_int};

use pgrx::pg_sys::{
    AclMode, AclResult, BlockNumber, Buffer, Datum, EState, HeapTuple, HeapTupleHeader,
    IndexScanDesc, IndexTuple, ItemPointer, LOCKMODE, MemoryContext, Oid, Relation, ResultRelInfo,
    ScanDirection, ScanKey, Size, Snapshot, TransactionId, TupleDesc, TupleTableSlot, text,
};

/// Runs `body` under one guard: an error of PostgreSQL in it becomes a panic here.
///
/// # Safety
/// The error jumps over the frames of `body`: it must own nothing that is dropped, and must not panic.
/// It calls functions of [`self`], not those of pgrx.
#[inline]
pub unsafe fn guarded<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's; a backend has one thread.
    unsafe { pgrx::pg_sys::ffi::pg_guard_ffi_boundary(body) }
}

/// `ExecClearTuple`, which is an inline function.
///
/// # Safety
/// Called under [`guarded`]; `slot` is a slot.
pub unsafe fn clear_slot(slot: *mut TupleTableSlot) {
    // SAFETY: the caller's.
    unsafe {
        if let Some(clear) = (*(*slot).tts_ops).clear {
            clear(slot);
        }
    }
}

unsafe extern "C-unwind" {
    pub fn CommandCounterIncrement();
    pub fn DecrTupleDescRefCount(description: TupleDesc);
    pub fn ExecConstraints(
        table: *mut ResultRelInfo,
        slot: *mut TupleTableSlot,
        executor: *mut EState,
    );
    pub fn ExecStoreVirtualTuple(slot: *mut TupleTableSlot) -> *mut TupleTableSlot;
    pub fn GetActiveSnapshot() -> Snapshot;
    pub fn GetCurrentCommandId(used: bool) -> u32;
    pub fn GetCurrentTransactionId() -> TransactionId;
    pub fn GetSysCacheOid(
        cache: c_int,
        column: i16,
        key1: Datum,
        key2: Datum,
        key3: Datum,
        key4: Datum,
    ) -> Oid;
    pub fn GetTransactionSnapshot() -> Snapshot;
    pub fn GetUserId() -> Oid;
    pub fn HeapTupleHeaderGetDatum(tuple: HeapTupleHeader) -> Datum;
    pub fn MemoryContextReset(context: MemoryContext);
    pub fn PopActiveSnapshot();
    pub fn PushActiveSnapshot(snapshot: Snapshot);
    pub fn ReleaseBuffer(buffer: Buffer);
    pub fn SpeculativeInsertionLockAcquire(transaction: TransactionId) -> u32;
    pub fn SpeculativeInsertionLockRelease(transaction: TransactionId);
    pub fn cstring_to_text_with_len(bytes: *const c_char, length: c_int) -> *mut text;
    pub fn datumCopy(value: Datum, by_value: bool, length: c_int) -> Datum;
    pub fn get_func_rettype(function: Oid) -> Oid;
    pub fn heap_form_tuple(
        description: TupleDesc,
        values: *mut Datum,
        nulls: *mut bool,
    ) -> HeapTuple;
    pub fn index_close(index: Relation, lock: LOCKMODE);
    pub fn index_deform_tuple(
        tuple: IndexTuple,
        description: TupleDesc,
        values: *mut Datum,
        nulls: *mut bool,
    );
    pub fn index_endscan(scan: IndexScanDesc);
    pub fn index_fetch_heap(scan: IndexScanDesc, slot: *mut TupleTableSlot) -> bool;
    pub fn index_getnext_slot(
        scan: IndexScanDesc,
        direction: ScanDirection::Type,
        slot: *mut TupleTableSlot,
    ) -> bool;
    pub fn index_getnext_tid(scan: IndexScanDesc, direction: ScanDirection::Type) -> ItemPointer;
    pub fn index_open(index: Oid, lock: LOCKMODE) -> Relation;
    pub fn index_rescan(
        scan: IndexScanDesc,
        keys: ScanKey,
        key_count: c_int,
        orders: ScanKey,
        order_count: c_int,
    );
    pub fn lookup_rowtype_tupdesc(kind: Oid, modifier: i32) -> TupleDesc;
    pub fn palloc(size: Size) -> *mut std::ffi::c_void;
    pub fn pg_class_aclcheck(table: Oid, role: Oid, mode: AclMode) -> AclResult::Type;
    pub fn simple_table_tuple_insert(table: Relation, slot: *mut TupleTableSlot);
    pub fn slot_getsomeattrs_int(slot: *mut TupleTableSlot, columns: c_int);
    pub fn table_close(table: Relation, lock: LOCKMODE);
    pub fn try_relation_open(table: Oid, lock: LOCKMODE) -> Relation;
    pub fn visibilitymap_get_status(table: Relation, page: BlockNumber, map: *mut Buffer) -> u8;
}
