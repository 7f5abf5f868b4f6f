use monitored::monitored;

#[monitored]
const CONSTANT: u8 = 1;

#[monitored]
static STATIC: u8 = 1;

#[monitored]
type Alias = u8;

#[monitored]
use std::cmp::max;

#[monitored]
unsafe extern "C" {
    fn abs(n: i32) -> i32;
}

macro_rules! nothing {
    () => {};
}

#[monitored]
nothing! {}

fn main() {
    let _ = (CONSTANT, STATIC, Alias::default(), max(1, 2)); unsafe { abs(1) };
}
