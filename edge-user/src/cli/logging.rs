//! Where log lines go: to standard error, in the form that `[log]` asks for.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{LogConfig, LogFormat};

/// Sends the log lines of this process to standard error from now on.
///
/// # Errors
/// When the filter does not parse; that of a loaded [`crate::config::Config`] does.
///
/// # Panics
/// When the process has a subscriber already.
pub(super) fn start(log: &LogConfig) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(&log.filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let lines = lines.with_ansi(io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
