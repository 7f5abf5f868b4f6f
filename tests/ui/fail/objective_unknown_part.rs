use monitored::monitored;

#[monitored(objective(latancy = "1s", errors = 1, burn = 3))]
fn work() {}

fn main() {
    work();
}
