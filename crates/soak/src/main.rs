//! The proof that nothing is lost: real nodes behind the load balancer model with a real Redis and
//! the official client library, under load, while something fails. Every accepted message must
//! reach every client of its channel.

mod arrival;
mod backend;
mod bench;
mod clients;
mod clock;
mod course;
mod endpoint;
mod event;
mod network;
mod picture;
mod process;
mod publisher;
mod raw;
mod redis;
mod repeats;
mod report;
mod scenarios;
mod spread;
mod stack;
mod stage;
mod tracker;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::Bench;
use clap::Parser;
use report::Report;
use scenarios::{Scenario, Size};

/// Run many nodes under load while something fails, and count what is lost; or measure what
/// messages cost.
#[derive(Parser)]
#[command(name = "soak")]
enum Args {
    /// Exit code 0: nothing is lost, and nothing came more often than the rules allow; 1:
    /// something; 2: it could not run.
    Run {
        /// What is to fail; everything, one after the other, unless given.
        scenarios: Vec<Scenario>,
        /// How big the runs are.
        #[arg(long, value_enum, default_value = "large")]
        size: Size,
        /// Draw lateness and times away over time into this file, with what failed; of one
        /// scenario.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// The server of another release; of `rollout`. Its nodes are replaced by this release's,
        /// those by its own, and again.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Print figures; judge nothing.
    Bench {
        /// What is to be measured; everything unless given.
        benches: Vec<Bench>,
        /// Draw the figures into this file; of `nodes` or `console`.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let ran = async {
        match args {
            Args::Run {
                scenarios,
                size,
                svg,
                from,
            } => soak(&scenarios, size, svg.as_deref(), from.as_deref()).await,
            Args::Bench { benches, svg } => bench(&benches, svg.as_deref()).await.map(|()| true),
        }
    };
    let ran = tokio::select! {
        ran = ran => ran,
        // Dropping what runs kills it.
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Those chosen, or all.
fn or_all<T: clap::ValueEnum>(chosen: &[T]) -> &[T] {
    if chosen.is_empty() {
        T::value_variants()
    } else {
        chosen
    }
}

/// Whether all went well.
async fn soak(
    scenarios: &[Scenario],
    size: Size,
    svg: Option<&Path>,
    from: Option<&Path>,
) -> anyhow::Result<bool> {
    anyhow::ensure!(
        svg.is_none() || scenarios.len() == 1,
        "--svg draws one run: name one scenario"
    );
    anyhow::ensure!(
        from.is_none() || *scenarios == [Scenario::Rollout],
        "--from names the other server of a roll-out: name `rollout` alone"
    );
    let mut well = true;
    for scenario in or_all(scenarios) {
        let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
        let ran = scenario.run(size, directory.path(), from).await;
        if !ran.as_ref().is_ok_and(Report::is_well) {
            let (name, kept) = (scenario.name(), directory.keep());
            let mut stderr = std::io::stderr();
            writeln!(stderr, "{name}: the logs are in {}", kept.display())?;
        }
        let report = ran?;
        write!(std::io::stdout(), "{report}")?;
        if let Some(file) = svg {
            picture::draw(&report.tally.course, &report.name, file)?;
        }
        well &= report.is_well();
    }
    Ok(well)
}

async fn bench(benches: &[Bench], svg: Option<&Path>) -> anyhow::Result<()> {
    anyhow::ensure!(
        svg.is_none() || benches.len() == 1,
        "--svg draws one bench: name one"
    );
    for bench in or_all(benches) {
        bench.run(svg).await?;
    }
    Ok(())
}
