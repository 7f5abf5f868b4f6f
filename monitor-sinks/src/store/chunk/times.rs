//! The flush times of a segment.
//!
//! ```text
//! times        interval in microseconds varint | column of grid points | column of distances (interval not 0 only)
//! ```
//!
//! A flush begins at a whole multiple of the interval and is stamped a little later. Its time is therefore kept as the
//! number of the multiple, which mostly goes up by one, and the short distance from it. Times that are no better off
//! that way are kept as they are, under the interval 0.

use super::{MOST_FLUSHES, Reason, Scratch, TIMES, column, content, end, start};
use crate::util::varint;

/// Writes `times`, in microseconds and ascending, in place of the contents of `out`.
///
/// `interval` is the grid that most of them are near, in microseconds. It is only a matter of size: any value keeps
/// every time.
pub(crate) fn encode(times: &[i64], interval: i64, out: &mut Vec<u8>) -> Result<(), Reason> {
    if times.len() > MOST_FLUSHES {
        return Err("it has too many flushes");
    }
    if !ascend(times) {
        return Err("its times do not ascend");
    }
    start(out, TIMES);
    let mut plain = vec![0];
    column::put_integers(&mut plain, times);
    if interval > 0 {
        let mut grid = Vec::new();
        varint::put(&mut grid, interval.cast_unsigned());
        let (points, distances): (Vec<i64>, Vec<i64>) =
            times.iter().map(|time| (time.div_euclid(interval), time.rem_euclid(interval))).unzip();
        column::put_integers(&mut grid, &points);
        column::put_integers(&mut grid, &distances);
        if grid.len() < plain.len() {
            plain = grid;
        }
    }
    out.append(&mut plain);
    Ok(())
}

/// Reads the `flushes` times of `blob`, in place of the contents of `out`. They ascend.
pub(crate) fn decode(blob: &[u8], flushes: usize, scratch: &mut Scratch, out: &mut Vec<i64>) -> Result<(), Reason> {
    if flushes > MOST_FLUSHES {
        return Err("it has too many flushes");
    }
    let mut rest = content(blob, TIMES)?;
    let interval = varint::take(&mut rest).ok_or("its interval is cut short")?;
    column::take_integers(&mut rest, flushes, out, &mut scratch.packed)?;
    if interval > 0 {
        let interval = i64::try_from(interval).map_err(|_| "its interval is out of range")?;
        let distances = &mut scratch.integers[0];
        column::take_integers(&mut rest, flushes, distances, &mut scratch.packed)?;
        for (time, distance) in out.iter_mut().zip(distances) {
            let on_grid = time.checked_mul(interval);
            *time = on_grid.and_then(|point| point.checked_add(*distance)).ok_or("its times are out of range")?;
        }
    }
    end(rest)?;
    if ascend(out) { Ok(()) } else { Err("its times do not ascend") }
}

fn ascend(times: &[i64]) -> bool {
    times.windows(2).all(|pair| pair[0] < pair[1])
}
