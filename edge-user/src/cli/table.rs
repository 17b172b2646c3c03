//! Tables for people: columns as wide as what is in them.

use std::io::{self, Write};

/// Writes rows under their headings.
pub(super) fn write<const N: usize>(
    out: &mut impl Write,
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    line(out, headings, widths)?;
    for row in rows {
        line(out, row.each_ref().map(String::as_str), widths)?;
    }
    Ok(())
}

fn line<const N: usize>(out: &mut impl Write, cells: [&str; N], widths: [usize; N]) -> io::Result<()> {
    let mut text = String::new();
    for (cell, width) in cells.into_iter().zip(widths) {
        text.push_str(&format!("{cell:<width$}  "));
    }
    writeln!(out, "{}", text.trim_end())
}
