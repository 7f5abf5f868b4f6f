use monitored::monitored;

#[monitored(slow = "fast")]
fn work() {}

fn main() {
    work();
}
