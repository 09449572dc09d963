//! Trains centroids by Lloyd's k-means on a sample; on the sphere under cosine.

use super::centroid_shape;
use crate::error::Result;
use crate::magnitude::inverse_length;
use crate::metric::Metric;
use crate::parallel::Threads;
use crate::random::Random;
use crate::vectors::{Query, Vectors, VectorsView};
use alloc::vec;
use alloc::vec::Vec;

/// The number of rows for each list on which the centroids are trained.
const SAMPLE_PER_LIST: usize = 64;

const ITERATIONS: usize = 10;

/// Centroids and the list of every row.
#[derive(Clone)]
pub(crate) struct Clustering {
    pub centroids: Vectors,
    /// The list of each row.
    pub lists: Vec<u32>,
}

#[derive(Default)]
struct Scratch {
    query: Query,
    values: Vec<f32>,
    ranks: Vec<f32>,
}

/// Clusters `rows` rows around `lists` centroids. `progress` is told how many of `ITERATIONS + 1` steps are
/// done, several times in each step.
pub(crate) fn cluster(
    vectors: &VectorsView<'_>,
    rows: u32,
    lists: u32,
    seed: u64,
    threads: &Threads,
    progress: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Clustering> {
    let all: Vec<u32> = (0..rows).collect();
    let centroids = train(vectors, &all, lists, seed, threads, progress)?;
    let lists = assign(vectors, &centroids, &all, threads, &mut || progress(ITERATIONS))?;
    progress(ITERATIONS + 1)?;
    Ok(Clustering { centroids, lists })
}

/// Trains `lists` centroids, no more than there are rows, on the listed rows. `progress` is told how many of
/// `ITERATIONS` steps are done.
pub(crate) fn train(
    vectors: &VectorsView<'_>,
    rows: &[u32],
    lists: u32,
    seed: u64,
    threads: &Threads,
    progress: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Vectors> {
    let mut sample = rows.to_vec();
    Random::new(seed).shuffle(&mut sample);
    sample.truncate(SAMPLE_PER_LIST * lists as usize);

    let mut values = vec![0.0; vectors.dimensions()];
    let mut centroids = empty(vectors)?;
    for &row in &sample[..lists as usize] {
        vectors.get(row, &mut values)?;
        push_centroid(&mut centroids, &mut values, vectors.metric())?;
    }
    for iteration in 0..ITERATIONS {
        let nearest = assign(vectors, &centroids, &sample, threads, &mut || progress(iteration))?;
        centroids = average(vectors, &sample, &nearest, lists)?;
        progress(iteration + 1)?;
    }
    Ok(centroids)
}

/// The number of steps that `cluster` reports.
pub(crate) const STEPS: usize = ITERATIONS + 1;

fn empty(vectors: &VectorsView<'_>) -> Result<Vectors> {
    Vectors::new(centroid_shape(vectors.dimensions(), vectors.metric()))
}

/// Appends a centroid; under cosine at unit length, unless its length is zero.
pub(crate) fn push_centroid(
    centroids: &mut Vectors,
    values: &mut [f32],
    metric: Metric,
) -> Result<()> {
    if metric == Metric::Cosine {
        let inverse = inverse_length(values);
        // Opposite rows may have a mean of zero: such a centroid is near no query in particular.
        if inverse.is_finite() {
            values.iter_mut().for_each(|value| *value *= inverse);
        }
    }
    centroids.push(values)
}

/// The nearest centroid of each listed row: by cosine on the sphere, otherwise by Euclidean distance, which
/// k-means minimises (under inner product the longest centroid would attract all rows). `heard` is called every
/// few milliseconds of work.
pub(crate) fn assign(
    vectors: &VectorsView<'_>,
    centroids: &Vectors,
    rows: &[u32],
    threads: &Threads,
    heard: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<u32>> {
    /// How many values are multiplied between two calls of `heard`.
    const WORK: usize = 1 << 28;
    let view = centroids.view();
    let all: Vec<u32> = (0..centroids.rows()).collect();
    let metric = match vectors.metric() {
        Metric::Cosine => Metric::InnerProduct,
        _ => Metric::L2,
    };
    let mut scratch = threads.scratch::<Scratch>();
    let mut nearest = Vec::with_capacity(rows.len());
    let some = WORK / (all.len() * vectors.dimensions()).clamp(1, WORK);
    for rows in rows.chunks(some.max(64)) {
        nearest.extend(threads.map(rows.len(), &mut scratch, |at, scratch| {
            let Scratch { query, values, ranks } = scratch;
            values.resize(vectors.dimensions(), 0.0);
            vectors.get(rows[at], values)?;
            query.set(values, vectors.dimensions(), metric)?;
            ranks.resize(all.len(), 0.0);
            view.ranks_as(metric, query, &all, ranks, &mut Vec::new())?;
            let best = (0..ranks.len()).min_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
            Ok(best.unwrap_or(0) as u32)
        })?);
        heard()?;
    }
    Ok(nearest)
}

/// The mean of the rows of every list, summed in the order of `rows`. A list that lost all its rows starts
/// again from a row of the sample.
pub(crate) fn average(
    vectors: &VectorsView<'_>,
    rows: &[u32],
    nearest: &[u32],
    lists: u32,
) -> Result<Vectors> {
    let dimensions = vectors.dimensions();
    let mut sums = vec![0.0_f64; lists as usize * dimensions];
    let mut counts = vec![0_u32; lists as usize];
    let mut values = vec![0.0; dimensions];
    for (&row, &list) in rows.iter().zip(nearest) {
        vectors.get(row, &mut values)?;
        let weight = match vectors.metric() {
            Metric::Cosine => inverse_length(&values),
            _ => 1.0,
        };
        counts[list as usize] += 1;
        let sum = &mut sums[list as usize * dimensions..][..dimensions];
        for (sum, value) in sum.iter_mut().zip(&values) {
            *sum += f64::from(value * weight);
        }
    }
    let mut centroids = empty(vectors)?;
    for (list, &count) in counts.iter().enumerate() {
        if count == 0 {
            vectors.get(rows[(list * 31) % rows.len()], &mut values)?;
        } else {
            let sum = &sums[list * dimensions..][..dimensions];
            for (value, sum) in values.iter_mut().zip(sum) {
                *value = (sum / f64::from(count)) as f32;
            }
        }
        push_centroid(&mut centroids, &mut values, vectors.metric())?;
    }
    Ok(centroids)
}
