//! One server, twenty listeners and a newcomer four times a second, while hundreds of addresses
//! attack it in turn. The server must live in 256 MiB, and neither listeners nor newcomers may
//! suffer. Nobody reads its log while they last.

mod bystanders;
mod floods;
mod memory;
mod sockets;
mod target;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Size;
use crate::report::{Report, Tally};
use crate::spread::Spread;
use bystanders::Bystanders;
use floods::Flood;
use target::Target;

/// What the server may take.
const MOST_MEMORY: u64 = 256 << 10;
/// The share of newcomers that must be in within two seconds.
const PROMPT: f64 = 0.95;
/// What listeners may wait, in ms, all but one in a hundred times.
const MOST_LATENESS: f64 = 50.0;
/// What memory may be after a minute, to what it was.
const MOST_GROWTH: f64 = 1.2;

pub(super) async fn run(size: Size) -> anyhow::Result<Report> {
    let target = Arc::new(Target::start(MOST_MEMORY).await?);
    let bystanders = Bystanders::start(&target).await?;
    sleep(size.seconds(2, 10)).await;
    let before = target.memory()?;
    bystanders.begin();
    let mut report = Report {
        name: "attacks".into(),
        tally: Tally::default(),
        remarks: Vec::new(),
    };
    for flood in Flood::ALL {
        attack(flood, size, &target, &bystanders, &mut report).await;
    }
    bystanders.settle().await;
    target.read_log();
    if size == Size::Large {
        sleep(Duration::from_secs(60)).await;
    }
    let (peak, after) = (target.peak()?, target.memory()?);
    // What a node keeps of messages for a day is not the attacks'.
    let messages = of_messages(bystanders.totals().published, size).await?;
    let mib = |kib: u64| kib as f64 / 1024.0;
    report.remarks.push(format!(
        "memory: {:.1} MiB before, {:.1} at most, {:.1} after, of which as many messages take {:.1} \
         of a server that nobody attacks; 256 MiB {}",
        mib(before),
        mib(peak),
        mib(after),
        mib(messages),
        match target.is_held() {
            true => "are all that its control group lets it have",
            false => "are watched, not enforced: no control group can be made here",
        },
    ));
    report.remarks.push(
        "no limit helps where the link is full, or where more addresses attack than there are \
         places"
            .into(),
    );
    let after = after.saturating_sub(messages);
    judge(&mut report, size, &bystanders, (before, peak, after));
    Ok(report)
}

/// What so many messages take of a server that nobody attacks, in KiB.
async fn of_messages(number: usize, size: Size) -> anyhow::Result<u64> {
    let target = Arc::new(Target::start(MOST_MEMORY).await?);
    let bystanders = Bystanders::start(&target).await?;
    target.read_log();
    sleep(Duration::from_secs(2)).await;
    let before = target.memory()?;
    bystanders.publish(number).await;
    // They have ended by then, as those of the attacked server have.
    sleep(size.seconds(0, 60)).await;
    Ok(target.memory()?.saturating_sub(before))
}

/// One attack, and what it did to those beside it.
async fn attack(
    flood: Flood,
    size: Size,
    target: &Arc<Target>,
    bystanders: &Bystanders,
    report: &mut Report,
) {
    let stop = CancellationToken::new();
    let start = Instant::now();
    let attacker = tokio::spawn(flood.run(target.clone(), stop.clone()));
    sleep(size.seconds(3, 20)).await;
    stop.cancel();
    let sent = attacker.await.unwrap_or_default();
    let seen = bystanders.take();
    report.tally.lateness = Spread::of(seen.lateness.clone());
    report.remarks.push(format!(
        "{:<16} {:>6}/s, answers {}; newcomers in within 2 s {}/{}; lateness {}",
        flood.name(),
        (sent.count as f64 / start.elapsed().as_secs_f64()) as u64,
        sent.answers(),
        seen.prompt,
        seen.newcomers,
        report.tally.lateness,
    ));
    if !target.is_alive().await {
        let fault = format!("{}: the server does not answer health checks", flood.name());
        report.tally.faults.push(fault);
    }
    let few = (seen.prompt as f64) < PROMPT * seen.newcomers as f64;
    // A small run is one of many on a busy machine.
    if size == Size::Large && (few || report.tally.lateness.p99 > MOST_LATENESS) {
        let fault = format!("{}: listeners or newcomers suffered", flood.name());
        report.tally.faults.push(fault);
    }
}

fn judge(report: &mut Report, size: Size, bystanders: &Bystanders, memory: (u64, u64, u64)) {
    let (before, peak, after) = memory;
    let totals = bystanders.totals();
    let tally = &mut report.tally;
    tally.published = totals.published;
    tally.accepted = totals.accepted;
    tally.delivered = totals.delivered;
    tally.acknowledged = totals.delivered;
    tally.lateness = Spread::of(totals.lateness);
    let missing = totals.accepted.saturating_sub(totals.delivered);
    if missing > 0 {
        tally
            .lost
            .push(format!("{missing} messages of those accepted"));
    }
    if totals.refused_newcomers > 0 {
        let count = totals.refused_newcomers;
        tally
            .faults
            .push(format!("{count} newcomers did not get in"));
    }
    if peak > MOST_MEMORY {
        tally.faults.push(format!("the server took {peak} KiB"));
    }
    if size == Size::Large && after as f64 > MOST_GROWTH * before as f64 {
        tally
            .faults
            .push(format!("memory did not come back: {after} KiB"));
    }
}
