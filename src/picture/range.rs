//! Which values an axis shows.

use crate::span::Span;

/// What gets this many times further from zero than the usual span would squash the others.
const OUTLYING: f64 = 4.0;

/// No axis goes further than this: the differences of floats beyond are no places any more.
const FURTHEST: f64 = 1e12;

/// No axis is narrower than this, a ten-thousandth of a percent.
const NARROWEST: f64 = 1e-6;

/// The values of an axis that shows zero and these spans, but does not let a few of them squash
/// the others: a span that gets more than four times as far from zero as the (lower) median does
/// not count. At least one span counts. Without spans it is one percent either way.
pub fn range(spans: &[Span]) -> Span {
    let mut reaches: Vec<f64> = spans.iter().map(|span| span.reach()).collect();
    reaches.sort_by(f64::total_cmp);
    let median = reaches
        .get(reaches.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default();
    // Half of the spans may be zeros, which nothing is a multiple of.
    let furthest = if median > 0.0 {
        median * OUTLYING
    } else {
        f64::INFINITY
    };
    let shown = spans.iter().filter(|span| span.reach() <= furthest);
    let Some(shown) = Span::around(shown.copied()) else {
        return Span {
            low: -0.01,
            high: 0.01,
        };
    };
    let low = shown.low.clamp(-FURTHEST, 0.0);
    let high = shown.high.clamp(0.0, FURTHEST);
    if high - low < NARROWEST {
        return Span {
            low: low - NARROWEST / 2.0,
            high: high + NARROWEST / 2.0,
        };
    }
    Span { low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(low: f64, high: f64) -> Span {
        Span { low, high }
    }

    #[test]
    fn zero_is_shown() {
        assert_eq!(range(&[span(0.1, 0.2)]), span(0.0, 0.2));
        assert_eq!(range(&[span(-0.2, -0.1)]), span(-0.2, 0.0));
        assert_eq!(range(&[]), span(-0.01, 0.01));
        let narrow = range(&[span(0.0, 0.0)]);
        assert!(narrow.low < 0.0 && narrow.high > 0.0);
    }

    #[test]
    fn one_far_span_does_not_squash_the_others() {
        let usual = [span(-0.01, 0.02), span(-0.02, 0.03)];
        let with_far = [&usual[..], &[span(-5.0, 9.0)]].concat();
        assert_eq!(range(&with_far), range(&usual));
        let with_wide = [&usual[..], &[span(-0.05, 0.08)]].concat();
        assert_eq!(range(&with_wide), span(-0.05, 0.08));
    }

    #[test]
    fn extremes_stay_finite() {
        let range = range(&[span(f64::MIN, f64::MAX)]);
        assert_eq!(range, span(-FURTHEST, FURTHEST));
    }
}
