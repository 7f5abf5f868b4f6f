//! Finds the names closest to a mistyped one.

/// Up to `limit` of `names` that differ from `wanted` by few edits, nearest first.
///
/// "Few" is a third of the length, at least two; names that contain what was asked for count as near too.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>, limit: usize) -> Vec<&'a str> {
    let few = (wanted.chars().count() / 3).max(2);
    let lower = wanted.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let candidate = name.to_lowercase();
            let edits = edits(&lower, &candidate);
            let contained = !lower.is_empty() && (candidate.contains(&lower) || lower.contains(&candidate));
            (edits <= few || contained).then_some((edits, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(limit).map(|(_, name)| name).collect()
}

/// The Levenshtein distance: insertions, deletions and replacements that turn one text into the other.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, &b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("parse", "parse"), 0);
        assert_eq!(edits("prase", "parse"), 2);
        assert_eq!(edits("", "parse"), 5);
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_names_come_first_and_far_ones_not_at_all() {
        let names = ["parse", "parse_row", "store", "purge"];
        assert_eq!(nearest("prse", names.into_iter(), 5), ["parse", "purge"]);
        assert_eq!(nearest("row", names.into_iter(), 5), ["parse_row"]);
        assert_eq!(nearest("zzzzzz", names.into_iter(), 5), [""; 0]);
    }
}
