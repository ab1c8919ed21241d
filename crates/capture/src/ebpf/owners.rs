//! Sockets that are older than the capture: who listens tells which end of them is the server.

use std::collections::HashSet;
use std::io::Read;

use aya::maps::{HashMap, MapData};
use aya::{Btf, Ebpf};

use super::load;
use crate::error::CaptureError;

const RECORD: usize = 64;
const ESTABLISHED: u32 = 1;
const CLOSE_WAIT: u32 = 8;
const LISTEN: u32 = 10;
const CLIENT: u32 = 1;
const SERVER: u32 = 2;
/// The map's size in `bpf/state.h`.
const ROLES: usize = 16_384;

/// `struct tuple` of `bpf/state.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub local: [u8; 16],
    pub remote: [u8; 16],
    pub local_port: u16,
    pub remote_port: u16,
    pub netns: u32,
}

// SAFETY: no padding: 16 + 16 + 2 + 2 + 4 bytes, aligned to 4.
unsafe impl aya::Pod for Tuple {}

/// One open socket of some process, as `struct owner` of `bpf/owners.h` tells it.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    pub tuple: Tuple,
    pub state: u32,
}

/// Lists every TCP socket of every process, in all network namespaces.
pub fn list(bpf: &mut Ebpf, btf: &Btf) -> Result<Vec<Owner>, CaptureError> {
    let mut bytes = Vec::new();
    load::owners(bpf, btf)?
        .read_to_end(&mut bytes)
        .map_err(|error| {
            CaptureError::new(
                format!("open sockets cannot be listed: {error}"),
                "connections older than the capture are judged by their bytes alone",
            )
        })?;
    Ok(bytes.chunks_exact(RECORD).map(owner).collect())
}

fn owner(b: &[u8]) -> Owner {
    let word = |at: usize| u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
    let half = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
    let address = |at: usize| {
        let mut a = [0; 16];
        a.copy_from_slice(&b[at..at + 16]);
        a
    };
    Owner {
        tuple: Tuple {
            local: address(16),
            remote: address(32),
            local_port: half(48),
            remote_port: half(50),
            netns: word(52),
        },
        state: word(56),
    }
}

/// Ports that some process listens on.
pub fn listening(owners: &[Owner]) -> HashSet<u16> {
    owners
        .iter()
        .filter(|o| o.state == LISTEN)
        .map(|o| o.tuple.local_port)
        .collect()
}

/// Tells the kernel which end each connection among `owners` is; the connections told.
pub fn tell(bpf: &mut Ebpf, owners: &[Owner], listening: &HashSet<u16>) -> usize {
    let Some(map) = bpf.map_mut("roles") else {
        return 0;
    };
    let Ok(mut roles) = HashMap::<&mut MapData, Tuple, u32>::try_from(map) else {
        return 0;
    };
    let mut told = 0;
    for o in owners
        .iter()
        .filter(|o| o.state == ESTABLISHED || o.state == CLOSE_WAIT)
    {
        // A port that some process of this host listens on, in whatever namespace; a client's port that
        // happens to be one as well is judged by its bytes.
        let role = match (
            listening.contains(&o.tuple.local_port),
            listening.contains(&o.tuple.remote_port),
        ) {
            (true, false) => SERVER,
            (false, true) => CLIENT,
            _ => continue,
        };
        told += usize::from(told < ROLES && roles.insert(o.tuple, role, 0).is_ok());
    }
    told
}
