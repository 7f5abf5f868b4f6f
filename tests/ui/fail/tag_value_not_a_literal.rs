use monitored::monitored;

const REGION: &str = "eu";

#[monitored(tags(region = REGION, ratio = 0.5, letter = 'a', bare))]
fn work() {
    let _ = REGION;
}

fn main() {
    work();
}
