//! The `deployer` command: reads the command line, runs one verb, and says how it went by its exit
//! code.

mod cli;
mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
