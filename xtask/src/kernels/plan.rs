//! What the machine works through: the verifier, doctor, then drills of the lab.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::debian::Kernel;
use super::machine::STATIONS;
use crate::{shell, workspace};

/// Drills of one test binary; all of them, when none is named.
struct Drills {
    binary: &'static str,
    named: &'static [&'static str],
}

const fn drills(binary: &'static str, named: &'static [&'static str]) -> Drills {
    Drills { binary, named }
}

const fn all(binary: &'static str) -> Drills {
    drills(binary, &[])
}

/// Packets, and what holds them in the kernel. What is the process's own runs alike on every kernel, and takes long here. The
/// tap is left to the verifier: a drill of it loads all programs again while a call lasts, for which an emulated processor is too slow.
const ON_VETH: &[Drills] = &[
    drills("calls", &["calls_from_both_sides", "hold_and_resume"]),
    drills("datapath_program", &["every_case", "generic_mode", "jumbo_devices", "outlives_the_process"]),
    drills("media", &["generic_mode", "behind_a_nat_is_found_and"]),
    drills("ipv6", &["calls_over_ipv6", "ipv6_carrier_to", "survives_kill_9"]),
    drills("restart", &["media_survives_kill_9"]),
    drills("adoption", &["without_a_packet_lost"]),
    drills("shield", &["who_is_denied", "whoever_keeps_asking"]),
    drills("userspace", &["the_process_relays", "takes_no_program", "after_kill_9"]),
    drills("hops", &["follows_its_route"]),
    drills("codecs", &["every_octet"]),
    drills("dtmf", &["events_become_infos"]),
    all("steady"),
    all("vlan"),
    all("network"),
];

/// XDP in the driver that most virtual machines have.
const ON_VIRTIO: &[Drills] = &[
    drills("calls", &["calls_from_both_sides"]),
    drills("ipv6", &["ipv6_carrier_to"]),
    drills("restart", &["media_survives_kill_9"]),
];

/// What remains where the kernel takes no program of edge's.
const WITHOUT_XDP: &[Drills] =
    &[drills("userspace", &["the_process_relays", "takes_no_program", "after_kill_9"])];

/// Where the lab finds the addresses of the devices that it shall use.
const DEVICES_VARIABLE: &str = "EDGE_LAB_DEVICES";
/// For an emulated processor on a loaded host: each start of edge is a million instructions of programs to verify.
const DRILLS_SECONDS: u32 = 1800;
const VERIFY_SECONDS: u32 = 900;
const DOCTOR_SECONDS: u32 = 120;

/// How a line has to end.
pub(super) enum Expected {
    /// Every drill passed, and there was one.
    Drills,
    /// The command succeeded.
    Success,
    /// It failed, and said this.
    Refusal(&'static str),
}

/// A line of the plan.
pub(super) struct Line {
    /// Unique: its results are in files of this name.
    pub(super) name: String,
    pub(super) expected: Expected,
    seconds: u32,
    command: String,
}

/// What is to be done on one kernel, in order.
pub(super) struct Plan {
    pub(super) lines: Vec<Line>,
}

impl Plan {
    /// The lines for `kernel`, with the test binaries of this build; of its drills, those with `only` in their name.
    pub(super) fn new(
        kernel: &Kernel,
        binaries: &BTreeMap<String, PathBuf>,
        only: Option<&str>,
    ) -> Result<Self> {
        let mut lines = if kernel.runs_xdp {
            vec![program("verify", VERIFY_SECONDS, Expected::Success)]
        } else {
            vec![program("edge doctor", DOCTOR_SECONDS, Expected::Refusal("FAIL  kernel"))]
        };
        let sets: &[(&str, &[Drills])] = if kernel.runs_xdp {
            &[("veth", ON_VETH), ("virtio", ON_VIRTIO)]
        } else {
            &[("veth", WITHOUT_XDP)]
        };
        for (devices, set) in sets {
            for Drills { binary, named } in *set {
                let path =
                    binaries.get(*binary).with_context(|| format!("there is no test called {binary}"))?;
                lines.push(lab(devices, binary, path, named));
            }
        }
        lines.retain(|line| only.is_none_or(|only| line.name.contains(only)));
        ensure!(!lines.is_empty(), "no line of the plan has that in its name");
        Ok(Self { lines })
    }

    /// Puts it where the machine reads it.
    pub(super) fn write(&self, results: &Path) -> Result<()> {
        let line = |Line { name, seconds, command, .. }: &Line| format!("{name}\t{seconds}\t{command}\n");
        fs::write(results.join("plan"), self.lines.iter().map(line).collect::<String>())?;
        let (root, labs) = (workspace::root().display(), workspace::target().join("lab"));
        let environment = format!("WORKSPACE='{root}'\nLABS='{}'\n", labs.display());
        fs::write(results.join("environment"), environment).context("cannot write the plan")
    }

    /// What all of it may take.
    pub(super) fn seconds(&self) -> u32 {
        self.lines.iter().map(|line| line.seconds).sum()
    }
}

/// A program of the build, with its arguments.
fn program(words: &str, seconds: u32, expected: Expected) -> Line {
    let command = format!("{}/{words}", workspace::target().join("debug").display());
    Line { name: words.replace(' ', "-"), expected, seconds, command }
}

/// Drills one after the other, because there is one pair of cables, and few processors.
fn lab(devices: &str, binary: &str, path: &Path, named: &[&str]) -> Line {
    let given = if devices == "virtio" {
        format!("{DEVICES_VARIABLE}='{}' ", STATIONS.as_flattened().join(" "))
    } else {
        String::new()
    };
    let command = format!("{given}{} --include-ignored --test-threads 1 {}", path.display(), named.join(" "));
    Line { name: format!("{devices}-{binary}"), expected: Expected::Drills, seconds: DRILLS_SECONDS, command }
}

/// Builds the tests of the lab, and tells where each is.
pub(super) fn build() -> Result<BTreeMap<String, PathBuf>> {
    shell::step("build: the drills");
    let mut cargo = Command::new("cargo");
    cargo.args([
        "test",
        "--locked",
        "--no-run",
        "--package",
        "edge-tests",
        "--message-format=json-render-diagnostics",
    ]);
    let messages = shell::answer(cargo.current_dir(workspace::root())).context("the drills do not build")?;
    Ok(messages.lines().filter_map(executable).collect())
}

/// Name and path out of a message of cargo's about an integration test.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let path = PathBuf::from(message.split("\"executable\":\"").nth(1)?.split('"').next()?);
    message.contains("\"kind\":[\"test\"]").then_some(())?;
    let (name, _hash) = path.file_name()?.to_str()?.rsplit_once('-')?;
    Some((name.to_owned(), path))
}

#[cfg(test)]
mod tests;
