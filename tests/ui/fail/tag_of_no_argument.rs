use monitored::monitored;

#[monitored(tags(region, tier))]
fn work(tier: u8) -> u8 {
    tier
}

fn main() {
    work(1);
}
