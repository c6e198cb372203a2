//! What the functions that decide, evaluate and explain have in common: checked arguments and
//! the policy of the moment.

use std::cell::Cell;
use std::rc::Rc;

use lotty_core::decide::{Decision, Means, Subject, decide, decide_experiment};
use lotty_core::flag::{Flag, LoneExperiment};
use lotty_core::ledger::Ledger;
use lotty_core::overrides::Overrides;
use lotty_core::participation::Policy;
use lotty_core::trace::{NoTrace, Trace};

use crate::cache;
use crate::errors;
use crate::metrics::{self, Counter};
use crate::overrides::TableOverrides;
use crate::pg::jsonb::{Jsonb, JsonbArgument};
use crate::pg::{clock, invalidation, settings};
use crate::result_cache::{Answer, Asked, Noted};

/// Longest key and subject, in bytes: both are stored with each decision and indexed.
const MAX_BYTES: usize = 512;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Something asked for a subject, with checked arguments: a flag, or an experiment by itself.
pub struct Question<'a, T> {
    /// The key asked for.
    pub key: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The settings, and the start of the transaction as the time of the decision.
    pub policy: Policy,
    /// What has that key, if anything has.
    pub found: Option<Rc<T>>,
    /// The generation of the configuration before it was looked up.
    generation: u64,
    attributes: JsonbArgument<'a>,
}

/// Who is asked about, for any number of flags: checked arguments, and the policy of the moment.
pub struct Asker<'a> {
    function: &'static str,
    /// The subject.
    pub subject: &'a str,
    /// The settings, and the start of the transaction as the time of the decisions.
    pub policy: Policy,
    attributes: JsonbArgument<'a>,
}

impl<'a> Asker<'a> {
    /// Raises 22004 or 22023 if the arguments of `function` name no subject with attributes.
    pub fn new(
        function: &'static str,
        subject: Option<&'a str>,
        attributes: Option<JsonbArgument<'a>>,
    ) -> Self {
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
            function,
            subject,
            policy: policy(),
            attributes,
        }
    }

    /// What this subject asks of a flag. Raises 22023 if the key is too long to be one.
    pub fn about_flag(&self, key: &'a str) -> Question<'a, Flag<Jsonb>> {
        self.about(checked_text(self.function, "flag", Some(key)), cache::flag)
    }

    fn about<T>(&self, key: &'a str, find: fn(&str) -> Option<Rc<T>>) -> Question<'a, T> {
        let generation = invalidation::current_generation();
        Question {
            key,
            subject: self.subject,
            policy: self.policy,
            found: find(key),
            generation,
            attributes: self.attributes,
        }
    }
}

impl<'a> Question<'a, Flag<Jsonb>> {
    /// Raises 22004 or 22023 if the arguments of `function` are no question.
    pub fn about_flag(
        function: &'static str,
        flag: Option<&'a str>,
        subject: Option<&'a str>,
        attributes: Option<JsonbArgument<'a>>,
    ) -> Self {
        let key = checked_text(function, "flag", flag);
        Asker::new(function, subject, attributes).about(key, cache::flag)
    }

    /// The engine's answer.
    pub fn decide(&self, ledger: &mut dyn Ledger, trace: &mut dyn Trace) -> Decision<'_, Jsonb> {
        let flag = self.found.as_deref();
        let overrides = &mut TableOverrides(self.subject);
        self.ask(ledger, overrides, trace, |subject, means| {
            decide(flag, subject, means)
        })
    }

    /// The engine's answer, or the one that the session has given before
    /// ([`crate::result_cache`]).
    pub fn decide_or_repeat(&self, ledger: &mut dyn Ledger) -> Decision<'_, Jsonb> {
        let ignore_sticky = [u8::from(self.policy.ignore_sticky)];
        let parts = [
            self.key.as_bytes(),
            self.subject.as_bytes(),
            self.attributes.bytes(),
            &ignore_sticky,
        ];
        let Some(asked) = Asked::new(&parts, self.generation) else {
            return self.decide(ledger, &mut NoTrace);
        };
        if let Some(decision) = asked.find().and_then(|answer| self.repeat(answer)) {
            metrics::count(Counter::ResultCacheHits);
            return decision;
        }
        let used = Cell::new(false);
        let flag = self.found.as_deref();
        let mut ledger = Noted::new(ledger, &used);
        let mut overrides = TableOverrides(self.subject);
        let mut overrides = Noted::new(&mut overrides, &used);
        let decision = self.ask(
            &mut ledger,
            &mut overrides,
            &mut NoTrace,
            |subject, means| decide(flag, subject, means),
        );
        if !used.get() {
            asked.keep(Answer {
                experiment: decision.experiment,
                variant: decision.variant,
                reason: decision.reason,
            });
        }
        decision
    }

    /// The decision for an answer given before; `None` if the flag has no such variant.
    fn repeat(&self, answer: Answer) -> Option<Decision<'_, Jsonb>> {
        let flag = self.found.as_deref();
        let value = match (flag, answer.variant) {
            (None, _) => None,
            (Some(flag), None) => Some(&flag.default_value),
            (Some(flag), Some(variant)) => {
                let mut all = flag.experiments.iter().chain(&flag.rollouts);
                let experiment = all.find(|e| Some(e.id) == answer.experiment)?;
                Some(&experiment.variant(variant)?.value)
            }
        };
        Some(Decision {
            value,
            experiment: answer.experiment,
            variant: answer.variant,
            reason: answer.reason,
        })
    }
}

impl<'a> Question<'a, LoneExperiment<Jsonb>> {
    /// Raises 22004 or 22023 if the arguments of `function` are no question.
    pub fn about_experiment(
        function: &'static str,
        experiment: Option<&'a str>,
        subject: Option<&'a str>,
        attributes: Option<JsonbArgument<'a>>,
    ) -> Self {
        let key = checked_text(function, "experiment", experiment);
        Asker::new(function, subject, attributes).about(key, cache::experiment)
    }

    /// The engine's answer.
    pub fn decide(&self, ledger: &mut dyn Ledger, trace: &mut dyn Trace) -> Decision<'_, Jsonb> {
        let experiment = self.found.as_deref();
        let overrides = &mut TableOverrides(self.subject);
        self.ask(ledger, overrides, trace, |subject, means| {
            decide_experiment(experiment, subject, means)
        })
    }

    /// The key of the experiment's flag, if it has one.
    pub fn flag_key(&self) -> Option<&str> {
        self.found.as_ref()?.flag.as_deref()
    }
}

impl<'a, T> Question<'a, T> {
    fn ask<R>(
        &self,
        ledger: &mut dyn Ledger,
        overrides: &mut dyn Overrides,
        trace: &mut dyn Trace,
        decide: impl FnOnce(&Subject<'_>, &mut Means<'_>) -> R,
    ) -> R {
        let subject = Subject {
            id: self.subject,
            attributes: &self.attributes,
        };
        let mut means = Means {
            policy: &self.policy,
            ledger,
            overrides,
            trace,
        };
        match means.trace.listens() {
            // An explanation allocates what it tells, which is not the cache's.
            true => decide(&subject, &mut means),
            false => cache::counted(|| decide(&subject, &mut means)),
        }
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
        ignore_sticky: settings::ignore_sticky(),
        now: clock::transaction_start(),
    }
}
