use monitored::monitored;

#[monitored("work")]
fn work() {}

fn main() {
    work();
}
