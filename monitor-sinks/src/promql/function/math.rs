//! Functions of single numbers, and quantiles of many.

/// The sign of a number; zeros and not-a-number stay what they are.
pub(super) fn sgn(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}

/// Between the first and the second number; nothing if they are the wrong way round.
pub(super) fn clamp(value: f64, limits: &[f64]) -> Option<f64> {
    match limits {
        [least, most] if most < least => None,
        [least, most] => Some(greater(*least, lesser(*most, value))),
        _ => Some(value),
    }
}

pub(super) fn clamp_min(value: f64, limits: &[f64]) -> Option<f64> {
    limits.first().map(|&least| greater(least, value))
}

pub(super) fn clamp_max(value: f64, limits: &[f64]) -> Option<f64> {
    limits.first().map(|&most| lesser(most, value))
}

/// To the nearest multiple, which is 1 if none is given; halves go up.
pub(super) fn round(value: f64, nearest: &[f64]) -> Option<f64> {
    // Multiplying by the inverse is exact for 0.1 where dividing is not.
    let inverse = 1.0 / nearest.first().copied().unwrap_or(1.0);
    Some((value * inverse + 0.5).floor() / inverse)
}

/// The greater of two; not-a-number if one of them is.
fn greater(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.max(right) }
}

fn lesser(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.min(right) }
}

/// The value below which the part `q` of the values lies, between two of them if need be. The values are sorted by it,
/// not-a-number first.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    match q {
        _ if values.is_empty() || q.is_nan() => return f64::NAN,
        q if q < 0.0 => return f64::NEG_INFINITY,
        q if q > 1.0 => return f64::INFINITY,
        _ => {}
    }
    values.sort_unstable_by(|left, right| right.is_nan().cmp(&left.is_nan()).then(left.total_cmp(right)));
    let last = values.len() - 1;
    let rank = q * last as f64;
    let low = rank.floor() as usize;
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[(low + 1).min(last)] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert!((quantile(0.8, &mut [4.0, 0.0, 1.0]) - 2.8).abs() < 1e-12);
        assert!((quantile(0.8, &mut [1.0, f64::NAN, 0.0]) - 0.6).abs() < 1e-12);
        assert_eq!(quantile(-0.1, &mut [1.0]), f64::NEG_INFINITY);
        assert!(quantile(0.5, &mut []).is_nan());
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!(round(-0.5, &[]), Some(0.0));
        assert_eq!(round(2.5, &[]), Some(3.0));
        assert_eq!(round(0.05, &[0.1]), Some(0.1));
        assert_eq!(clamp(1.0, &[3.0, 2.0]), None);
    }
}
