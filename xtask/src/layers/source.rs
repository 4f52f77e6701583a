//! Reads one Rust file: the modules that it declares, and the paths that it uses.
//!
//! The file is only lexed, so that paths in macros count like all others. Comments don't count, and
//! neither does code under `#[cfg(test)]`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The text of one module: a file, or the body of `mod name { … }`.
#[derive(Debug, Default)]
pub(super) struct ModuleSource {
    /// Modules with their own files: `mod name;`.
    pub(super) child_files: Vec<Declaration>,
    pub(super) inline_modules: Vec<(String, ModuleSource)>,
    /// Names of items that the module defines, except by macros.
    pub(super) items: BTreeSet<String>,
    pub(super) uses: Vec<Use>,
    /// All paths outside of `use`, and single names of types and of called functions.
    pub(super) paths: Vec<PathInCode>,
}

#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) name: String,
    pub(super) line: usize,
}

/// One leaf of a `use` declaration.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) path: PathInCode,
    pub(super) binds: Binds,
    /// It has a visibility, so others can import the name from here.
    pub(super) is_reexport: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Binds {
    Name(String),
    /// `*`
    Glob,
    /// `as _`
    Nothing,
}

#[derive(Clone, Debug)]
pub(super) struct PathInCode {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

impl fmt::Display for PathInCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

/// Reads the text of a file.
pub(super) fn read(text: &str) -> Result<ModuleSource> {
    let tokens = TokenStream::from_str(text).map_err(|error| {
        let start = error.span().start();
        anyhow!("line {}, column {}: {error}", start.line, start.column + 1)
    })?;
    let mut source = ModuleSource::default();
    source.scan(tokens, true);
    Ok(source)
}

impl Use {
    pub(super) fn binds_name(&self, name: &str) -> bool {
        matches!(&self.binds, Binds::Name(bound) if bound == name)
    }
}

impl ModuleSource {
    pub(super) fn reexports(&self, name: &str) -> bool {
        self.uses.iter().any(|import| import.is_reexport && import.binds_name(name))
    }

    /// Scans the items of a module, or the inside of an item.
    fn scan(&mut self, tokens: TokenStream, are_items: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            index = match &tokens[index] {
                TokenTree::Punct(hash)
                    if hash.as_char() == '#' && is_test_attribute(tokens.get(index + 1)) =>
                {
                    end_of_item(&tokens, index + 2)
                }
                TokenTree::Group(group) => {
                    self.scan(group.stream(), false);
                    index + 1
                }
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "pub" if is_group(tokens.get(index + 1), Delimiter::Parenthesis) => index + 2,
                    "use" if !is_punct(tokens.get(index + 1), '<') => {
                        let is_reexport = has_visibility(&tokens[..index]);
                        self.use_tree(&tokens, index + 1, &[], is_reexport)
                    }
                    "mod" => self.module(&tokens, index + 1),
                    keyword => {
                        if are_items && DEFINE_ITEMS.contains(&keyword) {
                            self.item(&tokens[index + 1..]);
                        }
                        self.path(&tokens, index)
                    }
                },
                TokenTree::Punct(_) | TokenTree::Literal(_) => index + 1,
            };
        }
    }

    /// Reads `mod name;` or `mod name { … }`, starting at the name. Returns the place after it.
    fn module(&mut self, tokens: &[TokenTree], index: usize) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(index) else { return index };
        match tokens.get(index + 1) {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
                let mut module = Self::default();
                module.scan(body.stream(), true);
                self.inline_modules.push((name.to_string(), module));
            }
            Some(TokenTree::Punct(end)) if end.as_char() == ';' => {
                let line = name.span().start().line;
                self.child_files.push(Declaration { name: name.to_string(), line });
            }
            _ => return index,
        }
        index + 2
    }

    /// Reads the name after `struct`, `fn` and so on, possibly after `mut` or `!`.
    fn item(&mut self, tokens: &[TokenTree]) {
        let name = tokens.iter().take(2).find_map(|token| match token {
            TokenTree::Ident(name) if *name != "mut" => Some(name.to_string()),
            _ => None,
        });
        self.items.extend(name);
    }

    /// Reads the path that starts here. Returns the place after it.
    fn path(&mut self, tokens: &[TokenTree], mut index: usize) -> usize {
        let (before, rest) = tokens.split_at(index);
        let [TokenTree::Ident(first), ..] = rest else { return index + 1 };
        let mut segments = vec![first.to_string()];
        index += 1;
        while let [colon, other_colon, TokenTree::Ident(next), ..] = &tokens[index..]
            && is_double_colon(colon, other_colon)
        {
            segments.push(next.to_string());
            index += 3;
        }
        let continues_something = match before {
            [.., colon, other_colon] if is_double_colon(colon, other_colon) => true,
            [.., dot] => is_punct(Some(dot), '.'),
            [] => false,
        };
        let may_be_an_item = segments.len() > 1
            || segments[0].starts_with(char::is_uppercase)
            || is_group(tokens.get(index), Delimiter::Parenthesis);
        if !continues_something && may_be_an_item {
            self.paths.push(PathInCode { segments, line: first.span().start().line });
        }
        index
    }

    /// Reads one tree of a `use` declaration below `prefix`. Returns the place after it.
    fn use_tree(
        &mut self,
        tokens: &[TokenTree],
        mut index: usize,
        prefix: &[String],
        is_reexport: bool,
    ) -> usize {
        let mut segments = prefix.to_vec();
        let mut line = 0;
        let mut binds = None;
        while let Some(token) = tokens.get(index) {
            index += 1;
            line = if line == 0 { token.span().start().line } else { line };
            match token {
                TokenTree::Ident(word) if *word == "as" => {
                    if let Some(TokenTree::Ident(name)) = tokens.get(index) {
                        binds = Some(match name.to_string() {
                            name if name == "_" => Binds::Nothing,
                            name => Binds::Name(name),
                        });
                    }
                    index += 1;
                }
                // `a::{self}` imports `a`.
                TokenTree::Ident(word) if *word == "self" && !segments.is_empty() => {}
                TokenTree::Ident(word) => segments.push(word.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => binds = Some(Binds::Glob),
                TokenTree::Group(group) => {
                    let trees: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut next = 0;
                    while next < trees.len() {
                        next = self.use_tree(&trees, next, &segments, is_reexport);
                    }
                    binds = Some(Binds::Nothing);
                    segments.clear();
                }
                TokenTree::Punct(end) if matches!(end.as_char(), ',' | ';') => break,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        let Some(last) = segments.last() else { return index };
        let binds = binds.unwrap_or_else(|| Binds::Name(last.clone()));
        self.uses.push(Use { path: PathInCode { segments, line }, binds, is_reexport });
        index
    }
}

const DEFINE_ITEMS: [&str; 9] =
    ["struct", "enum", "union", "trait", "type", "fn", "const", "static", "macro_rules"];

/// Whether these are the brackets of `#[cfg(test)]`.
fn is_test_attribute(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group))
        if group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// The place after the item that starts here, which is after its body or its semicolon.
fn end_of_item(tokens: &[TokenTree], start: usize) -> usize {
    let ends =
        |token: &TokenTree| is_punct(Some(token), ';') || is_group(Some(token), Delimiter::Brace);
    tokens[start..].iter().position(ends).map_or(tokens.len(), |end| start + end + 1)
}

/// Whether these tokens end with `pub` or `pub(…)`.
fn has_visibility(before: &[TokenTree]) -> bool {
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if *word == "pub");
    match before {
        [.., word, scope] if is_group(Some(scope), Delimiter::Parenthesis) => is_pub(word),
        [.., word] => is_pub(word),
        [] => false,
    }
}

fn is_double_colon(first: &TokenTree, second: &TokenTree) -> bool {
    let is_joint = matches!(first, TokenTree::Punct(colon) if colon.spacing() == Spacing::Joint);
    is_joint && is_punct(Some(first), ':') && is_punct(Some(second), ':')
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}
