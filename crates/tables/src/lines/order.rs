//! Puts lines in the order of time, holding back as much as a bound allows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use kafkascope_stream::Endpoint;

/// A line whose last words are chosen when it is printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub text: String,
    /// Where the cluster's id belongs, when it does.
    pub cluster_at: Option<usize>,
    pub broker: Endpoint,
    /// The text holds marks of topics that had no name yet.
    pub unnamed: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Held {
    time_ns: i64,
    number: u64,
    line: Line,
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time_ns, self.number).cmp(&(other.time_ns, other.number))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Lines that wait for earlier ones.
#[derive(Debug)]
pub(crate) struct Order {
    heap: BinaryHeap<Reverse<Held>>,
    bytes: usize,
    limit: usize,
    window_ns: i64,
    newest_ns: i64,
    printed_ns: i64,
    number: u64,
    /// The number at the last `age`, and at the one before: lines up to the latter have waited long enough, and `overdue` of them are
    /// still held.
    marked: u64,
    aged: u64,
    overdue: usize,
    /// Lines printed behind a later one.
    pub late: u64,
}

impl Order {
    /// Holds at most `limit` bytes, and no line longer than `window_ns` of capture time.
    pub fn new(limit: usize, window_ns: i64) -> Order {
        Order {
            heap: BinaryHeap::new(),
            bytes: 0,
            limit,
            window_ns,
            newest_ns: i64::MIN,
            printed_ns: i64::MIN,
            number: 0,
            marked: 0,
            aged: 0,
            overdue: 0,
            late: 0,
        }
    }

    /// What was held already at the last call does not wait any more.
    pub fn age(&mut self) {
        self.aged = std::mem::replace(&mut self.marked, self.number);
        let old = |Reverse(held): &&Reverse<Held>| held.number <= self.aged;
        self.overdue = self.heap.iter().filter(old).count();
    }

    pub fn push(&mut self, time_ns: i64, line: Line) {
        self.newest_ns = self.newest_ns.max(time_ns);
        self.bytes += cost(&line);
        self.number += 1;
        self.heap.push(Reverse(Held {
            time_ns,
            number: self.number,
            line,
        }));
    }

    /// The next line that need not wait, or, at the end, any.
    pub fn pop(&mut self, end: bool) -> Option<Line> {
        let Reverse(first) = self.heap.peek()?;
        if !end
            && self.overdue == 0
            && self.bytes <= self.limit
            && self.newest_ns.saturating_sub(first.time_ns) <= self.window_ns
        {
            return None;
        }
        let Reverse(held) = self.heap.pop()?;
        self.bytes -= cost(&held.line);
        self.overdue -= usize::from(held.number <= self.aged);
        if held.time_ns < self.printed_ns {
            self.late += 1;
        }
        self.printed_ns = self.printed_ns.max(held.time_ns);
        Some(held.line)
    }
}

fn cost(line: &Line) -> usize {
    line.text.capacity() + size_of::<Held>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let broker = Endpoint {
            addr: std::net::IpAddr::from([127, 0, 0, 1]),
            port: 9092,
        };
        Line {
            text: text.into(),
            cluster_at: None,
            broker,
            unnamed: false,
        }
    }

    #[test]
    fn a_line_waits_from_one_age_to_the_one_after_the_next() {
        let mut order = Order::new(10_000, i64::MAX);
        let printed = |order: &mut Order| {
            std::iter::from_fn(|| order.pop(false))
                .map(|l| l.text)
                .collect::<Vec<_>>()
        };
        order.push(20, line("second"));
        order.age();
        order.push(10, line("first"));
        assert!(printed(&mut order).is_empty());
        order.age();
        assert_eq!(printed(&mut order), ["first", "second"]);
        order.push(15, line("late"));
        order.age();
        assert!(printed(&mut order).is_empty());
        order.age();
        assert_eq!(printed(&mut order), ["late"]);
        assert_eq!(order.late, 1);
    }

    #[test]
    fn lines_come_in_the_order_of_time_within_the_bounds() {
        // (bytes held, window, what comes out by itself, late)
        for (limit, window, early, late) in
            [(10_000, 1000, 0, 0), (0, 1000, 5, 2), (10_000, 15, 2, 0)]
        {
            let mut order = Order::new(limit, window);
            let mut out = Vec::new();
            for time in [10, 30, 20, 40, 35] {
                order.push(time, line(&time.to_string()));
                while let Some(line) = order.pop(false) {
                    out.push(line.text);
                }
            }
            assert_eq!(out.len(), early, "{limit} {window}");
            while let Some(line) = order.pop(true) {
                out.push(line.text);
            }
            assert_eq!((out.len(), order.late), (5, late));
            if late == 0 {
                assert_eq!(out, ["10", "20", "30", "35", "40"]);
            }
        }
    }
}
