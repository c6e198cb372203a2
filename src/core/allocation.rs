//! Percentages and weights, compiled to ranges of buckets.
//!
//! The Lotty seed computes with decimals at every decision (`bucket / 100 < traffic`, then
//! `bucket / 100 * total_weight / 100` against cumulated weights). Both comparisons are
//! monotonic in the bucket, so they are solved once, exactly, when the configuration is
//! compiled; a decision then compares integers only.

use rust_decimal::Decimal;

use crate::bucket::{BUCKETS, Bucket};

/// Largest weight a variant may have, exclusive. With it, [`MAX_WEIGHT_SCALE`] and up to
/// 10 000 variants every product below stays within the 28 digits that the seed's decimal
/// context holds, so nothing is ever rounded, here or there.
pub const MAX_WEIGHT: u64 = 1_000_000_000_000;

/// Most digits a weight may have behind the decimal point.
pub const MAX_WEIGHT_SCALE: u32 = 8;

/// Most variants an experiment may have.
pub const MAX_VARIANTS: usize = 10_000;

/// Why weights or a percentage cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocationError {
    /// The traffic allocation is below 0 or above 100 %.
    #[error("traffic allocation {0} is not between 0 and 100")]
    Traffic(Decimal),
    /// A weight is negative, too large or too fine.
    #[error("weight {0} is not a number from 0 to below 1000000000000 with at most 8 decimals")]
    Weight(Decimal),
    /// More variants than [`MAX_VARIANTS`].
    #[error("{0} variants are more than the 10000 that an experiment may have")]
    TooManyVariants(usize),
}

/// The part of the buckets that takes part in an experiment: those below a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic(u16);

impl Traffic {
    /// Compiles a percentage: bucket `b` is inside if `b / 100 < percent`, hence if `b` is
    /// below `percent * 100` rounded up (12.345 % lets buckets 0 to 1234 in).
    pub fn from_percent(percent: Decimal) -> Result<Self, AllocationError> {
        let outside = || AllocationError::Traffic(percent);
        if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
            return Err(outside());
        }
        let scaled = percent
            .checked_mul(Decimal::ONE_HUNDRED)
            .ok_or_else(outside)?
            .ceil();
        u16::try_from(scaled).map(Self).map_err(|_| outside())
    }

    /// Whether the bucket is inside.
    pub fn admits(self, bucket: Bucket) -> bool {
        bucket.get() < self.0
    }

    /// Whether every bucket is inside.
    pub fn admits_everyone(self) -> bool {
        self.0 == BUCKETS
    }

    /// First bucket outside, `0 ..= 10000`.
    pub fn threshold(self) -> u16 {
        self.0
    }
}

/// Which of several variants, if any, a bucket belongs to: ascending ends, each with the index
/// that the variant had in what the split was made of. Both ways of bucketing come down to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    ends: Box<[(u16, Option<usize>)]>,
    /// Past the last end.
    rest: Option<usize>,
}

/// A traffic range of Optimizely: buckets below `end` that no range before it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficRange<T> {
    /// First bucket behind the range, `0 ..= 10000`.
    pub end: u16,
    /// Whom the range belongs to; none for a part of the traffic that nobody gets.
    pub entity: Option<T>,
}

impl Split {
    /// Compiles variants given as (name, weight) in storage order. `None` without variants.
    ///
    /// As in the Lotty seed (`_select_variant`): variants are walked in order of their names
    /// by code point and the first whose cumulated weight exceeds `bucket / 100 * total / 100`
    /// is taken; when there is none, because all weights are 0, the last in *storage* order.
    pub fn from_weights(variants: &[(&str, Decimal)]) -> Result<Option<Self>, AllocationError> {
        let Some(rest) = variants.len().checked_sub(1) else {
            return Ok(None);
        };
        if variants.len() > MAX_VARIANTS {
            return Err(AllocationError::TooManyVariants(variants.len()));
        }
        let mut by_name: Vec<(usize, &(&str, Decimal))> = variants.iter().enumerate().collect();
        by_name.sort_by_key(|(_, (name, _))| *name);
        let mut total = Decimal::ZERO;
        for (_, (_, weight)) in &by_name {
            total += checked_weight(*weight)?;
        }
        let mut ends = Vec::with_capacity(by_name.len());
        let mut cumulated = Decimal::ZERO;
        for (index, (_, weight)) in by_name {
            cumulated += *weight;
            ends.push((end_of_range(cumulated, total), Some(index)));
        }
        Ok(Some(Self {
            ends: ends.into_boxed_slice(),
            rest: Some(rest),
        }))
    }

    /// Compiles explicit ranges; `index` says where the entity of a range is found.
    ///
    /// As in the Optimizely seed (`find_bucket` of `bucketer.rb`): ranges are walked in the
    /// order given, the first whose end exceeds the bucket is taken, and if it belongs to
    /// nobody, or to somebody unknown, the subject gets nothing. A range that ends before one
    /// that precedes it has no bucket left, so the others are ascending.
    pub fn from_ranges<T>(
        ranges: &[TrafficRange<T>],
        mut index: impl FnMut(&T) -> Option<usize>,
    ) -> Self {
        let mut ends: Vec<(u16, Option<usize>)> = Vec::new();
        for range in ranges {
            if range.end > ends.last().map_or(0, |(end, _)| *end) {
                ends.push((range.end, range.entity.as_ref().and_then(&mut index)));
            }
        }
        Self {
            ends: ends.into_boxed_slice(),
            rest: None,
        }
    }

    /// Index of the bucket's variant.
    pub fn pick(&self, bucket: Bucket) -> Option<usize> {
        let at = self.ends.partition_point(|(end, _)| *end <= bucket.get());
        self.ends.get(at).map_or(self.rest, |(_, index)| *index)
    }
}

fn checked_weight(weight: Decimal) -> Result<Decimal, AllocationError> {
    let fits = weight >= Decimal::ZERO
        && weight < Decimal::from(MAX_WEIGHT)
        && weight.normalize().scale() <= MAX_WEIGHT_SCALE;
    if fits {
        Ok(weight)
    } else {
        Err(AllocationError::Weight(weight))
    }
}

/// Number of buckets `b` with `b * total < cumulated * 10000`; 0 if `total` is 0.
///
/// The quotient of two 28-digit decimals may be rounded, so it is only a first guess, which
/// the exact products then correct.
fn end_of_range(cumulated: Decimal, total: Decimal) -> u16 {
    if total.is_zero() {
        return 0;
    }
    let scaled = cumulated * Decimal::from(BUCKETS);
    let guess = u16::try_from((scaled / total).ceil()).unwrap_or(BUCKETS);
    let below = |bucket: u16| Decimal::from(bucket) * total < scaled;
    let mut end = guess.min(BUCKETS);
    while end < BUCKETS && below(end) {
        end += 1;
    }
    while end > 0 && !below(end - 1) {
        end -= 1;
    }
    end
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn at(number: u16) -> Bucket {
        Bucket::new(number).unwrap()
    }

    #[test]
    fn traffic_follows_the_seed_to_a_hundredth_of_a_percent() {
        for (percent, threshold) in [
            ("0", 0),
            ("0.001", 1),
            ("0.01", 1),
            ("12.345", 1235),
            ("99.99", 9999),
            ("99.991", 10_000),
            ("100", 10_000),
        ] {
            assert_eq!(
                Traffic::from_percent(dec(percent)).unwrap().threshold(),
                threshold
            );
        }
        assert_eq!(
            Traffic::from_percent(dec("-0.01")),
            Err(AllocationError::Traffic(dec("-0.01")))
        );
        assert_eq!(
            Traffic::from_percent(dec("100.01")),
            Err(AllocationError::Traffic(dec("100.01")))
        );
    }

    #[test]
    fn variants_are_walked_by_code_point() {
        let split = Split::from_weights(&[("a", dec("1")), ("Z", dec("1"))])
            .unwrap()
            .unwrap();
        assert_eq!(split.pick(at(0)), Some(1));
        assert_eq!(split.pick(at(4999)), Some(1));
        assert_eq!(split.pick(at(5000)), Some(0));
    }

    #[test]
    fn weights_of_nothing_pick_the_last_stored() {
        let split = Split::from_weights(&[("b", dec("0")), ("a", dec("0"))])
            .unwrap()
            .unwrap();
        assert_eq!(split.pick(at(0)), Some(1));
        assert_eq!(Split::from_weights(&[]).unwrap(), None);
    }

    #[test]
    fn thirds_are_exact() {
        let third = dec("33.33");
        let split = Split::from_weights(&[("a", third), ("b", third), ("c", third)])
            .unwrap()
            .unwrap();
        assert_eq!(split.pick(at(3333)), Some(0));
        assert_eq!(split.pick(at(3334)), Some(1));
        assert_eq!(split.pick(at(6666)), Some(1));
        assert_eq!(split.pick(at(6667)), Some(2));
    }

    #[test]
    fn a_weight_out_of_bounds_is_refused() {
        for weight in ["-1", "1000000000000", "0.000000001"] {
            assert_eq!(
                Split::from_weights(&[("a", dec(weight))]),
                Err(AllocationError::Weight(dec(weight)))
            );
        }
    }

    /// The Optimizely seed's own loop.
    fn first_range(ranges: &[TrafficRange<usize>], bucket: u16) -> Option<usize> {
        let found = ranges.iter().find(|range| bucket < range.end)?;
        found.entity
    }

    /// The seed's own loop, in integers of 1e-8 so that it is independent of `Decimal`.
    fn seed_pick(variants: &[(String, u64)], bucket: u16) -> usize {
        let total: u128 = variants.iter().map(|(_, w)| u128::from(*w)).sum();
        let mut order: Vec<usize> = (0..variants.len()).collect();
        order.sort_by(|a, b| variants[*a].0.cmp(&variants[*b].0));
        let mut cumulated = 0_u128;
        for index in order {
            cumulated += u128::from(variants[index].1);
            if u128::from(bucket) * total < cumulated * 10_000 {
                return index;
            }
        }
        variants.len() - 1
    }

    proptest! {
        #[test]
        fn ranges_agree_with_the_seed(
            ranges in prop::collection::vec((0_u16..=10_000, prop::option::of(0_usize..4)), 0..12),
        ) {
            let ranges: Vec<TrafficRange<usize>> = ranges
                .into_iter()
                .map(|(end, entity)| TrafficRange { end, entity })
                .collect();
            // The last entity is unknown.
            let split = Split::from_ranges(&ranges, |entity| (*entity < 3).then_some(*entity));
            for bucket in 0..10_000 {
                let expected = first_range(&ranges, bucket).filter(|entity| *entity < 3);
                prop_assert_eq!(split.pick(at(bucket)), expected);
            }
        }

        #[test]
        fn the_split_agrees_with_the_seed(
            weights in prop::collection::vec((0_u64..1_000_000, 0_u32..=8), 1..8),
            buckets in prop::collection::vec(0_u16..10_000, 20),
        ) {
            // Names in another order than the storage.
            let names: Vec<String> = (0..weights.len()).map(|i| format!("v{}", i * 7 % 8)).collect();
            let decimals: Vec<(&str, Decimal)> = names.iter().zip(&weights)
                .map(|(name, (digits, scale))| (name.as_str(), Decimal::new(*digits as i64, *scale)))
                .collect();
            let whole: Vec<(String, u64)> = names.iter().zip(&weights)
                .map(|(name, (digits, scale))| (name.clone(), digits * 10_u64.pow(8 - scale)))
                .collect();
            let split = Split::from_weights(&decimals).unwrap().unwrap();
            for bucket in buckets {
                prop_assert_eq!(split.pick(at(bucket)), Some(seed_pick(&whole, bucket)));
            }
        }
    }
}
