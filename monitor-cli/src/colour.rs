//! Whether what is printed may have colours: on a terminal that can show them, unless its user does not want any.
//!
//! `NO_COLOR`, set to anything but nothing, is how people say so to all programs (no-color.org).

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
};

/// Whether standard output may have colours.
pub(crate) fn is_wanted() -> bool {
    is_wanted_by(io::stdout().is_terminal(), env::var_os("NO_COLOR").as_deref(), env::var_os("TERM").as_deref())
}

fn is_wanted_by(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_user_does_not_mind() {
        let (xterm, dumb) = (Some(OsStr::new("xterm")), Some(OsStr::new("dumb")));
        assert!(is_wanted_by(true, None, xterm) && is_wanted_by(true, Some(OsStr::new("")), None));
        assert!(!is_wanted_by(false, None, xterm));
        assert!(!is_wanted_by(true, Some(OsStr::new("1")), xterm));
        assert!(!is_wanted_by(true, None, dumb));
    }
}
