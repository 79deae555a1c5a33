//! A terminal: the resources as a list that is drawn anew in place, with their times, the service's
//! deployments, its targets' health and the latest failure.

use std::time::{Duration, SystemTime};

use console::{Style, Term, measure_text_width, truncate_str};

use super::notice::{revision, short, targets_text};
use super::{Item, Notice, Progress, Reporter};
use crate::aws::{ServiceState, Target};

/// The lines that are kept for what stands below the resources.
const BELOW: usize = 12;
/// What is left of a name on the narrowest terminal.
const SHORTEST_NAME: usize = 16;

/// Draws a deployment on a terminal.
#[derive(Debug)]
pub struct Screen {
    term: Term,
    drawn: usize,
    progress: Progress,
    service: Option<ServiceState>,
    targets: Vec<Target>,
    failure: Option<String>,
    note: Option<String>,
    /// Why nothing is seen to move; until the next look.
    trouble: Option<String>,
}

impl Screen {
    /// Draws on this terminal.
    #[must_use]
    pub fn new(term: Term) -> Self {
        Self {
            term,
            drawn: 0,
            progress: Progress::default(),
            service: None,
            targets: Vec::new(),
            failure: None,
            note: None,
            trouble: None,
        }
    }

    fn draw(&mut self) {
        let (rows, columns) = self.term.size();
        let width = usize::from(columns).max(20) - 1;
        let room = usize::from(rows).saturating_sub(BELOW).max(3);
        let lines = self.lines(room, width, SystemTime::now());
        // A terminal that is gone does not change what AWS does.
        let _ = self.term.clear_last_lines(self.drawn);
        for line in &lines {
            let _ = self.term.write_line(&truncate_str(line, width, "…"));
        }
        self.drawn = lines.len();
    }

    /// What is drawn, `room` resources at most, the service's table no wider than `columns`.
    fn lines(&self, room: usize, columns: usize, now: SystemTime) -> Vec<String> {
        let mut lines = Vec::new();
        let stack = &self.progress.stack;
        if !stack.status.is_empty() {
            lines.push(format!("stack {}{}", stack.status, time(stack, now)));
        }
        let items = &self.progress.items;
        // What is done makes room for what is not.
        let done = items
            .values()
            .filter(|item| !item.is_busy() && !item.has_failed());
        let mut hidden = items.len().saturating_sub(room).min(done.count());
        if hidden > 0 {
            lines.push(format!("  … {hidden} more are done"));
        }
        let width = items
            .keys()
            .map(|name| measure_text_width(name))
            .max()
            .unwrap_or(0);
        for (name, item) in items {
            if hidden > 0 && !item.is_busy() && !item.has_failed() {
                hidden -= 1;
                continue;
            }
            lines.push(resource(name, item, width, now));
        }
        lines.extend(
            self.service
                .iter()
                .flat_map(|service| table(service, columns)),
        );
        if !self.targets.is_empty() {
            lines.push(format!("targets: {}", targets_text(&self.targets)));
        }
        if let Some(failure) = &self.failure {
            let style = Style::new().for_stderr().red();
            lines.push(
                style
                    .apply_to(format!("latest failure: {failure}"))
                    .to_string(),
            );
        }
        lines.extend(self.note.iter().chain(&self.trouble).cloned());
        lines
    }
}

/// How long a resource took, or has taken so far.
fn time(item: &Item, now: SystemTime) -> String {
    let so_far = || item.since.filter(|_| item.is_busy());
    let time: Option<Duration> = item
        .took
        .or_else(|| so_far().and_then(|since| now.duration_since(since).ok()));
    time.map_or_else(String::new, |time| format!(" {}", short(time)))
}

fn resource(name: &str, item: &Item, width: usize, now: SystemTime) -> String {
    let style = Style::new().for_stderr();
    let (mark, style) = if item.has_failed() {
        ("✗", style.red())
    } else if item.is_busy() {
        ("…", style.yellow())
    } else {
        ("✓", style.green())
    };
    let text = format!("  {mark} {name:<width$} {}{}", item.status, time(item, now));
    style.apply_to(text).to_string()
}

/// The service's deployments as a table. Where it is wider than `columns`, names are shortened: the
/// rollout's state, at the end of each row, is what one waits for.
fn table(service: &ServiceState, columns: usize) -> Vec<String> {
    let numbers = |[desired, running, pending, failed]: [String; 4]| {
        format!(" {desired:>7} {running:>7} {pending:>7} {failed:>6}  ")
    };
    let head = ["desired", "running", "pending", "failed"].map(str::to_owned);
    let mut rows = vec![(
        format!("service {}", service.name),
        numbers(head) + "rollout",
    )];
    rows.extend(service.deployments.iter().map(|d| {
        let counts = [d.desired, d.running, d.pending, d.failed].map(|count| count.to_string());
        (
            format!("  {}", revision(&d.task_definition)),
            format!("{}{} {}", numbers(counts), d.status, d.rollout),
        )
    }));
    let widest = |part: fn(&(String, String)) -> &String| {
        let widths = rows.iter().map(|row| measure_text_width(part(row)));
        widths.max().unwrap_or(0)
    };
    let room = columns.saturating_sub(widest(|(_, rest)| rest));
    let width = widest(|(name, _)| name).min(room.max(SHORTEST_NAME));
    let line = |(name, rest): (String, String)| {
        let name = shortened(&name, width);
        format!("{name:<width$}{rest}")
    };
    rows.into_iter().map(line).collect()
}

/// A row's name in `width` columns. Names begin alike and end differently, so that the middle of it
/// gives way.
fn shortened(name: &str, width: usize) -> String {
    let over = (measure_text_width(name) + 1).saturating_sub(width);
    if over <= 1 {
        return name.to_owned();
    }
    let kept = "service ".len().min(width / 2);
    let (head, rest): (String, String) = (
        name.chars().take(kept).collect(),
        name.chars().skip(kept + over).collect(),
    );
    format!("{head}…{rest}")
}

impl Reporter for Screen {
    fn tell(&mut self, notice: &Notice) {
        match notice {
            Notice::Resource(event, item) => {
                self.progress.take(event);
                if item.has_failed() {
                    self.failure = Some(format!("{}: {}", event.logical_id, event.reason));
                }
            }
            Notice::Service(service) => self.service = Some(service.clone()),
            Notice::Targets(targets) => self.targets.clone_from(targets),
            Notice::TaskStopped(task) => {
                self.failure = Some(format!("task {}: {}", task.id(), task.why()));
            }
            Notice::GivingUp { .. } => self.note = Some(notice.text()),
            // No look follows that would draw them.
            Notice::Trouble(_) | Notice::Waiting { .. } => {
                self.trouble = Some(notice.text());
                self.draw();
            }
            // What is said between two stages stays above what is drawn next.
            Notice::Stage(text) => {
                self.draw();
                self.drawn = 0;
                *self = Self::new(self.term.clone());
                let _ = self.term.write_line(text);
            }
            // Everything that one look at AWS has shown is drawn at once.
            Notice::Tick => {
                self.trouble = None;
                self.draw();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Deployment;

    #[test]
    fn what_is_done_makes_room() {
        let mut screen = Screen::new(Term::buffered_stderr());
        let item = |status: &str| Item {
            status: status.to_owned(),
            since: Some(SystemTime::UNIX_EPOCH),
            took: status.ends_with("COMPLETE").then(|| Duration::from_secs(7)),
            ..Item::default()
        };
        for n in 0..5 {
            screen
                .progress
                .items
                .insert(format!("Done{n}"), item("CREATE_COMPLETE"));
        }
        screen
            .progress
            .items
            .insert("Busy".to_owned(), item("CREATE_IN_PROGRESS"));
        let lines = screen.lines(3, 79, SystemTime::UNIX_EPOCH + Duration::from_secs(65));
        let plain: Vec<_> = lines
            .iter()
            .map(|line| console::strip_ansi_codes(line).into_owned())
            .collect();
        assert_eq!(
            plain,
            [
                "  … 3 more are done",
                "  ✓ Done3 CREATE_COMPLETE 7s",
                "  ✓ Done4 CREATE_COMPLETE 7s",
                "  … Busy  CREATE_IN_PROGRESS 1m 5s"
            ]
        );
    }

    fn deployment(revision: u32, status: &str, rollout: &str) -> Deployment {
        Deployment {
            status: status.to_owned(),
            task_definition: format!(
                "arn:aws:ecs:eu-west-1:1:task-definition/acme-drops-staging:{revision}"
            ),
            desired: 2,
            rollout: rollout.to_owned(),
            ..Deployment::default()
        }
    }

    #[test]
    fn names_make_room_for_the_rollout() {
        let service = ServiceState {
            name: "acme-drops-staging-Service-1a2b3c4d".to_owned(),
            deployments: vec![
                deployment(12, "PRIMARY", "IN_PROGRESS"),
                deployment(11, "ACTIVE", "COMPLETED"),
            ],
            ..ServiceState::default()
        };
        assert_eq!(
            table(&service, 79),
            [
                "service …g-Service-1a2b3c4d desired running pending failed  rollout",
                "  acme-drops-staging:12           2       0       0      0  PRIMARY IN_PROGRESS",
                "  acme-drops-staging:11           2       0       0      0  ACTIVE COMPLETED",
            ]
        );
        let wide = table(&service, 200);
        assert!(
            wide[0].starts_with("service acme-drops-staging-Service-1a2b3c4d "),
            "{wide:?}"
        );
        assert!(wide[1].ends_with("PRIMARY IN_PROGRESS"), "{wide:?}");
    }
}
