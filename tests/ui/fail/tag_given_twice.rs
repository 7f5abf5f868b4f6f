use monitored::monitored;

#[monitored(tags(region = "eu", tier = 1, region = "us"))]
fn work() {}

fn main() {
    work();
}
