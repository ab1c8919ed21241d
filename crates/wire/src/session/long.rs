//! A message that is longer than may be kept, while it arrives.

use super::Session;
use crate::{
    decode::Direction,
    header,
    message::Side,
    shed::{Kind, shed},
};

impl Session {
    /// Leaves out the contents of its records, when it is known what it is.
    pub(super) fn shed(&mut self, h: usize) {
        let kind = self.kind_of_begun(h);
        let tape = &mut self.tape;
        let framer = &mut self.halves[h].framer;
        framer.shed(&self.limits, |message, arrived| {
            if let Some(kind) = kind {
                shed(message, arrived, kind, tape);
            }
        });
    }

    fn kind_of_begun(&self, h: usize) -> Option<Kind> {
        let head = self.halves[h].framer.head().view();
        if self.side(h) == Some(Side::Client) {
            let request = header::request(&head)?;
            return Some(Kind {
                api_key: request.api_key,
                api_version: request.api_version,
                direction: Direction::Request,
                body_at: request.body_at,
            });
        }
        let (api_key, api_version) = self.pairs.find(header::correlation_id(&head)?)?;
        Some(Kind {
            api_key,
            api_version,
            direction: Direction::Response,
            body_at: header::response_body_at(api_key, api_version, &head)?,
        })
    }
}
