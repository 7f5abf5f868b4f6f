use monitored::monitored;

#[monitored(slow = "0ms")]
fn work() {}

fn main() {
    work();
}
