//! What cannot be monitored is passed over in a block.
#![deny(warnings)]
#![deny(clippy::pedantic)]

use monitored::monitored;

pub struct Level(u8);

#[monitored]
impl Level {
    pub const ZERO: Self = Self::new(0);

    #[must_use]
    pub const fn new(level: u8) -> Self {
        Self(level)
    }

    #[must_use]
    #[monitored(skip)]
    pub const fn get(&self) -> u8 {
        self.0
    }

    #[cfg(target_arch = "x86_64")]
    #[unsafe(naked)]
    pub extern "C" fn nothing() {
        std::arch::naked_asm!("ret")
    }

    pub fn raise(&mut self) {
        self.0 += 1;
    }
}

fn main() {
    let mut level = Level::ZERO;
    level.raise();
    assert_eq!(level.get(), 1);
    #[cfg(target_arch = "x86_64")]
    Level::nothing();
}
