//! A server of this machine that answers as a test says, and remembers what it was asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What was asked: a path with its query, and headers by names in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: HashMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Where the rest that is asked for begins.
    pub fn range(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.split('-').next()?.parse().ok()
    }
}

/// A server that runs until the test ends.
pub struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gives all that is sent before the connection is closed, of how many-eth request
    /// (from 1); none never answers.
    pub fn new(
        answer: impl Fn(&Request, usize) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (requests, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    let number = {
                        let mut requests = requests.lock().unwrap();
                        requests.push(request.clone());
                        requests.len()
                    };
                    match answer(&request, number) {
                        // Whoever has heard enough may have gone.
                        Some(bytes) => drop(stream.write_all(&bytes)),
                        None => drop(BufReader::new(stream).read_line(&mut String::new())),
                    }
                });
            }
        });
        Self { port, asked }
    }

    /// A server that gives every request this answer.
    pub fn always(answer: Vec<u8>) -> Self {
        Self::new(move |_, _| Some(answer.clone()))
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What was asked until now.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

/// The head of a request; none from who sends none.
pub fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_owned()))
        })
        .collect();
    Some(Request { path, headers })
}

/// Status and headers.
pub fn head(status: &str, headers: &[&str]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for header in headers {
        head += header;
        head += "\r\n";
    }
    (head + "\r\n").into_bytes()
}

/// A whole answer, with its length.
pub fn whole(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut answer = head(status, &[headers, &[length.as_str()]].concat());
    answer.extend_from_slice(body);
    answer
}

/// An answer that begins at `first` of `body` and has the rest.
pub fn rest(first: usize, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let range = format!("Content-Range: bytes {first}-{}/{}", body.len() - 1, body.len());
    whole("206 Partial Content", &[headers, &[range.as_str()]].concat(), &body[first..])
}

/// An answer that has the part of `body` that is asked for, as far as it has that.
pub fn part(request: &Request, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let asked = request.header("range").and_then(|range| range.strip_prefix("bytes="));
    let (first, last) = asked.and_then(|asked| asked.split_once('-')).expect("a part is asked for");
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let end = body.len().min(last + 1);
    let range = format!("Content-Range: bytes {first}-{}/{}", end - 1, body.len());
    whole("206 Partial Content", &[headers, &[range.as_str()]].concat(), &body[first..end])
}

/// The same bytes in chunks, without a length.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut answer = head("200 OK", &["Transfer-Encoding: chunked"]);
    for chunk in body.chunks(size) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}
