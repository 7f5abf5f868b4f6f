use monitored::monitored;
use std::future::Future;
use std::pin::Pin;

#[monitored]
fn boxed() -> Pin<Box<dyn Future<Output = Result<u8, String>> + Send>> {
    Box::pin(async move {
        let text: u8 = "text";
        Ok(missing)
    })
}

#[monitored]
fn opaque() -> impl Future<Output = u8> {
    async move { "text" }
}

#[monitored]
mod inner {
    pub fn work() -> u8 {
        nowhere()
    }

    pub trait Stage {
        fn stage(&self) -> u8 {
            self.nowhere()
        }
    }
}

fn main() {
    drop((boxed(), opaque(), inner::work()));
}
