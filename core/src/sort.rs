//! Sorting: by the standard library with the feature `std`, and by one small heap sort where a program must be
//! small. The standard library's sort takes 5 to 25 KB of code for each type.
//!
//! Neither is stable: wherever this library sorts, no two items are equal, or the order of equal items does not
//! matter.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// Sorts ascending.
pub(crate) fn sort<T: Ord>(items: &mut [T]) {
    #[cfg(feature = "std")]
    items.sort_unstable();
    #[cfg(not(feature = "std"))]
    small::sort(items);
}

/// Leaves the least `count` items, sorted ascending.
pub(crate) fn sort_least<T: Ord>(items: &mut Vec<T>, count: usize) {
    #[cfg(feature = "std")]
    if count < items.len() {
        items.select_nth_unstable(count);
        items.truncate(count);
    }
    sort(items);
    items.truncate(count);
}

/// Sorts by an order.
pub(crate) fn sort_by<T>(items: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    #[cfg(feature = "std")]
    items.sort_unstable_by(order);
    #[cfg(not(feature = "std"))]
    small::sort::<dyn small::Sortable>(&mut small::By { items, order });
}

#[cfg(any(test, not(feature = "std")))]
mod small {
    use core::cmp::Ordering;

    /// Shorter lists are sorted by insertion: many are nearly sorted.
    const SHORT: usize = 32;

    /// The operations on a list that the sort needs.
    pub trait Sortable {
        fn count(&self) -> usize;
        /// Whether the item at `a` belongs before the one at `b`.
        fn is_before(&self, a: usize, b: usize) -> bool;
        fn exchange(&mut self, a: usize, b: usize);
    }

    impl<T: Ord> Sortable for [T] {
        fn count(&self) -> usize {
            self.len()
        }

        #[inline(always)]
        fn is_before(&self, a: usize, b: usize) -> bool {
            self[a] < self[b]
        }

        #[inline(always)]
        fn exchange(&mut self, a: usize, b: usize) {
            self.swap(a, b);
        }
    }

    /// A list and an order. As `dyn Sortable`, all types share one sort.
    pub struct By<'a, T, F> {
        pub items: &'a mut [T],
        pub order: F,
    }

    impl<T, F: Fn(&T, &T) -> Ordering> Sortable for By<'_, T, F> {
        fn count(&self) -> usize {
            self.items.len()
        }

        fn is_before(&self, a: usize, b: usize) -> bool {
            (self.order)(&self.items[a], &self.items[b]).is_lt()
        }

        fn exchange(&mut self, a: usize, b: usize) {
            self.items.swap(a, b);
        }
    }

    pub fn sort<S: Sortable + ?Sized>(list: &mut S) {
        let count = list.count();
        if count <= SHORT {
            for end in 1..count {
                let mut at = end;
                while at > 0 && list.is_before(at, at - 1) {
                    list.exchange(at, at - 1);
                    at -= 1;
                }
            }
            return;
        }
        // The first half of the steps make a heap; each of the others takes its greatest item.
        for step in (0..count + count / 2).rev() {
            let (mut at, end) = if step >= count {
                (step - count, count)
            } else {
                list.exchange(0, step);
                (0, step)
            };
            loop {
                let mut child = 2 * at + 1;
                if child >= end {
                    break;
                }
                if child + 1 < end && list.is_before(child, child + 1) {
                    child += 1;
                }
                if !list.is_before(at, child) {
                    break;
                }
                list.exchange(at, child);
                at = child;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::small::{By, Sortable, sort};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_small_sort_sorts(numbers in proptest::collection::vec(any::<u16>(), 0..300)) {
            let mut expected = numbers.clone();
            expected.sort_unstable();
            let mut sorted = numbers.clone();
            sort(&mut sorted[..]);
            prop_assert_eq!(&sorted, &expected);
            let mut items: Vec<u16> = numbers;
            let mut list = By { items: &mut items, order: |a: &u16, b: &u16| b.cmp(a) };
            sort::<dyn Sortable>(&mut list);
            expected.reverse();
            prop_assert_eq!(items, expected);
        }
    }
}
