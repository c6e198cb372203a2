//! The statistics of Lotty's reports, free of PostgreSQL: distributions, tests and intervals.
//!
//! ```
//! use lotty_statistics::student_t;
//! // The two-sided p-value of t = 2.5 with 12.5 degrees of freedom.
//! let p = student_t::two_sided_p(2.5, 12.5);
//! assert!(p.is_some_and(|p| (0.02..0.03).contains(&p)));
//! // Not defined is `None`, never a number that stands for it.
//! assert_eq!(student_t::two_sided_p(2.5, 0.0), None);
//! ```
//!
//! Tails are computed as tails, never as one minus the rest, so that a small p-value has as
//! many correct digits as a large one.
//!
//! | module | what it holds |
//! |---|---|
//! | [`normal`], [`student_t`], [`chi_squared`] | distributions: tails and quantiles |
//! | [`moments`], [`stats`] | what is kept of a metric for a group of subjects |
//! | [`encoding`], [`mod@text`] | its bytes and its text |
//! | [`quantile`] | a quantile and its variance |
//! | [`gamma`] | what they need of the gamma function |
//! | [`sequential`] | the always valid test: bounds and p-values for any number of looks |
//! | [`bayes`] | what is believed of a lift |
//! | [`sample_ratio`] | whether subjects were split as the weights say |
//! | [`multiple`] | p-values of a family of comparisons: Holm, Benjamini and Hochberg |
//! | [`small_counts`] | shares of small counts: Wilson, Newcombe, Fisher |
//! | [`power`] | detectable effects and numbers of subjects |
//! | [`effect`] | a difference, the lift, and how sure they are: Welch, delta method, Fieller |
//! | [`comparison`] | everything a report says of two variants |
//! | [`cuped`], [`stratified`] | the same with adjusted means, and period by period |
#![forbid(unsafe_code)]

pub mod bayes;
pub mod chi_squared;
pub mod comparison;
pub mod cuped;
pub mod effect;
pub mod encoding;
pub mod gamma;
pub mod moments;
pub mod multiple;
pub mod normal;
pub mod power;
pub mod quantile;
pub mod sample_ratio;
pub mod sequential;
pub mod small_counts;
pub mod stats;
pub mod stratified;
pub mod student_t;
pub mod text;
