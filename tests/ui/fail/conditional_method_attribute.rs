use monitored::monitored;

struct Store;

#[monitored]
impl Store {
    #[cfg_attr(all(), monitored(skip))]
    fn get() {}
}

fn main() {
    Store::get();
}
