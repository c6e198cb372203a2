//! `lotty_bucket`: any client can recompute a decision.

use pgrx::prelude::*;

/// The bucket, 0 to 9999, of a subject for a hash key (an experiment's `hash_key`, by default
/// the text of its id) and a salt (`allocation` or `variant`).
///
/// `(first 8 bytes, big-endian and unsigned, of SHA-256('subject:hash_key:salt')) % 10000`,
/// as in the Lotty seed. Immutable, parallel safe; NULL if an argument is NULL.
#[pg_extern(immutable, strict, parallel_safe)]
fn lotty_bucket(subject: &str, hash_key: &str, salt: &str) -> i32 {
    i32::from(lotty_core::bucket::bucket(subject, hash_key, salt).get())
}
