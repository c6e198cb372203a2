//! Audiences, and which of them an experiment is for.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::optimizely::condition::Findings;
use crate::optimizely::conditions;
use crate::optimizely::document::AudienceRow;
use crate::optimizely::error::DatafileError;
use crate::optimizely::place::shown;
use crate::optimizely::read::{Names, Node, Object, check_length};
use crate::optimizely::tree;
use crate::optimizely::warning::{Tally, Warning};
use crate::targeting::Expr;
use crate::targeting::limits::MAX_AUDIENCES;

/// The audiences of a datafile, and which of them have been referred to.
pub(super) struct Audiences<'d> {
    list: Vec<Audience<'d>>,
    by_id: HashMap<&'d str, usize>,
    /// References to audiences that there are not.
    unknown: HashSet<&'d str>,
}

struct Audience<'d> {
    id: &'d str,
    /// What Lotty calls it.
    name: String,
    fields: Object<'d>,
    used: bool,
}

impl<'d> Audiences<'d> {
    /// Reads `audiences` and `typedAudiences`. A typed audience replaces the other of its id, whose
    /// conditions are often a placeholder for kits that do not know types.
    pub(super) fn read(datafile: &Object<'d>) -> Result<Self, DatafileError> {
        let mut audiences = Self {
            list: Vec::new(),
            by_id: HashMap::new(),
            unknown: HashSet::new(),
        };
        for key in ["audiences", "typedAudiences"] {
            let mut ids = Names::new("audience id");
            for node in datafile.list(key)? {
                let audience = Audience::read(&node)?;
                ids.add(audience.id, &audience.fields.place.key("id"))?;
                audiences.add(audience);
            }
        }
        Ok(audiences)
    }

    fn add(&mut self, audience: Audience<'d>) {
        let next = self.list.len();
        let place = *self.by_id.entry(audience.id).or_insert(next);
        match self.list.get_mut(place) {
            Some(replaced) => *replaced = audience,
            None => self.list.push(audience),
        }
    }

    /// The targeting of an experiment: its `audienceConditions` unless they are absent or null,
    /// else its `audienceIds`. Both are trees of ids, and none of them means everyone
    /// (`get_audience_conditions_or_ids` in `entities.py`, `does_user_meet_audience_conditions` in
    /// `audience.py`).
    pub(super) fn targeting(
        &mut self,
        experiment: &Object<'d>,
        warnings: &mut Vec<Warning>,
    ) -> Result<String, DatafileError> {
        let node = match experiment.optional("audienceConditions") {
            Some(conditions) => conditions,
            None => experiment.required("audienceIds")?,
        };
        match node.value {
            Value::Null => return Ok(String::new()),
            Value::Array(ids) if ids.is_empty() => return Ok(String::new()),
            _ => {}
        }
        let mut references = References {
            audiences: self,
            distinct: HashSet::new(),
            unknown: Tally::default(),
        };
        let mut ignored = Tally::default();
        let expr = tree::translate(&node, &mut |leaf| references.refer(leaf), &mut ignored)?;
        let References {
            unknown, distinct, ..
        } = references;
        if distinct.len() > MAX_AUDIENCES {
            let message = format!("more than the {MAX_AUDIENCES} audiences that a rule may reach");
            return Err(node.error(message));
        }
        unknown.report(
            warnings,
            "audience that is not in the datafile, which nobody is known to be in",
        );
        ignored.report(warnings, "ignored: \"not\" takes one operand");
        conditions::print(&expr, &node.place)
    }

    /// The audiences that were referred to, in their order. Others decide nothing, so nothing
    /// about them can be wrong.
    pub(super) fn rows(
        &self,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<AudienceRow>, DatafileError> {
        let mut names = Names::new("name of an audience");
        let used = self.list.iter().filter(|audience| audience.used);
        used.map(|audience| {
            names.add(&audience.name, &audience.fields.place)?;
            if self.unknown.contains(&*audience.name) {
                let name = shown(&audience.name);
                let message = format!("audience is called {name}, the id of one that is missing");
                return Err(audience.fields.place.error(message));
            }
            audience.row(warnings)
        })
        .collect()
    }
}

impl<'d> Audience<'d> {
    fn read(node: &Node<'d>) -> Result<Self, DatafileError> {
        let fields = node.object()?;
        let id = fields.required("id")?.name()?;
        let name = match fields.optional("name") {
            Some(name) => name.text()?,
            None => "",
        };
        let name = match name.trim().is_empty() {
            true => id.to_owned(),
            false => format!("{name} ({id})"),
        };
        let used = false;
        Ok(Self {
            id,
            name,
            fields,
            used,
        })
    }

    fn row(&self, warnings: &mut Vec<Warning>) -> Result<AudienceRow, DatafileError> {
        check_length(&self.name, &self.fields.place.key("name"))?;
        let conditions = self.fields.required("conditions")?;
        let mut findings = Findings::default();
        let expr = conditions::translate(&conditions, &mut findings)?;
        findings.report(warnings);
        Ok(AudienceRow {
            name: self.name.clone(),
            targeting: conditions::print(&expr, &conditions.place)?,
            description: format!("Optimizely audience {}", self.id),
        })
    }
}

/// The references of one experiment.
struct References<'a, 'd> {
    audiences: &'a mut Audiences<'d>,
    distinct: HashSet<&'d str>,
    unknown: Tally,
}

impl<'d> References<'_, 'd> {
    fn refer(&mut self, leaf: &Node<'d>) -> Result<Expr, DatafileError> {
        let id = leaf.text()?;
        if id.is_empty() {
            return Err(leaf.error("id of an audience must not be empty"));
        }
        self.distinct.insert(id);
        let index = self.audiences.by_id.get(id).copied();
        let audience = index.and_then(|index| self.audiences.list.get_mut(index));
        let name = match audience {
            Some(audience) => {
                audience.used = true;
                audience.name.as_str()
            }
            None => {
                self.unknown.add(&leaf.place);
                self.audiences.unknown.insert(id);
                id
            }
        };
        Ok(Expr::Audience(name.into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn exists(name: &str) -> Value {
        json!({"name": name, "type": "custom_attribute", "match": "exists"})
    }

    fn datafile() -> Value {
        json!({
            "audiences": [
                {"id": "1", "name": "one", "conditions": exists("a").to_string()},
                {"id": "2", "name": "two", "conditions": "[broken"},
                {"id": "$opt_dummy_audience", "name": "dummy", "conditions": "{}"}
            ],
            "typedAudiences": [
                {"id": "2", "name": "second", "conditions": exists("b")},
                {"id": "3", "name": " ", "conditions": ["not", exists("c")]}
            ]
        })
    }

    /// The targeting of an experiment, then the audiences that it brings along.
    fn translated(datafile: &Value, experiment: &Value) -> Result<Vec<String>, DatafileError> {
        let mut warnings = Vec::new();
        let mut audiences = Audiences::read(&Node::root(datafile).object()?)?;
        let experiment = Node::root(experiment).object()?;
        let mut texts = vec![audiences.targeting(&experiment, &mut warnings)?];
        let rows = audiences.rows(&mut warnings)?;
        texts.extend(
            rows.iter()
                .map(|row| format!("{}: {}", row.name, row.targeting)),
        );
        texts.extend(
            warnings
                .iter()
                .map(|warning| format!("warning {}", warning.path)),
        );
        Ok(texts)
    }

    #[test]
    fn audience_conditions_go_before_audience_ids() {
        for (experiment, targeting) in [
            (json!({"audienceIds": []}), ""),
            (json!({"audienceIds": null}), ""),
            (json!({"audienceIds": ["1"], "audienceConditions": []}), ""),
            (
                json!({"audienceIds": ["1"], "audienceConditions": null}),
                r#"audience("one (1)")"#,
            ),
            (
                json!({"audienceIds": ["1"], "audienceConditions": "3"}),
                r#"audience("3")"#,
            ),
            (
                json!({"audienceConditions": ["and", "1", ["not", "3"]]}),
                r#"audience("one (1)") AND NOT audience("3")"#,
            ),
            (
                json!({"audienceIds": ["1", "3"]}),
                r#"audience("one (1)") OR audience("3")"#,
            ),
            (
                json!({"audienceIds": [], "audienceConditions": ["and", []]}),
                "FALSE",
            ),
        ] {
            let texts = translated(&datafile(), &experiment).unwrap();
            assert_eq!(texts.first().unwrap(), targeting, "{experiment}");
        }
    }

    #[test]
    fn only_audiences_in_use_are_translated_and_typed_ones_win() {
        let texts = translated(&datafile(), &json!({"audienceIds": ["3", "2", "2"]})).unwrap();
        let expected = [
            r#"audience("3") OR audience("second (2)") OR audience("second (2)")"#,
            "second (2): b EXISTS",
            "3: NOT c EXISTS",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn an_unknown_audience_stays_a_reference_with_a_warning() {
        let texts = translated(&datafile(), &json!({"audienceIds": ["9", "8"]})).unwrap();
        let expected = [
            r#"audience("9") OR audience("8")"#,
            "warning $.audienceIds[0]",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn errors_name_their_place() {
        let path = |experiment: Value| translated(&datafile(), &experiment).unwrap_err().path;
        assert_eq!(path(json!({})), "$.audienceIds");
        assert_eq!(path(json!({"audienceIds": [1]})), "$.audienceIds[0]");
        assert_eq!(
            path(json!({"audienceConditions": ["or", ""]})),
            "$.audienceConditions[1]"
        );
        let many: Vec<String> = (0..257).map(|id| id.to_string()).collect();
        assert_eq!(path(json!({"audienceIds": many})), "$.audienceIds");
        let twice = json!({"audiences": [{"id": "1"}, {"id": "1"}]});
        let error = translated(&twice, &json!({"audienceIds": []})).unwrap_err();
        assert_eq!(error.path, "$.audiences[1].id");
    }

    #[test]
    fn names_that_would_be_taken_for_another_are_refused() {
        let conditions = exists("a");
        let datafile = json!({"audiences": [
            {"id": "1", "name": "x", "conditions": conditions},
            {"id": "x (1)", "name": "", "conditions": conditions},
        ]});
        let both = json!({"audienceIds": ["1", "x (1)"]});
        assert_eq!(
            translated(&datafile, &both).unwrap_err().path,
            "$.audiences[1]"
        );
        let datafile = json!({"audiences": [{"id": "1", "name": "x", "conditions": conditions}]});
        assert_eq!(
            translated(&datafile, &both).unwrap_err().path,
            "$.audiences[0]"
        );
    }
}
