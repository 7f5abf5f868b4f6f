use monitored::monitored;

#[monitored]
#[monitored(service = "etl")]
fn work() {}

struct Store;

#[monitored]
impl Store {
    #[monitored]
    #[monitored(name = "get")]
    fn get() {}
}

fn main() {
    work(); Store::get();
}
