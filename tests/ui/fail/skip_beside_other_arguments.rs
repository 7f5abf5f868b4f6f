use monitored::monitored;

struct Store;

#[monitored]
impl Store {
    #[monitored(skip, tags(region = "eu"), name = "get")]
    fn get() {}
}

fn main() {
    Store::get();
}
