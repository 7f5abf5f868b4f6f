use monitored::monitored;

#[monitored(slow = "9999999h")]
fn work() {}

fn main() {
    work();
}
