//! Inline modules, with everything that may be in them.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::missing_errors_doc, clippy::missing_safety_doc, clippy::must_use_candidate, dead_code)]
#![allow(clippy::new_without_default, clippy::missing_panics_doc)]

use monitored::monitored;

#[monitored(service = "etl", prefix = "etl", tags(tier = "gold"))]
pub mod outer {
    //! Documented inside.
    #![allow(unused_macros)]

    use std::collections::{BTreeMap, HashMap};
    use std::fmt;
    pub use std::io;

    extern crate core as kernel;

    pub const LIMIT: usize = 2;
    pub static NAMES: [&str; 2] = ["a", "b"];
    const _: () = {
        const fn never_run() {}
        never_run();
    };
    pub type Table = BTreeMap<String, u8>;
    pub type Pointer = fn(u8) -> Option<u8>;

    #[derive(Debug, Clone, PartialEq)]
    pub struct Row<const N: usize> {
        pub cells: [[u8; N]; 2],
    }
    pub struct Unit;
    pub struct Tuple(pub u8);
    #[derive(Debug, PartialEq)]
    pub enum Verdict {
        Good { rows: u8 },
        Bad(u8),
    }
    pub union Bits {
        pub int: u32,
        pub float: f32,
    }
    unsafe extern "C" {
        safe fn abs(n: i32) -> i32;
    }

    macro_rules! make {
        ($name:ident) => {
            pub fn $name() -> u8 {
                1
            }
        };
    }
    make!(from_macro);
    make! { also_from_macro }

    pub const fn constant() -> usize {
        LIMIT
    }

    pub fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
        private(text)
    }

    pub(crate) fn visible() -> HashMap<u8, u8> {
        HashMap::new()
    }

    fn private(text: &str) -> Result<u8, std::num::ParseIntError> {
        text.parse()
    }

    pub async fn later() -> io::Result<()> {
        std::future::ready(()).await;
        Ok(())
    }

    pub unsafe fn read(pointer: *const u8) -> u8 {
        // SAFETY: the callers of this example pass a valid pointer.
        unsafe { *pointer }
    }

    #[monitored(skip)]
    pub fn skipped() {}

    #[monitored(name = "renamed", service = "other")]
    fn private_but_named() -> i32 {
        abs(-1)
    }

    impl Row<{ LIMIT - 1 }> {
        pub const fn new() -> Self {
            Self { cells: [[0]; 2] }
        }

        fn first(&self) -> Option<&u8> {
            self.cells.first()?.first()
        }
    }

    impl<const N: usize> fmt::Display for Row<N>
    where
        [(); N]: Sized,
    {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.cells.len())
        }
    }

    #[monitored(tags(tier = "iron"))]
    impl Verdict {
        pub fn rows(&self) -> u8 {
            match self {
                Self::Good { rows } => *rows,
                Self::Bad(_) => 0,
            }
        }
    }

    #[monitored(skip)]
    impl Tuple {
        pub fn get(&self) -> u8 {
            self.0
        }
    }

    pub trait Stage {
        fn stage(&self) -> u8;

        fn twice(&self) -> u8 {
            self.stage() * 2
        }
    }

    impl Stage for Unit {
        fn stage(&self) -> u8 {
            1
        }
    }

    pub mod inner {
        use super::Row;

        pub fn build() -> Row<1> {
            Row::new()
        }

        pub mod innermost {
            pub fn deep() -> u8 {
                3
            }
        }
    }

    mod empty {}

    pub fn run() {
        let row = inner::build();
        assert_eq!((row.first(), row.to_string()), (Some(&0), "2".to_owned()));
        assert_eq!(private_but_named(), 1);
        // SAFETY: all bits of a number are numbers.
        assert_eq!(unsafe { Bits { float: 0.0 }.int }, 0);
        skipped();
        let _ = (kernel::mem::size_of::<u8>(), visible(), Tuple(1).get(), later());
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn parses() {
            assert_eq!(super::parse("1"), Ok(1));
        }
    }
}

#[monitored(private)]
mod with_private {
    pub fn public() -> u8 {
        private()
    }

    fn private() -> u8 {
        nested::private()
    }

    mod nested {
        pub(super) fn private() -> u8 {
            1
        }
    }
}

#[monitored(only(chosen, Chosen))]
mod with_only {
    pub struct Chosen;
    pub struct Other;

    fn chosen() -> u8 {
        1
    }

    pub fn other() -> u8 {
        chosen()
    }

    impl Chosen {
        pub fn get(&self) -> u8 {
            let Self = self;
            1
        }
    }

    impl Other {
        pub fn get(&self) -> u8 {
            let Self = self;
            1
        }
    }
}

#[monitored(except(other, nested))]
mod with_except {
    pub fn chosen() -> u8 {
        1
    }

    pub fn other() -> u8 {
        nested::deep()
    }

    pub mod nested {
        pub fn deep() -> u8 {
            1
        }
    }
}

fn main() {
    use outer::Stage as _;
    outer::run();
    assert_eq!(outer::parse("1"), Ok(1));
    // SAFETY: the pointer comes from a reference that lives on.
    assert_eq!(unsafe { outer::read(&1) }, 1);
    assert_eq!(outer::Verdict::Good { rows: 1 }.rows() + outer::Verdict::Bad(1).rows(), 1);
    assert_eq!(outer::Unit.twice() + outer::from_macro() + outer::also_from_macro(), 4);
    assert_eq!(outer::inner::innermost::deep(), 3);
    assert_eq!(outer::constant(), 2);
    assert_eq!(with_private::public(), 1);
    assert_eq!(with_only::other() + with_only::Chosen.get() + with_only::Other.get(), 3);
    assert_eq!(with_except::chosen() + with_except::other(), 2);
}
