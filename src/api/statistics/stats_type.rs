//! The type `lotty.stats`: its text and its bytes.

use std::ffi::{CStr, CString};

use lotty_statistics::encoding::{decode, encode};
use lotty_statistics::text;
use pgrx::prelude::*;

use crate::errors;
use crate::pg::stats::{Message, StatsValue};

/// Reads the text form.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["statistics_shell"])]
fn stats_in(input: &CStr) -> StatsValue {
    let input = input.to_string_lossy();
    match text::parse(&input) {
        Some(stats) => StatsValue(stats),
        None => errors::invalid_stats_text(&input),
    }
}

/// Writes the text form.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["statistics_shell"])]
fn stats_out(stats: StatsValue) -> CString {
    // The text has no NUL.
    CString::new(text::write(&stats.0)).unwrap_or_default()
}

/// Reads the bytes that a client sends.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["statistics_shell"])]
fn stats_recv(message: Message) -> StatsValue {
    match decode(&message.rest()) {
        Some(stats) => StatsValue(stats),
        None => errors::invalid_stats_bytes(),
    }
}

/// Writes the bytes that a client is sent.
#[pg_extern(schema = "lotty", immutable, parallel_safe, requires = ["statistics_shell"])]
fn stats_send(stats: StatsValue) -> Vec<u8> {
    encode(&stats.0)
}

extension_sql!(
    "CREATE TYPE lotty.stats (
    INPUT = lotty.stats_in, OUTPUT = lotty.stats_out,
    RECEIVE = lotty.stats_recv, SEND = lotty.stats_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = main
);",
    name = "stats_type",
    requires = [stats_in, stats_out, stats_recv, stats_send]
);
