use monitored::monitored;

#[monitored(labels(region = "eu"))]
fn work() {}

#[monitored(servce = "etl")]
fn other() {}

#[monitored(histogram)]
fn third() {}

fn main() {
    work(); other(); third();
}
