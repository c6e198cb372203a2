//! Whose rights count.

use pgrx::{PgRelation, pg_sys};

use super::nested_settings::{PINNED_PATH, with_settings};

/// The role whose rights count at the moment: inside a function that runs with its owner's
/// rights, the owner.
pub fn current_role() -> pg_sys::Oid {
    // SAFETY: inside a transaction, as every SQL function is.
    unsafe { pg_sys::GetUserId() }
}

/// The owner of a table.
pub fn owner_of(table: &PgRelation) -> pg_sys::Oid {
    // SAFETY: an open relation has its catalog row.
    unsafe { (*table.rd_rel).relowner }
}

/// Runs `body` with the rights of a role, and with the `search_path` that functions with their
/// owner's rights have here. Both are put back, by the abort of the transaction if `body` raises
/// an error.
pub fn with_rights_of<R>(role: pg_sys::Oid, body: impl FnOnce() -> R) -> R {
    // SAFETY: as functions with SECURITY DEFINER do it (fmgr_security_definer in fmgr.c); the role was the current one before, in this transaction.
    unsafe {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        let local = pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;
        pg_sys::SetUserIdAndSecContext(role, context | local);
        let result = with_settings(&[PINNED_PATH], body);
        pg_sys::SetUserIdAndSecContext(user, context);
        result
    }
}
