//! The indexed columns, and how vectors are stored and measured.

use crate::access::keys::{self, KeyKind};
use crate::access::metapage::Metapage;
use crate::access::options::{IndexKind, Rerank};
use crate::access::relation::IndexRelation;
use crate::search::lengths::length;
use crate::sql::failure::{Failure, Result};
use crate::sql::vector::{self, VectorType, VectorValue};
use hither_core::limits::FLAT_ROWS;
use hither_core::{Codes, Element, HnswParams, IndexOptions, IvfParams, KeyType, Metric};
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;

/// The columns of an index: the vector, and the key columns beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub vector_type: VectorType,
    pub dimensions: usize,
    pub metric: Metric,
    pub keys: Vec<KeyKind>,
    /// The number of the vector's column in the table; `None` if it is an expression.
    pub attribute: Option<i16>,
}

/// Memory for a row that is built in any part but the last: its key.
const BYTES_PUT_ASIDE: u64 = 16;

/// The greatest length of a vector, unless only its direction is measured.
const GREATEST_LENGTH: f64 = (1_u64 << 62) as f64;

impl Column {
    /// The column of an index that is about to be built.
    ///
    /// # Errors
    /// If its type cannot be indexed.
    pub fn to_build(index: IndexRelation) -> Result<Self> {
        let column = Self::of_catalog(index)?;
        if index.options().rerank == Rerank::Heap && !column.is_in_table() {
            let message = "rows of such an index cannot be put in order by the table's vectors";
            return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message).hint(
                "Leave rerank = 'heap' out: what is an expression, or is ordered by <+>, is kept in the index.",
            ));
        }
        if column.dimensions > 0 {
            return Ok(column);
        }
        let message = "the indexed column has no dimensions";
        Err(Failure::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, message).hint(
            "Say how many in its type, such as vector(384), or index an expression: ((embedding::vector(384)) vector_cosine_ops).",
        ))
    }

    /// The column of an index.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn of(index: IndexRelation) -> Result<Self> {
        let column = Self::of_catalog(index)?;
        if column.dimensions > 0 {
            return Ok(column);
        }
        // ALTER TABLE may remove the dimensions from the column's type without rebuilding the index.
        let dimensions = Metapage::read(index)?.head.dimensions as usize;
        Ok(Self { dimensions, ..column })
    }

    /// What the catalogs say; `dimensions` is 0 if the type has none.
    fn of_catalog(index: IndexRelation) -> Result<Column> {
        // SAFETY: open, with one attribute and its operator class.
        unsafe {
            let relation = &*index.raw();
            let family = *relation.rd_opfamily;
            let input = *relation.rd_opcintype;
            let operator = pg_sys::get_opfamily_member(family, input, input, 1);
            let metric = vector::metric_of(operator);
            if let Some(name) = vector::foreign_type(input) {
                let message = format!("a column of type {name} cannot be indexed by hither");
                return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message)
                    .hint("pgvector's hnsw does it, by the operator class of the same name: CREATE INDEX … USING hnsw."));
            }
            let (Some(vector_type), Some(metric)) = (vector::vector_type(input), metric) else {
                let message =
                    format!("the first column of index \"{}\" is no vector", index.name());
                return Err(Failure::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, message).hint(
                    "Name the vector first, then the columns that conditions are on: (embedding vector_cosine_ops, tenant_id).",
                ));
            };
            let attribute = attribute(relation.rd_att);
            let dimensions = usize::try_from((*attribute).atttypmod).unwrap_or(0);
            let keys = keys::kinds(index)?;
            let attribute = (*relation.rd_index).indkey.values.as_slice(1)[0];
            let attribute = Some(attribute).filter(|attribute| *attribute > 0);
            Ok(Column { vector_type, dimensions, metric, keys, attribute })
        }
    }

    /// Whether rows can be ordered by the table's vectors: the error of codes has a bound under this
    /// metric, and the table has the vector as a plain column.
    fn is_in_table(&self) -> bool {
        self.attribute.is_some() && self.metric != Metric::L1
    }

    /// Whether segments store codes alone and leave the vectors to the table.
    pub fn leaves_vectors(&self, index: IndexRelation) -> bool {
        index.options().rerank != Rerank::Index && self.is_in_table()
    }

    /// The options of a file of rows without a structure.
    pub fn file_options(&self) -> IndexOptions {
        IndexOptions {
            key_type: KeyType::Int64,
            element: self.element(),
            columns: keys::schema(&self.keys),
            hnsw: None,
            threads: 1,
            ..IndexOptions::new(self.dimensions, self.metric)
        }
    }

    /// The options for building segments of about `rows` rows. Memory and threads are limited by
    /// maintenance_work_mem and max_parallel_maintenance_workers, but there is always enough memory for the
    /// smallest part and the keys of all others.
    pub fn build_options(&self, index: IndexRelation, rows: u64) -> IndexOptions {
        let options = index.options();
        // SAFETY: settings.
        let (memory, workers) =
            unsafe { (pg_sys::maintenance_work_mem, pg_sys::max_parallel_maintenance_workers) };
        let mut built = self.file_options();
        built.threads = 1 + usize::try_from(workers).unwrap_or(0);
        match options.kind {
            IndexKind::Hnsw => {
                built.hnsw =
                    Some(HnswParams { m: options.m, ef_construction: options.ef_construction });
            }
            IndexKind::Ivf => built.ivf = Some(IvfParams { lists: options.lists }),
            IndexKind::Flat => {}
        }
        if self.leaves_vectors(index) {
            built.codes = Some(Codes::Sq8Only);
        }
        let memory = u64::try_from(memory).unwrap_or(0) * 1024;
        let least = built.memory_needed(FLAT_ROWS) + 2 * BYTES_PUT_ASIDE * rows;
        built.memory = Some(memory.max(least));
        built
    }

    /// How files store the vector's values: without loss.
    pub fn element(&self) -> Element {
        match self.vector_type {
            VectorType::Vector => Element::F32,
            VectorType::Halfvec => Element::F16,
        }
    }

    /// Bytes of a vector's values.
    pub fn width(&self) -> usize {
        self.dimensions * self.vector_type.width()
    }

    /// Checks that a vector has as many values as the index, since the column's type may no longer ensure
    /// that.
    ///
    /// # Errors
    /// If it has not.
    pub fn check(&self, vector: &VectorValue) -> Result<()> {
        let (expected, got) = (self.width(), vector.bytes().len());
        if expected == got {
            return Ok(());
        }
        let width = self.vector_type.width();
        let message = format!("expected {} dimensions, not {}", expected / width, got / width);
        Err(Failure::new(Code::ERRCODE_DATA_EXCEPTION, message))
    }

    /// Whether a vector can be indexed. Under cosine, a vector of zeros has no direction and is left out.
    ///
    /// # Errors
    /// If it is too long to be measured.
    pub fn takes(&self, vector: &[f32]) -> Result<bool> {
        let length = length(vector);
        if !length.is_finite() {
            let message = "a vector with a value that is no number cannot be indexed";
            return Err(Failure::new(Code::ERRCODE_DATA_EXCEPTION, message));
        }
        if self.metric == Metric::Cosine {
            return Ok(length > 0.0);
        }
        if length < GREATEST_LENGTH {
            return Ok(true);
        }
        let message = format!("a vector of length {length:e} is too long for an index of hither");
        Err(Failure::new(Code::ERRCODE_DATA_EXCEPTION, message)
            .hint("Vectors may be up to 4.6e18 long; under cosine, where their direction alone counts, any length goes."))
    }
}

/// The first attribute of a descriptor.
///
/// # Safety
/// The descriptor has at least one attribute.
unsafe fn attribute(descriptor: pg_sys::TupleDesc) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's promise.
    #[cfg(not(feature = "pg18"))]
    unsafe {
        (*descriptor).attrs.as_ptr()
    }
    // SAFETY: the caller's promise.
    #[cfg(feature = "pg18")]
    unsafe {
        pg_sys::TupleDescAttr(descriptor, 0)
    }
}
