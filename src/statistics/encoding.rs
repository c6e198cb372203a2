//! The bytes of [`Stats`]: in tables, between processes, on the wire. The same on every machine.
//!
//! A byte each for version, kind and number of variables, the count in eight bytes, then the means
//! and the upper triangle of the products as doubles. Of an estimate value and variance; without a
//! variance one variable in place of two. Everything with the lowest byte first.

use crate::moments::Moments;
use crate::stats::{Kind, Stats};

const VERSION: u8 = 1;

/// The bytes.
#[must_use]
pub fn encode(stats: &Stats) -> Vec<u8> {
    let numbers: Vec<f64> = match stats {
        Stats::Mean(moments) | Stats::Proportion(moments) | Stats::Ratio(moments) => {
            moments.means().chain(moments.products()).collect()
        }
        Stats::Estimate(estimate) => [estimate.value]
            .into_iter()
            .chain(estimate.variance)
            .collect(),
    };
    let variables = stats.moments().map_or(numbers.len(), Moments::variables);
    let mut bytes = Vec::with_capacity(HEADER + 8 * numbers.len());
    bytes.push(VERSION);
    bytes.push(code(stats.kind()));
    bytes.push(variables as u8);
    bytes.extend_from_slice(&stats.count().to_le_bytes());
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// What [`encode`] has given these bytes for; `None` if they are not such bytes, or are of numbers
/// that cannot be.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Stats> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [version, kind, variables, count @ ..] = *header;
    if version != VERSION {
        return None;
    }
    let kind = Kind::ALL.into_iter().find(|known| code(*known) == kind)?;
    let count = u64::from_le_bytes(count);
    let (chunks, []) = rest.as_chunks::<8>() else {
        return None;
    };
    let numbers: Vec<f64> = chunks.iter().copied().map(f64::from_le_bytes).collect();
    let variables = usize::from(variables);
    if kind == Kind::Estimate {
        return match *numbers.as_slice() {
            [value] if variables == 1 => Stats::from_estimate(count, value, None),
            [value, variance] if variables == 2 => {
                Stats::from_estimate(count, value, Some(variance))
            }
            _ => None,
        };
    }
    let (means, products) = numbers.split_at_checked(variables)?;
    Stats::from_moments(kind, Moments::from_parts(count, means, products)?)
}

/// Bytes before the first number.
const HEADER: usize = 3 + 8;

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Mean => 1,
        Kind::Proportion => 2,
        Kind::Ratio => 3,
        Kind::Estimate => 4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{self, tests::any_stats};

    #[test]
    fn these_bytes() {
        let moments = Moments::from_parts(2, &[1.0], &[0.5]).unwrap();
        let stats = Stats::from_moments(Kind::Mean, moments).unwrap();
        let bytes = [
            [1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0].as_slice(),
            &1.0_f64.to_le_bytes(),
            &0.5_f64.to_le_bytes(),
        ]
        .concat();
        assert_eq!(encode(&stats), bytes);
        for length in 0..bytes.len() {
            assert_eq!(decode(bytes.get(..length).unwrap()), None);
        }
        for (place, wrong) in [(0, 2), (1, 0), (1, 5), (1, 3), (2, 2), (10, 255), (18, 255)] {
            let mut bytes = bytes.clone();
            *bytes.get_mut(place).unwrap() = wrong;
            // The highest byte of a number made NaN or huge.
            if place == 18 {
                *bytes.get_mut(17).unwrap() = 255;
            }
            assert_eq!(decode(&bytes), None, "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn decoded_as_encoded(stats in any_stats()) {
            prop_assert_eq!(decode(&encode(&stats)), Some(stats));
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 0..6_u8) {
            let mut bytes = bytes;
            if let [version, code, ..] = bytes.as_mut_slice() {
                *version = VERSION;
                *code = kind;
            }
            if let Some(stats) = decode(&bytes) {
                prop_assert_eq!(encode(&stats), bytes);
                prop_assert_eq!(text::parse(&text::write(&stats)), Some(stats));
            }
        }
    }
}
