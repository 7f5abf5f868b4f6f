//! Promise: arrows point down only. Modules use those below them, crates those below them, and `monitor-core` touches
//! nothing outside the process.
//!
//! The tables below are the layering. They list the modules of each crate from the lowest to the highest, each with the
//! modules that it uses; a module may use only what stands above it in its table, so that there is no cycle. The test
//! reads every path that starts with `crate::`, `super::`, `self::` or `monitor_...` (in `use` lines and elsewhere, but
//! not in tests, comments and strings) and compares: an arrow that is missing in the table fails, and so does one that
//! the code does not have any more. Who changes an arrow changes the table, and a reviewer sees it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module and the modules that it uses.
type Row = (&'static str, &'static [&'static str]);

struct Crate {
    folder: &'static str,
    /// The name of `modules` in this file, for messages.
    table: &'static str,
    modules: &'static [Row],
    /// Arrows that point up all the same, with the reason.
    upward: &'static [(&'static str, &'static str, &'static str)],
    /// The crates of the workspace that it uses.
    crates: &'static [&'static str],
}

const CRATES: [Crate; 5] = [
    Crate { folder: "monitor-core", table: "CORE", modules: CORE, upward: CORE_UPWARD, crates: &[] },
    Crate { folder: "monitor-macros", table: "MACROS", modules: MACROS, upward: &[], crates: &[] },
    Crate { folder: "monitor-sinks", table: "SINKS", modules: SINKS, upward: &[], crates: &["monitor_core"] },
    Crate { folder: "monitor-cli", table: "CLI", modules: CLI, upward: &[], crates: &["monitor_sinks"] },
    Crate {
        folder: ".",
        table: "FACADE",
        modules: &[],
        upward: &[],
        crates: &["monitor_core", "monitor_macros", "monitor_sinks"],
    },
];

const CORE: &[Row] = &[
    ("primitive", &[]),
    ("push_list", &["primitive"]),
    ("bucket", &[]),
    ("distribution", &["bucket"]),
    ("sample", &["distribution"]),
    ("name", &[]),
    ("tag", &["name"]),
    ("shard", &["primitive", "push_list", "bucket", "sample"]),
    ("clock", &[]),
    ("metric", &["push_list", "bucket", "distribution", "sample", "name", "tag", "shard", "clock"]),
    ("own", &["metric"]),
    ("site", &["push_list", "bucket", "distribution", "sample", "name", "tag", "shard", "clock", "metric", "own"]),
    ("collect", &["bucket", "distribution", "sample", "tag", "shard", "metric", "site"]),
    ("private", &["metric", "site"]),
];

const CORE_UPWARD: &[(&str, &str, &str)] = &[
    ("metric", "own", "a metric that has to leave something out counts that in a metric"),
    ("clock", "own", "a jump of the clock is counted in a metric, which timers, being metrics, read the clock for"),
];

const MACROS: &[Row] = &[
    ("diagnostic", &[]),
    ("limit", &[]),
    ("returned", &[]),
    ("item", &["returned"]),
    ("tail", &["item"]),
    ("shape", &["returned", "item", "tail"]),
    ("args", &["diagnostic", "limit", "item"]),
    ("model", &["diagnostic", "limit", "returned", "item", "shape", "args"]),
    ("expand", &["returned", "item", "tail", "shape", "args", "model"]),
    ("error_kind", &["diagnostic", "limit"]),
];

const SINKS: &[Row] = &[
    ("error", &[]),
    ("util", &[]),
    ("exposition", &[]),
    ("store", &["error", "util"]),
    ("query", &["error", "util", "store"]),
    ("promql", &["util"]),
    ("http", &["util", "promql"]),
    ("notify", &["error", "util"]),
    ("sql", &["error", "util", "store", "query"]),
    ("transfer", &["error", "util", "exposition", "store", "query"]),
    ("host", &["error", "util", "exposition"]),
    ("live", &[]),
    ("ask", &["error", "util", "store", "query", "promql", "live"]),
    ("rule", &["error", "util", "promql", "notify", "store", "ask"]),
    ("runtime", &["error", "util", "store", "query", "host", "live", "ask", "rule", "notify"]),
    ("serve", &["http", "runtime"]),
    ("config", &["error", "util", "store", "promql", "host", "rule", "notify", "runtime"]),
];

const CLI: &[Row] = &[
    ("duration", &[]),
    ("instant", &["duration"]),
    ("colour", &[]),
    ("filter", &[]),
    ("exit", &[]),
    ("failure", &["exit"]),
    ("stop", &[]),
    ("stop_polled", &[]),
    ("arguments", &["duration", "instant", "exit"]),
    ("activity", &["filter", "arguments"]),
    ("configured", &["failure", "arguments"]),
    ("configured_not", &[]),
    ("alerting_not", &[]),
    ("agent", &["exit", "failure", "stop", "arguments", "configured"]),
    ("care", &["instant", "exit", "arguments"]),
    ("completions", &["exit", "arguments"]),
    ("export", &["exit", "failure", "arguments"]),
    ("import", &["instant", "exit", "failure", "arguments"]),
    ("promql_test", &["exit", "arguments"]),
    ("table", &[]),
    ("plot", &["table"]),
    ("alert", &["instant", "exit", "failure", "arguments"]),
    ("rules", &["duration", "instant", "exit", "failure", "arguments", "table"]),
    ("alerts", &["instant", "exit", "arguments", "table"]),
    ("alerting", &["exit", "failure", "arguments", "alert", "rules", "alerts"]),
    ("functions", &["instant", "colour", "filter", "exit", "failure", "arguments", "activity", "table"]),
    ("query", &["exit", "failure", "arguments", "table", "plot"]),
    ("series", &["instant", "exit", "failure", "arguments", "table", "plot"]),
    ("serve", &["exit", "failure", "stop", "arguments"]),
    ("sites", &["instant", "filter", "exit", "failure", "arguments", "table"]),
    ("sql", &["exit", "arguments", "table"]),
    ("top", &["duration", "instant", "colour", "filter", "exit", "failure", "arguments", "activity", "table"]),
];

/// What `monitor-core` must not use: it opens no file and no socket, starts no process and no thread.
const OUTSIDE: [&[&str]; 5] =
    [&["std", "fs"], &["std", "net"], &["std", "process"], &["thread", "spawn"], &["thread", "Builder"]];

#[test]
fn every_arrow_is_in_the_tables_and_every_entry_of_the_tables_is_in_use() {
    let mut faults = Vec::new();
    for krate in &CRATES {
        faults.extend(unsorted(krate));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(krate.folder).join("src");
        let sources = Source::of_crate(&root);
        let names = RootNames::of(&sources);
        let mut found = BTreeSet::new();
        for source in &sources {
            faults.extend(source.check_arrows(krate, &names, &mut found));
        }
        let unused = krate.modules.iter().flat_map(|(from, uses)| uses.iter().map(move |to| (*from, *to)));
        let unused = unused.chain(krate.upward.iter().map(|(from, to, _)| (*from, *to)));
        for (from, to) in unused.filter(|(from, to)| !found.contains(&((*from).to_owned(), (*to).to_owned()))) {
            let Crate { folder, table, .. } = krate;
            faults.push(format!("{folder}/src: `{from}` does not use `{to}` any more; take it out of {table}"));
        }
    }
    report(&faults);
}

#[test]
fn the_core_touches_nothing_outside_the_process() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("monitor-core/src");
    report(&Source::of_crate(&root).iter().flat_map(Source::check_outside).collect::<Vec<_>>());
}

#[test]
fn features_switch_whole_modules_and_re_exports_only() {
    for krate in &CRATES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(krate.folder).join("src");
        report(&Source::of_crate(&root).iter().flat_map(Source::check_gates).collect::<Vec<_>>());
    }
}

/// The checks themselves, on lines that break the rules.
#[test]
fn a_planted_fault_is_found_where_it_is() {
    let low = Source::new(
        "clock/mod.rs",
        "//! Uses `crate::collect` in words only.\nuse std::time::Duration;\nuse crate::{own, site::{self, Meta}};\n\
         fn text() -> &'static str { \"crate::collect\" }\nfn body() { super::collect::names(); }\n\
         #[cfg(test)]\nmod tests { use crate::collect; }\nuse monitor_sinks::Store;\nuse crate::Unheard;\n",
    );
    let faults = low.check_arrows(&CRATES[0], &RootNames::default(), &mut BTreeSet::new());
    let at = |line: u32, what: &str| {
        let place = format!("clock/mod.rs:{line}: ");
        assert!(faults.iter().any(|fault| fault.starts_with(&place) && fault.contains(what)), "{faults:#?}");
    };
    at(3, "`clock` uses `site`");
    at(5, "`clock` uses `collect`");
    at(8, "`monitor_sinks`");
    at(9, "`clock` uses `Unheard`");
    assert_eq!(faults.len(), 4, "{faults:#?}");

    let outside = "use std::{fmt, fs::File};\nfn f() { std::thread::spawn(|| ()); }\nfn g() { thread::panicking(); }\n";
    assert_eq!(Source::new("own.rs", outside).check_outside().len(), 2);

    let gates = "#[cfg(feature = \"a\")]\npub mod a;\n#[cfg(feature = \"a\")]\n#[doc(hidden)]\npub use a::A;\n\
                 #![cfg_attr(feature = \"a\", doc = \"text\")]\n#[cfg(feature = \"a\")]\nfn f() {}\n\
                 fn g() { if cfg!(feature = \"a\") {} }\n#[cfg_attr(feature = \"a\", inline)]\nfn h() {}\n";
    let faults = Source::new("lib.rs", gates).check_gates();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("lib.rs:7: "), "{faults:#?}");

    let cyclic = Crate {
        modules: &[("a", &["b"]), ("b", &["a"])],
        ..Crate { folder: "", table: "T", modules: &[], upward: &[], crates: &[] }
    };
    assert_eq!(unsorted(&cyclic).len(), 1);
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "the layering is broken (tests/layering.rs):\n  {}", faults.join("\n  "));
}

/// Entries of a table that use what does not stand above them.
fn unsorted(krate: &Crate) -> Vec<String> {
    let mut faults = Vec::new();
    for (place, (from, uses)) in krate.modules.iter().enumerate() {
        let above = |to: &str| krate.modules[..place].iter().any(|(module, _)| *module == to);
        for to in uses.iter().filter(|to| !above(to)) {
            faults.push(format!("table {}: `{from}` uses `{to}`, which does not stand above it", krate.table));
        }
    }
    faults
}

/// Where the names come from that a crate's root re-exports: `crate::MetricKind` is an arrow to `sample`.
#[derive(Default)]
struct RootNames(Vec<(String, String)>);

impl RootNames {
    fn of(sources: &[Source]) -> Self {
        let root = sources.iter().filter(|source| source.module.is_empty());
        let paths = root.flat_map(Source::paths).map(|path| path.segments);
        Self(
            paths
                .filter(|path| path.len() > 2 && matches!(path[0].as_str(), "crate" | "self"))
                .map(|path| (path[path.len() - 1].clone(), path[1].clone()))
                .collect(),
        )
    }

    fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.iter().find(|(known, _)| known == name).map_or(name, |(_, module)| module)
    }
}

/// One file, as words and signs without comments, texts and tests.
struct Source {
    /// How messages call it.
    shown: String,
    /// The path of its module; empty for the root of the crate.
    module: Vec<String>,
    tokens: Vec<Token>,
}

struct Token {
    text: String,
    line: u32,
}

struct Found {
    line: u32,
    /// The module that the path stands in.
    module: Vec<String>,
    segments: Vec<String>,
}

impl Source {
    /// Every file of a crate but those of test modules.
    fn of_crate(root: &Path) -> Vec<Self> {
        let mut files = Vec::new();
        collect_files(root, &mut files);
        files.sort();
        let shown = |file: &Path| {
            let known = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(file);
            known.to_string_lossy().replace('\\', "/").trim_start_matches("./").to_owned()
        };
        let sources = files.iter().map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let inside = file.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            Self { shown: shown(file), ..Self::new(&inside, &text) }
        });
        let sources: Vec<Self> = sources.collect();
        assert!(!sources.is_empty(), "no source in {}", root.display());
        // A file belongs to the crate if a `mod` line outside of tests declares it, in a file that belongs to it.
        let mut keep: Vec<bool> = sources.iter().map(|source| source.module.is_empty()).collect();
        for depth in 1..=sources.iter().map(|source| source.module.len()).max().unwrap_or(0) {
            for at in 0..sources.len() {
                let [parents @ .., name] = &sources[at].module[..] else { continue };
                let declares = |parent: &Self| parent.declares(name) || parent.declares(&format!("__{name}"));
                let mut above = sources.iter().zip(&keep).filter(|(parent, kept)| **kept && parent.module == parents);
                keep[at] |= parents.len() + 1 == depth && above.any(|(parent, _)| declares(parent));
            }
        }
        sources.into_iter().zip(keep).filter_map(|(source, keep)| keep.then_some(source)).collect()
    }

    fn new(inside: &str, text: &str) -> Self {
        let path = inside.trim_end_matches(".rs").trim_end_matches("/mod");
        let module =
            if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').map(str::to_owned).collect() };
        Self { shown: inside.to_owned(), module, tokens: without_tests(lex(text)) }
    }

    fn declares(&self, module: &str) -> bool {
        self.tokens.windows(3).any(|three| texts(three) == ["mod", module, ";"])
    }

    fn check_arrows(&self, krate: &Crate, names: &RootNames, found: &mut BTreeSet<(String, String)>) -> Vec<String> {
        let mut faults = Vec::new();
        let mut said = BTreeSet::new();
        for Found { line, module, segments } in self.paths() {
            let first = segments[0].as_str();
            if first.starts_with("monitor_") && !krate.crates.contains(&first) {
                faults.push(format!(
                    "{}:{line}: {} must not use `{first}`; arrows between crates stand in CRATES",
                    self.shown, krate.folder
                ));
            }
            let (Some(from), Some(to)) = (self.module.first(), target(&module, &segments)) else { continue };
            let to = names.resolve(&to).to_owned();
            if *from == to {
                continue;
            }
            found.insert((from.clone(), to.clone()));
            let row = krate.modules.iter().find(|(module, _)| module == from);
            let allowed = row.is_some_and(|(_, uses)| uses.contains(&to.as_str()))
                || krate.upward.iter().any(|arrow| (arrow.0, arrow.1) == (from.as_str(), to.as_str()));
            if !allowed && said.insert((line, to.clone())) {
                faults.push(format!(
                    "{}:{line}: `{from}` uses `{to}`, which the table {} does not allow; turn the arrow round, move what \
                     is shared below both, or change the table and say why in the commit",
                    self.shown, krate.table
                ));
            }
        }
        faults
    }

    fn check_outside(&self) -> Vec<String> {
        let forbidden = |path: &Found| {
            OUTSIDE
                .iter()
                .any(|outside| path.segments.windows(2).any(|two| two[0] == outside[0] && two[1] == outside[1]))
        };
        let paths = self.paths().into_iter().filter(forbidden);
        paths
            .map(|path| {
                let used = path.segments.join("::");
                format!(
                    "{}:{}: `{used}` reaches out of the process, see OUTSIDE; that is for monitor-sinks",
                    self.shown, path.line
                )
            })
            .collect()
    }

    /// Every `cfg` on a feature that stands on something else than a `mod`, a `pub use`, or documentation.
    fn check_gates(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let tokens = &self.tokens;
        for at in 0..tokens.len() {
            if !matches!(tokens[at].text.as_str(), "cfg" | "cfg_attr") {
                continue;
            }
            let open = at + 1 + usize::from(text(tokens, at + 1) == "!");
            let close = closing(tokens, open);
            let inside = texts(&tokens[open..close]);
            if text(tokens, open) != "(" || !inside.contains(&"feature") {
                continue;
            }
            let is_doc = tokens[at].text == "cfg_attr" && inside.contains(&"doc");
            let item = after_attributes(tokens, close + 1);
            let (public, word) = match text(tokens, item) {
                "pub" if text(tokens, item + 1) == "(" => (true, closing(tokens, item + 1) + 1),
                "pub" => (true, item + 1),
                _ => (false, item),
            };
            // The level of a lint may depend on a feature too: what a feature leaves unused is not dead.
            let is_lint = tokens[at].text == "cfg_attr" && inside.contains(&"allow");
            let is_gate = text(tokens, at - 1) == "[" && (tokens[at].text == "cfg" || is_lint);
            let fits = text(tokens, word) == "mod" || (public && text(tokens, word) == "use");
            if !(is_doc || is_gate && fits) {
                faults.push(format!(
                    "{}:{}: a feature may switch a `mod` or a `pub use`, nothing smaller; put what it switches into a module",
                    self.shown, tokens[at].line
                ));
            }
        }
        faults
    }

    /// Every path of the file, groups taken apart, with the module that it stands in.
    fn paths(&self) -> Vec<Found> {
        let tokens = &self.tokens;
        let mut found = Vec::new();
        let mut inline: Vec<(String, usize)> = Vec::new();
        let (mut depth, mut at) = (0_usize, 0);
        while at < tokens.len() {
            match tokens[at].text.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    inline.retain(|(_, opened)| *opened <= depth);
                }
                "mod" if text(tokens, at + 2) == "{" => inline.push((tokens[at + 1].text.clone(), depth + 1)),
                word if is_word(word) && (at == 0 || !matches!(text(tokens, at - 1), "::" | "$")) => {
                    let module: Vec<String> =
                        self.module.iter().cloned().chain(inline.iter().map(|(name, _)| name.clone())).collect();
                    let before = found.len();
                    at = path(tokens, at, &[], &module, &mut found);
                    debug_assert!(found.len() > before);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

/// Reads the path at `at` after `start`; returns where it ends.
fn path(tokens: &[Token], mut at: usize, start: &[String], module: &[String], found: &mut Vec<Found>) -> usize {
    let mut segments = start.to_vec();
    let line = tokens[at].line;
    segments.push(tokens[at].text.clone());
    at += 1;
    while text(tokens, at) == "::" {
        match text(tokens, at + 1) {
            "{" => {
                let end = closing(tokens, at + 1);
                let mut item = at + 2;
                while item < end {
                    item = if is_word(text(tokens, item)) {
                        path(tokens, item, &segments, module, found)
                    } else {
                        item + 1
                    };
                }
                return end + 1;
            }
            word if is_word(word) => segments.push(word.to_owned()),
            _ => break,
        }
        at += 2;
    }
    found.push(Found { line, module: module.to_vec(), segments });
    at
}

/// The top-level module, or name in the crate's root, that a path of `module` leads to.
fn target(module: &[String], segments: &[String]) -> Option<String> {
    let mut here: Vec<&str> = match segments[0].as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.iter().map(String::as_str).collect(),
        _ => return None,
    };
    let mut rest = segments;
    while let [first, more @ ..] = rest {
        match first.as_str() {
            "super" => drop(here.pop()),
            "crate" | "self" => {}
            _ => break,
        }
        rest = more;
    }
    here.first().copied().or_else(|| rest.first().map(String::as_str)).map(str::to_owned)
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_files(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Leaves out every item under a `#[cfg(...)]` that names `test`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut skipped: Vec<std::ops::Range<usize>> = Vec::new();
    for at in 0..tokens.len() {
        let is_cfg = text(&tokens, at) == "#" && text(&tokens, at + 1) == "[" && text(&tokens, at + 2) == "cfg";
        if !is_cfg || skipped.last().is_some_and(|last| last.contains(&at)) {
            continue;
        }
        let close = closing(&tokens, at + 1);
        if texts(&tokens[at..close]).contains(&"test") {
            let mut end = after_attributes(&tokens, close + 1);
            while end < tokens.len() && !matches!(text(&tokens, end), ";" | "{") {
                end += 1;
            }
            skipped.push(at..closing(&tokens, end) + 1);
        }
    }
    let kept = |at: usize| !skipped.iter().any(|range| range.contains(&at));
    tokens.into_iter().enumerate().filter_map(|(at, token)| kept(at).then_some(token)).collect()
}

/// The first token at or after `at` that belongs to no attribute.
fn after_attributes(tokens: &[Token], mut at: usize) -> usize {
    while matches!(text(tokens, at), "#" | "]") {
        at = if text(tokens, at) == "#" { closing(tokens, at + 1) + 1 } else { at + 1 };
    }
    at
}

/// The place of the bracket that closes the one at `open`; `open` itself if there is none.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for at in open..tokens.len() {
        match text(tokens, at) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

fn texts(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().map(|token| token.text.as_str()).collect()
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words and signs, without comments and with every text replaced by `""`.
fn lex(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, shown) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if rest.starts_with("/*") {
            (block_comment(rest), None)
        } else if let Some(length) = literal(rest) {
            (length, Some("\"\""))
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            (length, Some(&rest[..length]))
        } else if rest.starts_with("::") {
            (2, Some("::"))
        } else {
            (first.len_utf8(), (!first.is_whitespace()).then(|| &rest[..first.len_utf8()]))
        };
        tokens.extend(shown.map(|text| Token { text: text.to_owned(), line }));
        line += rest[..length].matches('\n').count() as u32;
        rest = &rest[length..];
    }
    tokens
}

fn block_comment(source: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < source.len() {
        let (step, change) = match &source.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth = depth.saturating_add_signed(change);
        if depth == 0 {
            return at;
        }
    }
    source.len()
}

/// The length of the text, character or lifetime that `source` starts with.
fn literal(source: &str) -> Option<usize> {
    let prefix = source.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).filter(|length| *length <= 2)?;
    let (raw, body) = (source[..prefix].contains('r'), &source[prefix..]);
    let hashes = body.len() - body.trim_start_matches('#').len();
    if raw && body[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body[hashes + 1..].find(&end).map_or(body.len(), |at| hashes + 1 + at + end.len());
        return Some(prefix + length);
    }
    let quote = body.chars().next().filter(|quote| !raw && matches!(quote, '"' | '\''))?;
    if quote == '\'' && !body[1..].starts_with('\\') && body.chars().nth(2) != Some('\'') {
        // A lifetime.
        return (prefix == 0).then_some(1);
    }
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(prefix + at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    Some(source.len())
}
