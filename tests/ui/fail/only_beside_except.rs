use monitored::monitored;

struct Store;

#[monitored(except(load), only(store))]
impl Store {
    fn load() {}
    fn store() {}
}

fn main() {
    Store::load(); Store::store();
}
