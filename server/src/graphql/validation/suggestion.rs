//! Names that somebody who wrote an unknown name may have meant.

/// The largest number of names that are suggested.
pub(super) const MAX_SUGGESTIONS: usize = 3;
/// Longer names are not compared. Nobody mistypes them, and comparing takes time.
const MAX_NAME_BYTES: usize = 64;

/// A sentence that suggests names, with a space before it, or nothing.
pub(super) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    if name.len() > MAX_NAME_BYTES {
        return String::new();
    }
    let lower = name.to_lowercase();
    let close = known.filter_map(|known| {
        let distance = strsim::damerau_levenshtein(&lower, &known.to_lowercase());
        (distance <= 1 + name.len() / 4).then_some((distance, known))
    });
    let mut close = close.collect::<Vec<_>>();
    close.sort_unstable();
    let names = close.iter().take(MAX_SUGGESTIONS).map(|(_, name)| format!("\"{name}\""));
    match names.collect::<Vec<_>>().join(" or ") {
        names if names.is_empty() => names,
        names => format!(" Did you mean {names}?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested() {
        let suggest = |name| did_you_mean(name, ["title", "totalTickets", "id"].into_iter());
        assert_eq!(suggest("titel"), " Did you mean \"title\"?");
        assert_eq!(suggest("TITLE"), " Did you mean \"title\"?");
        assert_eq!(suggest("venue"), "");
        assert_eq!(suggest(&"t".repeat(1_000)), "");
    }
}
