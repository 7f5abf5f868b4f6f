//! Which tier answers for which part of a window.
//!
//! The finest tier that has something answers, unless the question is content with windows. Then whole windows come from
//! the coarsest tier that it allows, and a finer one answers for what is left at both ends. Parts meet at the edges of
//! windows, so nothing is in two of them.
//!
//! Windows count as far as their tier has been rolled up completely: two recordings in one span are rolled up one after
//! the other, and the first is there before the second.

use rusqlite::Connection;

use super::{
    Window, imported, rollup, segment,
    tier::Tier,
    walk::{newest, oldest},
};

const TIERS: [Tier; 4] = [Tier::Raw, Tier::Minutes, Tier::Hours, Tier::Imported];

/// A stretch of time that one tier answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) tier: Tier,
    pub(super) window: Window,
}

/// The parts of `window` in the order of time. Windows of tiers up to `coarsest` do where there are whole ones.
pub(super) fn parts(connection: &Connection, window: Window, coarsest: Tier) -> rusqlite::Result<Vec<Part>> {
    let mut parts = finest(connection, window)?;
    for tier in Tier::ROLLED.into_iter().filter(|tier| *tier <= coarsest) {
        if let (Some(after), Some(until)) = (segment::oldest(connection, tier)?, rollup::mark(connection, tier)?) {
            parts = parts.into_iter().flat_map(|part| coarsened(part, tier, Window { after, until })).collect();
        }
    }
    parts.retain(|part| part.window.after < part.window.until);
    Ok(parts)
}

/// The finest tier for each part.
fn finest(connection: &Connection, window: Window) -> rusqlite::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut until = window.until;
    let mut since = oldest(connection)?;
    let mut finer = Tier::Raw;
    for tier in Tier::ROLLED {
        // What the finer tier has from some time on, this one is only asked for before it.
        let Some(newest) = segment::newest(connection, tier)? else { continue };
        let border = since.map_or(newest, |since| tier.window_end(since).min(newest));
        if segment::oldest(connection, tier)?.is_none_or(|oldest| since.is_some_and(|since| oldest >= since)) {
            continue;
        }
        parts.push(Part { tier: finer, window: Window { after: window.after.max(border), until } });
        (until, finer) = (until.min(border), tier);
        since = segment::oldest(connection, tier)?;
    }
    parts.push(Part { tier: finer, window: Window { after: window.after, until } });
    parts.reverse();
    Ok(parts)
}

/// `part` with its whole windows of `tier` taken from there, as far as these are `rolled` up: what comes before, the
/// windows, and what comes after. Some of them may be empty.
fn coarsened(part: Part, tier: Tier, rolled: Window) -> [Part; 3] {
    let Window { after, until } = part.window;
    let first = tier.window_end(after.max(rolled.after)).clamp(after, until.max(after));
    let last = tier.window_start(until.min(rolled.until)).max(first);
    let middle = if part.tier < tier { tier } else { part.tier };
    [(part.tier, after, first), (middle, first, last), (part.tier, last, until)]
        .map(|(tier, after, until)| Part { tier, window: Window { after, until } })
}

/// The span that all tiers cover together.
pub(super) fn covered(connection: &Connection) -> rusqlite::Result<Option<Window>> {
    let mut covered: Option<Window> = None;
    for tier in TIERS {
        // Segments of imports overlap, so that the one that ends first need not begin first.
        let first = match tier {
            Tier::Imported => imported::oldest(connection)?,
            _ => rollup::first(connection, tier, i64::MIN)?,
        };
        let Some(first) = first else { continue };
        let until = if tier == Tier::Raw { newest(connection)? } else { segment::newest(connection, tier)? };
        let (after, until) = (first.saturating_sub(tier.step_us()), until.unwrap_or(first));
        covered = Some(match covered {
            None => Window { after, until },
            Some(known) => Window { after: known.after.min(after), until: known.until.max(until) },
        });
    }
    Ok(covered)
}

/// The earliest time after `after` in any tier.
pub(super) fn next(connection: &Connection, after: i64) -> rusqlite::Result<Option<i64>> {
    let mut next = None;
    for tier in TIERS {
        next = rollup::first(connection, tier, after)?.into_iter().chain(next).min();
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: i64 = Tier::Minutes.step_us();

    fn split(part: Part, rolled: Window) -> Vec<(Tier, i64, i64)> {
        let parts = coarsened(part, Tier::Minutes, rolled).into_iter();
        parts
            .filter(|part| part.window.after < part.window.until)
            .map(|part| (part.tier, part.window.after, part.window.until))
            .collect()
    }

    fn raw(after: i64, until: i64) -> Part {
        Part { tier: Tier::Raw, window: Window { after, until } }
    }

    #[test]
    fn whole_windows_come_from_the_coarser_tier_and_the_ends_do_not() {
        let found = split(raw(7, 3 * FIVE + 1), Window { after: 0, until: 9 * FIVE });
        assert_eq!(found, [(Tier::Raw, 7, FIVE), (Tier::Minutes, FIVE, 3 * FIVE), (Tier::Raw, 3 * FIVE, 3 * FIVE + 1)]);
    }

    #[test]
    fn what_has_not_been_rolled_up_stays_with_the_finer_tier() {
        let found = split(raw(i64::MIN, i64::MAX), Window { after: FIVE, until: 2 * FIVE });
        let wanted = [(Tier::Raw, i64::MIN, FIVE), (Tier::Minutes, FIVE, 2 * FIVE), (Tier::Raw, 2 * FIVE, i64::MAX)];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_part_without_a_whole_window_stays_as_it_is() {
        let everything = Window { after: 0, until: 9 * FIVE };
        for (after, until) in [(1, FIVE), (FIVE + 1, 2 * FIVE - 1), (20 * FIVE, 21 * FIVE)] {
            assert_eq!(split(raw(after, until), everything), [(Tier::Raw, after, until)]);
        }
        let hours = Part { tier: Tier::Hours, ..raw(0, 5 * FIVE) };
        assert!(split(hours, everything).iter().all(|part| part.0 == Tier::Hours));
    }

    #[test]
    fn the_parts_of_a_window_meet_and_cover_it() {
        let mut random = crate::random::Random(11);
        for _ in 0..2_000 {
            let mut number = || (random.next() % 40).cast_signed() * FIVE / 4;
            let (after, until, rolled) = (number(), number(), Window { after: number(), until: number() });
            if after < until {
                let parts = split(raw(after, until), rolled);
                assert_eq!((parts[0].1, parts[parts.len() - 1].2), (after, until), "{parts:?}");
                assert!(parts.windows(2).all(|pair| pair[0].2 == pair[1].1), "{parts:?}");
            }
        }
    }
}
