use monitored::monitored;

#[monitored(time = busy)]
fn work() {}

struct Store;

#[monitored]
impl Store {
    #[monitored(time = both)]
    fn get() -> u8 {
        1
    }
}

fn main() {
    work(); Store::get();
}
