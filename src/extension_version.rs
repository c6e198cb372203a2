//! The version of the library that this session runs, and that of the extension in its database.
//!
//! They differ from the moment a new package is installed until `ALTER EXTENSION lotty UPDATE`, and
//! after that in sessions (with `shared_preload_libraries` in all of them) that have loaded the library
//! before. Decisions are refused then, rather than made by a library on tables of another shape.
//!
//! A decision does not pay for it: the versions are compared when a flag is compiled, for the first time
//! in a generation of the configuration ([`crate::pg::invalidation`]), and every upgrade script begins a
//! new one with `lotty.begin_update()`. Whoever finds a compiled flag has been let through since.
//!
//! What triggers and functions written in SQL call does not compare: the script of an update needs them
//! to move rows, and between the steps of a longer way the versions differ.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lotty_core::version::Version;

use crate::errors;
use crate::pg::row::Row;
use crate::pg::spi::{Statement, View, connect};
use crate::pg::{invalidation, snapshot};

const MARK: &str = "lotty library ";

/// With the mark, so that `strings lotty.so | grep 'lotty library'` tells the version of a file.
static MARKED: &str = concat!("lotty library ", env!("CARGO_PKG_VERSION"));

/// The version of this library.
pub fn of_library() -> &'static str {
    // Read from the file, not compiled into the comparisons: the tests make another version of the
    // library by writing other digits behind the mark.
    let marked = std::hint::black_box(MARKED);
    marked.strip_prefix(MARK).unwrap_or(marked)
}

/// Raises 55000 if the extension in this database is not of the library's version. To be called
/// before something is compiled for `generation`.
pub fn require_same(generation: u64) {
    static COMPARED: AtomicU64 = AtomicU64::new(0);
    if COMPARED.load(Relaxed) == generation {
        return;
    }
    let (extension, current) = invalidation::build(generation, of_extension);
    match extension {
        Some(extension) if extension != of_library() => {
            if is_before(of_library(), &extension) {
                errors::library_too_old(of_library(), &extension);
            }
            errors::extension_too_old(of_library(), &extension);
        }
        // Without an extension, functions that were detached from it go on.
        _ if current => COMPARED.store(generation, Relaxed),
        _ => {}
    }
}

/// What every upgrade script begins with. Raises 55000 if the library is older than the version that
/// the script leads to; else makes all sessions compare the versions anew when it commits.
pub fn begin_update() {
    // PostgreSQL enters the version of a step before it runs the script of that step.
    if let Some(extension) = of_extension()
        && is_before(of_library(), &extension)
    {
        errors::library_cannot_update(of_library(), &extension);
    }
    invalidation::announce_everything();
}

/// The version of the extension in this database, by what is committed by now and what this
/// transaction has done.
fn of_extension() -> Option<String> {
    static VERSION: Statement =
        Statement::new(c"SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'lotty'");
    let version = |row: &Row<'_>| row.get::<String>(1);
    snapshot::with_newest(|| connect(|spi| spi.first(&VERSION, &[], View::Active, version)))
}

/// Whether a version comes before another one; not if one of them is no version.
fn is_before(version: &str, other: &str) -> bool {
    Version::parse(version)
        .zip(Version::parse(other))
        .is_some_and(|(version, other)| version < other)
}
