//! pgvector's types and operators: their OIDs in this database, and the layout of their values.

use half::f16;
use half::slice::HalfFloatSliceExt;
use hither_core::{Element, Metric};
use pgrx::{FromDatum, pg_sys};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CStr;

/// A type of pgvector that a vector column can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorType {
    Vector,
    Halfvec,
}

impl VectorType {
    /// Bytes of one value.
    pub fn width(self) -> usize {
        match self {
            Self::Vector => 4,
            Self::Halfvec => 2,
        }
    }

    /// Whether its values have the same layout in memory as this element type has in a file.
    pub fn stores(self, element: Element) -> bool {
        cfg!(target_endian = "little")
            && matches!(
                (self, element),
                (Self::Vector, Element::F32) | (Self::Halfvec, Element::F16)
            )
    }
}

/// Bytes before the values: the varlena header, the dimensions, two unused bytes.
const HEADER: usize = 8;

thread_local! {
    // OIDs keep their meaning, so results of look-ups stay valid.
    static TYPES: RefCell<BTreeMap<u32, Option<VectorType>>> = RefCell::default();
    static OPERATORS: RefCell<BTreeMap<u32, Option<Metric>>> = RefCell::default();
}

/// Whether a function belongs to pgvector's library, wherever that is installed.
///
/// pg_proc tells, and its row is already cached from parsing the query. Asking pg_depend for the extension
/// was slower in a new backend, which has not cached that catalog.
fn is_pgvectors(function: pg_sys::Oid) -> bool {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
    // SAFETY: a catalog look-up within a transaction; the tuple is released, and its library, if it has
    // one, is a text.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return false;
        }
        let (column, mut null) = (pg_sys::Anum_pg_proc_probin as i16, true);
        let library = pg_sys::SysCacheGetAttr(cache, tuple, column, &raw mut null);
        // A text has the layout of a bytea, whatever its encoding.
        let library = Vec::<u8>::from_datum(library, null).unwrap_or_default();
        pg_sys::ReleaseSysCache(tuple);
        let name = library.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        name.strip_suffix(b".so").unwrap_or(name) == b"vector"
    }
}

/// The pgvector type with this OID, if it is one.
pub fn vector_type(oid: pg_sys::Oid) -> Option<VectorType> {
    // Built-in types need no look-up.
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

/// The name of a type that pgvector's indexes support and ours do not.
pub fn foreign_type(oid: pg_sys::Oid) -> Option<&'static str> {
    match oid {
        pg_sys::BITOID => Some("bit"),
        _ if input_function(oid).as_deref() == Some("sparsevec_in") => Some("sparsevec"),
        _ => None,
    }
}

/// The name of a type's input function, if that is one of pgvector's.
fn input_function(oid: pg_sys::Oid) -> Option<String> {
    let (mut input, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: the type exists, and there are places for the results; the function exists, so get_func_name
    // returns a palloc'ed string.
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
    // SAFETY: catalog look-ups within a transaction.
    let found = if is_pgvectors(unsafe { pg_sys::get_opcode(operator) }) {
        // SAFETY: the operator exists; get_opname returns a palloc'ed string.
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
        // This reads one query per statement: detecting the processor's features would take longer.
        VectorType::Halfvec => {
            let values = bytes.as_chunks().0.iter().map(|value| f16::from_ne_bytes(*value));
            values.map(f16::to_f32_const).collect()
        }
    }
}

/// A detoasted value of one of pgvector's types.
pub struct VectorValue {
    pointer: *mut pg_sys::varlena,
    /// Whether it is a copy that this must free.
    copied: bool,
    vector_type: VectorType,
}

impl VectorValue {
    /// # Safety
    /// `datum` is a value of this type, not null, which outlives this value.
    pub unsafe fn new(datum: pg_sys::Datum, vector_type: VectorType) -> Self {
        // SAFETY: the caller's promise.
        let pointer = unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) };
        let copied = !std::ptr::eq(pointer, datum.cast_mut_ptr());
        Self { pointer, copied, vector_type }
    }

    /// The bytes of its values, in the machine's byte order.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: pgvector's layout is a varlena header, i16 dimensions, i16 unused, the values. Detoasting
        // aligns it, and the values are read as bytes anyway.
        unsafe {
            let pointer = self.pointer.cast::<u8>();
            let dimensions = pointer.add(4).cast::<u16>().read_unaligned() as usize;
            std::slice::from_raw_parts(pointer.add(HEADER), dimensions * self.vector_type.width())
        }
    }
}

impl Drop for VectorValue {
    fn drop(&mut self) {
        // After an error the memory context frees it.
        if self.copied && !std::thread::panicking() {
            // SAFETY: allocated by `new`.
            unsafe { pg_sys::pfree(self.pointer.cast()) }
        }
    }
}

/// Allocates a vector in the current memory context; its values are still to be written.
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
/// `vector` has this number of values and this type, and was returned by [`allocate`].
pub unsafe fn write(values: &[f32], vector_type: VectorType, vector: *mut u8) {
    // SAFETY: there is room for this number of values.
    unsafe {
        let out = vector.add(HEADER);
        match vector_type {
            VectorType::Vector => {
                std::ptr::copy_nonoverlapping(values.as_ptr().cast(), out, values.len() * 4);
            }
            VectorType::Halfvec => {
                // The allocation is aligned to 8 bytes, and so is what follows the header.
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
    // SAFETY: there is room for this many bytes.
    unsafe { std::ptr::copy_nonoverlapping(stored.as_ptr(), vector.add(HEADER), stored.len()) }
}
