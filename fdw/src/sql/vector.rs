//! pgvector's types and operators: which OIDs they have here, and how their values are laid out.

use half::f16;
use half::slice::HalfFloatSliceExt;
use hither_core::{Element, Metric};
use pgrx::{FromDatum, pg_sys};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CStr;

/// A type of pgvector that a vector column may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorType {
    Vector,
    Halfvec,
}

impl VectorType {
    /// Bytes that one value takes.
    pub fn width(self) -> usize {
        match self {
            Self::Vector => 4,
            Self::Halfvec => 2,
        }
    }

    /// Whether its values lie in memory as this element does in a file.
    pub fn stores(self, element: Element) -> bool {
        cfg!(target_endian = "little")
            && matches!(
                (self, element),
                (Self::Vector, Element::F32) | (Self::Halfvec, Element::F16)
            )
    }
}

/// Bytes before the values: varlena header, dimensions, two unused bytes.
const HEADER: usize = 8;

thread_local! {
    // OIDs keep their meaning: what was found once need not be looked up again.
    static TYPES: RefCell<BTreeMap<u32, Option<VectorType>>> = RefCell::default();
    static OPERATORS: RefCell<BTreeMap<u32, Option<Metric>>> = RefCell::default();
}

/// Whether a function is one of pgvector's library, wherever that is installed.
///
/// pg_proc says so, which whoever parsed the query has read already. Asking pg_depend for the
/// extension was slower in a new backend, which knows that catalog only by name.
fn is_pgvectors(function: pg_sys::Oid) -> bool {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
    // SAFETY: a look-up in the catalogs, within a transaction; the tuple is released, and its
    // library, where there is one, is a text.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return false;
        }
        let (column, mut null) = (pg_sys::Anum_pg_proc_probin as i16, true);
        let library = pg_sys::SysCacheGetAttr(cache, tuple, column, &raw mut null);
        // A text has the bytes of a bytea, in whatever encoding.
        let library = Vec::<u8>::from_datum(library, null).unwrap_or_default();
        pg_sys::ReleaseSysCache(tuple);
        let name = library.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        name.strip_suffix(b".so").unwrap_or(name) == b"vector"
    }
}

/// Which of pgvector's types this is, if any.
pub fn vector_type(oid: pg_sys::Oid) -> Option<VectorType> {
    // Postgres's own types need no look-up.
    if oid.to_u32() < pg_sys::FirstNormalObjectId {
        return None;
    }
    if let Some(known) = TYPES.with_borrow(|types| types.get(&oid.to_u32()).copied()) {
        return known;
    }
    let found = match input_function(oid).as_deref() {
        Some("vector_in") => Some(VectorType::Vector),
        Some("halfvec_in") => Some(VectorType::Halfvec),
        _ => None,
    };
    TYPES.with_borrow_mut(|types| types.insert(oid.to_u32(), found));
    found
}

/// The name of a type that pgvector's indexes take and ours do not.
pub fn foreign_type(oid: pg_sys::Oid) -> Option<&'static str> {
    match oid {
        pg_sys::BITOID => Some("bit"),
        _ if input_function(oid).as_deref() == Some("sparsevec_in") => Some("sparsevec"),
        _ => None,
    }
}

/// The name of the function that reads values of a type, if that is one of pgvector's.
fn input_function(oid: pg_sys::Oid) -> Option<String> {
    let (mut input, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: the type exists, with places for what it is asked for; get_func_name gives a
    // palloc'ed string, the function being there.
    unsafe {
        pg_sys::getTypeInputInfo(oid, &raw mut input, &raw mut parameter);
        let name = || CStr::from_ptr(pg_sys::get_func_name(input)).to_string_lossy().into_owned();
        is_pgvectors(input).then(name)
    }
}

/// The metric of a distance operator of pgvector.
pub fn metric_of(operator: pg_sys::Oid) -> Option<Metric> {
    if let Some(known) =
        OPERATORS.with_borrow(|operators| operators.get(&operator.to_u32()).copied())
    {
        return known;
    }
    // SAFETY: look-ups in the catalogs, within a transaction.
    let found = if is_pgvectors(unsafe { pg_sys::get_opcode(operator) }) {
        // SAFETY: the operator exists; get_opname gives a palloc'ed string.
        let name = unsafe { CStr::from_ptr(pg_sys::get_opname(operator)) };
        let mut metrics = Metric::ALL.iter();
        metrics.find(|metric| metric.operator().as_bytes() == name.to_bytes()).copied()
    } else {
        None
    };
    OPERATORS.with_borrow_mut(|operators| operators.insert(operator.to_u32(), found));
    found
}

/// Reads a vector's values.
///
/// # Safety
/// `datum` is a value of this type, not null.
pub unsafe fn read(datum: pg_sys::Datum, vector_type: VectorType) -> Vec<f32> {
    // SAFETY: the caller's promise.
    let value = unsafe { VectorValue::new(datum, vector_type) };
    let bytes = value.bytes();
    match vector_type {
        VectorType::Vector => {
            bytes.as_chunks().0.iter().map(|value| f32::from_ne_bytes(*value)).collect()
        }
        // A query, once a statement: to ask what the processor can would take longer.
        VectorType::Halfvec => {
            let values = bytes.as_chunks().0.iter().map(|value| f16::from_ne_bytes(*value));
            values.map(f16::to_f32_const).collect()
        }
    }
}

/// A value of one of pgvector's types, detoasted, as long as this lives.
pub struct VectorValue {
    pointer: *mut pg_sys::varlena,
    /// Whether it is a copy, which is ours to free.
    copied: bool,
    vector_type: VectorType,
}

impl VectorValue {
    /// # Safety
    /// `datum` is a value of this type, not null, which outlives this.
    pub unsafe fn new(datum: pg_sys::Datum, vector_type: VectorType) -> Self {
        // SAFETY: the caller's promise.
        let pointer = unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) };
        let copied = !std::ptr::eq(pointer, datum.cast_mut_ptr());
        Self { pointer, copied, vector_type }
    }

    /// Its values as they lie, little-endian where the machine is.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: pgvector's layout is a varlena header, i16 dimensions, i16 unused, the values. Detoasting
        // aligns it, and reads are unaligned anyway.
        unsafe {
            let pointer = self.pointer.cast::<u8>();
            let dimensions = pointer.add(4).cast::<u16>().read_unaligned() as usize;
            std::slice::from_raw_parts(pointer.add(HEADER), dimensions * self.vector_type.width())
        }
    }
}

impl Drop for VectorValue {
    fn drop(&mut self) {
        // After an error its memory goes with its context.
        if self.copied && !std::thread::panicking() {
            // SAFETY: allocated by `new`.
            unsafe { pg_sys::pfree(self.pointer.cast()) }
        }
    }
}

/// A vector of so many values in the current memory context, which are yet to be written.
pub fn allocate(dimensions: usize, vector_type: VectorType) -> *mut u8 {
    let size = HEADER + dimensions * vector_type.width();
    // SAFETY: `size` bytes are allocated; the header is written.
    unsafe {
        let pointer = pg_sys::palloc(size).cast::<u8>();
        pgrx::set_varsize_4b(pointer.cast(), size as i32);
        pointer.add(4).cast::<u16>().write_unaligned(dimensions as u16);
        pointer.add(6).cast::<u16>().write_unaligned(0);
        pointer
    }
}

/// Writes the values of a vector.
///
/// # Safety
/// `vector` is one of as many values and this type, as [`allocate`] gives it.
pub unsafe fn write(values: &[f32], vector_type: VectorType, vector: *mut u8) {
    // SAFETY: there is room for as many values.
    unsafe {
        let out = vector.add(HEADER);
        match vector_type {
            VectorType::Vector => {
                std::ptr::copy_nonoverlapping(values.as_ptr().cast(), out, values.len() * 4);
            }
            VectorType::Halfvec => {
                // The allocation starts at a multiple of 8, and so does what follows the header.
                let out = std::slice::from_raw_parts_mut(out.cast::<f16>(), values.len());
                out.convert_from_f32_slice(values);
            }
        }
    }
}

/// Writes values that are stored [as this type stores them](VectorType::stores).
///
/// # Safety
/// As for [`write`].
pub unsafe fn copy(stored: &[u8], vector: *mut u8) {
    // SAFETY: there is room for as many bytes.
    unsafe { std::ptr::copy_nonoverlapping(stored.as_ptr(), vector.add(HEADER), stored.len()) }
}
