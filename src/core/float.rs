//! Numbers as Optimizely reads them: 64-bit floats that count up to 2^53.
//!
//! ```
//! use lotty_core::float::Float;
//! use lotty_core::number::Number;
//!
//! let float = |text| Number::parse(text).and_then(|number| Float::nearest(&number));
//! assert_eq!(float("0.1"), float("0.1000000000000000055"));
//! assert_eq!(float("9007199254740992.3"), float("9007199254740992"));
//! assert_eq!(float("9007199254740993"), None);
//! assert_eq!(float("1e400"), None);
//! ```

use std::cmp::Ordering;

use crate::number::Number;

/// The largest magnitude, 2^53: up to here every integer is a float of its own.
const LARGEST: i64 = 1 << f64::MANTISSA_DIGITS;

/// A 64-bit float of at most 2^53 either way; never an infinity, never NaN.
#[derive(Clone, Copy, Debug)]
pub struct Float(f64);

impl Float {
    /// The float nearest to a number, of two equally near ones the even one; `None` beyond 2^53.
    ///
    /// Bounds are those of the float, but an integer is not rounded before it is judged: the
    /// integer 2^53 + 1 would be rounded to 2^53 and is out of bounds all the same.
    pub fn nearest(number: &Number) -> Option<Self> {
        let float = number.to_f64();
        let largest = LARGEST as f64;
        let within = float.abs() < largest || float.abs() == largest && !is_next_integer(number);
        within.then_some(Self(float))
    }
}

/// Whether this is 2^53 + 1 or its negative.
fn is_next_integer(number: &Number) -> bool {
    let next = LARGEST + 1;
    [next, -next]
        .into_iter()
        .any(|next| *number == Number::from(next))
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        // Both zeros are one; without NaN there is always an order.
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}
