//! The instructions of a loaded program, as the verifier left them (`BPF_OBJ_GET_INFO_BY_FD`).

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result, ensure};

use super::stack::{INSTRUCTION_OCTETS, Instruction};

const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// The beginning of `struct bpf_prog_info`; the kernel fills as much as it is given.
#[repr(C)]
#[derive(Debug, Default)]
struct Info {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_octets: u32,
    translated_octets: u32,
    jited: u64,
    translated: u64,
}

/// The arm of `union bpf_attr` for this command.
#[repr(C)]
#[derive(Debug)]
struct Attributes {
    fd: u32,
    info_octets: u32,
    info: u64,
}

/// Reads them: once for their number, once for themselves.
pub(super) fn instructions(program: impl AsFd) -> Result<Vec<Instruction>> {
    let mut info = Info::default();
    ask(&program, &mut info)?;
    let mut octets = vec![0_u8; info.translated_octets as usize];
    info = Info {
        translated_octets: info.translated_octets,
        translated: octets.as_mut_ptr() as u64,
        ..Info::default()
    };
    ask(&program, &mut info)?;
    ensure!(info.translated != 0, "the kernel does not show instructions: it wants CAP_PERFMON");
    Ok(octets.as_chunks::<INSTRUCTION_OCTETS>().0.iter().map(|octets| Instruction::read(*octets)).collect())
}

fn ask(program: &impl AsFd, info: &mut Info) -> Result<()> {
    let attributes = Attributes {
        fd: u32::try_from(program.as_fd().as_raw_fd()).context("a descriptor is not negative")?,
        info_octets: size_of::<Info>() as u32,
        info: std::ptr::from_mut(info) as u64,
    };
    // SAFETY: the attributes and what they point to outlive the call; the kernel writes no more than `info_octets` of
    // `info`, and of the instructions no more than `translated_octets`, which is the length of their buffer (or zero).
    let outcome = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &raw const attributes, size_of::<Attributes>())
    };
    ensure!(outcome == 0, "the kernel tells nothing of the program: {}", io::Error::last_os_error());
    Ok(())
}
