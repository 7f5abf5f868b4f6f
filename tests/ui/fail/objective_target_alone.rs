use monitored::monitored;

#[monitored(objective(target = 99.9))]
fn work() {}

fn main() {
    work();
}
