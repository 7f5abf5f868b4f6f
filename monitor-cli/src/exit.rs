//! How the program ends, for scripts. The codes are documented in the help of the program and of each command, and never
//! change.

use monitor_sinks::{Error, promql};

/// What the help of the program says of the codes. It stands for all commands; their own help says when each comes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes of all commands:
  0    done; an answer may be empty, a signal may have asked for the end
  1    failed, or what was to be checked is not so
  2    the arguments make no sense, or name what the store does not have
  3    another program records to the file
  130  ended by a second signal, before everything was stored

Errors go to standard error. With --json, what a command prints is JSON.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It did what it was asked to: all is stored, copied, saved or sound.
    Done = 0,
    /// It could not, or not to the end, or what it was to check is not so.
    Failed = 1,
    /// The arguments make no sense. The argument parser uses the same code.
    Usage = 2,
    /// Another program records to the file.
    InUse = 3,
}

impl Exit {
    /// The code for a failure of the store or of the sampler.
    pub(crate) fn of(error: &Error) -> Self {
        if error.is_in_use() {
            return Self::InUse;
        }
        let is_mistake = error.is_invalid_setting() || error.is_invalid_sql() || error.is_refused();
        if is_mistake || error.is_unknown_name() || error.is_ambiguous_name() { Self::Usage } else { Self::Failed }
    }

    /// The code for a question in PromQL that could not be answered.
    pub(crate) fn of_question(error: &promql::Error) -> Self {
        let is_mistake = error.is_syntax() || error.is_unknown_name() || error.is_invalid_setting();
        if is_mistake { Self::Usage } else { Self::Failed }
    }
}

#[cfg(test)]
mod tests {
    use monitor_sinks::Store;

    use super::*;

    #[test]
    fn what_cannot_be_opened_is_a_failure() {
        assert_eq!(Exit::of(&Store::open_read_only("no/such/metrics.db").unwrap_err()), Exit::Failed);
    }
}
