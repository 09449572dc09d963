//! The `hither` command: builds, searches, changes, checks, merges, exports and measures index files. It is
//! a library, so that packages for other languages can include the command.

mod add;
mod bench;
mod build;
mod change;
mod export;
mod failure;
#[cfg(all(feature = "remote", unix))]
mod fetch;
mod info;
mod interrupt;
mod layout;
mod memory;
mod merge;
#[cfg(feature = "postgres")]
mod migrate_index;
mod opened;
mod output;
mod progress;
#[cfg(all(feature = "remote", unix))]
mod pull;
mod recall;
mod remove;
mod replace;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod settings;
mod show;
mod source;
mod update;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};
pub use failure::Failure;
#[cfg(all(feature = "remote", unix))]
pub use fetch::{bring, location};
use std::ffi::OsString;

/// Vector search in one file.
///
/// Build an index file once from vectors; search it with this command, in a browser or from Rust.
///
///   hither build words.npy --attributes words.tsv -o words.hither
///   hither search words.hither --like 42 -k 5
#[derive(Parser)]
#[command(name = "hither", version, about, max_term_width = 100, verbatim_doc_comment)]
#[cfg_attr(all(feature = "remote", unix), command(after_long_help = fetch::HELP))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Build(build::Arguments),
    Search(search::Arguments),
    Add(add::Arguments),
    Update(update::Arguments),
    Remove(remove::Arguments),
    Info(info::Arguments),
    Verify(verify::Arguments),
    Merge(merge::Arguments),
    Export(export::Arguments),
    Bench(bench::Arguments),
    #[cfg(all(feature = "remote", unix))]
    Pull(pull::Arguments),
    #[cfg(feature = "serve")]
    Serve(serve::Arguments),
    #[cfg(feature = "postgres")]
    MigrateIndex(migrate_index::Arguments),
    /// Print a completion script for a shell.
    ///
    /// For example: hither completions bash > /etc/bash_completion.d/hither
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the command and returns its exit code. The first argument is the command's name.
///
/// It writes to standard output and standard error, and may install signal handlers, so a program should
/// end after it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is not our error.
            let _ = error.print();
            return error.exit_code().try_into().unwrap_or(u8::MAX);
        }
    };
    let result = match cli.command {
        Command::Build(arguments) => build::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
        Command::Add(arguments) => add::run(&arguments),
        Command::Update(arguments) => update::run(&arguments),
        Command::Remove(arguments) => remove::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        #[cfg(all(feature = "remote", unix))]
        Command::Pull(arguments) => pull::run(&arguments),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(&arguments),
        #[cfg(feature = "postgres")]
        Command::MigrateIndex(arguments) => migrate_index::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hither", &mut script);
            show::print(&String::from_utf8_lossy(&script))
        }
    };
    match result {
        Ok(()) | Err(Failure::ClosedPipe) => 0,
        Err(Failure::Interrupted) => {
            eprintln!("interrupted; nothing was written");
            interrupt::EXIT_CODE
        }
        Err(Failure::Paused(kept)) => {
            show::complain(&format!("interrupted; {kept}"));
            interrupt::EXIT_CODE
        }
        Err(Failure::Message(message)) => {
            show::complain(&format!("error: {message}"));
            1
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_do_not_contradict_each_other() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
