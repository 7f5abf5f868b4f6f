use monitored::monitored;

#[monitored(slow = "5 minutes")]
fn work() {}

fn main() {
    work();
}
