//! [`Stats`] as text that people can read, and that is read again without loss:
//! `mean n=3 means=2.5 products=4.5`, `estimate n=100 value=48.2 variance=none`.

use std::fmt::Write;

use crate::moments::Moments;
use crate::stats::{Kind, Stats};

/// The text. Each number has the fewest digits that give it again.
#[must_use]
pub fn write(stats: &Stats) -> String {
    let mut text = format!("{} n={}", stats.kind().as_str(), stats.count());
    match stats {
        Stats::Estimate(estimate) => {
            write_list(&mut text, "value", [estimate.value]);
            match estimate.variance {
                Some(variance) => write_list(&mut text, "variance", [variance]),
                None => text.push_str(" variance=none"),
            }
        }
        Stats::Mean(moments) | Stats::Proportion(moments) | Stats::Ratio(moments) => {
            write_list(&mut text, "means", moments.means());
            write_list(&mut text, "products", moments.products());
        }
    }
    text
}

fn write_list(text: &mut String, name: &str, numbers: impl IntoIterator<Item = f64>) {
    let mut separator = '=';
    text.push(' ');
    text.push_str(name);
    for number in numbers {
        text.push(separator);
        separator = ',';
        // Writing to a string does not fail. Exponents where they are shorter.
        let _ = if number == 0.0 || (1e-5..1e16).contains(&number.abs()) {
            write!(text, "{number}")
        } else {
            write!(text, "{number:e}")
        };
    }
}

/// What a text says; `None` if it is not of that form, or of numbers that cannot be.
#[must_use]
pub fn parse(text: &str) -> Option<Stats> {
    let mut words = text.split_ascii_whitespace();
    let kind = Kind::from_name(words.next()?)?;
    let count = words.next()?.strip_prefix("n=")?.parse().ok()?;
    let stats = if kind == Kind::Estimate {
        let value = words.next()?.strip_prefix("value=")?.parse().ok()?;
        let variance = match words.next()?.strip_prefix("variance=")? {
            "none" => None,
            number => Some(number.parse().ok()?),
        };
        Stats::from_estimate(count, value, variance)
    } else {
        let means = parse_list(words.next()?.strip_prefix("means=")?)?;
        let products = parse_list(words.next()?.strip_prefix("products=")?)?;
        Stats::from_moments(kind, Moments::from_parts(count, &means, &products)?)
    };
    stats.filter(|_| words.next().is_none())
}

/// Not more than there can be.
fn parse_list(text: &str) -> Option<Vec<f64>> {
    text.split(',')
        .take(11)
        .map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of every kind.
    pub(crate) fn any_stats() -> impl Strategy<Value = Stats> {
        let number = || prop_oneof![-1e6..1e6_f64, -1e100..1e100_f64, Just(0.0), Just(1.0)];
        let row = [number(), number(), number(), number()];
        let rows = prop::collection::vec(row, 0..6);
        let covariate = any::<bool>();
        let moments = (rows, 0..3_usize, covariate).prop_map(|(rows, kind, covariate)| {
            let kind = Kind::ALL.into_iter().nth(kind).unwrap();
            let mut stats = Stats::new(kind, covariate).unwrap();
            for mut row in rows {
                if let (Kind::Proportion, [y, ..]) = (kind, &mut row) {
                    *y = f64::from(*y > 0.0);
                }
                stats.add(&row);
            }
            stats.finished().unwrap()
        });
        let estimate = (any::<u32>(), number(), prop::option::of(0.0..1e9_f64)).prop_map(
            |(count, value, variance)| Stats::from_estimate(count.into(), value, variance).unwrap(),
        );
        prop_oneof![moments, estimate]
    }

    #[test]
    fn readable() {
        let moments = Moments::from_parts(3, &[2.5, 1e20], &[4.5, -1.0, 1e-7]).unwrap();
        let stats = Stats::from_moments(Kind::Ratio, moments).unwrap();
        assert_eq!(
            write(&stats),
            "ratio n=3 means=2.5,1e20 products=4.5,-1,1e-7"
        );
        let stats = Stats::from_estimate(100, 48.2, None).unwrap();
        assert_eq!(write(&stats), "estimate n=100 value=48.2 variance=none");
    }

    #[test]
    fn what_is_not_such_a_text() {
        for text in [
            "",
            "mean",
            "median n=3 means=1 products=1",
            "mean n=-3 means=1 products=1",
            "mean n=3 means=1",
            "mean n=3 means= products=1",
            "mean n=3 means=1 products=1 more",
            "mean n=3 means=NaN products=1",
            "mean n=3 means=inf products=1",
            "mean n=3 means=1e400 products=1",
            "mean n=3 means=1,2,3 products=1,1,1,1,1,1",
            "mean n=3 means=1 products=-1",
            "mean n=9223372036854775808 means=1 products=1",
            "proportion n=3 means=2 products=1",
            "ratio n=3 means=1 products=1",
            "estimate n=3 value=1 variance=-1",
            "estimate n=3 value=1 variance=NaN",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn read_as_written(stats in any_stats()) {
            prop_assert_eq!(parse(&write(&stats)), Some(stats));
        }
    }
}
