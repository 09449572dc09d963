//! The arguments of `hither search`.

use crate::failure::Failure;
use crate::replace::Force;
use crate::settings;
use crate::show;
use clap::Args;
use hither::{Key, KeyType, Metric, SearchParams, Structure};
use hither_rows::Format;
use std::path::PathBuf;

/// Find the nearest rows in one or more index files, searched as one.
#[derive(Args)]
pub struct Arguments {
    /// The index files. Where keys are row numbers, those of each file follow on those before it;
    /// else, of rows with the same key, the one of the last file counts.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Search the file, which is on a server and was built with --ranges, there: only those ranges of its
    /// bytes are brought that the search reads.
    #[arg(long)]
    pub ranges: bool,
    /// Query vectors, in a format that build reads; - for standard input.
    #[arg(long, value_name = "Q.npy", conflicts_with_all = ["like", "vector"])]
    pub queries: Option<PathBuf>,
    /// The format of the queries, where their name does not say it.
    #[arg(long, value_parser = settings::format(), requires = "queries")]
    pub format: Option<Format>,
    /// Search for the rows nearest to the one with this key.
    #[arg(long, value_name = "KEY", conflicts_with = "vector", allow_hyphen_values = true)]
    pub like: Option<String>,
    /// One query vector, as JSON: '[0.1, 0.2]'.
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub vector: Option<String>,
    /// How many rows. Default 10, with --radius all.
    #[arg(short)]
    pub k: Option<usize>,
    /// HNSW: candidates kept during the search. Default 40.
    #[arg(long, value_name = "N")]
    pub ef_search: Option<usize>,
    /// IVF: lists to look into. Default 16, by ranges 28.
    #[arg(long, value_name = "N")]
    pub probes: Option<usize>,
    /// Search as hard as this recall takes, by the file's calibration, which is said where it did
    /// not reach so much.
    #[arg(long, value_name = "R", conflicts_with_all = ["ef_search", "probes"])]
    pub recall: Option<f32>,
    /// Scan all rows: the exact answer.
    #[arg(long, conflicts_with_all = ["ef_search", "probes", "recall"])]
    pub exact: bool,
    /// Measure by another metric: where all rows have unit length, or all are scanned.
    #[arg(long, value_parser = settings::one_of(Metric::ALL, Metric::name))]
    pub metric: Option<Metric>,
    /// Only rows that match, such as '{"year": {"$gte": 2020}, "lang": "en"}'.
    #[arg(long, value_name = "JSON")]
    pub filter: Option<String>,
    /// All rows within this distance, by an exact scan; with -k the nearest so many, as a search
    /// finds them, that are within it.
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub radius: Option<f32>,
    /// Write the keys found to a .npy file, int64 [queries, k]; -1 where there are fewer rows.
    #[arg(long, value_name = "ids.npy")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub force: Force,
    /// The attribute columns to print, separated by commas; '' for none. Default all. In JSON, one
    /// that is called key or distance appears as key_ or distance_.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// Print one JSON object a query.
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    /// The number of wanted rows, unless all rows within a radius are wanted.
    pub fn k(&self) -> usize {
        self.k.unwrap_or(10)
    }

    /// The key of the row in `--like`, which is left out of the answer.
    pub fn except(&self, key_type: KeyType) -> Result<Option<Key>, Failure> {
        self.like.as_ref().map(|key| show::parse_key(key, key_type)).transpose()
    }

    /// The search parameters; with a radius alone, all rows within it.
    pub fn params<'p>(&self, except: Option<&'p Key>) -> SearchParams<'p> {
        SearchParams {
            ef_search: self.ef_search,
            probes: self.probes,
            recall: self.recall,
            metric: self.metric,
            radius: self.radius,
            structure: self.exact.then_some(Structure::Flat),
            except: except.map(Key::as_ref),
            ..match (self.radius, self.k) {
                (Some(radius), None) => SearchParams::within(radius),
                _ => SearchParams::new(self.k()),
            }
        }
    }

    /// The error for query number `number`, with the source of the query.
    pub fn of_query(&self, number: usize, error: hither::Error) -> Failure {
        match &self.queries {
            Some(path) => Failure::at_query(path, number, error),
            None => error.into(),
        }
    }
}
