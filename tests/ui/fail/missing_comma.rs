use monitored::monitored;

#[monitored(name = "work" service = "etl")]
fn work() {}

#[monitored(tags(a = "1") service = "etl")]
fn other() {}

fn main() {
    work(); other();
}
