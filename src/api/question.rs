//! What `lotty_decide`, `lotty_evaluate` and `lotty_explain` have in common: checked arguments
//! and the policy of the moment.

use std::rc::Rc;

use lotty_core::decide::{Decision, Subject, decide};
use lotty_core::flag::Flag;
use lotty_core::ledger::Ledger;
use lotty_core::participation::Policy;
use lotty_core::trace::Trace;

use crate::cache;
use crate::errors;
use crate::pg::jsonb::{Jsonb, JsonbArgument};
use crate::pg::{clock, settings};

/// Longest flag key and subject, in bytes: both are stored with each decision and indexed.
const MAX_BYTES: usize = 512;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A flag asked for a subject, with checked arguments.
pub struct Question<'a> {
    /// The flag's key.
    pub key: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The settings, and the start of the transaction as the time of the decision.
    pub policy: Policy,
    /// The flag, if there is one of that key.
    pub flag: Option<Rc<Flag<Jsonb>>>,
    attributes: JsonbArgument<'a>,
}

impl<'a> Question<'a> {
    /// Raises 22004 or 22023 if the arguments of `function` are no question.
    pub fn new(
        function: &str,
        flag: Option<&'a str>,
        subject: Option<&'a str>,
        attributes: Option<JsonbArgument<'a>>,
    ) -> Self {
        let key = checked_text(function, "flag", flag);
        let subject = checked_text(function, "subject", subject);
        let Some(attributes) = attributes else {
            errors::null_argument(
                function,
                "attrs",
                "Pass '{}' for no attributes, for example by coalesce(attrs, '{}').",
            )
        };
        if !attributes.is_object() {
            errors::attributes_not_an_object(function, attributes.type_name());
        }
        Self {
            key,
            subject,
            policy: policy(),
            flag: cache::flag(key),
            attributes,
        }
    }

    /// The engine's answer.
    pub fn decide(&self, ledger: &mut dyn Ledger, trace: &mut dyn Trace) -> Decision<'_, Jsonb> {
        let subject = Subject {
            id: self.subject,
            attributes: &self.attributes,
        };
        decide(self.flag.as_deref(), &subject, &self.policy, ledger, trace)
    }
}

fn checked_text<'a>(function: &str, argument: &str, text: Option<&'a str>) -> &'a str {
    let Some(text) = text else {
        errors::null_argument(function, argument, "");
    };
    if text.len() > MAX_BYTES {
        errors::too_long(function, argument, text.len(), MAX_BYTES);
    }
    text
}

fn policy() -> Policy {
    Policy {
        max_concurrent: settings::max_concurrent_experiments(),
        cooldown: i64::from(settings::cooldown_days()) * MICROS_PER_DAY,
        now: clock::transaction_start(),
    }
}
