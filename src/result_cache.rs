//! The decision-result cache of the Lotty seed (`_cache_get_decision`): a session answers the
//! same question from memory for `lotty.decision_cache_ttl` seconds.
//!
//! - Kept: answers that depend on nothing but the configuration, the attributes and the subject.
//!   The seed keeps assignments too, and so goes on assigning whom the limits or a rolled-back
//!   transaction have put out. Here, whatever looked at the ledger or at overrides is decided
//!   afresh.
//! - Key: the question itself, all bytes of it; and the generation of the configuration, which
//!   stands for the revisions of flag and experiment in the seed's key.
//! - Time: a hit starts the time anew, as in the seed.
//! - Bound: [`MAX_ENTRIES`] of at most [`MAX_KEY_BYTES`]; a full cache is emptied.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use lotty_core::ledger::{Claim, Ledger, Membership};
use lotty_core::overrides::{Overridden, Overrides};
use lotty_core::reason::Reason;
use uuid::Uuid;

use crate::pg::clock::{self, Timestamp};
use crate::pg::{invalidation, settings};

/// Most answers that a session keeps.
const MAX_ENTRIES: usize = 10_000;

/// Longest question that is kept.
const MAX_KEY_BYTES: usize = 2_048;

const MICROS_PER_SECOND: i64 = 1_000_000;

thread_local! {
    // No borrow is held while PostgreSQL is called.
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

#[derive(Default)]
struct Cache {
    generation: u64,
    answers: HashMap<Box<[u8]>, (Answer, Timestamp)>,
}

/// An answer, without the value, which is the flag's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The experiment or rule.
    pub experiment: Option<Uuid>,
    /// The variant.
    pub variant: Option<Uuid>,
    /// Why.
    pub reason: Reason,
}

/// A question that may be answered from memory.
pub struct Asked {
    key: Box<[u8]>,
    generation: u64,
    expires: Timestamp,
}

impl Asked {
    /// The question in those parts, asked of the configuration of that generation; `None` while
    /// the cache is off, or if it is too long.
    pub fn new(parts: &[&[u8]], generation: u64) -> Option<Self> {
        let ttl = i64::from(settings::decision_cache_ttl());
        let bytes: usize = parts.iter().map(|part| part.len() + 8).sum();
        if ttl == 0 || bytes > MAX_KEY_BYTES {
            return None;
        }
        let mut key = Vec::with_capacity(bytes);
        for part in parts {
            // With its length, so that no two questions have one key.
            key.extend(part.len().to_ne_bytes());
            key.extend(*part);
        }
        Some(Self {
            key: key.into(),
            generation,
            expires: clock::now().saturating_add(ttl * MICROS_PER_SECOND),
        })
    }

    /// The answer given before, unless its time is over.
    pub fn find(&self) -> Option<Answer> {
        let now = clock::now();
        CACHE.with_borrow_mut(|cache| {
            cache.turn_to(self.generation);
            let (answer, expires) = cache.answers.get_mut(&self.key)?;
            // The setting may have been lowered since.
            if *expires <= now || *expires > self.expires {
                return None;
            }
            *expires = self.expires;
            Some(*answer)
        })
    }

    /// Keeps an answer, if the configuration has not changed while it was found.
    pub fn keep(self, answer: Answer) {
        if invalidation::generation() != self.generation {
            return;
        }
        CACHE.with_borrow_mut(|cache| {
            cache.turn_to(self.generation);
            if cache.answers.len() >= MAX_ENTRIES {
                cache.answers.clear();
            }
            cache.answers.insert(self.key, (answer, self.expires));
        });
    }
}

impl Cache {
    fn turn_to(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.answers.clear();
        }
    }
}

/// Notes whether what it stands for was looked at.
pub struct Noted<'a, T: ?Sized> {
    behind: &'a mut T,
    used: &'a Cell<bool>,
}

impl<'a, T: ?Sized> Noted<'a, T> {
    /// Stands for `behind`.
    pub fn new(behind: &'a mut T, used: &'a Cell<bool>) -> Self {
        Self { behind, used }
    }

    fn behind(&mut self) -> &mut T {
        self.used.set(true);
        self.behind
    }
}

impl Ledger for Noted<'_, dyn Ledger + '_> {
    fn memberships(&mut self) -> Vec<Membership> {
        self.behind().memberships()
    }

    fn lock(&mut self) -> bool {
        self.behind().lock()
    }

    fn release(&mut self, experiments: &[Uuid]) {
        self.behind().release(experiments);
    }

    fn claim(&mut self, claim: &Claim) -> bool {
        self.behind().claim(claim)
    }

    fn revise(&mut self, experiment: Uuid, before: Option<Uuid>, variant: Uuid) -> bool {
        self.behind().revise(experiment, before, variant)
    }
}

impl<T: Overrides> Overrides for Noted<'_, T> {
    fn of(&mut self, experiment: Uuid) -> Overridden {
        self.behind().of(experiment)
    }
}
