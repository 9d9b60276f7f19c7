//! Rows of a Parquet file as text, for the generic tables.
//!
//! Owns the conversion of cells; which column means what is `columns`'. Only built with the feature `tables`.

use std::io::Cursor;

use polars::prelude::{AnyValue, Column, ParquetReader, SerReader};

/// One row: column names and the text of their values, nulls left out. Lists are written as in JSON.
pub(super) type Row = Vec<(String, String)>;

/// Reads all rows of a Parquet file.
///
/// # Errors
/// In words, if it is not readable.
pub(super) fn parquet_rows(bytes: &[u8]) -> Result<Vec<Row>, String> {
    // The reader panics on some damaged schemas (time zones, types that the build leaves out), and a file
    // must cost itself only.
    std::panic::catch_unwind(|| read(bytes))
        .unwrap_or_else(|_| Err("damaged, or with a type of column that is not read".to_string()))
}

fn read(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let frame =
        ParquetReader::new(Cursor::new(bytes)).finish().map_err(|error| error.to_string())?;
    (0..frame.height()).map(|number| row(frame.columns(), number)).collect()
}

fn row(columns: &[Column], number: usize) -> Result<Row, String> {
    let mut row = Row::new();
    for column in columns {
        let value = column.get(number).map_err(|error| error.to_string())?;
        let text = match &value {
            AnyValue::Null => continue,
            AnyValue::List(items) => {
                let items: Vec<String> = items.iter().map(|item| text(&item)).collect();
                format!("[{}]", items.join(","))
            }
            other => text(other),
        };
        row.push((column.name().to_string(), text));
    }
    Ok(row)
}

/// A value's text. Numbers are written whole: polars shortens them for people.
fn text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::UInt32(number) => number.to_string(),
        AnyValue::UInt64(number) => number.to_string(),
        AnyValue::Int32(number) => number.to_string(),
        AnyValue::Int64(number) => number.to_string(),
        AnyValue::Float32(number) => number.to_string(),
        AnyValue::Float64(number) => number.to_string(),
        other => other.str_value().into_owned(),
    }
}
