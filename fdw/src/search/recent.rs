//! A cache that a backend keeps from one statement to the next.

use pgrx::pg_sys;
use std::borrow::Borrow;
use std::collections::BTreeMap;

/// How many values of previous statements are kept.
const MOST: usize = 1024;

/// Values by key. All values that the current statement used stay, however many; of those that earlier
/// statements used, the most recent. So a statement that needs many values finds them the next time, and
/// never evicts its own.
pub struct RecentValues<K, V> {
    /// Each value with the start of the last statement that used it.
    entries: BTreeMap<K, (V, pg_sys::TimestampTz)>,
    /// The number of entries at which old ones are evicted.
    limit: usize,
}

impl<K, V> Default for RecentValues<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), limit: MOST }
    }
}

impl<K: Ord, V> RecentValues<K, V> {
    /// The value of a key; marks it as used by the current statement.
    pub fn get<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (value, used) = self.entries.get_mut(key)?;
        *used = statement();
        Some(value)
    }

    /// All values, each with whether the current statement used it.
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

    /// Removes a key and returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.entries.remove(key).map(|(value, _)| value)
    }

    /// Evicts the least recently used values, statement by statement; runs again when the number of the
    /// rest has doubled.
    fn forget(&mut self) {
        let mut used: Vec<_> = self.entries.values().map(|(_, used)| *used).collect();
        used.sort_unstable();
        let oldest = used.iter().nth_back(MOST / 2).map_or(0, |used| *used).min(statement());
        self.entries.retain(|_, (_, used)| *used >= oldest);
        self.limit = MOST.max(2 * self.entries.len());
    }
}

/// When the current statement started.
fn statement() -> pg_sys::TimestampTz {
    // SAFETY: reads a number that this backend keeps.
    unsafe { pg_sys::GetCurrentStatementStartTimestamp() }
}
