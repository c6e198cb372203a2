//! Where a subject falls: the `lotty_sha256` bucketing of the Lotty seed and the
//! `optimizely_murmur3` bucketing of the Optimizely seed, bit for bit.

use sha2::{Digest, Sha256};

use crate::murmur3::murmur3_32;

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

/// The bucket of a bucketing id for the entity of which it is hashed, an experiment, a rollout
/// rule or a group, in Optimizely's way (`generate_bucket_value` of `bucketer.rb`).
///
/// `floor(hash / 2^32 * 10000)` of MurmurHash3 with seed 1 over the UTF-8 of the two texts with
/// nothing between them. The seeds compute with floating point numbers; the integers here give
/// the same for every hash.
pub fn murmur3_bucket(bucketing_id: &str, parent_id: &str) -> Bucket {
    let hash = murmur3_32(bucketing_id.as_bytes(), parent_id.as_bytes(), 1);
    let number = (u64::from(hash) * u64::from(BUCKETS)) >> 32;
    Bucket(u16::try_from(number).unwrap_or(0))
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
    fn buckets_of_optimizely() {
        // From the tests of Optimizely's SDKs.
        let long = "a very very very very very very very very very very very very very very very long ppd string";
        for (bucketing_id, parent_id, expected) in [
            ("ppid1", "1886780721", 5254),
            ("ppid2", "1886780721", 4299),
            ("ppid2", "1886780722", 2434),
            ("ppid3", "1886780721", 5439),
            (long, "1886780721", 6128),
            ("\u{c4}\u{d6}\u{65e5}\u{672c}", "1", 513),
        ] {
            assert_eq!(murmur3_bucket(bucketing_id, parent_id).get(), expected);
        }
    }

    #[test]
    fn a_bucket_is_below_ten_thousand() {
        assert_eq!(Bucket::new(9999).map(Bucket::get), Some(9999));
        assert_eq!(Bucket::new(10_000), None);
    }
}
