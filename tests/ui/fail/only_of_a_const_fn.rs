use monitored::monitored;

struct Store;

#[monitored(only(new))]
impl Store {
    const fn new() -> Self {
        Self
    }
}

fn main() {
    Store::new();
}
