//! The compiled flags of this session, the experiments that were asked for by themselves, and
//! the states of those that subjects are in.
//!
//! - Key: the flag's or the experiment's key. Only what exists is kept, so callers who ask for
//!   random keys fill nothing.
//! - Bound: `lotty.flag_cache_size` bytes, as the allocator counts them, and [`MAX_STATES`]; a full
//!   cache is emptied, which costs a few compilations. What is larger than all of it is not kept. A
//!   flag with one experiment of two variants takes 1.4 kB, and 50 us to compile.
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

use lotty_core::flag::{Flag, LoneExperiment};
use uuid::Uuid;

use crate::config::{self, ExperimentState};
use crate::extension_version;
use crate::metrics::{self, Counter};
use crate::pg::jsonb::Jsonb;
use crate::pg::{invalidation, memory, settings};

/// What an entry takes beside the flag or experiment and its key.
const ENTRY_BYTES: usize = 64;

/// Most states of experiments that a session keeps.
const MAX_STATES: usize = 65_536;

thread_local! {
    // A backend has one thread. No borrow is held while PostgreSQL is called, which might
    // come back here (SPI, a trigger, lotty_decide).
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

/// What was compiled, by key.
type Compiled<T> = HashMap<Box<str>, Rc<T>>;

#[derive(Default)]
struct Cache {
    generation: u64,
    flags: Compiled<Flag<Jsonb>>,
    experiments: Compiled<LoneExperiment<Jsonb>>,
    states: HashMap<Uuid, ExperimentState>,
    /// What `flags` and `experiments` take.
    bytes: usize,
    statistics: Statistics,
}

/// What the cache of this session has done so far; an experiment asked for by itself counts as
/// a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Flags kept at the moment.
    pub entries: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Look-ups that found a flag.
    pub hits: u64,
    /// Flags compiled.
    pub builds: u64,
}

/// The flag of that key, compiled from what is committed by now (and from what the
/// transaction itself has changed).
pub fn flag(key: &str) -> Option<Rc<Flag<Jsonb>>> {
    compiled(key, |cache| &mut cache.flags, config::load_flag)
}

/// The keys of all flags, which are not kept.
pub fn flag_keys() -> Vec<String> {
    extension_version::require_same(invalidation::current_generation());
    config::load_flag_keys()
}

/// The experiment of that key by itself, in the same way.
pub fn experiment(key: &str) -> Option<Rc<LoneExperiment<Jsonb>>> {
    compiled(key, |cache| &mut cache.experiments, config::load_experiment)
}

fn compiled<T>(
    key: &str,
    kept: fn(&mut Cache) -> &mut Compiled<T>,
    load: fn(&str) -> Option<T>,
) -> Option<Rc<T>> {
    let generation = invalidation::current_generation();
    let found = CACHE.with_borrow_mut(|cache| {
        cache.turn_to(generation);
        let found = kept(cache).get(key).map(Rc::clone);
        cache.statistics.hits += u64::from(found.is_some());
        found
    });
    if found.is_some() {
        metrics::count(Counter::CacheHits);
        return found;
    }
    extension_version::require_same(generation);
    let before = memory::used();
    let (loaded, current) = invalidation::build(generation, || load(key));
    let loaded = Rc::new(loaded?);
    let bytes = memory::used().saturating_sub(before) + key.len() + ENTRY_BYTES;
    let limit = settings::flag_cache_size();
    metrics::count(Counter::CacheBuilds);
    CACHE.with_borrow_mut(|cache| {
        cache.statistics.builds += 1;
        if current && bytes <= limit {
            cache.turn_to(generation);
            if cache.bytes + bytes > limit {
                cache.empty();
            }
            cache.bytes += bytes;
            kept(cache).insert(key.into(), Rc::clone(&loaded));
        }
    });
    Some(loaded)
}

/// Runs a decision, and counts what it leaves behind: a regular expression allocates at its first use.
pub fn counted<R>(decide: impl FnOnce() -> R) -> R {
    let before = memory::used();
    let decision = decide();
    let grown = memory::used().saturating_sub(before);
    if grown > 0 {
        CACHE.with_borrow_mut(|cache| {
            cache.bytes += grown;
            if cache.bytes > settings::flag_cache_size() {
                cache.empty();
            }
        });
    }
    decision
}

/// The state of an experiment, by what has been heard of changes so far: a decision has listened when
/// it looked up the flag, and listens again when it looks at the ledger.
pub fn experiment_state(experiment: Uuid) -> ExperimentState {
    let generation = invalidation::generation();
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
            entries: cache.flags.len() + cache.experiments.len(),
            bytes: cache.bytes,
            ..cache.statistics
        }
    })
}

impl Cache {
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
            self.empty();
            self.states.clear();
        }
    }

    fn empty(&mut self) {
        self.flags.clear();
        self.experiments.clear();
        self.bytes = 0;
    }
}
