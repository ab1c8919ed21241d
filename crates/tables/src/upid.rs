//! The text of a upid: `asid:pid:start`, the start in clock ticks since boot as in /proc/PID/stat.

use kafkascope_stream::Process;

const TICK_NS: u64 = 10_000_000;

/// Empty for a process that is not known.
pub fn upid(asid: u32, process: Option<Process>) -> String {
    process.map_or_else(String::new, |p| {
        format!("{asid}:{}:{}", p.pid, p.start_boot_ns / TICK_NS)
    })
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
    }
}
