//! Which library encrypts for the processes of a connection.

use std::collections::HashMap;

use kafkascope_state::{Ends, Host, ProcessKey};

/// The TLS library of a running process by its id, where that can be told.
pub type Lookup = fn(u32) -> Option<String>;

/// Processes whose library is kept in mind.
const PROCESSES: usize = 4096;

/// What was found of each process. It is asked once, when its connection is seen to be TLS: later it may have ended.
pub(crate) struct Libraries {
    lookup: Lookup,
    known: HashMap<ProcessKey, Option<String>>,
}

impl Libraries {
    pub fn new(lookup: Lookup) -> Libraries {
        Libraries {
            lookup,
            known: HashMap::new(),
        }
    }

    /// Asks for the processes at both ends.
    pub fn learn(&mut self, ends: &Ends) {
        for process in [ends.client.process, ends.broker.process] {
            self.of(process);
        }
    }

    /// What a row says of an encrypted connection, with the library of each end that is known.
    pub fn detail(&mut self, ends: &Ends) -> String {
        let mut of = |end: &str, host: &Host| {
            let library = self.of(host.process)?;
            Some(format!("{end}: {library}"))
        };
        let known: Vec<String> = [("client", &ends.client), ("broker", &ends.broker)]
            .into_iter()
            .filter_map(|(end, host)| of(end, host))
            .collect();
        if known.is_empty() {
            return "encrypted: the content cannot be seen".into();
        }
        format!(
            "encrypted ({}): the content cannot be seen",
            known.join(", ")
        )
    }

    fn of(&mut self, process: Option<ProcessKey>) -> Option<&str> {
        let process = process?;
        if self.known.len() >= PROCESSES && !self.known.contains_key(&process) {
            self.known.clear();
        }
        let lookup = self.lookup;
        self.known
            .entry(process)
            .or_insert_with(|| lookup(process.0))
            .as_deref()
    }
}
