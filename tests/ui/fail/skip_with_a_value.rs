use monitored::monitored;

struct Store;

#[monitored]
impl Store {
    #[monitored(skip = true)]
    fn get() {}
}

fn main() {
    Store::get();
}
