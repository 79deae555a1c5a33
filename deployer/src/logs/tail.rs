//! Which lines are new. CloudWatch shows lines late and out of order, so each look goes back over
//! what it has seen lately, and what was shown already is left out by its id.

use std::collections::BTreeSet;

use super::LogLine;

/// How late a line may show, in milliseconds: tasks send theirs every few seconds, and CloudWatch
/// takes its time.
const LATE: i64 = 60_000;

/// What has been seen of a log.
#[derive(Debug)]
pub struct Tail {
    since: i64,
    newest: i64,
    seen: BTreeSet<(i64, String)>,
}

impl Tail {
    /// Nothing yet; lines older than `since`, in milliseconds since 1970, are of no interest.
    #[must_use]
    pub fn new(since: i64) -> Self {
        Self {
            since,
            newest: since,
            seen: BTreeSet::new(),
        }
    }

    /// Where the next look must begin, in milliseconds since 1970.
    #[must_use]
    pub fn start(&self) -> i64 {
        self.since.max(self.newest - LATE)
    }

    /// What of a page is new, oldest first. `now`, in milliseconds since 1970, bounds what a line
    /// from the future may hide.
    pub fn new_of(&mut self, page: Vec<LogLine>, now: i64) -> Vec<LogLine> {
        let mut new: Vec<_> = page
            .into_iter()
            .filter(|line| self.seen.insert((line.time, line.id.clone())))
            .collect();
        new.sort_by_key(|line| line.time);
        let newest = new.last().map_or(self.newest, |line| line.time.min(now));
        self.newest = self.newest.max(newest);
        new
    }

    /// Forgets what the next look does not see again. Call it between two looks: pages of one look
    /// belong together.
    pub fn end_of_read(&mut self) {
        self.seen = self.seen.split_off(&(self.start(), String::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u32, time: i64) -> LogLine {
        LogLine {
            id: id.to_string(),
            stream: "server/server/task".to_owned(),
            time,
            text: id.to_string(),
        }
    }

    fn read(tail: &mut Tail, log: &[LogLine], now: i64) -> Vec<String> {
        let start = tail.start();
        let seen: Vec<_> = log
            .iter()
            .filter(|line| line.time >= start)
            .cloned()
            .collect();
        let mut shown = Vec::new();
        for page in seen.chunks(2) {
            shown.extend(
                tail.new_of(page.to_vec(), now)
                    .into_iter()
                    .map(|line| line.id),
            );
        }
        tail.end_of_read();
        shown
    }

    #[test]
    fn late_lines_are_shown_and_none_twice() {
        let mut log = vec![line(1, 100_000), line(2, 100_000), line(3, 150_000)];
        let mut tail = Tail::new(0);
        assert_eq!(read(&mut tail, &log, 200_000), ["1", "2", "3"]);
        assert!(read(&mut tail, &log, 200_000).is_empty());
        // Written long before what was seen last, by a task whose lines came late; and twice in a
        // millisecond.
        log.extend([line(4, 95_000), line(5, 150_000), line(6, 151_000)]);
        assert_eq!(read(&mut tail, &log, 200_000), ["4", "5", "6"]);
        assert!(read(&mut tail, &log, 200_000).is_empty());
    }

    #[test]
    fn lines_from_before_and_from_the_future() {
        let mut tail = Tail::new(50_000);
        assert_eq!(tail.start(), 50_000);
        // A task whose clock is an hour ahead hides nothing.
        assert_eq!(read(&mut tail, &[line(1, 3_700_000)], 100_000), ["1"]);
        assert_eq!(tail.start(), 50_000);
        assert_eq!(
            read(&mut tail, &[line(2, 99_000), line(1, 3_700_000)], 101_000),
            ["2"]
        );
    }

    #[test]
    fn memory_is_bounded_by_the_window() {
        let mut tail = Tail::new(0);
        for minute in 0..100 {
            let page = (0..100)
                .map(|n| line(minute * 100 + n, i64::from(minute) * 60_000))
                .collect();
            assert_eq!(tail.new_of(page, i64::MAX).len(), 100);
            tail.end_of_read();
        }
        assert!(tail.seen.len() <= 200, "{}", tail.seen.len());
    }
}
