//! `px decode` without Python, for debuggers and profilers: `cargo run -p kafkascope-tables --example decode -- FILE...`

use std::{
    io::{BufWriter, Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use kafkascope_tables::decode::{Format, decode_files};

fn main() -> ExitCode {
    let files: Vec<PathBuf> = std::env::args_os()
        .skip(1)
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .collect();
    let decoded = decode_files(&files, Format::Json, &mut BufWriter::new(stdout()));
    let mut err = stderr();
    match decoded {
        Ok(summary) => {
            writeln!(err, "{summary:?}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Err(error) => writeln!(err, "{error}").map_or(ExitCode::FAILURE, |()| ExitCode::FAILURE),
    }
}
