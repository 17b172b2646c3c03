use super::*;

fn routes_of(text: &str) -> Vec<&str> {
    Pieces::of(text).routes().collect()
}

#[test]
fn routes_are_cut_out_and_the_other_lines_keep_their_numbers() {
    let text = "[node]\nname = \"n\"\n\n[[route]]\nname = \"a\"\n[route.to]\nprefix = \"1\"\n[[trunk]]\nname = \"t\"\n\
                [[route]] # the last\nname = \"b\"";
    let pieces = Pieces::of(text);
    assert_eq!(
        pieces.routes().collect::<Vec<_>>(),
        ["[[route]]\nname = \"a\"\n[route.to]\nprefix = \"1\"\n", "[[route]] # the last\nname = \"b\""]
    );
    assert_eq!(pieces.rest, "[node]\nname = \"n\"\n\n\n\n\n\n[[trunk]]\nname = \"t\"\n\n");
    assert_eq!(
        pieces.chunks().map(|chunk| (chunk.first_line, chunk.before)).collect::<Vec<_>>(),
        [(4, 0), (10, 1)]
    );
}

#[test]
fn neighbours_are_read_together_up_to_a_bound() {
    let text = "[[route]]\nname = \"x\"\n".repeat(AT_ONCE + 1);
    let pieces = Pieces::of(&text);
    let chunks: Vec<_> = pieces.chunks().collect();
    let last = Chunk { text: "[[route]]\nname = \"x\"\n", first_line: 2 * AT_ONCE + 1, before: AT_ONCE };
    assert_eq!((pieces.len(), chunks.len(), chunks[1]), (AT_ONCE + 1, 2, last));
}

#[test]
fn what_only_looks_like_a_header_cuts_nothing() {
    let nested = "[[route]]\nx = [\n  [\"a\"],\n[ 1 ], # ]\n]\n";
    assert_eq!(routes_of(&format!("{nested}[log]\n")), [nested]);
    for text in ["\"\"\"\n[[route]]\n\\\"\"\"\"\n", "'''\n[[route]]\n'''\n"] {
        assert_eq!(routes_of(&format!("x = {text}[[route]]\n")), ["[[route]]\n"], "{text}");
    }
    for text in
        ["[\"route\"]\n", "[[\"route\"]]\n", "[route]\n", "[[routes]]\n", "# [[route]]\n", "route = []\n"]
    {
        assert!(routes_of(text).is_empty(), "{text}");
    }
}

#[test]
fn a_value_that_was_left_open_ends_with_its_route() {
    let open = "[[route]]\nx = [ \"]\"\n";
    assert_eq!(routes_of(&format!("{open}[[route]]\ny = 'it\n[log]\n")), [open, "[[route]]\ny = 'it\n"]);
}

#[test]
fn whatever_is_written_the_pieces_say_what_the_file_says() {
    let parts = [
        "[log]\n",
        "[[trunk]]\n",
        "[[route]]\n",
        "[route.to]\n",
        "[[route.targets]]\n",
        "a = 1\n",
        "b = \"[[route]]\"\n",
        "c = [\n",
        "]\n",
        "[1, 2],\n",
        "\"\"\"\n",
        "d = '''\n",
        "'''\n",
        "# \"\n",
        "[[ route ]]\n",
        "\n",
    ];
    let mut random = 7_u64;
    let mut right = 0;
    for _ in 0..3_000 {
        let text: String = (0..8)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                parts[(random >> 33) as usize % parts.len()]
            })
            .collect();
        let Ok(whole) = text.parse::<toml::Table>() else { continue };
        let pieces = Pieces::of(&text);
        let mut rest: toml::Table = pieces.rest.parse().expect("the rest is TOML");
        if rest.contains_key("route") {
            continue;
        }
        let routes: Vec<toml::Value> = pieces
            .chunks()
            .flat_map(|chunk| {
                let mut table: toml::Table = chunk.text.parse().expect("a chunk is TOML");
                let routes = table.remove("route");
                assert!(table.is_empty(), "{text}");
                routes.and_then(|routes| routes.as_array().cloned()).unwrap_or_default()
            })
            .collect();
        if !routes.is_empty() {
            right += 1;
            rest.insert("route".to_owned(), toml::Value::Array(routes));
        }
        assert_eq!(rest, whole, "{text}");
    }
    assert!(right > 10, "too few of the texts were TOML: {right}");
}
