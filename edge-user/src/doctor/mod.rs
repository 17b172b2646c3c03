//! What this host can do for `edge`, and what to change: the answer of `edge doctor`.
//!
//! [`examine`] is pure: facts in, [`Finding`]s out. Reading the facts is [`crate::host`]'s affair. Every finding
//! that is not fine names the command that would make it so.

mod certificate;
mod device;
mod driver;
mod system;
mod vlan;

#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::config::Config;
use crate::host::{self, Facts, Link};

pub use certificate::certificates;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// `edge` works, but less well, or something could not be seen.
    Warn,
    /// `edge` would not start, or would lose packets.
    Fail,
}

/// One thing about this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub found: String,
    /// What to do about it, with the exact command where there is one.
    pub change: Option<String>,
}

impl Finding {
    fn ok(subject: &str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, subject: subject.to_owned(), found: found.into(), change: None }
    }

    fn warn(subject: &str, found: impl Into<String>, change: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, change: Some(change.into()), ..Self::ok(subject, found) }
    }

    fn fail(subject: &str, found: impl Into<String>, change: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, change: Some(change.into()), ..Self::ok(subject, found) }
    }
}

/// All findings about a host, as text.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a>(pub &'a [Finding]);

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or_default();
        let indented = "ok    ".len() + width;
        for Finding { verdict, subject, found, change } in self.0 {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            writeln!(f, "{verdict:<5} {subject:<width$} {found}")?;
            if let Some(change) = change {
                writeln!(f, "{:<indented$} -> {change}", "")?;
            }
        }
        Ok(())
    }
}

/// Whether a host with these findings cannot run `edge`.
#[must_use]
pub fn fails(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Fail)
}

/// What `facts` mean for `edge`, with the devices and ports of `config`, or with all devices that are up.
#[must_use]
pub fn examine(facts: &Facts, config: Option<&Config>) -> Vec<Finding> {
    let mut findings = system::examine(facts, config);
    findings.extend(config.map_or_else(|| vec![ports(facts)], |config| fit(facts, config)));
    let mode = config.map(|config| config.xdp.mode);
    let named = |link: &Link| match config {
        Some(config) => config.policy.realms.iter().any(|realm| realm.device == link.name),
        None => link.up && link.name != "lo",
    };
    for link in &facts.links {
        let below = vlan::may_be_native(mode) && vlan::is_below(link, facts, named);
        if named(link) || below {
            findings.extend(device::examine(link, facts, mode));
        }
        findings.extend(below.then(|| vlan::tags(link, mode)));
    }
    findings
}

/// The configuration on this host: the same problems that `edge run` refuses to start with.
fn fit(facts: &Facts, config: &Config) -> Vec<Finding> {
    let problems = host::compare(config, facts);
    if problems.is_empty() {
        return vec![Finding::ok("configuration", "devices, addresses and media ports fit this host")];
    }
    let change = "change the host or the configuration as said; `edge run` refuses to start until then";
    problems.iter().map(|problem| Finding::fail("configuration", problem.to_string(), change)).collect()
}

fn ports(facts: &Facts) -> Finding {
    let (first, last) = facts.ports.range;
    let reserved = if facts.ports.reserved.is_empty() { "none" } else { "some" };
    Finding::ok(
        "ephemeral ports",
        format!("{first}-{last}, {reserved} of them reserved: keep media_ports out of these"),
    )
}
