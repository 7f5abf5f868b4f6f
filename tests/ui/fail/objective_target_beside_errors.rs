use monitored::monitored;

#[monitored(objective(target = 99.9, errors = 0.1))]
fn work() {}

fn main() {
    work();
}
