//! The steps that come from the Optimizely seed: overrides, sticky, rollouts, ranges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/deciding.rs"]
mod deciding;

use std::cell::RefCell;
use std::rc::Rc;

use deciding::{
    Books, N, POLICY, Page, ask, ask_with, compile, experiment, flag, membership, source,
};
use lotty_core::allocation::TrafficRange;
use lotty_core::attributes::{Attributes, Path, Value};
use lotty_core::flag::{BucketingSource, ExperimentSource, Flag};
use lotty_core::ledger::Membership;
use lotty_core::overrides::Overridden;
use lotty_core::participation::Policy;
use lotty_core::reason::Reason;
use uuid::Uuid;

type Shared = Rc<RefCell<Books>>;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn override_for(books: &Shared, experiment: u128, given: Overridden) {
    let key = ("u".to_owned(), id(experiment));
    books.borrow_mut().overrides.insert(key, given);
}

fn answer(flag: &Flag<&'static str>, books: &Shared, n: i64) -> (Option<u128>, Reason) {
    let got = ask(flag, &mut Page::new(books, "u"), n);
    (got.variant.map(|id| id.as_u128()), got.reason)
}

#[test]
fn overrides_come_before_everything_and_the_forced_one_first() {
    let mut source = experiment(1, "FALSE", 0);
    source.has_overrides = true;
    let flag = flag(vec![source]);
    let books = Shared::default();
    assert_eq!(answer(&flag, &books, 0), (None, Reason::TargetingMismatch));
    let mut given = Overridden {
        forced: None,
        whitelisted: Some(id(101)),
    };
    override_for(&books, 1, given);
    assert_eq!(answer(&flag, &books, 0), (Some(101), Reason::Whitelisted));
    given.forced = Some(id(102));
    override_for(&books, 1, given);
    assert_eq!(answer(&flag, &books, 0), (Some(102), Reason::Forced));
    given.forced = Some(id(199));
    override_for(&books, 1, given);
    assert_eq!(answer(&flag, &books, 0), (Some(101), Reason::Whitelisted));
    given.whitelisted = None;
    override_for(&books, 1, given);
    assert_eq!(answer(&flag, &books, 0), (None, Reason::TargetingMismatch));
    assert!(books.borrow().rows.is_empty());
}

#[test]
fn an_experiment_without_overrides_does_not_ask() {
    let books = Shared::default();
    let given = Overridden {
        forced: Some(id(101)),
        whitelisted: None,
    };
    override_for(&books, 1, given);
    let flag = flag(vec![experiment(1, "FALSE", 100)]);
    assert_eq!(answer(&flag, &books, 0), (None, Reason::TargetingMismatch));
}

fn sticky(targeting: &str, traffic: i64) -> ExperimentSource<&'static str> {
    ExperimentSource {
        sticky: true,
        ..experiment(1, targeting, traffic)
    }
}

#[test]
fn who_is_in_a_sticky_experiment_stays_in() {
    let books = Shared::default();
    let (given, reason) = answer(&flag(vec![sticky("", 100)]), &books, 0);
    assert_eq!(reason, Reason::ExperimentAssigned);
    let closed = flag(vec![sticky("FALSE", 0)]);
    assert_eq!(answer(&closed, &books, 0), (given, Reason::Sticky));
    // Not even a full page puts it out.
    for number in 2..=4 {
        let slot = i16::try_from(number).unwrap();
        let row = membership(id(number), id(0), slot);
        books
            .borrow_mut()
            .rows
            .insert(("u".into(), id(number)), row);
    }
    assert_eq!(answer(&closed, &books, 0), (given, Reason::Sticky));
    let mut gone = sticky("", 100);
    gone.variants
        .retain(|variant| Some(variant.id.as_u128()) != given);
    let left = gone.variants[0].id.as_u128();
    assert_eq!(
        answer(&flag(vec![gone.clone()]), &books, 0),
        (None, Reason::ParticipationLimit)
    );
    books.borrow_mut().ended.insert(id(4), true);
    let policy = Policy {
        cooldown: 0,
        ..POLICY
    };
    let flag = flag(vec![gone]);
    let mut page = Page::new(&books, "u");
    let got = ask_with(Some(&flag), &mut page, &N(0), &policy);
    assert_eq!(got.reason, Reason::ExperimentAssigned);
    assert_eq!(got.variant, Some(id(left)));
    assert_eq!(page.writes, 1);
}

#[test]
fn who_lost_its_place_in_a_sticky_experiment_gets_its_variant_again() {
    let source = sticky("n > 0", 100);
    let probe = Shared::default();
    let (picked, _) = answer(&flag(vec![source.clone()]), &probe, 1);
    let other = if picked == Some(101) { 102 } else { 101 };
    let books = Shared::default();
    let displaced = Membership {
        slot: None,
        ..membership(id(1), id(other), 1)
    };
    let key = ("u".to_owned(), id(1));
    books.borrow_mut().rows.insert(key.clone(), displaced);
    for number in 2..=4 {
        let slot = i16::try_from(number - 1).unwrap();
        let row = membership(id(number), id(0), slot);
        books
            .borrow_mut()
            .rows
            .insert(("u".into(), id(number)), row);
    }
    // The gates of entry hold: it is not in.
    let flag = flag(vec![source]);
    assert_eq!(answer(&flag, &books, 1), (None, Reason::ParticipationLimit));
    assert_eq!(answer(&flag, &books, 0), (None, Reason::TargetingMismatch));
    books.borrow_mut().rows.remove(&("u".to_owned(), id(3)));
    assert_eq!(answer(&flag, &books, 0), (None, Reason::TargetingMismatch));
    let entered = (Some(other), Reason::ExperimentAssigned);
    assert_eq!(answer(&flag, &books, 1), entered);
    assert_eq!(books.borrow().rows[&key].slot, Some(2));
    assert_eq!(answer(&flag, &books, 0), (Some(other), Reason::Sticky));
}

#[test]
fn two_that_enter_a_sticky_experiment_at_once_get_one_variant() {
    for limited in [true, false] {
        let mut source = sticky("", 100);
        source.limited = limited;
        let flag = flag(vec![source]);
        let probe = Shared::default();
        let (own, _) = answer(&flag, &probe, 0);
        let other = if own == Some(101) { 102 } else { 101 };
        let books = Shared::default();
        let mut page = Page::new(&books, "u");
        page.interfere = Box::new(move |books| {
            let row = Membership {
                slot: limited.then_some(1),
                ..membership(id(1), id(other), 1)
            };
            books.rows.insert(("u".into(), id(1)), row);
        });
        let got = ask(&flag, &mut page, 0);
        assert_eq!(got.reason, Reason::Sticky);
        assert_eq!(got.variant, Some(id(other)));
        assert_eq!(page.writes, 0);
    }
}

#[test]
fn two_that_are_bucketed_again_at_once_get_one_variant() {
    let mut source = sticky("", 100);
    source.limited = false;
    let flag = flag(vec![source]);
    let books = Shared::default();
    let gone = Membership {
        slot: None,
        ..membership(id(1), id(199), 1)
    };
    books.borrow_mut().rows.insert(("u".into(), id(1)), gone);
    let mut page = Page::new(&books, "u");
    page.interfere = Box::new(|books| {
        let row = books.rows.get_mut(&("u".into(), id(1))).unwrap();
        row.variant = Some(id(102));
    });
    let got = ask(&flag, &mut page, 0);
    assert_eq!((got.variant, got.reason), (Some(id(102)), Reason::Sticky));
}

#[test]
fn ignoring_sticky_neither_reads_nor_writes_it() {
    let ignoring = Policy {
        ignore_sticky: true,
        ..POLICY
    };
    for limited in [true, false] {
        let mut source = sticky("", 100);
        source.limited = limited;
        let flag = flag(vec![source]);
        let (own, _) = answer(&flag, &Shared::default(), 0);
        let other = if own == Some(101) { 102 } else { 101 };
        let books = Shared::default();
        let row = membership(id(1), id(other), 1);
        books.borrow_mut().rows.insert(("u".into(), id(1)), row);
        let mut page = Page::new(&books, "u");
        let got = ask_with(Some(&flag), &mut page, &N(0), &ignoring);
        assert_eq!(got.reason, Reason::ExperimentAssigned);
        assert_eq!(got.variant.map(|id| id.as_u128()), own);
        assert_eq!(page.writes, 0);
        let kept = books.borrow().rows[&("u".to_owned(), id(1))].variant;
        assert_eq!(kept, Some(id(other)));
        if !limited {
            assert_eq!(page.reads, 0);
        }
    }
}

#[test]
fn exempt_from_the_limits_needs_the_ledger_only_if_sticky() {
    let mut source = experiment(9, "", 100);
    source.limited = false;
    let books = Shared::default();
    for number in 1..=3_u128 {
        let row = membership(id(number), id(0), i16::try_from(number).unwrap());
        books
            .borrow_mut()
            .rows
            .insert(("u".into(), id(number)), row);
    }
    let plain = flag(vec![source.clone()]);
    let mut page = Page::new(&books, "u");
    assert_eq!(ask(&plain, &mut page, 0).reason, Reason::ExperimentAssigned);
    assert_eq!((page.reads, page.writes), (0, 0));
    source.sticky = true;
    let sticky = flag(vec![source]);
    assert_eq!(
        ask(&sticky, &mut page, 0).reason,
        Reason::ExperimentAssigned
    );
    assert_eq!((page.writes, page.locks), (1, 0));
    assert_eq!(books.borrow().rows[&("u".to_owned(), id(9))].slot, None);
}

/// A subject with a bucketing id.
struct BucketingId(&'static str);

impl Attributes for BucketingId {
    fn get(&self, path: &Path) -> Value<'_> {
        if path == &Path::new("$opt_bucketing_id") {
            Value::Text(self.0.into())
        } else {
            Value::Missing
        }
    }
}

fn ranged(
    number: u128,
    hash_key: &str,
    ranges: &[(u16, Option<u128>)],
) -> ExperimentSource<&'static str> {
    let ranges = ranges.iter().map(|(end, variant)| TrafficRange {
        end: *end,
        entity: variant.map(id),
    });
    ExperimentSource {
        hash_key: hash_key.into(),
        bucketing: BucketingSource::Murmur3 {
            ranges: ranges.collect(),
        },
        ..experiment(number, "", 100)
    }
}

#[test]
fn ranges_say_who_takes_part_and_with_which_variant() {
    // The bucket of ppid1 is 5254, that of ppid2 4299, that of ppid3 5439.
    let ranges = [(4300, Some(101)), (5255, Some(102)), (6000, None)];
    let flag = flag(vec![ranged(1, "1886780721", &ranges)]);
    let books = Shared::default();
    let by = |subject, bucketing_id| {
        let mut page = Page::new(&books, subject);
        let got = ask_with(Some(&flag), &mut page, &BucketingId(bucketing_id), &POLICY);
        (got.variant.map(|id| id.as_u128()), got.reason)
    };
    assert_eq!(by("a", "ppid2"), (Some(101), Reason::ExperimentAssigned));
    assert_eq!(by("b", "ppid1"), (Some(102), Reason::ExperimentAssigned));
    assert_eq!(by("c", "ppid3"), (None, Reason::OutsideTrafficAllocation));
    let got = ask(&flag, &mut Page::new(&books, "ppid1"), 0);
    assert_eq!(got.variant, Some(id(102)));
    let mut empty = ranged(1, "1886780721", &ranges);
    empty.variants.clear();
    let empty = deciding::flag(vec![empty]);
    assert_eq!(answer(&empty, &books, 0), (None, Reason::NoVariants));
}

#[test]
fn outside_the_traffic_of_a_rollout_rule_only_the_last_rule_is_left() {
    let mut with_rules = source(vec![experiment(9, "n = 9", 100)]);
    with_rules.rollouts = vec![
        experiment(1, "n = 1", 100),
        experiment(2, "n <= 3", 0),
        experiment(3, "n = 3", 100),
        experiment(4, "n != 2", 100),
    ];
    let flag = compile(with_rules);
    let books = Shared::default();
    let by = |n| {
        let got = ask(&flag, &mut Page::new(&books, "u"), n);
        (got.experiment.map(|id| id.as_u128()), got.reason)
    };
    assert_eq!(by(1), (Some(1), Reason::Rollout));
    assert_eq!(by(2), (Some(9), Reason::TargetingMismatch));
    assert_eq!(by(3), (Some(4), Reason::Rollout));
    assert_eq!(by(5), (Some(4), Reason::Rollout));
    assert_eq!(by(9), (Some(9), Reason::ExperimentAssigned));
    assert_eq!(books.borrow().rows.len(), 1);
}

#[test]
fn without_experiments_the_reason_is_that_there_is_none() {
    let mut only_rules = source(vec![]);
    only_rules.rollouts = vec![experiment(1, "n = 1", 100)];
    let flag = compile(only_rules);
    let books = Shared::default();
    assert_eq!(answer(&flag, &books, 1).1, Reason::Rollout);
    assert_eq!(answer(&flag, &books, 2), (None, Reason::NoActiveExperiment));
}
