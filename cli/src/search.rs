//! `hither search`: the nearest rows of one or more index files.

use crate::failure::Failure;
use crate::opened;
use crate::output::write_npy;
use crate::recall;
use crate::replace::{Force, Kind};
use crate::settings;
use crate::show;
use clap::Args;
use hither::{
    Calibration, Filter, Index, IndexFile, IndexFilter, Key, KeyRef, KeyType, Metric, RowId,
    SearchParams, Searcher, Shards, Structure,
};
use hither_rows::{Format, beside, read_matrix_f32};
use std::path::{Path, PathBuf};

/// Find the nearest rows in one or more index files, searched as one.
#[derive(Args)]
pub struct Arguments {
    /// The index files. Where keys are row numbers, those of each file follow on those before it;
    /// else, of rows with the same key, the one of the last file counts.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Query vectors, in a format that build reads; - for standard input.
    #[arg(long, value_name = "Q.npy", conflicts_with_all = ["like", "vector"])]
    queries: Option<PathBuf>,
    /// The format of the queries, where their name does not say it.
    #[arg(long, value_parser = settings::format(), requires = "queries")]
    format: Option<Format>,
    /// Search for the rows nearest to the one with this key.
    #[arg(long, value_name = "KEY", conflicts_with = "vector", allow_hyphen_values = true)]
    like: Option<String>,
    /// One query vector, as JSON: '[0.1, 0.2]'.
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    vector: Option<String>,
    /// How many rows. Default 10, with --radius all.
    #[arg(short)]
    k: Option<usize>,
    /// HNSW: candidates kept during the search. Default 40.
    #[arg(long, value_name = "N")]
    ef_search: Option<usize>,
    /// IVF: lists to look into. Default 16.
    #[arg(long, value_name = "N")]
    probes: Option<usize>,
    /// Search as hard as this recall takes, by the file's calibration, which is said where it did
    /// not reach so much.
    #[arg(long, value_name = "R", conflicts_with_all = ["ef_search", "probes"])]
    recall: Option<f32>,
    /// Scan all rows: the exact answer.
    #[arg(long, conflicts_with_all = ["ef_search", "probes", "recall"])]
    exact: bool,
    /// Measure by another metric: where all rows have unit length, or all are scanned.
    #[arg(long, value_parser = settings::one_of(Metric::ALL, Metric::name))]
    metric: Option<Metric>,
    /// Only rows that match, such as '{"year": {"$gte": 2020}, "lang": "en"}'.
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// All rows within this distance, by an exact scan; with -k the nearest so many, as a search
    /// finds them, that are within it.
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    radius: Option<f32>,
    /// Write the keys found to a .npy file, int64 [queries, k]; -1 where there are fewer rows.
    #[arg(long, value_name = "ids.npy")]
    output: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// The attribute columns to print, separated by commas; '' for none. Default all. In JSON, one
    /// that is called key or distance appears as key_ or distance_.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Print one JSON object a query.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(output) = &arguments.output {
        let inputs = arguments.files.iter().chain(&arguments.queries).map(PathBuf::as_path);
        arguments.force.check(output, Kind::Other, inputs)?;
    }
    let files =
        arguments.files.iter().map(|path| opened::open(path)).collect::<Result<Vec<_>, _>>()?;
    let indexes: Vec<&Index<'_>> = files.iter().map(IndexFile::index).collect();
    let first = indexes[0];
    let shards = Shards::new(indexes).map_err(|error| opened::unlike(&arguments.files, error))?;
    let k = arguments.k.unwrap_or(10);
    if k == 0 {
        return Err("k: 0 rows are no answer; ask for at least 1".into());
    }
    if let Some(path) = &arguments.output {
        require_extension(path, "npy", "keys are written as .npy")?;
        if !matches!(first.options().key_type, KeyType::RowNumber | KeyType::Int64) {
            return Err("--output holds keys that are numbers; use --json for others".into());
        }
        if arguments.radius.is_some() && arguments.k.is_none() {
            return Err("--output with --radius needs -k, the number of columns".into());
        }
    }
    let (queries, rows) = read_queries(arguments, &shards)?;
    let mut search = Search::new(arguments, &shards, k)?;
    if let (Some(wanted), Some(calibration)) = (arguments.recall, search.unreached_recall()) {
        show::complain(&recall::unreached(wanted, calibration));
    }
    let mut ids = Vec::new();
    let mut text = String::new();
    for number in 0..rows {
        let query = &queries[number * first.dimensions()..][..first.dimensions()];
        if let Err(error) = search.run(query) {
            return Err(match &arguments.queries {
                Some(path) => Failure::at_query(path, number, error),
                None => error.into(),
            });
        }
        if arguments.output.is_some() {
            let number = |found: &Found| match found.key {
                Key::Int64(number) => number,
                _ => -1,
            };
            ids.extend(search.found.iter().map(number).chain(std::iter::repeat(-1)).take(k));
        } else if arguments.json {
            search.show_json(&mut text, number)?;
        } else {
            if rows > 1 {
                text.push_str(&format!("query {number}\n"));
            }
            search.show_table(&mut text)?;
        }
    }
    match &arguments.output {
        Some(path) => write_npy(path, &ids, rows, k),
        None => show::print(&text),
    }
}

/// Refuses a file name that promises another format than the file gets.
pub fn require_extension(path: &Path, wanted: &str, what: &str) -> Result<(), Failure> {
    match path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted)) {
        true => Ok(()),
        false => Err(Failure::at(path, format!("{what}; name a file that ends so"))),
    }
}

/// The query vectors, and how many they are.
fn read_queries(
    arguments: &Arguments,
    shards: &Shards<'_, '_>,
) -> Result<(Vec<f32>, usize), Failure> {
    let first = shards.indexes()[0];
    let dimensions = first.dimensions();
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
        let key = show::parse_key(text, first.options().key_type)?;
        let Some(row) = shards.find(key.as_ref())? else {
            return Err(format!("--like {text}: no row has this key").into());
        };
        let (shard, row) = shards.place(row)?;
        let mut values = vec![0.0; dimensions];
        shards.indexes()[shard].vector(row, &mut values)?;
        return Ok((values, 1));
    }
    Err("what to search for? Give --queries, --like or --vector".into())
}

/// What is searched for, without the row that others are to be like: within a radius alone, all rows.
fn params<'p>(arguments: &Arguments, except: Option<&'p Key>, k: usize) -> SearchParams<'p> {
    SearchParams {
        ef_search: arguments.ef_search,
        probes: arguments.probes,
        recall: arguments.recall,
        metric: arguments.metric,
        radius: arguments.radius,
        structure: arguments.exact.then_some(Structure::Flat),
        except: except.map(Key::as_ref),
        ..match (arguments.radius, arguments.k) {
            (Some(radius), None) => SearchParams::within(radius),
            _ => SearchParams::new(k),
        }
    }
}

/// A row of an answer.
struct Found {
    /// The number of its file, and the row there.
    file: usize,
    row: RowId,
    /// Its key among all files.
    key: Key,
    distance: f32,
}

/// A search of all files.
struct Search<'a> {
    shards: &'a Shards<'a, 'a>,
    filters: Vec<IndexFilter<'a>>,
    arguments: &'a Arguments,
    searcher: Searcher,
    except: Option<Key>,
    k: usize,
    found: Vec<Found>,
}

impl<'a> Search<'a> {
    fn new(
        arguments: &'a Arguments,
        shards: &'a Shards<'a, 'a>,
        k: usize,
    ) -> Result<Self, Failure> {
        let indexes = shards.indexes();
        let filters = match &arguments.filter {
            Some(json) => {
                let filter = Filter::from_json(json)?;
                indexes.iter().map(|index| index.filter(&filter)).collect::<Result<_, _>>()?
            }
            None => Vec::new(),
        };
        let except = match &arguments.like {
            Some(key) => Some(show::parse_key(key, indexes[0].options().key_type)?),
            None => None,
        };
        let (searcher, found) = (Searcher::new(), Vec::new());
        let search = Self { shards, filters, arguments, searcher, except, k, found };
        // Checked before searching: if no row is found, nobody would hear of a wrong name.
        for index in indexes {
            search.columns(index)?;
        }
        Ok(search)
    }

    /// The calibration that did not reach the recall that is wanted.
    fn unreached_recall(&self) -> Option<&'a Calibration> {
        self.shards.unreached_recall(&params(self.arguments, self.except.as_ref(), self.k))
    }

    /// Searches for a query; the answer is `found`.
    fn run(&mut self, query: &[f32]) -> hither::Result<()> {
        let params = params(self.arguments, self.except.as_ref(), self.k);
        let filters: Vec<&IndexFilter<'_>> = self.filters.iter().collect();
        self.found.clear();
        for near in self.shards.search(query, &params, &filters, &mut self.searcher)? {
            let (file, row) = self.shards.place(near.row)?;
            let key = self.shards.key(near.row)?.to_owned();
            self.found.push(Found { file, row, key, distance: near.distance });
        }
        Ok(())
    }

    /// The numbers of the columns to print.
    fn columns(&self, index: &Index<'_>) -> Result<Vec<usize>, Failure> {
        match &self.arguments.columns {
            None => Ok((0..index.columns().len()).collect()),
            // What is left of --columns '' is one name without letters.
            Some(names) if names.iter().all(String::is_empty) => Ok(Vec::new()),
            Some(names) => {
                // In JSON the second of them would be the value of a name that is there already.
                let mut numbered = names.iter().enumerate();
                if let Some((_, name)) = numbered.find(|(at, name)| names[..*at].contains(name)) {
                    return Err(format!("--columns names \"{name}\" twice; leave one out").into());
                }
                Ok(names.iter().map(|name| index.column(name)).collect::<Result<_, _>>()?)
            }
        }
    }

    fn show_json(&self, text: &mut String, number: usize) -> Result<(), Failure> {
        let rows = self.found.iter().map(|found| {
            let index = self.shards.indexes()[found.file];
            let columns = self.columns(index)?;
            let names = beside(index.columns(), &["key", "distance"]);
            let key = found.key.as_ref();
            Ok(show::row_json(index, found.row, key, found.distance, &columns, &names)?)
        });
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?.join(",");
        let reached = self.unreached_recall().map_or(String::new(), |calibration| {
            format!(",\"reached_recall\":{}", recall::rounded_down(calibration.best().1))
        });
        let answer = format!("{{\"query\":{number},\"results\":[{rows}]{reached}}}");
        text.push_str(&show::printable_json(&answer));
        text.push('\n');
        Ok(())
    }

    fn show_table(&self, text: &mut String) -> Result<(), Failure> {
        if self.found.is_empty() {
            text.push_str("no rows\n");
        }
        for (place, found) in self.found.iter().enumerate() {
            let index = self.shards.indexes()[found.file];
            let distance = found.distance;
            let key: KeyRef<'_> = found.key.as_ref();
            let key = key.to_string();
            let key = show::printable(&key);
            text.push_str(&format!("{:>3}  {distance:<10.6} {key}", place + 1));
            for column in self.columns(index)? {
                let value = show::value_text(index.value(found.row, column)?);
                text.push_str("  ");
                text.push_str(&show::printable(&value.replace(['\n', '\r', '\t'], " ")));
            }
            text.push('\n');
        }
        Ok(())
    }
}
