//! Identifiers of decisions: UUID version 7, ordered by time within a session.

use uuid::{Builder, Uuid};

/// Makes the identifiers of one session.
///
/// RFC 9562 method 3, as PostgreSQL 18's `uuidv7()`: 48 bits of milliseconds, 12 bits of
/// the fraction of a millisecond, 62 random bits. New rows thus land at the right end of the
/// log's primary key, also within one bulk statement.
#[derive(Debug, Default)]
pub struct DecisionIds {
    last: u64,
}

/// Nanoseconds in a step of the 12-bit fraction of a millisecond, rounded up.
const STEP_NANOS: u64 = 245;

impl DecisionIds {
    /// The next identifier: `unix_nanos` is the wall clock since 1970 and `random` must come
    /// from a cryptographic source, since identifiers are seen by clients.
    ///
    /// Identifiers of one generator ascend strictly even when the clock stands still or steps
    /// back: the last time used is then advanced by one step.
    pub fn next(&mut self, unix_nanos: u64, random: [u8; 8]) -> Uuid {
        let nanos = unix_nanos.max(self.last.saturating_add(STEP_NANOS));
        self.last = nanos;
        let (millis, fraction) = (nanos / 1_000_000, (nanos % 1_000_000) * 4096 / 1_000_000);
        let head = (millis << 16) | fraction;
        let value = (u128::from(head) << 64) | u128::from(u64::from_be_bytes(random));
        let mut bytes = Builder::from_u128(value);
        bytes
            .set_version(uuid::Version::SortRand)
            .set_variant(uuid::Variant::RFC4122);
        bytes.into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_version_7_uuid_that_holds_the_time() {
        let id = DecisionIds::default().next(1_700_000_000_123_000_000, [0xff; 8]);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.as_u128() >> 80, 1_700_000_000_123);
    }

    #[test]
    fn identifiers_ascend_although_the_clock_does_not() {
        let mut ids = DecisionIds::default();
        let mut last = ids.next(1_700_000_000_000_000_000, [0xff; 8]);
        for clock in [1_700_000_000_000_000_000_u64, 1_600_000_000_000_000_000, 0] {
            for _ in 0..5_000 {
                let id = ids.next(clock, [0; 8]);
                assert!(id > last);
                last = id;
            }
        }
    }

    #[test]
    fn the_random_bits_tell_sessions_apart() {
        let one = DecisionIds::default().next(1, [1; 8]);
        let two = DecisionIds::default().next(1, [2; 8]);
        assert_ne!(one, two);
    }
}
