//! The ledger in the table `lotty.assignment`, through SPI.

use lotty_core::ledger::{Claim, Ledger, Membership, Standing};
use lotty_core::participation::Policy;
use uuid::Uuid;

use crate::pg::clock::Timestamp;
use crate::pg::spi::{Parameter, Row, Statement, View, connect};

/// A subject's page of the ledger, to be read and written in the caller's transaction.
pub struct TableLedger<'a> {
    subject: &'a str,
    cutoff: Option<Timestamp>,
}

/// The same page, only read: for `lotty_evaluate`, where whoever may enter counts as entered.
pub struct ReadOnlyLedger<'a>(TableLedger<'a>);

impl<'a> TableLedger<'a> {
    /// The page of `subject`, as `policy` looks at it.
    pub fn new(subject: &'a str, policy: &Policy) -> Self {
        let cutoff = (policy.cooldown > 0).then(|| policy.now.saturating_sub(policy.cooldown));
        Self { subject, cutoff }
    }

    /// Experiments are looked up one by one (LIMIT keeps the planner from another join): their
    /// number must not matter. The log is asked only for experiments that ended within the cool-down and that the
    /// subject entered before it: a later decision for them may still count. (Nobody is
    /// assigned to an experiment after its end.)
    fn read(&self, view: View) -> Vec<Membership> {
        static MEMBERSHIPS: Statement = Statement::new(
            c"SELECT a.experiment_id, a.variant_id, a.slot, e.status,
                     CASE WHEN e.status IN ('completed', 'archived') AND a.assigned_at < $2
                               AND coalesce(e.completed_at, e.archived_at, 'infinity') >= $2
                          THEN greatest(a.assigned_at,
                                        (SELECT max(d.created_at) FROM lotty.decision d
                                          WHERE d.subject_id = $1
                                            AND d.experiment_id = a.experiment_id
                                            AND d.reason IN ('experiment_assigned', 'sticky')))
                          ELSE a.assigned_at END
                FROM lotty.assignment a
                LEFT JOIN LATERAL (SELECT e.status, e.completed_at, e.archived_at
                                     FROM lotty.experiment e
                                    WHERE e.experiment_id = a.experiment_id LIMIT 1) e ON true
               WHERE a.subject_id = $1
               ORDER BY a.experiment_id",
        );
        let parameters = [
            Parameter::Text(self.subject),
            Parameter::Timestamp(self.cutoff),
        ];
        connect(|spi| spi.query(&MEMBERSHIPS, &parameters, view, membership))
            .into_iter()
            .flatten()
            .collect()
    }
}

fn membership(row: &Row) -> Option<Membership> {
    Some(Membership {
        experiment: row.uuid(1)?,
        variant: row.uuid(2),
        slot: row.get::<i16>(3),
        standing: match row.get::<&str>(4) {
            Some("running" | "paused") => Standing::Active,
            Some("completed" | "archived") => Standing::Ended,
            _ => Standing::Idle,
        },
        assigned_at: row.timestamp(5)?,
    })
}

impl Ledger for TableLedger<'_> {
    fn memberships(&mut self) -> Vec<Membership> {
        self.read(View::Fresh)
    }

    fn lock(&mut self) {
        // Always in the order of the key, so that two transactions cannot wait for each other.
        static LOCK: Statement = Statement::new(
            c"SELECT FROM lotty.assignment WHERE subject_id = $1
               ORDER BY experiment_id FOR NO KEY UPDATE",
        );
        connect(|spi| spi.execute(&LOCK, &[Parameter::Text(self.subject)], View::Fresh));
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
        static CLAIM: Statement = Statement::new(
            c"INSERT INTO lotty.assignment (subject_id, experiment_id, variant_id, slot)
              VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        // A membership that lost its slot when its experiment ended, in an experiment that
        // runs again (which takes a superuser's hand). It makes way for the new row.
        static CLEAR: Statement = Statement::new(
            c"DELETE FROM lotty.assignment
               WHERE subject_id = $1 AND experiment_id = $2 AND slot IS NULL",
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
        ];
        connect(|spi| {
            spi.execute(&CLAIM, &row, View::Fresh) == 1
                || (spi.execute(&CLEAR, &[subject, experiment], View::Fresh) == 1
                    && spi.execute(&CLAIM, &row, View::Fresh) == 1)
        })
    }

    fn revise(&mut self, experiment: Uuid, variant: Uuid) {
        static REVISE: Statement = Statement::new(
            c"UPDATE lotty.assignment SET variant_id = $3
               WHERE subject_id = $1 AND experiment_id = $2",
        );
        let row = [
            Parameter::Text(self.subject),
            Parameter::Uuid(Some(experiment)),
            Parameter::Uuid(Some(variant)),
        ];
        connect(|spi| spi.execute(&REVISE, &row, View::Fresh));
    }
}

impl<'a> ReadOnlyLedger<'a> {
    /// The page of `subject`, as `policy` looks at it.
    pub fn new(subject: &'a str, policy: &Policy) -> Self {
        Self(TableLedger::new(subject, policy))
    }
}

impl Ledger for ReadOnlyLedger<'_> {
    fn memberships(&mut self) -> Vec<Membership> {
        self.0.read(View::Active)
    }

    fn lock(&mut self) {}

    fn release(&mut self, _: &[Uuid]) {}

    fn claim(&mut self, _: &Claim) -> bool {
        true
    }

    fn revise(&mut self, _: Uuid, _: Uuid) {}
}
