//! `lotty.metric_values` and `lotty_prometheus_metrics`.

use std::fmt::Write;

use pgrx::AnyNumeric;
use pgrx::prelude::*;

use crate::metrics;

/// The metrics of the database (or, if the library is not preloaded, of the session), for the
/// view `lotty.metrics`.
///
/// Volatile, parallel restricted, runs with the owner's rights. No errors.
#[pg_extern(schema = "lotty", volatile, parallel_restricted, security_definer, requires = ["schema"])]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn metric_values() -> TableIterator<
    'static,
    (
        name!(name, String),
        name!(kind, String),
        name!(label, Option<String>),
        name!(label_value, Option<String>),
        name!(value, AnyNumeric),
        name!(help, String),
    ),
> {
    TableIterator::new(metrics::all().into_iter().map(|metric| {
        let (label, label_value) = metric.label.unzip();
        (
            metric.name.to_owned(),
            metric.kind.to_owned(),
            label.map(str::to_owned),
            label_value.map(str::to_owned),
            AnyNumeric::from(metric.value),
            metric.help.to_owned(),
        )
    }))
}

/// The same in Prometheus' text format 0.0.4: for each metric HELP, TYPE and its values.
///
/// Volatile, parallel restricted, runs with the owner's rights. No errors.
#[pg_extern(volatile, parallel_restricted, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn lotty_prometheus_metrics() -> String {
    let mut text = String::new();
    let mut last = "";
    for metric in metrics::all() {
        let (name, value) = (metric.name, metric.value);
        if name != last {
            // No help and no label has a character that would have to be escaped. Writing to a
            // String cannot fail.
            let _ = writeln!(text, "# HELP {name} {}", metric.help);
            let _ = writeln!(text, "# TYPE {name} {}", metric.kind);
            last = name;
        }
        let _ = match metric.label {
            Some((label, of)) => writeln!(text, "{name}{{{label}=\"{of}\"}} {value}"),
            None => writeln!(text, "{name} {value}"),
        };
    }
    text
}
