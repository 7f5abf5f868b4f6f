use monitored::monitored;

#[monitored(tags(a = , b = let, c = b"x"))]
fn work() {}

fn main() {
    work();
}
