//! Exact numbers and versions.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use lotty_core::float::Float;
use lotty_core::number::Number;
use lotty_core::version::Version;
use proptest::prelude::*;
use support::naive;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn equal_numbers_have_one_text() {
    let ones_and_zeros = format!("1{}", "0".repeat(400));
    for (text, printed) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000e-99", "0"),
        ("0e99999999999999999999", "0"),
        ("+007.50", "7.5"),
        ("-7.50", "-7.5"),
        ("0.10", "0.1"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("-0.00000012", "-1.2e-7"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e21"),
        ("1.5E+3", "1500"),
        (
            "12345678901234567890123456789",
            "12345678901234567890123456789",
        ),
        (
            "123456789012345678901234567890.123",
            "123456789012345678901234567890.123",
        ),
        (
            "79228162514264337593543950335",
            "79228162514264337593543950335",
        ),
        (&ones_and_zeros, "1e400"),
        ("1e-200000", "1e-200000"),
        ("9e200000", "9e200000"),
    ] {
        assert_eq!(number(text).to_string(), printed, "{text}");
        assert_eq!(number(text), number(printed), "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "",
        "-",
        "+",
        ".5",
        "5.",
        "1e",
        "1e+",
        "1.e5",
        "e5",
        "1e5.0",
        "--1",
        "+-1",
        "1 ",
        " 1",
        "1_000",
        "1,0",
        "0x10",
        "NaN",
        "Infinity",
        "١",
        "1e200001",
        "1e-200001",
        "1e99999999999",
        "1e99999999999999999999999",
        "10e200000",
        "1.2.3",
        "1e1e1",
    ] {
        assert!(Number::parse(text).is_none(), "{text:?}");
    }
}

#[test]
fn neighbours_are_told_apart_in_both_forms() {
    for (less, greater) in [
        ("12345678901234567890", "12345678901234567891"),
        (
            "9999999999999999999999999999",
            "10000000000000000000000000000",
        ),
        (
            "10000000000000000000000000000",
            "10000000000000000000000000001",
        ),
        (
            "0.0000000000000000000000000001",
            "0.00000000000000000000000000011",
        ),
        (
            "0.00000000000000000000000000009",
            "0.0000000000000000000000000001",
        ),
        ("0", "1e-200000"),
        ("-1e-200000", "0"),
        ("-1e200000", "-9223372036854775808"),
        ("1e399", "1e400"),
        ("-1e400", "-1e399"),
        (
            "99999999999999999999999999999.5",
            "100000000000000000000000000000",
        ),
    ] {
        assert!(number(less) < number(greater), "{less} {greater}");
        assert!(number(greater) > number(less), "{less} {greater}");
        assert_ne!(number(less), number(greater));
    }
}

#[test]
fn integers_convert_exactly() {
    for value in [0, 1, -1, 10, -100, i64::MAX, i64::MIN] {
        assert_eq!(Number::from(value), number(&value.to_string()));
        assert_eq!(Number::from(value).to_string(), value.to_string());
    }
}

#[test]
fn the_longest_numeric_takes_linear_time() {
    let text = format!("{}.{}", "7".repeat(131_072), "3".repeat(16_383));
    let start = Instant::now();
    let longest = number(&text);
    assert!(longest > number(&"7".repeat(131_072)));
    assert_eq!(longest.to_string(), text);
    assert!(Number::parse(&format!("{}1", "0".repeat(10_000_000))).is_some());
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn numbers_round_to_the_nearest_float() {
    let half = format!("0.5{}", "0".repeat(800));
    let barely_above_half = format!("1{}1", &half[1..]);
    for (text, float) in [
        ("0", 0.0),
        ("-0", 0.0),
        ("18", 18.0),
        ("-18.50", -18.5),
        ("0.1", 0.1),
        ("0.1000000000000000055", 0.1),
        ("0.3", 0.3),
        ("9007199254740993", 9_007_199_254_740_992.0),
        (
            "9007199254740993.0000000000000000000001",
            9_007_199_254_740_994.0,
        ),
        ("9007199254740995", 9_007_199_254_740_996.0),
        ("9.007199254740993", 9.007_199_254_740_993),
        ("0.0000000000000000000000000001", 1e-28),
        ("1234567890123456789012345678", 1.234_567_890_123_456_8e27),
        ("5e-324", 5e-324),
        ("2e-324", 0.0),
        ("-1e-200000", 0.0),
        ("1.7976931348623157e308", f64::MAX),
        ("1.7976931348623159e308", f64::INFINITY),
        ("-1e400", f64::NEG_INFINITY),
        ("9e200000", f64::INFINITY),
        (&half, 0.5),
        (&barely_above_half, 1.5),
    ] {
        assert_eq!(number(text).to_f64(), float, "{text}");
    }
}

#[test]
fn floats_end_at_the_largest_integer_with_a_float_of_its_own() {
    let float = |text: &str| Float::nearest(&number(text));
    for within in [
        "0",
        "-0.0",
        "1e-400",
        "9007199254740992",
        "-9007199254740992.99",
    ] {
        assert!(float(within).is_some(), "{within}");
    }
    for beyond in [
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.1",
        "-9007199254740994",
        "1e16",
        "1e200000",
        "-1e400",
    ] {
        assert!(float(beyond).is_none(), "{beyond}");
    }
    assert_eq!(float("0"), float("-1e-400"));
    assert_eq!(float("9007199254740992.99"), float("9007199254740992"));
    assert!(float("0.1") < float("0.10000000000000002"));
    assert!(float("-0.1") < float("0"));
}

#[test]
fn the_longest_numeric_rounds_in_no_time() {
    let start = Instant::now();
    let longest = format!("{}.{}", "7".repeat(131_072), "3".repeat(16_383));
    assert_eq!(number(&longest).to_f64(), f64::INFINITY);
    // Halfway between two floats but for the last of very many digits.
    let halfway = format!("0.5{}5{}1", "0".repeat(400), "0".repeat(150_000));
    assert_eq!(number(&halfway).to_f64(), 0.5);
    let tie = format!("4503599627370497.5{}1", "0".repeat(150_000));
    assert_eq!(number(&tie).to_f64(), 4_503_599_627_370_498.0);
    // Once read, as often as a rule asks.
    let (longest, tie) = (number(&longest), number(&tie));
    for _ in 0..10_000 {
        assert_eq!(Float::nearest(&longest), None);
        assert!(Float::nearest(&tie).is_some());
    }
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}

fn digits() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,4}",
        "[0-9]{25,32}",
        "0{0,3}[0-9]{0,2}0{0,30}[0-9]",
        Just("0".to_owned()),
    ]
}

fn number_text() -> impl Strategy<Value = String> {
    let fraction = prop_oneof![
        Just(String::new()),
        digits().prop_map(|text| format!(".{text}"))
    ];
    let exponent = prop_oneof![
        2 => Just(String::new()),
        1 => (-40_i32..40).prop_map(|exponent| format!("e{exponent}")),
        1 => (-400_i32..400).prop_map(|exponent| format!("E{exponent:+}")),
    ];
    ("[-+]?", digits(), fraction, exponent).prop_map(|(a, b, c, d)| [a, b, c, d].concat())
}

/// The same value written differently: zeros added at both ends, the point moved.
fn rewritten(text: &str, places: usize) -> String {
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let sign = if text.starts_with('-') { "-" } else { "" };
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((&unsigned, "0"));
    let exponent: i64 = exponent.parse().unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let zeros = "0".repeat(places);
    let exponent = exponent - i64::try_from(fraction.len() + places).unwrap();
    format!("{sign}{zeros}{whole}{fraction}{zeros}.{zeros}0e{exponent}")
}

fn version_text() -> impl Strategy<Value = String> {
    let numbers = "(0|1|10|9|01|18446744073709551616)(\\.(0|1|10)){0,2}";
    let pre_release = "(-(a|b|A|1|2|10|01|a-|-)(\\.(a|1|10|0)){0,2})?";
    let build = "(\\+[a1-]{1,2})?";
    (numbers, pre_release, build).prop_map(|(a, b, c)| [a, b, c].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn order_agrees_with_numbers_written_out(left in number_text(), right in number_text()) {
        let order = number(&left).cmp(&number(&right));
        prop_assert_eq!(order, naive::compare_numbers(&left, &right), "{} {}", left, right);
        prop_assert_eq!(number(&right).cmp(&number(&left)), order.reverse());
        prop_assert_eq!(number(&left) == number(&right), order == Ordering::Equal);
    }

    #[test]
    fn spelling_does_not_change_a_number(text in number_text(), places in 0_usize..60) {
        let other = rewritten(&text, places);
        prop_assert_eq!(number(&text), number(&other), "{} {}", text, other);
        prop_assert_eq!(number(&text).to_string(), number(&other).to_string());
    }

    #[test]
    fn the_last_digit_counts(text in "[1-9][0-9]{0,50}", last in 0_u8..9) {
        let less = number(&format!("{text}{last}"));
        let next = number(&format!("{text}{}", last + 1));
        let barely_more = number(&format!("{text}{last}.0000000000000000000000000000000001"));
        prop_assert!(less < next && less < barely_more && barely_more < next);
    }

    #[test]
    fn printed_numbers_parse_to_the_same_number(text in number_text()) {
        let printed = number(&text).to_string();
        prop_assert_eq!(number(&printed), number(&text), "{} {}", text, printed);
        prop_assert_eq!(number(&printed).to_string(), printed);
    }

    #[test]
    fn floats_are_those_of_the_text(text in number_text(), short in "-?[0-9]{1,18}(\\.[0-9]{1,20})?") {
        for text in [text, short] {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(number(&text).to_f64(), expected, "{}", text);
        }
    }

    #[test]
    fn any_text_is_a_number_or_not(text in any::<String>(), short in "[-+0-9.eE]{0,8}") {
        let _ = Number::parse(&text);
        if let Some(number) = Number::parse(&short) {
            prop_assert_eq!(Number::parse(&number.to_string()), Some(number));
        }
    }

    #[test]
    fn versions_order_as_the_standard_says(left in version_text(), right in version_text()) {
        let order = Version::parse(&left).unwrap().cmp(&Version::parse(&right).unwrap());
        let expected = naive::compare_versions(&left, &right);
        prop_assert_eq!(Some(order), expected, "{} {}", left, right);
    }

    #[test]
    fn any_text_is_a_version_or_not(text in "[0-9a.+ -]{0,10}") {
        let expected = naive::compare_versions(&text, "0").is_some();
        prop_assert_eq!(Version::parse(&text).is_some(), expected, "{}", text);
    }
}

#[test]
fn the_chain_of_the_standard_is_in_order() {
    let chain = [
        "1.0.0-0",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1-rc",
        "1.9.0",
        "1.10.0",
        "1.99999999999999999999.0",
        "1.100000000000000000000.0",
        "2",
    ];
    for (less, left) in chain.iter().enumerate() {
        for (greater, right) in chain.iter().enumerate() {
            let order = Version::parse(left)
                .unwrap()
                .cmp(&Version::parse(right).unwrap());
            assert_eq!(order, less.cmp(&greater), "{left} {right}");
        }
    }
}

#[test]
fn what_is_no_version_is_refused() {
    for text in [
        "", " ", "v1", "1.", ".1", "1..2", "1.2.3.4", "1.2.x", "1 ", " 1", "-1", "1-", "1-a..b",
        "1-a.", "1+", "1+a..b", "1-é", "1-a_b", "1+a+b", "１", "1.2.3-", "+1", "-", "1.2.-3",
    ] {
        assert!(Version::parse(text).is_none(), "{text:?}");
    }
}

#[test]
fn equal_versions_are_equal_however_written() {
    for (left, right) in [
        ("1", "1.0.0"),
        ("2.1", "2.1.0"),
        ("1.0.0+a", "1.0.0+b"),
        ("1.02", "1.2.0"),
        ("1-rc.1", "1.0.0-rc.1+x"),
        ("1.0.0-01", "1.0.0-1"),
    ] {
        assert_eq!(Version::parse(left), Version::parse(right));
        let owned = Version::parse(left).unwrap().into_owned();
        assert_eq!(owned.borrowed(), Version::parse(right).unwrap());
    }
}
