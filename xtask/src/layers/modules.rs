//! The modules of a package, and their imports from each other.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    slice,
};

use anyhow::{Context, Result, bail};

use super::source::{self, Binds, Declaration, ModuleSource};

/// The modules of a package's library and programs.
pub(super) struct Modules {
    modules: Vec<Module>,
    /// The library's name in code, and its root.
    library: Option<(String, usize)>,
}

struct Module {
    /// Its path from the crate's root.
    path: Vec<String>,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    file: PathBuf,
    /// Whether it is a part of its parent's file.
    is_inline: bool,
    /// The folder of its children's files.
    folder: PathBuf,
    source: ModuleSource,
}

/// The root of a crate.
pub(super) struct Root {
    pub(super) file: PathBuf,
    /// A library's name in code.
    pub(super) library_name: Option<String>,
}

/// A file below `src`: the folders that lead to it, then its name without `.rs`.
pub(super) type Place = Vec<String>;

/// A use of something that another file defines.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) file: PathBuf,
    pub(super) line: usize,
    /// As written in the code.
    pub(super) path: String,
}

/// The target of a path.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// An item that this module defines.
    ItemOf(usize),
    /// Part of another package.
    External,
}

impl Modules {
    /// Reads crates, starting at their roots. `read` returns a file's text if the file exists.
    pub(super) fn load(roots: &[Root], read: impl Fn(&Path) -> Option<String>) -> Result<Self> {
        let read = |file: &Path| -> Result<Option<ModuleSource>> {
            let source = read(file).map(|text| source::read(&text));
            source.transpose().with_context(|| format!("reading {}", file.display()))
        };
        let mut found = Self { modules: Vec::new(), library: None };
        for Root { file, library_name } in roots {
            if let Some(name) = library_name {
                found.library = Some((name.clone(), found.modules.len()));
            }
            let mut unread = vec![Module {
                path: Vec::new(),
                parent: None,
                children: BTreeMap::new(),
                file: file.clone(),
                is_inline: false,
                folder: file.parent().context("a crate's root is in a folder")?.to_owned(),
                source: read(file)?.with_context(|| format!("{} is missing", file.display()))?,
            }];
            while let Some(mut module) = unread.pop() {
                let id = found.modules.len();
                unread.extend(module.children(id, read)?);
                if let (Some(parent), Some(name)) = (module.parent, module.path.last()) {
                    found.modules[parent].children.insert(name.clone(), id);
                }
                found.modules.push(module);
            }
        }
        Ok(found)
    }

    pub(super) fn places(&self) -> Vec<Place> {
        (0..self.modules.len()).map(|id| self.place(id)).collect()
    }

    /// All imports between files. A name that a folder re-exports from inside itself counts as
    /// imported from the file that defines it. `mod name;` is no import, except in a crate's root,
    /// which is above everything.
    pub(super) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (id, module) in self.modules.iter().enumerate() {
            let mut add = |target: usize, line: usize, path: String| {
                let target_file = &self.modules[target].file;
                if *target_file != module.file {
                    let (from, to) = (self.place(id), self.place(target));
                    imports.push(Import { from, to, file: module.file.clone(), line, path });
                }
            };
            let source = &module.source;
            for import in &source.uses {
                let target = match self.resolve(id, &import.path.segments, &mut Vec::new()) {
                    Target::ItemOf(target) => target,
                    Target::Module(target) if import.binds == Binds::Glob || import.is_reexport => {
                        target
                    }
                    // Paths that start with the imported module count instead.
                    Target::Module(_) | Target::External => continue,
                };
                if !(import.is_reexport && self.is_in(target, id)) {
                    add(target, import.path.line, import.path.to_string());
                }
            }
            for path in &source.paths {
                let target = match self.resolve(id, &path.segments, &mut Vec::new()) {
                    Target::ItemOf(target) => target,
                    // A single name is not a module, but another item with the module's name.
                    Target::Module(target)
                        if path.segments.len() > 1 || source.reexports(&path.segments[0]) =>
                    {
                        target
                    }
                    Target::Module(_) | Target::External => continue,
                };
                if !self.is_imported_item(id, &path.segments[0]) {
                    add(target, path.line, path.to_string());
                }
            }
            if module.parent.is_none() {
                for declaration in &source.child_files {
                    let child = module.children[&declaration.name];
                    add(child, declaration.line, format!("mod {}", declaration.name));
                }
            }
        }
        imports.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        imports
    }

    /// Whether a name comes from a private `use` of an item, which is counted on its own.
    fn is_imported_item(&self, id: usize, name: &str) -> bool {
        let mut uses = self.modules[id].source.uses.iter();
        uses.find(|import| import.binds_name(name) && !import.is_reexport).is_some_and(|import| {
            let target = self.resolve(id, &import.path.segments, &mut Vec::new());
            matches!(target, Target::ItemOf(_))
        })
    }

    /// Follows a path in the code of the module `from`.
    fn resolve(
        &self,
        from: usize,
        segments: &[String],
        visited: &mut Vec<(usize, String)>,
    ) -> Target {
        let Some((first, rest)) = segments.split_first() else { return Target::External };
        let mut target = match first.as_str() {
            "crate" => Target::Module(self.root(from)),
            "self" => Target::Module(from),
            "super" => self.parent(from),
            name => match (self.find(from, name, visited), &self.library) {
                (Some(target), _) => target,
                (None, Some((library, root))) if library == name => Target::Module(*root),
                (None, _) => Target::External,
            },
        };
        for name in rest {
            target = match target {
                Target::Module(module) if name == "super" => self.parent(module),
                Target::Module(module) => match self.find(module, name, visited) {
                    Some(Target::ItemOf(found)) if self.is_in(found, module) => {
                        Target::ItemOf(found)
                    }
                    Some(Target::Module(found)) if self.is_in(found, module) => {
                        Target::Module(found)
                    }
                    // A re-export from elsewhere, or an item that a macro defines.
                    _ => Target::ItemOf(module),
                },
                Target::ItemOf(_) | Target::External => return target,
            };
        }
        target
    }

    /// The meaning of a name in a module.
    fn find(&self, id: usize, name: &str, visited: &mut Vec<(usize, String)>) -> Option<Target> {
        let key = (id, name.to_owned());
        if visited.contains(&key) {
            return None;
        }
        visited.push(key);
        let module = &self.modules[id];
        if let Some(child) = module.children.get(name) {
            return Some(Target::Module(*child));
        }
        if module.source.items.contains(name) {
            return Some(Target::ItemOf(id));
        }
        let uses = &module.source.uses;
        if let Some(import) = uses.iter().find(|import| import.binds_name(name)) {
            return Some(self.resolve(id, &import.path.segments, visited));
        }
        let mut globs = uses.iter().filter(|import| import.binds == Binds::Glob);
        globs.find_map(|import| match self.resolve(id, &import.path.segments, visited) {
            Target::Module(module) => self.find(module, name, visited),
            Target::ItemOf(_) | Target::External => None,
        })
    }

    fn root(&self, id: usize) -> usize {
        self.modules[id].parent.map_or(id, |parent| self.root(parent))
    }

    fn parent(&self, id: usize) -> Target {
        self.modules[id].parent.map_or(Target::External, Target::Module)
    }

    /// Whether a module is `outer` or inside of it.
    fn is_in(&self, id: usize, outer: usize) -> bool {
        let parent = self.modules[id].parent;
        id == outer || parent.is_some_and(|parent| self.is_in(parent, outer))
    }

    /// The module's file. A module with files below it is `mod` in its folder.
    fn place(&self, id: usize) -> Place {
        let module = &self.modules[id];
        match module.parent {
            Some(parent) if module.is_inline => self.place(parent),
            Some(_) => {
                let is_below = |other: &Module| {
                    !other.is_inline
                        && other.path.len() > module.path.len()
                        && other.path.starts_with(&module.path)
                };
                let mut place = module.path.clone();
                if self.modules.iter().any(is_below) {
                    place.push("mod".to_owned());
                }
                place
            }
            None => vec![module.file.file_stem().unwrap_or_default().to_string_lossy().into()],
        }
    }
}

impl Module {
    /// The modules that this one declares. Its own index will be `id`.
    fn children(
        &mut self,
        id: usize,
        read: impl Fn(&Path) -> Result<Option<ModuleSource>>,
    ) -> Result<Vec<Self>> {
        let child = |name: &String, file: PathBuf, is_inline, source| Self {
            path: [&self.path[..], slice::from_ref(name)].concat(),
            parent: Some(id),
            children: BTreeMap::new(),
            file,
            is_inline,
            folder: self.folder.join(name),
            source,
        };
        let inline = std::mem::take(&mut self.source.inline_modules);
        let mut children: Vec<Self> = inline
            .into_iter()
            .map(|(name, source)| child(&name, self.file.clone(), true, source))
            .collect();
        for Declaration { name, line } in &self.source.child_files {
            let beside = self.folder.join(format!("{name}.rs"));
            let below = self.folder.join(name).join("mod.rs");
            children.push(if let Some(source) = read(&beside)? {
                child(name, beside, false, source)
            } else if let Some(source) = read(&below)? {
                child(name, below, false, source)
            } else {
                bail!("{}:{line}: there is no file for `mod {name}`", self.file.display());
            });
        }
        Ok(children)
    }
}
