use monitored::monitored;

#[monitored(slow = "250")]
fn work() {}

fn main() {
    work();
}
