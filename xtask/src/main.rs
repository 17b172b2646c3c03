//! `cargo xtask`: sets up the machine, builds, demonstrates, tests and measures edge. One file a subcommand.
//!
//! Every subcommand calls [`setup`] first, whose checks are cheap, and prints the commands it runs. Nothing but
//! packages of the distribution is written outside `target/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a build tool talks to its terminal")]

mod bench;
mod build;
mod demo;
mod interop;
mod kernels;
mod setup;
mod shell;
mod test;
mod toolchain;
mod verify;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Sets up, builds, demonstrates, tests and measures edge")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what is missing: the eBPF toolchain, SIPp and the tools of the network lab
    Setup,
    /// Builds the XDP programs and the `edge` binary, both in release
    Build,
    /// Calls with real RTP from carrier to PBX and back, through edge, in three network namespaces
    Demo(demo::Options),
    /// Formatting, lints and every test there is, privileged ones included
    Test(test::Options),
    /// What the kernel's verifier says of each XDP program: instructions, stack, and whether it loads
    Verify,
    /// Edge with Asterisk 22 and Kamailio 6.1, out of a newer Debian that it puts into target/ (430 MB, once)
    Interop(interop::Options),
    /// Edge on the kernels of distributions, each in a virtual machine: the verifier and drills (100 MB a kernel, once)
    Kernels(kernels::Options),
    /// Measures edge
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    shell::start_clock();
    let outcome = match Arguments::parse().task {
        Task::Setup => setup::run(),
        Task::Build => build::run(),
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Verify => verify::run(),
        Task::Interop(options) => interop::run(&options),
        Task::Kernels(options) => kernels::run(&options),
        Task::Bench(bench) => bench::run(&bench),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
