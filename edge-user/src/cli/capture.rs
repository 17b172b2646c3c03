//! `edge capture`: a call's media into a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{ConfigPath, Outcome};

pub(super) const EXAMPLES: &str = "\
Each frame of the call's media is in the file as it came in, with what was decided about it as its comment (dropped: \
unexpected_source), and as it left. Wireshark shows comments with `frame.comment`; Telephony > RTP has the streams.

Examples:
  edge capture --call edge-1-5f3a0c9e11d27b60 -w call.pcapng
  edge capture --call edge-1-5f3a0c9e11d27b60 --seconds 600 -w call.pcapng
  edge capture --call edge-1-5f3a0c9e11d27b60 -w - | wireshark -k -i -";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigPath,
    /// The call: its id in `edge call list`.
    #[arg(long, value_name = "ID")]
    call: String,
    /// Where to: a file, or `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    write: PathBuf,
    /// End after so many seconds, 3600 at most, if the call does not end before.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// End after so many frames.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
}

pub(super) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let Options { config, call, write, seconds, frames } = options;
    let frames = frames.map_or_else(String::new, |frames| format!("&frames={frames}"));
    let path = format!("/v1/calls/{call}/capture?seconds={seconds}{frames}");
    if write.as_os_str() == "-" {
        config.running().stream(&path, || Ok(out))?;
        return Ok(Outcome::Good);
    }
    let create = || File::create(write);
    let bytes = config.running().stream(&path, create).with_context(|| write.display().to_string())?;
    writeln!(io::stderr().lock(), "{bytes} bytes in {}", write.display())?;
    Ok(Outcome::Good)
}
