//! Record batches by their headers: offsets, counts, times and producers, without the records.

use crate::{
    cursor::Cursor,
    tape::{Node, Value},
    view::View,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
    Unknown(u8),
}

impl Codec {
    fn of(attributes: i16) -> Codec {
        match attributes & 7 {
            0 => Codec::None,
            1 => Codec::Gzip,
            2 => Codec::Snappy,
            3 => Codec::Lz4,
            4 => Codec::Zstd,
            n => Codec::Unknown(n as u8),
        }
    }

    /// Kafka's name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
            Codec::Unknown(_) => "unknown",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    Create,
    LogAppend,
}

/// A batch of magic 2, or one message of a magic 0 or 1 set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where it begins in the message.
    pub at: u32,
    pub base_offset: i64,
    pub last_offset: i64,
    /// `None` for a compressed message of magic 0 or 1: its count is inside.
    pub records: Option<u32>,
    pub codec: Codec,
    pub timestamp_type: TimestampType,
    /// -1 where the format has none. With the delete-horizon attribute the base timestamp is that horizon.
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub has_delete_horizon: bool,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub transactional: bool,
    pub control: bool,
    /// Of a control batch, when its first record was captured: 0 abort, 1 commit, 2 leader change and so on.
    pub control_type: Option<i16>,
    pub partition_leader_epoch: i32,
    /// With its offset and size fields.
    pub size: u32,
    /// The records field ends inside the batch, as fetch responses may.
    pub cut: bool,
    pub magic: i8,
}

/// Offset and size fields.
const LOG_OVERHEAD: u32 = 12;
/// Of magic 2, up to the first record.
const HEADER: u32 = 61;

/// The bytes of the next number; zeros behind the end, which no caller reaches.
#[inline]
fn next<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((number, behind)) = rest.split_first_chunk() else {
        return [0; N];
    };
    *rest = behind;
    *number
}

/// The batches of a records field, as far as their headers were captured.
pub struct Batches<'v> {
    cursor: Cursor<'v>,
    end: u32,
    failed: bool,
}

impl<'v> Batches<'v> {
    /// Of a `Value::Records` node, or of a `Value::Bytes` node that holds records; nothing for any other.
    pub fn new(view: &View<'v>, node: &Node) -> Batches<'v> {
        let size = match node.value {
            Value::Records { size, .. } => size,
            _ => 0,
        };
        let end = node.at.saturating_add(size).min(view.declared);
        Batches {
            cursor: Cursor::new(view, node.at),
            end,
            failed: false,
        }
    }

    /// The walk ended before the field's end: a header was not captured, or is none.
    pub fn is_incomplete(&self) -> bool {
        self.failed
    }

    fn read(&mut self) -> Option<Batch> {
        let start = self.cursor.at;
        self.cursor.limit = self.end;
        let c = &mut self.cursor;
        let mut head: &[u8] = &c.array::<17>().ok()?;
        let base_offset = i64::from_be_bytes(next(&mut head));
        let length = u32::try_from(i32::from_be_bytes(next(&mut head))).ok()?;
        let epoch_or_crc = i32::from_be_bytes(next(&mut head));
        let magic = i8::from_be_bytes(next(&mut head));
        let size = LOG_OVERHEAD.checked_add(length)?;
        // What a control batch says of its record's lengths does not lead beyond it.
        c.limit = self.end.min(start.saturating_add(size));
        let batch = match magic {
            2 if size >= HEADER => self.read_v2(base_offset, size, epoch_or_crc)?,
            0 | 1 if length >= 14 => self.read_old(base_offset, size, magic)?,
            _ => return None,
        };
        let cut = size > self.end - start;
        let next = start + size.min(self.end - start);
        self.cursor.skip(next.saturating_sub(self.cursor.at)).ok()?;
        Some(Batch {
            at: start,
            cut,
            ..batch
        })
    }

    fn read_v2(
        &mut self,
        base_offset: i64,
        size: u32,
        partition_leader_epoch: i32,
    ) -> Option<Batch> {
        let c = &mut self.cursor;
        c.skip(4).ok()?;
        let mut head: &[u8] = &c.array::<40>().ok()?;
        let attributes = i16::from_be_bytes(next(&mut head));
        let last_delta = i32::from_be_bytes(next(&mut head));
        let base_timestamp = i64::from_be_bytes(next(&mut head));
        let max_timestamp = i64::from_be_bytes(next(&mut head));
        let producer_id = i64::from_be_bytes(next(&mut head));
        let producer_epoch = i16::from_be_bytes(next(&mut head));
        let base_sequence = i32::from_be_bytes(next(&mut head));
        let records = u32::try_from(i32::from_be_bytes(next(&mut head))).ok()?;
        let control = attributes & 0x20 != 0;
        Some(Batch {
            at: 0,
            base_offset,
            last_offset: base_offset.saturating_add(i64::from(last_delta)),
            records: Some(records),
            codec: Codec::of(attributes),
            timestamp_type: if attributes & 8 == 0 {
                TimestampType::Create
            } else {
                TimestampType::LogAppend
            },
            base_timestamp,
            max_timestamp,
            has_delete_horizon: attributes & 0x40 != 0,
            producer_id,
            producer_epoch,
            base_sequence,
            transactional: attributes & 0x10 != 0,
            control,
            control_type: if control { self.control_type() } else { None },
            partition_leader_epoch,
            size,
            cut: false,
            magic: 2,
        })
    }

    /// The type in the key of the first record: length, attributes, timestamp and offset deltas, key length come before.
    fn control_type(&mut self) -> Option<i16> {
        let c = &mut self.cursor;
        skip_varint(c)?;
        c.i8().ok()?;
        skip_varint(c)?;
        skip_varint(c)?;
        skip_varint(c)?;
        c.i16().ok()?;
        c.i16().ok()
    }

    fn read_old(&mut self, offset: i64, size: u32, magic: i8) -> Option<Batch> {
        let c = &mut self.cursor;
        let attributes = i16::from(c.i8().ok()?);
        let timestamp = if magic == 1 { c.i64().ok()? } else { -1 };
        let codec = Codec::of(attributes);
        Some(Batch {
            at: 0,
            base_offset: offset,
            // The offset of a wrapper is that of its last message.
            last_offset: offset,
            records: (codec == Codec::None).then_some(1),
            codec,
            timestamp_type: if attributes & 8 == 0 {
                TimestampType::Create
            } else {
                TimestampType::LogAppend
            },
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            has_delete_horizon: false,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            control: false,
            control_type: None,
            partition_leader_epoch: -1,
            size,
            cut: false,
            magic,
        })
    }
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.failed || self.cursor.at >= self.end {
            return None;
        }
        // A fetch response may end inside a header: that is no fault.
        let room = self.end - self.cursor.at;
        let batch = self.read();
        self.failed = batch.is_none() && room >= HEADER;
        if batch.is_none() {
            self.cursor.at = self.end;
        }
        batch
    }
}

fn skip_varint(c: &mut Cursor) -> Option<()> {
    for _ in 0..10 {
        if c.i8().ok()? >= 0 {
            return Some(());
        }
    }
    None
}
