//! The steps of a decision, against a ledger in memory.
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

use deciding::{Books, N, POLICY, Page, ask, ask_with, experiment, flag, membership, source};
use lotty_core::flag::Flag;
use lotty_core::ledger::{Ledger, Membership, Standing};
use lotty_core::participation::Policy;
use lotty_core::reason::Reason;
use proptest::prelude::*;
use uuid::Uuid;

#[test]
fn no_flag_no_value() {
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    let got = ask_with(None, &mut page, &N(0), &POLICY);
    assert_eq!((got.value, got.reason), (None, Reason::FlagNotFound));
}

#[test]
fn a_disabled_flag_answers_its_default_value_and_reads_nothing() {
    let mut flag = flag(vec![experiment(1, "", 100)]);
    flag.enabled = false;
    let books = Rc::default();
    let got = ask(&flag, &mut Page::new(&books, "u"), 0);
    assert_eq!(
        (got.value, got.experiment, got.reason),
        (Some(&"default"), None, Reason::FlagDisabled)
    );
}

#[test]
fn without_experiments_the_default_value() {
    let flag = flag(vec![]);
    let books = Rc::default();
    let got = ask(&flag, &mut Page::new(&books, "u"), 0);
    assert_eq!(
        (got.value, got.reason),
        (Some(&"default"), Reason::NoActiveExperiment)
    );
}

#[test]
fn the_first_experiment_that_assigns_wins_and_else_the_last_reason_counts() {
    let flag = flag(vec![
        experiment(1, "n = 1", 100),
        experiment(2, "n <= 2", 100),
        experiment(3, "n = 3", 0),
    ]);
    let books = Rc::default();
    let by = |n| {
        let got = ask(&flag, &mut Page::new(&books, "u"), n);
        (got.experiment.map(|id| id.as_u128()), got.reason)
    };
    assert_eq!(by(1), (Some(1), Reason::ExperimentAssigned));
    assert_eq!(by(2), (Some(2), Reason::ExperimentAssigned));
    assert_eq!(by(3), (Some(3), Reason::OutsideTrafficAllocation));
    assert_eq!(by(4), (Some(3), Reason::TargetingMismatch));
}

#[test]
fn the_order_is_targeting_participation_traffic_variants() {
    let mut source = experiment(9, "n = 1", 0);
    source.variants.clear();
    let flag = flag(vec![source]);
    let books = Rc::new(RefCell::new(Books::default()));
    let reason = |n| ask(&flag, &mut Page::new(&books, "u"), n).reason;
    assert_eq!(reason(1), Reason::OutsideTrafficAllocation);
    for number in 1..=3_u128 {
        let id = Uuid::from_u128(number);
        let row = membership(id, Uuid::nil(), i16::try_from(number).unwrap());
        books.borrow_mut().rows.insert(("u".into(), id), row);
    }
    assert_eq!(reason(1), Reason::ParticipationLimit);
    assert_eq!(reason(2), Reason::TargetingMismatch);
}

#[test]
fn a_known_subject_writes_nothing() {
    let flag = flag(vec![experiment(1, "", 100)]);
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    let first = ask(&flag, &mut page, 0).variant;
    assert_eq!(page.writes, 1);
    assert_eq!(ask(&flag, &mut page, 0).variant, first);
    assert_eq!((page.writes, page.locks), (1, 0));
}

#[test]
fn a_page_with_rows_is_locked_before_it_is_written() {
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    ask(&flag(vec![experiment(1, "", 100)]), &mut page, 0);
    assert_eq!(page.locks, 0);
    ask(&flag(vec![experiment(2, "", 100)]), &mut page, 0);
    assert_eq!(page.locks, 1);
}

#[test]
fn a_changed_variant_is_recorded() {
    let one = flag(vec![experiment(1, "", 100)]);
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    let first = ask(&one, &mut page, 0).variant;
    let mut source = experiment(1, "", 100);
    source.variants.retain(|variant| Some(variant.id) != first);
    let other = flag(vec![source]);
    let second = ask(&other, &mut page, 0).variant;
    assert_ne!(first, second);
    assert_eq!(books.borrow().rows.values().next().unwrap().variant, second);
}

#[test]
fn a_broken_rule_admits_nobody_and_is_reported() {
    let source = source(vec![experiment(1, "n =", 100)]);
    let mut broken = Vec::new();
    let flag = Flag::compile(source, &mut |_| None, &mut broken).unwrap();
    let books = Rc::default();
    assert_eq!(
        ask(&flag, &mut Page::new(&books, "u"), 0).reason,
        Reason::TargetingMismatch
    );
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].experiment, "e1");
}

#[test]
fn numbers_out_of_bounds_do_not_compile() {
    let compile = |experiment| {
        Flag::compile(source(vec![experiment]), &mut |_| None, &mut Vec::new())
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    assert_eq!(
        compile(experiment(1, "", 101)),
        Err("experiment \"e1\": traffic allocation 101 is not between 0 and 100".into())
    );
    let mut heavy = experiment(1, "", 100);
    heavy.variants[0].weight = 1_000_000_000_000_i64.into();
    assert!(
        compile(heavy)
            .unwrap_err()
            .starts_with("experiment \"e1\": weight 1000000000000 is not")
    );
}

#[test]
fn the_same_membership_entered_by_another_transaction_is_taken_over() {
    let flag = flag(vec![experiment(1, "", 100)]);
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    let (id, variant) = (Uuid::from_u128(1), Uuid::from_u128(101));
    page.interfere = Box::new(move |books| {
        books
            .rows
            .insert(("u".into(), id), membership(id, variant, 1));
    });
    assert_eq!(ask(&flag, &mut page, 0).reason, Reason::ExperimentAssigned);
    assert_eq!(books.borrow().rows.len(), 1);
}

#[test]
fn whoever_loses_the_last_slot_is_refused() {
    let flag = flag(vec![experiment(9, "", 100)]);
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    let mut others = 0_u128;
    // Another transaction takes the very slot, each time.
    page.interfere = Box::new(move |books| {
        others += 1;
        let (id, slot) = (Uuid::from_u128(others), i16::try_from(others).unwrap());
        books
            .rows
            .insert(("u".into(), id), membership(id, Uuid::nil(), slot));
    });
    assert_eq!(ask(&flag, &mut page, 0).reason, Reason::ParticipationLimit);
    assert_eq!(books.borrow().rows.len(), 3);
}

#[test]
fn endless_interference_ends_in_a_refusal() {
    let flag = flag(vec![experiment(9, "", 100)]);
    let books = Rc::default();
    let mut page = Page::new(&books, "u");
    page.interfere = Box::new(move |books| {
        // In, and out again before the next look: the claim fails, the page looks empty.
        books.rows.clear();
        books.ended.insert(Uuid::from_u128(1), true);
        let id = Uuid::from_u128(1);
        let mut row = membership(id, Uuid::nil(), 1);
        row.assigned_at = 0;
        books.rows.insert(("u".into(), id), row);
    });
    assert_eq!(ask(&flag, &mut page, 0).reason, Reason::ParticipationLimit);
}

proptest! {
    /// Whatever subjects ask for and whichever experiments end meanwhile, nobody is in more
    /// than three active experiments, and everybody assigned holds a slot of his own.
    #[test]
    fn the_limit_holds(steps in prop::collection::vec((0_usize..3, 1_u128..8, any::<bool>()), 1..200)) {
        let subjects = ["u1", "u2", "u3"];
        let flags: Vec<Flag<&str>> = (1..8).map(|n| flag(vec![experiment(n, "", 100)])).collect();
        let books: Rc<RefCell<Books>> = Rc::default();
        let policy = Policy { cooldown: 0, ..POLICY };
        for (who, number, end) in steps {
            if end && number % 2 == 0 {
                books.borrow_mut().ended.insert(Uuid::from_u128(number), true);
                continue;
            }
            if books.borrow().ended.contains_key(&Uuid::from_u128(number)) {
                continue;
            }
            let mut page = Page::new(&books, subjects[who]);
            let at = usize::try_from(number).unwrap() - 1;
            let got = ask_with(Some(&flags[at]), &mut page, &N(0), &policy);
            let active: Vec<Membership> = page.memberships().into_iter()
                .filter(|m| m.standing == Standing::Active).collect();
            prop_assert!(active.len() <= 3);
            let assigned = active.iter().any(|m| m.experiment == Uuid::from_u128(number));
            prop_assert_eq!(got.reason == Reason::ExperimentAssigned, assigned);
            let mut slots: Vec<_> = page.memberships().iter().filter_map(|m| m.slot).collect();
            slots.sort_unstable();
            slots.dedup();
            prop_assert_eq!(slots.len(), page.memberships().iter().filter(|m| m.slot.is_some()).count());
        }
    }
}
