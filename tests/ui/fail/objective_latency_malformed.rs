use monitored::monitored;

#[monitored(objective(latency = 250))]
fn work() {}

fn main() {
    work();
}
