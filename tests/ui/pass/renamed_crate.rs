//! The crate under another path, and the attribute under another name.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::unused_self)]

mod vendored {
    pub mod deep {
        pub use monitored::*;
    }
}

use vendored::deep::monitored as measure;

#[measure(crate = crate::vendored::deep)]
fn rooted(fail: bool) -> Result<u8, u8> {
    if fail { Err(1) } else { Ok(1) }
}

#[measure(crate = vendored::deep)]
async fn relative() -> Result<u8, u8> {
    Ok(1)
}

struct Store;

#[measure(crate = self::vendored::deep)]
impl Store {
    fn get(&self) -> u8 {
        1
    }

    #[monitored(crate = ::monitored)]
    fn other() -> Result<(), ()> {
        Ok(())
    }
}

fn main() {
    assert!(rooted(true).is_err());
    drop(relative());
    assert_eq!(Store.get(), 1);
    assert_eq!(Store::other(), Ok(()));
}
