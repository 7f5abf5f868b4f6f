//! Functions and blocks that come out of `macro_rules!`, with every kind of fragment.
#![deny(warnings)]
#![deny(clippy::pedantic)]

use monitored::monitored;

pub type Alias<T> = Result<T, String>;

macro_rules! function {
    ($(#[$meta:meta])* $vis:vis $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$meta])*
        #[monitored]
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}

function! {
    /// Adds.
    #[must_use]
    pub add(a: u8, b: u8) -> u8 {
        a + b
    }
}
function!(check(a: u8) -> Result<u8, String> {
    if a == 0 {
        return Err("zero".to_owned());
    }
    Ok(a)
});

macro_rules! crate_relative {
    ($name:ident, $text:literal) => {
        #[monitored(name = $text, tags(kind = $text))]
        fn $name(local: u8) -> $crate::Alias<u8> {
            let span = local;
            Ok(span)
        }
    };
}
crate_relative!(relative, "relative");

macro_rules! item {
    ($item:item) => {
        #[monitored]
        $item
    };
}
item! {
    fn whole() -> Result<(), String> {
        Ok(())
    }
}
struct Store(u8);
item! {
    impl Store {
        fn get(&self) -> u8 {
            self.0
        }
    }
}

macro_rules! block {
    ($ty:ty, $method:ident, $(#[$attr:meta])?) => {
        #[monitored]
        impl $ty {
            $(#[$attr])?
            fn $method(&mut self) -> &mut Self {
                self.0 += 1;
                self
            }
            constant!();
            constant! {}
        }
    };
}
macro_rules! constant {
    () => {};
}
block!(Store, bump,);
block!(Store, skipped, #[monitored(skip)]);

fn main() {
    assert_eq!(add(1, 2), 3);
    assert!(check(0).is_err() && check(1).is_ok());
    assert_eq!(relative(1), Ok(1));
    assert_eq!(whole(), Ok(()));
    assert_eq!(Store(1).bump().skipped().get(), 3);
}
