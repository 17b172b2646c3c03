//! A small picture.

use super::{Line, Panel, svg};

#[test]
fn every_line_is_drawn_within_its_panel() {
    let line = |name, us| Line { name, points: vec![(0.0, us), (0.5, us * 2.0), (1.0, 1e12)] };
    let panel =
        |title: &str| Panel { title: title.to_owned(), lines: vec![line("edge", 1.0), line("other", 5.0)] };
    let picture = svg("title", &[panel("10 %"), panel("50 %")]);
    assert_eq!(picture.matches("<polyline").count(), 4);
    assert_eq!(picture.matches(">edge</text>").count(), 1);
    for place in picture.split("points=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        for point in place.split(' ') {
            let (x, y) = point.split_once(',').unwrap_or_default();
            let (x, y): (f64, f64) = (x.parse().unwrap_or(-1.0), y.parse().unwrap_or(-1.0));
            assert!((60.0..=880.0).contains(&x) && (50.0..=350.0).contains(&y), "{point}");
        }
    }
}
