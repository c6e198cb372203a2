//! What happens when the server starts and stops, if the library is preloaded.
//!
//! Rows that are in the queue when the server stops are kept in a file and put back at the next
//! start, as pg_stat_statements does it with its statistics. Normally there are none: writers
//! write what there is before they end.

use std::path::Path;
use std::sync::OnceLock;
use std::{fs, io};

use pgrx::prelude::*;

use super::{settings, shared, worker};

/// The file, in the data folder; next to the statistics, which a clean shutdown keeps too.
const LEFTOVERS: &str = "pg_stat/lotty_queue";

/// First bytes of the file.
const MAGIC: &[u8] = b"lotty queue 1\n";

static PREVIOUS_REQUEST: OnceLock<pg_sys::shmem_request_hook_type> = OnceLock::new();
static PREVIOUS_STARTUP: OnceLock<pg_sys::shmem_startup_hook_type> = OnceLock::new();

/// Whether the server is loading the library at its start.
pub fn in_progress() -> bool {
    // SAFETY: a plain variable of the process.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// Sets the hooks and registers the launcher; called once, when the server loads the library at
/// its start.
pub fn init() {
    // SAFETY: the hooks are made to be chained in this way; nobody else runs yet.
    unsafe {
        let _ = PREVIOUS_REQUEST.set(pg_sys::shmem_request_hook);
        pg_sys::shmem_request_hook = Some(on_request);
        let _ = PREVIOUS_STARTUP.set(pg_sys::shmem_startup_hook);
        pg_sys::shmem_startup_hook = Some(on_startup);
    }
    worker::register_launcher();
}

fn blocks() -> u32 {
    // What was left must fit, however small the queue has become.
    let left = fs::metadata(LEFTOVERS).map_or(0, |file| file.len());
    let left = u32::try_from(left / 48).unwrap_or(u32::MAX / 2);
    shared::blocks_in(settings::queue_size()).saturating_add(left)
}

#[pg_guard]
unsafe extern "C-unwind" fn on_request() {
    if let Some(Some(previous)) = PREVIOUS_REQUEST.get() {
        // SAFETY: the hook that was there before.
        unsafe { previous() };
    }
    shared::request(blocks());
}

#[pg_guard]
unsafe extern "C-unwind" fn on_startup() {
    if let Some(Some(previous)) = PREVIOUS_STARTUP.get() {
        // SAFETY: the hook that was there before.
        unsafe { previous() };
    }
    // In single-user mode nobody writes what is restored, and nobody would keep it.
    // SAFETY: a plain variable of the process.
    if !shared::create(blocks()) || unsafe { !pg_sys::IsPostmasterEnvironment } {
        return;
    }
    match restore() {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warning!("lotty: could not read \"{LEFTOVERS}\": {error}"),
    }
    // SAFETY: a callback of the postmaster, which runs it when all others have ended.
    unsafe { pg_sys::on_shmem_exit(Some(on_exit), pg_sys::Datum::from(0)) };
}

#[pg_guard]
unsafe extern "C-unwind" fn on_exit(code: i32, _argument: pg_sys::Datum) {
    // SAFETY: a plain variable; children inherit the callback and must not run it.
    let is_postmaster = unsafe { pg_sys::MyProcPid == pg_sys::PostmasterPid };
    let Some(shared) = shared::shared().filter(|_| code == 0 && is_postmaster) else {
        return;
    };
    let rows = shared.leftovers();
    if !rows.is_empty()
        && let Err(error) = keep(&rows)
    {
        warning!("lotty: could not write \"{LEFTOVERS}\": {error}");
    }
}

fn keep(rows: &[(u32, Vec<u8>)]) -> io::Result<()> {
    let mut content = MAGIC.to_vec();
    for (oid, row) in rows {
        let length = u32::try_from(row.len()).unwrap_or(0);
        content.extend(oid.to_ne_bytes());
        content.extend(length.to_ne_bytes());
        content.extend(row);
    }
    let unfinished = Path::new(LEFTOVERS).with_extension("tmp");
    fs::write(&unfinished, content)?;
    fs::rename(&unfinished, LEFTOVERS)
}

fn restore() -> io::Result<()> {
    let content = fs::read(LEFTOVERS)?;
    let mut rest = content
        .strip_prefix(MAGIC)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let shared = shared::shared();
    while let Some((oid, row, after)) = split_row(rest) {
        if !shared.is_some_and(|shared| shared.restore(oid, row)) {
            warning!("lotty: no room for a decision of an earlier run, which is lost");
        }
        rest = after;
    }
    fs::remove_file(LEFTOVERS)
}

fn split_row(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (oid, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (row, after) = rest.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
    Some((u32::from_ne_bytes(*oid), row, after))
}
