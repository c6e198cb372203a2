//! The targeting language: which subjects a flag or an experiment is for.
//!
//! ```
//! use lotty_core::targeting::parse;
//!
//! for rule in [
//!     r#"country IN ("DE", "AT", "CH") AND age >= 18"#,
//!     r#"plan = "pro" OR trial.days_left BETWEEN 1 AND 7"#,
//!     r#"semver(app.version) >= "2.10.0" AND NOT device.rooted"#,
//!     r#"lower(email) ENDS_WITH "@example.com""#,
//!     r#"groups CONTAINS "beta" OR audience("staff")"#,
//!     r#"`utm.source` MATCHES "^(ads|mail)-[0-9]+$""#,
//! ] {
//!     assert_eq!(parse(rule)?.to_string(), rule);
//! }
//! # Ok::<(), lotty_core::targeting::TargetingError>(())
//! ```
//!
//! A rule is a condition on the subject's attributes. It reads like the WHERE clause of a
//! query and treats what it does not know like SQL's NULL. A blank rule means everyone.
//!
//! # Grammar
//!
//! ```text
//! rule      = [ expr ]
//! expr      = and { ( "OR" | "||" ) and }
//! and       = not { ( "AND" | "&&" ) not }
//! not       = ( "NOT" | "!" ) not | primary
//! primary   = "(" expr ")" | "TRUE" | "FALSE" | "NULL" | "audience" "(" string ")" | attribute | predicate
//! predicate = operand ( comparison operand
//!                     | [ "NOT" ] "IN" list
//!                     | [ "NOT" ] "CONTAINS" operand
//!                     | [ "NOT" ] ( "STARTS_WITH" | "ENDS_WITH" | "MATCHES" ) string
//!                     | [ "NOT" ] "BETWEEN" operand "AND" operand
//!                     | "IS" [ "NOT" ] "NULL"
//!                     | [ "NOT" ] "EXISTS" )
//! comparison = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
//! operand   = attribute | string | number | "TRUE" | "FALSE" | "NULL"
//!           | function "(" operand ")"
//! function  = "float" | "lower" | "optimizely_version" | "semver" | "string"
//! list      = "(" operand { "," operand } ")" | "[" [ operand { "," operand } ] "]" | attribute
//! attribute = ( name | backticks ) { "." name | "[" ( string | integer ) "]" }
//! ```
//!
//! | what | how it is written |
//! |---|---|
//! | keywords | in any case: `AND OR NOT TRUE FALSE NULL IN CONTAINS STARTS_WITH ENDS_WITH MATCHES BETWEEN IS EXISTS` |
//! | functions | `audience`, `float`, `lower`, `optimizely_version`, `semver`, `string`, in any case; without a parenthesis behind them they are attributes |
//! | names | a letter, `_` or `$`, then letters, digits, `_`, `$`; case matters |
//! | other names | in backticks, a backtick doubled: `` `utm.source` ``, `` `in` ``; behind a point keywords are names too |
//! | members, elements | `a.b`, `a["any key"]`, `a[0]` from 0 |
//! | strings | in `"` or `'`, with `\\ \" \' \/ \n \t \r \b \f`, `\u0041` (UTF-16, as in JSON), `\u{41}`; line breaks may stand in them |
//! | numbers | `18`, `-0.5`, `1e6`; exact, of any size |
//! | white space | any of Unicode's; there are no comments |
//!
//! # Meaning
//!
//! Truth has three values. AND is false if one side is false, OR is true if one side is true,
//! NOT unknown is unknown; only a rule that is true admits the subject.
//!
//! | condition | true, false | unknown |
//! |---|---|---|
//! | `x = y`, `<`, … | numbers by value, strings by code point, versions by semver.org | missing, null, different types, arrays, objects |
//! | booleans | `=`, `!=` | `<`, `<=`, `>`, `>=` |
//! | `semver(x) < y` | `y` is a version, or a string that can be read as one | any other `y` |
//! | `optimizely_version(x) < y` | `y` is a string that can be read as a [target](crate::optimizely_version) | any other `y` |
//! | `float(x) < y` | `y` is a number; it is rounded too | any other `y`, or one beyond 2^53 |
//! | `x IN (a, b)` | as `x = a OR x = b`; over `[]` false | as the OR |
//! | `x IN a` | the same over the elements of the array `a` | `a` is not an array |
//! | `x CONTAINS y` | string in string; array with an element equal to `y`, as by IN | any other types |
//! | `x STARTS_WITH "a"`, `ENDS_WITH` | `x` is a string | any other type |
//! | `x MATCHES "a"` | the [regular expression](regex) occurs anywhere in the string `x` | any other type; a string [longer than 64 KiB](limits::MAX_MATCHED_BYTES) |
//! | `x BETWEEN a AND b` | as `x >= a AND x <= b` | as the AND |
//! | `x NOT IN …`, `NOT CONTAINS`, … | as `NOT x IN …`, `NOT x CONTAINS …` | as the NOT |
//! | `x IS NULL` | whether `x` is missing or null | never |
//! | `x EXISTS`, `x IS NOT NULL` | whether `x` is neither missing nor null | never |
//! | `x` | the boolean attribute `x` | any other type |
//! | `NULL` | never | always |
//! | `audience("a")` | what the rule of the audience `a` says | there is no usable audience `a` |
//!
//! | function | value | null |
//! |---|---|---|
//! | `float(x)` | the number `x` rounded to the nearest 64-bit [float](crate::float) | any other type; beyond 2^53 |
//! | `lower(x)` | the string `x` in lower case | any other type |
//! | `optimizely_version(x)` | the string `x` read as a subject's [version by Optimizely's rules](crate::optimizely_version) | any other type; not readable |
//! | `semver(x)` | the string `x` read as a [version](crate::version) | any other type; not readable |
//! | `string(x)` | the string `x` | any other type |
//!
//! `float`, `optimizely_version` and `string` say what Optimizely's audiences say: numbers there
//! are floats, a condition on strings never applies to an array, and versions have an order of
//! their own.
//!
//! # From text to truth
//!
//! [`parse`] turns text into an [`Expr`], which prints itself in canonical form. [`Rule`] is
//! the compiled form with its audiences, evaluated against
//! [`Attributes`](crate::attributes::Attributes). Whatever is wrong with a rule is found by
//! `parse` and reported as a [`TargetingError`] with its place; evaluation cannot fail. The
//! [`limits`] bound time, memory and stack for any text.

mod ast;
mod audience;
mod datum;
mod error;
mod eval;
mod excerpt;
mod hint;
mod lexer;
pub mod limits;
// The parser is one type whose methods fill three files, by what they read.
mod parse;
mod parse_operand;
mod parse_test;
mod pattern;
mod print;
mod program;
mod quoted;
mod rule;
mod token;
mod truth;

pub use self::ast::{Comparison, Expr, List, Operand, Test};
pub use self::audience::{Lookup, audiences, find_cycle};
pub use self::error::{ErrorKind, TargetingError};
pub use self::pattern::{Pattern, PatternError};
pub use self::rule::Rule;
pub use self::truth::Truth;

/// Parses a rule and checks it completely, regular expressions included. A blank rule is
/// [`Expr::Constant`] true: everyone.
pub fn parse(source: &str) -> Result<Expr, TargetingError> {
    parse::parse(source).map(|parsed| parsed.expr)
}
