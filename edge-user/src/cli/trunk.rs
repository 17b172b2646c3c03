//! `edge trunk`: trunks of the running edge.

use std::io::Write;

use clap::{Args, Subcommand};
use hyper::Method;

use super::listing::{Listing, Named};
use super::{Outcome, table, trunk_test};
use crate::admin::Trunk;

pub(super) const EXAMPLES: &str = "\
What drain, disable and enable order outlives a reload, unless the file then says something new of `enabled`; it does not \
outlive a restart, for which `enabled = false` is in the file.

Examples:
  edge trunk list
  edge trunk drain carrier-a                  before its maintenance; `edge trunk show` says when it has no calls left
  edge trunk show carrier-a
  edge trunk test carrier-a                   does it answer, how fast, and if not, why
  edge trunk list --json | jq '.[] | select(.calls > 0)'";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All trunks, a line each.
    List(Listing),
    /// One trunk, as JSON.
    Show(Named),
    /// Ask it by OPTIONS, register where we do that, look at names and certificates, and say what is wrong.
    Test {
        #[command(flatten)]
        trunk: Named,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a trunk have no new calls; those that stand go on to their end.
    Drain(Named),
    /// Let a trunk have no new calls, and ask it nothing.
    Disable(Named),
    /// Let a trunk have calls again.
    Enable(Named),
}

fn order(
    Named { config, name }: &Named,
    order: &str,
    said: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    config.running().order(Method::POST, &format!("/v1/trunks/{name}/{order}"))?;
    writeln!(out, "trunk {name}: {said}")?;
    Ok(())
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match &options.command {
        Command::List(listing) => {
            listing.show("/v1/trunks", out, |out, trunks: &Vec<Trunk>| list(out, trunks))?;
        }
        Command::Show(named) => named.show::<Trunk>("/v1/trunks", out)?,
        Command::Test { trunk: Named { config, name }, json } => {
            return trunk_test::run((config, name), *json, out);
        }
        Command::Drain(trunk) => order(trunk, "drain", "no new calls; those that stand go on", out)?,
        Command::Disable(trunk) => order(trunk, "disable", "no new calls, and no keepalive", out)?,
        Command::Enable(trunk) => order(trunk, "enable", "has calls again", out)?,
    }
    Ok(Outcome::Good)
}

/// How far our registration with it is, or where it is that registers with us.
fn registered(trunk: &Trunk) -> Option<String> {
    let here = trunk.bindings.as_ref().map(|bindings| match &bindings[..] {
        [] => "nowhere".to_owned(),
        [one] => one.address.clone(),
        [first, others @ ..] => format!("{} and {} more", first.address, others.len()),
    });
    trunk.registration.as_ref().map(|registration| registration.state.clone()).or(here)
}

/// Columns that a narrow terminal has no room for, the first to go first: direction, realm, encryption, transport, user, number, and
/// whether it is registered.
const SPARE: [usize; 7] = [3, 1, 7, 6, 5, 4, 9];

fn list(out: &mut impl Write, trunks: &[Trunk]) -> std::io::Result<()> {
    let or_none = |text: Option<&String>| text.map_or_else(|| table::NOTHING.to_owned(), String::clone);
    let row = |trunk: &Trunk| {
        let of = trunk.max_calls.map(|max| format!("/{max}")).unwrap_or_default();
        [
            trunk.name.clone(),
            trunk.realm.clone(),
            trunk.host.clone(),
            trunk.direction.clone(),
            or_none(trunk.virtual_number.as_ref()),
            or_none(trunk.username.as_ref()),
            or_none(trunk.transport.as_ref()),
            or_none(Some(&trunk.encryption.join("+")).filter(|text| !text.is_empty())),
            trunk.state.clone(),
            or_none(registered(trunk).as_ref()),
            format!("{}{of}", trunk.calls),
            format!("{:.1}", trunk.cps),
            trunk.asr.map_or_else(|| table::NOTHING.to_owned(), |asr| format!("{:.0} %", asr * 100.0)),
        ]
    };
    let headings = [
        "TRUNK",
        "REALM",
        "HOST",
        "DIRECTION",
        "NUMBER",
        "USER",
        "TRANSPORT",
        "ENCRYPTION",
        "STATUS",
        "REGISTERED",
        "CALLS",
        "CALLS/S",
        "ASR",
    ];
    let rows: Vec<_> = trunks.iter().map(row).collect();
    table::write_within(out, table::terminal_columns(), &SPARE, headings, &rows)
}
