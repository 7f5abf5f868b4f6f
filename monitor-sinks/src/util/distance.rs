//! Finds the names closest to a mistyped one.

/// Up to `limit` of `names` that differ from `wanted` by few edits, nearest first: at most a third of its length.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>, limit: usize) -> Vec<&'a str> {
    let few = wanted.chars().count() / 3;
    let lower = wanted.to_lowercase();
    let mut near: Vec<(usize, &str)> =
        names.map(|name| (edits(&lower, &name.to_lowercase()), name)).filter(|&(edits, _)| edits <= few).collect();
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
        assert_eq!(nearest("prse", names.into_iter(), 5), ["parse"]);
        assert_eq!(nearest("PARSE_RWO", names.into_iter(), 5), ["parse_row"]);
        assert_eq!(nearest("row", names.into_iter(), 5), [""; 0]);
        assert_eq!(nearest("xy", ["ab"].into_iter(), 5), [""; 0]);
        assert_eq!(nearest("zzzzzz", names.into_iter(), 5), [""; 0]);
    }
}
