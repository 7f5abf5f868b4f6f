use monitored::monitored;

struct Store;

#[monitored(name = "store")]
impl Store {
    fn get() {}
}

fn main() {
    Store::get();
}
