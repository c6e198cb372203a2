//! A flag from the tables.
//!
//! Configuration is read with the newest snapshot, as PostgreSQL reads its catalogs: what was
//! compiled from it may be kept beyond the transaction, so it must not be older than the
//! invalidations that were heard (see [`crate::cache`]).

use lotty_core::allocation::TrafficRange;
use lotty_core::domain::DomainPolicy;
use lotty_core::flag::{
    BucketingSource, DomainSource, Experiment, ExperimentSource, Flag, FlagError, FlagSource,
    LoneExperiment, MemberSource, VariantSource,
};
use lotty_core::ledger::Standing;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::errors;
use crate::pg::clock::Timestamp;
use crate::pg::jsonb::Jsonb;
use crate::pg::parameter::Parameter;
use crate::pg::row::Row;
use crate::pg::snapshot;
use crate::pg::spi::{Connection, Statement, View, connect};

/// The flag of that key, compiled; warns of targeting rules that are not valid.
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
        Err(error) => errors::broken_configuration("flag", key, &error),
    }
}

/// The keys of all flags, by code point.
pub fn load_flag_keys() -> Vec<String> {
    static KEYS: Statement =
        Statement::new(c"SELECT key FROM lotty.flag ORDER BY key COLLATE pg_catalog.\"C\"");
    let key = |row: &Row<'_>| row.get::<String>(1);
    let keys = snapshot::with_newest(|| connect(|spi| spi.query(&KEYS, &[], View::Active, key)));
    keys.into_iter().flatten().collect()
}

/// The experiment of that key by itself, compiled; warns of targeting rules that are not valid.
pub fn load_experiment(key: &str) -> Option<LoneExperiment<Jsonb>> {
    let mut broken = Vec::new();
    let compiled = snapshot::with_newest(|| {
        let (lone, source) = connect(|spi| read_experiment(spi, key))?;
        let running: Result<Option<_>, FlagError> = source
            .map(|source| Experiment::compile(source, &mut read_audience, &mut broken))
            .transpose();
        Some(running.map(|running| LoneExperiment { running, ..lone }))
    });
    for rule in &broken {
        errors::broken_rule(rule);
    }
    match compiled? {
        Ok(experiment) => Some(experiment),
        Err(error) => errors::broken_configuration("experiment", key, &error),
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
        c"SELECT CASE WHEN exempt_from_limits THEN 'exempt' ELSE status END,
                 coalesce(completed_at, archived_at)
            FROM lotty.experiment WHERE experiment_id = $1",
    );
    let id = [Parameter::Uuid(Some(experiment))];
    let state = |row: &Row<'_>| {
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
    let text = |row: &Row<'_>| {
        Some(ExperimentText {
            key: row.get(1)?,
            targeting: row.get(2)?,
        })
    };
    connect(|spi| spi.first(&EXPERIMENT, &id, View::Active, text))
}

/// The name of a variant; to be called with a snapshot active.
pub fn variant_name(variant: Uuid) -> Option<String> {
    static VARIANT: Statement =
        Statement::new(c"SELECT name FROM lotty.variant WHERE variant_id = $1");
    let id = [Parameter::Uuid(Some(variant))];
    connect(|spi| spi.first(&VARIANT, &id, View::Active, |row| row.get(1)))
}

fn read_flag(spi: &Connection, key: &str) -> Option<FlagSource<Jsonb>> {
    static FLAG: Statement =
        Statement::new(c"SELECT flag_id, enabled, default_value FROM lotty.flag WHERE key = $1");
    // What the flag has of its own, and what it shares with another flag.
    static EXPERIMENTS: Statement = Statement::new(
        c"SELECT experiment_id, kind FROM (
              SELECT e.experiment_id, e.kind, e.rank, e.key
                FROM lotty.experiment e WHERE e.flag_id = $1 AND e.status = 'running'
              UNION ALL
              SELECT e.experiment_id, e.kind, x.rank, e.key
                FROM lotty.experiment_flag x JOIN lotty.experiment e USING (experiment_id)
               WHERE x.flag_id = $1 AND e.status = 'running'
                 AND e.flag_id IS DISTINCT FROM x.flag_id) AS running
           ORDER BY rank, key COLLATE \"C\"",
    );
    let (flag_id, enabled, default_value) =
        spi.first(&FLAG, &[Parameter::Text(key)], View::Active, |row| {
            Some((row.uuid(1)?, row.get::<bool>(2)?, row.jsonb(3)?))
        })?;
    let of_flag = [Parameter::Uuid(Some(flag_id))];
    let running = spi.query(&EXPERIMENTS, &of_flag, View::Active, |row| {
        Some((row.uuid(1)?, row.get::<&str>(2)? == "rollout"))
    });
    let mut source = FlagSource {
        enabled,
        default_value,
        experiments: Vec::new(),
        rollouts: Vec::new(),
    };
    for (id, is_rollout) in running.into_iter().flatten() {
        let of_kind = match is_rollout {
            true => &mut source.rollouts,
            false => &mut source.experiments,
        };
        of_kind.extend(read_running(spi, id, Some(flag_id)));
    }
    Some(source)
}

/// An experiment, without what is only compiled if it is running, and that if it is.
fn read_experiment(
    spi: &Connection,
    key: &str,
) -> Option<(LoneExperiment<Jsonb>, Option<ExperimentSource<Jsonb>>)> {
    static EXPERIMENT: Statement = Statement::new(
        c"SELECT e.experiment_id, e.flag_id, e.status = 'running', f.key, f.enabled, f.default_value
            FROM lotty.experiment e LEFT JOIN lotty.flag f USING (flag_id)
           WHERE e.key = $1 AND e.kind = 'experiment'",
    );
    let (id, flag_id, is_running, lone) =
        spi.first(&EXPERIMENT, &[Parameter::Text(key)], View::Active, |row| {
            let lone = LoneExperiment {
                flag: row.get::<String>(4).map(String::into_boxed_str),
                enabled: row.get::<bool>(5).unwrap_or(true),
                default_value: row.jsonb(6),
                running: None,
            };
            Some((row.uuid(1)?, row.uuid(2), row.get::<bool>(3)?, lone))
        })?;
    let source = match is_running {
        true => read_running(spi, id, flag_id),
        false => None,
    };
    Some((lone, source))
}

/// A running experiment or rollout rule, with the values of its variants for a flag.
fn read_running(
    spi: &Connection,
    id: Uuid,
    flag_id: Option<Uuid>,
) -> Option<ExperimentSource<Jsonb>> {
    static EXPERIMENT: Statement = Statement::new(
        c"SELECT e.key, coalesce(e.hash_key, e.experiment_id::text), e.targeting,
                 e.traffic_allocation::text, e.traffic_ranges, e.sticky, NOT e.exempt_from_limits,
                 EXISTS (SELECT FROM lotty.override o WHERE o.experiment_id = e.experiment_id)
            FROM lotty.experiment e WHERE e.experiment_id = $1",
    );
    static VARIANTS: Statement = Statement::new(
        c"SELECT v.variant_id, v.name,
                 CASE WHEN x.value IS NOT NULL THEN x.value
                      WHEN f.value_type <> 'json' AND jsonb_typeof(v.value) <> f.value_type
                          THEN f.default_value
                      ELSE v.value END,
                 v.weight::text
            FROM lotty.variant v
            LEFT JOIN lotty.flag f ON f.flag_id = $2
            LEFT JOIN lotty.variant_value x ON x.variant_id = v.variant_id AND x.flag_id = $2
           WHERE v.experiment_id = $1 AND NOT v.is_retired
           ORDER BY v.rank, v.name COLLATE \"C\"",
    );
    let of_experiment = [Parameter::Uuid(Some(id)), Parameter::Uuid(flag_id)];
    let variants = spi.query(&VARIANTS, &of_experiment, View::Active, |row| {
        Some(VariantSource {
            id: row.uuid(1)?,
            name: row.get(2)?,
            value: row.jsonb(3)?,
            weight: decimal(row, 4)?,
        })
    });
    let source = spi.first(&EXPERIMENT, &of_experiment[..1], View::Active, |row| {
        Some(ExperimentSource {
            id,
            key: row.get(1)?,
            hash_key: row.get(2)?,
            targeting: row.get(3)?,
            bucketing: match row.jsonb(5) {
                Some(ranges) => BucketingSource::Murmur3 {
                    ranges: traffic_ranges(&ranges, "variant_id"),
                },
                None => BucketingSource::Sha256 {
                    traffic_allocation: decimal(row, 4)?,
                },
            },
            sticky: row.get(6)?,
            limited: row.get(7)?,
            has_overrides: row.get(8)?,
            variants: Vec::new(),
            domains: Vec::new(),
        })
    })?;
    Some(ExperimentSource {
        variants: variants.into_iter().flatten().collect(),
        domains: read_domains(spi, id),
        ..source
    })
}

/// The conflict domains of an experiment: each with all its members, since an experiment of
/// another flag may have the subject.
fn read_domains(spi: &Connection, experiment: Uuid) -> Vec<DomainSource> {
    static DOMAINS: Statement = Statement::new(
        c"SELECT d.domain_id, d.key, d.policy, coalesce(d.hash_key, d.domain_id::text),
                 d.traffic_ranges
            FROM lotty.experiment_conflict_domain own JOIN lotty.conflict_domain d USING (domain_id)
           WHERE own.experiment_id = $1
           ORDER BY d.key COLLATE \"C\"",
    );
    static MEMBERS: Statement = Statement::new(
        c"SELECT m.experiment_id, e.key, e.status = 'running',
                 coalesce(e.hash_key, e.experiment_id::text), e.targeting, m.priority, m.weight::text
            FROM lotty.experiment_conflict_domain m JOIN lotty.experiment e USING (experiment_id)
           WHERE m.domain_id = $1
           ORDER BY m.experiment_id",
    );
    let of_experiment = [Parameter::Uuid(Some(experiment))];
    let domains = spi.query(&DOMAINS, &of_experiment, View::Active, |row| {
        let domain = DomainSource {
            key: row.get(2)?,
            policy: DomainPolicy::parse(row.get::<&str>(3)?)?,
            hash_key: row.get(4)?,
            ranges: row
                .jsonb(5)
                .map(|ranges| traffic_ranges(&ranges, "experiment_id"))
                .unwrap_or_default(),
            members: Vec::new(),
        };
        Some((row.uuid(1)?, domain))
    });
    let with_members = |(id, domain)| {
        let members = spi.query(
            &MEMBERS,
            &[Parameter::Uuid(Some(id))],
            View::Active,
            |row| {
                Some(MemberSource {
                    experiment: row.uuid(1)?,
                    key: row.get(2)?,
                    running: row.get(3)?,
                    hash_key: row.get(4)?,
                    targeting: row.get(5)?,
                    priority: row.get(6)?,
                    weight: decimal(row, 7)?,
                })
            },
        );
        DomainSource {
            members: members.into_iter().flatten().collect(),
            ..domain
        }
    };
    domains.into_iter().flatten().map(with_members).collect()
}

/// The column `traffic_ranges`, whose form the tables' triggers check; what is none is left
/// out.
fn traffic_ranges(ranges: &Jsonb, entity: &str) -> Vec<TrafficRange<Uuid>> {
    let range = |range: &serde_json::Value| {
        Some(TrafficRange {
            end: u16::try_from(range.get("end_of_range")?.as_u64()?).ok()?,
            entity: match range.get(entity)? {
                serde_json::Value::String(id) => Some(id.parse().ok()?),
                _ => None,
            },
        })
    };
    let ranges = ranges.to_json();
    let all = ranges.as_array().into_iter().flatten();
    all.filter_map(range).collect()
}

/// A numeric column, selected as text. The tables' constraints keep it within what a
/// `Decimal` holds exactly.
fn decimal(row: &Row, number: usize) -> Option<Decimal> {
    row.get::<String>(number)?.parse().ok()
}
