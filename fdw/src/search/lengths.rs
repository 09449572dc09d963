//! The least and the greatest length of a file's rows, computed once for as long as a backend has the file
//! open.

use crate::search::shards::Shard;
use crate::sql::failure::{Failure, Result};
use hither_core::{IndexFile, Metric, Searcher};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

/// Rows whose lengths are computed at a time, which takes a fraction of a millisecond.
const STEP: usize = 4096;

/// Bounds of the lengths of vectors.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    pub least: f64,
    pub greatest: f64,
}

impl Lengths {
    /// The bounds for no rows; within every range that is checked for.
    pub const NONE: Self = Self { least: 1.0, greatest: 1.0 };

    /// The bounds for the rows of both.
    pub fn and(self, other: Self) -> Self {
        let (least, greatest) = (self.least.min(other.least), self.greatest.max(other.greatest));
        Self { least, greatest }
    }
}

/// The length of a vector.
pub fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

thread_local! {
    static MEASURED: RefCell<Vec<(Weak<IndexFile>, Lengths)>> = RefCell::default();
}

/// The bounds for a file that has rows.
pub fn lengths(shard: &Shard) -> Result<Lengths> {
    let known = MEASURED.with_borrow_mut(|measured| {
        measured.retain(|(file, _)| file.strong_count() > 0);
        let same = |file: &Weak<IndexFile>| std::ptr::eq(file.as_ptr(), Rc::as_ptr(&shard.file));
        measured.iter().find(|(file, _)| same(file)).map(|(_, lengths)| *lengths)
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let index = shard.file.index();
    let (zero, mut searcher) = (vec![0.0; index.dimensions()], Searcher::new());
    let (mut rows, mut some, mut distances) = (index.rows(), Vec::new(), Vec::new());
    let mut found = Lengths { least: f64::INFINITY, greatest: 0.0 };
    loop {
        pgrx::check_for_interrupts!();
        some.clear();
        some.extend(rows.by_ref().take(STEP));
        if some.is_empty() {
            break;
        }
        // The L2 distance from zero is the length.
        let measured = index.distances(&zero, Metric::L2, &some, &mut searcher, &mut distances);
        measured.map_err(|error| Failure::from(error).about(&shard.path))?;
        for length in distances.iter().copied().map(f64::from) {
            found = found.and(Lengths { least: length, greatest: length });
        }
    }
    MEASURED.with_borrow_mut(|measured| measured.push((Rc::downgrade(&shard.file), found)));
    Ok(found)
}
