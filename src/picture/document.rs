//! What is drawn, as it is read from JSON.
//!
//! Everything may be null or missing. A number that no finite float is near to counts as missing;
//! a text where a number belongs, such as `"NaN"`, is refused.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de::DeserializeOwned};

/// A report. Effects ("lift") are relative: 0.05 is five percent more than the control has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Document {
    /// Key of the experiment.
    #[serde(deserialize_with = "text")]
    pub experiment: String,
    /// Its status.
    #[serde(deserialize_with = "text")]
    pub status: String,
    /// How many subjects are in it.
    #[serde(deserialize_with = "number")]
    pub subjects: Option<f64>,
    /// The moment up to which the report counts.
    #[serde(deserialize_with = "text")]
    pub as_of: String,
    /// How often an interval may miss, 0.05 for intervals of 95 %.
    #[serde(deserialize_with = "number")]
    pub alpha: Option<f64>,
    /// What was, or is to be, decided.
    #[serde(deserialize_with = "text")]
    pub decision: String,
    /// Whether the experiment can be trusted.
    #[serde(deserialize_with = "list")]
    pub health: Vec<Check>,
    /// Effects, drawn in this order; those of a metric come together where its first one is.
    #[serde(deserialize_with = "list")]
    pub metrics: Vec<Effect>,
    /// The effect on one metric by day.
    pub daily: Option<Daily>,
}

impl Document {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// It is no JSON, or no object of this shape.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        // A derived struct would be read from an array too.
        if json.trim_start().starts_with('[') {
            return Err(serde_json::Error::custom(
                "the document must be an object, not an array",
            ));
        }
        serde_json::from_str(json)
    }
}

/// A check of the experiment's health.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Check {
    /// What is checked.
    #[serde(deserialize_with = "text")]
    pub check_name: String,
    /// `ok`, `warn` or `fail`. Anything else is shown like `warn`.
    #[serde(deserialize_with = "text")]
    pub status: String,
    /// What was found.
    #[serde(deserialize_with = "text")]
    pub detail: String,
}

/// What a variant does to a metric.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Effect {
    /// Key of the metric.
    #[serde(deserialize_with = "text")]
    pub metric: String,
    /// `goal`, `secondary` or `guardrail`.
    #[serde(deserialize_with = "text")]
    pub role: String,
    /// `increase` or `decrease`: which way is better.
    #[serde(deserialize_with = "text")]
    pub direction: String,
    /// Key of the variant.
    #[serde(deserialize_with = "text")]
    pub variant: String,
    /// Key of the variant that it is compared with.
    #[serde(deserialize_with = "text")]
    pub control: String,
    /// The estimate.
    #[serde(deserialize_with = "number")]
    pub lift: Option<f64>,
    /// Lower bound of the interval for one look at the planned end.
    #[serde(deserialize_with = "number")]
    pub lift_ci_lower: Option<f64>,
    /// Its upper bound.
    #[serde(deserialize_with = "number")]
    pub lift_ci_upper: Option<f64>,
    /// Lower bound of the interval that may be looked at any time.
    #[serde(deserialize_with = "number")]
    pub seq_lift_ci_lower: Option<f64>,
    /// Its upper bound.
    #[serde(deserialize_with = "number")]
    pub seq_lift_ci_upper: Option<f64>,
    /// p-value for one look at the planned end.
    #[serde(deserialize_with = "number")]
    pub p_value: Option<f64>,
    /// p-value that may be looked at any time.
    #[serde(deserialize_with = "number")]
    pub seq_p_value: Option<f64>,
    /// What follows from it, in words.
    #[serde(deserialize_with = "text")]
    pub verdict: String,
    /// Why a number is missing, or what is to be known of it.
    #[serde(deserialize_with = "text")]
    pub note: String,
    /// Mean of the control.
    #[serde(deserialize_with = "number")]
    pub control_mean: Option<f64>,
    /// Mean of the variant.
    #[serde(deserialize_with = "number")]
    pub mean: Option<f64>,
    /// Subjects of the variant.
    #[serde(deserialize_with = "number")]
    pub n: Option<f64>,
}

/// The effect on a metric by day.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Daily {
    /// Key of the metric.
    #[serde(deserialize_with = "text")]
    pub metric: String,
    /// `increase` or `decrease`: which way is better.
    #[serde(deserialize_with = "text")]
    pub direction: String,
    /// One line each.
    #[serde(deserialize_with = "list")]
    pub variants: Vec<DailyVariant>,
}

/// The effect of a variant by day.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DailyVariant {
    /// Key of the variant.
    #[serde(deserialize_with = "text")]
    pub variant: String,
    /// In any order.
    #[serde(deserialize_with = "list")]
    pub days: Vec<DailyEffect>,
}

/// The effect as it was known at the end of a day.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DailyEffect {
    /// Year, month and day: `2026-03-02`. What is no such date is not drawn.
    #[serde(deserialize_with = "text")]
    pub day: String,
    /// The estimate.
    #[serde(deserialize_with = "number")]
    pub lift: Option<f64>,
    /// Lower bound of the interval that may be looked at any time.
    #[serde(deserialize_with = "number")]
    pub seq_lift_ci_lower: Option<f64>,
    /// Its upper bound.
    #[serde(deserialize_with = "number")]
    pub seq_lift_ci_upper: Option<f64>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    Ok(number
        .and_then(|number| number.as_f64())
        .filter(|number| number.is_finite()))
}

fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let items = Option::<Vec<Option<T>>>::deserialize(deserializer)?;
    Ok(items.unwrap_or_default().into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_missing_are_the_same() {
        let null = Document::read(
            r#"{"experiment": null, "subjects": null, "health": null, "metrics": [null, {"lift": null}], "daily": null}"#,
        )
        .map(|document| format!("{document:?}"))
        .ok();
        let missing = Document::read(r#"{"metrics": [{}]}"#)
            .map(|document| format!("{document:?}"))
            .ok();
        assert!(null.is_some());
        assert_eq!(null, missing);
    }

    #[test]
    fn a_number_beyond_a_float_is_missing() {
        let lift = |json: &str| {
            Document::read(&format!(r#"{{"metrics": [{{"lift": {json}}}]}}"#))
                .ok()
                .and_then(|document| document.metrics.into_iter().next())
                .and_then(|effect| effect.lift)
        };
        assert_eq!(lift("1e400"), None);
        assert_eq!(lift("-1e400"), None);
        assert_eq!(lift("1e-400"), Some(0.0));
        assert_eq!(lift("0.25"), Some(0.25));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for json in [
            "",
            "[]",
            " []",
            "3",
            "null",
            r#"{"metrics": [{"lift": "NaN"}]}"#,
            r#"{"metrics": [{"lift": NaN}]}"#,
            r#"{"metrics": {}}"#,
            r#"{"experiment": 7}"#,
        ] {
            assert!(Document::read(json).is_err(), "{json}");
        }
    }
}
