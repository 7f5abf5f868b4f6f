//! Other attributes stay, in their order.
#![deny(warnings)]
#![deny(clippy::pedantic)]

use monitored::monitored;

/// Documented before.
#[must_use]
#[monitored]
/// Documented after.
#[inline]
pub fn documented() -> u8 {
    1
}

#[cfg_attr(all(), monitored(name = "conditional"))]
fn conditional() -> u8 {
    1
}

#[monitored]
#[cfg(any())]
fn absent() -> Missing {}

#[monitored]
#[allow(unused_variables, clippy::needless_return)]
fn allowed(unused: u8) -> u8 {
    return 1;
}

#[monitored]
#[expect(unused_variables, reason = "fulfilled inside the body")]
fn expected() {
    let unused = 1;
}

#[deprecated]
#[monitored]
fn old() {}

#[monitored]
#[cold]
fn parameters(#[allow(unused_variables)] a: u8, #[cfg(any())] b: Missing) {}

#[test]
#[monitored]
fn tests_stay_tests() {}

#[monitored]
#[test]
fn tests_after_stay_tests() {}

#[monitored]
#[track_caller]
fn located(fail: bool) -> Result<u32, u32> {
    let line = std::panic::Location::caller().line();
    if fail {
        return Err(line);
    }
    Ok(line)
}

fn main() {
    let pointer: fn() -> u8 = documented;
    assert_eq!(pointer() + conditional() + allowed(1), 3);
    expected();
    #[allow(deprecated)]
    old();
    parameters(1);
    assert_eq!(located(false), Ok(line!()));
    assert_eq!(located(true), Err(line!()));
}
