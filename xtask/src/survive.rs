//! Real crates under the attribute.
//!
//! The sources of a crate come from the package registry. One copy stays as it is; another gets `#[monitored]` wherever
//! it can stand. Both are built and run their own tests. The attribute survives the crate if the annotated copy builds
//! without a warning that the other one does not have, and passes every test that the other one passes. What does not
//! work in the bare copy either, say a test whose data was not published, is left out of the comparison.

mod annotate;
mod build;
mod source;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use annotate::{Level, Order, Plan};
use build::{Built, Target, Tested};
use source::{Original, Tree};

use crate::run::{Outcome, root, target};

/// Crates that differ: asynchronous, a parser, numbers, many traits, many macros. All are published with their tests.
const CRATES: [&str; 5] = ["tower@0.5.3/full", "winnow@1.0.5", "num-bigint@0.5.1", "petgraph@0.8.3", "indexmap@2.14.2"];

/// How many lines of an error or of a list are shown.
const SHOWN: usize = 60;

/// How long the tests of one target may take in the bare copy.
const LIMIT: Duration = Duration::from_mins(5);

/// How much longer they may take when they are monitored. Nothing is optimised here, and a call that is monitored costs
/// as much as some dozens of trivial ones then.
const SLOWER: u32 = 50;

/// What to do, as told on the command line.
struct Options {
    levels: Vec<Level>,
    order: Order,
    workspace: PathBuf,
    crates: Vec<String>,
}

impl Options {
    fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut options =
            Self { levels: Vec::new(), order: Order::Last, workspace: root().to_owned(), crates: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--each" => options.levels.push(Level::Each),
                "--modules" => options.levels.push(Level::Modules),
                "--first" => options.order = Order::First,
                "--workspace" => options.workspace = arguments.next().ok_or("--workspace needs a path")?.into(),
                unknown if unknown.starts_with('-') => return Err(format!("unknown option `{unknown}`")),
                name => options.crates.push(name.to_owned()),
            }
        }
        options.workspace = absolute(&options.workspace)?;
        if options.levels.is_empty() {
            options.levels = vec![Level::Each, Level::Modules];
        }
        if options.crates.is_empty() {
            options.crates = CRATES.map(str::to_owned).to_vec();
        }
        Ok(options)
    }
}

/// Annotates, builds and tests every crate named, or the usual ones, and fails if one does not survive.
pub(crate) fn survive(arguments: &[&str]) -> Outcome {
    let options = Options::read(arguments)?;
    let base = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => absolute(Path::new(&target))?.join("survive"),
        None => target("survive"),
    };
    let place = Place { builds: base.join("build"), base: &base };
    let mut rows = Vec::new();
    for wanted in &options.crates {
        match examine(wanted, &options, &place) {
            Ok(found) => rows.extend(found),
            Err(reason) => {
                println!("   {reason}");
                rows.push(Row { title: wanted.clone(), level: "-", verdict: Verdict::NotTried, ..Row::default() });
            }
        }
    }
    println!("\n{}", table(&rows));
    let failed = rows.iter().filter(|row| row.verdict != Verdict::Survived).count();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} did not survive the attribute", rows.len())) }
}

/// Cargo runs in the folders of the crates, where a relative path means something else.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// One line of the result.
#[derive(Default)]
struct Row {
    title: String,
    level: &'static str,
    attributes: usize,
    covered: usize,
    new_warnings: usize,
    passed_bare: usize,
    passed: usize,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Verdict {
    Survived,
    /// There is nothing to compare with: no sources, or they cannot be built.
    #[default]
    NotTried,
    DoesNotBuild,
    Warns,
    FailsTests,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::Survived => "ok",
            Self::NotTried => "NOT TRIED",
            Self::DoesNotBuild => "DOES NOT BUILD",
            Self::Warns => "WARNS",
            Self::FailsTests => "FAILS TESTS",
        }
    }
}

/// The bare copy of a crate and its results.
struct Bare {
    original: Original,
    tree: Tree,
    built: Built,
    tested: Tested,
}

/// The folders that everything happens in.
struct Place<'a> {
    /// Where copies lie.
    base: &'a Path,
    /// What cargo builds, shared by all of them: most of it is what they depend on.
    builds: PathBuf,
}

fn examine(wanted: &str, options: &Options, place: &Place) -> Result<Vec<Row>, String> {
    println!("== {wanted}");
    let original = source::fetch(wanted, place.base)?;
    let tree = original.bare(&place.base.join(&original.title).join("bare"))?;
    if build::package(&tree.folder)?.edition == "2015" {
        return Err("edition 2015 does not know paths that begin with a crate; the attribute needs 2018".to_owned());
    }
    println!("   bare: build");
    let built = build::build(&tree, &place.builds)?;
    if !built.failed.is_empty() {
        println!("   bare: does not build, left out: {}", titles(&built.failed));
    }
    if built.done.is_empty() {
        show(&built.errors.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>());
        return Err("it cannot be built even without the attribute".to_owned());
    }
    let tested = test("bare", &tree, &built.tests(), place, LIMIT)?;
    let bare = Bare { original, tree, built, tested };
    options.levels.iter().map(|level| compare(&bare, *level, options, place)).collect()
}

/// Annotates a copy and compares it with the bare one.
fn compare(bare: &Bare, level: Level, options: &Options, place: &Place) -> Result<Row, String> {
    let name = level.name();
    let folder = place.base.join(&bare.original.title).join(format!("monitored-{name}"));
    let tree = bare.original.monitored(&folder, &bare.tree, &options.workspace)?;
    let roots = build::package(&tree.folder)?.roots;
    let count = annotate::annotate(&roots, Plan { level, order: options.order })?;
    println!("   {name}: {count}");
    println!("   {name}: build");
    let built = build::build(&tree, &place.builds)?;

    let missing: Vec<&Target> = bare.built.done.difference(&built.done).collect();
    if !missing.is_empty() {
        println!("   {name}: does not build: {}", titles(missing.iter().copied()));
        // What does not build bare says nothing about the attribute.
        let known = |target: &Option<Target>| {
            let target = target.as_ref().filter(|target| bare.built.failed.contains(target));
            target.is_some_and(|target| !missing.iter().any(|missing| missing.title() == target.title()))
        };
        let errors: Vec<&str> =
            built.errors.iter().filter(|(target, _)| !known(target)).map(|(_, text)| text.as_str()).collect();
        show(&errors);
        let log = folder.with_extension("errors");
        fs::write(&log, errors.join("\n")).map_err(|error| format!("{}: {error}", log.display()))?;
    }
    let new: Vec<&String> = built.warnings.difference(&bare.built.warnings).collect();
    list(&format!("{name}: new warnings"), &new);
    let mut again = bare.built.tests();
    again.retain(|target| built.done.contains(target));
    let limit = LIMIT + bare.tested.time * SLOWER;
    let mut tested = test(name, &tree, &again, place, limit)?;
    // Some tests depend on time or on each other; once is chance, twice is not.
    again.retain(|target| bare.tested.missing_in(&tested).iter().any(|test| target.has(test)));
    if !again.is_empty() {
        list(&format!("{name}: run again because of"), &bare.tested.missing_in(&tested));
        tested.add(test(name, &tree, &again, place, limit)?);
    }
    let mut lost = bare.tested.missing_in(&tested);
    lost.retain(|test| !missing.iter().any(|target| target.has(test)));
    list(&format!("{name}: pass bare and do not pass here"), &lost);

    Ok(Row {
        title: bare.original.title.clone(),
        level: name,
        attributes: count.attributes(),
        covered: count.covered,
        new_warnings: new.len(),
        passed_bare: bare.tested.passed.len(),
        passed: tested.passed.len(),
        verdict: match () {
            () if !missing.is_empty() => Verdict::DoesNotBuild,
            () if !lost.is_empty() => Verdict::FailsTests,
            () if !new.is_empty() => Verdict::Warns,
            () => Verdict::Survived,
        },
    })
}

fn test(name: &str, tree: &Tree, targets: &[Target], place: &Place, limit: Duration) -> Result<Tested, String> {
    let mut all = Tested::default();
    for target in targets {
        all.add(build::test(tree, &place.builds, target, limit)?);
    }
    let (passed, failed) = (all.passed.len(), all.failed.len());
    println!("   {name}: {passed} tests passed, {failed} failed, in {:.1} s", all.time.as_secs_f64());
    Ok(all)
}

fn titles<'a>(targets: impl IntoIterator<Item = &'a Target>) -> String {
    // A library and its tests are two targets of one name.
    let titles: BTreeSet<String> = targets.into_iter().map(Target::title).collect();
    Vec::from_iter(titles).join(", ")
}

/// Prints what the compiler said, as far as one wants to read it.
fn show(errors: &[&str]) {
    let text = errors.join("\n");
    for line in text.lines().take(SHOWN) {
        println!("   | {line}");
    }
    let more = text.lines().count().saturating_sub(SHOWN);
    if more > 0 {
        println!("   | and {more} lines more");
    }
}

fn list(title: &str, items: &[&String]) {
    if items.is_empty() {
        return;
    }
    println!("   {title} ({}):", items.len());
    for item in items.iter().take(SHOWN) {
        println!("   | {item}");
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<28} {:<8} {:>10} {:>10} {:>13} {:>12} {:>12}  result\n",
        "crate", "level", "attributes", "functions", "new warnings", "passed bare", "passed"
    );
    for row in rows {
        let Row { title, level, attributes, covered, new_warnings, passed_bare, passed, verdict } = row;
        let _ = writeln!(
            text,
            "{title:<28} {level:<8} {attributes:>10} {covered:>10} {new_warnings:>13} {passed_bare:>12} {passed:>12}  {}",
            verdict.text()
        );
    }
    text
}
