//! Tables for people: columns as wide as what is in them, and fewer of them where a terminal is too narrow for all.

use std::io::{self, IsTerminal, Write};

use ratatui::crossterm::terminal;

/// Writes rows under their headings.
pub(super) fn write<const N: usize>(
    out: &mut impl Write,
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let widths = widths(headings, rows).map(Some);
    lines(out, headings, rows, widths)
}

/// The same within `columns`, if there are so few: then columns are left out, those in which nothing is, and then the `spare` ones
/// in this order; what is left out is said.
pub(super) fn write_within<const N: usize>(
    out: &mut impl Write,
    columns: Option<usize>,
    spare: &[usize],
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let widths = widths_within(columns, spare, headings, rows);
    lines(out, headings, rows, widths)?;
    let missing: Vec<_> =
        headings.into_iter().zip(widths).filter(|(_, width)| width.is_none()).map(|(name, _)| name).collect();
    match &missing[..] {
        [] => Ok(()),
        missing => writeln!(out, "\nToo narrow for {}: --json has all.", missing.join(", ")),
    }
}

/// How wide each column is within `columns`, and none of those that are left out: the empty ones, and then the `spare` ones in this
/// order.
pub(crate) fn widths_within<const N: usize>(
    columns: Option<usize>,
    spare: &[usize],
    headings: [&str; N],
    rows: &[[String; N]],
) -> [Option<usize>; N] {
    let mut widths = widths(headings, rows).map(Some);
    let is_empty = |column: &usize| rows.iter().all(|row| row[*column] == NOTHING);
    let first = spare.iter().filter(|column| is_empty(column));
    for column in first.chain(spare) {
        let taken: usize = widths.iter().flatten().map(|width| width + GAP.len()).sum();
        if columns.is_none_or(|columns| taken <= columns + GAP.len()) {
            break;
        }
        widths[*column] = None;
    }
    widths
}

/// Columns of the terminal that is written to; none of a file or a pipe.
pub(super) fn terminal_columns() -> Option<usize> {
    let size = io::stdout().is_terminal().then(terminal::size)?;
    size.ok().map(|(columns, _)| usize::from(columns)).filter(|columns| *columns > 0)
}

/// A cell in which nothing is.
pub(super) const NOTHING: &str = "-";

/// Between two columns.
pub(crate) const GAP: &str = "  ";

fn widths<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    })
}

fn lines<const N: usize>(
    out: &mut impl Write,
    headings: [&str; N],
    rows: &[[String; N]],
    widths: [Option<usize>; N],
) -> io::Result<()> {
    line(out, headings, widths)?;
    for row in rows {
        line(out, row.each_ref().map(String::as_str), widths)?;
    }
    Ok(())
}

fn line<const N: usize>(
    out: &mut impl Write,
    cells: [&str; N],
    widths: [Option<usize>; N],
) -> io::Result<()> {
    let mut text = String::new();
    for (cell, width) in cells.into_iter().zip(widths) {
        if let Some(width) = width {
            text.push_str(&format!("{cell:<width$}{GAP}"));
        }
    }
    writeln!(out, "{}", text.trim_end())
}

#[cfg(test)]
mod tests;
