//! What is said when this kernel takes no program: which kernel it is, which one edge needs, and of the verifier's log the end,
//! where the reason is.

use std::fmt::Write as _;

use aya::programs::ProgramError;

use crate::host::{kernel, release};

/// Lines of the verifier's log that are shown: the reason, and what it measured.
const LOG_LINES: usize = 4;

/// `Linux 5.15.0-91-generic`.
pub(super) fn this_kernel() -> String {
    release().map_or_else(|_unreadable| "the kernel".to_owned(), |release| format!("Linux {release}"))
}

/// The oldest kernel, and what this one has not.
pub(super) fn wanted() -> String {
    let (major, minor) = kernel::OLDEST;
    let mut said = format!("Linux {major}.{minor}");
    if release().is_ok_and(|release| kernel::is_too_old(&release)) {
        let _ = write!(said, ", which brought {}", kernel::LACKED);
    }
    said
}

/// Why, in a line or a few.
pub(super) fn reason(error: &ProgramError) -> String {
    let ProgramError::LoadError { io_error, verifier_log } = error else { return error.to_string() };
    let log = verifier_log.to_string();
    match end_of(&log) {
        end if end.is_empty() => format!("{io_error}"),
        end => format!("{io_error}: {end}"),
    }
}

fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join(" / ")
}

#[cfg(test)]
mod tests;
