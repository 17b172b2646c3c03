//! Where the API listens.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::AdminConfig;
use crate::runtime::Control;

use super::access::Access;
use super::{Complaint, routes};

/// Directory of the socket within the run directory; only its owner may enter.
const DIRECTORY: &str = "admin";

/// Name of the socket.
const SOCKET: &str = "edge.sock";

/// Connections at once on each door: an operator, a dashboard, a scraper, and a few that were forgotten.
const CONNECTIONS_MAX: usize = 64;

/// How long the head of a request may take, and how long a connection may say nothing.
const HEAD_MAX: Duration = Duration::from_secs(10);

/// How long to wait before accepting again when the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// The socket in a run directory.
pub(super) fn socket(run_dir: &Path) -> PathBuf {
    run_dir.join(DIRECTORY).join(SOCKET)
}

/// Opens the doors, on the running loop of tokio; they close with it.
///
/// # Errors
/// When a socket cannot be made, or the token file is of no use.
pub fn start(settings: &AdminConfig, run_dir: &Path, control: Control) -> anyhow::Result<()> {
    let api = routes(control);
    tokio::spawn(serve_socket(open_socket(run_dir)?, guarded(api.clone(), Access::Open)));
    if let Some(address) = settings.http {
        let access = settings.token_file.as_deref().map_or(Ok(Access::Local), Access::by_token)?;
        let listener = std::net::TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .and_then(TcpListener::from_std)
            .with_context(|| format!("admin.http {address} cannot be listened on"))?;
        tracing::info!(%address, ?access, "admin API");
        tokio::spawn(serve_address(listener, guarded(api, access)));
    }
    Ok(())
}

fn open_socket(run_dir: &Path) -> anyhow::Result<UnixListener> {
    let path = socket(run_dir);
    let unusable = || format!("node.run_dir: the admin socket {} cannot be made", path.display());
    let directory = run_dir.join(DIRECTORY);
    match std::fs::create_dir_all(run_dir).and_then(|()| DirBuilder::new().mode(0o700).create(&directory)) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error).with_context(unusable),
        _ => {}
    }
    // Somebody else may have made it where others can write.
    let made = std::fs::metadata(&directory).with_context(unusable)?;
    if made.permissions().mode() & 0o077 != 0 {
        anyhow::bail!("{} is open to others: chmod 700, or remove it", directory.display());
    }
    // What a killed process left. A living one of this node would have kept us from coming here.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(unusable),
        _ => {}
    }
    UnixListener::bind(&path).with_context(unusable)
}

fn guarded(api: Router, access: Access) -> Router {
    let access = Arc::new(access);
    api.layer(middleware::from_fn(move |request: Request<Body>, next: Next| {
        let access = Arc::clone(&access);
        async move { admit(&access, request, next).await }
    }))
}

async fn admit(access: &Access, request: Request<Body>, next: Next) -> Response {
    match access.refusal(&request) {
        Some((code, error)) => (code, Json(Complaint { error: error.to_owned() })).into_response(),
        None => next.run(request).await,
    }
}

async fn serve_socket(listener: UnixListener, api: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => serve(stream, api.clone(), permit),
            Err(error) => refused(&error).await,
        }
    }
}

async fn serve_address(listener: TcpListener, api: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => serve(stream, api.clone(), permit),
            Err(error) => refused(&error).await,
        }
    }
}

async fn refused(error: &std::io::Error) {
    tracing::warn!("admin: a connection was not accepted: {error}");
    tokio::time::sleep(PAUSE).await;
}

fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    api: Router,
    permit: OwnedSemaphorePermit,
) {
    tokio::spawn(async move {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
        let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(api)).await;
        if let Err(error) = served {
            tracing::debug!("admin: a connection ended: {error}");
        }
        drop(permit);
    });
}
