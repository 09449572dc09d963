//! The memory limit of a build, and whether that much is available.

use crate::failure::Failure;
use crate::show;
use clap::Args;
use hither::raw::AtomicFile;
use hither::{IndexBuilder, IndexOptions};
use std::path::Path;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// The option of the commands that build.
#[derive(Args)]
pub struct Memory {
    /// Build within so much memory, such as 4G or 500M, and some 50 MB for the program: rows that take
    /// more are built in several segments, put aside on the disk beside the output. They are searched one
    /// after another, which takes longer than one of all rows. Without it a build that takes more than
    /// there is does not begin; with it nothing is asked. K, M, G and T are powers of 1,000, KiB to
    /// TiB of 1,024.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
}

impl Memory {
    /// The memory limit of a build.
    pub fn budget(&self) -> Budget {
        let available = if self.memory.is_some() { None } else { available() };
        Budget { limit: self.memory, available }
    }
}

/// The memory limit of a build.
pub struct Budget {
    /// The limit that the option sets.
    pub limit: Option<u64>,
    /// The memory that was available at the start, if the option sets no limit and it is known.
    available: Option<u64>,
}

impl Budget {
    /// Refuses a build that needs more memory than is available. `rows` is the number of rows, or of those
    /// that were read so far; `beside` is the other memory that they need, in bytes.
    pub fn check(&self, options: &IndexOptions, rows: u64, beside: u64) -> Result<(), Failure> {
        let needed = options.memory_needed(rows).saturating_add(beside);
        let Some(available) = self.available.filter(|&available| needed > available) else {
            return Ok(());
        };
        // Suggests less than is available, because other programs need some, too.
        let less = (available / 5 * 4 / 1_000_000).max(1);
        let whole = needed.div_ceil(1_000_000);
        Err(format!(
            "building {} rows of {} dimensions takes {} of memory, and {} are available: --memory {less}M builds within so much, in several segments; --memory {whole}M builds them all the same",
            show::count(rows),
            options.dimensions,
            show::bytes(needed),
            show::bytes(available),
        )
        .into())
    }

    /// Gives the builder a file for segments that do not fit in memory. It is beside the output, where
    /// about as much room is needed anyway.
    pub fn provide(&self, builder: &mut IndexBuilder, output: &Path) -> Result<(), Failure> {
        if self.limit.is_some() {
            let beside = AtomicFile::temporary_path(output);
            let folder = beside.parent().filter(|folder| !folder.as_os_str().is_empty());
            let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")));
            builder.spill_to(Box::new(file.map_err(|error| Failure::at(output, error))?));
        }
        Ok(())
    }
}

impl Budget {
    /// The available memory, if it is known.
    pub fn available() -> Option<u64> {
        available()
    }
}

/// The memory that can be allocated without taking it from other programs: the system's figure, limited by
/// the process's control group.
fn available() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let free = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    let group = get_current_pid().ok().and_then(|own| {
        let nothing_else = ProcessRefreshKind::nothing();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, nothing_else);
        let limits = system.process(own)?.cgroup_limits()?;
        // Pages of files count as used in the group, but can be reclaimed.
        Some(limits.total_memory.saturating_sub(limits.rss))
    });
    [free, group].into_iter().flatten().min()
}

/// Reads a number of bytes with its unit.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] =
        [("", 1), ("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000)];
    const BINARY: [(&str, u64); 4] =
        [("ki", 1 << 10), ("mi", 1 << 20), ("gi", 1 << 30), ("ti", 1 << 40)];
    let written =
        || format!("\"{text}\" is no size: write a number and its unit, such as 4G, 1.5G or 500M");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let unit = unit.trim_start();
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let (_, unit) =
        UNITS.iter().chain(&BINARY).find(|(name, _)| *name == unit).ok_or_else(written)?;
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(*unit),
        Err(_) => {
            let number: f64 = number.parse().map_err(|_| written())?;
            let bytes = number * *unit as f64;
            (bytes < u64::MAX as f64).then_some(bytes as u64)
        }
    };
    bytes.ok_or_else(|| format!("\"{text}\" is more than any machine has"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hither::Metric;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("4G", 4_000_000_000),
            ("4gb", 4_000_000_000),
            ("1.5 GiB", 1_610_612_736),
            ("500M", 500_000_000),
            ("64KiB", 65_536),
            ("2T", 2_000_000_000_000),
            ("0", 0),
            ("123", 123),
            ("12b", 12),
            (" 7k ", 7_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "G", "4X", "-1", "four", "4GG", "NaN", "inf", "1e9", "1.2.3G", ".", "4 G B"]
        {
            assert!(parse_size(text).unwrap_err().contains("no size"), "{text}");
        }
        for text in ["18446744073709551616", "99999999999T", "1.5e30", "99999999.9T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_build_is_refused_that_takes_more_than_there_is() {
        let options = IndexOptions::new(384, Metric::Cosine);
        let needed = options.memory_needed(1_000_000);
        let budget = |available| Budget { limit: None, available };
        assert!(budget(Some(needed)).check(&options, 1_000_000, 0).is_ok());
        assert!(budget(None).check(&options, u64::MAX, 0).is_ok());
        for (rows, beside) in [(1_000_001, 0), (1_000_000, 1), (u64::MAX, u64::MAX)] {
            let refused = budget(Some(needed)).check(&options, rows, beside).unwrap_err();
            let message = refused.message();
            assert!(message.contains(&show::bytes(needed)), "{message}");
            assert!(message.contains("--memory"), "{message}");
        }
    }

    #[test]
    fn what_is_available_is_less_than_there_is() {
        let Some(available) = available() else { return };
        let mut system = System::new().unwrap();
        system.refresh_memory();
        assert!(available > 0 && available <= system.total_memory());
    }
}
