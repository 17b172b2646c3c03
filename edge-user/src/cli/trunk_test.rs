//! `edge trunk test`: what a test has found, for a person.

use std::io::{self, Write};

use hyper::Method;

use super::{ConfigPath, Outcome, listing};
use crate::admin::{Lookup, TargetTest, TlsTest, TrunkTest};

/// Has the running edge test a trunk, and says what it has found; good when nothing is wrong.
pub(super) fn run(
    (config, name): (&ConfigPath, &str),
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<Outcome> {
    let test: TrunkTest = config.running().ask_for(Method::POST, &format!("/v1/trunks/{name}/test"))?;
    if json {
        listing::write_json(out, &test)?;
    } else {
        write(out, &test)?;
    }
    Ok(if test.problems.is_empty() { Outcome::Good } else { Outcome::Bad })
}

fn write(out: &mut impl Write, test: &TrunkTest) -> io::Result<()> {
    test.lookups.iter().try_for_each(|lookup| looked(out, lookup))?;
    if !test.leads.is_empty() {
        writeln!(out, "DNS leads to {}", test.leads.join(", "))?;
    }
    if test.targets.is_empty() {
        writeln!(out, "nobody was asked: no address is known")?;
    }
    test.targets.iter().try_for_each(|target| tested(out, target))?;
    if let Some(registration) = &test.registration {
        let left = registration.expires_in_s.map(|left| format!(", {left} s left")).unwrap_or_default();
        writeln!(out, "registration: {}{left}", registration.state)?;
    }
    if test.problems.is_empty() {
        return writeln!(out, "trunk {}: good", test.trunk);
    }
    writeln!(out, "trunk {}:", test.trunk)?;
    test.problems.iter().try_for_each(|problem| writeln!(out, "  {problem}"))
}

fn looked(out: &mut impl Write, lookup: &Lookup) -> io::Result<()> {
    let Lookup { name, kind, records, ttl_s, problem } = lookup;
    if let Some(problem) = problem {
        writeln!(out, "DNS {name} {kind}: {problem}")?;
    }
    let ttl = ttl_s.map(|ttl| format!(" ({ttl} s)")).unwrap_or_default();
    records.iter().try_for_each(|record| writeln!(out, "DNS {name} {kind} {record}{ttl}"))
}

fn tested(out: &mut impl Write, target: &TargetTest) -> io::Result<()> {
    let TargetTest { target, status, reason, server, took_ms, connect_ms, tls, problem: _ } = target;
    let answer = match status {
        Some(status) => format!("{status} {} in {took_ms} ms", reason.as_deref().unwrap_or_default()),
        None => "no answer".to_owned(),
    };
    let server = server.as_ref().map(|server| format!(", from {server}")).unwrap_or_default();
    writeln!(out, "{target}: OPTIONS: {answer}{server}")?;
    if let Some(connect_ms) = connect_ms {
        writeln!(out, "  connected in {connect_ms} ms")?;
    }
    if let Some(TlsTest { took_ms, version, cipher, names, issuer, expires, days_left }) = tls {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        writeln!(out, "  TLS in {took_ms} ms: {} {}", or_none(version), or_none(cipher))?;
        if let (Some(names), Some(expires), Some(days)) = (names, expires, days_left) {
            writeln!(
                out,
                "  its certificate is for {names}, by \"{}\", until {expires} ({days} days)",
                or_none(issuer)
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
