//! `lotty_targeting_check` and `lotty_targeting_matches`.

use std::cell::RefCell;
use std::rc::Rc;

use lotty_core::targeting::{Rule, Truth, parse};
use pgrx::prelude::*;

use crate::config::read_audience;
use crate::errors;
use crate::pg::jsonb::JsonbArgument;
use crate::pg::targeting_check_row::TargetingCheckRow;
use crate::pg::{invalidation, snapshot};

/// Whether a targeting rule is valid, and where not; never an error. Stable (it looks up
/// audiences), parallel safe; NULL if the rule is NULL.
#[pg_extern(stable, strict, parallel_safe, security_definer, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn lotty_targeting_check(rule: &str) -> TargetingCheckRow {
    match snapshot::with_newest(|| Rule::compile(rule, &mut read_audience)) {
        Ok(compiled) => TargetingCheckRow::valid(
            parse(rule).map(|expr| expr.to_string()).unwrap_or_default(),
            compiled.unresolved(),
        ),
        Err(error) => TargetingCheckRow::invalid(&error),
    }
}

/// What a targeting rule says of attributes: true, false, or NULL for unknown. Stable (it
/// looks up audiences), parallel safe; NULL if an argument is NULL. Errors: 22023 the rule is
/// not valid, or attrs is no JSON object.
#[pg_extern(stable, strict, parallel_safe, security_definer, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
fn lotty_targeting_matches(rule: &str, attrs: JsonbArgument<'_>) -> Option<bool> {
    if !attrs.is_object() {
        errors::attributes_not_an_object("lotty_targeting_matches", attrs.type_name());
    }
    match compiled(rule).evaluate(&attrs) {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

/// The rule compiled last, since a query asks the same rule of many rows. It belongs to a
/// generation of the configuration like [`crate::cache`], on account of its audiences.
struct LastRule {
    generation: u64,
    text: Box<str>,
    rule: Rc<Rule>,
}

thread_local! {
    static LAST_RULE: RefCell<Option<LastRule>> = const { RefCell::new(None) };
}

fn compiled(text: &str) -> Rc<Rule> {
    let generation = invalidation::current_generation();
    let kept = LAST_RULE.with_borrow(|last| {
        let last = last.as_ref()?;
        (last.generation == generation && *last.text == *text).then(|| Rc::clone(&last.rule))
    });
    kept.unwrap_or_else(|| {
        let compile = || snapshot::with_newest(|| Rule::compile(text, &mut read_audience));
        let (rule, current) = invalidation::build(generation, compile);
        let rule = Rc::new(rule.unwrap_or_else(|error| errors::invalid_rule("", &error)));
        if current {
            let last = LastRule {
                generation,
                text: text.into(),
                rule: Rc::clone(&rule),
            };
            LAST_RULE.set(Some(last));
        }
        rule
    })
}
