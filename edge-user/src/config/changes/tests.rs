use super::*;

const OLD: &str = r#"
[timers]
try_next = "4s"

[[trunk]]
name = "a"
max_calls = 5
numbers = { country = "44" }

[[trunk]]
name = "b"

[[route]]
name = "one"
priority = true

[[route]]
name = "two"
"#;

fn said(new: &str) -> String {
    Changes::between(OLD, new).to_string()
}

#[test]
fn a_file_changes_nothing_of_itself_whatever_its_lines_are() {
    assert!(Changes::between(OLD, OLD).is_empty());
    let other = OLD.replace("name = \"b\"\n", "# a comment\nname   =   'b'\n");
    assert_eq!(said(&other), "the file says nothing new\n");
}

#[test]
fn each_section_and_key_that_is_new_gone_or_different_is_said() {
    let new = r#"
        [shield]
        mode = "shadow"
        [timers]
        [[trunk]]
        name = "a"
        max_calls = 6
        numbers = { country = "33" }
        [[trunk]]
        name = "c"
        [[route]]
        name = "two"
        [[route]]
        name = "one"
    "#;
    insta::assert_snapshot!(said(new), @r#"
    route one: priority: true -> (none)
    routes: in another order
    shield: mode: (none) -> "shadow"
    timers: try_next: "4s" -> (none)
    trunk a: max_calls: 5 -> 6
    trunk a: numbers: { country = "44" } -> { country = "33" }
    trunk c: added
    trunk b: removed
    "#);
}

#[test]
fn however_much_is_new_it_is_counted_and_not_all_listed() {
    let routes: String = (0..2_000).map(|route| format!("[[route]]\nname = \"r{route}\"\n")).collect();
    let changes = Changes::between("", &routes);
    assert_eq!((changes.count, changes.listed.len()), (2_000, LISTED_MAX));
    assert!(changes.to_string().ends_with("route r999: added\nand 1000 more\n"));
    let long = format!("[log]\nfilter = \"{}\"", "x".repeat(500));
    assert!(Changes::between("", &long).to_string().len() < 200);
}

#[test]
fn of_routes_that_stay_at_both_ends_nothing_is_said() {
    let file = |names: &[&str]| {
        let routes =
            names.iter().map(|name| format!("[[route]]\nname = \"{}\"\nto = \"{name}\"\n", &name[..1]));
        format!("[log]\n{}", routes.collect::<String>())
    };
    let said = |old: &[&str], new: &[&str]| Changes::between(&file(old), &file(new)).to_string();
    let moved = "routes: in another order\n";
    assert_eq!(said(&["a", "b", "c"], &["a", "b", "c"]), "the file says nothing new\n");
    assert_eq!(said(&["a", "b", "c"], &["a", "b2", "c"]), "route b: to: \"b\" -> \"b2\"\n");
    assert_eq!(said(&["a", "b", "c"], &["a", "c"]), "route b: removed\n");
    assert_eq!(said(&["a", "c"], &["a", "b", "c"]), "route b: added\n");
    assert_eq!(said(&["a"], &["b", "a"]), "route b: added\n");
    assert_eq!(said(&["a", "b", "c", "d"], &["a", "c", "b", "d"]), moved);
}
