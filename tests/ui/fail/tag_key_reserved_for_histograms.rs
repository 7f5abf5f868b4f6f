use monitored::monitored;

#[monitored(tags(le = "1", quantile = "0.9", __name__ = "x"))]
fn work() {}

fn main() {
    work();
}
