//! How large a rule may be.
//!
//! Each limit is enforced with an error when a rule is parsed, and bounds what parsing,
//! evaluation and the stack can be made to spend on text that somebody else wrote. The limits
//! of one rule's text hold for the text of each audience as well.

/// The longest source of a rule, in bytes.
pub const MAX_SOURCE_BYTES: usize = 16 * 1024;

/// How deep parentheses, `NOT` and functions may nest. A chain of `AND` or `OR` does not nest.
pub const MAX_DEPTH: usize = 64;

/// The most operands, connectives, audiences and path steps in one rule, added up.
pub const MAX_NODES: usize = 4096;

/// The most `MATCHES` in one rule.
pub const MAX_PATTERNS: usize = 32;

/// The largest compiled regular expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// The most memory that matching one regular expression may use as its cache, in bytes. A
/// smaller cache makes difficult patterns slower, never wrong.
pub const MAX_PATTERN_CACHE_BYTES: usize = 1024 * 1024;

/// The longest text in which `MATCHES` looks, in bytes. A search takes time linear in the text,
/// but a difficult pattern of the size allowed takes 16 us a byte (measured, release build), and
/// a search cannot be interrupted: in the longest text it is over after a second.
pub const MAX_MATCHED_BYTES: usize = 64 * 1024;

/// How deep audiences may nest: an audience without references is one deep.
pub const MAX_AUDIENCE_DEPTH: usize = 16;

/// The most distinct audiences that one rule may reach, directly and through other audiences.
pub const MAX_AUDIENCES: usize = 256;
