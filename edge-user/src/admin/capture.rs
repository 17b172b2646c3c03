//! Captures: a call's media as a file that is made while it is read.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::capture::{FRAMES_MAX, LONGEST, Recorder};
use crate::runtime::{CallFilter, Control, HeldTap, clock};

use super::calls::no_call;
use super::{Complaint, Failure};

/// How often the tap is emptied: its ring holds 100 ms of 13,000 frames a second, with what was decided about each.
const ROUND: Duration = Duration::from_millis(20);

/// Rounds between two looks whether the call still stands.
const LOOK_EVERY: u32 = 50;

/// Pieces of the file that may wait for who reads it.
const PIECES_MAX: usize = 8;

/// How long a capture goes on.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Limits {
    seconds: Option<u64>,
    frames: Option<u64>,
}

/// Both directions of a call's media, from now on until it ends: each frame as it came in, with what was decided about it as its
/// comment, and as it left. There is one capture at a time.
#[utoipa::path(get, path = "/v1/calls/{id}/capture", params(
    ("seconds" = Option<u64>, Query, description = "Longest, 3600 at most; 60 without."),
    ("frames" = Option<u64>, Query, description = "Most frames; four million without."),
), responses(
    (status = 200, description = "A pcapng file, while it is made.", content_type = "application/x-pcapng"),
    (status = 404, body = Complaint), (status = 422, body = Complaint),
))]
pub(super) async fn capture(
    State(control): State<Control>,
    Path(id): Path<String>,
    Query(limits): Query<Limits>,
) -> Result<Response, Failure> {
    let found = control.calls(&CallFilter { id: Some(id.clone()), ..CallFilter::default() }).await?;
    let call = found.first().ok_or_else(|| no_call(&id))?;
    if call.endpoints.is_empty() {
        return Err(Failure::Unprocessable(format!("call {id} has no media here, now")));
    }
    let tap = control.tap(call.endpoints.clone()).await?.map_err(Failure::Unprocessable)?;
    let (pieces, file) = mpsc::channel(PIECES_MAX);
    let session = Session { control, id, limits, tap, pieces };
    tokio::spawn(session.run());
    Ok(([(CONTENT_TYPE, "application/x-pcapng")], Body::new(File { pieces: file })).into_response())
}

/// A capture that runs.
struct Session {
    control: Control,
    id: String,
    limits: Limits,
    tap: HeldTap,
    pieces: mpsc::Sender<Bytes>,
}

impl Session {
    async fn run(mut self) {
        let epoch = clock::today().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let calendar_ns = u64::try_from(epoch.as_nanos()).unwrap_or(0).wrapping_sub(clock::monotonic_ns());
        let (mut recorder, beginning) = Recorder::new(&self.control.node().devices, &self.id, calendar_ns);
        let longest = self.limits.seconds.map_or(Duration::from_secs(60), Duration::from_secs).min(LONGEST);
        let most = self.limits.frames.unwrap_or(FRAMES_MAX).min(FRAMES_MAX);
        let end = tokio::time::Instant::now() + longest;
        let mut round = tokio::time::interval(ROUND);
        let mut piece = beginning;
        for count in 1_u32.. {
            if !piece.is_empty() && self.pieces.send(std::mem::take(&mut piece).into()).await.is_err() {
                return;
            }
            round.tick().await;
            self.tap.tap().drain(|tapped| {
                if recorder.frames() < most {
                    recorder.add(tapped, &mut piece);
                }
            });
            let over = recorder.frames() >= most || tokio::time::Instant::now() >= end;
            if over || self.pieces.is_closed() || (count % LOOK_EVERY == 0 && !self.stands().await) {
                break;
            }
        }
        recorder.finish(&mut piece);
        // Who has gone misses the end.
        drop(self.pieces.send(piece.into()).await);
    }

    /// A process that is too busy to say says nothing against it.
    async fn stands(&self) -> bool {
        let filter = CallFilter { id: Some(self.id.clone()), ..CallFilter::default() };
        self.control.calls(&filter).await.is_ok_and(|found| !found.is_empty())
    }
}

/// The file, as the body of an answer.
struct File {
    pieces: mpsc::Receiver<Bytes>,
}

impl HttpBody for File {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
