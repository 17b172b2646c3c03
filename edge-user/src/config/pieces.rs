//! A file in pieces: its `[[route]]` sections, and all that is left without them.
//!
//! A TOML document takes fifty times the memory of its text, and routes are what there is much of. So they are read a few at a time,
//! and compared by their text before anything is read at all.
//!
//! Invariants: each piece is TOML by itself when the file is, and says the same; the rest has as many lines as the file, so each line
//! keeps its number. A `[[route]]` that is written another way stays in the rest.

use std::borrow::Cow;
use std::ops::Range;

/// Routes that are read at once: enough that nothing is won by more, and two megabytes of documents.
const AT_ONCE: usize = 256;

/// A file, cut.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    pub(super) text: &'a str,
    /// Everything else, with an empty line for each line of a route.
    pub(super) rest: Cow<'a, str>,
    /// Where each route is, with everything up to the next section, and its first line.
    routes: Vec<(Range<usize>, usize)>,
}

/// Neighbouring routes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) text: &'a str,
    /// Number of its first line.
    pub(super) first_line: usize,
    /// How many routes are before it.
    pub(super) before: usize,
}

impl<'a> Pieces<'a> {
    /// Cuts `text`.
    pub(super) fn of(text: &'a str) -> Self {
        let routes = routes(text);
        let mut rest = Cow::Borrowed(text);
        if !routes.is_empty() {
            let mut kept = String::new();
            let mut from = 0;
            for (range, _) in &routes {
                kept.push_str(&text[from..range.start]);
                kept.extend(text[range.clone()].bytes().filter(|byte| *byte == b'\n').map(char::from));
                from = range.end;
            }
            kept.push_str(&text[from..]);
            rest = Cow::Owned(kept);
        }
        Self { text, rest, routes }
    }

    /// The file as it is, for one whose routes are written in two ways.
    pub(super) fn whole(text: &'a str) -> Self {
        Self { text, rest: Cow::Borrowed(text), routes: Vec::new() }
    }

    /// How many routes have been cut out.
    pub(super) const fn len(&self) -> usize {
        self.routes.len()
    }

    /// Neighbouring routes, some at a time.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> {
        let neighbours = self.routes.chunk_by(|(one, _), (next, _)| one.end == next.start);
        let mut before = 0;
        neighbours.flat_map(|run| run.chunks(AT_ONCE)).filter_map(move |chunk| {
            let ((first, first_line), (last, _)) = (chunk.first()?, chunk.last()?);
            let text = &self.text[first.start..last.end];
            before += chunk.len();
            Some(Chunk { text, first_line: *first_line, before: before - chunk.len() })
        })
    }

    /// The text of each route.
    pub(super) fn routes(&self) -> impl DoubleEndedIterator<Item = &'a str> + ExactSizeIterator {
        self.routes.iter().map(|(range, _)| &self.text[range.clone()])
    }
}

/// Finds the routes: from a line `[[route]]` to the next header that is not of a table within it.
fn routes(text: &str) -> Vec<(Range<usize>, usize)> {
    let (mut routes, mut begun, mut at) = (Vec::new(), None, 0);
    let mut value = Value::default();
    for (line, written) in (1_usize..).zip(text.split_inclusive('\n')) {
        let opens = match header(written) {
            // In a list that was left open no `[[route]]` is right, so the next route begins here at any rate.
            Some(Header::Route) if value.quote.is_none() => {
                value = Value::default();
                Some(true)
            }
            Some(Header::Other) if value.is_over() => Some(false),
            Some(Header::Route | Header::Other | Header::WithinRoute) | None => {
                value.read(written.as_bytes());
                None
            }
        };
        if let Some(is_route) = opens {
            routes.extend(begun.take().map(|(start, line)| (start..at, line)));
            begun = is_route.then_some((at, line));
        }
        at += written.len();
    }
    routes.extend(begun.map(|(start, line)| (start..at, line)));
    routes
}

/// What a line in brackets opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// The next route.
    Route,
    /// A table of a route.
    WithinRoute,
    /// Anything else, or a list in a value.
    Other,
}

fn header(line: &str) -> Option<Header> {
    let inner = line.trim_start().strip_prefix('[')?;
    let (twice, inner) = inner.strip_prefix('[').map_or((false, inner), |inner| (true, inner));
    let Some(behind) = inner.trim_start().strip_prefix("route").map(str::trim_start) else {
        return Some(Header::Other);
    };
    if behind.starts_with('.') {
        return Some(Header::WithinRoute);
    }
    let comment = behind.strip_prefix("]]").map(str::trim_start);
    let is_all = twice && comment.is_some_and(|comment| comment.is_empty() || comment.starts_with('#'));
    Some(if is_all { Header::Route } else { Header::Other })
}

/// How far a value goes that may have several lines.
#[derive(Debug, Default)]
struct Value {
    /// Brackets and braces that are open.
    depth: usize,
    /// The quotes that end a text of several lines.
    quote: Option<&'static [u8]>,
}

impl Value {
    const fn is_over(&self) -> bool {
        self.depth == 0 && self.quote.is_none()
    }

    fn read(&mut self, line: &[u8]) {
        let mut rest = line;
        while let Some((first, behind)) = rest.split_first() {
            rest = match self.quote {
                Some(quote) => match rest.strip_prefix(quote) {
                    Some(behind) => {
                        self.quote = None;
                        // Of more than three quotes the last three end the text.
                        let more = if quote.len() > 1 { 2 } else { 0 };
                        let quotes = behind.iter().take(more).take_while(|byte| **byte == quote[0]).count();
                        &behind[quotes..]
                    }
                    None if *first == b'\\' && quote[0] == b'"' => behind.get(1..).unwrap_or_default(),
                    None => behind,
                },
                None => match first {
                    b'#' => return,
                    b'"' | b'\'' => self.begin_text(rest),
                    b'[' | b'{' => {
                        self.depth += 1;
                        behind
                    }
                    b']' | b'}' => {
                        self.depth = self.depth.saturating_sub(1);
                        behind
                    }
                    _ => behind,
                },
            };
        }
        // A text of one line ends with it, whether or not it was closed.
        self.quote = self.quote.filter(|quote| quote.len() > 1);
    }

    /// What is behind the quotes that a text begins with.
    fn begin_text<'b>(&mut self, rest: &'b [u8]) -> &'b [u8] {
        let quotes: [&'static [u8]; 4] = [b"\"\"\"", b"'''", b"\"", b"'"];
        let quote = quotes.into_iter().find(|quote| rest.starts_with(quote));
        self.quote = quote;
        &rest[quote.map_or(1, <[u8]>::len)..]
    }
}

#[cfg(test)]
mod tests;
