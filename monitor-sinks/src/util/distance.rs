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

/// Insertions, deletions, replacements and exchanges of neighbours that turn one text into the other (optimal string
/// alignment).
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let (mut above, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=right.len()).collect());
    let mut before = None;
    for (line, a) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        for (column, &b) in right.iter().enumerate() {
            let mut least = (row[column] + usize::from(a != b)).min(row[column + 1] + 1).min(next[column] + 1);
            if column > 0 && before == Some(b) && a == right[column - 1] {
                least = least.min(above[column - 1] + 1);
            }
            next.push(least);
        }
        before = Some(a);
        above = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("parse", "parse"), 0);
        assert_eq!(edits("prase", "parse"), 1);
        assert_eq!(edits("", "parse"), 5);
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_names_come_first_and_far_ones_not_at_all() {
        let names = ["parse", "parse_row", "store", "purge"];
        assert_eq!(nearest("prase", names.into_iter(), 5), ["parse"]);
        assert_eq!(nearest("prse", names.into_iter(), 5), ["parse"]);
        assert_eq!(nearest("PARSE_RWO", names.into_iter(), 5), ["parse_row"]);
        assert_eq!(nearest("row", names.into_iter(), 5), [""; 0]);
        assert_eq!(nearest("xy", ["ab"].into_iter(), 5), [""; 0]);
        assert_eq!(nearest("zzzzzz", names.into_iter(), 5), [""; 0]);
    }
}
