use monitored::monitored;

#[monitored(tags("region" = "eu"))]
fn work() {}

fn main() {
    work();
}
