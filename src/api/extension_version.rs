//! Versions of the library and of the extension.

use pgrx::prelude::*;

use crate::extension_version;

/// The version of the library that this session runs; that of the extension is
/// `pg_extension.extversion`. Stable, parallel restricted (it speaks of this very process).
#[pg_extern(schema = "lotty", stable, parallel_restricted, requires = ["schema"])]
fn library_version() -> &'static str {
    extension_version::of_library()
}

/// The first statement of every upgrade script: raises 55000 if the session runs a library that is
/// older than what the script leads to, else makes all sessions compare the versions anew when the
/// update is committed. Volatile.
#[pg_extern(schema = "lotty", volatile, parallel_unsafe, requires = ["schema"])]
fn begin_update() {
    extension_version::begin_update();
}
