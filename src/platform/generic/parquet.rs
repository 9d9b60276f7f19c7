//! Rows of a Parquet file as text, for the generic tables.
//!
//! Owns the conversion of cells; which column means what is `columns`'. Only built with the feature `tables`.

use std::io::Cursor;

use polars::prelude::{AnyValue, Column, ParquetReader, SerReader, TimeUnit};

use crate::diagnostic::caught;
use crate::model::Time;

/// One row: column names and the text of their values, nulls left out. Lists are written as in JSON.
pub(super) type Row = Vec<(String, String)>;

/// Reads all rows of a Parquet file.
///
/// # Errors
/// In words, if it is not readable.
pub(super) fn parquet_rows(bytes: &[u8]) -> Result<Vec<Row>, String> {
    // The reader panics on some damaged schemas (time zones, types that the build leaves out), and a file
    // must cost itself only.
    caught(|| read(bytes))
        .unwrap_or_else(|| Err("damaged, or with a type of column that is not read".to_string()))
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

/// A moment, which Parquet counts from the epoch in UTC, whatever zone it is shown in.
fn moment(number: i64, unit: TimeUnit) -> String {
    let seconds = match unit {
        TimeUnit::Nanoseconds => number.div_euclid(1_000_000_000),
        TimeUnit::Microseconds => number.div_euclid(1_000_000),
        TimeUnit::Milliseconds => number.div_euclid(1_000),
    };
    Time::from_seconds(seconds).to_string()
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
        AnyValue::Date(days) => Time::from_seconds(i64::from(*days) * 86_400).date(),
        AnyValue::Datetime(number, unit, _) => moment(*number, *unit),
        AnyValue::DatetimeOwned(number, unit, _) => moment(*number, *unit),
        other => other.str_value().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{
        DataFrame, DataType, IntoColumn, NamedFrom, ParquetWriter, Series, TimeUnit,
    };

    use super::*;

    fn parquet(columns: Vec<Series>) -> Vec<u8> {
        let height = columns[0].len();
        let columns = columns.into_iter().map(IntoColumn::into_column).collect();
        let mut frame = DataFrame::new(height, columns).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        bytes
    }

    #[test]
    fn texts_numbers_dates_and_times_are_read() {
        let times = Series::new("time".into(), [1_772_442_900_000_i64, 0])
            .cast(&DataType::Datetime(TimeUnit::Milliseconds, None))
            .unwrap();
        let days = Series::new("created".into(), [20_514_i32, 0]).cast(&DataType::Date).unwrap();
        let bytes = parquet(vec![
            Series::new("identity".into(), [Some("svc:a"), None]),
            Series::new("count".into(), [7_i64, 8]),
            times,
            days,
        ]);
        let rows = parquet_rows(&bytes).unwrap();
        let cell = |row: usize, name: &str| {
            rows[row].iter().find(|(column, _)| column == name).map(|(_, text)| text.as_str())
        };
        assert_eq!(cell(0, "identity"), Some("svc:a"));
        assert_eq!(cell(1, "identity"), None);
        assert_eq!(cell(0, "count"), Some("7"));
        assert_eq!(cell(0, "time"), Some("2026-03-02T09:15:00Z"));
        assert_eq!(cell(0, "created"), Some("2026-03-02"));
    }

    #[test]
    fn a_damaged_file_costs_itself_only() {
        let bytes = parquet(vec![Series::new("identity".into(), ["svc:a"])]);
        for cut in [0, 4, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(parquet_rows(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
