//! The errors and warnings that users see, in one place: SQLSTATE, message (lower case, no
//! full stop, names the object and the value), DETAIL (facts) and HINT (the next step).

use lotty_core::flag::{BrokenRule, FlagError};
use lotty_core::optimizely::DatafileError;
use lotty_core::targeting::TargetingError;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::config_checks::Misfit;
use crate::pg::query_columns::Unfit;
use crate::pg::shared::shared;

/// Raises an error; the transaction is aborted.
fn raise(report: ErrorReport) -> ! {
    report.report(PgLogLevel::ERROR);
    unreachable!("an error of level ERROR does not return")
}

fn report(code: PgSqlErrorCode, message: String, detail: String, hint: &str) -> ErrorReport {
    let report = ErrorReport::new(code, message, "lotty").set_detail(detail);
    if hint.is_empty() {
        report
    } else {
        report.set_hint(hint.to_owned())
    }
}

/// Warns; the statement goes on.
fn warn(message: String, detail: String, hint: &str) {
    report(PgSqlErrorCode::ERRCODE_WARNING, message, detail, hint).report(PgLogLevel::WARNING);
}

/// 22004: an argument is NULL.
pub fn null_argument(function: &str, argument: &str, hint: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("{argument} must not be NULL"),
        format!("Argument \"{argument}\" of {function} is NULL."),
        hint,
    ))
}

/// 22004: an element of an array argument is NULL.
pub fn null_element(function: &str, argument: &str, number: usize) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("{argument} must not contain NULL"),
        format!("Element {number} of argument \"{argument}\" of {function} is NULL."),
        &format!("Leave it out, for example by array_remove({argument}, NULL)."),
    ))
}

/// 22023: a key or subject is longer than 512 bytes.
pub fn too_long(function: &str, argument: &str, bytes: usize, limit: usize) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("{argument} is too long"),
        format!(
            "Argument \"{argument}\" of {function} has {bytes} bytes, at most {limit} are allowed."
        ),
        "Use the key of a row, not its content; a long identifier can be hashed first.",
    ))
}

/// 22023: the attributes are no JSON object.
pub fn attributes_not_an_object(function: &str, type_name: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!(
            "attrs must be a JSON object, not {}",
            with_article(type_name)
        ),
        format!("Argument \"attrs\" of {function} is a JSON {type_name}."),
        "Pass an object of names and values such as '{\"country\": \"DE\"}', or '{}' for no attributes.",
    ))
}

fn with_article(type_name: &str) -> String {
    match type_name {
        "null" => type_name.to_owned(),
        "array" => format!("an {type_name}"),
        _ => format!("a {type_name}"),
    }
}

/// 25006: `lotty_decide` where nothing can be written.
pub fn cannot_record(function: &str, in_recovery: bool) -> ! {
    let (place, fact) = if in_recovery {
        (
            "during recovery",
            "This server is a standby, which cannot write.",
        )
    } else {
        (
            "in a read-only transaction",
            "The transaction is read-only.",
        )
    };
    raise(report(
        PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
        format!("cannot record a decision {place}"),
        format!("{function} writes its decision to lotty.decision. {fact}"),
        &if function.contains("decide") {
            format!(
                "Use {} for the same answer without recording it.",
                function.replace("decide", "evaluate")
            )
        } else {
            "Use lotty_evaluate for the value without recording it.".to_owned()
        },
    ))
}

/// 22023: a rule that is being written, or evaluated, is not valid.
pub fn invalid_rule(owner: &str, error: &TargetingError) -> ! {
    let of = if owner.is_empty() {
        String::new()
    } else {
        format!(" of {owner}")
    };
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!(
            "invalid targeting rule{of} at character {}: {error}",
            error.position()
        ),
        // On lines of its own, so that the caret stands where it belongs behind any prefix.
        format!("The rule reads:\n{}", error.caret()),
        error
            .hint()
            .unwrap_or("lotty_targeting_check(rule) shows what is wrong without storing the rule."),
    ))
}

/// 22023: a datafile, or an audience's conditions, cannot be translated.
pub fn invalid_datafile(error: &DatafileError) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("datafile cannot be imported: {}", error.message),
        format!("At {} of the datafile.", error.path),
        error.hint.as_deref().unwrap_or_default(),
    ))
}

/// 54001: a JSON document cannot be read because of its depth.
pub fn unreadable_json(error: &serde_json::Error) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_STATEMENT_TOO_COMPLEX,
        "JSON document nests too deeply".to_owned(),
        error.to_string(),
        "",
    ))
}

/// Warning 01000: a rule names an audience that does not exist. No error, since a dump may
/// restore the audiences later.
pub fn unresolved_audience(owner: &str, audience: &str) {
    warn(
        format!("audience \"{audience}\" does not exist"),
        format!(
            "The targeting rule of {owner} names it; until it exists, it is unknown who belongs to it."
        ),
        "Insert it into lotty.audience.",
    );
}

/// 42P19: audiences that name each other in a circle.
pub fn audience_cycle(audience: &str, cycle: &[String]) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_RECURSION,
        format!("audience \"{audience}\" refers to itself"),
        format!("The audiences {} form a cycle.", cycle.join(" -> ")),
        "Take the reference out of one of these rules.",
    ))
}

/// 23001: an audience that rules name is to be deleted or renamed.
pub fn audience_in_use(audience: &str, what: &str, users: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_RESTRICT_VIOLATION,
        format!("audience \"{audience}\" cannot be {what} because it is in use"),
        format!("It is named in the targeting of {users}."),
        "Change those rules first.",
    ))
}

/// 55000: an experiment is to start without variants.
pub fn no_variants(experiment: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("experiment \"{experiment}\" cannot start without variants"),
        "It has no row in lotty.variant.".to_owned(),
        "Insert at least one variant with a weight above 0 first.",
    ))
}

/// 55000: an experiment is to start although all weights are 0.
pub fn no_weight(experiment: &str, variants: i64) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("experiment \"{experiment}\" cannot start without weight"),
        format!("The weights of its variants ({variants}) add up to 0."),
        "Give at least one variant a weight above 0 first.",
    ))
}

/// 23514: a flag is to have a type that the value of a variant is not of.
pub fn misfit(flag: &str, value_type: &str, misfit: &Misfit) -> ! {
    let Misfit {
        experiment,
        variant,
        value,
    } = misfit;
    raise(report(
        PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
        format!("value_type of flag \"{flag}\" cannot become {value_type}"),
        format!("Variant \"{variant}\" of experiment \"{experiment}\" has the value {value}."),
        "Change or delete such variants first.",
    ))
}

/// Warning 01000: a rule in the tables is not valid, so somebody got around the triggers.
pub fn broken_rule(broken: &BrokenRule) {
    let BrokenRule { experiment, error } = broken;
    warn(
        format!("targeting rule of experiment \"{experiment}\" is not valid and admits nobody"),
        format!("At character {}: {error}", error.position()),
        "Update the experiment's targeting.",
    );
}

/// XX001: numbers in the tables that the triggers do not let in.
pub fn broken_configuration(object: &str, key: &str, error: &FlagError) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        format!("{object} \"{key}\" cannot be decided"),
        error.to_string(),
        "Correct the row.",
    ))
}

/// Warning 01000, once a session: decisions are to be written by the background worker, which is
/// not there.
pub fn not_preloaded() {
    warn(
        "decisions are written in the caller's transaction, not by a background worker".to_owned(),
        "lotty.decision_write_mode is async, but the library is not preloaded.".to_owned(),
        "Add lotty to shared_preload_libraries and restart the server, or set lotty.decision_write_mode to sync.",
    );
}

/// 40001: the transaction's snapshot is older than rows that are to be deleted or moved.
pub fn older_snapshot() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
        "could not serialize access due to concurrent decisions".to_owned(),
        "Decisions for the subject have been written since the transaction began.".to_owned(),
        "Run the transaction again.",
    ))
}

/// 58000: the system gives no random numbers.
pub fn no_randomness() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_SYSTEM_ERROR,
        "could not generate random values".to_owned(),
        "A decision needs a unique identifier.".to_owned(),
        "",
    ))
}

/// 55000: a new package is installed, but this database has not been updated.
pub fn extension_too_old(library: &str, extension: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        versions_differ(library, extension),
        "The tables and functions of this database are those of the other version.".to_owned(),
        "Run ALTER EXTENSION lotty UPDATE.",
    ))
}

/// 55000: the extension was updated, but the process had loaded the library before.
pub fn library_too_old(library: &str, extension: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        versions_differ(library, extension),
        loaded_before().to_owned(),
        load_anew(),
    ))
}

/// 55000: a script of an update runs in a process that has loaded the library before.
pub fn library_cannot_update(library: &str, extension: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!(
            "lotty {library} is loaded, which cannot update the extension to version {extension}"
        ),
        loaded_before().to_owned(),
        load_anew(),
    ))
}

fn versions_differ(library: &str, extension: &str) -> String {
    format!("lotty {library} is loaded, but the extension in this database is version {extension}")
}

fn loaded_before() -> &'static str {
    match shared() {
        Some(_) => "The server loaded the library when it started (shared_preload_libraries).",
        None => "This session loaded the library before the new one was installed.",
    }
}

fn load_anew() -> &'static str {
    match shared() {
        Some(_) => "Restart the server.",
        None => "Reconnect.",
    }
}

/// 55000: rows of a subject stay in the queue of the background writer.
pub fn log_not_settled() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "decisions of the subject are still to be written".to_owned(),
        "They wait for the background writer, which has not taken them for ten seconds.".to_owned(),
        "Look for its messages in the server's log, and try again.",
    ))
}

/// 55000: the transaction has decided for the subject before the savepoint it is in, and the
/// rows are not written yet.
pub fn decided_before_savepoint() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "decisions of the subject are still to be written".to_owned(),
        "The transaction made them before its last savepoint, to be written when it commits."
            .to_owned(),
        "Do this outside of savepoints, or in a transaction of its own.",
    ))
}

/// XX001: bytes in a table that no value of type `lotty.stats` has.
pub fn broken_stats() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        "value of type lotty.stats cannot be read".to_owned(),
        "Its bytes are not those that this version of lotty writes.".to_owned(),
        "Compute it anew from the values.",
    ))
}

/// 22P02: a text that is no value of type `lotty.stats`.
pub fn invalid_stats_text(text: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
        format!("invalid input for type lotty.stats: \"{text}\""),
        "It reads like: mean n=3 means=2.5 products=4.5".to_owned(),
        "Use lotty.stats_from_moments to make one from numbers.",
    ))
}

/// 22P03: bytes from a client that are no value of type `lotty.stats`.
pub fn invalid_stats_bytes() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_BINARY_REPRESENTATION,
        "invalid binary input for type lotty.stats".to_owned(),
        "The bytes are not those that this version of lotty writes.".to_owned(),
        "Pass the bytes of a binary result as they are, or use the text form.",
    ))
}

/// 22003: NaN or an infinity among the values.
pub fn not_finite(what: &str, value: f64) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        format!("{what} must be a finite number, not {}", number(value)),
        "There is no mean of such values.".to_owned(),
        "Leave them out with FILTER (WHERE ...), or pass NULL.",
    ))
}

/// 22003: values so large that their squares cannot be added up.
pub fn stats_overflow() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        "values are too large for type lotty.stats".to_owned(),
        "The sum of their squares is beyond double precision, or there are too many.".to_owned(),
        "Use a larger unit.",
    ))
}

/// 22023: two values of type `lotty.stats` that have nothing in common.
pub fn stats_differ(function: &str, first: &str, second: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("stats of {first} and of {second} do not go together"),
        format!("{function} was called with both."),
        "Select the stats of one metric, all made by the same aggregate.",
    ))
}

/// 22023: quantiles are to be added up.
pub fn estimates_do_not_add() -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        "stats of estimates cannot be rolled up".to_owned(),
        "A quantile of all values does not follow from the quantiles of their parts.".to_owned(),
        "Compute it from the values.",
    ))
}

/// 22023: an argument that is not in its range. `must` follows the argument's name.
pub fn argument_out_of_range(function: &str, argument: &str, must: &str, value: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("{argument} must {must}, not {value}"),
        format!("Argument \"{argument}\" of {function} is {value}."),
        "",
    ))
}

/// 22023: arguments that do not fit each other.
pub fn arguments_do_not_fit(function: &str, what: &str, detail: String, hint: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("{what} of {function} do not fit"),
        detail,
        hint,
    ))
}

/// As PostgreSQL writes it.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        value.to_string()
    }
}

/// 22023: a JSON document has no report to be drawn.
pub fn not_a_report(error: &str) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        "the document is not a report".to_owned(),
        format!("Argument \"document\" of lotty.draw_report cannot be read: {error}."),
        "lotty_report_svg makes the document and draws it.",
    ))
}

/// 42601: a text that should be a query is none.
pub fn not_a_query(text: &str, unfit: Unfit) -> ! {
    raise(report(
        PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
        "the text is not a query".to_owned(),
        match unfit {
            Unfit::NotOneStatement => {
                format!("It is not exactly one statement: {}", shortened(text))
            }
            Unfit::NoRows => format!("It answers no rows: {}", shortened(text)),
        },
        "Give one SELECT, without a semicolon.",
    ))
}

/// The start of a text, to be shown.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
