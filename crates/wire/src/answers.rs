//! Answers without requests, where only the broker's direction of a connection is captured. Which APIs they are of cannot be known,
//! and other protocols frame and number alike; that there is something to read is told all the same.

/// Messages in a row that are framed and numbered as answers.
const PROOF: u64 = 5;
/// Clients number the requests of all their connections together.
const STEP: i32 = 1 << 16;
/// A correlation id and an error code.
const MIN_SIZE: u32 = 6;
/// The default of `fetch.max.bytes` is half of it.
const MAX_SIZE: u32 = 100 << 20;
/// Rows that are followed until one is proven. A piece that begins inside of a message may claim any size: where there is no room, those
/// that claim more than `LONG` go first.
const ROWS: usize = 4;
const LONG: u64 = 64 << 10;

/// Messages that look like answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub first_ns: i64,
    pub last_ns: i64,
    pub messages: u64,
    pub bytes: u64,
}

impl Counted {
    fn add(&mut self, time_ns: i64, bytes: u64) {
        if self.messages == 0 {
            self.first_ns = time_ns;
        }
        self.last_ns = time_ns;
        self.messages += 1;
        self.bytes += bytes;
    }
}

/// Follows the only direction of a connection that has bytes.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Its bytes; when both directions have some, nothing is followed any more.
    from: Option<usize>,
    both: bool,
    /// Rows of messages that begin where a piece does; once one of them is proven, that alone.
    rows: Vec<Row>,
    counted: Counted,
}

impl Answers {
    pub(crate) fn data(&mut self, from: usize, time_ns: i64, bytes: &[u8]) {
        if *self.from.get_or_insert(from) != from {
            self.both = true;
            self.rows.clear();
            self.counted = Counted::default();
        }
        if self.both {
            return;
        }
        if !self.is_proven() {
            if self.rows.len() == ROWS {
                self.rows.retain(|row| row.rest <= LONG);
            }
            if self.rows.len() < ROWS {
                self.rows.push(Row::default());
            }
        }
        self.rows.retain_mut(|row| row.data(time_ns, bytes));
        if let Some(proven) = self.rows.iter().position(Row::is_proven) {
            self.rows.swap(0, proven);
            self.rows.truncate(1);
            let new = std::mem::take(&mut self.rows[0].uncounted);
            if self.counted.messages == 0 {
                self.counted.first_ns = new.first_ns;
            }
            self.counted.last_ns = self.counted.last_ns.max(new.last_ns);
            self.counted.messages += new.messages;
            self.counted.bytes += new.bytes;
        }
    }

    /// What the other direction misses is what makes it the other: acknowledgements tell of bytes that were not captured.
    pub(crate) fn hole(&mut self, from: usize, len: u64) {
        if self.from == Some(from) {
            self.rows.retain_mut(|row| row.hole(len));
        }
    }

    /// What was counted since the last call, with the direction it came from.
    pub(crate) fn take(&mut self) -> Option<(usize, Counted)> {
        let counted = std::mem::take(&mut self.counted);
        (counted.messages > 0).then_some((self.from?, counted))
    }

    /// Time of the first message that `take` would tell of.
    pub(crate) fn since_ns(&self) -> Option<i64> {
        (self.counted.messages > 0).then_some(self.counted.first_ns)
    }

    fn is_proven(&self) -> bool {
        self.rows.first().is_some_and(Row::is_proven)
    }
}

/// Messages one behind the other.
#[derive(Debug, Default)]
struct Row {
    /// The size and the correlation id of the next message, as far as they have come.
    head: [u8; 8],
    have: usize,
    /// Bytes of the message in progress that are to come.
    rest: u64,
    last_id: Option<i32>,
    messages: u64,
    uncounted: Counted,
}

impl Row {
    fn is_proven(&self) -> bool {
        self.messages >= PROOF
    }

    /// Whether the row goes on.
    fn data(&mut self, time_ns: i64, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let n = self.rest.min(bytes.len() as u64);
            self.rest -= n;
            bytes = &bytes[n as usize..];
            let n = bytes.len().min(self.head.len() - self.have);
            self.head[self.have..self.have + n].copy_from_slice(&bytes[..n]);
            self.have += n;
            bytes = &bytes[n..];
            if self.have == self.head.len() && !self.message(time_ns) {
                return false;
            }
        }
        true
    }

    fn hole(&mut self, len: u64) -> bool {
        let rest = self.rest.checked_sub(len).filter(|_| self.have == 0);
        self.rest = rest.unwrap_or(0);
        rest.is_some()
    }

    /// Takes the head for that of the row's next message, if it fits.
    fn message(&mut self, time_ns: i64) -> bool {
        let [a, b, c, d, id @ ..] = self.head;
        let (size, id) = (u32::from_be_bytes([a, b, c, d]), i32::from_be_bytes(id));
        let follows = |last| (1..=STEP).contains(&id.wrapping_sub(last));
        if !(MIN_SIZE..=MAX_SIZE).contains(&size) || !self.last_id.is_none_or(follows) {
            return false;
        }
        self.have = 0;
        self.rest = u64::from(size) - 4;
        self.last_id = Some(id);
        self.messages += 1;
        self.uncounted.add(time_ns, 4 + u64::from(size));
        true
    }
}
