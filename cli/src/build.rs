//! `hither build`: builds an index file from vectors.

mod rows;
mod structures;

use crate::failure::Failure;
use crate::interrupt::{interrupted, watch};
use crate::memory::Memory;
use crate::output;
use crate::progress::Bar;
use crate::recall::{self, RecallReport};
use crate::replace::{Force, Kind};
use crate::settings;
use crate::show;
use crate::source::Source;
use clap::{Args, ValueEnum};
use hither::limits::DEFAULT_SEED;
use hither::{
    Codes, ColumnType, Element, ErrorKind, IndexBuilder, IndexFile, IndexOptions, Metric, Progress,
};
use hither_rows::{Input, Options, parse_type};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;
use structures::Structures;

/// Build an index file from vectors.
///
/// They are in .npy, .npz, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin, JSON Lines, CSV or TSV; text may be
/// packed by gzip.
#[cfg_attr(
    feature = "parquet",
    doc = "Parquet and Arrow files are read too, and text packed by zstd."
)]
#[cfg_attr(feature = "postgres", doc = "So are the rows of a query in Postgres.")]
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The index file to write. It appears whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    force: Force,
    /// The type of a column where the values, or the file, would say another; several may be given.
    /// TYPE is bool, int64, float64, text, timestamp, uuid, bytes or json: id=text keeps text that
    /// looks like UUIDs, or integers beyond int64. The keys of --keys are called "key".
    #[arg(long = "type", value_name = "NAME=TYPE", value_parser = parse_type)]
    types: Vec<(String, ColumnType)>,
    /// What "near" means.
    #[arg(long, value_parser = settings::one_of(Metric::ALL, Metric::name), default_value_t = Metric::Cosine)]
    metric: Metric,
    /// How values are stored: 2 bytes each, or 4.
    #[arg(long, value_parser = settings::one_of(Element::ALL, Element::name), default_value_t = Element::F16)]
    element: Element,
    #[command(flatten)]
    structures: Structures,
    /// Seed of all random choices.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// Seed of the keys of rows that come without one, for tests that want the same file again.
    #[arg(long, value_name = "N", hide = true)]
    key_seed: Option<u64>,
    /// Threads to build with; 0 for all. The file is the same for any number.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    memory: Memory,
    /// A fact to keep in the file, such as model=all-MiniLM-L6-v2; several may be given.
    #[arg(long, value_name = "NAME=VALUE")]
    property: Vec<String>,
    /// What to do with a row whose vector is missing, null, of another length or partly null, holds
    /// NaN or infinity, or integers that float32 would round, is zero under cosine, or overflows f16.
    #[arg(long, value_enum, default_value_t = OnInvalid::Error)]
    on_invalid: OnInvalid,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors, and the result with --json.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum OnInvalid {
    Error,
    Skip,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    watch();
    let begin = Instant::now();
    let mut bar = Bar::new(arguments.quiet);
    let built = build(arguments, &mut bar);
    bar.finish();
    match built {
        Err(_) if interrupted() => Err(Failure::Interrupted),
        Err(failure) => Err(failure),
        Ok(built) => report(arguments, built, begin.elapsed().as_secs_f64()),
    }
}

/// The result of a build.
struct Outcome {
    rows: u64,
    skipped: u64,
    /// The time of building, without reading and writing.
    seconds: f64,
}

/// The result, for `--json`.
#[derive(Serialize)]
struct Report<'r> {
    file: String,
    rows: u64,
    skipped: u64,
    dimensions: usize,
    metric: Metric,
    element: Element,
    kind: &'r [&'static str],
    codes: &'static str,
    segments: usize,
    calibrations: Option<Vec<RecallReport>>,
    bytes: u64,
    bytes_per_vector: f64,
    seconds: f64,
    total_seconds: f64,
}

fn build(arguments: &Arguments, bar: &mut Bar) -> Result<Outcome, Failure> {
    arguments.force.check(&arguments.output, Kind::Index, arguments.source.files())?;
    let types = Options { column_types: arguments.types.clone(), ..Options::default() };
    let (mut input, name) = arguments.source.open(types, bar)?;
    let mut options = index_options(arguments, &input)?;
    let budget = arguments.memory.budget();
    options.memory = budget.limit;
    if let Some(rows) = input.rows {
        (options.hnsw, options.ivf) = arguments.structures.for_rows(rows, bar);
        budget.check(&options, rows, 0)?;
    } else {
        // A segment that fills the memory limit has many rows.
        (options.hnsw, options.ivf) = arguments.structures.for_many();
    }
    let mut builder = IndexBuilder::new(options)?;
    if let Some(seed) = arguments.key_seed {
        builder.seed_keys(seed);
    }
    if let Some(rows) = input.rows {
        builder.reserve(usize::try_from(rows).unwrap_or(usize::MAX))?;
    }
    // Fails before hours of work if the output cannot be written.
    let mut file = output::create(&arguments.output)?;
    budget.provide(&mut builder, &arguments.output)?;

    let skip = arguments.on_invalid == OnInvalid::Skip;
    let counts_rows = input.rows.is_none();
    let mut seconds = 0.0;
    let failed = |error: hither::Error| match error.kind() {
        ErrorKind::DuplicateKey { .. } => {
            Failure::at(arguments.source.keys.as_ref().unwrap_or(&name), error)
        }
        ErrorKind::InvalidParameter { .. } => error.into(),
        _ => Failure::at(&arguments.output, settings::described(&error)),
    };
    let mut make_room = |builder: &mut IndexBuilder, bar: &mut Bar| {
        if counts_rows {
            budget.check(builder.options(), builder.rows(), 0)?;
        }
        let start = Instant::now();
        builder.make_room(Some(&mut |progress| bar.advance(progress))).map_err(failed)?;
        seconds += start.elapsed().as_secs_f64();
        Ok(())
    };
    let skipped = rows::push_all(&mut input, &mut builder, &name, skip, bar, &mut make_room)?;
    if input.rows.is_none() && builder.segments_aside() == 0 {
        let (hnsw, ivf) = arguments.structures.for_rows(builder.rows(), bar);
        builder.set_structures(hnsw, ivf)?;
    }

    let start = Instant::now();
    let mut last = 0.0;
    let mut progress = |progress: Progress| {
        if progress.stage != "writing" {
            last = start.elapsed().as_secs_f64();
        }
        bar.advance(progress)
    };
    let written = builder.write_to(&mut file, Some(&mut progress));
    written.and_then(|()| file.finish()).map_err(failed)?;
    Ok(Outcome { rows: builder.rows(), skipped, seconds: seconds + last })
}

fn index_options(arguments: &Arguments, input: &Input) -> Result<IndexOptions, Failure> {
    let mut options = IndexOptions::new(input.dimensions, arguments.metric);
    if arguments.structures.lists == Some(0) {
        return Err("lists: 0 lists hold no rows; leave --lists out for the default".into());
    }
    options.element = arguments.element;
    options.codes = arguments.structures.codes;
    options.ranges = arguments.structures.ranges;
    options.key_type = input.key_type;
    options.columns = input.columns.clone();
    options.seed = arguments.seed;
    options.threads = arguments.threads;
    for property in &arguments.property {
        let Some((name, value)) = property.split_once('=') else {
            return Err(format!("--property {property}: write it as NAME=VALUE").into());
        };
        options.properties.push((name.into(), value.into()));
    }
    Ok(options)
}

fn report(arguments: &Arguments, built: Outcome, total_seconds: f64) -> Result<(), Failure> {
    let Outcome { rows, skipped, seconds } = built;
    let file = IndexFile::open(&arguments.output)?;
    let index = file.index();
    let info = index.info();
    let kinds = show::structures(index);
    let codes = info.segments.first().map_or("none", |segment| segment.codes.name());
    let bytes_per_vector = file.len() as f64 / rows.max(1) as f64;
    if !arguments.quiet {
        recall::warnings(index).iter().for_each(|line| show::complain(line));
    }
    if arguments.json {
        let result = Report {
            file: arguments.output.display().to_string(),
            rows,
            skipped,
            dimensions: index.dimensions(),
            metric: index.metric(),
            element: index.options().element,
            kind: &kinds,
            codes,
            segments: info.segments.len(),
            calibrations: info.segments.first().map(|s| recall::reached(&s.calibrations)),
            bytes: file.len(),
            bytes_per_vector,
            seconds,
            total_seconds,
        };
        return show::print_json(&result);
    }
    if arguments.quiet {
        return Ok(());
    }
    let mut text = format!(
        "{}: {} rows of {} dimensions, {}, {}, codes {}, {} ({:.0} bytes per vector)\nbuilt in {:.1} s, read and written in {:.1} s\n",
        arguments.output.display(),
        show::count(rows),
        index.dimensions(),
        index.metric().name(),
        kinds.join(" and "),
        codes,
        show::bytes(file.len()),
        bytes_per_vector,
        seconds,
        total_seconds,
    );
    if info.segments.len() > 1 {
        let segments = info.segments.len();
        text.push_str(&format!(
            "{segments} segments, to stay within the memory; a search goes through all of them\n"
        ));
    }
    if skipped > 0 {
        text.push_str(&format!("left out {} invalid rows\n", show::count(skipped)));
    }
    match arguments.structures.codes {
        None if codes == "none" && kinds != ["flat"] => {
            text.push_str(
                "no codes: 8 bits do not tell these rows apart, or the metric takes none\n",
            );
        }
        _ if index.options().codes_or_default() == Codes::Sq4 && codes != "sq4" && rows > 0 => {
            text.push_str(&format!("codes {codes}: 4 bits do not tell these rows apart\n"));
        }
        _ => {}
    }
    show::print(&text)
}
