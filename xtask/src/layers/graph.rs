//! The graph of a folder's entries: its layers, or its circles.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    slice,
};

use super::modules::{Import, Place};

/// A folder's files and subfolders. A file inside of a subfolder counts as the subfolder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    entries: BTreeSet<String>,
    /// The imports of one entry from another, by both.
    pub(super) edges: BTreeMap<(String, String), Vec<Import>>,
}

/// Edges that lead back to the first entry.
pub(super) type Circle = Vec<(String, String)>;

/// All folders of a package, by their path below `src`.
pub(super) fn folders(places: &[Place], imports: &[Import]) -> BTreeMap<Vec<String>, Folder> {
    let mut folders: BTreeMap<Vec<String>, Folder> = BTreeMap::new();
    for place in places {
        for depth in 0..place.len() {
            let folder = folders.entry(place[..depth].to_vec()).or_default();
            folder.entries.insert(place[depth].clone());
        }
    }
    for import in imports {
        let depth = import.from.iter().zip(&import.to).take_while(|(from, to)| from == to).count();
        if let (Some(from), Some(to)) = (import.from.get(depth), import.to.get(depth)) {
            let folder = folders.entry(import.from[..depth].to_vec()).or_default();
            folder.edges.entry((from.clone(), to.clone())).or_default().push(import.clone());
        }
    }
    folders
}

impl Folder {
    /// A list of circles. If each lost its edge with the fewest imports, none would be left.
    pub(super) fn circles(&self) -> Vec<Circle> {
        let mut edges: BTreeSet<&(String, String)> = self.edges.keys().collect();
        let mut circles = Vec::new();
        while let Some(circle) = shortest_circle(&edges) {
            if let Some(weakest) = circle.iter().min_by_key(|edge| self.edges[edge].len()) {
                edges.remove(weakest);
            }
            circles.push(circle);
        }
        circles
    }

    /// The entries in layers, the top first: each uses only entries of later layers. There must be
    /// no circle.
    pub(super) fn layers(&self) -> Vec<Vec<&str>> {
        // The length of the longest chain of entries below each.
        let mut heights: BTreeMap<&str, usize> =
            self.entries.iter().map(|entry| (entry.as_str(), 0)).collect();
        for _ in &self.entries {
            for (from, to) in self.edges.keys() {
                let height = heights[from.as_str()].max(heights[to.as_str()] + 1);
                heights.insert(from, height);
            }
        }
        let top = heights.values().copied().max().unwrap_or_default();
        let entries_at = |height| {
            let here = heights.iter().filter(move |(_, entry_height)| **entry_height == height);
            here.map(|(entry, _)| *entry).collect()
        };
        (0..=top).rev().map(entries_at).collect()
    }
}

fn shortest_circle(edges: &BTreeSet<&(String, String)>) -> Option<Circle> {
    let circles = edges.iter().filter_map(|edge| {
        let mut circle = path(&edge.1, &edge.0, edges)?;
        circle.insert(0, (*edge).clone());
        Some(circle)
    });
    circles.min_by_key(Vec::len)
}

/// The shortest path from one entry to another.
fn path(from: &str, to: &str, edges: &BTreeSet<&(String, String)>) -> Option<Circle> {
    let mut paths = VecDeque::from([(from, Vec::new())]);
    let mut reached = BTreeSet::from([from]);
    while let Some((end, path)) = paths.pop_front() {
        if end == to {
            return Some(path);
        }
        for &edge in edges.iter().filter(|edge| edge.0 == end) {
            if reached.insert(&edge.1) {
                paths.push_back((&edge.1, [&path[..], slice::from_ref(edge)].concat()));
            }
        }
    }
    None
}
