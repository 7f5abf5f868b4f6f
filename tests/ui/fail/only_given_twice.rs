use monitored::monitored;

struct Store;

#[monitored(only(load, load))]
impl Store {
    fn load() {}
}

fn main() {
    Store::load();
}
