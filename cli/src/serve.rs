//! `hither serve`: serves the index files of a folder over HTTP, for readers of byte ranges.
//!
//! One thread handles connections, others read the files. A connection ends if its client is too slow.
//! After a signal the server finishes the running answers and ends.

mod answer;
mod body;
mod conditions;
mod folder;
mod ranges;

use crate::failure::Failure;
use crate::interrupt::{interrupted, watch};
use crate::show;
use answer::Answers;
use clap::Args;
use folder::Folder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;

/// The maximum number of simultaneous connections; further ones wait. Each uses up to two of the 1,024 open
/// files that most systems allow.
const MOST_CONNECTIONS: usize = 480;
/// The maximum number of threads that read files.
const MOST_READERS: usize = 16;
/// The maximum size of a request's head in bytes.
const MOST_OF_HEAD: usize = 16 << 10;
/// How often the server checks whether to end.
const SLICE: Duration = Duration::from_millis(20);

/// Serve the index files of a folder over HTTP, for searches that read parts of them.
///
/// Files whose names end in .hither are served, those of folders within it too, to everybody who reaches the
/// address, and to pages of any origin. Nothing that begins with a dot is, nor what links lead to
/// outside the folder. Ctrl-C ends it when what is being answered is answered.
///
///   hither serve indexes
///   hither search http://127.0.0.1:8080/words.hither --like 42
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The folder.
    folder: PathBuf,
    /// The port; 0 takes one that is free.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address that is listened at: this machine alone reaches it. 0.0.0.0 and [::] are reached from others.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// How long clients and what is between may take a file for unchanged without asking.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    max_age: u32,
    /// How long a client may take for a request, and for taking the next bytes of an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Print a line for each request.
    #[arg(long)]
    verbose: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = Folder::open(&arguments.folder)?;
    let listener = listen(&arguments.host, arguments.port)?;
    let address = listener.local_addr()?;
    watch();
    let name = arguments.folder.display().to_string();
    let name = show::printable(&name);
    show::print(&format!("serving {name} at http://{address}/; Ctrl-C ends it\n"))?;
    let patience = Duration::from_secs(arguments.timeout);
    let answers = Answers::new(folder, arguments.max_age, arguments.verbose);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(MOST_READERS)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot wait for connections: {error}"))?;
    let served = runtime.block_on(serve(listener, Arc::new(answers), patience));
    // Does not wait for a thread that is reading from an unresponsive disk.
    runtime.shutdown_background();
    served
}

fn listen(host: &str, port: u16) -> Result<TcpListener, Failure> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    TcpListener::bind((bare, port)).map_err(|error| {
        use io::ErrorKind as E;
        let why = match error.kind() {
            E::AddrInUse => {
                "another program listens there; choose another --port, or 0 for a free one".into()
            }
            E::PermissionDenied => {
                "this port needs more rights; choose a --port from 1024 on".into()
            }
            E::AddrNotAvailable => {
                "this is no address of this machine; choose another --host".into()
            }
            _ => format!("{error}; --host is a name or an address of this machine"),
        };
        Failure::at(Path::new(&format!("{host}:{port}")), why)
    })
}

/// Answers until the command is interrupted, and finishes the answers that were begun, for at most as long
/// as a slow client may take.
async fn serve(
    listener: TcpListener,
    answers: Arc<Answers>,
    patience: Duration,
) -> Result<(), Failure> {
    let listener = listener.set_nonblocking(true).and_then(|()| listener.try_into());
    let listener = listener.map_err(|error| format!("cannot wait for connections: {error}"))?;
    let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    while !interrupted() {
        let Ok(came) = timeout(SLICE, next(&listener, &room)).await else { continue };
        let Ok((stream, permit)) = came else {
            // Either the process has too many open files, or the client is gone: after a pause, other files
            // may be closed.
            sleep(SLICE).await;
            continue;
        };
        let client = stream.peer_addr().map_or_else(|_| "?".into(), |peer| peer.ip().to_string());
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(patience));
        let answers = Arc::clone(&answers);
        let service = service_fn(move |request| {
            let (answers, client) = (Arc::clone(&answers), client.clone());
            async move { Ok::<_, std::convert::Infallible>(answers.answer(&request, client).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_buf_size(MOST_OF_HEAD)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // If the connection broke, the client knows.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    if timeout(patience, graceful.shutdown()).await.is_err() {
        show::complain("ended; clients that were slow did not get all of their answers");
    }
    Ok(())
}

/// Accepts the next connection once there is room for it.
async fn next(
    listener: &tokio::net::TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Heads are small, and clients wait for them.
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}
