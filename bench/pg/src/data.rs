//! Rows and queries, two columns to filter by, and the exact answers.

use half::f16;
use std::fs;
use std::path::Path;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The number of neighbours of a search.
pub const K: usize = 10;

/// The maximum number of queries.
const QUERIES: usize = 500;

/// Which rows a search may return: all, or the hundredth that passes a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    All,
    /// Scattered over all rows.
    Spread,
    /// The nearest to one row, and thus far from most queries.
    Near,
}

impl Rows {
    pub const EVERY: [Self; 3] = [Self::All, Self::Spread, Self::Near];

    /// The condition in SQL.
    pub fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Spread => "WHERE spread = 7",
            Self::Near => "WHERE near = 0",
        }
    }
}

/// The rows and queries.
pub struct Data {
    pub dimensions: usize,
    /// All values, row by row, rounded to f16.
    pub rows: Vec<f32>,
    /// The values of the queries, rounded to f16, as halfvec parameters are.
    pub queries: Vec<f32>,
    /// 0 to 99 for each row.
    pub spread: Vec<i32>,
    pub near: Vec<i32>,
    /// The distance of the tenth neighbour for each query and each of [`Rows`].
    far: Vec<[f64; 3]>,
}

impl Data {
    /// Reads rows and queries and finds the exact answers.
    pub fn read(rows: &Path, queries: &Path) -> Result<Self> {
        let (dimensions, rows) = read_npy(rows)?;
        let (_, mut queries) = read_npy(queries)?;
        queries.truncate(QUERIES * dimensions);
        let count = rows.len() / dimensions;
        let spread = (0..count as u32).map(|row| (row.wrapping_mul(2_654_435_761) >> 9) % 100);
        let spread = spread.map(u32::cast_signed).collect();
        let mut data =
            Self { dimensions, rows, queries, spread, near: vec![0; count], far: Vec::new() };
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| {
            data.distance(data.row(0), a).total_cmp(&data.distance(data.row(0), b))
        });
        for (rank, row) in order.into_iter().enumerate() {
            data.near[row] = (rank * 100 / count) as i32;
        }
        data.far = data.exact();
        Ok(data)
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.rows[row * self.dimensions..][..self.dimensions]
    }

    pub fn query(&self, query: usize) -> &[f32] {
        &self.queries[query * self.dimensions..][..self.dimensions]
    }

    pub fn row_count(&self) -> usize {
        self.rows.len() / self.dimensions
    }

    pub fn query_count(&self) -> usize {
        self.queries.len() / self.dimensions
    }

    fn passes(&self, row: usize, rows: Rows) -> bool {
        match rows {
            Rows::All => true,
            Rows::Spread => self.spread[row] == 7,
            Rows::Near => self.near[row] == 0,
        }
    }

    /// The mean share of the ten nearest rows that were found; rows at the distance of the tenth count.
    pub fn recall(&self, found: &[Vec<i64>], rows: Rows) -> f64 {
        let hits = found.iter().enumerate().map(|(query, ids)| {
            let far = self.far[query][rows as usize];
            ids.iter().filter(|id| self.distance(self.query(query), **id as usize) <= far).count()
        });
        hits.map(|hits| hits.min(K)).sum::<usize>() as f64 / (K * found.len()) as f64
    }

    /// The cosine distance.
    fn distance(&self, query: &[f32], row: usize) -> f64 {
        let (mut dot, mut a, mut b) = (0.0, 0.0, 0.0);
        for (x, y) in query.iter().zip(self.row(row)) {
            let (x, y) = (f64::from(*x), f64::from(*y));
            (dot, a, b) = (dot + x * y, a + x * x, b + y * y);
        }
        1.0 - dot / (a * b).sqrt()
    }

    fn exact(&self) -> Vec<[f64; 3]> {
        let norms: Vec<f32> =
            (0..self.row_count()).map(|row| dot(self.row(row), self.row(row)).sqrt()).collect();
        let one = |query: usize| {
            let all: Vec<(f32, usize)> = norms
                .iter()
                .enumerate()
                .map(|(row, norm)| (-dot(self.query(query), self.row(row)) / norm, row))
                .collect();
            Rows::EVERY.map(|rows| {
                let passing = all.iter().filter(|(_, row)| self.passes(*row, rows));
                let mut near: Vec<(f32, usize)> = passing.copied().collect();
                // Selected in f32 with a margin, then sorted in f64.
                let some = (2 * K).min(near.len() - 1);
                near.select_nth_unstable_by(some, |a, b| a.0.total_cmp(&b.0));
                let mut exact: Vec<f64> = near[..=some]
                    .iter()
                    .map(|(_, row)| self.distance(self.query(query), *row))
                    .collect();
                exact.sort_by(f64::total_cmp);
                exact[K.min(exact.len()) - 1]
            })
        };
        (0..self.query_count()).map(one).collect()
    }
}

/// Uses sixteen sums, so that the compiler vectorises it.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for at in 0..16 {
            sums[at] += a[at] * b[at];
        }
    }
    let rest = a.len() / 16 * 16;
    let rest: f32 = a[rest..].iter().zip(&b[rest..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// A NumPy matrix of f2 or f4: the number of values per row, and all values, rounded to f16.
fn read_npy(path: &Path) -> Result<(usize, Vec<f32>)> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + length]).into_owned();
    let columns =
        header.split("'shape': (").nth(1).and_then(|shape| shape.split([',', ')']).nth(1));
    let columns = columns.ok_or("the header has no shape")?.trim().parse()?;
    let body = &bytes[10 + length..];
    let values = match header.contains("<f2") {
        true => body.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        false => {
            let values = body.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
            values.map(|value| f16::from_f32(value).to_f32()).collect()
        }
    };
    Ok((columns, values))
}

/// A halfvec in pgvector's binary format.
pub fn halfvec(values: &[f32]) -> Vec<u8> {
    let mut bytes = (values.len() as u16).to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    values.iter().for_each(|value| bytes.extend(f16::from_f32(*value).to_be_bytes()));
    bytes
}

/// A vector as text.
pub fn text(values: &[f32]) -> String {
    let values: Vec<String> = values.iter().map(f32::to_string).collect();
    format!("[{}]", values.join(","))
}
