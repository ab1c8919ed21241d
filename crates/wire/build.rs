//! Joins the schema files into one text and makes a constant of every field name in them, so that
//! the crate holds no generated code and no list of files.

use std::{collections::BTreeSet, env, fmt::Write, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=schema");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut files: Vec<PathBuf> = fs::read_dir("schema")
        .expect("the crate has a folder `schema`")
        .map(|entry| entry.expect("readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "kafka"))
        .collect();
    files.sort();
    let mut text = String::new();
    let mut names = BTreeSet::new();
    for file in files {
        let part = fs::read_to_string(&file).expect("schema files are UTF-8");
        names.extend(
            part.lines()
                .filter(|l| l.starts_with(' '))
                .filter_map(|l| l.split_whitespace().next())
                .map(str::to_owned),
        );
        // `!` lines name the file for the parser's messages.
        writeln!(
            text,
            "! {}\n{part}",
            file.file_name().expect("a file").to_string_lossy()
        )
        .expect("writing to a String");
    }
    let mut consts = String::new();
    let mut table = String::from("static NAMES: &[(&str, &str)] = &[(\"\", \"\"),\n");
    for (i, name) in names.iter().enumerate() {
        let snake = snake(name);
        writeln!(
            consts,
            "pub const {}: FieldId = {};",
            snake.to_uppercase(),
            i + 1
        )
        .expect("writing to a String");
        writeln!(table, "(\"{name}\", \"{snake}\"),").expect("writing to a String");
    }
    table.push_str("];\n");
    fs::write(out.join("schema.txt"), text).expect("OUT_DIR is writable");
    fs::write(out.join("field_consts.rs"), consts).expect("OUT_DIR is writable");
    fs::write(out.join("field_names.rs"), table).expect("OUT_DIR is writable");
}

fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
