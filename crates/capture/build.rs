//! Picks the committed eBPF object of the target; no C compiler is needed. `xtask/bpf.sh` makes the objects.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rustc-check-cfg=cfg(ebpf)");
    let set = |name: &str| env::var(name).unwrap_or_default();
    let object = format!("bpf/kafka.{}.bpf.o", set("CARGO_CFG_TARGET_ARCH"));
    if set("CARGO_CFG_TARGET_OS") != "linux" || !PathBuf::from(&object).exists() {
        return;
    }
    let out = PathBuf::from(set("OUT_DIR")).join("kafka.bpf.o");
    if let Err(error) = fs::copy(&object, &out) {
        panic!("{object} cannot be copied to {}: {error}", out.display());
    }
    println!("cargo:rustc-cfg=ebpf");
}
