//! Rows of the running transaction that the background writer is to write, if it commits.
//!
//! Each has its room in the queue reserved already. A rolled-back subtransaction takes its rows
//! with it.

use std::cell::RefCell;

use crate::decision_log::row::Row;
use crate::decision_log::writer;
use crate::pg::rights;
use crate::pg::shared::{Room, shared};
use crate::pg::snapshot;
use crate::pg::transaction::{Subtransaction, current_subtransaction};

thread_local! {
    // No borrow is held while PostgreSQL is called.
    static PENDING: RefCell<Pending> = RefCell::new(Pending::default());
}

#[derive(Default)]
struct Pending {
    rows: Vec<Vec<u8>>,
    room: Room,
    /// Whose rights the decisions were made with.
    role: Option<pgrx::pg_sys::Oid>,
    /// The subtransactions that have rows, innermost last, each with the number of its first.
    levels: Vec<(Subtransaction, usize)>,
}

/// Takes a row for which room has been reserved.
pub fn add(row: Vec<u8>) {
    let current = current_subtransaction();
    PENDING.with_borrow_mut(|pending| {
        if pending
            .levels
            .last()
            .is_none_or(|(level, _)| *level != current)
        {
            let first = pending.rows.len();
            pending.levels.push((current, first));
        }
        pending.room = pending.room.and(Room::of_row(row.len()));
        pending.rows.push(row);
        pending.role = Some(rights::current_role());
    });
}

/// The transaction has been committed: the rows go into the queue. Nothing here can fail.
pub fn hand_over() {
    let pending = PENDING.take();
    if pending.rows.is_empty() {
        return;
    }
    if let Some(shared) = shared()
        && let Some((_, database)) = shared.own_database()
    {
        shared.push(database, pending.rows.iter().map(Vec::as_slice));
        shared.wake(database);
    }
}

/// The transaction has been rolled back.
pub fn forget() {
    let pending = PENDING.take();
    if let Some(shared) = shared().filter(|_| !pending.rows.is_empty()) {
        shared.give_back(pending.room);
    }
}

/// The transaction is about to be prepared for a two-phase commit, which this session will not
/// hear the end of: the rows are written with it.
pub fn write_now() {
    let pending = PENDING.take();
    if pending.rows.is_empty() {
        return;
    }
    if let Some(shared) = shared() {
        shared.give_back(pending.room);
    }
    // At this point no statement is running, hence no snapshot is active.
    // And the rights are those of whoever prepares, who may have none.
    let role = pending.role.unwrap_or_else(rights::current_role);
    rights::with_rights_of(role, || {
        snapshot::with_newest(|| writer::write(&pending.rows));
    });
}

/// Writes the rows of a subject now. `false`, and nothing written, if there are some from before
/// the running subtransaction: rolled back, it would take them with it.
pub fn write_those_of(subject: &str) -> bool {
    let current = current_subtransaction();
    let is_own = |row: &Vec<u8>| Row::decode(row).is_some_and(|row| row.subject == subject);
    let rows = PENDING.with_borrow_mut(|pending| {
        let first = match pending.levels.last() {
            Some((level, first)) if *level == current => *first,
            _ => pending.rows.len(),
        };
        if pending.rows.iter().take(first).any(is_own) {
            return None;
        }
        let recent = pending.rows.split_off(first);
        let (own, others): (Vec<_>, Vec<_>) = recent.into_iter().partition(is_own);
        pending.rows.extend(others);
        pending.room = room_of(&pending.rows);
        Some(own)
    });
    let Some(rows) = rows else { return false };
    if !rows.is_empty() {
        if let Some(shared) = shared() {
            shared.give_back(room_of(&rows));
        }
        writer::write(&rows);
    }
    true
}

fn room_of(rows: &[Vec<u8>]) -> Room {
    rows.iter()
        .map(|row| Room::of_row(row.len()))
        .fold(Room::default(), Room::and)
}

/// A subtransaction has ended well: what it has done belongs to its parent.
pub fn merge(own: Subtransaction, parent: Subtransaction) {
    PENDING.with_borrow_mut(|pending| {
        let Some((level, first)) = pending.levels.pop() else {
            return;
        };
        if level != own {
            pending.levels.push((level, first));
        } else if pending
            .levels
            .last()
            .is_none_or(|(level, _)| *level != parent)
        {
            pending.levels.push((parent, first));
        }
    });
}

/// A subtransaction has been rolled back.
pub fn forget_subtransaction(own: Subtransaction) {
    let lost = PENDING.with_borrow_mut(|pending| {
        let (level, first) = *pending.levels.last()?;
        if level != own {
            return None;
        }
        pending.levels.pop();
        let lost = pending.rows.split_off(first);
        pending.room = room_of(&pending.rows);
        Some(room_of(&lost))
    });
    if let Some(shared) = shared() {
        shared.give_back(lost.unwrap_or_default());
    }
}
