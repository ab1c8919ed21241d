//! Every format, link type and kind of damage of capture files, written here byte by byte.

mod bytes;
mod damage;
mod formats;
