//! Takes a fuzz input apart; an input that is too short gives zeros and then ends.

pub struct Input<'d>(pub &'d [u8]);

impl<'d> Input<'d> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u16(&mut self) -> u16 {
        u16::from(self.u8()) | u16::from(self.u8()) << 8
    }

    /// At most `n` bytes.
    pub fn take(&mut self, n: usize) -> &'d [u8] {
        let (head, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        head
    }
}
