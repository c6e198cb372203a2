//! Shared memory, which there is if the library is preloaded: counters, and the queue of
//! decisions that the writer (`pg/worker.rs`) puts into the log.
//!
//! The queue is made of blocks of equal size, so memory never fragments and each database has
//! a list of its own: what cannot be written in one database holds up no other. Room is
//! reserved before a row is promised to the queue and given back if its transaction rolls
//! back; so handing rows over, which happens when the commit is done, cannot fail.
//!
//! One lock guards the lists. What is read without it are single atomic words.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64};

use pgrx::prelude::*;

/// Databases that can use the queue and have counters of their own.
pub const MAX_DATABASES: usize = 128;

/// Counters of a database; what they count is said in `crate::metrics`.
pub const COUNTERS: usize = 32;

/// Bytes of a block. A decision without an unusual value or key takes one.
const BLOCK: usize = 256;

/// At the start of a row: its length, and the first block of the next row.
const ROW_HEADER: usize = 8;

/// No block, or not known yet.
const NIL: u32 = u32::MAX;

/// No entry is left for the session's database.
const NO_ENTRY: u32 = u32::MAX - 1;

/// Longest path of a database's folder that is kept, `pg_tblspc/…` included.
const MAX_PATH: usize = 128;

const NAME: &CStr = c"lotty";

static SHARED: AtomicPtr<Shared> = AtomicPtr::new(ptr::null_mut());

/// What is shared.
#[repr(C)]
pub struct Shared {
    lock: *mut pg_sys::LWLock,
    blocks: u32,
    /// Blocks that are neither in use nor reserved.
    available: AtomicU32,
    /// First unused block; under the lock.
    unused: UnsafeCell<u32>,
    launcher: AtomicPtr<pg_sys::Latch>,
    databases: [Database; MAX_DATABASES],
}

/// What is kept of a database.
#[repr(C)]
pub struct Database {
    /// 0 while the entry is unused.
    oid: AtomicU32,
    /// Rows in its list.
    queued: AtomicU32,
    /// First blocks of its first and last row; under the lock.
    first: UnsafeCell<u32>,
    last: UnsafeCell<u32>,
    writer: AtomicPtr<pg_sys::Latch>,
    writer_pid: AtomicI32,
    /// Attempts of writers that ended in an error, since one succeeded.
    pub failures: AtomicU32,
    /// Attempts to write the first row by itself.
    pub attempts: AtomicU32,
    path: UnsafeCell<[u8; MAX_PATH]>,
    counters: [AtomicU64; COUNTERS],
}

// SAFETY: lives in shared memory; every field is atomic, written once before others see it, or
// only touched under the lock.
unsafe impl Sync for Shared {}

/// Room in the queue, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room(u32);

impl Room {
    /// What a row of that many bytes takes.
    pub fn of_row(bytes: usize) -> Self {
        let blocks = (bytes + ROW_HEADER).div_ceil(BLOCK);
        Self(u32::try_from(blocks).unwrap_or(u32::MAX))
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The shared memory, if there is any.
pub fn shared() -> Option<&'static Shared> {
    // SAFETY: null, or set once by `create` to memory that lives as long as the server.
    unsafe { SHARED.load(Relaxed).as_ref() }
}

/// Bytes needed for that many blocks.
pub fn size(blocks: u32) -> usize {
    size_of::<Shared>() + blocks as usize * (BLOCK + size_of::<u32>())
}

/// Blocks that fit into that many kilobytes.
pub fn blocks_in(kilobytes: i32) -> u32 {
    let bytes = u64::try_from(kilobytes).unwrap_or(0) * 1024;
    u32::try_from(bytes / (BLOCK + size_of::<u32>()) as u64).unwrap_or(NIL - 1)
}

/// Asks for the memory; to be called from the hook in which libraries do so.
pub fn request(blocks: u32) {
    // SAFETY: in the hook that is made for it; the name is NUL-terminated.
    unsafe {
        pg_sys::RequestAddinShmemSpace(size(blocks));
        pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), 1);
    }
}

/// Finds or makes the memory, in the postmaster at its start; whether it was made.
pub fn create(blocks: u32) -> bool {
    // SAFETY: in the hook that is made for it, with the size that was asked for. Nobody else
    // sees the memory before this returns.
    unsafe {
        let mut found = false;
        let memory = pg_sys::ShmemInitStruct(NAME.as_ptr(), size(blocks), &mut found);
        let shared = memory.cast::<Shared>();
        SHARED.store(shared, Relaxed);
        if !found {
            ptr::write_bytes(memory.cast::<u8>(), 0, size(blocks));
            (*shared).lock = &raw mut (*pg_sys::GetNamedLWLockTranche(NAME.as_ptr())).lock;
            (*shared).blocks = blocks;
            (*shared).available.store(blocks, Relaxed);
            *(*shared).unused.get() = if blocks == 0 { NIL } else { 0 };
            for block in 0..blocks {
                let next = if block + 1 < blocks { block + 1 } else { NIL };
                (*shared).next(block).write(next);
            }
            for database in &(*shared).databases {
                *database.first.get() = NIL;
                *database.last.get() = NIL;
            }
        }
        !found
    }
}

/// Holds the lock; released when it goes out of scope.
struct Locked(*mut pg_sys::LWLock);

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: acquired by `Shared::lock`, and by nobody released since: an error would
        // have come through here as a panic.
        unsafe { pg_sys::LWLockRelease(self.0) };
    }
}

impl Shared {
    fn lock(&self) -> Locked {
        // SAFETY: a lock of the tranche that was asked for.
        unsafe { pg_sys::LWLockAcquire(self.lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
        Locked(self.lock)
    }

    /// # Safety
    /// `block` is below `self.blocks`; under the lock.
    unsafe fn next(&self, block: u32) -> *mut u32 {
        // The blocks lie behind what `self` refers to, so the pointer to all of it is needed.
        let behind = SHARED.load(Relaxed).wrapping_add(1).cast::<u32>();
        behind.wrapping_add(block as usize)
    }

    /// # Safety
    /// As `next`.
    unsafe fn data(&self, block: u32) -> *mut u8 {
        let after = unsafe { self.next(self.blocks) }.cast::<u8>();
        after.wrapping_add(block as usize * BLOCK)
    }

    /// Entry and number of the session's database; `None` if there are too many of them.
    pub fn own_database(&self) -> Option<(usize, &Database)> {
        static OWN: AtomicU32 = AtomicU32::new(NIL);
        // SAFETY: a plain variable of the backend.
        let oid = unsafe { pg_sys::MyDatabaseId }.to_u32();
        if OWN.load(Relaxed) == NIL && oid != 0 {
            // Without an entry the session goes on without: asking each time would make all
            // databases wait.
            let number = self
                .entry_for(oid)
                .and_then(|number| u32::try_from(number).ok());
            OWN.store(number.unwrap_or(NO_ENTRY), Relaxed);
        }
        let number = OWN.load(Relaxed) as usize;
        Some((number, self.database(number)?))
    }

    /// The entry of that number.
    pub fn database(&self, number: usize) -> Option<&Database> {
        self.databases.get(number)
    }

    fn entry_of(&self, oid: u32) -> Option<usize> {
        let mut all = self.databases.iter();
        all.position(|database| database.oid.load(Relaxed) == oid)
    }

    /// The entry of a database, else one that is unused, or that of a database that is gone.
    fn entry_for(&self, oid: u32) -> Option<usize> {
        let _locked = self.lock();
        let number = self
            .entry_of(oid)
            .or_else(|| self.entry_of(0))
            .or_else(|| self.databases.iter().position(Database::is_gone))?;
        let database = self.database(number)?;
        if database.oid.swap(oid, Relaxed) != oid {
            for counter in &database.counters {
                counter.store(0, Relaxed);
            }
            database.failures.store(0, Relaxed);
            database.attempts.store(0, Relaxed);
        }
        // SAFETY: under the lock; `DatabasePath` is a NUL-terminated string once a database
        // is open.
        unsafe {
            let path = pg_sys::DatabasePath;
            if !path.is_null() {
                let bytes = CStr::from_ptr(path).to_bytes();
                let kept = &mut *database.path.get();
                kept.fill(0);
                for (to, from) in kept.iter_mut().take(MAX_PATH - 1).zip(bytes) {
                    *to = *from;
                }
            }
        }
        Some(number)
    }

    /// Reserves room; `false` if there is not enough.
    pub fn reserve(&self, room: Room) -> bool {
        let take = |available: u32| available.checked_sub(room.0);
        self.available.fetch_update(SeqCst, Relaxed, take).is_ok()
    }

    /// Gives room back that was reserved and is not needed.
    pub fn give_back(&self, room: Room) {
        self.available.fetch_add(room.0, SeqCst);
    }

    /// Appends rows to the list of a database. Their room must have been reserved.
    pub fn push<'r>(&self, database: &Database, rows: impl Iterator<Item = &'r [u8]>) {
        let _locked = self.lock();
        for row in rows {
            // SAFETY: under the lock.
            unsafe { self.append(database, row) };
        }
    }

    /// # Safety
    /// Under the lock, with the row's room reserved: so there are unused blocks enough.
    unsafe fn append(&self, database: &Database, row: &[u8]) {
        let Ok(length) = u32::try_from(row.len()) else {
            return;
        };
        unsafe {
            let first = *self.unused.get();
            let mut header = [0_u8; ROW_HEADER];
            for (to, from) in header
                .iter_mut()
                .zip(length.to_ne_bytes().into_iter().chain(NIL.to_ne_bytes()))
            {
                *to = from;
            }
            let mut bytes = header.iter().chain(row);
            let mut last = NIL;
            for _ in 0..Room::of_row(row.len()).0 {
                let block = *self.unused.get();
                if block == NIL {
                    return;
                }
                let data = self.data(block);
                for (offset, byte) in (&mut bytes).take(BLOCK).enumerate() {
                    data.add(offset).write(*byte);
                }
                *self.unused.get() = self.next(block).read();
                last = block;
            }
            if last != NIL {
                self.next(last).write(NIL);
            }
            let previous = *database.last.get();
            if previous == NIL {
                *database.first.get() = first;
            } else {
                self.data(previous).add(4).cast::<u32>().write(first);
            }
            *database.last.get() = first;
        }
        database.queued.fetch_add(1, SeqCst);
    }

    /// Copies the first rows of a database's list, which stay there.
    pub fn peek(&self, database: &Database, at_most: usize) -> Vec<Vec<u8>> {
        let _locked = self.lock();
        // SAFETY: under the lock.
        unsafe { self.copy(database, at_most) }
    }

    /// # Safety
    /// Under the lock, or with nobody else running.
    unsafe fn copy(&self, database: &Database, at_most: usize) -> Vec<Vec<u8>> {
        let mut rows = Vec::new();
        unsafe {
            let mut first = *database.first.get();
            while first != NIL && rows.len() < at_most {
                let length = self.data(first).cast::<u32>().read() as usize;
                let following = self.data(first).add(4).cast::<u32>().read();
                let mut row = Vec::with_capacity(length);
                let (mut block, mut skip) = (first, ROW_HEADER);
                while row.len() < length && block != NIL {
                    let here = (BLOCK - skip).min(length - row.len());
                    let data = self.data(block).add(skip);
                    row.extend_from_slice(std::slice::from_raw_parts(data, here));
                    (block, skip) = (self.next(block).read(), 0);
                }
                rows.push(row);
                first = following;
            }
        }
        rows
    }

    /// Takes the first rows off a database's list.
    pub fn pop(&self, database: &Database, rows: usize) {
        let _locked = self.lock();
        // SAFETY: under the lock.
        unsafe {
            for _ in 0..rows {
                let first = *database.first.get();
                if first == NIL {
                    break;
                }
                let following = self.data(first).add(4).cast::<u32>().read();
                let (mut last, mut blocks) = (first, 1);
                while self.next(last).read() != NIL {
                    last = self.next(last).read();
                    blocks += 1;
                }
                self.next(last).write(*self.unused.get());
                *self.unused.get() = first;
                *database.first.get() = following;
                if following == NIL {
                    *database.last.get() = NIL;
                }
                database.queued.fetch_sub(1, SeqCst);
                self.available.fetch_add(blocks, SeqCst);
            }
        }
    }

    /// All rows of all databases, with the databases' object ids. For the postmaster, when all
    /// others have ended.
    pub fn leftovers(&self) -> Vec<(u32, Vec<u8>)> {
        let of = |database: &Database| {
            let oid = database.oid.load(Relaxed);
            // SAFETY: nobody else is running.
            let rows = unsafe { self.copy(database, usize::MAX) };
            rows.into_iter().map(move |row| (oid, row))
        };
        self.databases.iter().flat_map(of).collect()
    }

    /// Puts a row back that an earlier run of the server has left; `false` if there is no room.
    /// For the postmaster, at its start.
    pub fn restore(&self, oid: u32, row: &[u8]) -> bool {
        let number = self.entry_of(oid).or_else(|| self.entry_of(0));
        let Some(database) = number.and_then(|number| self.database(number)) else {
            return false;
        };
        if !self.reserve(Room::of_row(row.len())) {
            return false;
        }
        database.oid.store(oid, Relaxed);
        // SAFETY: nobody else is running.
        unsafe { self.append(database, row) };
        true
    }

    /// Rows that fit into the queue, if none is larger than usual.
    pub fn capacity(&self) -> u32 {
        self.blocks
    }

    /// Whether the launcher is there to start writers.
    pub fn has_launcher(&self) -> bool {
        !self.launcher.load(SeqCst).is_null()
    }

    /// The calling process is the launcher, or no longer.
    pub fn set_launcher(&self, present: bool) {
        self.launcher.store(own_latch(present), SeqCst);
    }

    /// Wakes whoever writes for the database.
    pub fn wake(&self, database: &Database) {
        let writer = database.writer.load(SeqCst);
        let latch = if writer.is_null() {
            self.launcher.load(SeqCst)
        } else {
            writer
        };
        if !latch.is_null() {
            // SAFETY: a latch of some process's entry in shared memory. If that process has
            // ended, its successor there is woken for nothing.
            unsafe { pg_sys::SetLatch(latch) };
        }
    }
}

impl Database {
    /// The database; 0 if the entry is unused.
    pub fn oid(&self) -> u32 {
        self.oid.load(Relaxed)
    }

    /// Rows that wait to be written.
    pub fn queued(&self) -> u32 {
        self.queued.load(SeqCst)
    }

    /// A counter.
    pub fn counter(&self, number: usize) -> Option<&AtomicU64> {
        self.counters.get(number)
    }

    /// The calling process becomes the database's writer; `false` if there is one.
    pub fn become_writer(&self) -> bool {
        // SAFETY: a plain variable of the process.
        let pid = unsafe { pg_sys::MyProcPid };
        self.writer_pid
            .compare_exchange(0, pid, SeqCst, SeqCst)
            .is_ok()
    }

    /// The calling process is no longer the database's writer, if it ever was.
    pub fn resign_as_writer(&self) {
        // SAFETY: a plain variable of the process.
        let pid = unsafe { pg_sys::MyProcPid };
        if self.writer_pid.load(SeqCst) == pid {
            self.listen(false);
            self.writer_pid.store(0, SeqCst);
        }
    }

    /// The writer wants to be woken, or no longer.
    pub fn listen(&self, listening: bool) {
        self.writer.store(own_latch(listening), SeqCst);
    }

    /// Whether the database has been dropped: its folder is gone, and nothing is left to write.
    /// Under the lock.
    fn is_gone(&self) -> bool {
        self.queued() == 0 && self.writer_pid.load(SeqCst) == 0 && self.folder_is_gone()
    }

    /// Whether the folder of the database is known and does not exist. Under the lock.
    fn folder_is_gone(&self) -> bool {
        // SAFETY: only touched under the lock.
        let path = unsafe { *self.path.get() };
        let path: Vec<u8> = path.into_iter().take_while(|byte| *byte != 0).collect();
        match std::str::from_utf8(&path) {
            Ok("") | Err(_) => false,
            Ok(path) => matches!(std::fs::exists(path), Ok(false)),
        }
    }
}

fn own_latch(present: bool) -> *mut pg_sys::Latch {
    if present {
        // SAFETY: a plain variable of the process.
        unsafe { pg_sys::MyLatch }
    } else {
        ptr::null_mut()
    }
}
