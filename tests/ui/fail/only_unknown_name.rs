use monitored::monitored;

struct Store;

#[monitored(only(laod, gone))]
impl Store {
    fn load() {}
    fn store() {}
}

fn main() {
    Store::load(); Store::store();
}
