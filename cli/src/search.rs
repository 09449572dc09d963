//! `hither search`: the nearest rows of one or more index files.

mod answers;
mod arguments;
#[cfg(all(feature = "remote", unix))]
mod elsewhere;
mod here;
mod target;

use crate::failure::Failure;
use crate::opened;
use crate::output::write_npy;
use crate::recall;
use crate::replace::Kind;
use crate::show;
use answers::Row;
pub use arguments::Arguments;
use hither::{Index, IndexFile, IndexOptions, Key, KeyType, Shards};
use hither_rows::read_matrix_f32;
use std::path::{Path, PathBuf};
use target::Target;

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(output) = &arguments.output {
        let inputs = arguments.files.iter().chain(&arguments.queries).map(PathBuf::as_path);
        arguments.force.check(output, Kind::Other, inputs)?;
    }
    if arguments.k == Some(0) {
        return Err("k: 0 rows are no answer; ask for at least 1".into());
    }
    if arguments.ranges {
        #[cfg(all(feature = "remote", unix))]
        return answer(arguments, &mut elsewhere::open(arguments)?);
        #[cfg(not(all(feature = "remote", unix)))]
        return Err("--ranges: this hither fetches no files".into());
    }
    let files =
        arguments.files.iter().map(|path| opened::open(path)).collect::<Result<Vec<_>, _>>()?;
    let indexes: Vec<&Index<'_>> = files.iter().map(IndexFile::index).collect();
    let shards = Shards::new(indexes).map_err(|error| opened::unlike(&arguments.files, error))?;
    answer(arguments, &mut here::Files::new(arguments, &shards)?)
}

/// Searches for each query and prints the results.
fn answer(arguments: &Arguments, searched: &mut impl Target) -> Result<(), Failure> {
    let IndexOptions { dimensions, key_type, .. } = *searched.options();
    let k = arguments.k();
    if let Some(path) = &arguments.output {
        require_extension(path, "npy", "keys are written as .npy")?;
        if !matches!(key_type, KeyType::RowNumber | KeyType::Int64) {
            return Err("--output holds keys that are numbers; use --json for others".into());
        }
        if arguments.radius.is_some() && arguments.k.is_none() {
            return Err("--output with --radius needs -k, the number of columns".into());
        }
    }
    let (queries, rows) = read_queries(arguments, searched)?;
    let reached = searched.unreached_recall().map(|calibration| calibration.best().1);
    if let (Some(wanted), Some(calibration)) = (arguments.recall, searched.unreached_recall()) {
        show::complain(&recall::unreached(wanted, calibration));
    }
    let mut ids = Vec::new();
    let mut text = String::new();
    for number in 0..rows {
        let found = searched.search(&queries[number * dimensions..][..dimensions], number)?;
        if arguments.output.is_some() {
            let number = |row: &Row| match row.key {
                Key::Int64(number) => number,
                _ => -1,
            };
            ids.extend(found.iter().map(number).chain(std::iter::repeat(-1)).take(k));
        } else if arguments.json {
            answers::json(&mut text, number, &found, searched.columns(), reached);
        } else {
            if rows > 1 {
                text.push_str(&format!("query {number}\n"));
            }
            answers::table(&mut text, &found);
        }
    }
    match &arguments.output {
        Some(path) => write_npy(path, &ids, rows, k),
        None => show::print(&text),
    }
}

/// Rejects a file name whose ending indicates another format than the file gets.
pub fn require_extension(path: &Path, wanted: &str, what: &str) -> Result<(), Failure> {
    match path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted)) {
        true => Ok(()),
        false => Err(Failure::at(path, format!("{what}; name a file that ends so"))),
    }
}

/// The query vectors, and their number.
fn read_queries(
    arguments: &Arguments,
    searched: &mut impl Target,
) -> Result<(Vec<f32>, usize), Failure> {
    let IndexOptions { dimensions, key_type, .. } = *searched.options();
    if let Some(path) = &arguments.queries {
        let (values, rows, columns) = read_matrix_f32(path, arguments.format)?;
        if columns != dimensions {
            return Err(Failure::at(
                path,
                format!("its vectors have {columns} dimensions, the index has {dimensions}"),
            ));
        }
        return Ok((values, rows));
    }
    if let Some(text) = &arguments.vector {
        let values: Vec<f32> = serde_json::from_str(text).map_err(|error| {
            format!("--vector: {error}; write it as JSON, such as '[0.1, 0.2]'")
        })?;
        if values.len() != dimensions {
            let got = values.len();
            return Err(format!("--vector: expected {dimensions} dimensions, not {got}").into());
        }
        return Ok((values, 1));
    }
    if let Some(text) = &arguments.like {
        let key = show::parse_key(text, key_type)?;
        return match searched.vector(key.as_ref())? {
            Some(values) => Ok((values, 1)),
            None => Err(format!("--like {text}: no row has this key").into()),
        };
    }
    Err("what to search for? Give --queries, --like or --vector".into())
}
