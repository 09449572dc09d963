//! `hither pull`: downloads an index file from a server.

mod partial;

use crate::failure::{self, Failure};
use crate::fetch;
use crate::interrupt::{interrupted, watch};
use crate::progress::Bar;
use crate::replace::{Force, Kind};
use crate::show;
use clap::Args;
use hither::{IndexFile, Progress};
use partial::Partial;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Bring an index file of a server to this machine, verified.
///
/// What arrives is kept beside FILE until it is whole, and FILE is replaced when every byte is verified. A pull that was
/// ended, however, is gone on with by the next one, if the server has the same version still.
///
///   hither pull https://example.org/words.hither words.hither
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Where it is: https://…, http://… or s3://bucket/key.
    url: String,
    /// Where it goes.
    file: PathBuf,
    #[command(flatten)]
    force: Force,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors, and the result with --json.
    #[arg(short, long)]
    quiet: bool,
}

/// The result, for `--json`.
#[derive(Serialize)]
struct Report {
    file: String,
    rows: u64,
    bytes: u64,
    /// How many of the bytes were downloaded this time.
    fetched: u64,
    seconds: f64,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let begun = Instant::now();
    let Arguments { url, file, force, json, quiet } = arguments;
    if !crate::opened::is_url(Path::new(url)) {
        return Err(
            format!("{url}: this is no URL, such as https://example.org/words.hither").into()
        );
    }
    force.check(file, Kind::Index, [])?;
    watch();
    let mut bar = Bar::new(*quiet || *json);
    let mut partial = Partial::open(file, &bar)?;
    let pulled = pull(url, &mut partial, &mut bar);
    bar.finish();
    let (rows, bytes, fetched) = pulled?;
    partial.finish()?;
    let seconds = begun.elapsed().as_secs_f64();
    let report = Report { file: failure::name(file), rows, bytes, fetched, seconds };
    if *json {
        return show::print_json(&report);
    }
    if !quiet {
        let there = match bytes - fetched {
            0 => String::new(),
            there => format!(", of which {} were there", show::bytes(there)),
        };
        let (rows, bytes) = (show::count(rows), show::bytes(bytes));
        let name = show::printable(&report.file);
        show::print(&format!("{name}: {rows} rows, {bytes}{there}, in {seconds:.1} s\n"))?;
    }
    Ok(())
}

/// Downloads and verifies the file; returns its numbers of rows and bytes, and how many bytes were
/// downloaded now.
fn pull(url: &str, partial: &mut Partial, bar: &mut Bar) -> Result<(u64, u64, u64), Failure> {
    let object = fetch::object(url, interrupted)?;
    loop {
        let mut told = |done, total| bar.show(Progress { stage: "fetching", done, total });
        let Partial { file, note, .. } = &mut *partial;
        let pulled = object.pull(file, note, &mut interrupted, &mut told);
        let there = pulled.map_err(|error| match Failure::from(error) {
            Failure::Interrupted => Failure::Paused(
                "what arrived is kept, and the same command goes on from there".into(),
            ),
            failure => failure,
        })?;
        let verified = IndexFile::open(&partial.path).and_then(|file| {
            file.index().verify()?;
            Ok((file.index().len(), file.len()))
        });
        match verified {
            Ok((rows, bytes)) => return Ok((rows, bytes, bytes - there)),
            Err(error) => {
                partial.clear()?;
                // The file may mix parts of two versions that the server did not distinguish: then start
                // over once.
                if there == 0 {
                    return Err(Failure::at(Path::new(url), error));
                }
            }
        }
    }
}
