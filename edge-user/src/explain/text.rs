//! An explanation as a person reads it, step by step.

use std::fmt::{self, Display, Formatter};

use super::{Candidate, Considered, Explanation, Question};

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            question,
            source,
            number,
            caller,
            identity,
            considered,
            route,
            priority,
            failover,
            trunks,
            refused,
        } = self;
        let Question { from, to, caller: said, pai, at } = question;
        let by = if source == "running" {
            "the edge that runs"
        } else {
            "the file; no edge runs by it, so trunks are as new"
        };
        writeln!(f, "CALL from {from} to {to}, by {by}")?;
        row(f, "time", at.as_deref().unwrap_or("unknown"))?;
        row(f, "number", &became(to, number))?;
        let said = if identity.starts_with("its ") { pai.as_deref().unwrap_or(said) } else { said };
        if !said.is_empty() {
            row(f, "caller", &became(said, caller))?;
            row(f, "", &format!("by {identity}"))?;
        }
        writeln!(f, "ROUTE {}", route.as_deref().unwrap_or("none"))?;
        considered.iter().try_for_each(|one| looked_at(f, one))?;
        if considered.is_empty() {
            writeln!(f, "  no route begins as this number does")?;
        }
        if *priority {
            writeln!(f, "  exempt from max_calls and max_cps")?;
        }
        if !trunks.is_empty() {
            writeln!(f, "TRUNKS in this order")?;
        }
        for (place, trunk) in (1..).zip(trunks) {
            candidate(f, place, trunk)?;
        }
        if let Some(failover) = failover {
            writeln!(f, "  {failover}")?;
        }
        match refused {
            Some(why) => writeln!(f, "REFUSED {why}"),
            None => Ok(()),
        }
    }
}

fn became(written: &str, read: &str) -> String {
    if written == read {
        format!("{written}, as it is dialled")
    } else {
        format!("{written} is read as {read}")
    }
}

fn looked_at(f: &mut Formatter<'_>, Considered { route, numbers, taken, why }: &Considered) -> fmt::Result {
    writeln!(f, "  {} {route} ({numbers}): {why}", if *taken { "->" } else { " -" })
}

fn candidate(f: &mut Formatter<'_>, place: usize, trunk: &Candidate) -> fmt::Result {
    let Candidate {
        trunk,
        group,
        priority,
        weight,
        cost,
        quality,
        state,
        skipped,
        calls,
        max_calls,
        request_uri,
        caller,
        targets,
    } = trunk;
    let skipped = if *skipped { "SKIPPED, it " } else { "" };
    writeln!(f, "  {place}. {trunk}: {skipped}{state}")?;
    let of = max_calls.map_or_else(String::new, |max| format!(" of {max}"));
    let facts = [
        group.as_ref().map(|group| format!("group {group}")),
        Some(format!("priority {priority}")),
        weight.map(|weight| format!("weight {weight}")),
        cost.map(|cost| format!("{cost} a minute")),
        quality.map(|quality| format!("quality {quality}")),
        Some(format!("{calls}{of} calls")),
    ];
    row(f, "", &facts.into_iter().flatten().collect::<Vec<_>>().join(", "))?;
    row(f, "sent", &format!("INVITE {request_uri}"))?;
    if !caller.is_empty() {
        row(f, "caller", caller)?;
    }
    let targets = if targets.is_empty() { "nowhere yet".to_owned() } else { targets.join(", ") };
    row(f, "to", &targets)
}

fn row(f: &mut Formatter<'_>, what: &str, is: &str) -> fmt::Result {
    writeln!(f, "     {what:<8} {is}")
}
