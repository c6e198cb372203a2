//! Flags to decide, and a ledger and overrides in memory.
#![allow(dead_code, missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use lotty_core::attributes::{Attributes, Path, Value};
use lotty_core::decide::{Decision, Means, Subject, decide};
use lotty_core::flag::{BucketingSource, ExperimentSource, Flag, FlagSource, VariantSource};
use lotty_core::ledger::{Claim, Ledger, Membership, Standing};
use lotty_core::overrides::{Overridden, Overrides};
use lotty_core::participation::Policy;
use lotty_core::trace::NoTrace;
use uuid::Uuid;

pub const POLICY: Policy = Policy {
    max_concurrent: 3,
    cooldown: 1_000,
    ignore_sticky: false,
    now: 1_000_000,
};

/// A subject with one attribute, `n`.
pub struct N(pub i64);

impl Attributes for N {
    fn get(&self, path: &Path) -> Value<'_> {
        if path == &Path::new("n") {
            Value::Number(self.0.into())
        } else {
            Value::Missing
        }
    }
}

/// The ledger of all subjects, with what experiments have become.
#[derive(Default)]
pub struct Books {
    pub rows: BTreeMap<(String, Uuid), Membership>,
    pub overrides: HashMap<(String, Uuid), Overridden>,
    pub ended: HashMap<Uuid, bool>,
}

/// One subject's page; `interfere` runs before each claim, as another transaction would.
pub struct Page<'a> {
    books: &'a Rc<RefCell<Books>>,
    pub subject: &'a str,
    pub writes: usize,
    pub locks: usize,
    pub reads: usize,
    pub interfere: Box<dyn FnMut(&mut Books) + 'a>,
}

impl<'a> Page<'a> {
    pub fn new(books: &'a Rc<RefCell<Books>>, subject: &'a str) -> Self {
        Self {
            books,
            subject,
            writes: 0,
            locks: 0,
            reads: 0,
            interfere: Box::new(|_| {}),
        }
    }
}

impl Ledger for Page<'_> {
    fn memberships(&mut self) -> Vec<Membership> {
        self.reads += 1;
        let books = self.books.borrow();
        books
            .rows
            .iter()
            .filter(|((subject, _), _)| subject == self.subject)
            .map(|((_, experiment), row)| {
                let ended = books.ended.get(experiment).copied().unwrap_or(false);
                let standing = if ended {
                    Standing::Ended
                } else {
                    Standing::Active
                };
                Membership {
                    standing,
                    ..row.clone()
                }
            })
            .collect()
    }

    fn lock(&mut self) -> bool {
        self.locks += 1;
        self.memberships().iter().any(|row| row.slot == Some(1))
    }

    fn release(&mut self, experiments: &[Uuid]) {
        self.writes += 1;
        for experiment in experiments {
            let key = (self.subject.to_owned(), *experiment);
            self.books.borrow_mut().rows.get_mut(&key).unwrap().slot = None;
        }
    }

    fn claim(&mut self, claim: &Claim) -> bool {
        (self.interfere)(&mut self.books.borrow_mut());
        let mut books = self.books.borrow_mut();
        let key = (self.subject.to_owned(), claim.experiment);
        let slot_taken = books
            .rows
            .iter()
            .any(|((s, _), row)| s == self.subject && row.slot.is_some() && row.slot == claim.slot);
        // A row without a slot makes way for one with a slot.
        let is_there = |row: &Membership| row.slot.is_some() || claim.slot.is_none();
        if slot_taken || books.rows.get(&key).is_some_and(is_there) {
            return false;
        }
        self.writes += 1;
        let row = Membership {
            slot: claim.slot,
            ..membership(claim.experiment, claim.variant, 1)
        };
        books.rows.insert(key, row);
        true
    }

    fn revise(&mut self, experiment: Uuid, before: Option<Uuid>, variant: Uuid) -> bool {
        (self.interfere)(&mut self.books.borrow_mut());
        let key = (self.subject.to_owned(), experiment);
        let mut books = self.books.borrow_mut();
        let row = books.rows.get_mut(&key).unwrap();
        let unchanged = row.variant == before;
        if unchanged {
            self.writes += 1;
            row.variant = Some(variant);
        }
        unchanged
    }
}

/// The overrides of a subject.
pub struct Given<'a>(pub &'a Rc<RefCell<Books>>, pub &'a str);

impl Overrides for Given<'_> {
    fn of(&mut self, experiment: Uuid) -> Overridden {
        let key = (self.1.to_owned(), experiment);
        let books = self.0.borrow();
        books.overrides.get(&key).copied().unwrap_or_default()
    }
}

pub fn membership(experiment: Uuid, variant: Uuid, slot: i16) -> Membership {
    Membership {
        experiment,
        variant: Some(variant),
        slot: Some(slot),
        standing: Standing::Active,
        assigned_at: POLICY.now,
    }
}

pub fn experiment(number: u128, targeting: &str, traffic: i64) -> ExperimentSource<&'static str> {
    let variant = |n: u128, name: &str, value| VariantSource {
        id: Uuid::from_u128(number * 100 + n),
        name: name.into(),
        value,
        weight: 1.into(),
    };
    ExperimentSource {
        id: Uuid::from_u128(number),
        key: format!("e{number}"),
        hash_key: Uuid::from_u128(number).to_string(),
        targeting: targeting.into(),
        bucketing: BucketingSource::Sha256 {
            traffic_allocation: traffic.into(),
        },
        sticky: false,
        limited: true,
        has_overrides: false,
        variants: vec![variant(1, "a", "A"), variant(2, "b", "B")],
        domains: Vec::new(),
    }
}

pub fn source(experiments: Vec<ExperimentSource<&'static str>>) -> FlagSource<&'static str> {
    FlagSource {
        enabled: true,
        default_value: "default",
        experiments,
        rollouts: Vec::new(),
    }
}

pub fn flag(experiments: Vec<ExperimentSource<&'static str>>) -> Flag<&'static str> {
    compile(source(experiments))
}

pub fn compile(source: FlagSource<&'static str>) -> Flag<&'static str> {
    let mut broken = Vec::new();
    Flag::compile(source, &mut |_| None, &mut broken).unwrap()
}

pub fn ask<'f>(
    flag: &'f Flag<&'static str>,
    page: &mut Page<'_>,
    n: i64,
) -> Decision<'f, &'static str> {
    ask_with(Some(flag), page, &N(n), &POLICY)
}

pub fn ask_with<'f>(
    flag: Option<&'f Flag<&'static str>>,
    page: &mut Page<'_>,
    attributes: &dyn Attributes,
    policy: &Policy,
) -> Decision<'f, &'static str> {
    let subject = Subject {
        id: page.subject,
        attributes,
    };
    let mut means = Means {
        policy,
        overrides: &mut Given(page.books, page.subject),
        ledger: page,
        trace: &mut NoTrace,
    };
    decide(flag, &subject, &mut means)
}
