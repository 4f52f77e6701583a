//! Operations and fragments as wholes: their names, and how they use each other.

use std::collections::{HashMap, HashSet};

use super::check::Check;
use crate::graphql::language::ast::{Fragment, Selection, Spread};

pub(super) fn check(check: &mut Check<'_>) {
    operation_names_are_unique(check);
    fragment_names_are_unique(check);
    fragments_are_used(check);
    fragments_do_not_contain_themselves(check);
}

fn operation_names_are_unique(check: &mut Check<'_>) {
    let operations = &check.document.operations;
    let mut seen = HashSet::new();
    for operation in operations {
        match operation.name {
            None if operations.len() > 1 => check.refuse(
                operation.pos,
                "There is an operation without a name beside others. Name each of them.",
            ),
            Some(name) if !seen.insert(name) => check.refuse(
                operation.pos,
                format!("There is more than one operation named \"{name}\"."),
            ),
            _ => {}
        }
    }
}

fn fragment_names_are_unique(check: &mut Check<'_>) {
    let mut seen = HashSet::new();
    for fragment in &check.document.fragments {
        let name = fragment.name;
        if !seen.insert(name) {
            check
                .refuse(fragment.pos, format!("There is more than one fragment named \"{name}\"."));
        }
    }
}

fn fragments_are_used(check: &mut Check<'_>) {
    let operations = check.document.operations.iter();
    let mut used = HashSet::new();
    let mut unvisited = operations.map(|of| &*of.selections).collect::<Vec<_>>();
    while let Some(selections) = unvisited.pop() {
        for spread in spreads_in(selections) {
            if used.insert(spread.name) {
                unvisited.extend(check.fragments.get(spread.name).map(|of| &*of.selections));
            }
        }
    }
    for fragment in &check.document.fragments {
        if !used.contains(fragment.name) {
            check
                .refuse(fragment.pos, format!("The fragment \"{}\" is never used.", fragment.name));
        }
    }
}

fn fragments_do_not_contain_themselves(check: &mut Check<'_>) {
    let uses = check.fragments.iter().map(|(name, of)| (*name, spreads_in(&of.selections)));
    let uses = uses.collect::<HashMap<_, _>>();
    // Fragments without uses of unfinished ones are finished, until only circles are left.
    let mut users = HashMap::<&str, Vec<&str>>::new();
    let mut open = HashMap::new();
    for (name, spreads) in &uses {
        let known = spreads.iter().filter(|spread| uses.contains_key(spread.name));
        let known = known.map(|spread| spread.name).collect::<HashSet<_>>();
        open.insert(*name, known.len());
        for used in known {
            users.entry(used).or_default().push(name);
        }
    }
    let mut finished = open.iter().filter(|(_, open)| **open == 0).map(|(name, _)| *name);
    let mut finished = finished.by_ref().collect::<Vec<_>>();
    while let Some(name) = finished.pop() {
        open.remove(name);
        for user in users.get(name).into_iter().flatten() {
            if let Some(count) = open.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    finished.push(user);
                }
            }
        }
    }
    for Fragment { pos, name, .. } in &check.document.fragments {
        if open.contains_key(name) {
            check.refuse(*pos, format!("The fragment \"{name}\" contains itself."));
        }
    }
}

/// The fragments that selections use, at any depth.
fn spreads_in<'a>(selections: &'a [Selection<'a>]) -> Vec<&'a Spread<'a>> {
    let mut spreads = Vec::new();
    let mut unvisited = vec![selections];
    while let Some(selections) = unvisited.pop() {
        for selection in selections {
            match selection {
                Selection::Field(of) => unvisited.push(&of.selections),
                Selection::Inline(of) => unvisited.push(&of.selections),
                Selection::Spread(of) => spreads.push(of),
            }
        }
    }
    spreads
}
