use monitored::monitored;

#[monitored(outermost = true)]
fn work() {}

fn main() {
    work();
}
