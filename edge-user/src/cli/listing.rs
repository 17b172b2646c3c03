//! What all commands that show something have in common: whose configuration, and for whom it is printed.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ConfigPath;

/// Several things, a line each, or all of it for a program.
#[derive(Debug, Args)]
pub(super) struct Listing {
    #[command(flatten)]
    config: ConfigPath,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

impl Listing {
    /// Prints what the running edge has at `path`; `table` writes it for a person.
    pub(super) fn show<T: Serialize + DeserializeOwned, W: Write>(
        &self,
        path: &str,
        out: &mut W,
        table: impl FnOnce(&mut W, &T) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let answer: T = self.config.running().get(path)?;
        if self.json {
            write_json(out, &answer)?
        } else {
            table(out, &answer)?
        }
        Ok(())
    }
}

/// One thing by its name, for a person and a program alike.
#[derive(Debug, Args)]
pub(super) struct Named {
    #[command(flatten)]
    pub(super) config: ConfigPath,
    /// Its name; of a call its id, which its log lines and its record have.
    pub(super) name: String,
}

impl Named {
    /// Prints what the running edge has of it below `path`.
    pub(super) fn show<T: Serialize + DeserializeOwned>(
        &self,
        path: &str,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let answer: T = self.config.running().get(&format!("{path}/{}", self.name))?;
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        Ok(())
    }
}

/// Writes something in one line, for a program.
pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
