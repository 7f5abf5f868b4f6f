//! Which functions are meant by a text: those whose path has it in it, or matches it where it is a pattern.
//!
//! A pattern with `*` (any text) and `?` (any character) has to match the whole path or what follows one of its `::`, so
//! that `parse*` finds `etl::parse_row`. Case does not matter.

/// A text or a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<char>);

impl Filter {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_lowercase().chars().collect())
    }

    /// Whether a function with this path is meant.
    pub(crate) fn accepts(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        if !self.0.iter().any(|character| matches!(character, '*' | '?')) {
            return path.contains(&self.0.iter().collect::<String>());
        }
        let ends = path.match_indices("::").map(|(at, separator)| at + separator.len());
        ends.chain([0]).any(|at| matches(&self.0, &path[at..].chars().collect::<Vec<_>>()))
    }
}

/// Whether `text` is what the pattern describes. In each round the last star takes one character more, so that the time
/// is bounded by the product of both lengths.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where to go on when the rest does not match: after the last star, one character further.
    let mut again = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at, place));
                at += 1;
            }
            Some(character) if *character == '?' || *character == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star, from)) = again else { return false };
                again = Some((star, from + 1));
                (at, place) = (star + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_anywhere_and_a_pattern_at_the_start_of_a_name() {
        let path = "app::etl::Pipeline::parse_row";
        for text in ["", "parse", "PARSE", "etl::Pipe", "*", "parse*", "etl::*row", "*pars?_*", "app::*", "p*::p*"] {
            assert!(Filter::new(text).accepts(path), "{text}");
        }
        for text in ["prase", "arse*", "etl::*::x*", "parse", "app", "?"] {
            assert!(!Filter::new(text).accepts("apq::etl::pars_row"), "{text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "*a".repeat(100) + "b";
        assert!(!Filter::new(&pattern).accepts(&"a".repeat(2_000)));
    }
}
