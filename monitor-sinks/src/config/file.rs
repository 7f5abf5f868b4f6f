//! Files of rules that `rule_files` names: those of Prometheus.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::{table::Table, text::Text};
use crate::{
    error::Error,
    host::pattern::matches,
    rule::{Group, prometheus},
};

/// A longer file is no file of settings or rules.
const LONGEST: u64 = 8 << 20;

/// The content of a file of settings or rules.
pub(super) fn content(path: &Path) -> Result<String, Error> {
    let wrong = |why: String| Error::setting(format!("cannot read {}: {why}; check the path", path.display()));
    let file = fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > LONGEST {
        return Err(wrong(String::from("it is longer than 8 MiB")));
    }
    String::from_utf8(bytes).map_err(|_| wrong(String::from("it is not UTF-8")))
}

/// The groups of all files, with the place in `table` that names them.
pub(super) fn groups<'a>(table: &Table<'a>, folder: &Path) -> Vec<(Text<'a>, Group)> {
    let mut groups = Vec::new();
    for text in table.texts("rule_files") {
        let files = found(folder, text.value);
        if files.is_empty() {
            let message = format!("`{}` names no file in {}; check the path", text.value, folder.display());
            table.fault(text.at, message);
        }
        for path in files {
            let read = content(&path).and_then(|yaml| prometheus::read(&path.display().to_string(), &yaml));
            match read {
                Ok(read) => groups.extend(read.into_iter().map(|group| (text, group))),
                Err(error) => table.fault(text.at, error),
            }
        }
    }
    groups
}

/// The files that a path means, whose last part may have `*` and `?` in it, in the order of their names.
fn found(folder: &Path, text: &str) -> Vec<PathBuf> {
    let path = folder.join(text);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return vec![path];
    }
    let within = path.parent().unwrap_or(folder);
    let entries = fs::read_dir(within).into_iter().flatten().filter_map(Result::ok);
    let fits = |path: &PathBuf| {
        let found = path.file_name().map(|found| found.to_string_lossy().into_owned()).unwrap_or_default();
        matches(name.as_bytes(), found.as_bytes()) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(fits).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_in_the_last_part_of_a_path() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.toml"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("d.yml")).unwrap();
        let names = |text: &str| {
            let files = found(folder.path(), text).into_iter();
            files.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("*.yml"), ["a.yml", "b.yml"]);
        assert_eq!(names("?.toml"), ["c.toml"]);
        assert_eq!(names("none.yml"), ["none.yml"]);
        assert!(names("no/such/*.yml").is_empty());
    }
}
