//! Kafka's codecs, for what is small: bounded by the size that comes out.

use std::borrow::Cow;
use std::io::Read;

/// Names of compression types by their number, as in record batches.
const NAMES: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Begins what Java's snappy stream writes: blocks with their sizes, instead of one raw block.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// The magic, a version and the oldest version that reads it.
const XERIAL_HEADER: usize = 16;

/// The bytes behind a compression type; an error says why there are none.
pub fn decompress(kind: i64, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, String> {
    let name = usize::try_from(kind).ok().and_then(|k| NAMES.get(k));
    let result = match kind {
        0 => return Ok(Cow::Borrowed(bytes)),
        1 => read(flate2::read::MultiGzDecoder::new(bytes), limit),
        2 => snappy(bytes, limit),
        3 => read(lz4_flex::frame::FrameDecoder::new(bytes), limit),
        4 => ruzstd::decoding::StreamingDecoder::new(bytes)
            .map_err(|e| e.to_string())
            .and_then(|decoder| read(decoder, limit)),
        _ => return Err(format!("no compression type {kind}")),
    };
    let name = name.copied().unwrap_or_default();
    result
        .map(Cow::Owned)
        .map_err(|why| format!("{name}: {why}"))
}

fn read(from: impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let more = limit as u64 + 1;
    from.take(more)
        .read_to_end(&mut out)
        .map_err(|e| e.to_string())?;
    within(out, limit)
}

fn within(out: Vec<u8>, limit: usize) -> Result<Vec<u8>, String> {
    if out.len() > limit {
        return Err(format!("more than {limit} bytes"));
    }
    Ok(out)
}

fn snappy(bytes: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let Some(mut rest) = bytes
        .strip_prefix(XERIAL)
        .and_then(|_| bytes.get(XERIAL_HEADER..))
    else {
        block(bytes, limit, &mut out)?;
        return Ok(out);
    };
    while let Some((size, behind)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        let inner = behind.get(..size).ok_or("a block is cut")?;
        block(inner, limit, &mut out)?;
        rest = &behind[size..];
    }
    Ok(out)
}

/// Appends one raw block.
fn block(bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let size = snap::raw::decompress_len(bytes).map_err(|e| e.to_string())?;
    let begin = out.len();
    if size > limit.saturating_sub(begin) {
        return Err(format!("more than {limit} bytes"));
    }
    out.resize(begin + size, 0);
    let written = snap::raw::Decoder::new()
        .decompress(bytes, &mut out[begin..])
        .map_err(|e| e.to_string())?;
    out.truncate(begin + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"the same again, the same again, the same again, the same again";

    fn compressed(kind: &str) -> Vec<u8> {
        let raw = || snap::raw::Encoder::new().compress_vec(TEXT).expect("small");
        match kind {
            "gzip" => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                to.write_all(TEXT)
                    .and_then(|()| to.finish())
                    .expect("in memory")
            }
            "raw snappy" => raw(),
            "xerial snappy" => {
                let size = (raw().len() as u32).to_be_bytes();
                let header = [XERIAL, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
                [&header[..], &size, &raw(), &size, &raw()].concat()
            }
            "lz4" => {
                let mut to = lz4_flex::frame::FrameEncoder::new(Vec::new());
                to.write_all(TEXT).expect("in memory");
                to.finish().expect("in memory")
            }
            "zstd" => {
                ruzstd::encoding::compress_to_vec(TEXT, ruzstd::encoding::CompressionLevel::Fastest)
            }
            _ => TEXT.to_vec(),
        }
    }

    #[test]
    fn every_codec_reads_back_within_its_limit() {
        for (kind, name) in [
            (0, "none"),
            (1, "gzip"),
            (2, "raw snappy"),
            (2, "xerial snappy"),
            (3, "lz4"),
            (4, "zstd"),
        ] {
            let bytes = compressed(name);
            let whole = if name.starts_with("xerial") {
                [TEXT, TEXT].concat()
            } else {
                TEXT.to_vec()
            };
            assert_eq!(
                decompress(kind, &bytes, 1000).as_deref(),
                Ok(&whole[..]),
                "{name}"
            );
            if kind == 0 {
                continue;
            }
            assert!(decompress(kind, &bytes, 50).is_err(), "{name}: the limit");
            for n in 0..bytes.len() {
                // a cut is an error, or a beginning; never a panic
                if let Ok(cut) = decompress(kind, &bytes[..n], 1000) {
                    assert!(whole.starts_with(&cut), "{name} cut at {n}");
                }
            }
        }
        assert_eq!(decompress(9, b"", 10), Err("no compression type 9".into()));
    }
}
