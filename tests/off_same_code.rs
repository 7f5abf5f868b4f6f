//! Promise: with the feature `off` the machine code of a monitored function is that of the bare one.
//!
//! One source is compiled twice, with the attribute and without, and the assembly of its functions is compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = r#"
#[cfg(feature = "attribute")]
use monitored::monitored;

#[cfg_attr(feature = "attribute", monitored(service = "etl", tags(stage = "first"), slow = "250ms"))]
#[unsafe(no_mangle)]
pub fn checked(input: u64) -> Result<u64, u32> {
    if input % 1000 == 999 { Err(7) } else { Ok(input.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (input >> 7)) }
}

#[cfg_attr(feature = "attribute", monitored(sample = 1/16))]
#[unsafe(no_mangle)]
pub fn summed(values: &[u32]) -> u64 {
    values.iter().map(|value| u64::from(*value)).sum()
}

#[cfg_attr(feature = "attribute", monitored)]
#[unsafe(no_mangle)]
pub fn question(text: &str) -> Result<u64, std::num::ParseIntError> {
    Ok(text.trim().parse::<u64>()? + 1)
}
"#;

const FUNCTIONS: [&str; 3] = ["checked", "summed", "question"];

/// The assembly of each function, without directives and with labels numbered in order of appearance.
fn assembly(folder: &Path, attribute: bool) -> BTreeMap<&'static str, Vec<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["rustc", "--release", "--offline", "--lib"]).current_dir(folder);
    command.env("CARGO_TARGET_DIR", folder.join(if attribute { "with" } else { "without" }));
    if attribute {
        command.args(["--features", "attribute"]);
    }
    let output = command.args(["--", "--emit", "asm", "-C", "codegen-units=1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let deps = folder.join(if attribute { "with" } else { "without" }).join("release/deps");
    let file = std::fs::read_dir(deps)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "s"))
        .expect("the compiler wrote assembly");
    let text = std::fs::read_to_string(file).unwrap();
    FUNCTIONS.into_iter().map(|name| (name, body(&text, name))).collect()
}

fn body(text: &str, name: &str) -> Vec<String> {
    let start = format!("{name}:");
    let lines = text.lines().skip_while(|line| *line != start).skip(1);
    let mut labels: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for line in lines.take_while(|line| !line.starts_with(".Lfunc_end")) {
        let code = line.trim();
        // Directives and comments; labels are kept, as places to jump to.
        if (code.starts_with('.') && !code.ends_with(':')) || code.starts_with('#') || code.is_empty() {
            continue;
        }
        let mut named = String::new();
        for word in code.split_inclusive(|c: char| !(c.is_alphanumeric() || "._$".contains(c))) {
            let (label, rest) =
                word.split_at(word.trim_end_matches(|c: char| !(c.is_alphanumeric() || "._$".contains(c))).len());
            // Symbols carry a hash of their crate, local labels a running number.
            if label.starts_with(".L")
                || label.starts_with("_R")
                || label.starts_with("_ZN")
                || label.starts_with("anon.")
            {
                let number = labels.iter().position(|known| known == label).unwrap_or_else(|| {
                    labels.push(label.to_owned());
                    labels.len() - 1
                });
                let _ = write!(named, "label{number}{rest}");
            } else {
                named.push_str(word);
            }
        }
        kept.push(named);
    }
    assert!(!kept.is_empty(), "no assembly of `{name}`");
    kept
}

#[test]
fn a_function_that_is_switched_off_is_the_bare_function() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("off");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"bare\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[features]\nattribute = []\n\
         [dependencies]\nmonitored = {{ path = {:?}, default-features = false, features = [\"off\"] }}\n",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/lib.rs"), SOURCE).unwrap();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let (with, without) = (assembly(&folder, true), assembly(&folder, false));
    for name in FUNCTIONS {
        assert_eq!(with[name], without[name], "`{name}`");
    }
}
