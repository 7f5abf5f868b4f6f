//! Puts the attribute into the sources of a crate.
//!
//! Files are found the way the compiler finds them, from the roots of the targets along the `mod` declarations, so that
//! test data and fixtures stay as they are. A file is parsed only to learn positions; the attribute is then inserted into
//! its text, on the line where the item begins, so that every other line keeps its number.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    AttrStyle, Attribute, Expr, ImplItem, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, ItemTrait, Lit, Meta, Signature,
    TraitItem, TraitItemFn,
};

/// Where the attribute is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// On every free function, `impl` block and trait definition.
    Each,
    /// On the outermost inline modules, and on the items outside of them.
    Modules,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Modules => "modules",
        }
    }
}

/// Where the attribute stands among those that an item has already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Last, beside the item: the others are expanded first.
    Last,
    /// First: it sees the others.
    First,
}

/// How to annotate.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) level: Level,
    pub(super) order: Order,
}

/// What was annotated.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    /// Free functions that carry the attribute themselves.
    pub(super) functions: usize,
    /// `impl` blocks.
    pub(super) blocks: usize,
    /// Trait definitions.
    pub(super) traits: usize,
    /// Inline modules.
    pub(super) modules: usize,
    /// Functions with a body in all of these, as far as they can be monitored.
    pub(super) covered: usize,
    /// Files that were changed.
    pub(super) files: usize,
    /// Files that could not be parsed and stay as they are.
    pub(super) unreadable: usize,
}

impl Count {
    /// The number of attributes.
    pub(super) fn attributes(&self) -> usize {
        self.functions + self.blocks + self.traits + self.modules
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { functions, blocks, traits, modules, covered, files, .. } = self;
        let all = self.attributes();
        write!(
            f,
            "{all} attributes in {files} files, on {functions} functions, {blocks} `impl` blocks, {traits} traits, "
        )?;
        write!(f, "{modules} modules; {covered} functions monitored")
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.functions += other.functions;
        self.blocks += other.blocks;
        self.traits += other.traits;
        self.modules += other.modules;
        self.covered += other.covered;
        self.files += other.files;
        self.unreadable += other.unreadable;
    }
}

/// Annotates every file that belongs to the targets with these roots.
pub(super) fn annotate(roots: &[PathBuf], plan: Plan) -> Result<Count, String> {
    let mut count = Count::default();
    let mut seen = BTreeSet::new();
    let mut open: Vec<Source> = roots.iter().map(|root| Source::root(root)).collect();
    while let Some(source) = open.pop() {
        let Ok(path) = source.path.canonicalize() else { continue };
        if !seen.insert(path) {
            continue;
        }
        let text = fs::read_to_string(&source.path).map_err(|error| format!("{}: {error}", source.path.display()))?;
        let Ok(marks) = Marks::of(&text, plan) else {
            println!("   not parsed, stays as it is: {}", source.path.display());
            count.unreadable += 1;
            continue;
        };
        open.extend(marks.declared.iter().flat_map(|module| source.candidates(module)));
        if !marks.insertions.is_empty() {
            fs::write(&source.path, marks.apply(&text))
                .map_err(|error| format!("{}: {error}", source.path.display()))?;
            count.files += 1;
        }
        count += marks.count;
    }
    Ok(count)
}

/// A file, and where the modules that it declares are looked for.
struct Source {
    path: PathBuf,
    /// The folder of the file, which `#[path]` starts from.
    folder: PathBuf,
    /// The folder of its modules.
    children: PathBuf,
}

impl Source {
    /// A file whose modules lie beside it: the root of a target, a `mod.rs`, or what a `#[path]` names.
    fn root(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Self { path: path.to_owned(), children: folder.clone(), folder }
    }

    /// The files that a declaration may mean. Which of them exist, and on which conditions, is not asked here.
    fn candidates(&self, module: &Declared) -> Vec<Self> {
        let inside = module.parents.iter().fold(self.children.clone(), |folder, name| folder.join(name));
        let from = if module.parents.is_empty() { &self.folder } else { &inside };
        let mut found: Vec<Self> = module.paths.iter().map(|path| Self::root(&from.join(path))).collect();
        found.push(Self::root(&inside.join(&module.name).join("mod.rs")));
        let file = inside.join(format!("{}.rs", module.name));
        found.push(Self { path: file, folder: inside.clone(), children: inside.join(&module.name) });
        found
    }
}

/// A module whose text is in another file.
struct Declared {
    name: String,
    /// The inline modules around the declaration.
    parents: Vec<String>,
    /// What `#[path]` says, also on a condition.
    paths: Vec<String>,
}

/// What one file holds.
struct Marks {
    plan: Plan,
    /// Byte offsets and the text that goes there.
    insertions: Vec<(usize, &'static str)>,
    declared: Vec<Declared>,
    /// The inline modules around what is being visited.
    parents: Vec<String>,
    /// Whether what is being visited lies in an annotated module.
    in_module: bool,
    count: Count,
}

const ATTRIBUTE: &str = "#[::monitored::monitored] ";
const SKIP: &str = "#[::monitored::monitored(skip)] ";

impl Marks {
    fn of(text: &str, plan: Plan) -> syn::Result<Self> {
        let start = prelude(text);
        let file = syn::parse_str::<syn::File>(&text[start..])?;
        let mut marks = Self {
            plan,
            insertions: Vec::new(),
            declared: Vec::new(),
            parents: Vec::new(),
            in_module: false,
            count: Count::default(),
        };
        marks.visit_file(&file);
        for (at, _) in &mut marks.insertions {
            *at += start;
        }
        marks.insertions.sort_by_key(|(at, _)| *at);
        // Positions of all files parsed so far are kept by the parser otherwise.
        drop(file);
        proc_macro2::extra::invalidate_current_thread_spans();
        Ok(marks)
    }

    fn apply(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len() + self.insertions.len() * ATTRIBUTE.len());
        let mut done = 0;
        for (at, insertion) in &self.insertions {
            result.push_str(&text[done..*at]);
            result.push_str(insertion);
            done = *at;
        }
        result.push_str(&text[done..]);
        result
    }

    /// Marks an item.
    fn insert(&mut self, attrs: &[Attribute], item: &dyn ToTokens, insertion: &'static str) {
        let outer: Vec<TokenStream> =
            attrs.iter().filter(|attr| is_outer(attr)).map(ToTokens::to_token_stream).collect();
        let behind = match self.plan.order {
            Order::First => 0,
            Order::Last => outer.into_iter().map(|attr| attr.into_iter().count()).sum(),
        };
        if let Some(first) = item.to_token_stream().into_iter().nth(behind) {
            self.insertions.push((first.span().byte_range().start, insertion));
        }
    }

    /// Whether attributes are put on functions, blocks and traits here.
    fn marks_items(&self) -> bool {
        !self.in_module
    }

    /// Counts a function that an attribute on it or around it monitors. A function whose attributes may make it what
    /// cannot be monitored is taken out by hand, as a user has to.
    fn cover(&mut self, attrs: &[Attribute], sig: &Signature, item: &dyn ToTokens) {
        if cannot_be_seen(attrs) {
            self.insert(attrs, item, SKIP);
        } else if !cannot_be_monitored(attrs, sig) {
            self.count.covered += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Marks {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let ours = !cannot_be_monitored(&item.attrs, &item.sig) && !cannot_be_seen(&item.attrs);
        if self.marks_items() && ours {
            self.insert(&item.attrs, item, ATTRIBUTE);
            self.count.functions += 1;
            self.count.covered += 1;
        } else if self.in_module {
            self.cover(&item.attrs, &item.sig, item);
        }
        // Items inside of the body are no part of the module around it.
        let outside = std::mem::take(&mut self.in_module);
        visit::visit_item_fn(self, item);
        self.in_module = outside;
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let holds_functions = item.items.iter().any(|member| matches!(member, ImplItem::Fn(_)));
        if self.marks_items() && holds_functions {
            self.insert(&item.attrs, item, ATTRIBUTE);
            self.count.blocks += 1;
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.cover(&item.attrs, &item.sig, item);
        let outside = std::mem::take(&mut self.in_module);
        visit::visit_impl_item_fn(self, item);
        self.in_module = outside;
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        let holds_functions = item.items.iter().any(|member| matches!(member, TraitItem::Fn(_)));
        if self.marks_items() && holds_functions {
            self.insert(&item.attrs, item, ATTRIBUTE);
            self.count.traits += 1;
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if item.default.is_some() {
            self.cover(&item.attrs, &item.sig, item);
        }
        let outside = std::mem::take(&mut self.in_module);
        visit::visit_trait_item_fn(self, item);
        self.in_module = outside;
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.to_string();
        let name = name.trim_start_matches("r#").to_owned();
        let Some((_, items)) = &item.content else {
            self.declared.push(Declared { name, parents: self.parents.clone(), paths: paths(&item.attrs) });
            return;
        };
        let outside = self.in_module;
        if self.plan.level == Level::Modules && !outside && items.iter().all(may_be_moved) {
            self.insert(&item.attrs, item, ATTRIBUTE);
            self.count.modules += 1;
            self.in_module = true;
        }
        self.parents.push(name);
        visit::visit_item_mod(self, item);
        self.parents.pop();
        self.in_module = outside;
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        // What `cfg_if!` and its like are given may declare modules; the files are the crate's, the call is not ours.
        if item.ident.is_none() {
            self.declare(item.mac.tokens.clone());
        }
    }
}

impl Marks {
    /// Finds `mod name;` in the tokens of a macro call.
    fn declare(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match (token, tokens.get(at + 1), tokens.get(at + 2)) {
                (TokenTree::Group(group), ..) => self.declare(group.stream()),
                (TokenTree::Ident(word), Some(TokenTree::Ident(name)), Some(TokenTree::Punct(end)))
                    if word == "mod" && end.as_char() == ';' =>
                {
                    let paths = tokens[..at].rchunks(2).map_while(path_of).collect();
                    self.declared.push(Declared { name: name.to_string(), parents: self.parents.clone(), paths });
                }
                _ => {}
            }
        }
    }
}

/// The `#[path = "..."]` that two tokens are.
fn path_of(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [TokenTree::Punct(_), TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => {
            path_in(group.stream())
        }
        _ => None,
    }
}

/// The length of what may stand before the first token without being one: a byte order mark and a `#!` line.
fn prelude(text: &str) -> usize {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let rest = &text[mark..];
    let is_script = rest.starts_with("#!") && !rest[2..].trim_start().starts_with('[');
    mark + if is_script { rest.find('\n').unwrap_or(rest.len()) } else { 0 }
}

fn is_outer(attr: &Attribute) -> bool {
    matches!(attr.style, AttrStyle::Outer)
}

/// Whether a function is one that the attribute refuses, and a block passes over.
fn cannot_be_monitored(attrs: &[Attribute], sig: &Signature) -> bool {
    sig.constness.is_some() || sig.variadic.is_some() || attrs.iter().any(is_for_the_compiler)
}

/// Attributes of functions that the compiler or the linker calls on their own terms.
fn is_for_the_compiler(attr: &Attribute) -> bool {
    const WORDS: [&str; 8] = [
        "naked",
        "panic_handler",
        "alloc_error_handler",
        "proc_macro",
        "proc_macro_attribute",
        "proc_macro_derive",
        "lang",
        "rustc_intrinsic",
    ];
    WORDS.iter().any(|word| attr.path().is_ident(word) || has_word(attr, word))
}

/// Whether another attribute may make a function `const`, which no text shows: `#[rustversion::attr(..., const)]`,
/// `#[const_fn(...)]`.
fn cannot_be_seen(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let by_name = attr.path().segments.iter().any(|segment| segment.ident == "const_fn");
        let is_inert = attr.path().is_ident("doc") || attr.path().is_ident("deprecated");
        by_name || (!is_inert && (has_word(attr, "const") || has_word(attr, "const_fn")))
    })
}

fn has_word(attr: &Attribute, word: &str) -> bool {
    fn contains(tokens: TokenStream, word: &str) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == word,
            TokenTree::Group(group) => contains(group.stream(), word),
            _ => false,
        })
    }
    match &attr.meta {
        Meta::List(list) => contains(list.tokens.clone(), word),
        _ => false,
    }
}

/// Whether an inline module with this item in it can stand under an attribute at all: the compiler refuses other files
/// there, and macros that are exported from there cannot be named by a path.
fn may_be_moved(item: &Item) -> bool {
    match item {
        Item::Mod(module) => module.content.as_ref().is_some_and(|(_, items)| items.iter().all(may_be_moved)),
        Item::Macro(call) => !call.attrs.iter().any(|attr| attr.path().is_ident("macro_export")),
        _ => true,
    }
}

/// What `#[path = "..."]` and `#[cfg_attr(..., path = "...")]` say.
fn paths(attrs: &[Attribute]) -> Vec<String> {
    let path = |attr: &Attribute| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        Meta::List(list) if list.path.is_ident("cfg_attr") => path_in(list.tokens.clone()),
        _ => None,
    };
    attrs.iter().filter_map(path).collect()
}

/// The text behind `path =`.
fn path_in(tokens: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.windows(3).find_map(|three| match three {
        [TokenTree::Ident(word), TokenTree::Punct(_), TokenTree::Literal(text)] if word == "path" => {
            syn::parse_str::<syn::LitStr>(&text.to_string()).ok().map(|text| text.value())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(text: &str, level: Level, order: Order) -> String {
        let marks = Marks::of(text, Plan { level, order }).unwrap();
        marks.apply(text).replace(ATTRIBUTE, "@").replace(SKIP, "%")
    }

    fn each(text: &str) -> String {
        annotated(text, Level::Each, Order::Last)
    }

    #[test]
    fn functions_blocks_and_traits_are_annotated_where_they_stand() {
        assert_eq!(each("/// größe\npub fn a() {}\n"), "/// größe\n@pub fn a() {}\n");
        assert_eq!(each("#[test] fn a() { fn b() {} }"), "#[test] @fn a() { @fn b() {} }");
        assert_eq!(each("unsafe impl A for B { fn c() {} }"), "@unsafe impl A for B { fn c() {} }");
        assert_eq!(each("pub(crate) trait A { fn b(); }"), "@pub(crate) trait A { fn b(); }");
        assert_eq!(each("mod m { async fn a() {} }"), "mod m { @async fn a() {} }");
        let first = annotated("/// a\n#[inline] fn a() {}", Level::Each, Order::First);
        assert_eq!(first, "@/// a\n#[inline] fn a() {}");
    }

    #[test]
    fn what_cannot_be_monitored_stays_as_it_is() {
        for text in [
            "const fn a() {}",
            "#[proc_macro_derive(A)] pub fn a(t: T) -> T { t }",
            "#[unsafe(naked)] extern \"C\" fn a() {}",
            "unsafe extern \"C\" fn a(_: ...) {}",
            "extern \"C\" { fn a(); }",
            "macro_rules! m { () => { fn a() {} } }",
            "call! { fn a() {} }",
            "#[rustversion::attr(since(1.60), const)] fn a() {}",
            "impl A for B {}",
        ] {
            assert_eq!(each(text), text);
        }
        let block = "impl A { #[rustversion::attr(since(1.60), const)] fn b() {} }";
        assert_eq!(each(block), "@impl A { #[rustversion::attr(since(1.60), const)] %fn b() {} }");
    }

    #[test]
    fn a_module_takes_the_attribute_for_all_that_it_holds() {
        let modules = |text| annotated(text, Level::Modules, Order::Last);
        assert_eq!(
            modules("fn a() {} mod m { fn b() {} mod n { fn c() {} } }"),
            concat!("@fn a() {} ", "@mod m { fn b() {} mod n { fn c() {} } }")
        );
        assert_eq!(modules("mod m { mod file; fn b() {} }"), "mod m { mod file; @fn b() {} }");
        assert_eq!(modules("mod m { fn a() { fn b() {} } }"), "@mod m { fn a() { @fn b() {} } }");
    }

    #[test]
    fn what_stands_before_the_first_token_is_kept() {
        assert_eq!(each("#!/bin/x\nfn a() {}"), "#!/bin/x\n@fn a() {}");
        assert_eq!(each("\u{feff}#![no_std]\r\nfn a() {}"), "\u{feff}#![no_std]\r\n@fn a() {}");
    }

    #[test]
    fn modules_in_other_files_are_found() {
        let text = "mod a; mod b { #[path = \"x.rs\"] mod c; } cfg_if! { if #[cfg(y)] { #[path = \"z.rs\"] mod d; } }";
        let marks = Marks::of(text, Plan { level: Level::Each, order: Order::Last }).unwrap();
        let source = Source::root(Path::new("src/lib.rs"));
        let files = |at: usize| -> Vec<String> {
            source.candidates(&marks.declared[at]).iter().map(|found| found.path.display().to_string()).collect()
        };
        assert_eq!(files(0), ["src/a/mod.rs", "src/a.rs"]);
        assert_eq!(files(1), ["src/b/x.rs", "src/b/c/mod.rs", "src/b/c.rs"]);
        assert_eq!(files(2), ["src/z.rs", "src/d/mod.rs", "src/d.rs"]);
    }
}
