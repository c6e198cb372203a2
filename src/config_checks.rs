//! What the triggers of the configuration tables look up. The callers choose the snapshot.

use uuid::Uuid;

use crate::pg::parameter::Parameter;
use crate::pg::spi::{Statement, View, connect};

/// Keeps an audience from being deleted or renamed until the end of the transaction; waits for
/// whoever is about to.
pub fn lock_audience(name: &str) {
    static LOCK: Statement =
        Statement::new(c"SELECT FROM lotty.audience WHERE name = $1 FOR KEY SHARE");
    connect(|spi| spi.execute(&LOCK, &[Parameter::Text(name)], View::Fresh));
}

/// The number of an experiment's variants, and whether any has a weight above 0.
pub fn count_variants(experiment_id: Uuid) -> (i64, bool) {
    static COUNT: Statement = Statement::new(
        c"SELECT count(*), coalesce(bool_or(weight > 0), false)
            FROM lotty.variant WHERE experiment_id = $1",
    );
    let of_experiment = [Parameter::Uuid(Some(experiment_id))];
    connect(|spi| {
        spi.first(&COUNT, &of_experiment, View::Active, |row| {
            Some((row.get::<i64>(1)?, row.get::<bool>(2)?))
        })
    })
    .unwrap_or((0, false))
}

/// A variant whose value is not of a type.
pub struct Misfit {
    /// Its experiment's key.
    pub experiment: String,
    /// Its name.
    pub variant: String,
    /// Its value, as text.
    pub value: String,
}

/// The first variant of a flag whose value is not of that type.
pub fn find_misfit(flag_id: Uuid, value_type: &str) -> Option<Misfit> {
    static MISFIT: Statement = Statement::new(
        c"SELECT experiment, variant, left(value::text, 200) FROM (
              SELECT e.key AS experiment, v.name AS variant, v.value
                FROM lotty.experiment e JOIN lotty.variant v USING (experiment_id)
               WHERE e.flag_id = $1
              UNION ALL
              SELECT e.key, v.name, x.value
                FROM lotty.variant_value x JOIN lotty.variant v USING (variant_id)
                JOIN lotty.experiment e USING (experiment_id)
               WHERE x.flag_id = $1
          ) AS of_flag
           WHERE jsonb_typeof(value) <> $2
           ORDER BY experiment, variant LIMIT 1",
    );
    let parameters = [Parameter::Uuid(Some(flag_id)), Parameter::Text(value_type)];
    connect(|spi| {
        spi.first(&MISFIT, &parameters, View::Active, |row| {
            Some(Misfit {
                experiment: row.get(1)?,
                variant: row.get(2)?,
                value: row.get(3)?,
            })
        })
    })
}

/// The experiments and audiences whose rules name an audience, as text.
pub fn users_of_audience(name: &str) -> Option<String> {
    static USERS: Statement = Statement::new(c"SELECT lotty.audience_used_by($1)");
    connect(|spi| {
        spi.first(&USERS, &[Parameter::Text(name)], View::Active, |row| {
            row.get(1)
        })
    })
}
