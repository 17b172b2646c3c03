//! A file of a few values, read again.

use hdrhistogram::Histogram;

use super::{points, write};

#[test]
fn a_file_has_each_percentile_once_and_ends_with_the_highest_value() {
    let mut latency = Histogram::<u64>::new(3).unwrap_or_else(|error| unreachable!("{error}"));
    for value in 1..=1000 {
        latency += value * 1000;
    }
    let directory = std::env::temp_dir();
    let name = format!("edge-bench-{}", std::process::id());
    let file = write(&directory, &name, &latency).unwrap_or_else(|error| unreachable!("{error}"));
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    let rows: Vec<&str> = text.lines().skip(2).take_while(|line| !line.starts_with('#')).collect();
    assert_eq!(rows.len(), points(&latency).len());
    let last: Vec<&str> = rows.last().map(|row| row.split_whitespace().collect()).unwrap_or_default();
    assert_eq!(last[1..], ["1.000000000000", "1000"]);
    assert!(text.contains("Total count    =         1000]"), "{text}");
}
