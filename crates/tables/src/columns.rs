//! Columns that grow row by row and leave as one batch for each table.

use crate::catalogue::{OBSERVED, Physical, TableSpec};

/// A row of one of the tables that the core fills; made by the build from the catalogue.
pub trait Row {
    /// Index in `catalogue::OBSERVED`.
    const TABLE: usize;
    /// Appends one value to every column.
    fn write(&self, columns: &mut [Column]);
    /// Bytes of its strings.
    fn text(&self) -> usize;
}

/// Values of one column, in Arrow's layout.
#[derive(Clone, Debug)]
pub struct Column {
    pub data: Data,
    /// One bit a row, set where a value is; absent while no value is missing.
    pub valid: Option<Vec<u8>>,
    pub nulls: usize,
    rows: usize,
}

#[derive(Clone, Debug)]
pub enum Data {
    /// One bit a row.
    Bool(Vec<u8>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Str {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
    },
}

impl Column {
    pub fn new(physical: Physical) -> Self {
        let data = match physical {
            Physical::Bool => Data::Bool(Vec::new()),
            Physical::Int64 => Data::Int(Vec::new()),
            Physical::Float64 => Data::Float(Vec::new()),
            Physical::Utf8 => Data::Str {
                offsets: vec![0],
                bytes: Vec::new(),
            },
        };
        Column {
            data,
            valid: None,
            nulls: 0,
            rows: 0,
        }
    }

    /// Without values, with room for some more than this has: a column that grows from nothing is copied
    /// as often as its length doubles, and one that has just too little room once more.
    fn again(&self) -> Self {
        let room = |len: usize| len + len / 4;
        let data = match &self.data {
            Data::Bool(bits) => Data::Bool(Vec::with_capacity(room(bits.len()))),
            Data::Int(values) => Data::Int(Vec::with_capacity(room(values.len()))),
            Data::Float(values) => Data::Float(Vec::with_capacity(room(values.len()))),
            Data::Str { offsets, bytes } => {
                let mut begun = Vec::with_capacity(room(offsets.len()));
                begun.push(0);
                Data::Str {
                    offsets: begun,
                    bytes: Vec::with_capacity(room(bytes.len())),
                }
            }
        };
        Column {
            data,
            valid: None,
            nulls: 0,
            rows: 0,
        }
    }

    #[inline]
    pub fn int(&mut self, value: Option<i64>) {
        self.validity(value.is_some());
        if let Data::Int(values) = &mut self.data {
            values.push(value.unwrap_or(0));
        }
    }

    #[inline]
    pub fn float(&mut self, value: Option<f64>) {
        self.validity(value.is_some());
        if let Data::Float(values) = &mut self.data {
            values.push(value.unwrap_or(0.0));
        }
    }

    #[inline]
    pub fn bool(&mut self, value: Option<bool>) {
        let row = self.rows;
        self.validity(value.is_some());
        if let Data::Bool(bits) = &mut self.data {
            set(bits, row, value.unwrap_or(false));
        }
    }

    #[inline]
    pub fn str(&mut self, value: Option<&str>) {
        self.validity(value.is_some());
        if let Data::Str { offsets, bytes } = &mut self.data {
            bytes.extend_from_slice(value.unwrap_or("").as_bytes());
            // `Batches` ends a batch long before an offset would not fit
            offsets.push(bytes.len() as i32);
        }
    }

    #[inline]
    fn validity(&mut self, present: bool) {
        if !present || self.valid.is_some() {
            self.mark(present);
        }
        self.rows += 1;
    }

    fn mark(&mut self, present: bool) {
        let bits = self
            .valid
            .get_or_insert_with(|| vec![0xff; self.rows.div_ceil(8)]);
        set(bits, self.rows, present);
        self.nulls += usize::from(!present);
    }

    fn size(&self) -> usize {
        match &self.data {
            Data::Str { bytes, .. } => bytes.len() + 4 * self.rows,
            Data::Bool(bits) => bits.len(),
            Data::Int(_) | Data::Float(_) => 8 * self.rows,
        }
    }
}

fn set(bits: &mut Vec<u8>, row: usize, value: bool) {
    if row / 8 == bits.len() {
        bits.push(0);
    }
    let mask = 1 << (row % 8);
    bits[row / 8] = if value {
        bits[row / 8] | mask
    } else {
        bits[row / 8] & !mask
    };
}

/// Rows of one table.
#[derive(Clone, Debug)]
pub struct Batch {
    pub table: &'static TableSpec,
    pub columns: Vec<Column>,
    pub rows: usize,
}

impl Batch {
    pub fn new(table: &'static TableSpec) -> Self {
        Batch {
            table,
            columns: table
                .columns
                .iter()
                .map(|c| Column::new(c.physical))
                .collect(),
            rows: 0,
        }
    }

    /// Without rows, with room for as many.
    fn again(&self) -> Self {
        Batch {
            table: self.table,
            columns: self.columns.iter().map(Column::again).collect(),
            rows: 0,
        }
    }

    pub fn size(&self) -> usize {
        self.columns.iter().map(Column::size).sum()
    }
}

/// The batches that grow now, one for each table.
pub struct Batches {
    batches: Vec<Batch>,
    /// Bytes of all batches above which rows are refused.
    limit: usize,
    bytes: usize,
    /// Rows refused since the batches were last taken, and ever.
    refused: u64,
    refused_ever: u64,
}

/// What one batch may hold, far below where 32-bit string offsets end.
const BATCH: usize = 1 << 30;

impl Batches {
    pub fn new(limit: usize) -> Self {
        Batches {
            batches: OBSERVED.iter().map(|t| Batch::new(t)).collect(),
            limit: limit.min(BATCH),
            bytes: 0,
            refused: 0,
            refused_ever: 0,
        }
    }

    /// Appends a row, unless the batches are full: nobody takes them.
    pub fn push<R: Row>(&mut self, row: &R) {
        if self.bytes >= self.limit {
            self.refused += 1;
            self.refused_ever += 1;
            return;
        }
        self.push_always(row);
    }

    /// Appends a row of which there are few: those that say what was lost.
    pub fn push_always<R: Row>(&mut self, row: &R) {
        let batch = &mut self.batches[R::TABLE];
        row.write(&mut batch.columns);
        batch.rows += 1;
        self.bytes += row.text() + 8 * batch.columns.len();
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn rows(&self) -> usize {
        self.batches.iter().map(|b| b.rows).sum()
    }

    /// Rows refused since this was last asked.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    pub fn refused_ever(&self) -> u64 {
        self.refused_ever
    }

    /// The batches that have rows; the next rows begin new ones.
    pub fn take(&mut self) -> Vec<Batch> {
        self.bytes = 0;
        let full = self.batches.iter_mut().filter(|b| b.rows > 0);
        full.map(|b| {
            let next = b.again();
            std::mem::replace(b, next)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_begins_with_the_first_null() {
        let mut column = Column::new(Physical::Int64);
        (0..9).for_each(|i| column.int(Some(i)));
        assert_eq!(column.valid, None);
        column.int(None);
        column.int(Some(1));
        assert_eq!(column.valid.as_deref(), Some(&[0xff, 0b1111_1101][..]));
        assert_eq!(column.nulls, 1);
    }

    #[test]
    fn bits_of_booleans() {
        let mut column = Column::new(Physical::Bool);
        for i in 0..10 {
            column.bool(Some(i % 3 == 0));
        }
        assert!(matches!(&column.data, Data::Bool(bits) if bits == &[0b0100_1001, 0b10]));
    }
}
