//! Latency by percentile, drawn: one panel for each load, one line for each relay.

use std::fmt::Write as _;

use crate::histogram::Point;

/// A line of a panel.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<Point>,
}

/// Lines under a title.
pub(super) struct Panel<'a> {
    pub(super) title: String,
    pub(super) lines: Vec<Line<'a>>,
}

const PANEL: (f64, f64) = (380.0, 300.0);
const MARGIN: (f64, f64) = (60.0, 50.0);
const LEGEND: f64 = 30.0;
/// Decades of latency that are shown, in microseconds: 0.1 us to 1 s.
const DECADES: (i32, i32) = (-1, 6);
/// Nines of the percentile that are shown.
const NINES: f64 = 5.0;
/// Colours that people who see colours differently tell apart, too (Okabe and Ito).
const COLOURS: [&str; 8] =
    ["#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"];

/// The picture as SVG.
pub(super) fn svg(title: &str, panels: &[Panel<'_>]) -> String {
    let width = panels.len() as f64 * (PANEL.0 + MARGIN.0) + MARGIN.0;
    let height = PANEL.1 + 2.0 * MARGIN.1 + LEGEND;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{}\" y=\"18\" font-size=\"14\">{title}</text>\n",
        MARGIN.0
    );
    for (column, panel) in (0..).zip(panels) {
        let left = MARGIN.0 + f64::from(column) * (PANEL.0 + MARGIN.0);
        draw(&mut svg, left, panel);
    }
    if let Some(panel) = panels.first() {
        for (number, line) in panel.lines.iter().enumerate() {
            let (x, y) = (MARGIN.0 + number as f64 * 180.0, height - 12.0);
            let colour = COLOURS[number % COLOURS.len()];
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>",
                y - 6.0
            );
            let _ = writeln!(svg, "<text x=\"{}\" y=\"{y}\">{}</text>", x + 20.0, line.name);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, left: f64, panel: &Panel<'_>) {
    let top = MARGIN.1;
    let (right, bottom) = (left + PANEL.0, top + PANEL.1);
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{}</text>", top - 8.0, panel.title);
    for decade in DECADES.0..=DECADES.1 {
        let y = height_of(10_f64.powi(decade));
        let label = match decade {
            ..3 => format!("{} us", 10_f64.powi(decade)),
            3..6 => format!("{} ms", 10_f64.powi(decade - 3)),
            6.. => format!("{} s", 10_f64.powi(decade - 6)),
        };
        let _ = writeln!(svg, "<path d=\"M{left} {y}H{right}\" stroke=\"#ddd\"/>");
        let _ =
            writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", left - 5.0, y + 4.0);
    }
    for (nines, label) in (0_u32..).zip(["0", "90", "99", "99.9", "99.99", "99.999"]) {
        let x = left + f64::from(nines) / NINES * PANEL.0;
        let _ = writeln!(svg, "<path d=\"M{x} {top}V{bottom}\" stroke=\"#ddd\"/>");
        let _ =
            writeln!(svg, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{label} %</text>", bottom + 15.0);
    }
    for (number, line) in panel.lines.iter().enumerate() {
        let place = |(percentile, us): &Point| {
            let nines = -(1.0 - percentile).max(10_f64.powf(-NINES)).log10();
            format!("{:.1},{:.1}", left + nines / NINES * PANEL.0, height_of(*us))
        };
        let places: Vec<String> = line.points.iter().map(place).collect();
        let colour = COLOURS[number % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            places.join(" ")
        );
    }
}

/// Where a latency is drawn; what is outside is at the edge.
fn height_of(us: f64) -> f64 {
    let (lowest, highest) = (f64::from(DECADES.0), f64::from(DECADES.1));
    let part = (us.max(1e-9).log10().clamp(lowest, highest) - lowest) / (highest - lowest);
    MARGIN.1 + (1.0 - part) * PANEL.1
}

#[cfg(test)]
mod tests;
