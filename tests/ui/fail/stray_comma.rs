use monitored::monitored;

#[monitored(name = "work",, service = "etl")]
fn work() {}

fn main() {
    work();
}
