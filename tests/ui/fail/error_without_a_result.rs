use monitored::monitored;

#[monitored(error = label)]
fn work() -> Option<u8> {
    None
}

#[monitored(error = label)]
fn other() {}

fn main() {
    work(); other();
}
