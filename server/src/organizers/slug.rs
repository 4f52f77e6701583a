//! Slugs, which name organizers in addresses.

use std::iter;

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::field_problem::FieldProblem;

/// Maximum length, in characters. The database has the same limit.
const MAX_SLUG_CHARS: usize = 60;
/// Maximum length of a slug that is made from a name. There is room for a number behind it.
const MAX_CHARS_FROM_NAME: usize = 50;
/// Slugs that would have the address of another page.
const RESERVED: [&str; 2] = ["events", "new"];
/// Number of slugs that are made from one name. They end with numbers, except for the last one.
const CANDIDATES: usize = 50;

/// `slug` as somebody chose it.
pub(super) fn slug_problem(slug: &str) -> Option<FieldProblem> {
    let message = if slug.len() > MAX_SLUG_CHARS {
        format!("The short name has at most {MAX_SLUG_CHARS} characters.")
    } else if !is_well_formed(slug) {
        "The short name has letters from a to z and digits, and single hyphens only between them."
            .to_owned()
    } else if RESERVED.contains(&slug) {
        "The site's own pages use this short name. Please choose another.".to_owned()
    } else {
        return None;
    };
    Some(FieldProblem::new("slug", message))
}

/// The problem of a slug that another organizer has.
pub(super) fn taken() -> FieldProblem {
    FieldProblem::new("slug", "Another organizer has this short name. Please choose another.")
}

fn is_well_formed(slug: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    slug.split('-').all(is_part)
}

/// Slugs for an organizer with this name, best first. The last one is random, so it is free.
pub(super) fn candidates(name: &str) -> Vec<String> {
    let base = from_name(name);
    let Some(base) = base else { return vec![random()] };
    let numbered = (2..CANDIDATES).map(|number| format!("{base}-{number}"));
    iter::once(base.clone())
        .filter(|slug| !RESERVED.contains(&slug.as_str()))
        .chain(numbered)
        .chain(iter::once(format!("{base}-{}", random())))
        .collect()
}

/// The letters and digits of a name, in ASCII, with hyphens for what is between them. `None` if
/// nothing is left.
fn from_name(name: &str) -> Option<String> {
    let (cases, nfkd) = (CaseMapper::new(), DecomposingNormalizerBorrowed::new_nfkd());
    let letters = cases.fold_string(&nfkd.normalize(name)).into_owned();
    let mut slug = String::new();
    for c in nfkd.normalize(&letters).chars() {
        if slug.len() >= MAX_CHARS_FROM_NAME {
            break;
        }
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            // An accent, or a letter of another script, leaves no gap in a word. Nor does an
            // apostrophe.
            '\u{300}'..='\u{36f}' | '\'' | '’' => {}
            c if c.is_alphanumeric() => {}
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// Eight letters and digits that nobody else has.
fn random() -> String {
    format!("{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_from_the_letters_and_digits_of_a_name() {
        for (name, slug) in [
            ("Blue Door", "blue-door"),
            ("  The — Vault!  ", "the-vault"),
            ("O'Brien’s Pub & Grill", "obriens-pub-grill"),
            ("Café Zürich", "cafe-zurich"),
            ("Straße №5", "strasse-no5"),
            ("ＦＵＬＬ ﬁlm", "full-film"),
            ("Kino 東京 9", "kino-9"),
            ("İstanbul", "istanbul"),
            ("a_b.c", "a-b-c"),
        ] {
            assert_eq!(from_name(name).as_deref(), Some(slug), "{name}");
            assert_eq!(slug_problem(slug), None, "{slug}");
        }
    }

    #[test]
    fn a_name_without_such_letters_gets_a_random_slug() {
        for name in ["東京", "🎟🎟", "Театр"] {
            assert_eq!(from_name(name), None, "{name}");
            let slugs = candidates(name);
            assert_eq!(slugs.len(), 1, "{slugs:?}");
            assert_eq!(slug_problem(&slugs[0]), None, "{slugs:?}");
        }
    }

    #[test]
    fn every_candidate_is_a_slug_and_all_differ() {
        for name in ["Blue Door", "Events", &"long name ".repeat(20), &"x".repeat(100)] {
            let slugs = candidates(name);
            for slug in &slugs {
                assert_eq!(slug_problem(slug), None, "{slug}");
            }
            let different: std::collections::HashSet<_> = slugs.iter().collect();
            assert_eq!(different.len(), slugs.len());
        }
        assert_eq!(candidates("Blue Door")[..2], ["blue-door", "blue-door-2"]);
        assert_eq!(candidates("Events")[0], "events-2", "/organize/events has another page");
    }

    #[test]
    fn a_chosen_slug_has_small_letters_digits_and_single_hyphens() {
        for good in ["a", "blue-door", "7", "a1-2b-c", &"x".repeat(60)] {
            assert_eq!(slug_problem(good), None, "{good}");
        }
        let long = "x".repeat(61);
        for bad in
            ["", "-a", "a-", "a--b", "Blue", "ä", "a b", "a_b", "a\0", "events", "new", &long]
        {
            assert!(slug_problem(bad).is_some(), "{bad:?}");
        }
    }
}
