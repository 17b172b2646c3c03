//! Draws a [`View`]: a line about the node, rates, trunks beside drops, calls below.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Table};

use crate::admin::{Call, Trunk};
use crate::cli::table::{GAP, widths_within};

use super::order::Order;
use super::view::{View, sum};

/// Rows that trunks and drops may take, with their headings and borders; the rest is the calls'.
const UPPER_ROWS_MAX: usize = 12;

pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let wanted = view.now.trunks.len().max(view.drops().len()) + 3;
    let upper = u16::try_from(wanted.clamp(4, UPPER_ROWS_MAX)).unwrap_or(u16::MAX);
    let rows = [
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(upper),
        Constraint::Min(3),
        Constraint::Length(1),
    ];
    let [head, rates, upper, calls, keys] = Layout::vertical(rows).areas(frame.area());
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(62), Constraint::Percentage(38)]).areas(upper);
    frame.render_widget(Paragraph::new(heading(view, head.width.into())), head);
    frame.render_widget(Paragraph::new(figures(view)), rates);
    draw_trunks(frame, view, left);
    draw_drops(frame, view, right);
    draw_calls(frame, view, calls);
    frame.render_widget(Paragraph::new(help(view)), keys);
}

/// What the keys do; the order that holds stands out.
fn help(view: &View) -> Line<'static> {
    let (dim, bold) = (Style::new().add_modifier(Modifier::DIM), Style::new().add_modifier(Modifier::BOLD));
    let mut line = vec![Span::styled("sort by", dim)];
    for (key, order) in Order::ALL {
        let style = if order == view.order { bold } else { dim };
        line.push(Span::styled(format!(" {key} {}", order.name()), style));
    }
    line.push(Span::styled(format!("   + - every {} s   q quits", view.every_s), dim));
    Line::from(line)
}

/// What does not fit is left out from the end.
fn heading(view: &View, columns: usize) -> Line<'static> {
    let node = &view.now.node;
    let name = Style::new().add_modifier(Modifier::BOLD);
    let mut line = vec![Span::styled(node.name.clone(), name), Span::raw("  ")];
    for (device, mode) in &node.devices {
        let color = if mode == "native" { Color::Green } else { Color::Yellow };
        line.push(Span::styled(format!("{device}: {mode}  "), Style::new().fg(color)));
    }
    if node.draining {
        line.push(Span::styled("draining  ", Style::new().fg(Color::Yellow)));
    }
    if let Some(problem) = &view.problem {
        line.push(Span::styled(format!("{problem}  "), Style::new().fg(Color::Red)));
    }
    let about = [
        format!("edge {}", node.version),
        format!(" since {}", node.started),
        format!(", {} shards", node.shards),
    ];
    let mut line = Line::from(line);
    for part in about {
        if line.width() + part.chars().count() > columns {
            break;
        }
        line.push_span(part);
    }
    line
}

fn figures(view: &View) -> Vec<Line<'static>> {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    let signalling = format!(
        "calls {}   new/s {}   refused/s {}   messages/s {}",
        view.now.process("calls_standing"),
        rate(view.rate(|at| at.process("calls_started"))),
        rate(view.rate(|at| at.process("calls_refused"))),
        rate(view.rate(|at| at.process("requests"))),
    );
    let handling = view.now.counted.process.as_ref().map(|process| process.handling_us);
    let handling =
        handling.map_or_else(String::new, |us| format!("   handled p50 {:.0} p99 {:.0} us", us.p50, us.p99));
    let media = format!(
        "packets relayed/s {}   dropped/s {}",
        rate(view.rate(|at| sum(&at.counted.relay))),
        rate(view.rate(|at| sum(&at.counted.drop))),
    );
    let added = view.added_latency().map_or_else(String::new, |latency| {
        let us = |part| latency.quantile_us(part).unwrap_or_default();
        format!("   delayed here p50 {:.1} p99 {:.1} us", us(0.5), us(0.99))
    });
    vec![Line::raw(signalling + &handling), Line::raw(media + &added)]
}

fn draw_trunks(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let row = |trunk: &Trunk| {
        let most = trunk.max_calls.map_or_else(|| "-".to_owned(), |most| most.to_string());
        let target = trunk.targets.first().cloned().unwrap_or_else(|| "unknown yet".to_owned());
        [trunk.name.clone(), target, trunk.state.clone(), trunk.calls.to_string(), most]
    };
    let headings = ["TRUNK", "NOW AT", "STATE", "CALLS", "OF"];
    draw_table(frame, area, "trunks", (headings, &[1, 4]), view.now.trunks.iter().map(row));
}

fn draw_drops(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let drops = view.drops();
    let rows = drops.iter().map(|(reason, packets, rate)| {
        let rate = rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
        [(*reason).to_owned(), packets.to_string(), rate]
    });
    draw_table(frame, area, "dropped packets", (["REASON", "PACKETS", "/S"], &[1]), rows);
}

fn draw_calls(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let (from, all) = (view.first_call + 1, view.now.calls.len());
    let title = format!("calls by {}, from {from} of {all}", view.order.name());
    let title = if view.now.calls.is_empty() { "calls".to_owned() } else { title };
    let rows = view.now.calls.iter().skip(view.first_call).map(Call::summary);
    draw_table(frame, area, &title, (Call::HEADINGS, &CALLS_SPARE), rows);
}

/// Columns of calls that a narrow screen does without, in this order: codec, caller, phase, what each side reports, and what is
/// received of it.
const CALLS_SPARE: [usize; 7] = [7, 5, 1, 10, 11, 8, 9];

/// A table whose columns are as wide as what is seen of it; where the area is too narrow for that, without some of the spare ones.
fn draw_table<const N: usize>(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    (headings, spare): ([&str; N], &[usize]),
    rows: impl Iterator<Item = [String; N]>,
) {
    // What is below the edge of the area is not drawn, and need not be laid out.
    let rows: Vec<[String; N]> = rows.take(area.height.into()).collect();
    let block = Block::bordered().title(format!(" {title} "));
    let widths = widths_within(Some(block.inner(area).width.into()), spare, headings, &rows);
    let shown = |cells: [String; N]| {
        Row::new(cells.into_iter().zip(widths).filter(|(_, width)| width.is_some()).map(|(cell, _)| cell))
    };
    let heading = shown(headings.map(str::to_owned)).style(Style::new().add_modifier(Modifier::DIM));
    let lengths =
        widths.into_iter().flatten().map(|width| Constraint::Max(u16::try_from(width).unwrap_or(u16::MAX)));
    let table = Table::new(rows.into_iter().map(shown), lengths).header(heading).block(block);
    let gap = u16::try_from(GAP.len()).unwrap_or(1);
    frame.render_widget(table.column_spacing(gap), area);
}
