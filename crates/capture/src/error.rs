//! Why a live capture cannot begin.

use std::fmt;

/// What went wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError {
    pub message: String,
    pub hint: String,
}

impl CaptureError {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        CaptureError {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for CaptureError {}
