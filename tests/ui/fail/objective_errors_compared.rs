use monitored::monitored;

#[monitored(objective(errors < 0.1))]
fn work() {}

fn main() {
    work();
}
