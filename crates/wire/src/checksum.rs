//! Checksums of record batches: what was damaged on its way, or by who wrote it, is not counted as records.

use crate::{
    batch::{Batch, Batches},
    tape::Node,
    view::View,
};

/// Where the first batch of a records field begins whose checksum is wrong.
pub fn first_corrupt(view: &View, node: &Node) -> Option<u32> {
    let mut batches = Batches::new(view, node);
    let corrupt = batches.find(|batch| is_corrupt(view, batch))?;
    Some(corrupt.at)
}

/// Whether a batch's checksum is wrong; one of which bytes are missing is not judged.
pub fn is_corrupt(view: &View, batch: &Batch) -> bool {
    // CRC-32C from the attributes on, of old formats CRC-32 from the magic on (DefaultRecordBatch, LegacyRecord)
    let (checksum_at, from) = if batch.magic == 2 { (17, 21) } else { (12, 16) };
    let len = batch.size.saturating_sub(from);
    let covered = view.from(batch.at + from, len);
    let checksum = view.from(batch.at + checksum_at, 4).first_chunk();
    let (Some(checksum), false) = (checksum, batch.cut || (covered.len() as u32) < len) else {
        return false;
    };
    let computed = match batch.magic {
        2 => crc32c::crc32c(covered),
        _ => crc32fast::hash(covered),
    };
    computed != u32::from_be_bytes(*checksum)
}
