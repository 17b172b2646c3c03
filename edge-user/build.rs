//! Puts the compiled XDP program where `datapath::program` embeds it from.
//!
//! The object is `$EDGE_EBPF_OBJECT`, else `target/ebpf/edge-xdp.o` of the workspace (`cargo xtask build` puts it
//! there), else nothing: the crate then builds without an eBPF toolchain, and `edge run` says what is missing.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const OBJECT_VARIABLE: &str = "EDGE_EBPF_OBJECT";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={OBJECT_VARIABLE}");
    let embedded = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?).join("edge-xdp.o");
    let object = match env::var_os(OBJECT_VARIABLE) {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", Path::new(&path).display());
            fs::read(path)?
        }
        None => workspace_object()?,
    };
    fs::write(embedded, object)
}

fn workspace_object() -> io::Result<Vec<u8>> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let directory = manifest.join("../target/ebpf");
    // Cargo reruns a script for ever while a path that it watches is missing: watch the directory instead.
    fs::create_dir_all(&directory)?;
    println!("cargo::rerun-if-changed={}", directory.display());
    match fs::read(directory.join("edge-xdp.o")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        object => object,
    }
}
