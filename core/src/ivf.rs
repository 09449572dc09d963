//! Inverted files: rows in lists around centroids, of which a search probes the nearest few
//! (Sivic, Zisserman: Video Google, ICCV 2003).
//!
//! # What for
//!
//! An inverted file is built in a third of a graph's time, and adds next to no bytes to the rows: one centroid
//! a list. A probe reads consecutive rows, so it also suits storage where each read is expensive, such as
//! ranges of a remote file. For the same recall it takes several times as many comparisons as a walk.
//!
//! # Building
//!
//! The centroids are the means of k-means over a sample of the rows (`kmeans.rs`; Lloyd, 1982). Under cosine,
//! where only directions count, rows are taken at length 1 and assigned to the list with the greatest product;
//! under every other metric to the list at the least L2 distance. Lists say which rows to look at, and the
//! metric orders them. A list that lost its rows restarts from a row of the sample. Sums are taken in the order
//! of the rows, so that the same rows give the same lists with any number of threads.
//!
//! # In the file
//!
//! The rows of a segment are sorted by list, so that a list is a contiguous run of rows, codes and vectors:
//! besides the centroids, only one offset a list is stored.
//!
//! # Searching
//!
//! All centroids are ranked; the `probes` nearest lists are scanned, by codes where there are some, and a
//! search that is resumed goes on with the next lists (`segment/probe.rs`).

pub(crate) mod kmeans;

use crate::element::Element;
use crate::error::{ErrorKind, Result, corrupt};
use crate::limits::MAX_LISTS;
use crate::metric::{Metric, sqrt};
use crate::vectors::{Query, Shape, VectorsView};
use alloc::format;
use core::ops::Range;

/// Parameters of an inverted file.
///
/// ```
/// use hither::{IndexOptions, IvfParams, Metric};
///
/// let ivf = Some(IvfParams { lists: 100 });
/// let options = IndexOptions { hnsw: None, ivf, ..IndexOptions::new(384, Metric::L2) };
/// # assert!(hither::IndexBuilder::new(options).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IvfParams {
    /// How many lists there are: 1 to 1,048,576, and no more than rows. 0, the default, means
    /// the square root of the number of rows.
    pub lists: u32,
}

impl IvfParams {
    pub(crate) fn check(self) -> Result<()> {
        if self.lists > MAX_LISTS {
            let reason = format!("{} is not within 1 and {MAX_LISTS}", self.lists);
            return Err(ErrorKind::InvalidParameter { name: "lists", reason }.into());
        }
        Ok(())
    }

    /// The number of lists for this number of rows.
    pub(crate) fn lists_for(self, rows: u32) -> u32 {
        let lists = match self.lists {
            0 => (sqrt(rows as f32) + 0.5) as u32,
            lists => lists,
        };
        lists.clamp(1, rows.max(1))
    }
}

/// The shape of the centroids: f32, ranked by inner product under cosine, because they have unit length.
pub(crate) fn centroid_shape(dimensions: usize, metric: Metric) -> Shape {
    let metric = if metric == Metric::Cosine { Metric::InnerProduct } else { metric };
    Shape { dimensions, element: Element::F32, metric }
}

/// A stored inverted file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IvfView<'a> {
    centroids: VectorsView<'a>,
    offsets: &'a [u8],
    lists: u32,
    rows: u32,
}

impl<'a> IvfView<'a> {
    /// `offsets` holds the first row of every list and then the number of rows, as little-endian u32.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the sections do not have the length that the numbers imply.
    pub fn new(
        centroids: &'a [u8],
        offsets: &'a [u8],
        lists: u32,
        rows: u32,
        shape: Shape,
    ) -> Result<Self> {
        let shape = centroid_shape(shape.dimensions, shape.metric);
        let fits = centroids.len() as u64 == u64::from(lists) * shape.stride() as u64
            && offsets.len() as u64 == 4 * (u64::from(lists) + 1);
        if !fits {
            return Err(corrupt("the sizes of the inverted file"));
        }
        // Lists that overlap would give rows twice.
        let starts = offsets.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        if !starts.clone().is_sorted() || starts.max().is_some_and(|last| last > rows) {
            return Err(corrupt("the lists of the inverted file"));
        }
        Ok(Self { centroids: VectorsView::new(centroids, shape), offsets, lists, rows })
    }

    pub fn lists(&self) -> u32 {
        self.lists
    }

    /// Ranks of the listed centroids.
    pub fn ranks(&self, query: &Query, list: &[u32], out: &mut [f32]) -> Result<()> {
        self.centroids.ranks(query, list, out)
    }

    /// The rows of a list.
    pub fn rows(&self, list: u32) -> Result<Range<u32>> {
        let offset = |at: u32| {
            let bytes = self.offsets.as_chunks().0.get(at as usize);
            bytes.map(|bytes| u32::from_le_bytes(*bytes))
        };
        match (offset(list), offset(list + 1)) {
            (Some(first), Some(last)) if first <= last && last <= self.rows => Ok(first..last),
            _ => Err(corrupt("the lists of the inverted file")),
        }
    }

    /// Checks that the lists cover all rows, one after another.
    pub fn verify(&self) -> Result<()> {
        let mut next = 0;
        for list in 0..self.lists {
            let rows = self.rows(list)?;
            if rows.start != next {
                return Err(corrupt("the lists of the inverted file"));
            }
            next = rows.end;
        }
        if next != self.rows {
            return Err(corrupt("the lists of the inverted file"));
        }
        Ok(())
    }
}
