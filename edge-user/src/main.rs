//! `edge`: see [`edge_user::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    edge_user::cli::run()
}
