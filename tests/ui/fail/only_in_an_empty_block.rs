use monitored::monitored;

struct Store;

#[monitored(only(load))]
impl Store {}

fn main() {
    let _ = Store;
}
