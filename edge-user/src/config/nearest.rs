//! "Did you mean": the known name that a misspelt one is closest to.

/// The candidate nearest to `found`, when it is near enough to have been meant.
pub(crate) fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // A third of the letters may be wrong: more, and the advice would be about another word.
    let tolerance = (found.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(found, candidate), candidate.len().abs_diff(found.len()), candidate))
        .filter(|(distance, ..)| *distance <= tolerance)
        .min()
        .map(|(.., candidate)| candidate.to_owned())
}

/// Edits between two names. One that continues the other is one edit away: `codec` and `codecs`, `media_port`
/// and `media_ports`, `cps` for `max_cps`.
fn distance(found: &str, candidate: &str) -> usize {
    let shorter = found.len().min(candidate.len());
    if shorter >= 3 && (candidate.ends_with(found) || candidate.starts_with(found)) {
        return 1;
    }
    strsim::damerau_levenshtein(&found.to_lowercase(), candidate)
}
