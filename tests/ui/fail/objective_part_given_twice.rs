use monitored::monitored;

#[monitored(objective(errors = 1, errors = 2))]
fn work() {}

fn main() {
    work();
}
