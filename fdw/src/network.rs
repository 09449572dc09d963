//! Waiting for the network inside a backend, and whom it may be asked of.
//!
//! A backend has one thread and its own ideas of signals. Whatever waits is driven by a runtime on
//! this thread that lives as long as the wait: afterwards no connection, timer or thread is left.
//! `answer` is between object_store and a server, and checks what that one says.

mod answer;

pub use answer::Wrong;

use crate::failure::{Failure, Result};
use crate::secret::Secret;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
use pgrx::PgSqlErrorCode as Code;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Action, Attempt, Policy};
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

/// How often a wait looks whether the statement was cancelled or has timed out.
const SLICE: Duration = Duration::from_millis(20);
/// How long a server may take to accept a connection, and to send the next bytes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 5;

/// Waits for a future. A cancel, a timeout or the end of the backend raises its error within
/// [`SLICE`]: the stack unwinds, and with it goes all that the future holds.
pub fn wait<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let message = format!("could not wait for the network: {error}");
        Failure::new(Code::ERRCODE_SYSTEM_ERROR, message)
    })?;
    let runtime = Running(Some(runtime));
    let Some(running) = &runtime.0 else { unreachable!("a runtime runs until it is dropped") };
    let mut future = pin!(future);
    loop {
        let step = {
            let _masked = Masked::new();
            running.block_on(async { tokio::time::timeout(SLICE, future.as_mut()).await })
        };
        if let Ok(output) = step {
            return Ok(output);
        }
        pgrx::check_for_interrupts!();
    }
}

/// A runtime that ends without waiting for threads that ask for addresses or verify a file.
struct Running(Option<tokio::runtime::Runtime>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Signals held back while it lives, so that threads begun meanwhile never receive them: only the
/// backend's own thread may run Postgres's handlers.
struct Masked(libc::sigset_t);

impl Masked {
    fn new() -> Self {
        // SAFETY: sets of signals are plain data that these calls fill in.
        unsafe {
            let mut all = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGQUIT] {
                libc::sigdelset(&raw mut all, fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for Masked {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by `new`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
    }
}

/// Makes the HTTP clients of object stores.
#[derive(Debug)]
pub struct Connector {
    /// The host that was named; others are reached by redirection alone.
    pub host: String,
    pub follow_redirects: bool,
    /// What requests carry, and no redirected one to elsewhere.
    pub secret: Option<Secret>,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Another extension in this process may have chosen its own: either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects =
            if self.follow_redirects { Policy::custom(redirect) } else { Policy::none() };
        let client = reqwest::Client::builder()
            .user_agent(concat!("hither-postgres/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_max_idle_per_host(0)
            .redirect(redirects)
            // It would repeat the query of the request, which may be a secret.
            .referer(false)
            .dns_resolver(Addresses { host: self.host.clone() })
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "HTTP",
            source: Box::new(error),
        })?;
        Ok(HttpClient::new(answer::Checked::new(client, self.secret.clone())))
    }
}

/// Follows a redirection to another named host, or within the same one, never from https to http,
/// nor to an address, nor to another port of the same host: what listens there was not named.
fn redirect(attempt: Attempt<'_>) -> Action {
    let Some(from) = attempt.previous().last() else { return attempt.stop() };
    let to = attempt.url();
    let allowed = if to.host_str() == from.host_str() {
        to.port() == from.port()
    } else {
        to.domain().is_some()
    };
    let safe = to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("too many redirections")
    } else if safe && allowed {
        attempt.follow()
    } else {
        attempt.error("a redirection that is not followed: name its target in the location")
    }
}

/// Looks names up, and forgets addresses that nobody who names a public host can mean.
struct Addresses {
    host: String,
}

impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let named = name.as_str().eq_ignore_ascii_case(&self.host);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> =
                found.filter(|address| may_be_contacted(address.ip(), named)).collect();
            if allowed.is_empty() {
                return Err(
                    format!("{} has no address that may be contacted", name.as_str()).into()
                );
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Link-local addresses are those of clouds' metadata services: contacted only when the location
/// itself is such an address. Those of this machine and of private networks must be named.
fn may_be_contacted(address: IpAddr, named: bool) -> bool {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let (link_local, private) = match address {
        IpAddr::V4(v4) => (
            v4.is_link_local(),
            v4.is_private() || v4.is_loopback() || v4.is_unspecified() || v4.is_broadcast(),
        ),
        IpAddr::V6(v6) => (
            v6.is_unicast_link_local(),
            v6.is_unique_local() || v6.is_loopback() || v6.is_unspecified(),
        ),
    };
    // fd00:ec2::254, AWS's metadata over IPv6, is unique local.
    let metadata = matches!(address, IpAddr::V6(v6) if v6.segments()[..2] == [0xfd00, 0x0ec2]);
    !link_local && !metadata && (named || !private)
}
