//! One distribution: all that a chunk of distributions holds, merged.
//!
//! ```text
//! merged       sum f64 | smallest f64 | largest f64 | bucket*
//! bucket       gap of the bucket number varint | count varint
//! ```
//!
//! It answers for a whole chunk without the rest of it. Rows have their buckets in the same form. It lies in a blob of its own, so that nobody has to pass over
//! the rest either. Numbers of buckets ascend; the first gap is the number itself.

use super::{MERGED, Reason, content, start, take_float};
use crate::util::varint;

/// One more than the largest bucket number.
pub(super) const BUCKETS: u16 = 32_768;

pub(crate) const NO_BUCKETS: Reason = "a distribution has no buckets";
const MALFORMED: Reason = "the buckets of a distribution are malformed";

/// The parts of a distribution beside its buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Writes a distribution in place of the contents of `out`. Its buckets ascend, and no count is 0.
pub(crate) fn encode(moments: Moments, buckets: &[(u16, u64)], out: &mut Vec<u8>) {
    start(out, MERGED);
    for value in [moments.sum, moments.min, moments.max] {
        out.extend(value.to_le_bytes());
    }
    put_buckets(out, buckets);
}

/// Appends `buckets`, which ascend and of which none is empty.
pub(crate) fn put_buckets(out: &mut Vec<u8>, buckets: &[(u16, u64)]) {
    let mut previous = 0;
    for &(number, count) in buckets {
        varint::put(out, u64::from(number - previous));
        varint::put(out, count);
        previous = number;
    }
}

/// Reads buckets to the end of `rest`, in place of the contents of `out`. There is at least one, and they ascend.
pub(crate) fn take_buckets(mut rest: &[u8], out: &mut Vec<(u16, u64)>) -> Result<(), Reason> {
    out.clear();
    let mut next = 0_u64;
    while !rest.is_empty() {
        let gap = varint::take(&mut rest).filter(|gap| *gap > 0 || out.is_empty()).ok_or(MALFORMED)?;
        let count = varint::take(&mut rest).filter(|count| *count > 0).ok_or(MALFORMED)?;
        next = next.checked_add(gap).filter(|number| *number < u64::from(BUCKETS)).ok_or(MALFORMED)?;
        out.push((next as u16, count));
    }
    if out.is_empty() { Err(NO_BUCKETS) } else { Ok(()) }
}

/// Reads the distribution in `blob`. The buckets take the place of the contents of `out`; there is at least one.
pub(crate) fn decode(blob: &[u8], out: &mut Vec<(u16, u64)>) -> Result<Moments, Reason> {
    let mut rest = content(blob, MERGED)?;
    let mut float = || take_float(&mut rest).ok_or("its header is cut short");
    let moments = Moments { sum: float()?, min: float()?, max: float()? };
    take_buckets(rest, out)?;
    check(moments, out)?;
    Ok(moments)
}

/// Extremes in the wrong order, or no buckets at all, would make quantiles meaningless.
pub(super) fn check(moments: Moments, buckets: &[(u16, u64)]) -> Result<(), Reason> {
    if buckets.is_empty() {
        Err(NO_BUCKETS)
    } else if moments.min <= moments.max {
        Ok(())
    } else {
        Err("the extremes of a distribution are in the wrong order")
    }
}
