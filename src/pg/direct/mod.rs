//! The two tables of the hot path, written and read without SQL: through the same functions of
//! PostgreSQL that its executor calls for each row (`nodeModifyTable.c`, `nodeIndexonlyscan.c`).
//! WAL, logical decoding, serialization conflicts, statistics and aborts are theirs.
//!
//! What is left out is what SQL costs beside that: a prepared statement takes an SPI connection,
//! a check of its plan, a portal's worth of executor state and all of that again for the next row.
//!
//! Only a table that is as the extension made it is taken ([`layout`]), or a partition of one. For one that
//! has been given triggers, row security or further columns the functions here answer
//! "not here", and the caller takes the way of SQL, where all of these have their effect.

mod layout;
mod partition;
pub mod raw;
pub mod reader;
pub mod writer;

pub use layout::{Column, Type, on_relcache};
