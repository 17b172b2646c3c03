//! What the kernel's verifier makes of every XDP program: whether it loads, how many instructions were looked at,
//! and how much of the stack it needs. The verifier gives up at a million and at 512 bytes.

mod kernel;
mod stack;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use aya::programs::{Program, Xdp};
use aya::{Ebpf, EbpfLoader};
use edge_ebpf::abi::{ENDPOINTS, STATES};

/// A flag of the product's program: off, the verifier removes the code that it guards.
const DIAGNOSTICS: &str = "DIAGNOSTICS";
/// The table of the bench's hash map variant.
const HASHED: &str = "HASHED";
/// Entries of the large maps; the verifier does not care how many there are.
const ENTRIES: u32 = 1024;
/// `BPF_COMPLEXITY_LIMIT_INSNS`.
const VERIFIED_MAX: u32 = 1_000_000;
/// `MAX_BPF_STACK`, over all frames of a chain of calls.
const STACK_OCTETS_MAX: u32 = 512;

/// One line a program of every object.
#[derive(Debug)]
pub struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    object: String,
    program: String,
    diagnostics: bool,
    /// What it takes, or what the verifier says against it.
    outcome: Result<Cost, String>,
}

/// What a program takes of what the verifier grants.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Instructions of the loaded program.
    instructions: usize,
    /// Instructions that the verifier went through, on every way; `None` before Linux 5.16.
    verified: Option<u32>,
    stack_octets: u32,
}

/// Loads every program of the objects, with and without diagnostics where an object has them.
///
/// # Errors
/// When an object cannot be read, or its maps cannot be made. What the verifier refuses is in the report.
pub fn run(objects: &[PathBuf]) -> Result<Report> {
    let mut rows = Vec::new();
    for path in objects {
        rows.extend(verify(path, false)?);
        // An object without the flag is the same program once more.
        if object(path, true, true).is_ok() {
            rows.extend(verify(path, true)?);
        }
    }
    Ok(Report { rows })
}

fn verify(path: &Path, diagnostics: bool) -> Result<Vec<Row>> {
    let mut ebpf = object(path, diagnostics, false)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut rows = Vec::new();
    for (program, loaded) in ebpf.programs_mut() {
        let outcome = cost(loaded).map_err(|error| format!("{error:#}"));
        rows.push(Row { object: name.to_string(), program: program.to_owned(), diagnostics, outcome });
    }
    rows.sort_by(|a, b| a.program.cmp(&b.program));
    Ok(rows)
}

fn object(path: &Path, diagnostics: bool, has_flag: bool) -> Result<Ebpf> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{}: run `cargo xtask build`", path.display()))?;
    let flag = u8::from(diagnostics);
    let mut loader = EbpfLoader::new();
    for map in [ENDPOINTS, STATES, HASHED] {
        loader.map_max_entries(map, ENTRIES);
    }
    loader.override_global(DIAGNOSTICS, &flag, has_flag);
    loader.load(&bytes).with_context(|| format!("{} (needs root)", path.display()))
}

fn cost(program: &mut Program) -> Result<Cost> {
    let program: &mut Xdp = program.try_into()?;
    program.load()?;
    let instructions = kernel::instructions(program.fd()?)?;
    let stack_octets = stack::depth(&instructions);
    ensure!(stack_octets <= STACK_OCTETS_MAX, "older kernels (6.1) count {stack_octets} bytes of stack");
    Ok(Cost {
        instructions: instructions.len(),
        verified: program.info()?.verified_instruction_count(),
        stack_octets,
    })
}

impl Report {
    /// Whether the kernel takes every program, and there is one.
    #[must_use]
    pub fn all_load(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.outcome.is_ok())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "verified of {VERIFIED_MAX} instructions, stack of {STACK_OCTETS_MAX} bytes")?;
        writeln!(
            formatter,
            "{:<18} {:<16} {:>11} {:>12} {:>9} {:>6}",
            "object", "program", "diagnostics", "instructions", "verified", "stack"
        )?;
        self.rows.iter().try_for_each(|row| row.fmt(formatter))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, program, diagnostics, outcome } = self;
        let diagnostics = if *diagnostics { "on" } else { "off" };
        write!(formatter, "{object:<18} {program:<16} {diagnostics:>11} ")?;
        match outcome {
            Ok(Cost { instructions, verified, stack_octets }) => {
                let verified = verified.map_or_else(|| "unknown".to_owned(), |verified| verified.to_string());
                writeln!(formatter, "{instructions:>12} {verified:>9} {stack_octets:>6}")
            }
            Err(error) => writeln!(formatter, "does not load: {error}"),
        }
    }
}
