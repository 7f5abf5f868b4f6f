use monitored::monitored;

#[monitored(tags(a = %region, b = ?region))]
fn work(region: u8) {
    let _ = region;
}

fn main() {
    work(1);
}
