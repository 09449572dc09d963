//! What a backend keeps from one statement to the next.

use pgrx::pg_sys;
use std::borrow::Borrow;
use std::collections::BTreeMap;

/// How much is kept of statements that are over.
const MOST: usize = 1024;

/// Values by key. What the present statement used stays, however much it is; of what earlier ones
/// used, the latest. So a statement that needs many finds them again, and never pushes out its own.
pub struct RecentValues<K, V> {
    /// Each with when the statement began that last used it.
    entries: BTreeMap<K, (V, pg_sys::TimestampTz)>,
    /// When to forget.
    limit: usize,
}

impl<K, V> Default for RecentValues<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), limit: MOST }
    }
}

impl<K: Ord, V> RecentValues<K, V> {
    /// The value of a key, which is used now.
    pub fn get<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (value, used) = self.entries.get_mut(key)?;
        *used = statement();
        Some(value)
    }

    /// All values, each with whether the present statement used it.
    pub fn iter(&self) -> impl Iterator<Item = (&V, bool)> {
        let now = statement();
        self.entries.values().map(move |(value, used)| (value, *used == now))
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.entries.len() >= self.limit {
            self.forget();
        }
        self.entries.insert(key, (value, statement()));
    }

    /// Forgets a key, and gives the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.entries.remove(key).map(|(value, _)| value)
    }

    /// Keeps what was used last, statement by statement, and looks again when that has doubled.
    fn forget(&mut self) {
        let mut used: Vec<_> = self.entries.values().map(|(_, used)| *used).collect();
        used.sort_unstable();
        let oldest = used.iter().nth_back(MOST / 2).map_or(0, |used| *used).min(statement());
        self.entries.retain(|_, (_, used)| *used >= oldest);
        self.limit = MOST.max(2 * self.entries.len());
    }
}

/// When the present statement began.
fn statement() -> pg_sys::TimestampTz {
    // SAFETY: a number that this backend keeps.
    unsafe { pg_sys::GetCurrentStatementStartTimestamp() }
}
