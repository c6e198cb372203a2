//! `lotty_bucket` and `lotty_murmur3_bucket`: any client can recompute a decision.

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

/// The bucket, 0 to 9999, of a bucketing id (the subject, unless the attribute
/// `$opt_bucketing_id` is a string) for a parent id (the `hash_key` of an experiment, rollout
/// rule or conflict domain), as Optimizely computes it.
///
/// `floor(MurmurHash3_x86_32(bucketing_id || parent_id, seed 1) / 2^32 * 10000)`, as in the
/// Optimizely seed. Immutable, parallel safe; NULL if an argument is NULL.
#[pg_extern(immutable, strict, parallel_safe)]
fn lotty_murmur3_bucket(bucketing_id: &str, parent_id: &str) -> i32 {
    i32::from(lotty_core::bucket::murmur3_bucket(bucketing_id, parent_id).get())
}
