//! A wanted recall that the calibration in a file did not reach.

use crate::foreign::files::Contents;
use crate::foreign::table::Table;
use crate::search::shards::Shard;
use crate::sql::failure::Failure;
use hither_core::{Calibration, SearchParams};
use pgrx::PgSqlErrorCode as Code;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

thread_local! {
    /// The warnings given so far: the file's content id and the bits of the recall.
    static SAID: RefCell<BTreeSet<(u128, u32)>> = RefCell::default();
}

/// A wanted recall, and the calibration that does not reach it.
pub struct RecallShortfall<'t> {
    wanted: f32,
    path: &'t Path,
    content_id: u128,
    calibration: &'t Calibration,
}

impl<'t> RecallShortfall<'t> {
    /// The shortfall of a search for `k` rows of a table, if any; with several files, that of the one that
    /// reached the least.
    pub fn of(table: &'t Table, k: usize) -> Option<Self> {
        let params = table.effort.apply(SearchParams::new(k.max(1)));
        let wanted = params.recall?;
        let unreached: Vec<Self> = match &table.contents {
            Contents::Whole(shards) => {
                let unreached = shards.iter().filter_map(|Shard { path, file }| {
                    let calibration = file.index().unreached_recall(&params)?;
                    let content_id = file.index().content_id().unwrap_or_default();
                    Some(Self { wanted, path, content_id, calibration })
                });
                unreached.collect()
            }
            Contents::Ranges(ranges) => {
                let unreached = ranges.files.iter().filter_map(|file| {
                    let calibration = file.index.unreached_recall(&params).ok().flatten()?;
                    let (content_id, _) = file.index.content().ok()?;
                    Some(Self { wanted, path: &file.path, content_id, calibration })
                });
                unreached.collect()
            }
        };
        unreached.into_iter().min_by(|a, b| a.best().total_cmp(&b.best()))
    }

    /// The highest measured recall.
    pub fn best(&self) -> f32 {
        self.calibration.best().1
    }

    /// The highest measured recall and the setting at which it was reached, for users.
    pub fn describe(&self) -> String {
        let setting = self.calibration.structure.effort_name().unwrap_or_default();
        // Rounded down, so that 0.99996 is not printed as 1.
        let best = (f64::from(self.best()) * 1e4).floor() / 1e4;
        format!("{best} at {setting} {}", self.calibration.best().0)
    }

    /// Warns once per session.
    pub fn warn(&self) {
        let id = self.content_id;
        if SAID.with_borrow_mut(|said| said.insert((id, self.wanted.to_bits()))) {
            let message = format!(
                "recall {} was not reached when the file was built: {} was the best",
                self.wanted,
                self.describe()
            );
            Failure::new(Code::ERRCODE_WARNING, message)
                .about(self.path)
                .hint("Build it with a greater --m, other --codes or another --kind. Without a LIMIT the answer is exact.")
                .warn();
        }
    }
}
