//! The table `lotty.override`: variants given to one subject by hand.

use lotty_core::overrides::{Overridden, Overrides};
use uuid::Uuid;

use crate::pg::parameter::Parameter;
use crate::pg::row::Row;
use crate::pg::snapshot;
use crate::pg::spi::{Statement, View, connect};

/// A subject's overrides. They are configuration, so they are read with the newest snapshot;
/// they are not kept, since there may be millions.
pub struct TableOverrides<'a>(pub &'a str);

impl Overrides for TableOverrides<'_> {
    fn of(&mut self, experiment: Uuid) -> Overridden {
        static OVERRIDES: Statement = Statement::new(
            c"SELECT kind = 'forced', variant_id FROM lotty.override
               WHERE subject_id = $1 AND experiment_id = $2",
        );
        let key = [Parameter::Text(self.0), Parameter::Uuid(Some(experiment))];
        let given = |row: &Row<'_>| Some((row.get::<bool>(1)?, row.uuid(2)?));
        let rows = snapshot::with_newest(|| {
            connect(|spi| spi.query(&OVERRIDES, &key, View::Active, given))
        });
        let mut overridden = Overridden::default();
        for (is_forced, variant) in rows.into_iter().flatten() {
            match is_forced {
                true => overridden.forced = Some(variant),
                false => overridden.whitelisted = Some(variant),
            }
        }
        overridden
    }
}
