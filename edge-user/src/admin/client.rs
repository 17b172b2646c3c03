//! Asking a running edge, for the command line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{Complaint, door};

/// Most that an answer may have, in bytes: a thousand calls of each of many shards.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no edge answers at {} (is node.run_dir that of the running one, and may you enter it?)", socket.display())]
    NoneRuns {
        /// Where it would.
        socket: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The conversation broke.
    #[error("edge did not answer: {0}")]
    Broken(#[from] hyper::Error),
    /// The answer cannot be written down.
    #[error("the answer cannot be written: {0}")]
    Unwritten(#[from] io::Error),
    /// The answer is not what was expected.
    #[error("edge answered something else ({0}): is it of another version?")]
    Unexpected(String),
    /// It said no.
    #[error("{0}")]
    Refused(String),
}

/// Asks the edge that has a run directory.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// For the edge whose `node.run_dir` this is.
    #[must_use]
    pub fn new(run_dir: &Path) -> Self {
        Self { socket: door::socket(run_dir) }
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask_for(Method::GET, path)
    }

    /// What comes of doing something.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask_for<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, ClientError> {
        let answer = self.ask(method, path)?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Unexpected(error.to_string()))
    }

    /// Does something that has no answer but that it was done.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn order(&self, method: Method, path: &str) -> Result<(), ClientError> {
        self.ask(method, path).map(|_empty| ())
    }

    /// Writes an answer down while it comes; where to is asked for once it does. Returns its length.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn stream<W: Write>(
        &self,
        path: &str,
        out: impl FnOnce() -> io::Result<W>,
    ) -> Result<u64, ClientError> {
        self.converse(async |stream| {
            let mut body = begin(stream, Method::GET, path).await?;
            let (mut out, mut written) = (out()?, 0);
            while let Some(frame) = body.frame().await {
                let Ok(piece) = frame?.into_data() else { continue };
                out.write_all(&piece)?;
                written += piece.len() as u64;
            }
            out.flush()?;
            Ok(written)
        })
    }

    fn ask(&self, method: Method, path: &str) -> Result<Bytes, ClientError> {
        self.converse(async |stream| {
            let body = Limited::new(begin(stream, method, path).await?, ANSWER_BYTES_MAX);
            let body = body.collect().await.map_err(|error| ClientError::Unexpected(error.to_string()))?;
            Ok(body.to_bytes())
        })
    }

    fn converse<T>(
        &self,
        talk: impl AsyncFnOnce(UnixStream) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let unavailable = |cause| ClientError::NoneRuns { socket: self.socket.clone(), cause };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
        runtime.block_on(async {
            let stream = UnixStream::connect(&self.socket).await.map_err(unavailable)?;
            talk(stream).await
        })
    }
}

/// The body of an answer that is none of a failure.
async fn begin(stream: UnixStream, method: Method, path: &str) -> Result<Incoming, ClientError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| ClientError::Refused(format!("{path}: {error}")))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(|error| ClientError::Unexpected(error.to_string()))?.to_bytes();
    Err(complaint(status, &body))
}

fn complaint(status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<Complaint>(body) {
        Ok(Complaint { error }) => ClientError::Refused(error),
        Err(_) => ClientError::Unexpected(status.to_string()),
    }
}
