//! Counters: of the whole database in shared memory if the library is preloaded, else of the
//! session.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lotty_core::reason::Reason;

use crate::cache;
use crate::pg::shared::{COUNTERS, Shared, shared};

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Counter {
    /// Decisions of `lotty_decide` and its kin, by reason (`DECIDE_REQUESTS` of the Lotty seed).
    Requests(Reason),
    /// Decisions written in the caller's transaction.
    WrittenSync,
    /// Decisions handed to the background writer.
    WrittenAsync,
    /// Decisions not written, as `lotty.decision_write_mode` says.
    NotWritten,
    /// Decisions written at once, by SQL, because the log is not as the extension made it.
    WrittenBySql,
    /// Decisions written at once because the library is not preloaded.
    NotPreloaded,
    /// Decisions written at once because there is no background writer.
    NoWriter,
    /// Decisions written at once because the queue has no room for them.
    QueueFull,
    /// Flags and experiments found in a session's cache.
    CacheHits,
    /// Flags and experiments compiled.
    CacheBuilds,
    /// Decisions found in a session's cache of decisions.
    ResultCacheHits,
}

impl Counter {
    /// Its number, below [`COUNTERS`].
    fn number(self) -> usize {
        const OTHERS: usize = Reason::ALL.len();
        match self {
            Self::Requests(reason) => {
                let mut all = Reason::ALL.iter();
                all.position(|other| *other == reason).unwrap_or_default()
            }
            Self::WrittenSync => OTHERS,
            Self::WrittenAsync => OTHERS + 1,
            Self::NotWritten => OTHERS + 2,
            Self::NotPreloaded => OTHERS + 3,
            Self::NoWriter => OTHERS + 4,
            Self::QueueFull => OTHERS + 5,
            Self::CacheHits => OTHERS + 6,
            Self::CacheBuilds => OTHERS + 7,
            Self::ResultCacheHits => OTHERS + 8,
            Self::WrittenBySql => OTHERS + 9,
        }
    }
}

static OF_SESSION: [AtomicU64; COUNTERS] = [const { AtomicU64::new(0) }; COUNTERS];

/// Counts one more.
pub fn count(counter: Counter) {
    let number = counter.number();
    let shared = shared().and_then(Shared::own_database);
    let counter = match &shared {
        Some((_, database)) => database.counter(number),
        None => OF_SESSION.get(number),
    };
    if let Some(counter) = counter {
        counter.fetch_add(1, Relaxed);
    }
}

/// A metric, as `lotty.metrics` shows it.
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Its label and the label's value, if it has one.
    pub label: Option<(&'static str, &'static str)>,
    /// Its value.
    pub value: u64,
    /// What it says.
    pub help: &'static str,
}

/// All metrics, those of one name together.
pub fn all() -> Vec<Metric> {
    const REQUESTS: &str = "decisions by reason";
    const WRITTEN: &str = "decisions by how they were written";
    const FALLBACKS: &str =
        "decisions that should have been written by the background writer and were not, by cause";
    let database = shared().and_then(|shared| Some((shared, shared.own_database()?.1)));
    let value = |counter: Counter| {
        let number = counter.number();
        let counter = match &database {
            Some((_, database)) => database.counter(number),
            None => OF_SESSION.get(number),
        };
        counter.map_or(0, |counter| counter.load(Relaxed))
    };
    let counter = |name, label, counter, help| Metric {
        name,
        kind: "counter",
        label,
        value: value(counter),
        help,
    };
    let gauge = |name, value, help| Metric {
        name,
        kind: "gauge",
        label: None,
        value,
        help,
    };
    let mut metrics: Vec<Metric> = Reason::ALL
        .iter()
        .map(|reason| {
            let label = Some(("reason", reason.as_str()));
            let requests = Counter::Requests(*reason);
            counter("lotty_decide_requests_total", label, requests, REQUESTS)
        })
        .collect();
    for (mode, of_mode) in [
        ("sync", Counter::WrittenSync),
        ("async", Counter::WrittenAsync),
        ("none", Counter::NotWritten),
    ] {
        let label = Some(("mode", mode));
        metrics.push(counter(
            "lotty_decisions_written_total",
            label,
            of_mode,
            WRITTEN,
        ));
    }
    for (cause, of_cause) in [
        ("not_preloaded", Counter::NotPreloaded),
        ("no_worker", Counter::NoWriter),
        ("queue_full", Counter::QueueFull),
    ] {
        let label = Some(("cause", cause));
        metrics.push(counter(
            "lotty_sync_fallbacks_total",
            label,
            of_cause,
            FALLBACKS,
        ));
    }
    let of_session = cache::statistics();
    metrics.extend([
        counter(
            "lotty_sql_writes_total",
            None,
            Counter::WrittenBySql,
            "decisions written by an SQL statement, because lotty.decision has triggers or columns of its own",
        ),
        counter(
            "lotty_flag_cache_hits_total",
            None,
            Counter::CacheHits,
            "flags and experiments found compiled in a session's cache",
        ),
        counter(
            "lotty_flag_cache_builds_total",
            None,
            Counter::CacheBuilds,
            "flags and experiments compiled",
        ),
        counter(
            "lotty_result_cache_hits_total",
            None,
            Counter::ResultCacheHits,
            "decisions found in a session's cache of decisions",
        ),
        gauge(
            "lotty_flag_cache_bytes",
            u64::try_from(of_session.bytes).unwrap_or(u64::MAX),
            "memory of the compiled flags and experiments in the session that asks",
        ),
        gauge(
            "lotty_flag_cache_entries",
            u64::try_from(of_session.entries).unwrap_or(u64::MAX),
            "flags and experiments in the cache of the session that asks",
        ),
        gauge(
            "lotty_queue_depth",
            database.map_or(0, |(_, database)| u64::from(database.queued())),
            "decisions that wait for the background writer",
        ),
        gauge(
            "lotty_queue_capacity",
            database.map_or(0, |(shared, _)| u64::from(shared.capacity())),
            "decisions of usual size that the queue of all databases holds",
        ),
        gauge(
            "lotty_preloaded",
            u64::from(database.is_some()),
            "1 if the library is preloaded: the counters are then those of all sessions, else of one",
        ),
    ]);
    metrics
}
