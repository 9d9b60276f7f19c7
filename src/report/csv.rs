//! CSV: one table, one header row.
//!
//! Dates are ISO, numbers have no commas, lists are joined by `; `, blank is "does not apply" or "not known".

use std::io;

use super::model::Report;
use super::{Format, View, columns, escape};

/// The format.
pub struct Csv;

impl Format for Csv {
    fn id(&self) -> &'static str {
        "csv"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["csv"]
    }

    fn write(&self, report: &Report, view: &View, out: &mut dyn io::Write) -> io::Result<()> {
        let columns = columns::of(view.table);
        let mut writer = ::csv::Writer::from_writer(out);
        writer.write_record(columns.iter().map(|column| column.name)).map_err(io_error)?;
        columns::rows(report, view.table, &mut |row| {
            for column in columns {
                let cell = escape::csv(&(column.get)(row).plain());
                writer.write_field(cell).map_err(io_error)?;
            }
            writer.write_record(None::<&[u8]>).map_err(io_error)
        })?;
        writer.flush()
    }
}

/// The writer's own error, so that a closed pipe stays one.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
