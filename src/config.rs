//! A flag from the tables.
//!
//! Configuration is read with the newest snapshot, as PostgreSQL reads its catalogs: what was
//! compiled from it may be kept beyond the transaction, so it must not be older than the
//! invalidations that were heard (see [`crate::cache`]).

use lotty_core::domain::DomainPolicy;
use lotty_core::flag::{
    DomainSource, ExperimentSource, Flag, FlagSource, MemberSource, VariantSource,
};
use lotty_core::ledger::Standing;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::errors;
use crate::pg::clock::Timestamp;
use crate::pg::jsonb::Jsonb;
use crate::pg::snapshot;
use crate::pg::spi::{Connection, Parameter, Row, Statement, View, connect};

/// The flag, and whether a targeting rule that is not valid was met.
pub fn load_flag(key: &str) -> Option<Flag<Jsonb>> {
    let mut broken = Vec::new();
    let compiled = snapshot::with_newest(|| {
        let source = connect(|spi| read_flag(spi, key))?;
        Some(Flag::compile(source, &mut read_audience, &mut broken))
    });
    for rule in &broken {
        errors::broken_rule(rule);
    }
    match compiled? {
        Ok(flag) => Some(flag),
        Err(error) => errors::broken_flag(key, &error),
    }
}

/// The rule of an audience, with the newest snapshot if none is active for it already.
pub fn read_audience(name: &str) -> Option<String> {
    static AUDIENCE: Statement =
        Statement::new(c"SELECT targeting FROM lotty.audience WHERE name = $1");
    let name = Parameter::Text(name);
    connect(|spi| spi.first(&AUDIENCE, &[name], View::Active, |row| row.get::<String>(1)))
}

/// What participation and conflict domains need to know of an experiment.
#[derive(Clone, Copy, Debug)]
pub struct ExperimentState {
    /// What its status amounts to.
    pub standing: Standing,
    /// When it ended, if it has and that is known.
    pub ended_at: Option<Timestamp>,
}

/// The state of an experiment, of any flag, with the newest snapshot. One that does not exist
/// counts for nothing.
pub fn load_experiment_state(experiment: Uuid) -> ExperimentState {
    static STATE: Statement = Statement::new(
        c"SELECT status, coalesce(completed_at, archived_at)
            FROM lotty.experiment WHERE experiment_id = $1",
    );
    let id = [Parameter::Uuid(Some(experiment))];
    let state = |row: &Row| {
        Some(ExperimentState {
            standing: match row.get::<&str>(1)? {
                "running" | "paused" => Standing::Active,
                "completed" | "archived" => Standing::Ended,
                _ => Standing::Idle,
            },
            ended_at: row.timestamp(2),
        })
    };
    snapshot::with_newest(|| connect(|spi| spi.first(&STATE, &id, View::Active, state))).unwrap_or(
        ExperimentState {
            standing: Standing::Idle,
            ended_at: None,
        },
    )
}

/// What an explanation says of an experiment.
pub struct ExperimentText {
    /// Its key.
    pub key: String,
    /// Its targeting rule, as it was written.
    pub targeting: String,
}

/// The texts of an experiment, of any flag and status; to be called with a snapshot active.
pub fn describe_experiment(experiment: Uuid) -> Option<ExperimentText> {
    static EXPERIMENT: Statement =
        Statement::new(c"SELECT key, targeting FROM lotty.experiment WHERE experiment_id = $1");
    let id = [Parameter::Uuid(Some(experiment))];
    let text = |row: &Row| {
        Some(ExperimentText {
            key: row.get(1)?,
            targeting: row.get(2)?,
        })
    };
    connect(|spi| spi.first(&EXPERIMENT, &id, View::Active, text))
}

fn read_flag(spi: &Connection, key: &str) -> Option<FlagSource<Jsonb>> {
    static FLAG: Statement =
        Statement::new(c"SELECT flag_id, enabled, default_value FROM lotty.flag WHERE key = $1");
    let (flag_id, enabled, default_value) =
        spi.first(&FLAG, &[Parameter::Text(key)], View::Active, |row| {
            Some((row.uuid(1)?, row.get::<bool>(2)?, row.jsonb(3)?))
        })?;
    let mut experiments = read_experiments(spi, flag_id);
    read_variants(spi, flag_id, &mut experiments);
    read_domains(spi, flag_id, &mut experiments);
    Some(FlagSource {
        enabled,
        default_value,
        experiments,
    })
}

fn read_experiments(spi: &Connection, flag_id: Uuid) -> Vec<ExperimentSource<Jsonb>> {
    static EXPERIMENTS: Statement = Statement::new(
        c"SELECT experiment_id, key, coalesce(hash_key, experiment_id::text), targeting,
                 traffic_allocation::text
            FROM lotty.experiment
           WHERE flag_id = $1 AND status = 'running'
           ORDER BY rank, key COLLATE \"C\"",
    );
    let of_flag = [Parameter::Uuid(Some(flag_id))];
    spi.query(&EXPERIMENTS, &of_flag, View::Active, |row| {
        Some(ExperimentSource {
            id: row.uuid(1)?,
            key: row.get(2)?,
            hash_key: row.get(3)?,
            targeting: row.get(4)?,
            traffic_allocation: decimal(row, 5)?,
            variants: Vec::new(),
            domains: Vec::new(),
        })
    })
    .into_iter()
    .flatten()
    .collect()
}

/// Adds the variants to their experiments, in storage order.
fn read_variants(spi: &Connection, flag_id: Uuid, experiments: &mut [ExperimentSource<Jsonb>]) {
    static VARIANTS: Statement = Statement::new(
        c"SELECT v.experiment_id, v.variant_id, v.name, v.value, v.weight::text
            FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id)
           WHERE e.flag_id = $1 AND e.status = 'running'
           ORDER BY v.rank, v.name COLLATE \"C\"",
    );
    let of_flag = [Parameter::Uuid(Some(flag_id))];
    let variants = spi.query(&VARIANTS, &of_flag, View::Active, |row| {
        let variant = VariantSource {
            id: row.uuid(2)?,
            name: row.get(3)?,
            value: row.jsonb(4)?,
            weight: decimal(row, 5)?,
        };
        Some((row.uuid(1)?, variant))
    });
    for (experiment_id, variant) in variants.into_iter().flatten() {
        if let Some(experiment) = experiments.iter_mut().find(|e| e.id == experiment_id) {
            experiment.variants.push(variant);
        }
    }
}

/// Adds the conflict domains to their experiments: each with all its members, since an
/// experiment of another flag may have the subject.
fn read_domains(spi: &Connection, flag_id: Uuid, experiments: &mut [ExperimentSource<Jsonb>]) {
    static DOMAINS: Statement = Statement::new(
        c"SELECT own.experiment_id, d.domain_id, d.key, d.policy
            FROM lotty.experiment e
            JOIN lotty.experiment_conflict_domain own USING (experiment_id)
            JOIN lotty.conflict_domain d USING (domain_id)
           WHERE e.flag_id = $1 AND e.status = 'running'
           ORDER BY d.key COLLATE \"C\"",
    );
    static MEMBERS: Statement = Statement::new(
        c"SELECT m.experiment_id, e.key, e.status = 'running',
                 coalesce(e.hash_key, e.experiment_id::text), e.targeting, m.priority, m.weight::text
            FROM lotty.experiment_conflict_domain m JOIN lotty.experiment e USING (experiment_id)
           WHERE m.domain_id = $1
           ORDER BY m.experiment_id",
    );
    let of_flag = [Parameter::Uuid(Some(flag_id))];
    let domains = spi.query(&DOMAINS, &of_flag, View::Active, |row| {
        let policy = DomainPolicy::parse(row.get::<&str>(4)?)?;
        Some((row.uuid(1)?, row.uuid(2)?, row.get::<String>(3)?, policy))
    });
    for (experiment_id, domain_id, key, policy) in domains.into_iter().flatten() {
        let of_domain = [Parameter::Uuid(Some(domain_id))];
        let members = spi.query(&MEMBERS, &of_domain, View::Active, |row| {
            Some(MemberSource {
                experiment: row.uuid(1)?,
                key: row.get(2)?,
                running: row.get(3)?,
                hash_key: row.get(4)?,
                targeting: row.get(5)?,
                priority: row.get(6)?,
                weight: decimal(row, 7)?,
            })
        });
        if let Some(experiment) = experiments.iter_mut().find(|e| e.id == experiment_id) {
            let members = members.into_iter().flatten().collect();
            experiment.domains.push(DomainSource {
                key,
                policy,
                members,
            });
        }
    }
}

/// A numeric column, selected as text. The tables' constraints keep it within what a
/// `Decimal` holds exactly.
fn decimal(row: &Row, number: i32) -> Option<Decimal> {
    row.get::<String>(number)?.parse().ok()
}
