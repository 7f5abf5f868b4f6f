//! How bad it is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{error::Error, util::distance::nearest};

/// How bad an alert is, from `Low` to `Critical`; `Medium` if nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be looked at some day.
    Low,
    /// To be looked at today.
    #[default]
    Medium,
    /// To be looked at now.
    High,
    /// Something is down.
    Critical,
}

impl Severity {
    /// All of them, from the lowest.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Severity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|severity| severity.name() == text).ok_or_else(|| {
            let meant = match nearest(text, names.into_iter(), 1)[..] {
                [name] => format!("did you mean `{name}`? There are"),
                _ => String::from("there are"),
            };
            Error::setting(format!("there is no severity `{text}`; {meant} {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_ordered_and_come_back_from_their_names() {
        assert!(Severity::ALL.is_sorted());
        for severity in Severity::ALL {
            assert_eq!(severity.to_string().parse::<Severity>().unwrap(), severity);
            assert_eq!(serde_json::to_string(&severity).unwrap(), format!("\"{severity}\""));
        }
    }

    #[test]
    fn a_mistyped_severity_is_answered_with_the_nearest() {
        let error = "critcal".parse::<Severity>().unwrap_err();
        assert!(error.is_invalid_setting());
        assert!(error.to_string().contains("did you mean `critical`?"), "{error}");
        assert!("xyz".parse::<Severity>().unwrap_err().to_string().contains("low, medium, high, critical"));
    }
}
