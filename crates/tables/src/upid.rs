//! The text of a upid: `asid:pid:start`, the start in clock ticks since boot as in /proc/PID/stat.

use kafkascope_state::TICK_NS;
use kafkascope_stream::Process;

/// Empty for a process that is not known.
pub fn upid(asid: u32, process: Option<Process>) -> String {
    process.map_or_else(String::new, |p| {
        format!("{asid}:{}:{}", p.pid, p.start_boot_ns / TICK_NS)
    })
}

/// Number and start of the process in such a text.
pub fn parse_upid(text: &str) -> Option<(u32, u64)> {
    let mut parts = text.split(':').skip(1);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_are_ticks() {
        let process = Process {
            pid: 42,
            start_boot_ns: 1_239_999_999,
        };
        assert_eq!(upid(7, Some(process)), "7:42:123");
        assert_eq!(upid(7, None), "");
        assert_eq!(parse_upid("7:42:123"), Some((42, 123)));
        for text in ["", "7", "7:42", "7:a:123", "7:42:-1"] {
            assert_eq!(parse_upid(text), None);
        }
    }
}
