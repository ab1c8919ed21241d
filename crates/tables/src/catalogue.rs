//! The column catalogue, read from the text that every stage shares.

use std::sync::LazyLock;

/// `catalogue.txt`.
pub const CATALOGUE: &str = include_str!("../catalogue.txt");

/// How a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    Bool,
    Int64,
    Float64,
    Utf8,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    pub name: &'static str,
    pub physical: Physical,
    pub nullable: bool,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    pub name: &'static str,
    /// observed, sampled, metadata or derived.
    pub kind: &'static str,
    pub columns: Vec<ColumnSpec>,
}

/// All tables, in the catalogue's order.
pub static TABLES: LazyLock<Vec<TableSpec>> = LazyLock::new(|| parse(CATALOGUE));

/// The tables that the core fills, in the catalogue's order: the numbers of `Row::TABLE`.
pub static OBSERVED: LazyLock<Vec<&'static TableSpec>> =
    LazyLock::new(|| TABLES.iter().filter(|t| t.kind == "observed").collect());

fn parse(text: &'static str) -> Vec<TableSpec> {
    let mut tables: Vec<TableSpec> = Vec::new();
    for line in text
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
    {
        let head = line.split('|').next().unwrap_or_default();
        let words: Vec<&'static str> = head.split_whitespace().collect();
        match (
            line.starts_with("table "),
            words.as_slice(),
            tables.last_mut(),
        ) {
            (true, [_, name, kind], _) => tables.push(TableSpec {
                name,
                kind,
                columns: Vec::new(),
            }),
            (false, [name, kind, ..], Some(table)) => {
                let physical = match kind.trim_end_matches('?') {
                    "b" => Physical::Bool,
                    "i" | "t" => Physical::Int64,
                    "f" => Physical::Float64,
                    _ => Physical::Utf8,
                };
                table.columns.push(ColumnSpec {
                    name,
                    physical,
                    nullable: kind.ends_with('?'),
                });
            }
            _ => panic!("catalogue.txt: {line}"),
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_begins_with_its_time_and_names_columns_once() {
        assert!(TABLES.len() > 10);
        for table in TABLES.iter() {
            assert_eq!(table.columns[0].name, "time_", "{}", table.name);
            let mut names: Vec<_> = table.columns.iter().map(|c| c.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.columns.len(), "{}", table.name);
        }
    }

    #[test]
    fn rows_were_made_for_the_same_tables() {
        let names: Vec<_> = OBSERVED.iter().map(|t| t.name).collect();
        assert_eq!(names, crate::rows::OBSERVED);
    }
}
