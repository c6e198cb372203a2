//! Conflict domains: sets of experiments of which a subject is in at most one.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use uuid::Uuid;

use crate::allocation::Split;
use crate::bucket::{Bucket, hash64, murmur3_bucket};
use crate::decide::Subject;
use crate::ledger::Membership;
use crate::targeting::{Rule, Truth};

/// Salt of the hash that ranks the members of a domain for a subject.
pub const DOMAIN_SALT: &str = "domain";

/// How a domain picks the experiment of a subject that is in none of its members yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainPolicy {
    /// The member with the highest rendezvous hash: equal shares, and adding or ending a
    /// member moves only the subjects that it gains or loses.
    MutualExclusion,
    /// The same, with shares in proportion to the members' weights.
    Weighted,
    /// The highest priority among the members whose targeting admits the subject; ties by
    /// rendezvous hash.
    Priority,
    /// The experiment in whose range the subject's bucket falls, an exclusion group with the
    /// policy "random" in Optimizely (`bucket` of `bucketer.rb`).
    OptimizelyGroup,
}

impl DomainPolicy {
    /// The policy's name in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MutualExclusion => "mutual_exclusion",
            Self::Weighted => "weighted",
            Self::Priority => "priority",
            Self::OptimizelyGroup => "optimizely_group",
        }
    }

    /// The policy of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::MutualExclusion,
            Self::Weighted,
            Self::Priority,
            Self::OptimizelyGroup,
        ];
        all.into_iter().find(|policy| policy.as_str() == name)
    }
}

/// A domain, compiled.
#[derive(Debug)]
pub struct Domain {
    /// Its key.
    pub key: Box<str>,
    /// How it picks.
    pub policy: DomainPolicy,
    /// What is hashed for it under [`DomainPolicy::OptimizelyGroup`].
    pub hash_key: Box<str>,
    /// Which bucket belongs to which of `experiments` under [`DomainPolicy::OptimizelyGroup`].
    pub ranges: Split,
    /// All experiments that belong to it, whatever their status.
    pub experiments: Box<[Uuid]>,
    /// Those that are running.
    pub members: Box<[Member]>,
}

/// A running member of a domain, compiled.
#[derive(Debug)]
pub struct Member {
    /// The experiment.
    pub experiment: Uuid,
    /// What is hashed for it.
    pub hash_key: Box<str>,
    /// Rank under [`DomainPolicy::Priority`]; the highest wins.
    pub priority: i32,
    /// Share under [`DomainPolicy::Weighted`]; 0 never wins.
    pub weight: Decimal,
    /// Whom the experiment is for; looked at under [`DomainPolicy::Priority`].
    pub rule: Rule,
}

impl Domain {
    /// The experiment that has the subject.
    ///
    /// Who is in an active member stays with it (with the one entered first, should they have
    /// come into the domain by several); else the policy picks among the running members. An
    /// Optimizely group looks at the bucket alone, whatever the subject was given before and
    /// whether or not the experiment runs, since the SDKs do.
    pub fn winner(&self, subject: &Subject<'_>, memberships: &[Membership]) -> Winner {
        if self.policy == DomainPolicy::OptimizelyGroup {
            let bucket = murmur3_bucket(&subject.bucketing_id(), &self.hash_key);
            let index = self.ranges.pick(bucket);
            return Winner {
                experiment: index.and_then(|index| self.experiments.get(index).copied()),
                bucket: Some(bucket),
            };
        }
        let member = memberships
            .iter()
            .filter(|m| m.is_active() && self.experiments.contains(&m.experiment))
            .min_by_key(|m| (m.assigned_at, m.experiment))
            .map(|m| m.experiment);
        Winner {
            experiment: member.or_else(|| self.pick(subject)),
            bucket: None,
        }
    }

    fn pick(&self, subject: &Subject<'_>) -> Option<Uuid> {
        let hash = |member: &Member| hash64(subject.id, &member.hash_key, DOMAIN_SALT);
        let members = self.members.iter();
        match self.policy {
            DomainPolicy::MutualExclusion => members.max_by_key(|m| (hash(m), m.experiment)),
            DomainPolicy::Weighted => members.filter(|m| !m.weight.is_zero()).min_by(|a, b| {
                let (a_time, b_time) = (arrival(hash(a), a.weight), arrival(hash(b), b.weight));
                a_time
                    .total_cmp(&b_time)
                    .then(b.experiment.cmp(&a.experiment))
            }),
            DomainPolicy::Priority => members
                .filter(|m| m.rule.evaluate(subject.attributes) == Truth::True)
                .max_by_key(|m| (m.priority, hash(m), m.experiment)),
            // Has ranges instead.
            DomainPolicy::OptimizelyGroup => None,
        }
        .map(|member| member.experiment)
    }
}

/// Which experiment of a domain has a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winner {
    /// The experiment; none if no member may have the subject.
    pub experiment: Option<Uuid>,
    /// The subject's bucket, where that is what decides.
    pub bucket: Option<Bucket>,
}

/// Weighted rendezvous hashing: the hash as a uniform number u in (0, 1) gives the
/// exponentially distributed arrival time -ln(u) / weight, and of independent such times the
/// first belongs to a member with probability weight / sum of weights. A member's time
/// depends on nothing but itself, so other members coming and going move nobody else.
///
/// The logarithm is that of the `libm` crate: the same on every platform.
fn arrival(hash: u64, weight: Decimal) -> f64 {
    // 53 bits, centred, so that neither 0 nor 1 can come out.
    let uniform = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -libm::log(uniform) / weight.to_f64().unwrap_or(f64::MIN_POSITIVE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::allocation::TrafficRange;
    use crate::attributes::{Attributes, Path, Value};
    use crate::ledger::Standing;

    struct Nothing;

    impl Attributes for Nothing {
        fn get(&self, _: &Path) -> Value<'_> {
            Value::Missing
        }
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn member(number: u128, priority: i32, weight: i64, rule: &str) -> Member {
        Member {
            experiment: id(number),
            hash_key: id(number).to_string().into(),
            priority,
            weight: weight.into(),
            rule: Rule::compile(rule, &mut |_| None).unwrap(),
        }
    }

    fn domain(policy: DomainPolicy, members: Vec<Member>) -> Domain {
        Domain {
            key: "d".into(),
            policy,
            hash_key: "".into(),
            ranges: Split::default(),
            experiments: members.iter().map(|m| m.experiment).collect(),
            members: members.into(),
        }
    }

    fn winners(domain: &Domain) -> Vec<Option<Uuid>> {
        (0..100_000)
            .map(|i| {
                domain
                    .winner(
                        &Subject {
                            id: &format!("s{i}"),
                            attributes: &Nothing,
                        },
                        &[],
                    )
                    .experiment
            })
            .collect()
    }

    /// Pearson's statistic of the members' shares against their weights.
    fn chi_square(winners: &[Option<Uuid>], weights: &[(u128, i64)]) -> f64 {
        let total: i64 = weights.iter().map(|(_, w)| w).sum();
        weights
            .iter()
            .map(|(number, weight)| {
                let got = winners.iter().filter(|w| **w == Some(id(*number))).count() as f64;
                let expected = winners.len() as f64 * *weight as f64 / total as f64;
                (got - expected).powi(2) / expected
            })
            .sum()
    }

    // 99.9 % quantiles of the chi-square distribution with 2 and 3 degrees of freedom.
    const CHI_2: f64 = 13.816;
    const CHI_3: f64 = 16.266;

    #[test]
    fn mutual_exclusion_shares_equally_and_moves_the_fewest() {
        let make = |numbers: &[u128]| {
            let members = numbers.iter().map(|n| member(*n, 0, 1, "")).collect();
            winners(&domain(DomainPolicy::MutualExclusion, members))
        };
        let three = make(&[1, 2, 3]);
        assert!(chi_square(&three, &[(1, 1), (2, 1), (3, 1)]) < CHI_2);
        let four = make(&[1, 2, 3, 4]);
        assert!(chi_square(&four, &[(1, 1), (2, 1), (3, 1), (4, 1)]) < CHI_3);
        for (before, after) in three.iter().zip(&four) {
            assert!(before == after || *after == Some(id(4)));
        }
    }

    #[test]
    fn weighted_shares_follow_the_weights_and_move_the_fewest() {
        let make = |weights: &[(u128, i64)]| {
            let members = weights.iter().map(|(n, w)| member(*n, 0, *w, "")).collect();
            winners(&domain(DomainPolicy::Weighted, members))
        };
        let before_weights = [(1, 1), (2, 3), (3, 6)];
        let before = make(&before_weights);
        assert!(chi_square(&before, &before_weights) < CHI_2);
        let ended = make(&[(1, 1), (2, 3)]);
        for (before, after) in before.iter().zip(&ended) {
            assert!(before == after || *before == Some(id(3)));
        }
        // A raised bid only gains.
        let raised = make(&[(1, 1), (2, 3), (3, 12)]);
        for (before, after) in before.iter().zip(&raised) {
            assert!(before == after || *after == Some(id(3)));
        }
        assert!(make(&[(1, 0), (2, 5)]).iter().all(|w| *w == Some(id(2))));
        assert!(make(&[(1, 0)]).iter().all(Option::is_none));
    }

    #[test]
    fn priority_goes_to_the_highest_that_admits_the_subject() {
        let members = |top: &str| {
            vec![
                member(1, 5, 1, top),
                member(2, 3, 1, ""),
                member(3, 3, 1, ""),
            ]
        };
        let open = winners(&domain(DomainPolicy::Priority, members("")));
        assert!(open.iter().all(|w| *w == Some(id(1))));
        let closed = winners(&domain(DomainPolicy::Priority, members("vip")));
        assert!(chi_square(&closed, &[(2, 1), (3, 1)]) < CHI_2);
        let nobody = domain(DomainPolicy::Priority, vec![member(1, 1, 1, "FALSE")]);
        assert!(winners(&nobody).iter().all(Option::is_none));
    }

    #[test]
    fn who_is_in_stays_in() {
        let domain = domain(
            DomainPolicy::MutualExclusion,
            (1..=5).map(|n| member(n, 0, 1, "")).collect(),
        );
        let membership = |number: u128, standing, assigned_at| Membership {
            experiment: id(number),
            variant: None,
            slot: Some(1),
            standing,
            assigned_at,
        };
        for i in 0..1_000 {
            let name = format!("s{i}");
            let subject = Subject {
                id: &name,
                attributes: &Nothing,
            };
            let free = domain.winner(&subject, &[]);
            let in_four = [membership(4, Standing::Active, 7)];
            assert_eq!(domain.winner(&subject, &in_four).experiment, Some(id(4)));
            let in_two = [
                membership(4, Standing::Active, 7),
                membership(2, Standing::Active, 5),
            ];
            assert_eq!(domain.winner(&subject, &in_two).experiment, Some(id(2)));
            assert_eq!(
                domain.winner(&subject, &[membership(4, Standing::Ended, 7)]),
                free
            );
            assert_eq!(
                domain.winner(&subject, &[membership(9, Standing::Active, 7)]),
                free
            );
        }
    }

    #[test]
    fn a_group_looks_at_the_bucket_alone() {
        let domain = Domain {
            hash_key: "1886780722".into(),
            ranges: Split::from_ranges(
                &[
                    TrafficRange {
                        end: 2434,
                        entity: Some(0),
                    },
                    TrafficRange {
                        end: 2435,
                        entity: Some(1),
                    },
                ],
                |index| Some(*index),
            ),
            ..domain(
                DomainPolicy::OptimizelyGroup,
                vec![member(1, 0, 1, ""), member(2, 0, 1, "")],
            )
        };
        let subject = |id| Subject {
            id,
            attributes: &Nothing,
        };
        // The bucket that the tests of Optimizely's SDKs give for this user and group.
        let winner = domain.winner(&subject("ppid2"), &[]);
        assert_eq!(winner.bucket.map(Bucket::get), Some(2434));
        assert_eq!(winner.experiment, Some(id(2)));
        let in_one = [Membership {
            experiment: id(1),
            variant: None,
            slot: Some(1),
            standing: Standing::Active,
            assigned_at: 0,
        }];
        assert_eq!(domain.winner(&subject("ppid2"), &in_one), winner);
        assert_eq!(domain.winner(&subject("ppid1"), &[]).experiment, None);
    }
}
