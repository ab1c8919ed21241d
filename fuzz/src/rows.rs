//! What holds of every Arrow batch, whatever the bytes were.

use kafkascope_tables::{Batch, columns::Data};

pub fn check(batches: &[Batch]) {
    for batch in batches {
        for (column, spec) in batch.columns.iter().zip(&batch.table.columns) {
            let name = || format!("{}.{}", batch.table.name, spec.name);
            assert!(spec.nullable || column.nulls == 0, "{} is null", name());
            if let Data::Str { offsets, bytes } = &column.data {
                assert_eq!(offsets.len(), batch.rows + 1, "{}", name());
                let text = std::str::from_utf8(bytes).expect("UTF-8");
                let whole = |o: &_| text.is_char_boundary(*o as usize);
                assert!(offsets.iter().all(whole), "{}", name());
            }
        }
    }
}
