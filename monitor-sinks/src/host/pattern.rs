//! Patterns for the names of mounts, interfaces and devices: `*` stands for any text, `?` for any one byte.
//!
//! They are matched at the first sight of a name only. Matching takes time in proportion to name times pattern at worst.

/// Which names are taken: those that a pattern includes, or any if there is none, less those that one excludes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
}

impl Selection {
    pub(super) fn excluding(patterns: &[&str]) -> Self {
        Self { include: Vec::new(), exclude: patterns.iter().map(|&pattern| pattern.to_owned()).collect() }
    }

    /// Whether `name` is taken.
    pub(super) fn takes(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// A pattern that can match nothing, which is a mistake.
    pub(super) fn has_empty(&self) -> bool {
        self.include.iter().chain(&self.exclude).any(String::is_empty)
    }
}

/// Whether `pattern` matches the whole of `name`. After a failed attempt only the last star is tried again.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut retry = None;
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((after_star, taken)) = retry else { return false };
                retry = Some((after_star, taken + 1));
                (at, from) = (after_star, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match() {
        for (pattern, name, wanted) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth?", "eth1", true),
            ("eth?", "eth", false),
            ("veth*", "veth12ab", true),
            ("*", "", true),
            ("/var/*/data", "/var/lib/docker/data", true),
            ("/var/*/data", "/var/lib/docker/dat", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "aab", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon() {
        let pattern = "*a".repeat(60) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(5_000).as_bytes()));
    }

    #[test]
    fn what_is_excluded_is_not_taken_even_if_included() {
        let selection = Selection { include: vec![String::from("eth*")], exclude: vec![String::from("eth1")] };
        assert!(selection.takes("eth0") && !selection.takes("eth1") && !selection.takes("lo"));
        assert!(Selection::default().takes("anything"));
    }
}
