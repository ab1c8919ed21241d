//! One struct for each observed table, made by the build from the catalogue.

use crate::columns::{Column, Row};

include!(concat!(env!("OUT_DIR"), "/rows.rs"));
