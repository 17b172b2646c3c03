//! The thread that hears of digits and tells the shards.
//!
//! A digit belongs to the shard that has its call. Which one that is only they know, so each is told; digits are rare. Invariant: a
//! shard that is full is not waited for: it would lose messages, too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::Sender;

use super::listener::Reception;
use super::shard::Notice;
use crate::datapath::{DigitNews, DigitReader};

/// How soon the thread sees that it is to end.
const PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn start(
    mut reader: DigitReader,
    shards: Vec<Sender<Notice>>,
    reception: Arc<Reception>,
) -> std::io::Result<JoinHandle<()>> {
    let tell = move |news: DigitNews| {
        for shard in &shards {
            if shard.try_send(Notice::Digit(news)).is_err() {
                tracing::warn!("a digit is not heard: a shard is full");
            }
        }
    };
    std::thread::Builder::new().name("digits".to_owned()).spawn(move || {
        while !reception.stopping.load(Ordering::Relaxed) {
            if let Err(error) = reader.listen(PATIENCE, &tell) {
                tracing::error!(%error, "digits cannot be heard any more");
                return;
            }
        }
    })
}
