//! The ledger in the table `lotty.assignment`, through SPI.

use lotty_core::ledger::{Claim, Ledger, Membership, Standing};
use lotty_core::participation::Policy;
use uuid::Uuid;

use crate::cache;
use crate::pg::clock::{self, Timestamp};
use crate::pg::direct::reader::Reader;
use crate::pg::direct::writer::Writer;
use crate::pg::direct::{Column, Type};
use crate::pg::invalidation;
use crate::pg::parameter::Parameter;
use crate::pg::row::Row;
use crate::pg::spi::{Connection, Statement, View, connect};

/// The table, as `sql/20_tables.sql` makes it.
const COLUMNS: [Column; 6] = [
    (c"subject_id", Type::TEXT),
    (c"experiment_id", Type::UUID),
    (c"variant_id", Type::UUID),
    (c"slot", Type::SMALLINT),
    (c"assigned_at", Type::TIMESTAMPTZ),
    (c"displaced_at", Type::TIMESTAMPTZ),
];

/// A subject's rows, all columns but the subject.
static READER: Reader = Reader::new(
    c"assignment",
    &COLUMNS,
    c"assignment_pkey",
    &[2, 3, 4, 5, 6],
);

static WRITER: Writer = Writer::new(
    c"assignment",
    &COLUMNS,
    &[c"assignment_slot_check", c"assignment_displaced_at_check"],
    None,
);

/// A subject's page of the ledger, to be read and written in the caller's transaction.
pub struct TableLedger<'a> {
    subject: &'a str,
    cutoff: Option<Timestamp>,
}

/// The same page, only read: for `lotty_evaluate`, where whoever may enter counts as entered.
/// What would be written is kept here, so that several flags that are evaluated together get
/// the answers that deciding them would give.
pub struct ReadOnlyLedger<'a> {
    page: TableLedger<'a>,
    now: Timestamp,
    written: Vec<Membership>,
}

impl<'a> TableLedger<'a> {
    /// The page of `subject`, as `policy` looks at it.
    pub fn new(subject: &'a str, policy: &Policy) -> Self {
        let cutoff = (policy.cooldown > 0).then(|| policy.now.saturating_sub(policy.cooldown));
        Self { subject, cutoff }
    }

    /// The rows are those of the transaction's snapshot; what the experiments have become is
    /// configuration, and as such the newest. (By the snapshot of a REPEATABLE READ
    /// transaction, one that was started since would not be active, and lose its slots.)
    fn read(&self, view: View) -> Vec<Membership> {
        static MEMBERSHIPS: Statement = Statement::new(
            c"SELECT experiment_id, variant_id, slot, assigned_at, displaced_at
                FROM lotty.assignment WHERE subject_id = $1 ORDER BY experiment_id",
        );
        let rows = READER
            .rows(self.subject, view, membership)
            .unwrap_or_else(|| {
                let of_subject = [Parameter::Text(self.subject)];
                connect(|spi| spi.query(&MEMBERSHIPS, &of_subject, view, membership))
            });
        invalidation::current_generation();
        let mut memberships = Vec::with_capacity(rows.len());
        for (mut membership, is_displaced) in rows.into_iter().flatten() {
            let state = cache::experiment_state(membership.experiment);
            membership.standing = match state.standing {
                Standing::Active if is_displaced => Standing::Idle,
                standing => standing,
            };
            if self.may_have_decided_later(&membership, state.ended_at) {
                let last = connect(|spi| self.last_assigned(spi, membership.experiment, view));
                membership.assigned_at = membership.assigned_at.max(last.unwrap_or(Timestamp::MIN));
            }
            memberships.push(membership);
        }
        memberships
    }

    /// The log is asked only for experiments that ended within the cool-down and that the
    /// subject entered before it: a later decision for them may still count. (Nobody is
    /// assigned to an experiment after its end.)
    fn may_have_decided_later(&self, row: &Membership, ended_at: Option<Timestamp>) -> bool {
        row.standing == Standing::Ended
            && self.cutoff.is_some_and(|cutoff| {
                row.assigned_at < cutoff && ended_at.is_none_or(|ended| ended >= cutoff)
            })
    }

    fn last_assigned(&self, spi: &Connection, experiment: Uuid, view: View) -> Option<Timestamp> {
        static LAST: Statement = Statement::new(
            c"SELECT max(created_at) FROM lotty.decision
               WHERE subject_id = $1 AND experiment_id = $2
                 AND reason IN ('experiment_assigned', 'sticky')",
        );
        let key = [
            Parameter::Text(self.subject),
            Parameter::Uuid(Some(experiment)),
        ];
        spi.first(&LAST, &key, view, |row| row.timestamp(1))
    }
}

/// A row, and whether a merge has taken its place. What the experiment has become is filled in by
/// the caller.
fn membership(row: &Row<'_>) -> Option<(Membership, bool)> {
    let membership = Membership {
        experiment: row.uuid(1)?,
        variant: row.uuid(2),
        slot: row.get::<i16>(3),
        standing: Standing::Idle,
        assigned_at: row.timestamp(4)?,
    };
    Some((membership, row.timestamp(5).is_some()))
}

impl Ledger for TableLedger<'_> {
    fn memberships(&mut self) -> Vec<Membership> {
        self.read(View::Fresh)
    }

    fn lock(&mut self) -> bool {
        // An update rather than SELECT ... FOR UPDATE, which a transaction with an older
        // snapshot would not notice afterwards.
        static LOCK: Statement = Statement::new(
            c"UPDATE lotty.assignment SET slot = slot WHERE subject_id = $1 AND slot = 1",
        );
        connect(|spi| spi.execute(&LOCK, &[Parameter::Text(self.subject)], View::Fresh)) == 1
    }

    fn release(&mut self, experiments: &[Uuid]) {
        static RELEASE: Statement = Statement::new(
            c"UPDATE lotty.assignment SET slot = NULL
               WHERE subject_id = $1 AND experiment_id = $2 AND slot IS NOT NULL",
        );
        connect(|spi| {
            for experiment in experiments {
                let key = [
                    Parameter::Text(self.subject),
                    Parameter::Uuid(Some(*experiment)),
                ];
                spi.execute(&RELEASE, &key, View::Fresh);
            }
        });
    }

    fn claim(&mut self, claim: &Claim) -> bool {
        // Whichever of the two unique indexes refuses the row, it is not inserted and no error
        // is raised; under READ COMMITTED the loser looks again.
        static ENTER: Statement = Statement::new(
            c"INSERT INTO lotty.assignment
                  (subject_id, experiment_id, variant_id, slot, assigned_at, displaced_at)
              VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        );
        // A membership that lost its slot when its experiment ended, in an experiment that
        // runs again (which takes a superuser's hand). It makes way for the new row.
        static CLEAR: Statement = Statement::new(
            c"DELETE FROM lotty.assignment
               WHERE subject_id = $1 AND experiment_id = $2 AND slot IS NULL
              RETURNING variant_id, assigned_at, displaced_at",
        );
        let (subject, experiment) = (
            Parameter::Text(self.subject),
            Parameter::Uuid(Some(claim.experiment)),
        );
        let row = [
            subject,
            experiment,
            Parameter::Uuid(Some(claim.variant)),
            Parameter::SmallInt(claim.slot),
            Parameter::Timestamp(Some(clock::transaction_start())),
            Parameter::Timestamp(None),
        ];
        let entered = WRITER.insert_unless_met(&row);
        if entered == Some(true) {
            return true;
        }
        connect(|spi| {
            if entered.is_none() && spi.execute(&ENTER, &row, View::Fresh) == 1 {
                return true;
            }
            // Without a slot to take, a row that is there is another transaction's.
            let cleared = claim.slot.and_then(|_| {
                spi.first(&CLEAR, &[subject, experiment], View::Fresh, |row| {
                    Some((row.uuid(1), row.timestamp(2), row.timestamp(3)))
                })
            });
            let Some((variant, assigned_at, displaced_at)) = cleared else {
                return false;
            };
            let claimed = spi.execute(&ENTER, &row, View::Fresh) == 1;
            if !claimed {
                // Another transaction took the slot in between: what was there is put back.
                let before = [
                    subject,
                    experiment,
                    Parameter::Uuid(variant),
                    Parameter::SmallInt(None),
                    Parameter::Timestamp(assigned_at),
                    Parameter::Timestamp(displaced_at),
                ];
                spi.execute(&ENTER, &before, View::Fresh);
            }
            claimed
        })
    }

    fn revise(&mut self, experiment: Uuid, before: Option<Uuid>, variant: Uuid) -> bool {
        static REVISE: Statement = Statement::new(
            c"UPDATE lotty.assignment SET variant_id = $4
               WHERE subject_id = $1 AND experiment_id = $2
                 AND variant_id IS NOT DISTINCT FROM $3",
        );
        let row = [
            Parameter::Text(self.subject),
            Parameter::Uuid(Some(experiment)),
            Parameter::Uuid(before),
            Parameter::Uuid(Some(variant)),
        ];
        connect(|spi| spi.execute(&REVISE, &row, View::Fresh)) == 1
    }
}

impl<'a> ReadOnlyLedger<'a> {
    /// The page of `subject`, as `policy` looks at it.
    pub fn new(subject: &'a str, policy: &Policy) -> Self {
        Self {
            page: TableLedger::new(subject, policy),
            now: policy.now,
            written: Vec::new(),
        }
    }

    fn write(&mut self, membership: Membership) {
        self.written
            .retain(|row| row.experiment != membership.experiment);
        self.written.push(membership);
    }

    fn membership(&mut self, experiment: Uuid) -> Option<Membership> {
        let mut page = self.memberships().into_iter();
        page.find(|row| row.experiment == experiment)
    }
}

impl Ledger for ReadOnlyLedger<'_> {
    fn memberships(&mut self) -> Vec<Membership> {
        let mut page = self.page.read(View::Active);
        if !self.written.is_empty() {
            page.retain(|row| !self.written.iter().any(|w| w.experiment == row.experiment));
            page.extend_from_slice(&self.written);
            page.sort_unstable_by_key(|row| row.experiment);
        }
        page
    }

    fn lock(&mut self) -> bool {
        true
    }

    fn release(&mut self, experiments: &[Uuid]) {
        for experiment in experiments {
            if let Some(membership) = self.membership(*experiment) {
                let slot = None;
                self.write(Membership { slot, ..membership });
            }
        }
    }

    fn claim(&mut self, claim: &Claim) -> bool {
        self.write(Membership {
            experiment: claim.experiment,
            variant: Some(claim.variant),
            slot: claim.slot,
            standing: cache::experiment_state(claim.experiment).standing,
            assigned_at: self.now,
        });
        true
    }

    fn revise(&mut self, experiment: Uuid, _: Option<Uuid>, variant: Uuid) -> bool {
        if let Some(membership) = self.membership(experiment) {
            let variant = Some(variant);
            self.write(Membership {
                variant,
                ..membership
            });
        }
        true
    }
}
