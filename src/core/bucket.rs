//! Where a subject falls: the `lotty_sha256` bucketing of the Lotty seed, bit for bit.

use sha2::{Digest, Sha256};

/// Number of buckets; one bucket is 0.01 % of the subjects.
pub const BUCKETS: u16 = 10_000;

/// Salt of the bucket that decides whether a subject is inside the traffic allocation.
pub const ALLOCATION_SALT: &str = "allocation";

/// Salt of the bucket that picks the variant; another salt, so that the two are independent.
pub const VARIANT_SALT: &str = "variant";

/// A bucket, `0 ..= 9999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket's number, `0 ..= 9999`.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The bucket of that number, or `None` from 10 000 on.
    pub fn new(number: u16) -> Option<Self> {
        (number < BUCKETS).then_some(Self(number))
    }
}

/// The bucket of `subject` for an experiment's `hash_key` (by default the text of its id)
/// and a `salt`.
///
/// First eight bytes, read as an *unsigned* big-endian number, of SHA-256 over the UTF-8 of
/// `subject:hash_key:salt`, modulo 10 000. Nothing is normalised, and a colon inside a part
/// is not escaped: both as in the Lotty seed (`_hash_subject`), whose answers must come out.
pub fn bucket(subject: &str, hash_key: &str, salt: &str) -> Bucket {
    let number = u16::try_from(hash64(subject, hash_key, salt) % u64::from(BUCKETS)).unwrap_or(0);
    Bucket(number)
}

/// The 64 bits of which [`bucket`] takes the remainder.
pub fn hash64(subject: &str, hash_key: &str, salt: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(subject.as_bytes());
    hash.update(b":");
    hash.update(hash_key.as_bytes());
    hash.update(b":");
    hash.update(salt.as_bytes());
    hash.finalize()
        .iter()
        .take(8)
        .fold(0, |acc, byte| (acc << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_of_the_seed() {
        assert_eq!(
            bucket("", "ea65e27c-ddf5-4e27-a2ba-e00a78000a6a", "variant").get(),
            9141
        );
    }

    #[test]
    fn a_colon_may_move_between_the_parts() {
        assert_eq!(bucket("a:b", "c", "d"), bucket("a", "b:c", "d"));
    }

    #[test]
    fn text_is_not_normalised() {
        assert_ne!(bucket("\u{e9}", "k", "s"), bucket("e\u{301}", "k", "s"));
    }

    #[test]
    fn a_bucket_is_below_ten_thousand() {
        assert_eq!(Bucket::new(9999).map(Bucket::get), Some(9999));
        assert_eq!(Bucket::new(10_000), None);
    }
}
