//! Work on many rows by several threads, with results that do not depend on the number of threads.

#[cfg(feature = "parallel")]
use crate::error::ErrorKind;
use crate::error::{Result, try_collect};
#[cfg(feature = "parallel")]
use crate::limits::MAX_THREADS;
use alloc::vec::Vec;

/// The threads of a build.
pub(crate) struct Threads {
    #[cfg(feature = "parallel")]
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    /// `count` threads, including the caller's; 0 means one for each core. Without the feature `parallel` there
    /// is one.
    pub fn new(count: usize) -> Result<Self> {
        #[cfg(feature = "parallel")]
        {
            if count == 1 {
                return Ok(Self { pool: None });
            }
            if count > MAX_THREADS {
                let reason = alloc::format!("{count} are too many; at most {MAX_THREADS}");
                return Err(ErrorKind::InvalidParameter { name: "threads", reason }.into());
            }
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
            let pool = pool.map_err(|error| ErrorKind::InvalidParameter {
                name: "threads",
                reason: alloc::format!("{count} threads cannot be started: {error}"),
            })?;
            Ok(Self { pool: Some(pool) })
        }
        #[cfg(not(feature = "parallel"))]
        {
            let _ = count;
            Ok(Self {})
        }
    }

    /// Scratch for every thread.
    pub fn scratch<S: Default>(&self) -> Vec<S> {
        (0..self.count()).map(|_| S::default()).collect()
    }

    fn count(&self) -> usize {
        #[cfg(feature = "parallel")]
        if let Some(pool) = &self.pool {
            return pool.current_num_threads();
        }
        1
    }

    /// `work(i, scratch)` for every `i` below `count`, in order of `i`; the error of the first that
    /// fails.
    pub fn map<T: Send, S: Send>(
        &self,
        count: usize,
        scratch: &mut [S],
        work: impl Fn(usize, &mut S) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        #[cfg(feature = "parallel")]
        if let Some(pool) = &self.pool
            && count > 1
        {
            return map_in_pool(pool, count, scratch, work);
        }
        let scratch = &mut scratch[0];
        try_collect((0..count).map(|at| work(at, scratch)))
    }
}

/// Threads take small runs of rows from a counter, because rows take unequal time; the results are sorted
/// afterwards.
#[cfg(feature = "parallel")]
fn map_in_pool<T: Send, S: Send>(
    pool: &rayon::ThreadPool,
    count: usize,
    scratch: &mut [S],
    work: impl Fn(usize, &mut S) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    use core::sync::atomic::{AtomicUsize, Ordering};
    let run = (count / (scratch.len() * 16)).clamp(1, 64);
    let next = AtomicUsize::new(0);
    let runs = std::sync::Mutex::new(Vec::new());
    pool.scope(|scope| {
        for scratch in scratch {
            let (next, runs, work) = (&next, &runs, &work);
            scope.spawn(move |_| {
                let mut done = Vec::new();
                loop {
                    let first = next.fetch_add(run, Ordering::Relaxed);
                    if first >= count {
                        break;
                    }
                    let last = (first + run).min(count);
                    done.push((first, try_collect((first..last).map(|at| work(at, scratch)))));
                }
                if let Ok(mut runs) = runs.lock() {
                    runs.append(&mut done);
                }
            });
        }
    });
    let mut runs = runs.into_inner().unwrap_or_default();
    runs.sort_unstable_by_key(|run| run.0);
    let mut all = Vec::with_capacity(count);
    for (_, results) in runs {
        all.append(&mut results?);
    }
    Ok(all)
}

#[cfg(all(test, feature = "parallel"))]
mod tests {
    use super::{MAX_THREADS, Threads};

    #[test]
    fn too_many_threads_are_an_error() {
        assert!(Threads::new(MAX_THREADS + 1).is_err());
    }
}
