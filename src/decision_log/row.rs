//! A decision as a row of the log, and as the bytes that go through the queue.
//!
//! The bytes never leave the server they were made on, and never outlive its binaries by more
//! than a restart; so numbers are in the machine's own order.

use lotty_core::reason::Reason;
use uuid::Uuid;

use crate::pg::clock::Timestamp;
use crate::pg::jsonb::Jsonb;

/// A row of `lotty.decision`.
#[derive(Debug)]
pub struct Row<'a> {
    /// `decision_id`
    pub id: Uuid,
    /// `created_at`
    pub created_at: Timestamp,
    /// `flag_key`
    pub flag_key: Option<&'a str>,
    /// `subject_id`
    pub subject: &'a str,
    /// `experiment_id`
    pub experiment: Option<Uuid>,
    /// `variant_id`
    pub variant: Option<Uuid>,
    /// The bytes of `value`
    pub value: Option<&'a [u8]>,
    /// `reason`
    pub reason: Reason,
}

impl<'a> Row<'a> {
    /// The row as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(
            80 + self.subject.len()
                + self.flag_key.map_or(0, str::len)
                + self.value.map_or(0, <[u8]>::len),
        );
        bytes.extend(self.id.as_bytes());
        bytes.extend(self.created_at.to_ne_bytes());
        let reason = Reason::ALL.iter().position(|reason| *reason == self.reason);
        bytes.push(u8::try_from(reason.unwrap_or_default()).unwrap_or_default());
        put(&mut bytes, self.flag_key.map(str::as_bytes));
        put(&mut bytes, Some(self.subject.as_bytes()));
        put(
            &mut bytes,
            self.experiment.as_ref().map(|id| &id.as_bytes()[..]),
        );
        put(
            &mut bytes,
            self.variant.as_ref().map(|id| &id.as_bytes()[..]),
        );
        put(&mut bytes, self.value);
        bytes
    }

    /// The row of those bytes; `None` if they are none.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (created_at, rest) = rest.split_first_chunk::<8>()?;
        let (reason, mut rest) = rest.split_first()?;
        Some(Self {
            id: Uuid::from_bytes(*id),
            created_at: Timestamp::from_ne_bytes(*created_at),
            reason: *Reason::ALL.get(usize::from(*reason))?,
            flag_key: match take(&mut rest)? {
                Some(key) => Some(str::from_utf8(key).ok()?),
                None => None,
            },
            subject: str::from_utf8(take(&mut rest)??).ok()?,
            experiment: take_uuid(&mut rest)?,
            variant: take_uuid(&mut rest)?,
            value: take(&mut rest)?,
        })
    }

    /// `value` as a datum can be made of it.
    pub fn jsonb(&self) -> Option<Jsonb> {
        self.value.and_then(Jsonb::from_own_bytes)
    }
}

/// A length, one more than it is so that 0 is none, and the bytes.
fn put(bytes: &mut Vec<u8>, part: Option<&[u8]>) {
    let length = part.map_or(0, |part| u32::try_from(part.len()).unwrap_or(0) + 1);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(part.unwrap_or_default());
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let Some(length) = u32::from_ne_bytes(*length).checked_sub(1) else {
        *bytes = rest;
        return Some(None);
    };
    let (part, rest) = rest.split_at_checked(length as usize)?;
    *bytes = rest;
    Some(Some(part))
}

fn take_uuid(bytes: &mut &[u8]) -> Option<Option<Uuid>> {
    match take(bytes)? {
        Some(id) => Some(Some(Uuid::from_slice(id).ok()?)),
        None => Some(None),
    }
}
