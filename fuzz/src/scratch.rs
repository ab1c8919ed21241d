//! A file with the input's bytes, for what reads files.

use std::{cell::RefCell, fs, path::Path, path::PathBuf};

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn path() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    let id = std::thread::current().id();
    folder.join(format!("kafkascope-fuzz-{}-{id:?}", std::process::id()))
}

/// Calls `read` with the path of a file that holds `data`.
pub fn with_file<T>(data: &[u8], read: impl FnOnce(PathBuf) -> T) -> T {
    thread_local!(static FILE: RefCell<Option<Scratch>> = const { RefCell::new(None) });
    let path = FILE.with_borrow_mut(|f| f.get_or_insert_with(|| Scratch(path())).0.clone());
    fs::write(&path, data).expect("a file in memory");
    read(path)
}
