//! Bounds on the number of rows for which a predicate is true.

/// Bounds, over some rows, on the number for which a predicate is true, and on the number for which it is
/// possible: true or unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    rows: u32,
    pub truths: Bounds,
    possible: Bounds,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub least: u32,
    pub most: u32,
}

impl Bounds {
    /// The bounds for the complement of a set.
    fn complement(self, rows: u32) -> Self {
        let Self { least, most } = self;
        Self { least: rows.saturating_sub(most), most: rows.saturating_sub(least) }
    }

    /// The bounds for the intersection of two sets.
    fn and(self, other: Self, rows: u32) -> Self {
        // Two sets overlap by at least as many rows as their sizes exceed the total.
        let least = (self.least.saturating_add(other.least)).saturating_sub(rows);
        Self { least, most: self.most.min(other.most) }
    }
}

impl Tally {
    /// Of `rows` rows, `values` are not null, and `passing` of these pass.
    pub fn new(rows: u32, passing: u32, values: u32) -> Self {
        let possible = passing + rows.saturating_sub(values);
        Self {
            rows,
            truths: Bounds { least: passing, most: passing },
            possible: Bounds { least: possible, most: possible },
        }
    }

    /// Of `rows` rows, `values` are not null, and any number of these pass.
    pub fn undecided(rows: u32, values: u32) -> Self {
        Self {
            rows,
            truths: Bounds { least: 0, most: values },
            possible: Bounds { least: rows.saturating_sub(values), most: rows },
        }
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            rows: self.rows,
            truths: self.truths.and(other.truths, self.rows),
            possible: self.possible.and(other.possible, self.rows),
        }
    }

    pub fn not(self) -> Self {
        Self {
            rows: self.rows,
            truths: self.possible.complement(self.rows),
            possible: self.truths.complement(self.rows),
        }
    }

    pub fn not_true(self) -> Self {
        let not_true = self.truths.complement(self.rows);
        Self { truths: not_true, possible: not_true, ..self }
    }
}
