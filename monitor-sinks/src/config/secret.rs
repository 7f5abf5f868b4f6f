//! Secrets of a file: in it, in a variable of the environment, or in a file of their own.
//!
//! Whoever checks a file, perhaps on another machine, need not have them: they are then taken to be there.

use std::path::Path;

use super::table::Table;
use crate::notify::Secret;

/// Where a file belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The folder that paths start from.
    pub(super) folder: &'a Path,
    /// Whether secrets are needed.
    pub(super) has_secrets: bool,
}

/// What stands for a secret that is not needed; it could be an address as well.
const UNKNOWN: &str = "https://unknown.invalid/";

impl Surroundings<'_> {
    /// The secret under `key`, or in the variable that `key_env` names, or in the file that `key_file` names.
    pub(super) fn secret(self, table: &Table<'_>, key: &'static str) -> Option<Secret> {
        let (by_env, by_file) = (format!("{key}_env"), format!("{key}_file"));
        let value = table.text(key);
        let (env, file) = (table.text_of(by_env.clone()), table.text_of(by_file.clone()));
        if [value, env, file].into_iter().flatten().count() > 1 {
            table.fault(
                table.place(key),
                format!("{} has several of {key}, {by_env} and {by_file}; keep one", table.name),
            );
        }
        let read = match (value, env, file) {
            (Some(value), ..) => return Some(Secret::new(value.value)),
            (None, None, None) => return None,
            _ if !self.has_secrets => return Some(Secret::new(UNKNOWN)),
            (None, Some(env), _) => Secret::from_env(env.value).map_err(|error| (env.at, error)),
            (None, None, Some(file)) => {
                Secret::from_file(self.folder.join(file.value)).map_err(|error| (file.at, error))
            }
        };
        // What comes of the rest is looked at all the same.
        let secret = read.unwrap_or_else(|(at, error)| {
            table.fault(at, error);
            Secret::new(UNKNOWN)
        });
        Some(secret)
    }

    /// The same, where there must be one.
    pub(super) fn needed_secret(self, table: &Table<'_>, key: &'static str) -> Option<Secret> {
        let before = ["", "_env", "_file"].map(|end| format!("{key}{end}"));
        let secret = self.secret(table, key);
        if secret.is_none() && !before.iter().any(|key| table.has(key)) {
            let [value, env, file] = before;
            table.fault(table.at, format!("{} has no secret; add one of {value}, {env} and {file}", table.name));
        }
        secret
    }
}
