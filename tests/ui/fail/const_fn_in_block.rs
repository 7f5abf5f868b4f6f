use monitored::monitored;

struct Store;

#[monitored]
impl Store {
    #[monitored(name = "new")]
    const fn new() -> Self {
        Self
    }
}

fn main() {
    Store::new();
}
