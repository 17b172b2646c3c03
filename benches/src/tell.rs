//! What all benches have in common: how often they measure, and how they tell what they found.

use std::fmt::Display;

use clap::Args;

/// How often and how long, for benches that place calls.
#[derive(Debug, Clone, Copy, Args)]
pub struct Turns {
    /// Rounds over all that is measured; medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Seconds of calls in each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub seconds: u32,
    /// How to tell.
    #[command(flatten)]
    pub telling: Telling,
}

/// How to tell.
#[derive(Debug, Clone, Copy, Args)]
pub struct Telling {
    /// Prints every value as one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

impl Telling {
    /// Prints a report for people, and what `json` makes of it where that is asked for.
    pub fn tell<R: Display, J: Display>(self, report: &R, json: impl FnOnce(&R) -> J) {
        println!("{report}");
        if self.json {
            println!("{}", json(report));
        }
    }
}

/// The middle one of some values.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A value that may be missing.
pub(crate) fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}
