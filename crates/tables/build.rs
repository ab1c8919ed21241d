//! Makes a struct of every observed table in `catalogue.txt`, so that a row that does not fit the
//! catalogue does not compile.

use std::{env, fmt::Write, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=catalogue.txt");
    let text = fs::read_to_string("catalogue.txt").expect("the crate has a catalogue");
    let mut tables: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut observed = false;
    for line in text
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
    {
        let head = line.split('|').next().expect("split gives one");
        let words: Vec<&str> = head.split_whitespace().collect();
        if let Some(rest) = line.strip_prefix("table ") {
            observed = rest.contains(" observed ");
            if observed {
                tables.push((words[1].to_owned(), Vec::new()));
            }
        } else if observed {
            tables
                .last_mut()
                .expect("a table line comes first")
                .1
                .push((words[0].to_owned(), words[1].to_owned()));
        }
    }
    let mut out = String::new();
    for (index, (table, columns)) in tables.iter().enumerate() {
        write_table(&mut out, index, table, columns).expect("writing to a String");
    }
    writeln!(
        out,
        "/// The tables that the core fills, in the catalogue's order."
    )
    .expect("writing to a String");
    writeln!(
        out,
        "pub static OBSERVED: &[&str] = &{:?};",
        tables.iter().map(|t| &t.0).collect::<Vec<_>>()
    )
    .expect("writing to a String");
    let path = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("rows.rs");
    fs::write(path, out).expect("OUT_DIR is writable");
}

fn write_table(
    out: &mut String,
    index: usize,
    table: &str,
    columns: &[(String, String)],
) -> std::fmt::Result {
    let name: String = table.split(['_', '.']).map(capital).collect();
    writeln!(out, "/// A row of `{table}`.")?;
    writeln!(
        out,
        "#[derive(Clone, Debug, Default)]\npub struct {name}<'a> {{"
    )?;
    writeln!(
        out,
        "    #[doc(hidden)]\n    pub _of: std::marker::PhantomData<&'a ()>,"
    )?;
    for (column, kind) in columns {
        writeln!(out, "    pub {}: {},", field(column), rust_type(kind))?;
    }
    writeln!(out, "}}\nimpl Row for {name}<'_> {{")?;
    writeln!(
        out,
        "    const TABLE: usize = {index};\n    fn write(&self, columns: &mut [Column]) {{"
    )?;
    // one check instead of one for each column
    writeln!(
        out,
        "        let columns: &mut [Column; {}] = columns.try_into().expect(\"a batch has its table's columns\");",
        columns.len()
    )?;
    for (i, (column, kind)) in columns.iter().enumerate() {
        let value = if kind.ends_with('?') {
            format!("self.{}", field(column))
        } else {
            format!("Some(self.{})", field(column))
        };
        let push = match kind.trim_end_matches('?') {
            "i" | "t" => "int",
            "b" => "bool",
            "f" => "float",
            _ => "str",
        };
        writeln!(out, "        columns[{i}].{push}({value});")?;
    }
    let lengths = columns.iter().filter_map(|(column, kind)| match &**kind {
        "s" | "u" => Some(format!("self.{}.len()", field(column))),
        "s?" | "u?" => Some(format!("self.{}.map_or(0, str::len)", field(column))),
        _ => None,
    });
    let lengths: Vec<String> = lengths.collect();
    let sum = match lengths.len() {
        0 => "0".to_owned(),
        _ => lengths.join(" + "),
    };
    writeln!(
        out,
        "    }}\n    fn text(&self) -> usize {{\n        {sum}\n    }}\n}}"
    )
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A column's name as a Rust identifier.
fn field(column: &str) -> String {
    if matches!(column, "type" | "match" | "ref") {
        format!("r#{column}")
    } else {
        column.to_owned()
    }
}

fn rust_type(kind: &str) -> String {
    let plain = match kind.trim_end_matches('?') {
        "i" | "t" => "i64",
        "b" => "bool",
        "f" => "f64",
        "s" | "u" => "&'a str",
        other => panic!("catalogue.txt: unknown type {other}"),
    };
    if kind.ends_with('?') {
        format!("Option<{plain}>")
    } else {
        plain.to_owned()
    }
}
