use monitored::monitored;

#[monitored]
fn wrong_type() -> Result<u8, String> {
    let text: u8 = "text";
    if text == 1 {
        return Err(2);
    }
    "tail"
}

#[monitored]
fn missing_value() -> u8 {}

struct Store;

#[monitored]
impl Store {
    fn unknown(&self, early: bool) -> Result<u8, String> {
        if early {
            return self.nowhere();
        }
        missing?;
        Ok(1)
    }

    async fn later(&self) -> Result<u8, String> {
        let unused = 1;
        if self.is_early() {
            return Ok("early");
        }
        std::future::ready(2).await
    }
}

fn main() {
    let _ = (wrong_type(), missing_value(), Store.unknown(true));
}
