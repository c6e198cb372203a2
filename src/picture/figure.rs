//! Numbers as they are written in the picture. Minus signs are U+2212, as wide as a plus sign.

/// Stands where a number is not defined.
pub const NONE: &str = "–";

/// Percent from here on are written with a power of ten.
const LARGE: f64 = 1e5;

/// A relative difference in percent, without the sign for percent: `+1.25`. Large ones have
/// fewer decimals than asked for.
pub fn percent(value: f64, decimals: usize) -> String {
    let percent = value * 100.0;
    let size = percent.abs();
    if !size.is_finite() {
        // Beyond a float only as a percentage: the power of ten is made larger as it is written.
        let written = format!("{:.0e}", value.abs());
        let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        return signed(value, &format!("{mantissa}e{}", exponent + 2));
    }
    if size >= LARGE {
        // Beyond what is measured, only the size matters, and room is short.
        let digits = if size >= 1e100 { 0 } else { 1 };
        return signed(percent, &format!("{size:.digits$e}"));
    }
    let decimals = match size {
        s if s >= 99.95 => 0,
        s if s >= 9.995 => decimals.min(1),
        _ => decimals,
    };
    signed(percent, &format!("{size:.decimals$}"))
}

/// What is written at a tick: `+2%`.
pub fn tick(value: f64, decimals: usize) -> String {
    let percent = value * 100.0;
    let size = percent.abs();
    let digits = if size >= LARGE {
        format!("{size:.1e}").replace(".0e", "e")
    } else {
        format!("{size:.decimals$}")
    };
    if value == 0.0 {
        return "0%".to_owned();
    }
    signed(percent, &digits) + "%"
}

fn signed(value: f64, digits: &str) -> String {
    let is_zero = !digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    let sign = match value {
        _ if is_zero => "",
        v if v < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{digits}")
}

/// A count, with commas: `12,034`.
pub fn count(value: f64) -> String {
    let size = value.abs();
    let digits = if size >= 1e15 {
        format!("{size:.2e}")
    } else {
        grouped(&format!("{size:.0}"))
    };
    negative(value, digits)
}

/// A mean, with four digits that matter: `0.1034`.
pub fn mean(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        0.0 => "0".to_owned(),
        s if !(1e-4..1e9).contains(&s) => format!("{s:.2e}"),
        s if s >= 1000.0 => grouped(&format!("{s:.0}")),
        s if s >= 100.0 => format!("{s:.1}"),
        s if s >= 10.0 => format!("{s:.2}"),
        s if s >= 1.0 => format!("{s:.3}"),
        s => format!("{s:.4}"),
    };
    negative(value, digits)
}

fn negative(value: f64, digits: String) -> String {
    if value < 0.0 {
        format!("−{digits}")
    } else {
        digits
    }
}

/// Commas between thousands of a number without decimals.
fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A p-value: `0.013`, `<0.001`; none if it is no probability.
pub fn p_value(value: f64) -> Option<String> {
    match value {
        p if !(0.0..=1.0).contains(&p) => None,
        p if p < 0.001 => Some("<0.001".to_owned()),
        p => Some(format!("{p:.3}")),
    }
}

/// What an interval covers, for an `alpha`: `95%`; none if it is no probability.
pub fn coverage(alpha: Option<f64>) -> Option<String> {
    let alpha = alpha.filter(|alpha| *alpha > 0.0 && *alpha < 1.0)?;
    // Rounded, since 1 − 0.05 is no float.
    let percent = format!("{:.3}", (1.0 - alpha) * 100.0);
    if percent == "100.000" {
        return Some(">99.999%".to_owned());
    }
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    Some(format!("{percent}%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages() {
        assert_eq!(percent(0.0125, 2), "+1.25");
        assert_eq!(percent(-0.0125, 1), "−1.2");
        assert_eq!(percent(-0.000_001, 2), "0.00");
        assert_eq!(percent(0.1234, 2), "+12.3");
        assert_eq!(percent(12.34, 2), "+1234");
        assert_eq!(percent(1e30, 2), "+1.0e32");
        assert_eq!(percent(1e200, 2), "+1e202");
        assert_eq!(percent(-f64::MAX, 2), "−2e310");
    }

    #[test]
    fn ticks() {
        assert_eq!(tick(0.02, 0), "+2%");
        assert_eq!(tick(-0.0, 1), "0%");
        assert_eq!(tick(-0.005, 1), "−0.5%");
        assert_eq!(tick(5e11, 0), "+5e13%");
    }

    #[test]
    fn counts_and_means() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(999.0), "999");
        assert_eq!(count(48_213.0), "48,213");
        assert_eq!(count(-1_234_567.0), "−1,234,567");
        assert_eq!(count(1e20), "1.00e20");
        assert_eq!(mean(0.103_42), "0.1034");
        assert_eq!(mean(-42.0), "−42.00");
        assert_eq!(mean(12_345.6), "12,346");
        assert_eq!(mean(0.0), "0");
    }

    #[test]
    fn probabilities() {
        assert_eq!(p_value(0.0).as_deref(), Some("<0.001"));
        assert_eq!(p_value(0.0131).as_deref(), Some("0.013"));
        assert_eq!(p_value(1.5), None);
        assert_eq!(coverage(Some(0.05)).as_deref(), Some("95%"));
        assert_eq!(coverage(Some(0.001)).as_deref(), Some("99.9%"));
        assert_eq!(coverage(Some(1e-9)).as_deref(), Some(">99.999%"));
        assert_eq!(coverage(Some(0.0)), None);
        assert_eq!(coverage(None), None);
    }
}
