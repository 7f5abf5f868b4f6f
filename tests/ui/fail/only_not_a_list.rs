use monitored::monitored;

struct Store;

#[monitored(only = load)]
impl Store {
    fn load() {}
}

#[monitored(except("get"))]
trait Get {
    fn get() {}
}

#[monitored(only())]
trait Set {
    fn set() {}
}

#[monitored(except(put = true))]
trait Put {
    fn put() {}
}

fn main() {
    Store::load();
}
