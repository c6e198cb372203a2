//! Binary `jsonb`: read in place, never serialised.

use std::borrow::Cow;
use std::ffi::CStr;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::{ptr, slice};

use lotty_core::attributes::{Attributes, Elements, Path, Segment, Value};
use lotty_core::number::Number;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::nullable::Nullable;
use pgrx::prelude::*;
use pgrx::{fcinfo::direct_function_call_as_datum, impl_sql_translatable};

/// A `jsonb` value kept outside of PostgreSQL's memory: its bytes, length word included.
#[derive(Debug)]
pub struct Jsonb(Box<[u8]>);

impl Jsonb {
    /// Copies a datum.
    ///
    /// # Safety
    /// `datum` is a `jsonb` that is not NULL.
    pub unsafe fn copy_from(datum: pg_sys::Datum) -> Self {
        // SAFETY: detoasting gives a valid varlena of the length that it states.
        unsafe {
            let varlena = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
            let bytes = slice::from_raw_parts(varlena.cast::<u8>(), pgrx::varsize_any(varlena));
            Self(bytes.into())
        }
    }

    /// The bytes, length word included.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value of which [`Jsonb::bytes`] has given these bytes, on this server; `None` if
    /// they cannot be such bytes.
    pub fn from_own_bytes(bytes: &[u8]) -> Option<Self> {
        // The length word is read in one, so it must lie as the allocator puts it.
        let copy: Box<[u8]> = bytes.into();
        let is_whole = copy.len() > pg_sys::VARHDRSZ
            // SAFETY: at least the length word is there.
            && unsafe { pgrx::varsize_any(copy.as_ptr().cast()) } == copy.len();
        is_whole.then_some(Self(copy))
    }

    /// A copy in the current memory context.
    pub fn to_datum(&self) -> pg_sys::Datum {
        // SAFETY: palloc gives memory of that size, aligned as a varlena must be.
        unsafe {
            let copy = pg_sys::palloc(self.0.len()).cast::<u8>();
            copy.copy_from_nonoverlapping(self.0.as_ptr(), self.0.len());
            pg_sys::Datum::from(copy)
        }
    }
}

impl Jsonb {
    /// The value for `serde_json`, by way of its text: for explanations, not for deciding.
    pub fn to_json(&self) -> serde_json::Value {
        // SAFETY: the datum is a jsonb in the current memory context.
        let value = unsafe { pgrx::JsonB::from_datum(self.to_datum(), false) };
        value.map_or(serde_json::Value::Null, |pgrx::JsonB(value)| value)
    }
}

/// A `jsonb` in the memory context in which it was made: a result.
pub struct JsonbResult(pg_sys::Datum);

impl JsonbResult {
    /// As it is.
    pub fn datum(&self) -> pg_sys::Datum {
        self.0
    }
}

impl_sql_translatable!(JsonbResult, "jsonb");

impl IntoDatum for JsonbResult {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the SQL type is jsonb, and the datum is one, in a context that the caller of the
// function has made current for its result.
unsafe impl BoxRet for JsonbResult {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

impl JsonbResult {
    /// What a function writes as JSON.
    ///
    /// # Errors
    /// Those of the function.
    pub fn written(
        write: impl FnOnce(&mut dyn Write) -> Result<(), serde_json::Error>,
    ) -> Result<Self, serde_json::Error> {
        let mut writer =
            BufWriter::with_capacity(BYTES_PER_INTERRUPT_CHECK, Interruptible(Vec::new()));
        write(&mut writer)?;
        let Interruptible(mut text) = writer
            .into_inner()
            .map_err(|error| serde_json::Error::io(error.into_error()))?;
        text.push(0);
        // SAFETY: jsonb_in takes a NUL-terminated text, which it copies from; JSON has no other NUL.
        let datum = unsafe {
            let argument = Some(pg_sys::Datum::from(text.as_ptr()));
            direct_function_call_as_datum(pg_sys::jsonb_in, &[argument])
        };
        Ok(Self(
            datum.unwrap_or_else(|| error!("lotty: unexpected NULL")),
        ))
    }
}

/// How much JSON is read or written between two checks for a cancelled query.
const BYTES_PER_INTERRUPT_CHECK: usize = 16 * 1024;

/// JSON that is read or written piece by piece: a query that was cancelled ends between two.
struct Interruptible<T>(T);

impl<T: Read> Read for Interruptible<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        check_for_interrupts!();
        self.0.read(into)
    }
}

impl<T: Write> Write for Interruptible<T> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        check_for_interrupts!();
        self.0.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl From<&Jsonb> for JsonbResult {
    fn from(value: &Jsonb) -> Self {
        Self(value.to_datum())
    }
}

/// Each of these copies the value into the current memory context first, since PostgreSQL wants
/// it aligned: some bytes for a scalar, and only what is one is copied.
impl Jsonb {
    /// The boolean, if it is one.
    pub fn to_bool(&self) -> Option<bool> {
        self.scalar(|found| match found.value() {
            Value::Bool(value) => Some(value),
            _ => None,
        })
    }

    /// The string, if it is one.
    pub fn to_text(&self) -> Option<String> {
        self.scalar(|found| match found.value() {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        })
    }

    /// The number, if it is one, with all its digits.
    pub fn to_numeric(&self) -> Option<AnyNumeric> {
        self.scalar(|found| {
            if found.value.type_ != pg_sys::jbvType::jbvNumeric {
                return None;
            }
            // SAFETY: the tag says that this member of the union is set; it is copied.
            unsafe {
                let numeric = pg_sys::Datum::from(found.value.val.numeric);
                AnyNumeric::from_datum(numeric, false)
            }
        })
    }

    fn scalar<T>(&self, read: impl FnOnce(Found<'_>) -> Option<T>) -> Option<T> {
        if self.header() & pg_sys::JB_FSCALAR == 0 {
            return None;
        }
        // SAFETY: the datum is a jsonb in the current memory context, and used up here.
        let value = unsafe { JsonbArgument::of_datum(self.to_datum()) };
        value.root.raw_nth(0).and_then(read)
    }

    /// The header of the container behind the length word. Values from tables are detoasted
    /// into the four-byte form of that.
    fn header(&self) -> u32 {
        let header = self.0.get(pg_sys::VARHDRSZ..pg_sys::VARHDRSZ + 4);
        let bytes = header.and_then(|bytes| bytes.try_into().ok());
        u32::from_ne_bytes(bytes.unwrap_or_default())
    }
}

/// A `jsonb` argument of a function.
#[derive(Clone, Copy)]
pub struct JsonbArgument<'fcx> {
    root: Container<'fcx>,
    bytes: &'fcx [u8],
}

impl_sql_translatable!(JsonbArgument<'_>, "jsonb");

// SAFETY: the SQL type is jsonb, so the datum is one. It is detoasted into the memory context
// of the call, which outlives the call and so `'fcx`.
unsafe impl<'fcx> ArgAbi<'fcx> for JsonbArgument<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        let datum = unsafe { arg.unbox_arg_using_from_datum::<RawJsonb>() };
        let RawJsonb(datum) = datum.unwrap_or_else(|| error!("lotty: unexpected NULL"));
        unsafe { Self::of_datum(datum) }
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        let datum = unsafe { arg.unbox_arg_using_from_datum::<RawJsonb>() };
        datum
            .map(|RawJsonb(datum)| unsafe { Self::of_datum(datum) })
            .into()
    }
}

/// The datum as it came.
struct RawJsonb(pg_sys::Datum);

impl FromDatum for RawJsonb {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}

impl<'fcx> JsonbArgument<'fcx> {
    /// # Safety
    /// `datum` is a `jsonb` that is not NULL; `'fcx` ends before the current memory context.
    unsafe fn of_datum(datum: pg_sys::Datum) -> Self {
        // SAFETY: a plain, uncompressed varlena, whose data start behind the length word.
        unsafe {
            let varlena = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
            let bytes = slice::from_raw_parts(varlena.cast::<u8>(), pgrx::varsize_any(varlena));
            let pointer = varlena.cast::<u8>().add(pg_sys::VARHDRSZ).cast();
            Self {
                root: Container {
                    pointer,
                    lifetime: std::marker::PhantomData,
                },
                bytes,
            }
        }
    }

    /// All bytes of the document; the same bytes are the same document.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }
}

impl JsonbArgument<'_> {
    /// Whether it is a JSON object.
    pub fn is_object(&self) -> bool {
        self.root.has(pg_sys::JB_FOBJECT)
    }

    /// `object`, `array`, `string`, `number`, `boolean` or `null`.
    pub fn type_name(&self) -> &'static str {
        if self.is_object() {
            return "object";
        }
        if !self.root.has(pg_sys::JB_FSCALAR) {
            return "array";
        }
        match self.root.element(0) {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::Text(_) => "string",
            _ => "null",
        }
    }
}

impl JsonbArgument<'_> {
    /// The argument itself as the result of the same call.
    pub fn to_result(self) -> JsonbResult {
        // SAFETY: detoasting has made it a varlena with a length word before its container.
        let datum = unsafe { self.root.pointer.cast::<u8>().sub(pg_sys::VARHDRSZ) };
        JsonbResult(pg_sys::Datum::from(datum))
    }

    /// The whole document for `serde_json`, by way of its text: for imports, not for deciding.
    ///
    /// # Errors
    /// If it nests deeper than that library reads.
    pub fn to_json(self) -> Result<serde_json::Value, serde_json::Error> {
        // SAFETY: a container of this call; the text is NUL-terminated, in the current memory
        // context, and read before that ends.
        let text = unsafe {
            CStr::from_ptr(pg_sys::JsonbToCString(
                ptr::null_mut(),
                self.root.pointer,
                0,
            ))
        };
        serde_json::from_reader(BufReader::with_capacity(
            BYTES_PER_INTERRUPT_CHECK,
            Interruptible(text.to_bytes()),
        ))
    }
}

impl Attributes for JsonbArgument<'_> {
    /// Only the keys on the path are looked at: a binary search each, no allocation but for
    /// an element of an array on the path.
    fn get(&self, path: &Path) -> Value<'_> {
        self.interruption_point();
        let mut container = self.root;
        let mut value = Value::Object;
        for segment in path.segments() {
            if !matches!(value, Value::Object | Value::Array(_)) {
                return Value::Missing;
            }
            let found = match segment {
                Segment::Key(key) => container.field(key),
                Segment::Index(index) => container.nth(*index),
            };
            let Some(found) = found else {
                return Value::Missing;
            };
            if let Some(inner) = found.container() {
                container = inner;
            }
            value = found.value();
        }
        value
    }

    /// A query that was cancelled ends here.
    fn interruption_point(&self) {
        check_for_interrupts!();
    }
}

/// An object or array inside a `jsonb` (`JsonbContainer` of `utils/jsonb.h`).
#[derive(Clone, Copy)]
struct Container<'a> {
    pointer: *mut pg_sys::JsonbContainer,
    lifetime: std::marker::PhantomData<&'a [u8]>,
}

/// A value inside a `jsonb`, as PostgreSQL hands it out.
struct Found<'a> {
    value: pg_sys::JsonbValue,
    lifetime: std::marker::PhantomData<&'a [u8]>,
}

impl<'a> Container<'a> {
    fn header(self) -> u32 {
        // SAFETY: a container starts with its header.
        unsafe { (*self.pointer).header }
    }

    fn has(self, flag: u32) -> bool {
        self.header() & flag != 0
    }

    fn len(self) -> u32 {
        self.header() & pg_sys::JB_CMASK
    }

    /// The value of a key; `None` if this is no object or has no such key.
    fn field(self, key: &str) -> Option<Found<'a>> {
        if !self.has(pg_sys::JB_FOBJECT) {
            return None;
        }
        let mut value = pg_sys::JsonbValue::default();
        let length = i32::try_from(key.len()).ok()?;
        // SAFETY: an object; the key need not be NUL-terminated. The answer points into the
        // container, and is written to `value`.
        let found = unsafe {
            let key = key.as_ptr().cast();
            pg_sys::getKeyJsonValueFromContainer(self.pointer, key, length, &mut value)
        };
        (!found.is_null()).then_some(Found {
            value,
            lifetime: std::marker::PhantomData,
        })
    }

    /// An element; `None` if this is no array or is not that long.
    fn nth(self, index: u32) -> Option<Found<'a>> {
        if !self.has(pg_sys::JB_FARRAY) || self.has(pg_sys::JB_FSCALAR) {
            return None;
        }
        self.raw_nth(index)
    }

    fn raw_nth(self, index: u32) -> Option<Found<'a>> {
        // SAFETY: an array. The answer is palloc'd and points into the container; NULL if the
        // array is shorter.
        unsafe {
            let found = pg_sys::getIthJsonbValueFromContainer(self.pointer, index);
            if found.is_null() {
                return None;
            }
            let value = *found;
            pg_sys::pfree(found.cast());
            Some(Found {
                value,
                lifetime: std::marker::PhantomData,
            })
        }
    }

    /// Like `nth`, also of the one-element array that a bare scalar is stored as.
    fn element(self, index: u32) -> Value<'a> {
        self.raw_nth(index)
            .map_or(Value::Missing, |found| found.value())
    }
}

impl Elements for Container<'_> {
    fn visit(&self, visitor: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) {
        for index in 0..self.len() {
            // It costs a look at a variable; an element may be a number of 131,072 digits.
            check_for_interrupts!();
            if visitor(self.element(index)).is_break() {
                return;
            }
        }
    }
}

impl<'a> Found<'a> {
    fn container(&self) -> Option<Container<'a>> {
        (self.value.type_ == pg_sys::jbvType::jbvBinary).then(|| {
            // SAFETY: the tag says that this member of the union is set.
            let pointer = unsafe { self.value.val.binary.data };
            Container {
                pointer,
                lifetime: std::marker::PhantomData,
            }
        })
    }

    fn value(&self) -> Value<'a> {
        // SAFETY: the tag says which member of the union is set; strings and numbers point
        // into the container, which lives for `'a`.
        unsafe {
            match self.value.type_ {
                pg_sys::jbvType::jbvNull => Value::Null,
                pg_sys::jbvType::jbvBool => Value::Bool(self.value.val.boolean),
                pg_sys::jbvType::jbvNumeric => number(self.value.val.numeric),
                pg_sys::jbvType::jbvString => {
                    let string = self.value.val.string;
                    let length = usize::try_from(string.len).unwrap_or(0);
                    let bytes = slice::from_raw_parts(string.val.cast::<u8>(), length);
                    // Only databases in UTF8 can have the extension; the check is cheap.
                    std::str::from_utf8(bytes)
                        .map_or(Value::Missing, |text| Value::Text(Cow::Borrowed(text)))
                }
                _ => match self.container() {
                    Some(array) if array.has(pg_sys::JB_FARRAY) => Value::Array(Box::new(array)),
                    _ => Value::Object,
                },
            }
        }
    }
}

/// A number by its text, so that not a digit is lost.
///
/// # Safety
/// `numeric` is a valid numeric.
unsafe fn number(numeric: pg_sys::Numeric) -> Value<'static> {
    // SAFETY: numeric_out takes a numeric and answers a palloc'd, NUL-terminated text.
    unsafe {
        let argument = Some(pg_sys::Datum::from(numeric));
        let Some(text) = direct_function_call_as_datum(pg_sys::numeric_out, &[argument]) else {
            return Value::Missing;
        };
        let number = CStr::from_ptr(text.cast_mut_ptr())
            .to_str()
            .ok()
            .and_then(Number::parse);
        pg_sys::pfree(text.cast_mut_ptr());
        number.map_or(Value::Missing, Value::Number)
    }
}
