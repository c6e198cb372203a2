//! Background processes: the launcher, and a writer for each database that has rows in the
//! queue.
//!
//! The launcher belongs to no database and sleeps until it is woken. A writer connects to its
//! database, writes until there is nothing left, and ends after a second without work: so it
//! never keeps anybody from dropping the database for longer than that. A row leaves the queue
//! when the transaction that wrote it has been committed.
//!
//! An error ends the writer. The launcher starts another one a second later; after the third
//! time the first row is written by itself, and given up with a warning if it is the row that
//! is at fault (of its data, or by a constraint or a trigger), so that it does not hold up the
//! others for ever.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;

use super::shared::{Database, Shared, shared};
use crate::decision_log::writer;

/// A writer without work ends after this time.
const IDLE: Duration = Duration::from_secs(1);

/// After an error, the next writer is started after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// Rows that are written in one transaction.
const BATCH: usize = 1_000;

/// Writers that failed before rows are written one by one.
const FAILURES: u32 = 3;

/// Attempts to write a row by itself, or rows with it as the first.
const ATTEMPTS: u32 = 5;

/// Registers the launcher with the postmaster.
pub fn register_launcher() {
    BackgroundWorkerBuilder::new("lotty launcher")
        .set_library("lotty")
        .set_function("lotty_launcher_main")
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(Some(PAUSE))
        .load();
}

/// A writer that the launcher has started.
struct Started {
    database: usize,
    handle: *mut pg_sys::BackgroundWorkerHandle,
}

impl Started {
    fn new(database: usize) -> Option<Self> {
        // SAFETY: a plain variable of the process.
        let pid = unsafe { pg_sys::MyProcPid };
        let builder = BackgroundWorkerBuilder::new("lotty writer")
            .set_library("lotty")
            .set_function("lotty_writer_main")
            .enable_spi_access()
            .set_argument(i32::try_from(database).ok()?.into_datum())
            .set_notify_pid(pid);
        let mut worker = pg_sys::BackgroundWorker::from(&builder);
        let mut handle = std::ptr::null_mut();
        // SAFETY: both are valid for the call, which copies the first and sets the second.
        let registered =
            unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle) };
        registered.then_some(Self { database, handle })
    }

    fn has_stopped(&self) -> bool {
        let mut pid = 0;
        // SAFETY: the handle is that of a worker which this process has registered.
        let status = unsafe { pg_sys::GetBackgroundWorkerPid(self.handle, &mut pid) };
        status == pg_sys::BgwHandleStatus::BGWH_STOPPED
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // SAFETY: allocated by RegisterDynamicBackgroundWorker.
        unsafe { pg_sys::pfree(self.handle.cast()) };
    }
}

/// The launcher.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn lotty_launcher_main(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    BackgroundWorker::connect_worker_to_spi_by_oid(None, None);
    let Some(shared) = shared() else { return };
    // SAFETY: a callback with no argument; it runs before this process leaves shared memory.
    unsafe { pg_sys::before_shmem_exit(Some(launcher_exit), pg_sys::Datum::from(0)) };
    shared.set_launcher(true);
    let mut writers: Vec<Started> = Vec::new();
    let mut paused: Vec<(usize, Instant)> = Vec::new();
    loop {
        let (stopped, running): (Vec<_>, Vec<_>) =
            writers.into_iter().partition(Started::has_stopped);
        writers = running;
        // A writer that has ended well has nothing against it.
        let failed = |writer: &Started| {
            shared
                .database(writer.database)
                .is_some_and(|database| database.failures.load(SeqCst) > 0)
        };
        paused.extend(
            stopped
                .iter()
                .filter(|writer| failed(writer))
                .map(|writer| (writer.database, Instant::now())),
        );
        paused.retain(|(_, since)| since.elapsed() < PAUSE);
        // Asked once a round: the answer takes the signal away.
        if BackgroundWorker::sigterm_received() {
            break;
        }
        start_writers(shared, &mut writers, &paused);
        // A missed start (no process slot is free, or a pause) is made up for later.
        let wait = is_waiting(shared, &writers).then_some(PAUSE);
        if !BackgroundWorker::wait_latch(wait) {
            break;
        }
    }
    // With 0 the postmaster would take it for done, and not start it again when it was
    // terminated by hand. (At a shutdown it starts nothing.)
    // SAFETY: the way for a process to end; the callbacks of before_shmem_exit are run.
    unsafe { pg_sys::proc_exit(1) };
}

#[pg_guard]
unsafe extern "C-unwind" fn launcher_exit(_code: i32, _argument: pg_sys::Datum) {
    if let Some(shared) = shared() {
        shared.set_launcher(false);
    }
}

/// The databases with rows in the queue for which no writer was started.
fn without_writer<'s>(
    shared: &'s Shared,
    writers: &[Started],
) -> impl Iterator<Item = (usize, &'s Database)> {
    let all = (0..super::shared::MAX_DATABASES)
        .filter_map(|number| Some((number, shared.database(number)?)));
    all.filter(|(number, database)| {
        database.queued() > 0 && writers.iter().all(|writer| writer.database != *number)
    })
}

fn is_waiting(shared: &Shared, writers: &[Started]) -> bool {
    without_writer(shared, writers).next().is_some()
}

fn start_writers(shared: &Shared, writers: &mut Vec<Started>, paused: &[(usize, Instant)]) {
    let ready: Vec<(usize, &Database)> = without_writer(shared, writers)
        .filter(|(number, _)| paused.iter().all(|(other, _)| other != number))
        .collect();
    for (number, database) in ready {
        if database.failures.load(SeqCst) > 0 && !exists(database.oid()) {
            let rows = database.queued();
            shared.pop(database, rows as usize);
            log!(
                "lotty: gave up {rows} decisions of database {}, which is gone",
                database.oid()
            );
            continue;
        }
        // Taken back by the writer when it has succeeded. Before it starts, since that may be
        // over in no time.
        database.failures.fetch_add(1, SeqCst);
        match Started::new(number) {
            Some(writer) => writers.push(writer),
            None => _ = database.failures.fetch_sub(1, SeqCst),
        }
    }
}

/// Whether there is such a database.
fn exists(oid: u32) -> bool {
    BackgroundWorker::transaction(|| {
        // SAFETY: inside a transaction; the name is allocated in its memory.
        unsafe { !pg_sys::get_database_name(pg_sys::Oid::from(oid)).is_null() }
    })
}

/// A writer; the argument is the number of its database's entry.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn lotty_writer_main(argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    // SAFETY: the argument is an integer, as the launcher has set it.
    let number = unsafe { i32::from_datum(argument, false) };
    let number = number.and_then(|number| usize::try_from(number).ok());
    let Some((shared, database)) =
        shared().and_then(|shared| Some((shared, shared.database(number?)?)))
    else {
        return;
    };
    if !database.become_writer() {
        return;
    }
    // SAFETY: a callback with an integer; it runs however this process ends, short of a crash,
    // after which shared memory is made anew.
    unsafe { pg_sys::before_shmem_exit(Some(writer_exit), argument) };
    let oid = pg_sys::Oid::from(database.oid());
    BackgroundWorker::connect_worker_to_spi_by_oid(Some(oid), None);
    // What is set for sessions is not meant for this one. It has the owner's rights, so its
    // search_path is pinned; it does not wait for a standby, which may be down at a shutdown; and
    // it waits for a lock only as long as a shutdown may take.
    for (name, value) in [
        (c"search_path", c"pg_catalog, pg_temp"),
        (c"default_transaction_read_only", c"off"),
        (c"default_transaction_isolation", c"read committed"),
        (c"synchronous_commit", c"local"),
        (c"lock_timeout", c"5s"),
    ] {
        // SAFETY: NUL-terminated names and values of settings that every role may change.
        unsafe {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            );
        }
    }
    let mut idle_since = Instant::now();
    loop {
        database.listen(true);
        if database.queued() > 0 {
            database.listen(false);
            write_some(shared, database);
            idle_since = Instant::now();
            continue;
        }
        if BackgroundWorker::sigterm_received()
            || idle_since.elapsed() >= IDLE
            || !BackgroundWorker::wait_latch(Some(IDLE))
        {
            // Whoever hands over from now on wakes the launcher; who did before is seen here.
            database.listen(false);
            if database.queued() == 0 {
                break;
            }
        }
    }
    database.failures.store(0, SeqCst);
}

#[pg_guard]
unsafe extern "C-unwind" fn writer_exit(_code: i32, argument: pg_sys::Datum) {
    // SAFETY: the argument is an integer.
    let number = unsafe { i32::from_datum(argument, false) };
    let number = number.and_then(|number| usize::try_from(number).ok());
    if let Some(database) = shared().and_then(|shared| shared.database(number?)) {
        database.resign_as_writer();
    }
}

/// Writes the first rows of the queue and takes them off it.
fn write_some(shared: &Shared, database: &Database) {
    let one_by_one = database.failures.load(SeqCst) > FAILURES;
    let rows = shared.peek(database, if one_by_one { 1 } else { BATCH });
    if one_by_one && database.attempts.load(SeqCst) >= ATTEMPTS {
        for row in &rows {
            warning!(
                "lotty: gave up {}, which cannot be written",
                writer::describe(row)
            );
        }
    } else {
        write_all(database, &rows);
        // After one that could be written the others are tried together again.
        database.failures.store(u32::from(one_by_one), SeqCst);
    }
    shared.pop(database, rows.len());
    database.attempts.store(0, SeqCst);
}

/// Writes the rows in a transaction. An error ends the process; it counts against the row if it
/// is one of data, a constraint or a trigger's own. Anything else (a full disk, a lock) is waited
/// out, and meanwhile a full queue makes sessions write by themselves.
fn write_all(database: &Database, rows: &[Vec<u8>]) {
    let attempts = &database.attempts;
    PgTryBuilder::new(AssertUnwindSafe(|| {
        BackgroundWorker::transaction(AssertUnwindSafe(|| writer::write(rows)));
    }))
    .catch_others(|cause| {
        let code = match &cause {
            CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic {
                ereport: report, ..
            } => report.sql_error_code(),
        };
        if OF_ROW
            .iter()
            .any(|class| class_of(*class) == class_of(code))
        {
            attempts.fetch_add(1, SeqCst);
        }
        cause.rethrow()
    })
    .execute();
    // SAFETY: outside of a transaction, as the function demands.
    unsafe { pg_sys::pgstat_report_stat(true) };
}

/// Classes of errors that are the row's own fault, each by one of its codes.
const OF_ROW: [PgSqlErrorCode; 3] = [
    PgSqlErrorCode::ERRCODE_DATA_EXCEPTION,
    PgSqlErrorCode::ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION,
    PgSqlErrorCode::ERRCODE_PLPGSQL_ERROR,
];

/// The first two characters of an SQLSTATE (`ERRCODE_TO_CATEGORY` of `elog.h`).
fn class_of(code: PgSqlErrorCode) -> i32 {
    code as i32 & 0xfff
}
