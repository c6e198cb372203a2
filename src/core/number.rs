//! Exact decimals of any size.
//!
//! ```
//! use lotty_core::number::Number;
//!
//! let number = |text| Number::parse(text).ok_or(text);
//! assert_eq!(number("0.1")?, number("0.10")?);
//! assert_eq!(number("-0")?, Number::from(0));
//! assert!(number("12345678901234567890")? < number("12345678901234567891")?);
//! assert!(number("1e400")? > number("1e399")?);
//! assert_eq!(number("1e400")?.to_string(), "1e400");
//! assert!(Number::parse("1e999999999").is_none());
//! # Ok::<(), &str>(())
//! ```
//!
//! Attributes come from JSON and rules are typed by people, so almost every number is short:
//! up to 28 digits it is a [`Decimal`], which is copied and compared without touching the heap.
//! The rest keeps its digits as text beside the place of the decimal point. Zeros at either
//! end are never stored, so `1e100000` is one digit, and no comparison costs more than the
//! digits that were written.
//!
//! Each value has exactly one form. Equality across the two forms therefore never has to be
//! decided, and ordering compares sign, magnitude and digits.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

/// The largest exponent, either way, of a number in scientific notation.
///
/// PostgreSQL's `numeric` reaches 131 072 digits before the point and 16 383 after it; anything
/// beyond this bound can only be a mistake.
pub const MAX_EXPONENT: i64 = 200_000;

/// How many digits, and places after the point, a [`Decimal`] holds whatever the digits are.
const SMALL_DIGITS: i64 = 28;

/// Up to this many digits before the point, zeros are written out rather than counted.
const PLAIN_DIGITS: i64 = 21;

/// As many zeros directly after the point are written out rather than counted.
const PLAIN_ZEROS: i64 = 6;

/// Of the digits behind these, a float depends only on whether there are any: what lies halfway
/// between two floats has at most 768.
const DECISIVE_DIGITS: usize = 800;

/// An exact decimal number of any size.
#[derive(Clone, Debug)]
pub struct Number(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Every number of at most [`SMALL_DIGITS`] digits, written without exponent.
    Small(Decimal),
    /// Every other number.
    Large(Box<Parts<'static>>),
}

/// The value `0.digits × 10^point`. The digits neither start nor end with a zero, and are
/// empty for the number zero alone.
#[derive(Clone, Debug)]
struct Parts<'a> {
    negative: bool,
    point: i64,
    digits: Cow<'a, str>,
}

impl Number {
    /// Reads a number: an optional sign, digits, an optional fraction, an optional exponent.
    ///
    /// `None` when the text is anything else, or its magnitude is beyond [`MAX_EXPONENT`].
    /// Takes time linear in the text.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
            Some(unsigned) => (text.starts_with('-'), unsigned),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(halves) => halves,
            None => (mantissa, ""),
        };
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        Self::from_halves(negative, whole, fraction, exponent)
    }

    fn from_halves(negative: bool, whole: &str, fraction: &str, exponent: i64) -> Option<Self> {
        let mut whole = whole.trim_start_matches('0');
        let mut point = length(whole) + exponent;
        let mut tail = fraction.trim_end_matches('0');
        if tail.is_empty() {
            whole = whole.trim_end_matches('0');
        }
        if whole.is_empty() {
            let significant = tail.trim_start_matches('0');
            point -= length(tail) - length(significant);
            tail = significant;
        }
        if whole.is_empty() && tail.is_empty() {
            return Some(Self(Form::Small(Decimal::ZERO)));
        }
        if (point - 1).abs() > MAX_EXPONENT {
            return None;
        }
        let small = small(negative, whole, tail, point).map(Form::Small);
        Some(Self(small.unwrap_or_else(|| {
            let digits = Cow::Owned([whole, tail].concat());
            Form::Large(Box::new(Parts {
                negative,
                point,
                digits,
            }))
        })))
    }

    /// The nearest 64-bit float, of two equally near ones the even one; infinite for a number
    /// beyond the largest.
    ///
    /// ```
    /// use lotty_core::number::Number;
    ///
    /// assert_eq!(Number::parse("0.1000000000000000055").map(|number| number.to_f64()), Some(0.1));
    /// assert_eq!(Number::parse("-1e400").map(|number| number.to_f64()), Some(f64::NEG_INFINITY));
    /// ```
    pub fn to_f64(&self) -> f64 {
        if let Form::Small(decimal) = &self.0
            && let Some(float) = quotient(decimal.mantissa(), decimal.scale())
        {
            return float;
        }
        let Parts {
            negative,
            point,
            digits,
        } = self.parts();
        let sign = if negative { "-" } else { "" };
        let (digits, rest) = match digits.get(..DECISIVE_DIGITS) {
            Some(leading) if leading.len() < digits.len() => (leading, "1"),
            _ => (&*digits, ""),
        };
        // The library's parser rounds once, as the conversion of `rust_decimal` does not.
        let text = format!("{sign}0.{digits}{rest}e{point}");
        text.parse().unwrap_or(f64::NAN)
    }

    fn parts(&self) -> Parts<'_> {
        match &self.0 {
            Form::Large(parts) => Parts {
                negative: parts.negative,
                point: parts.point,
                digits: Cow::Borrowed(&parts.digits),
            },
            Form::Small(decimal) => {
                let text = decimal.mantissa().unsigned_abs().to_string();
                let point = length(&text) - i64::from(decimal.scale());
                let digits = text.trim_end_matches('0').to_owned();
                let negative = decimal.is_sign_negative();
                Parts {
                    negative,
                    point,
                    digits: Cow::Owned(digits),
                }
            }
        }
    }
}

/// The number as a [`Decimal`], when it is short enough to be one exactly.
///
/// The digits are multiplied out here rather than given to the parser of `rust_decimal`,
/// which rounds what does not fit.
fn small(negative: bool, whole: &str, tail: &str, point: i64) -> Option<Decimal> {
    let count = length(whole) + length(tail);
    let scale = (count - point).max(0);
    let zeros = (point - count).max(0);
    if count + zeros > SMALL_DIGITS || scale > SMALL_DIGITS {
        return None;
    }
    let digits = whole.bytes().chain(tail.bytes());
    let value = digits.fold(0_i128, |value, digit| value * 10 + i128::from(digit & 0x0f));
    let value = value * 10_i128.pow(u32::try_from(zeros).ok()?);
    let value = if negative { -value } else { value };
    Decimal::try_from_i128_with_scale(value, u32::try_from(scale).ok()?).ok()
}

/// A short decimal as a float, without touching the heap: where numerator and denominator are
/// floats exactly, only the division rounds.
fn quotient(mantissa: i128, scale: u32) -> Option<f64> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    let mantissa = i64::try_from(mantissa).ok()?;
    if mantissa.unsigned_abs() > EXACT {
        return None;
    }
    // Up to the 22nd, powers of ten are floats exactly; the 19th is the last within 64 bits.
    let power = 10_u64.checked_pow(scale)?;
    Some(mantissa as f64 / power as f64)
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !is_digits(digits) {
        return None;
    }
    // An exponent of more than nine digits is out of bounds whatever the mantissa says, except
    // for a mantissa of zero: there any exponent means zero.
    let digits = digits.trim_start_matches('0');
    let size = if digits.is_empty() {
        0
    } else {
        digits.parse().unwrap_or(i64::from(u32::MAX))
    };
    let size = size.min(i64::from(u32::MAX));
    Some(if text.starts_with('-') { -size } else { size })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The length of a text as a number that can be subtracted from.
fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Form::Small(Decimal::from(value)))
    }
}

impl Ord for Parts<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits compare as text: they are aligned at the leading one, and a longer text goes
        // on with something other than zeros.
        let magnitude = || {
            self.point
                .cmp(&other.point)
                .then_with(|| self.digits.cmp(&other.digits))
        };
        match (self.sign(), other.sign()) {
            (-1, -1) => magnitude().reverse(),
            (1, 1) => magnitude(),
            (left, right) => left.cmp(&right),
        }
    }
}

impl Parts<'_> {
    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl PartialOrd for Parts<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parts<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parts<'_> {}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Small(left), Form::Small(right)) => left.cmp(right),
            (Form::Large(left), Form::Large(right)) => left.cmp(right),
            _ => self.parts().cmp(&other.parts()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    /// Prints the one text of this value: plain digits, or an exponent where plain digits
    /// would be mostly zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            negative,
            point,
            digits,
        } = self.parts();
        let count = length(&digits);
        if count == 0 {
            return f.write_str("0");
        }
        if negative {
            f.write_str("-")?;
        }
        if point > 0 && point <= count.max(PLAIN_DIGITS) {
            let (whole, tail) = split(&digits, point);
            write_zeros(f, whole, point - length(whole))?;
            return if tail.is_empty() {
                Ok(())
            } else {
                write!(f, ".{tail}")
            };
        }
        if point <= 0 && point > -PLAIN_ZEROS {
            write_zeros(f, "0.", -point)?;
            return f.write_str(&digits);
        }
        let (first, tail) = split(&digits, 1);
        let dot = if tail.is_empty() { "" } else { "." };
        write!(f, "{first}{dot}{tail}e{}", point - 1)
    }
}

/// The first `count` digits, and the others.
fn split(digits: &str, count: i64) -> (&str, &str) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    digits.split_at_checked(count).unwrap_or((digits, ""))
}

fn write_zeros(f: &mut fmt::Formatter<'_>, before: &str, zeros: i64) -> fmt::Result {
    f.write_str(before)?;
    (0..zeros).try_for_each(|_| f.write_str("0"))
}
