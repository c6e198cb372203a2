//! The compiled flags of this session, and the states of the experiments that subjects are in.
//!
//! - Key: the flag's key. Only flags that exist are kept, so callers who ask for random keys
//!   fill nothing.
//! - Bound: [`MAX_FLAGS`] and [`MAX_STATES`]; a full cache is emptied, which costs a few
//!   compilations.
//! - Fill: with the newest snapshot, at the first decision for the flag.
//! - Invalidation: the cache belongs to one *generation* of the configuration
//!   ([`crate::pg::invalidation`]) and is emptied when another one is seen. The generation is
//!   read before the snapshot is taken; if it moved meanwhile, what was built is used for this
//!   call but not kept, so a change that arrives during the building is never lost.
//! - Lifetime: callers hold an `Rc`; emptying the cache, be it by a trigger in the middle of a
//!   decision, frees nothing that is in use.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use lotty_core::flag::Flag;

use uuid::Uuid;

use crate::config::{self, ExperimentState};
use crate::pg::invalidation;
use crate::pg::jsonb::Jsonb;

/// Most flags that a session keeps.
const MAX_FLAGS: usize = 16_384;

/// Most states of experiments that a session keeps.
const MAX_STATES: usize = 65_536;

thread_local! {
    // A backend has one thread. No borrow is held while PostgreSQL is called, which might
    // come back here (SPI, a trigger, lotty_decide).
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

#[derive(Default)]
struct Cache {
    generation: u64,
    flags: HashMap<Box<str>, Rc<Flag<Jsonb>>>,
    states: HashMap<Uuid, ExperimentState>,
    statistics: Statistics,
}

/// What the cache of this session has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Flags kept at the moment.
    pub entries: usize,
    /// Look-ups that found a flag.
    pub hits: u64,
    /// Flags compiled.
    pub builds: u64,
}

/// The flag of that key, compiled from what is committed by now (and from what the
/// transaction itself has changed).
pub fn flag(key: &str) -> Option<Rc<Flag<Jsonb>>> {
    let generation = invalidation::current_generation();
    if let Some(flag) = CACHE.with_borrow_mut(|cache| cache.find(generation, key)) {
        return Some(flag);
    }
    let (flag, current) = invalidation::build(generation, || config::load_flag(key));
    let flag = Rc::new(flag?);
    CACHE.with_borrow_mut(|cache| {
        cache.statistics.builds += 1;
        if current {
            cache.keep(generation, key, &flag);
        }
    });
    Some(flag)
}

/// The state of an experiment, as it is committed by now.
pub fn experiment_state(experiment: Uuid) -> ExperimentState {
    let generation = invalidation::current_generation();
    let kept = CACHE.with_borrow_mut(|cache| {
        cache.turn_to(generation);
        cache.states.get(&experiment).copied()
    });
    kept.unwrap_or_else(|| {
        let load = || config::load_experiment_state(experiment);
        let (state, current) = invalidation::build(generation, load);
        if current {
            CACHE.with_borrow_mut(|cache| cache.keep_state(generation, experiment, state));
        }
        state
    })
}

/// The statistics of this session.
pub fn statistics() -> Statistics {
    let generation = invalidation::current_generation();
    CACHE.with_borrow_mut(|cache| {
        cache.turn_to(generation);
        Statistics {
            entries: cache.flags.len(),
            ..cache.statistics
        }
    })
}

impl Cache {
    fn find(&mut self, generation: u64, key: &str) -> Option<Rc<Flag<Jsonb>>> {
        self.turn_to(generation);
        let flag = self.flags.get(key).map(Rc::clone)?;
        self.statistics.hits += 1;
        Some(flag)
    }

    fn keep(&mut self, generation: u64, key: &str, flag: &Rc<Flag<Jsonb>>) {
        self.turn_to(generation);
        if self.flags.len() >= MAX_FLAGS {
            self.flags.clear();
        }
        self.flags.insert(key.into(), Rc::clone(flag));
    }

    fn keep_state(&mut self, generation: u64, experiment: Uuid, state: ExperimentState) {
        self.turn_to(generation);
        if self.states.len() >= MAX_STATES {
            self.states.clear();
        }
        self.states.insert(experiment, state);
    }

    fn turn_to(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.flags.clear();
            self.states.clear();
        }
    }
}
