//! Participation: how many experiments a subject may be in at a time, and for how long it
//! rests after one that ended. The rules of the Lotty seed (`_check_participation_limits`).

use uuid::Uuid;

use crate::ledger::{FIRST_SLOT, Membership, Standing};

/// The settings that participation obeys, and the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `lotty.max_concurrent_experiments`: most *other* active experiments plus this one.
    pub max_concurrent: i16,
    /// `lotty.cooldown_days` in microseconds; 0 switches the cool-down off.
    pub cooldown: i64,
    /// `lotty.ignore_sticky`: sticky experiments neither look at nor record what a subject was
    /// given before.
    pub ignore_sticky: bool,
    /// The decision's time in microseconds (of any epoch).
    pub now: i64,
}

/// What participation says of one subject and one experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participation {
    /// Number of *other* active experiments that the subject is in.
    pub active: usize,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether the subject may be in the experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds a slot for this experiment already.
    Member {
        /// The variant that the ledger knows.
        variant: Option<Uuid>,
    },
    /// It may enter under this slot.
    Free {
        /// The lowest slot that no active membership occupies.
        slot: i16,
    },
    /// It is in as many other active experiments as the limit allows.
    Full,
    /// It was assigned to another experiment, now ended, not long enough ago.
    CoolingDown {
        /// The experiment that ended.
        experiment: Uuid,
        /// End of the cool-down, on the policy's clock.
        until: i64,
    },
}

/// Applies the policy.
///
/// Limit first, then cool-down; the experiment asked for never counts against itself, and a
/// subject that is in it already is refused all the same when it is in too many others (as
/// in the seed).
pub fn participation(
    memberships: &[Membership],
    experiment: Uuid,
    policy: &Policy,
) -> Participation {
    let others = || {
        memberships
            .iter()
            .filter(move |m| m.experiment != experiment)
    };
    let active = others().filter(|m| m.is_active()).count();
    let full = active >= usize::try_from(policy.max_concurrent).unwrap_or(0);
    let own = memberships
        .iter()
        .find(|m| m.experiment == experiment && m.slot.is_some());
    let verdict = if full {
        Verdict::Full
    } else if let Some((experiment, until)) = cooling_down(others(), policy) {
        Verdict::CoolingDown { experiment, until }
    } else if let Some(own) = own {
        Verdict::Member {
            variant: own.variant,
        }
    } else {
        free_slot(memberships, experiment, policy.max_concurrent)
            .map_or(Verdict::Full, |slot| Verdict::Free { slot })
    };
    Participation { active, verdict }
}

/// Experiments that occupy a slot although they are no longer active.
pub fn releasable(memberships: &[Membership]) -> Vec<Uuid> {
    memberships
        .iter()
        .filter(|m| m.slot.is_some() && !m.is_active())
        .map(|m| m.experiment)
        .collect()
}

fn cooling_down<'a>(
    mut others: impl Iterator<Item = &'a Membership>,
    policy: &Policy,
) -> Option<(Uuid, i64)> {
    if policy.cooldown == 0 {
        return None;
    }
    let cutoff = policy.now.saturating_sub(policy.cooldown);
    others
        .find(|m| m.standing == Standing::Ended && m.assigned_at >= cutoff)
        .map(|m| (m.experiment, m.assigned_at.saturating_add(policy.cooldown)))
}

/// The lowest slot that no active experiment occupies.
///
/// Memberships may sit above the limit (it was lowered, or they come from a backfill). Each
/// of them takes one slot away at the top, so that the slots that can be taken, by whatever
/// number of transactions at once, never add up to more than the limit.
fn free_slot(memberships: &[Membership], experiment: Uuid, max: i16) -> Option<i16> {
    let occupied = || {
        memberships
            .iter()
            .filter(|m| m.is_active() && m.experiment != experiment)
            .filter_map(|m| m.slot)
    };
    let above = i16::try_from(occupied().filter(|slot| *slot > max).count()).unwrap_or(i16::MAX);
    let last = max.saturating_sub(above);
    (FIRST_SLOT..=last).find(|slot| occupied().all(|other| other != *slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        max_concurrent: 3,
        cooldown: 700,
        ignore_sticky: false,
        now: 10_000,
    };

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn member(experiment: u128, slot: Option<i16>, standing: Standing, at: i64) -> Membership {
        Membership {
            experiment: id(experiment),
            variant: Some(id(100 + experiment)),
            slot,
            standing,
            assigned_at: at,
        }
    }

    fn verdict(memberships: &[Membership], experiment: Uuid, policy: &Policy) -> Verdict {
        participation(memberships, experiment, policy).verdict
    }

    fn active(experiment: u128, slot: i16) -> Membership {
        member(experiment, Some(slot), Standing::Active, 0)
    }

    #[test]
    fn a_new_subject_takes_the_first_slot() {
        assert_eq!(verdict(&[], id(1), &POLICY), Verdict::Free { slot: 1 });
    }

    #[test]
    fn the_lowest_gap_is_taken() {
        let held = [active(1, 1), active(2, 3)];
        assert_eq!(verdict(&held, id(9), &POLICY), Verdict::Free { slot: 2 });
    }

    #[test]
    fn three_others_are_the_limit_even_for_a_member() {
        let held = [active(1, 1), active(2, 2), active(3, 3)];
        assert_eq!(verdict(&held, id(9), &POLICY), Verdict::Full);
        let mut with_own = held.to_vec();
        with_own.push(active(9, 4));
        assert_eq!(verdict(&with_own, id(9), &POLICY), Verdict::Full);
    }

    #[test]
    fn the_experiment_does_not_count_against_itself() {
        let held = [active(1, 1), active(2, 2), active(3, 3)];
        let variant = Some(id(103));
        assert_eq!(verdict(&held, id(3), &POLICY), Verdict::Member { variant });
    }

    #[test]
    fn ended_experiments_free_their_slot_and_start_a_cool_down() {
        let ended = |at| [member(1, Some(1), Standing::Ended, at)];
        let until = Verdict::CoolingDown {
            experiment: id(1),
            until: 10_000,
        };
        assert_eq!(verdict(&ended(9_300), id(9), &POLICY), until);
        assert_eq!(
            verdict(&ended(9_299), id(9), &POLICY),
            Verdict::Free { slot: 1 }
        );
        assert_eq!(
            verdict(&ended(9_999), id(1), &POLICY),
            Verdict::Member {
                variant: Some(id(101))
            }
        );
        assert_eq!(releasable(&ended(0)), vec![id(1)]);
    }

    #[test]
    fn a_decision_dated_in_the_future_counts() {
        let held = [member(1, None, Standing::Ended, 99_999)];
        assert!(matches!(
            verdict(&held, id(9), &POLICY),
            Verdict::CoolingDown { .. }
        ));
        let off = Policy {
            cooldown: 0,
            ..POLICY
        };
        assert_eq!(verdict(&held, id(9), &off), Verdict::Free { slot: 1 });
    }

    #[test]
    fn drafts_never_count() {
        let held = [
            member(1, None, Standing::Idle, 9_999),
            member(2, None, Standing::Idle, 9_999),
        ];
        assert_eq!(verdict(&held, id(9), &POLICY), Verdict::Free { slot: 1 });
    }

    #[test]
    fn slots_above_the_limit_take_slots_away_below_it() {
        let held = [active(1, 4), active(2, 5)];
        assert_eq!(verdict(&held, id(9), &POLICY), Verdict::Free { slot: 1 });
        let held = [active(1, 4), active(2, 1)];
        assert_eq!(verdict(&held, id(9), &POLICY), Verdict::Free { slot: 2 });
    }

    #[test]
    fn other_active_experiments_are_counted() {
        let held = [
            active(1, 1),
            active(2, 2),
            member(3, None, Standing::Idle, 0),
        ];
        assert_eq!(participation(&held, id(9), &POLICY).active, 2);
        assert_eq!(participation(&held, id(1), &POLICY).active, 1);
    }

    #[test]
    fn a_limit_of_zero_admits_nobody() {
        let none = Policy {
            max_concurrent: 0,
            ..POLICY
        };
        assert_eq!(verdict(&[], id(9), &none), Verdict::Full);
    }

    #[test]
    fn whoever_is_below_the_limit_finds_a_slot() {
        // Every way to put up to three others on the slots 1 to 6.
        for first in 1..=6_i16 {
            for second in 1..=6_i16 {
                if first == second {
                    continue;
                }
                let held = [active(1, first), active(2, second)];
                let got = verdict(&held, id(9), &POLICY);
                let Verdict::Free { slot } = got else {
                    unreachable!("{held:?}: {got:?}")
                };
                assert!(slot != first && slot != second && (1..=3).contains(&slot));
            }
        }
    }
}
