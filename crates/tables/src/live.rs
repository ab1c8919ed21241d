//! A live capture: a thread that polls the source and feeds the pipeline, so that whoever takes the
//! batches may be slow.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kafkascope_state::Broker;
use kafkascope_stream::{Endpoint, Event};

use crate::{
    columns::Batch,
    pipeline::{Pipeline, Settings},
    tls,
};

/// How long one look at the source may block while somebody waits for a batch, which is its delay.
const POLL: Duration = Duration::from_millis(50);
/// The same while nobody does, and at most while the next batch is not due: on a busy host a look costs as much as dozens of requests,
/// for its caches are used by others in between. Short enough that most processes are there yet when they are looked up.
const REST: Duration = Duration::from_millis(100);
const REST_BEFORE_BATCH: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_millis(100);
/// Batches are handed over at most this often: shipping and storing one costs as much as hundreds of rows in it.
/// The first rows after a silence do not wait.
const PACE: Duration = Duration::from_millis(400);
/// Names handed over and not yet learned.
const NAMES: usize = 1_000_000;

/// A capture that is polled.
pub trait Source: Send {
    /// Hands over what there is, waiting at most `timeout` for the first event.
    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Event)) -> io::Result<()>;
    /// A connection speaks something else than Kafka: its bytes need not come any more.
    fn reject(&mut self, _a: Endpoint, _b: Endpoint, _netns: u32) {}
    /// How to find the TLS library of one of the processes it tells of.
    fn tls_library(&self) -> tls::Lookup {
        |_| None
    }
    /// Counters since the start, by name.
    fn stats(&self) -> Vec<(&'static str, u64)>;
}

#[derive(Default)]
struct Shared {
    /// Somebody waits for batches.
    wanted: bool,
    ready: Vec<Batch>,
    names: Vec<([u8; 16], String)>,
    brokers: Vec<((u32, u64), Broker)>,
    stats: Vec<(&'static str, u64)>,
    stop: bool,
    /// Why the thread ended.
    failure: Option<String>,
}

type Mailbox = Arc<(Mutex<Shared>, Condvar)>;

/// The thread and what it shares.
pub struct Live {
    mailbox: Mailbox,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn lock(mailbox: &Mailbox) -> MutexGuard<'_, Shared> {
    // a panic elsewhere leaves plain data behind
    mailbox.0.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Starts the thread.
    pub fn start(source: Box<dyn Source>, settings: Settings) -> io::Result<Live> {
        let mailbox = Mailbox::default();
        let theirs = mailbox.clone();
        let thread = thread::Builder::new()
            .name("kafkascope".into())
            .spawn(move || {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    run(source, settings, &theirs)
                }));
                let mut shared = lock(&theirs);
                shared.failure = match outcome {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some("the capture thread failed; its message is on stderr".into()),
                };
                theirs.1.notify_all();
            })?;
        Ok(Live {
            mailbox,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The rows since the last call; waits for some, at most `timeout`, but not when closed. An error says
    /// why the capture broke.
    pub fn poll(&self, timeout: Duration) -> Result<Vec<Batch>, String> {
        let until = Instant::now() + timeout;
        let mut shared = lock(&self.mailbox);
        shared.wanted = true;
        loop {
            if !shared.ready.is_empty() {
                shared.wanted = false;
                return Ok(std::mem::take(&mut shared.ready));
            }
            if let Some(failure) = &shared.failure {
                return Err(failure.clone());
            }
            if shared.stop {
                return Ok(Vec::new());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Vec::new());
            }
            shared = self
                .mailbox
                .1
                .wait_timeout(shared, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Hands over names of topic ids; `false` when too many wait.
    pub fn learn_topics(&self, names: Vec<([u8; 16], String)>) -> bool {
        let mut shared = lock(&self.mailbox);
        let fits = shared.names.len() + names.len() <= NAMES;
        if fits {
            shared.names.extend(names);
        }
        fits
    }

    /// Hands over what brokers' processes say of themselves, by number and start in clock ticks; `false` when too many wait.
    pub fn learn_processes(&self, brokers: Vec<((u32, u64), Broker)>) -> bool {
        let mut shared = lock(&self.mailbox);
        let fits = shared.brokers.len() + brokers.len() <= NAMES;
        if fits {
            shared.brokers.extend(brokers);
        }
        fits
    }

    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        lock(&self.mailbox).stats.clone()
    }

    /// Ends the capture; what was taken in remains to be polled.
    pub fn close(&self) {
        lock(&self.mailbox).stop = true;
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // the thread's panic is in `failure`
            thread.join().ok();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.close();
    }
}

fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i64)
}

/// How long the next look at the source may block.
fn pause(wanted: bool, until_batch: Duration) -> Duration {
    let least = if wanted { POLL } else { REST };
    // a source waits for whole milliseconds: not to wake just before the batch is due
    let until_batch = until_batch + Duration::from_millis(1);
    until_batch.min(REST_BEFORE_BATCH).max(least)
}

fn run(mut source: Box<dyn Source>, settings: Settings, mailbox: &Mailbox) -> io::Result<()> {
    let mut pipeline = Pipeline::new(Settings {
        tls_library: source.tls_library(),
        ..settings
    });
    let mut next_tick = Instant::now();
    let mut next_batch = next_tick;
    let mut wanted = false;
    loop {
        let until_batch = next_batch.saturating_duration_since(Instant::now());
        source.poll(pause(wanted, until_batch), &mut |event| {
            pipeline.event(event)
        })?;
        for (a, b, netns) in pipeline.take_rejected() {
            source.reject(a, b, netns);
        }
        if Instant::now() >= next_tick {
            pipeline.tick(now_ns());
            next_tick = Instant::now() + TICK;
        }
        let mut shared = lock(mailbox);
        let names = std::mem::take(&mut shared.names);
        if !names.is_empty() {
            pipeline.learn_topics(names);
        }
        for (process, is) in std::mem::take(&mut shared.brokers) {
            pipeline.learn_process(process, is);
        }
        let stop = shared.stop;
        if stop {
            pipeline.finish();
        }
        let due = shared.wanted && shared.ready.is_empty() && Instant::now() >= next_batch;
        if (stop || due) && pipeline.pending_bytes() > 0 {
            shared.ready.extend(pipeline.take());
            shared.wanted = false;
            next_batch = Instant::now() + PACE;
            mailbox.1.notify_all();
        }
        wanted = shared.wanted;
        shared.stats = pipeline.stats();
        shared.stats.extend(source.stats());
        if stop {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_short_only_while_somebody_may_get_a_batch() {
        let ms = Duration::from_millis;
        assert_eq!(pause(true, ms(0)), POLL);
        assert_eq!(pause(false, ms(0)), REST);
        assert_eq!(pause(true, PACE), REST_BEFORE_BATCH);
        assert_eq!(pause(false, PACE), REST_BEFORE_BATCH);
        // and then the batch is due
        assert_eq!(pause(true, ms(120)), ms(121));
        assert!(pause(true, ms(199)) >= ms(199));
    }
}
