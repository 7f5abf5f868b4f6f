use monitored::monitored;

#[monitored(service = SERVICE)]
fn work() {}

fn main() {
    work();
}
