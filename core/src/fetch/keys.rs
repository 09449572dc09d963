//! Keys that break ties while rows are sorted. They stay in place until the search ends.

use crate::key::{Key, KeyRef};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::OnceCell;

/// Keys of rows. A reference to a key lives as long as the collection: nothing is moved or dropped.
#[derive(Debug)]
pub(super) struct Keys(Vec<Link>);

type Link = OnceCell<Box<Node>>;

#[derive(Debug)]
struct Node {
    row: (u32, u32),
    key: Key,
    next: Link,
}

/// The number of hash chains: usually more than there are rows at equal distances.
const CHAINS: usize = 1024;

impl Default for Keys {
    fn default() -> Self {
        Self((0..CHAINS).map(|_| OnceCell::new()).collect())
    }
}

impl Keys {
    /// The key of a row of a segment; `read` gives it the first time.
    pub fn get<E>(
        &self,
        row: (u32, u32),
        read: impl FnOnce() -> Result<Key, E>,
    ) -> Result<KeyRef<'_>, E> {
        let mut link = &self.0[row.1 as usize % CHAINS];
        while let Some(node) = link.get() {
            if node.row == row {
                return Ok(node.key.as_ref());
            }
            link = &node.next;
        }
        let key = read()?;
        let node = link.get_or_init(|| Box::new(Node { row, key, next: OnceCell::new() }));
        Ok(node.key.as_ref())
    }
}
