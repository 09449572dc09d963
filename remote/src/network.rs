//! Which hosts may be contacted, and how long they may take to answer.
//!
//! `answer` stands between object_store and a server, and checks the server's answers; `piece` does so for
//! reads of byte ranges.

mod answer;
mod bad_answer;
mod piece;

pub use answer::START;
pub use bad_answer::BadAnswer;
pub use piece::Piece;

use crate::secret::Secret;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Action, Attempt, Policy};
use std::net::IpAddr;
use std::time::Duration;

/// How long a server may take to accept a connection, and to send the next bytes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 5;

/// Creates the HTTP clients of object stores.
#[derive(Debug)]
pub struct Connector {
    /// The host in the location; other hosts are only reached by redirection.
    pub host: String,
    /// Connections that are kept for later requests: 0 if there are none.
    pub kept: usize,
    pub follow_redirects: bool,
    pub user_agent: String,
    /// The secret for requests; redirections to other origins do not carry it.
    pub secret: Option<Secret>,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Another library in this process may have chosen a provider: either works.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects =
            if self.follow_redirects { Policy::custom(redirect) } else { Policy::none() };
        let client = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_max_idle_per_host(self.kept)
            .redirect(redirects)
            // The header would repeat the query of the request, which may be a secret.
            .referer(false)
            .dns_resolver(Addresses { host: self.host.clone() })
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "HTTP",
            source: Box::new(error),
        })?;
        Ok(HttpClient::new(answer::AnswerChecker::new(client, self.secret.clone())))
    }
}

/// Follows a redirection to another host name, or within the same host; never from https to http, to an
/// address, or to another port of the same host, because the user did not name the service there.
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

/// Resolves host names, and drops addresses that a public host must not have.
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

/// Link-local addresses are those of cloud metadata services: they are contacted only if the location itself
/// is such an address. Addresses of this machine and of private networks are contacted only if the location
/// names the host.
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
    // fd00:ec2::254, AWS's metadata service over IPv6, is a unique local address.
    let metadata = matches!(address, IpAddr::V6(v6) if v6.segments()[..2] == [0xfd00, 0x0ec2]);
    !link_local && !metadata && (named || !private)
}

#[cfg(test)]
mod tests {
    use super::may_be_contacted;

    #[test]
    fn addresses_that_nobody_can_mean_are_not_contacted() {
        for (address, named, unnamed) in [
            ("93.184.216.34", true, true),
            ("2606:2800:220:1::1", true, true),
            ("127.0.0.1", true, false),
            ("0.0.0.0", true, false),
            ("10.1.2.3", true, false),
            ("192.168.1.1", true, false),
            ("::1", true, false),
            ("fd12::1", true, false),
            ("::ffff:10.1.2.3", true, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("fd00:ec2::254", false, false),
        ] {
            let address = address.parse().unwrap();
            let may = [may_be_contacted(address, true), may_be_contacted(address, false)];
            assert_eq!(may, [named, unnamed], "{address}");
        }
    }
}
