use monitored::monitored;

#[monitored(skip)]
fn work() {}

struct Store;

#[monitored(skip)]
impl Store {
    fn get() {}
}

fn main() {
    work(); Store::get();
}
