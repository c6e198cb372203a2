//! Traffic allocations: Optimizely's ranges of buckets.
//!
//! A list of ranges is walked in its order; the first whose end lies above the bucket has it
//! (`find_bucket` in `bucketer.py`). Ends are meant to rise but need not, so a range has the
//! buckets from the highest end before it up to its own, which may be none.

use crate::optimizely::error::DatafileError;
use crate::optimizely::place::Place;
use crate::optimizely::read::Node;
use crate::optimizely::warning::Tally;

/// How many buckets there are.
pub(super) const BUCKETS: u16 = 10_000;

/// The warning about ranges that were skipped.
pub(super) const SKIPPED: &str = "range without an end, which no bucket is in";

/// One range as it stands in the datafile.
#[derive(Clone)]
pub(super) struct Range<'d> {
    /// The first bucket behind it.
    pub(super) end: u16,
    /// The id of what the range leads to; `None` where it leads nowhere.
    pub(super) entity: Option<Entity<'d>>,
}

/// What a range leads to.
#[derive(Clone)]
pub(super) struct Entity<'d> {
    pub(super) id: &'d str,
    /// Where it is named; nowhere, for a range that was added.
    pub(super) place: Option<Place<'d>>,
}

/// Reads a traffic allocation.
///
/// The end of a range is a number, of which only matters which whole buckets lie below it. A
/// range without one is skipped as in `find_bucket`, and counted. An absent, null or empty
/// entity leads nowhere.
pub(super) fn read<'d>(
    node: &Node<'d>,
    skipped: &mut Tally,
) -> Result<Vec<Range<'d>>, DatafileError> {
    let mut ranges = Vec::new();
    for element in node.elements()? {
        let range = element.object()?;
        let entity = match range.optional("entityId") {
            Some(node) => Some(node.text()?)
                .filter(|id| !id.is_empty())
                .map(|id| Entity {
                    id,
                    place: Some(node.place),
                }),
            None => None,
        };
        let Some(end) = range.optional("endOfRange") else {
            skipped.add(&element.place);
            continue;
        };
        ranges.push(Range {
            end: end_of_range(end.number()?),
            entity,
        });
    }
    Ok(ranges)
}

/// The first whole bucket that is not below the end.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn end_of_range(end: f64) -> u16 {
    end.ceil().clamp(0.0, f64::from(BUCKETS)) as u16
}

/// How many buckets each target has, of targets numbered from 0 to below `targets`; `ranges` gives
/// ends and targets.
pub(super) fn shares(
    ranges: impl IntoIterator<Item = (u16, Option<usize>)>,
    targets: usize,
) -> Vec<u16> {
    let mut shares = vec![0; targets];
    let mut reached = 0;
    for (end, target) in ranges {
        if end <= reached {
            continue;
        }
        if let Some(share) = target.and_then(|target| shares.get_mut(target)) {
            *share += end - reached;
        }
        reached = end;
    }
    shares
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What `find_bucket` answers for a bucket.
    fn find_bucket(ranges: &[(u16, Option<usize>)], bucket: u16) -> Option<usize> {
        ranges.iter().find(|(end, _)| bucket < *end)?.1
    }

    #[test]
    fn shares_count_the_buckets_that_are_found() {
        let lists: [&[(u16, Option<usize>)]; 5] = [
            &[],
            &[(5000, Some(0)), (10_000, Some(1))],
            &[(1, Some(1)), (1, Some(0)), (7000, None), (9000, Some(0))],
            &[(9000, Some(0)), (100, Some(1)), (9001, Some(1))],
            &[
                (0, Some(0)),
                (3000, Some(1)),
                (6000, Some(0)),
                (8590, Some(1)),
            ],
        ];
        for ranges in lists {
            let mut counted = vec![0; 2];
            for bucket in 0..BUCKETS {
                if let Some(target) = find_bucket(ranges, bucket) {
                    *counted.get_mut(target).unwrap() += 1;
                }
            }
            assert_eq!(shares(ranges.iter().copied(), 2), counted);
        }
    }

    fn ends(value: &Value) -> Result<Vec<u16>, String> {
        read(&Node::root(value), &mut Tally::default())
            .map(|ranges| ranges.iter().map(|range| range.end).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_end_is_read_as_the_buckets_below_it() {
        let list = |end: Value| json!([{"entityId": "a", "endOfRange": end}]);
        for (end, read) in [("0", 0), ("-5", 0), ("4999.5", 5000), ("10001", 10_000)] {
            assert_eq!(ends(&list(end.parse().unwrap())), Ok(vec![read]));
        }
        assert_eq!(ends(&list("1e400".parse().unwrap())), Ok(vec![10_000]));
        assert_eq!(ends(&list(Value::Null)), Ok(vec![]));
        assert_eq!(
            ends(&list(json!("5000"))).unwrap_err(),
            "$[0].endOfRange: expected a number, found a string"
        );
    }
}
