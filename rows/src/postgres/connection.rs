//! A connection to Postgres by a URL and libpq's environment variables, and its errors in readable form.

use std::{env, error::Error as _, path::Path, time::Duration};

use tokio::runtime::{self, Runtime};
use tokio_postgres::{
    Client, Config, Error,
    config::{Host, SslMode},
    error::{DbError, ErrorPosition, SqlState},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::{Check, connector};
use crate::source::Interrupted;

/// How long a server may take to respond at first, unless `connect_timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the builds of Debian and of Postgres itself put their sockets.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A connection, with the runtime that drives it.
pub struct Connection {
    pub runtime: Runtime,
    pub client: Client,
    pub tls: MakeRustlsConnect,
    pub interrupted: Option<Interrupted>,
}

/// The server, and how to connect to it.
pub struct Target {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Target {
    /// Parses a `postgres://` URL or `key=value` pairs. libpq's environment variables set what these leave
    /// out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, mode) = take(text, "sslmode");
        let (text, roots) = take(&text, "sslrootcert");
        let mut config: Config = text.parse().map_err(|error: Error| {
            format!(
                "{}; write it as postgres://user@host:port/database or \"host=… dbname=…\"",
                chain(&error)
            )
        })?;
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        if config.get_ports().is_empty()
            && let Some(port) = variable("PGPORT")
        {
            config.port(port.parse().map_err(|_| format!("PGPORT is {port}, no port"))?);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host(variable("PGHOST").unwrap_or_else(|| local(config.get_ports().first())));
        }
        for (name, absent) in [
            ("PGUSER", config.get_user().is_none()),
            ("PGPASSWORD", config.get_password().is_none()),
            ("PGDATABASE", config.get_dbname().is_none()),
        ] {
            match (name, variable(name).filter(|_| absent)) {
                (_, None) => continue,
                ("PGUSER", Some(user)) => config.user(&user),
                ("PGPASSWORD", Some(password)) => config.password(&password),
                (_, Some(database)) => config.dbname(&database),
            };
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("hither");
        }
        let roots = roots.or_else(|| variable("PGSSLROOTCERT"));
        let mode = mode.or_else(|| variable("PGSSLMODE"));
        let (ssl_mode, check) = match mode.as_deref().unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Check::Nothing),
            "allow" | "prefer" => (SslMode::Prefer, Check::Nothing),
            // libpq's rule: if root certificates are given, they are checked.
            "require" if roots.is_none() => (SslMode::Require, Check::Nothing),
            "require" | "verify-ca" => (SslMode::Require, Check::Authority),
            "verify-full" => (SslMode::Require, Check::Host),
            other => {
                return Err(format!(
                    "sslmode is {other}; there are disable, allow, prefer, require, verify-ca and verify-full"
                ));
            }
        };
        // Nobody can listen in on a socket of this machine.
        let local = matches!(config.get_hosts(), [Host::Unix(_), ..]);
        config.ssl_mode(if local { SslMode::Disable } else { ssl_mode });
        Ok(Self { config, tls: connector(check, roots.as_deref())? })
    }

    /// The server's name for messages, without a password.
    pub fn name(&self) -> String {
        let port = self.config.get_ports().first().unwrap_or(&5432);
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => format!("PostgreSQL at {host}:{port}"),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => {
                format!("PostgreSQL at {}", folder.join(format!(".s.PGSQL.{port}")).display())
            }
            None => match self.config.get_hostaddrs().first() {
                Some(address) => format!("PostgreSQL at {address}:{port}"),
                None => "PostgreSQL".into(),
            },
        }
    }

    /// Connects.
    pub fn connect(&self, interrupted: Option<Interrupted>) -> Result<Connection, String> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let connecting = self.config.connect(self.tls.clone());
        let (client, connection) = runtime.block_on(connecting).map_err(|error| refused(&error))?;
        // If the connection fails, the client's requests fail with the same error.
        runtime.spawn(async { drop(connection.await) });
        Ok(Connection { runtime, client, tls: self.tls.clone(), interrupted })
    }
}

/// The folder of the local server's socket, or the loopback address if there is none.
fn local(port: Option<&u16>) -> String {
    let socket = format!(".s.PGSQL.{}", port.unwrap_or(&5432));
    let found = SOCKET_FOLDERS.into_iter().find(|folder| Path::new(folder).join(&socket).exists());
    found.unwrap_or("localhost").into()
}

/// Removes an option that the parser does not fully support. A supported value, which is overridden later,
/// replaces it, so that the surrounding text can stay unchanged.
fn take(text: &str, name: &str) -> (String, Option<String>) {
    let starts = text.match_indices(name).map(|(at, _)| at);
    let start = starts.filter(|&at| text[at + name.len()..].starts_with('=')).find(|&at| {
        text[..at].chars().next_back().is_none_or(|c| matches!(c, '?' | '&') || c.is_whitespace())
    });
    let Some(start) = start else { return (text.into(), None) };
    let value = &text[start + name.len() + 1..];
    let end = value.find(|c: char| c == '&' || c.is_whitespace()).unwrap_or(value.len());
    let rest = format!("{}sslmode=prefer{}", &text[..start], &value[end..]);
    (rest, Some(value[..end].trim_matches('\'').into()))
}

/// Says why connecting failed.
fn refused(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        let hint = match *error.code() {
            SqlState::INVALID_PASSWORD => "; PGPASSWORD gives the password",
            _ => "",
        };
        return format!("{}{hint}", database(error, None));
    }
    let text = chain(error);
    if text.ends_with("password missing") {
        return "it asks for a password, and there is none; PGPASSWORD gives it".into();
    }
    let text = text.split(" (os error").next().unwrap_or(&text);
    if text.contains("TLS") {
        return text.into();
    }
    format!("{text}; is the server running there, and reachable from here?")
}

/// The error of a query. Positions in it refer to the text `query`.
pub fn failed(error: &Error, query: Option<&str>) -> String {
    match error.as_db_error() {
        Some(error) => database(error, query),
        None if error.is_closed() => "the server ended the connection".into(),
        None => chain(error),
    }
}

/// The server's error: its message, position, detail and hint.
fn database(error: &DbError, query: Option<&str>) -> String {
    let mut text = error.message().to_owned();
    if let (Some(query), Some(ErrorPosition::Original(at))) = (query, error.position()) {
        let rest: String = query.chars().skip(*at as usize - 1).collect();
        let rest = rest.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        text += &match rest.as_str() {
            "" => format!(", at the end of the query (character {at})"),
            rest => format!(", at \"{rest}\" (character {at})"),
        };
    }
    for more in [error.detail(), error.hint()].into_iter().flatten() {
        text += &format!("; {}", more.trim_end_matches('.'));
    }
    text.replace('\n', " ")
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_taken() {
        for (text, rest, value) in [
            (
                "postgres://a/b?sslmode=verify-full&user=x",
                "postgres://a/b?sslmode=prefer&user=x",
                Some("verify-full"),
            ),
            ("host=a sslmode='require'", "host=a sslmode=prefer", Some("require")),
            ("postgres://sslmode@a/b", "postgres://sslmode@a/b", None),
            ("dbname=nosslmode=1", "dbname=nosslmode=1", None),
        ] {
            assert_eq!(take(text, "sslmode"), (rest.into(), value.map(Into::into)));
        }
    }

    #[test]
    fn names_have_no_password() {
        for (text, name) in [
            (
                "postgres://me:secret@db.example:1234/shop?sslmode=require",
                "PostgreSQL at db.example:1234",
            ),
            ("host=/run/pg password=secret", "PostgreSQL at /run/pg/.s.PGSQL.5432"),
        ] {
            assert_eq!(Target::parse(text).map(|target| target.name()), Ok(name.into()));
        }
        for text in ["mysql://localhost", "postgres://me:secret@h/d?sslmode=no", "host=h x=secret"]
        {
            let error = Target::parse(text).err().unwrap();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
