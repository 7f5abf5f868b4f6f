use monitored::monitored;

#[monitored(none = error)]
fn work() -> u8 {
    1
}

fn main() {
    work();
}
