//! Values → places, and the ticks between.

use crate::figure;
use crate::span::Span;

/// A place beyond the ends is told up to this distance, which is enough to draw a line to it.
const FURTHEST_PLACE: f64 = 20_000.0;

/// An axis whose ends are ticks.
pub struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
    decimals: usize,
}

impl Axis {
    /// An axis that shows at least `values`, from the place `from` (its lowest value) to the
    /// place `to` (its highest), in pixels, with about `steps` steps between ticks: 1, 2 or 5
    /// times a power of ten.
    pub fn new(values: Span, from: f64, to: f64, steps: f64) -> Self {
        let step = Step::near((values.high - values.low) / steps);
        let first = (values.low / step.size).floor();
        let last = (values.high / step.size).ceil().max(first + 1.0);
        let mut ticks = Vec::new();
        let mut index = first;
        while index <= last && ticks.len() < 100 {
            ticks.push(index * step.size);
            index += 1.0;
        }
        Self {
            low: first * step.size,
            high: last * step.size,
            from,
            to,
            ticks,
            decimals: step.percent_decimals(),
        }
    }

    /// The place of a value; for one beyond an end, the end.
    pub fn place(&self, value: f64) -> f64 {
        self.free_place(value.clamp(self.low, self.high))
    }

    /// The place of a value, be it beyond the ends.
    pub fn free_place(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        (self.from + part * (self.to - self.from)).clamp(-FURTHEST_PLACE, FURTHEST_PLACE)
    }

    /// Whether a value is below the lowest that is shown.
    pub fn is_below(&self, value: f64) -> bool {
        value < self.low
    }

    /// Whether a value is above the highest that is shown.
    pub fn is_above(&self, value: f64) -> bool {
        value > self.high
    }

    /// Whether a part of a span is beyond an end.
    pub fn cuts(&self, span: Span) -> bool {
        self.is_below(span.low) || self.is_above(span.high)
    }

    /// Places of the ticks, and what to write at them, in percent.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        self.ticks
            .iter()
            .map(|tick| (self.place(*tick), figure::tick(*tick, self.decimals)))
    }

    /// Decimals that tell values on this axis apart, in percent: one more than the ticks have,
    /// between 1 and 4.
    pub fn decimals(&self) -> usize {
        (self.decimals + 1).clamp(1, 4)
    }
}

/// The distance of ticks.
struct Step {
    size: f64,
    /// Power of ten of its only digit.
    exponent: i32,
}

impl Step {
    /// The step that is next to a distance above 0, not smaller.
    fn near(distance: f64) -> Self {
        // The digits of a float are exact, unlike a logarithm, and the same on every platform.
        let written = format!("{distance:e}");
        let (mantissa, exponent) = written.split_once('e').unwrap_or(("1", "0"));
        let mantissa: f64 = mantissa.parse().unwrap_or(1.0);
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let (digit, exponent) = match mantissa {
            m if m <= 1.0 => ("1", exponent),
            m if m <= 2.0 => ("2", exponent),
            m if m <= 5.0 => ("5", exponent),
            _ => ("1", exponent + 1),
        };
        Self {
            size: format!("{digit}e{exponent}").parse().unwrap_or(1.0),
            exponent,
        }
    }

    fn percent_decimals(&self) -> usize {
        usize::try_from(-(self.exponent + 2)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        let axis = Axis::new(Span { low, high }, 0.0, 300.0, 6.0);
        axis.ticks().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            labels(-0.021, 0.093),
            ["−4%", "−2%", "0%", "+2%", "+4%", "+6%", "+8%", "+10%"]
        );
        assert_eq!(
            labels(0.0, 0.002).last().map(String::as_str),
            Some("+0.20%")
        );
        assert_eq!(labels(-1e12, 1e12).len(), 5);
    }

    #[test]
    fn places_follow_values() {
        let axis = Axis::new(
            Span {
                low: -0.1,
                high: 0.1,
            },
            100.0,
            300.0,
            4.0,
        );
        assert_eq!(axis.place(0.0), 200.0);
        assert_eq!(axis.place(-0.1), 100.0);
        assert_eq!(axis.place(7.0), 300.0);
        assert!(axis.free_place(7.0) > 300.0);
        assert!(axis.is_above(0.11) && !axis.is_above(0.1));
        assert!(axis.is_below(-0.11) && !axis.is_below(-0.1));
    }
}
