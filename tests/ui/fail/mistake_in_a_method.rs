use monitored::monitored;

struct Store;

#[monitored]
impl Store {
    #[monitored(tag(region = "eu"))]
    fn get() {}

    #[monitored = "set"]
    fn set() {}
}

fn main() {
    Store::get(); Store::set();
}
